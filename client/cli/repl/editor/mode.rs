//! Keys as in emacs or as in vi.

use clap::ValueEnum;
use rustyline::EditMode;
use std::path::PathBuf;

/// Whose keys edit a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Emacs,
    Vi,
}

impl Mode {
    /// What was asked for, else what the person's other line editors do.
    pub(crate) fn of(wanted: Option<Self>) -> Self {
        let by_name = || Self::from_str(&std::env::var("RIALTO_EDIT_MODE").ok()?, true).ok();
        wanted.or_else(by_name).or_else(|| inputrc(&std::fs::read_to_string(inputrc_path()?).ok()?)).unwrap_or(Self::Emacs)
    }

    pub(super) fn keys(self) -> EditMode {
        match self {
            Self::Emacs => EditMode::Emacs,
            Self::Vi => EditMode::Vi,
        }
    }
}

fn inputrc_path() -> Option<PathBuf> {
    let named = std::env::var_os("INPUTRC").filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".inputrc")))
}

/// What the file of readline says, outside of its conditions.
fn inputrc(text: &str) -> Option<Mode> {
    let mut conditions = 0_u32;
    let mut mode = None;
    for line in text.lines().map(str::trim) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("$if"), ..) => conditions += 1,
            (Some("$endif"), ..) => conditions = conditions.saturating_sub(1),
            (Some("set"), Some("editing-mode"), Some(name)) if conditions == 0 => mode = Mode::from_str(name, true).ok().or(mode),
            _ => {}
        }
    }
    mode
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readlines_file_is_understood() {
        assert_eq!(inputrc("# mine\nset editing-mode vi\nset bell-style none\n"), Some(Mode::Vi));
        assert_eq!(inputrc("$if Bash\nset editing-mode vi\n$endif\n"), None);
        assert_eq!(inputrc("set editing-mode vi\nset editing-mode emacs"), Some(Mode::Emacs));
        assert_eq!(inputrc("\"\\C-x\": \"vi\""), None);
    }
}

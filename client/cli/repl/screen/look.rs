//! What stands at the other end of our streams, and how large it is. Asked when it is needed: windows change their size.

use std::io::IsTerminal;
use std::time::Duration;

/// How long an eval may take before it is said how long it took, and be silent before its state is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a stream goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not somebody's eyes: bytes as they are.
    Pipe,
    /// Text, and not one escape: an editor's shell buffer.
    Dumb,
    Terminal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) out: Kind,
    pub(crate) err: Kind,
    /// We paint; a program may all the same.
    pub(crate) colour: bool,
    /// After how long the line that says what is going on is shown, if ever.
    pub(crate) patience: Option<Duration>,
    /// The window's title is ours to set.
    pub(crate) title: bool,
}

impl Look {
    pub(crate) fn new() -> Self {
        let var = |name: &str| std::env::var(name).unwrap_or_default();
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self::of(out, err, &var)
    }

    fn of(out: bool, err: bool, var: &dyn Fn(&str) -> String) -> Self {
        let term = var("TERM");
        let kind = |terminal: bool| match terminal {
            false => Kind::Pipe,
            true if term.is_empty() || term == "dumb" => Kind::Dumb,
            true => Kind::Terminal,
        };
        let (out, err) = (kind(out), kind(err));
        let status = var("RIALTO_STATUS") != "off" && out == Kind::Terminal;
        let titled = ["xterm", "screen", "tmux", "rxvt", "alacritty", "foot", "konsole", "st-", "gnome", "wezterm", "ghostty"];
        Self {
            out,
            err,
            colour: var("NO_COLOR").is_empty(),
            patience: status.then_some(PATIENCE),
            title: status && titled.iter().any(|t| term.starts_with(t)),
        }
    }
}

/// A window, in cells and, where it says so, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) pixels: Option<(u32, u32)>,
}

impl Size {
    pub(crate) fn now() -> Self {
        let window = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        let Some(w) = window.filter(|w| w.ws_col > 0 && w.ws_row > 0) else {
            return Self { columns: 80, rows: 24, pixels: None };
        };
        let pixels = (w.ws_xpixel > 0 && w.ws_ypixel > 0).then(|| (w.ws_xpixel.into(), w.ws_ypixel.into()));
        Self { columns: w.ws_col.into(), rows: w.ws_row.into(), pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_a_pipe_and_a_person_who_wants_no_colour() {
        let look = |out, err, set: &'static [(&str, &str)]| {
            Look::of(out, err, &|name| set.iter().find(|(n, _)| *n == name).map_or(String::new(), |(_, v)| (*v).to_owned()))
        };
        let fine = look(true, true, &[("TERM", "xterm-256color")]);
        assert_eq!((fine.out, fine.err, fine.colour, fine.title), (Kind::Terminal, Kind::Terminal, true, true));
        assert_eq!(fine.patience, Some(PATIENCE));
        let dumb = look(true, false, &[("TERM", "dumb")]);
        assert_eq!((dumb.out, dumb.err, dumb.patience, dumb.title), (Kind::Dumb, Kind::Pipe, None, false));
        assert!(!look(true, true, &[("TERM", "xterm"), ("NO_COLOR", "1")]).colour);
        assert_eq!(look(true, true, &[("TERM", "xterm"), ("RIALTO_STATUS", "off")]).patience, None);
        assert!(!look(true, true, &[("TERM", "linux")]).title);
    }
}

//! Whose files are read.

use std::path::{Path, PathBuf};

/// The folders that hold keys, hosts and settings.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) home: PathBuf,
    /// Of the whole machine.
    pub(super) machine: PathBuf,
    /// Who we are here.
    pub(super) user: String,
    /// The home folder is not the one the system knows: `ssh` has to be told.
    pub(super) moved: bool,
}

impl Paths {
    /// Those of this user, unless another home is `meant`. `HOME` counts, as it does for all of this program.
    pub(super) fn find(meant: Option<PathBuf>) -> Self {
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
        let told = meant.or_else(|| std::env::var_os("HOME").map(PathBuf::from)).filter(|path| path.is_absolute());
        let moved = told.as_ref().is_some_and(|home| user.as_ref().is_none_or(|user| user.dir != *home));
        let (name, known) = user.map_or_else(|| (String::new(), PathBuf::from("/")), |user| (user.name, user.dir));
        let name = if name.is_empty() { std::env::var("USER").unwrap_or_default() } else { name };
        Self { home: told.unwrap_or(known), machine: "/etc/ssh".into(), user: name, moved }
    }

    /// `~/x` and `${VAR}/x`.
    pub(super) fn expand(&self, text: &str) -> PathBuf {
        if let Some(rest) = text.strip_prefix("~/") {
            return self.home.join(rest);
        }
        let variable = text.strip_prefix("${").and_then(|rest| rest.split_once('}'));
        match variable.and_then(|(name, rest)| Some((std::env::var_os(name)?, rest))) {
            Some((value, rest)) => Path::new(&value).join(rest.trim_start_matches('/')),
            None => text.into(),
        }
    }
}

//! `~/.ssh/config`, as far as we honour it ourselves. What asks for more is named, and then the system's `ssh` does it: a setting
//! that somebody wrote down is never passed over in silence.

pub(super) mod pattern;
mod read;
mod words;

use super::paths::Paths;
use std::path::PathBuf;
use std::time::Duration;

/// What to do with a host key nobody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strict {
    Ask,
    /// Refuse.
    Yes,
    /// Take and remember it. One that has changed is refused all the same.
    AcceptNew,
}

/// Where the agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Agent {
    None,
    At(PathBuf),
}

/// What is to be done for one host.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// What was asked for, before the configuration made it into a name on the network.
    pub(super) alias: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// In the order in which they are tried. Those that were named, else the usual ones.
    pub(super) identities: Vec<PathBuf>,
    /// They were named, so one that is missing is worth a word.
    pub(super) identities_named: bool,
    pub(super) identities_only: bool,
    pub(super) agent: Agent,
    /// `user@host:port`, the nearest first.
    pub(super) jumps: Vec<String>,
    /// The first is the one that is written to.
    pub(super) known_hosts: Vec<PathBuf>,
    pub(super) known_hosts_of_all: Vec<PathBuf>,
    /// The name a host's key is known by.
    pub(super) key_alias: Option<String>,
    pub(super) strict: Strict,
    pub(super) hash_known_hosts: bool,
    pub(super) connect_timeout: Duration,
    /// Nothing: never.
    pub(super) alive_interval: Option<Duration>,
    pub(super) alive_count: usize,
    /// Never ask a person.
    pub(super) batch: bool,
    pub(super) publickey: bool,
    pub(super) password: bool,
    pub(super) keyboard: bool,
    pub(super) prompts: u32,
    /// What only the system's `ssh` can do: `ProxyCommand (~/.ssh/config:12)`.
    pub(super) beyond: Option<String>,
}

/// The file cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(pub(super) String);

impl Settings {
    /// What the files of this user and of this machine say of a host. What the URL said comes first.
    pub(super) fn of(alias: &str, user: Option<&str>, port: Option<u16>, paths: &Paths) -> Result<Self, Unreadable> {
        let mut said = read::Said::default();
        let about = read::About { alias, user, paths };
        for (file, own) in [(paths.home.join(".ssh/config"), true), (paths.machine.join("ssh_config"), false)] {
            said.file(&file, own, &about)?;
        }
        said.settings(alias, user, port, paths)
    }
}

#[cfg(test)]
mod tests;

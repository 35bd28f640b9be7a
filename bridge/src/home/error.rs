//! What can be wrong with a home, each with what to do about it.

use rialto_protocol::ids::BadId;
use rialto_protocol::{Code, ErrorReply, SessionId, SessionName};
use std::io;
use std::path::{Path, PathBuf};

/// Something about the folders, names or files of this user's sessions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// A folder or file that is there and must not be used.
    #[error("{} {why}; {next}", path.display())]
    NotOurs {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        next: String,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} {}: {why}", path.display())]
    Io {
        /// `read`, `make`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// A file of ours does not say what it should.
    #[error("{} cannot be understood ({why}); if nothing in its session matters, delete the folder", path.display())]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Where this user's files belong cannot be told.
    #[error("{0}")]
    NoHome(String),
    /// No session fits.
    #[error("no session is named {0:?} here; `rialto ls` shows those that are")]
    Unknown(String),
    /// A session that is not there any more.
    #[error("session {0} was deleted; `rialto ls` shows those that are left")]
    Gone(SessionId),
    /// Several sessions fit.
    #[error("{text:?} begins the ids of {found}; write more of it")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// Some of those that fit.
        found: String,
    },
    /// The name is another session's.
    #[error("the name {name} is session {by}'s; choose another, or leave out what asks for a new one")]
    NameTaken {
        /// The name.
        name: SessionName,
        /// Whose it is.
        by: SessionId,
    },
    /// A session with this id is there already.
    #[error("session {0} is there already; attach to it, or leave out what asks for a new one")]
    Exists(SessionId),
    /// Not a name.
    #[error(transparent)]
    BadName(#[from] BadId),
    /// Its supervisor lives.
    #[error("session {0} is running; `rialto kill {0}` ends it first")]
    Lives(SessionId),
    /// Others have held a lock for longer than anything takes.
    #[error("{} has been locked for {seconds} s by another rialto; if that one is stuck, end it and try again", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// For how long.
        seconds: u64,
    },
}

impl HomeError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |why| Self::Io { doing, path, why }
    }

    /// The number and name it travels under.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotOurs { .. } => Code::NotOurs,
            Self::Io { .. } | Self::Corrupt { .. } | Self::NoHome(_) => Code::Internal,
            Self::Unknown(_) => Code::UnknownSession,
            Self::Gone(_) => Code::SessionGone,
            Self::Ambiguous { .. } => Code::Ambiguous,
            Self::NameTaken { .. } | Self::Exists(_) => Code::NameTaken,
            Self::BadName(_) => Code::BadName,
            Self::Lives(_) => Code::WrongState,
            Self::Busy { .. } => Code::TooBusy,
        }
    }

    /// As the answer to request `re`.
    #[must_use]
    pub fn reply(&self, re: u32) -> ErrorReply {
        ErrorReply::new(re, self.code(), self.to_string())
    }
}

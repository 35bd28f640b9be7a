//! Why it did not come to be, and whether to try again.

use crate::Again;
use std::io;
use std::time::Duration;

/// Whoever counts failed attempts is left alone for so long.
const COUNTED: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Fail {
    pub(super) why: io::Error,
    pub(super) again: Again,
}

impl Fail {
    fn new(kind: io::ErrorKind, why: impl Into<String>, again: Again) -> Self {
        Self { why: io::Error::new(kind, why.into()), again }
    }

    /// A person has to do something first.
    pub(super) fn never(why: impl Into<String>) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, why, Again::Never)
    }

    /// It was refused, and may not be a little later.
    pub(super) fn counted(why: impl Into<String>) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, why, Again::After(COUNTED))
    }

    /// It went in the middle of it, as whoever has counted enough does.
    pub(super) fn gone(why: impl Into<String>) -> Self {
        Self::new(io::ErrorKind::ConnectionReset, why, Again::After(COUNTED))
    }

    /// The network, or what is behind it.
    pub(super) fn soon(why: impl Into<String>) -> Self {
        Self::new(io::ErrorKind::ConnectionAborted, why, Again::Soon)
    }
}

impl From<io::Error> for Fail {
    fn from(why: io::Error) -> Self {
        Self { why, again: Again::Soon }
    }
}

/// What `russh` says, for a person.
pub(super) fn said(why: &russh::Error) -> String {
    match why {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError | russh::Error::RecvError => {
            "the connection was closed".to_owned()
        }
        russh::Error::IO(why) => why.to_string(),
        russh::Error::NoCommonAlgo { kind, ours, theirs } => {
            format!("no common {kind:?}: here {}, there {}", ours.join(" "), theirs.join(" "))
        }
        other => other.to_string(),
    }
}

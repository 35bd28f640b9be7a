//! The process that owns one session: its journal, its kernel, its socket. `rialto supervise DIR` runs this and nothing else.
//!
//! It outlives whoever started it. That a daemon or a client is gone is an ordinary Tuesday; that *it* is gone is told by the
//! lock it held, and what was left running is ended by the next one.

mod ahead;
mod clock;
mod commit;
mod connection;
mod deliver;
mod driver;
mod gather;
mod handed;
mod outbox;
pub mod process;
mod screens;
mod spans;
mod start;
mod surroundings;
mod tail;
mod tally;
mod tidy;
mod values;

pub use start::{Ready, supervise};
pub(crate) use surroundings::GIVEN_VARIABLE;

use crate::home::HomeError;
use crate::journal::JournalError;
use rialto_protocol::{Code, ErrorReply};

/// What this program calls itself in hellos.
pub(crate) const APP: &str = concat!("rialto ", env!("CARGO_PKG_VERSION"));

use driver::Driver;

/// How a supervisor came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The session itself ended, and was not merely left alone.
    pub ended: bool,
}

/// What a supervisor cannot go on after.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// Its folder, lock or socket.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another supervisor has this session.
    #[error("another supervisor has session {0}")]
    Taken(String),
    /// The system.
    #[error("{what}: {why}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What it said.
        why: std::io::Error,
    },
}

impl Fatal {
    /// As an error for whoever waits for this supervisor.
    #[must_use]
    pub fn reply(&self) -> ErrorReply {
        match self {
            Self::Home(e) => e.reply(0),
            Self::Journal(e @ JournalError::Newer { .. }) => ErrorReply::new(0, Code::NewerJournal, e.to_string()),
            Self::Journal(e) if e.is_full() => ErrorReply::new(0, Code::DiskFull, e.to_string()),
            // Asking again mends no file.
            Self::Journal(e @ (JournalError::Corrupt { .. } | JournalError::NotAJournal { .. })) => {
                ErrorReply { retryable: false, ..ErrorReply::new(0, Code::Internal, e.to_string()) }
            }
            Self::Taken(_) => ErrorReply::new(0, Code::TooBusy, self.to_string()),
            _ => ErrorReply::new(0, Code::Internal, self.to_string()),
        }
    }
}

//! The journal: the append-only record of one session, one SQLite file, written by its supervisor alone.
//!
//! What is recorded is what clients are sent: a row's body is an event's body on the wire, byte for byte, long output packed
//! on its way to the disk and unpacked on its way back. The rule for the
//! supervisor is short: [`Journal::append`] what the session puts out, [`Journal::commit`], and only then let anything
//! happen that follows from it. A commit survives `kill -9` of any process.
//!
//! | to learn | read |
//! |---|---|
//! | what is in the file, and why two tables | `schema.rs` |
//! | how a record becomes durable, and what a full disk does | `append.rs`, `reserve.rs` |
//! | how an id is known for ever at the price of no write | `facts.rs`, `index.rs`, `lookup.rs` |
//! | how output is kept small | `pack.rs` |
//! | how a client catches up, and a supervisor recovers | `read.rs` |
//! | what retention and `redact` take away | `trim.rs`, `redact.rs` |
//! | what proves that nothing was changed | `chain.rs`, `verify.rs`, `anchor.rs` |
//!
//! The journal will never know who is attached, what runs, or what time it is.

mod anchor;
mod append;
mod chain;
mod error;
mod facts;
mod index;
mod lookup;
mod pack;
mod read;
mod redact;
mod reserve;
mod schema;
mod trim;
mod verify;

#[cfg(test)]
mod tests;

pub use anchor::{Anchor, Rewind};
pub use append::PIECE;
pub use chain::Head;
pub use error::JournalError;
pub use read::{Row, Stored};
pub use schema::Durability;
pub use verify::{Fault, Held, Verdict};

use chain::Chain;
use facts::Facts;
use reserve::Reserve;
use rialto_protocol::{EvalNumber, Seq};
use rusqlite::Connection;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// The record of one session.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    db: Connection,
    reserve: Option<Reserve>,
    /// The last record, committed or not.
    head: Seq,
    /// The last committed one: what may be delivered.
    committed: Seq,
    max_n: EvalNumber,
    committed_max_n: EvalNumber,
    /// What proves the records. None: a journal of an older build, opened to be read (or while the disk was full).
    chain: Option<Chain>,
    /// The next number for a value kept in pieces.
    next_value: u64,
    /// Facts of committed records that the tables do not have yet.
    settled: Facts,
    /// Facts of the open transaction; dropped with it.
    open: Facts,
    in_transaction: bool,
    /// What went wrong since the last commit, which will tell.
    failed: Option<JournalError>,
    /// The index has interrupts that overtook their submits. Most sessions never do, and every submit would ask.
    any_noted: bool,
    /// Values whose event retention removed, whose pieces are still there.
    orphans: Vec<u64>,
    /// About how much went into the log since it was last emptied. Bytes.
    logged: u64,
    /// Redacted text may still be in the log or in free pages.
    scrub_due: bool,
    /// What went wrong in a look-up that could not say so itself.
    fault: RefCell<Option<JournalError>>,
}

impl Journal {
    /// Makes a journal where there is none. Its file, and those beside it, are its owner's alone. Its reserve is not set aside
    /// yet: that waits for the disk, which a session's start should not (see [`Journal::restore_reserve`]).
    ///
    /// # Errors
    /// [`JournalError::Exists`], [`JournalError::Full`], or what the file system says.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        Self::of(path, (schema::create(path)?, schema::KNOWN), Some(Reserve::beside(path)))
    }

    /// Opens the journal of a session whose supervisor died, and sets right what that left behind.
    ///
    /// # Errors
    /// [`JournalError::Newer`], [`JournalError::NotAJournal`], [`JournalError::Corrupt`], [`JournalError::InUse`], or what the
    /// file system says. A file that is refused is not changed.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let mut journal = Self::of(path, schema::open(path, false)?, Some(Reserve::beside(path)))?;
        journal.tidy_up()?;
        Ok(journal)
    }

    /// Opens the journal of a session that nobody serves, to read it. While its supervisor lives, everyone reads through that.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        Self::of(path, schema::open(path, true)?, None)
    }

    fn of(path: &Path, (db, version): (Connection, i64), reserve: Option<Reserve>) -> Result<Self, JournalError> {
        let mut journal = Self {
            path: path.to_owned(),
            db,
            reserve,
            head: 0,
            committed: 0,
            max_n: 0,
            committed_max_n: 0,
            chain: None,
            next_value: 1,
            settled: Facts::default(),
            open: Facts::default(),
            in_transaction: false,
            failed: None,
            any_noted: false,
            orphans: Vec::new(),
            logged: 0,
            scrub_due: false,
            fault: RefCell::new(None),
        };
        journal.recover()?;
        if version >= schema::CHAINED {
            let tree = journal.recover_chain().map_err(|e| journal.says(&e))?;
            journal.chain = Some(Chain { open: tree.clone(), committed: tree });
        }
        Ok(journal)
    }

    /// Whether commits wait for the disk.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_durability(&mut self, durability: Durability) -> Result<(), JournalError> {
        schema::set_durability(&self.db, durability).map_err(|e| self.says(&e))
    }

    /// The number of the last record, committed or not; 0 for none.
    #[must_use]
    pub const fn head(&self) -> Seq {
        self.head
    }

    /// The number of the last record that may be delivered.
    #[must_use]
    pub const fn committed(&self) -> Seq {
        self.committed
    }

    /// The number of the last eval; 0 for none.
    #[must_use]
    pub const fn max_n(&self) -> EvalNumber {
        self.max_n
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a look-up through [`rialto_session::archive::Archive`] could not say: the supervisor asks after each turn.
    pub fn take_fault(&self) -> Option<JournalError> {
        self.fault.take()
    }

    /// What SQLite said, as one of our sentences.
    fn says(&self, error: &rusqlite::Error) -> JournalError {
        JournalError::of(&self.path, error)
    }
}

/// SQLite's integers are signed; ours count from 0 and do not reach 2^63.
const fn int(number: u64) -> i64 {
    number as i64
}

/// And back.
const fn uint(number: i64) -> u64 {
    number as u64
}

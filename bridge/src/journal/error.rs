//! What can be wrong with a journal, in sentences for whoever can still act.

use rialto_protocol::Seq;
use std::path::{Path, PathBuf};

/// Why a journal cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A later build wrote it.
    #[error("{} is written in journal format {found}, and this build knows formats up to {known}: use a newer rialto", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it is in.
        found: i64,
        /// The newest this build knows.
        known: i64,
    },
    /// There is no such file.
    #[error("there is no journal at {}", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("{} exists already; a journal is never written over", .0.display())]
    Exists(PathBuf),
    /// It is something else, or only the beginning of a journal.
    #[error("{} is not a journal: {why}", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        why: String,
    },
    /// It was one.
    #[error("the journal {} is damaged ({why}); what can still be read of it: sqlite3 FILE .recover", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Its session lives.
    #[error("the journal {} is in use: its session's supervisor is alive, ask that instead", .0.display())]
    InUse(PathBuf),
    /// The disk, or the quota, is used up. Nothing since the last successful commit was kept; it can be appended again.
    #[error("there is no space left for the journal {}", .0.display())]
    Full(PathBuf),
    /// It was opened for reading only.
    #[error("the journal {} was opened for reading only, or the file system is read-only", .0.display())]
    ReadOnly(PathBuf),
    /// An older build wrote it, and nobody has gone on with it since.
    #[error("the journal {} is of an older build that chained no records: there is nothing to verify it by", .0.display())]
    NoChain(PathBuf),
    /// The caller left one out or wrote one twice.
    #[error("event {got} was to be recorded where {expected} is next")]
    OutOfOrder {
        /// The number that is next.
        expected: Seq,
        /// The number that came.
        got: Seq,
    },
    /// What was put aside is not what the event says.
    #[error("the value of event {seq} is not complete: {count} pieces and {len} bytes are there")]
    Incomplete {
        /// The event.
        seq: Seq,
        /// Pieces found.
        count: u64,
        /// Bytes found.
        len: u64,
    },
    /// Anything else the disk or the file system says.
    #[error("the journal {} cannot be used: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was said.
        why: String,
    },
}

impl JournalError {
    /// Whether it is about space, and so may pass.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// What SQLite said, as one of ours.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as C;
        let at = || path.to_owned();
        let why = || error.to_string();
        match error.sqlite_error_code() {
            Some(C::DiskFull) => Self::Full(at()),
            // A quota is reported as a failed write and not as a full disk; the sentence and the remedy are the same.
            Some(C::SystemIoFailure) if no_space_beside(path) => Self::Full(at()),
            Some(C::NotADatabase) => Self::NotAJournal { path: at(), why: "its first bytes are not those of a database".into() },
            Some(C::DatabaseCorrupt) => Self::Corrupt { path: at(), why: why() },
            Some(C::DatabaseBusy | C::DatabaseLocked) => Self::InUse(at()),
            Some(C::ReadOnly) => Self::ReadOnly(at()),
            Some(C::CannotOpen) => Self::Io { path: at(), why: no_descriptors(path).unwrap_or_else(why) },
            _ => Self::Io { path: at(), why: why() },
        }
    }

    /// What the file system said, as one of ours.
    pub(super) fn of_io(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        match error.kind() {
            K::NotFound => Self::Missing(path.to_owned()),
            K::AlreadyExists => Self::Exists(path.to_owned()),
            K::StorageFull | K::QuotaExceeded => Self::Full(path.to_owned()),
            _ => Self::Io { path: path.to_owned(), why: error.to_string() },
        }
    }
}

/// Whether a small file beside the journal fails for want of space.
fn no_space_beside(path: &Path) -> bool {
    use std::io::ErrorKind as K;
    let probe = path.with_extension("probe");
    let found = std::fs::write(&probe, [1; 4096]);
    let _ = std::fs::remove_file(&probe);
    found.is_err_and(|e| matches!(e.kind(), K::StorageFull | K::QuotaExceeded))
}

/// What the system says when as many files are to be opened as a journal has, where that is too many. SQLite only says that it
/// could not open one of them, and has closed the others again by the time it says so.
fn no_descriptors(path: &Path) -> Option<String> {
    const FILES: usize = 4; // the journal, its log, the log's index, and the folder for a moment
    let folder = path.parent()?;
    let opened: Vec<_> = (0..FILES).map(|_| std::fs::File::open(folder)).collect();
    let refused = opened.into_iter().find_map(Result::err)?;
    matches!(refused.raw_os_error(), Some(nix::libc::EMFILE | nix::libc::ENFILE)).then(|| refused.to_string())
}

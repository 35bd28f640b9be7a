//! A copy of a journal that its supervisor may be writing to this moment, taken without a lock.
//!
//! SQLite writes to the log first and moves it into the file now and then. So the copy is one that SQLite itself could have
//! left behind by a crash, provided that nothing was moved while it was taken: then the file's size and time and the log's
//! first bytes, which change when the log begins anew, are what they were before. Otherwise it is taken again.

use rialto_bridge::journal::{Journal, JournalError};
use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Attempts: a flood moves its log some times a second, and a copy takes less than that.
const ATTEMPTS: usize = 50;
/// The header of a log: its last half is drawn anew each time it begins.
const HEADER: usize = 32;
const FOLDER: &str = ".verify.";

/// A copy in a folder of its own, which goes with it.
pub(super) struct Copied {
    folder: PathBuf,
}

/// What would be another after something was moved.
#[derive(PartialEq, Eq)]
struct Print {
    len: u64,
    changed: (i64, i64),
    inode: u64,
    log: Vec<u8>,
}

impl Print {
    fn of(journal: &Path) -> io::Result<Self> {
        let found: Metadata = std::fs::metadata(journal)?;
        let mut log = Vec::new();
        if let Ok(file) = File::open(log_of(journal)) {
            file.take(HEADER as u64).read_to_end(&mut log)?;
        }
        Ok(Self { len: found.len(), changed: (found.mtime(), found.mtime_nsec()), inode: found.ino(), log })
    }
}

impl Copied {
    /// Beside the journal: it is as secret, and there is room for it or there is none anywhere.
    pub(super) fn of(journal: &Path) -> io::Result<Self> {
        let beside = journal.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        forget_others(beside);
        let name = format!("{FOLDER}{}", std::process::id());
        let make = |folder: PathBuf| {
            let _ = std::fs::remove_dir_all(&folder);
            DirBuilder::new().mode(0o700).create(&folder).map(|()| Self { folder })
        };
        // A backup may be where nobody can write.
        let copied = make(beside.join(&name)).or_else(|_| make(std::env::temp_dir().join(&name)))?;
        for _ in 0..ATTEMPTS {
            let before = Print::of(journal)?;
            // The log first: what is in it is not in the file yet, or would have been moved meanwhile.
            match std::fs::copy(log_of(journal), log_of(&copied.path())) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
                Err(_) => drop(std::fs::remove_file(log_of(&copied.path()))),
                Ok(_) => {}
            }
            std::fs::copy(journal, copied.path())?;
            if Print::of(journal)? == before {
                return Ok(copied);
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is written to without a pause; try again when less is printed"))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("journal.db")
    }

    pub(super) fn open(&self) -> Result<Journal, JournalError> {
        Journal::open_read_only(&self.path())
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn log_of(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Removes what a verify that was killed has left here.
fn forget_others(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(FOLDER)?.parse().ok());
        let Some(pid) = pid else { continue };
        if nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

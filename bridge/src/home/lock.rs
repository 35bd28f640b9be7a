//! Who lives: a lock that the kernel lets go of when its holder dies, however it dies.
//!
//! Every look at whether a lock is held takes it for a moment, shared. So whoever means to keep it must try for longer than a
//! moment ([`Lock::take`]), or a mere look would keep a supervisor from starting.

use super::process::Process;
use super::{HomeError, ours};
use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a holder-to-be tries: many times what a look takes, far less than a person's patience.
const TAKE: Duration = Duration::from_secs(1);
/// How long to wait for a lock that others hold for a few file operations only.
const WAIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);

/// A lock that is held until this is dropped or its process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock to keep it. None: somebody else holds it.
    ///
    /// Blocks for up to a second.
    ///
    /// # Errors
    /// Where the file cannot be opened or locked at all.
    pub fn take(path: &Path) -> Result<Option<Self>, HomeError> {
        let until = Instant::now() + TAKE;
        loop {
            if let Some(lock) = Self::try_take(path)? {
                // What the last holder wrote is not about us.
                lock.file.set_len(0).map_err(HomeError::io("write", path))?;
                return Ok(Some(lock));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Takes the lock if it is free this instant.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, HomeError> {
        let file = ours::open(path).map_err(HomeError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file, path: path.to_owned() })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(HomeError::io("lock", path)(why)),
        }
    }

    /// Writes who holds it. From here on the holder may be sent SIGUSR1 to ask for a new socket, so it must be handling that
    /// signal already: unhandled, it ends a process.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn announce(&mut self) -> Result<(), HomeError> {
        let Some(me) = Process::of(std::process::id()) else { return Ok(()) };
        let text = serde_json::to_string(&me).map_err(io::Error::other);
        let put = |file: &mut File, text: io::Result<String>| {
            file.rewind()?;
            file.write_all(text?.as_bytes())
        };
        put(&mut self.file, text).map_err(HomeError::io("write", &self.path))
    }
}

/// Whether somebody holds the lock now. A file that is not there is held by nobody.
///
/// # Errors
/// Where it cannot be told.
pub(crate) fn held(path: &Path) -> Result<bool, HomeError> {
    if !path.exists() {
        return Ok(false);
    }
    let file = ours::open(path).map_err(HomeError::io("open", path))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(why)) => Err(HomeError::io("lock", path)(why)),
    }
}

/// The holder, where it has announced itself and is the same process still.
pub(crate) fn holder(path: &Path) -> Option<Process> {
    let text = ours::read(path, 1000).ok()??;
    serde_json::from_str::<Process>(&text).ok().filter(Process::lives)
}

/// Waits for a lock that is only ever held for a few file operations. Blocks.
pub(crate) fn wait(path: &Path) -> Result<Lock, HomeError> {
    let until = Instant::now() + WAIT;
    loop {
        if let Some(lock) = Lock::try_take(path)? {
            return Ok(lock);
        }
        if Instant::now() >= until {
            return Err(HomeError::Busy { path: path.to_owned(), seconds: WAIT.as_secs() });
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_all_can_see_who() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("lock");
        assert!(!held(&path).unwrap() && holder(&path).is_none());
        std::fs::write(&path, "left by the last one, and longer than what comes now".repeat(5)).unwrap();
        let mut lock = Lock::take(&path).unwrap().unwrap();
        assert!(held(&path).unwrap() && Lock::try_take(&path).unwrap().is_none());
        assert!(holder(&path).is_none(), "not announced yet");
        lock.announce().unwrap();
        assert_eq!(holder(&path).map(|process| process.pid), Process::of(std::process::id()).map(|me| me.pid));
        drop(lock);
        assert!(!held(&path).unwrap());
    }
}

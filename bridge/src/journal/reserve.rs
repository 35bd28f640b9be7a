//! Space set aside, so that ends and interrupts can still be recorded when the disk is full.

use super::{Journal, JournalError, schema};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes set aside: the turn that did not fit (a supervisor takes at most some 300 KB of output in one), what the pipes of a
/// kernel still hold when it is told to stop (as much again), and some hundred ends.
const SIZE: usize = 1024 * 1024;

/// A file beside the journal that holds nothing but its place.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    pub(super) fn beside(journal: &Path) -> Self {
        Self { path: journal.with_extension("reserve") }
    }

    fn is_whole(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| found.len() == SIZE as u64)
    }

    fn allocate(&self) -> std::io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        // Written, not only made long: a hole takes no space, and a compressing file system makes holes of zeros.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(SIZE)
        .collect();
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        file.write_all(&noise)?;
        // Some file systems find out that there is no space only when they really write.
        file.sync_data()
    }
}

impl Drop for Reserve {
    /// Nothing more will be recorded: the space is everybody's again, for as long as the ended session is kept. One that was
    /// killed leaves it to whoever comes next.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Journal {
    /// Gives the reserve back to the disk. Called when a commit said [`JournalError::Full`], after whatever floods was stopped:
    /// what is freed is for ends and interrupts.
    ///
    /// # Errors
    /// What the file system says; a reserve that is gone already is no error.
    pub fn release_reserve(&mut self) -> Result<(), JournalError> {
        let Some(reserve) = &self.reserve else { return Ok(()) };
        // A commit that goes through would at once move the log into the file, and what that takes is what was given back.
        self.db.pragma_update(None, "wal_autocheckpoint", 0).map_err(|e| self.says(&e))?;
        match std::fs::remove_file(&reserve.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(JournalError::of_io(&reserve.path, &e)),
            _ => Ok(()),
        }
    }

    /// Sets the reserve aside again. Whether that worked is whether space has returned.
    pub fn restore_reserve(&mut self) -> bool {
        let Some(reserve) = &self.reserve else { return false };
        if reserve.is_whole() {
            return true;
        }
        let done = reserve.allocate().is_ok();
        if done {
            if let Err(error) = self.db.pragma_update(None, "wal_autocheckpoint", schema::LOG / schema::PAGE_SIZE) {
                self.remember(&error);
            }
        } else {
            // Half a reserve would only keep its bytes from whoever frees some.
            let _ = std::fs::remove_file(&reserve.path);
        }
        done
    }
}

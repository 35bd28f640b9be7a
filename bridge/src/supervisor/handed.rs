//! Which eval was handed to the kernel while the end of the one before was still being recorded.
//!
//! That record is what a client with many evals waits for most: a commit costs ten times what this note does, sixteen bytes
//! written over themselves. The note survives what the journal survives, `kill -9` of this process, and a supervisor that takes
//! over learns from it what may have begun without a record.

use rialto_protocol::{Epoch, EvalNumber};
use rialto_session::Handed;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An incarnation and an eval, as they are written.
const LEN: usize = 16;

/// Where the note is kept.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
    /// Made when it is needed for the first time: most sessions never have two evals at once.
    file: Option<File>,
    /// It could not be written. Then nothing overtakes its records any more.
    failed: bool,
}

impl Note {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, failed: false }
    }

    /// What the supervisor before this one noted, if it did. Whether it is of this journal's last incarnation is for the rules.
    pub(super) fn found(&self) -> Option<Handed> {
        let bytes: [u8; LEN] = std::fs::read(&self.path).ok()?.try_into().ok()?;
        let (epoch, n) = bytes.split_first_chunk::<8>()?;
        Some(Handed { epoch: Epoch::from_le_bytes(*epoch), n: EvalNumber::from_le_bytes(n.try_into().ok()?) })
    }

    /// Every record is kept: nothing can be learnt from the note any more.
    pub(super) fn forget(&mut self) {
        self.file = None;
        // Where it was never made there is none, and one that stays is only believed of its own incarnation.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Notes it down. False: it could not be, so the records must come first.
    pub(super) fn write(&mut self, handed: Handed) -> bool {
        if self.failed {
            return false;
        }
        if self.file.is_none() {
            self.file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path).ok();
        }
        let mut bytes = [0; LEN];
        for (to, from) in bytes.iter_mut().zip(handed.epoch.to_le_bytes().into_iter().chain(handed.n.to_le_bytes())) {
            *to = from;
        }
        let written = self.file.as_ref().is_some_and(|file| file.write_all_at(&bytes, 0).is_ok());
        if !written {
            tracing::warn!(path = %self.path.display(), "which eval runs could not be noted down; each waits for the record of the one before");
        }
        self.failed = !written;
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_last_is_found_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("handed");
        assert_eq!(Note::at(&path).found(), None);
        let mut note = Note::at(&path);
        assert!(note.write(Handed { epoch: 3, n: 7 }) && note.write(Handed { epoch: 3, n: 8 }));
        assert_eq!(Note::at(&path).found(), Some(Handed { epoch: 3, n: 8 }));
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(Note::at(&path).found(), None);
        note.forget();
        assert!(!path.exists());
    }

    #[test]
    fn where_it_cannot_be_noted_nothing_overtakes() {
        let folder = tempfile::tempdir().unwrap();
        let mut note = Note::at(&folder.path().join("missing").join("handed"));
        assert!(!note.write(Handed { epoch: 1, n: 1 }));
        std::fs::create_dir(folder.path().join("missing")).unwrap();
        assert!(!note.write(Handed { epoch: 1, n: 2 }), "one that was not noted may be out already");
    }
}

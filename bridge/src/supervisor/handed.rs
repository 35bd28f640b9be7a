//! Which evals were handed to the kernel while the end of the one before was not recorded yet, or while it still ran.
//!
//! That record is what a client with many evals waits for most: a commit costs ten times what this note does, a few bytes written
//! over themselves. The note survives what the journal survives, `kill -9` of this process, and a supervisor that takes over
//! learns from it what may have begun without a record.

use rialto_protocol::{Epoch, EvalNumber};
use rialto_session::Handed;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Evals that may be handed over between two commits. What a supervisor that is killed says of all of them is that they are
/// lost, so it is few.
pub(super) const MOST: usize = 16;
/// An incarnation and the evals, 0 for none: numbers of eight bytes.
const LEN: usize = 8 * (1 + MOST);

/// Where the note is kept.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
    /// Made when it is needed for the first time: most sessions never have two evals at once.
    file: Option<File>,
    /// Those since the last commit.
    evals: Vec<EvalNumber>,
    /// It could not be written. Then nothing overtakes its records any more.
    failed: bool,
}

impl Note {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, evals: Vec::new(), failed: false }
    }

    /// What the supervisor before this one noted, if it did. Whether it is of this journal's last incarnation is for the rules.
    pub(super) fn found(&self) -> Option<Handed> {
        let bytes = std::fs::read(&self.path).ok()?;
        let (numbers, _) = bytes.as_chunks::<8>();
        let (epoch, evals) = numbers.split_first()?;
        let evals = evals.iter().map(|n| EvalNumber::from_le_bytes(*n)).filter(|n| *n > 0);
        Some(Handed { epoch: Epoch::from_le_bytes(*epoch), evals: evals.collect() })
    }

    /// How many there are since the last commit.
    pub(super) const fn len(&self) -> usize {
        self.evals.len()
    }

    /// What was handed over is recorded, and the next note begins anew; but for those whose turn has not come.
    pub(super) fn committed(&mut self, ahead: &VecDeque<EvalNumber>) {
        self.evals.retain(|n| ahead.contains(n));
    }

    /// These were not handed over after all, or have been taken back.
    pub(super) fn take_back(&mut self, epoch: Epoch, back: &[EvalNumber]) {
        self.evals.retain(|n| !back.contains(n));
        self.write(epoch);
    }

    /// Every record is kept: nothing can be learnt from the note any more.
    pub(super) fn forget(&mut self) {
        self.file = None;
        // Where it was never made there is none, and one that stays is only believed of its own incarnation.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Notes more. False: it could not be, or they are too many, so the records must come first.
    pub(super) fn add(&mut self, epoch: Epoch, evals: impl IntoIterator<Item = EvalNumber>) -> bool {
        let before = self.evals.len();
        self.evals.extend(evals);
        if self.failed || self.evals.len() > MOST {
            self.evals.truncate(before);
            return false;
        }
        self.write(epoch);
        !self.failed
    }

    fn write(&mut self, epoch: Epoch) {
        if self.failed {
            return;
        }
        if self.file.is_none() {
            self.file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path).ok();
        }
        let mut bytes = [0; LEN];
        let (numbers, _) = bytes.as_chunks_mut::<8>();
        for (to, number) in numbers.iter_mut().zip([&epoch].into_iter().chain(&self.evals)) {
            *to = number.to_le_bytes();
        }
        let written = self.file.as_ref().is_some_and(|file| file.write_all_at(&bytes, 0).is_ok());
        if !written {
            let path = self.path.display();
            tracing::warn!(%path, "which eval runs could not be noted down; each waits for the record of the one before");
        }
        self.failed = !written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_since_the_last_commit_is_found_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("handed");
        assert_eq!(Note::at(&path).found(), None);
        let mut note = Note::at(&path);
        assert!(note.add(3, [7]) && note.add(3, [8]));
        assert_eq!(Note::at(&path).found(), Some(Handed { epoch: 3, evals: vec![7, 8] }));
        note.committed(&VecDeque::new());
        assert!(note.add(3, [9]));
        assert_eq!(Note::at(&path).found(), Some(Handed { epoch: 3, evals: vec![9] }));
        assert!(note.add(3, [10, 11, 12]));
        note.committed(&VecDeque::from([11, 12]));
        note.take_back(3, &[12]);
        assert_eq!(Note::at(&path).found(), Some(Handed { epoch: 3, evals: vec![11] }), "what was taken back has not begun");
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(Note::at(&path).found(), None);
        note.forget();
        assert!(!path.exists());
    }

    #[test]
    fn more_than_fit_wait_for_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let mut note = Note::at(&folder.path().join("handed"));
        for n in 1..=MOST as u64 {
            assert!(note.add(1, [n]));
        }
        assert!(!note.add(1, [100]));
        note.committed(&VecDeque::new());
        assert!(note.add(1, [100]));
    }

    #[test]
    fn where_it_cannot_be_noted_nothing_overtakes() {
        let folder = tempfile::tempdir().unwrap();
        let mut note = Note::at(&folder.path().join("missing").join("handed"));
        assert!(!note.add(1, [1]));
        std::fs::create_dir(folder.path().join("missing")).unwrap();
        assert!(!note.add(1, [2]), "one that was not noted may be out already");
    }
}

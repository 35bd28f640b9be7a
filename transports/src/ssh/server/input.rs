//! Input on its way to whatever reads it. The library reads nothing at all of a connection while one of its channels is not
//! read, and a client that is not read cannot say that it takes more output: a program that prints much before it reads would wait for
//! its own output for ever. So what comes is taken, always: a little in memory, the rest in a file without a name.

use super::config::WINDOW;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

/// In the file. Bytes. Then the connection is not read any further.
const SPILL: u64 = 256 * 1024 * 1024;

/// What the files of all programs hold together. Beyond its ceiling no connection is read further whose program has input left.
#[derive(Debug)]
pub(super) struct Spilled {
    most: u64,
    taken: AtomicU64,
}

impl Spilled {
    pub(super) const fn at_most(most: u64) -> Self {
        Self { most, taken: AtomicU64::new(0) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.most
    }
}

/// A file without a name, how far it has been read back, and how far it is written.
struct Kept {
    file: File,
    at: u64,
    end: u64,
    of: Arc<Spilled>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.end, Ordering::Relaxed);
    }
}
/// Read back at once. Bytes.
const CHUNK: usize = 64 * 1024;

pub(super) struct Input {
    /// None: the peer has ended it, or nobody reads any more.
    to: Option<DuplexStream>,
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// What did not fit.
    file: Option<Kept>,
    spilled: Arc<Spilled>,
    /// The disk takes no more either.
    stuck: bool,
    ended: bool,
    /// When something of it was last taken.
    pub(super) moved: Instant,
}

impl Input {
    pub(super) fn to(to: DuplexStream, spilled: Arc<Spilled>) -> Self {
        let waiting = VecDeque::new();
        Self { to: Some(to), waiting, bytes: 0, file: None, spilled, stuck: false, ended: false, moved: Instant::now() }
    }

    /// Whether there is no more room for any.
    pub(super) fn full(&self) -> bool {
        let own = self.stuck || self.file.as_ref().is_some_and(|kept| kept.end >= SPILL);
        (self.bytes >= WINDOW as usize && own) || self.waits_for_others()
    }

    /// Whether that is because of what others have not read.
    pub(super) fn waits_for_others(&self) -> bool {
        (self.bytes >= WINDOW as usize || self.file.is_some()) && self.spilled.is_full()
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        if self.to.is_none() {
            return;
        }
        if self.waiting.is_empty() {
            self.moved = Instant::now();
        }
        if (self.bytes < WINDOW as usize && self.file.is_none()) || self.spill(data).is_err() {
            self.bytes += data.len();
            self.waiting.push_back(data.to_vec());
        }
    }

    fn spill(&mut self, data: &[u8]) -> io::Result<()> {
        // Until it is known otherwise.
        self.stuck = true;
        let kept = match &mut self.file {
            Some(kept) => kept,
            none => none.insert(Kept { file: tempfile::tempfile()?, at: 0, end: 0, of: Arc::clone(&self.spilled) }),
        };
        match kept.file.write_all_at(data, kept.end) {
            Ok(()) => {
                kept.end += data.len() as u64;
                kept.of.taken.fetch_add(data.len() as u64, Ordering::Relaxed);
                self.stuck = false;
                Ok(())
            }
            Err(why) => {
                // What is in the file already comes before this, and so this cannot go to memory.
                let Some(kept) = self.file.take() else { return Err(why) };
                let mut rest = vec![0; usize::try_from(kept.end - kept.at).unwrap_or_default()];
                if rest.len() > CHUNK * 16 || kept.file.read_exact_at(&mut rest, kept.at).is_err() {
                    self.give_up();
                    return Ok(());
                }
                self.bytes += rest.len();
                self.waiting.push_back(rest);
                Err(why)
            }
        }
    }

    /// From the file to memory, once that is empty.
    fn refill(&mut self) {
        let Some(kept) = &mut self.file else {
            self.stuck = false;
            return;
        };
        let mut chunk = vec![0; CHUNK.min(usize::try_from(kept.end - kept.at).unwrap_or(CHUNK))];
        match kept.file.read_exact_at(&mut chunk, kept.at) {
            Ok(()) => kept.at += chunk.len() as u64,
            // Better an end than a hole.
            Err(_) => return self.give_up(),
        }
        if kept.at >= kept.end {
            self.file = None;
            self.stuck = false;
        }
        self.bytes += chunk.len();
        self.waiting.push_back(chunk);
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
        if self.waiting.is_empty() {
            self.to = None;
        }
    }

    fn give_up(&mut self) {
        self.to = None;
        self.waiting.clear();
        self.bytes = 0;
        self.file = None;
    }

    /// Writes some of it. Losing the race to something else loses nothing.
    pub(super) async fn step(&mut self) {
        let (Some(to), Some(first)) = (&mut self.to, self.waiting.front_mut()) else { return std::future::pending().await };
        match to.write(first).await {
            Ok(written) if written > 0 => {
                self.bytes -= written.min(self.bytes);
                first.drain(..written);
                self.moved = Instant::now();
                if first.is_empty() {
                    self.waiting.pop_front();
                }
                if self.waiting.is_empty() {
                    self.refill();
                }
                if self.ended && self.waiting.is_empty() {
                    self.to = None;
                }
            }
            // Nobody reads it any more, as in `yes | head`.
            _ => self.give_up(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn much_input_that_nobody_reads_yet_is_kept_in_order() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut input = Input::to(ours, Arc::new(Spilled::at_most(u64::MAX)));
        let all: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        for part in all.chunks(30_000) {
            input.push(part);
            assert!(!input.full());
        }
        assert!(input.bytes <= 2 * WINDOW as usize, "{}", input.bytes);
        input.end();
        let mut read = Vec::new();
        let reading = async { theirs.read_to_end(&mut read).await.unwrap() };
        let writing = async {
            while input.to.is_some() {
                input.step().await
            }
        };
        tokio::join!(reading, writing);
        assert!(read == all);
    }

    #[tokio::test]
    async fn input_that_nobody_will_read_is_let_go() {
        let (ours, theirs) = tokio::io::duplex(1024);
        let mut input = Input::to(ours, Arc::new(Spilled::at_most(u64::MAX)));
        input.push(&vec![1; 1_000_000]);
        input.push(&vec![1; 1_000_000]);
        drop(theirs);
        input.step().await;
        input.push(b"more");
        assert!(input.to.is_none() && input.file.is_none() && input.bytes == 0);
    }

    #[tokio::test]
    async fn what_all_of_them_hold_is_bounded_and_given_back() {
        let all = Arc::new(Spilled::at_most(1_000_000));
        let (one, _first) = tokio::io::duplex(1024);
        let (other, mut second) = tokio::io::duplex(1024);
        let (mut one, mut other) = (Input::to(one, Arc::clone(&all)), Input::to(other, Arc::clone(&all)));
        while !one.full() {
            one.push(&[1; 30_000]);
        }
        assert!(one.waits_for_others() && all.taken.load(Ordering::Relaxed) < 1_030_000);
        // Who has nothing left is read on, and waits only where it would need a file.
        assert!(!other.full());
        while !other.full() {
            other.push(&[2; 30_000]);
        }
        assert!(other.file.is_none() && other.bytes <= WINDOW as usize + 30_000);
        drop(one);
        assert!(!other.full() && all.taken.load(Ordering::Relaxed) == 0);
        other.push(&[3; 30_000]);
        other.end();
        let mut read = Vec::new();
        let writing = async {
            while other.to.is_some() {
                other.step().await
            }
        };
        tokio::join!(writing, async { second.read_to_end(&mut read).await.unwrap() });
        assert!(read.ends_with(&[3; 30_000]) && read.len() % 30_000 == 0);
        assert_eq!(all.taken.load(Ordering::Relaxed), 0);
    }
}

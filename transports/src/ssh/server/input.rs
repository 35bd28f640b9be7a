//! Input on its way to whatever reads it. The library reads nothing at all of a connection while one of its channels is not
//! read, and a client that is not read cannot say that it takes more output: a program that prints much before it reads would wait for
//! its own output for ever. So what comes is taken, always: a little in memory, the rest in a file without a name.

use super::config::WINDOW;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

/// In the file. Bytes. Then the connection is not read any further.
const SPILL: u64 = 256 * 1024 * 1024;
/// Read back at once. Bytes.
const CHUNK: usize = 64 * 1024;

pub(super) struct Input {
    /// None: the peer has ended it, or nobody reads any more.
    to: Option<DuplexStream>,
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// What did not fit: the file, how far it has been read back, and how far it is written.
    file: Option<(File, u64, u64)>,
    /// The disk takes no more either.
    stuck: bool,
    ended: bool,
    /// When something of it was last taken.
    pub(super) moved: Instant,
}

impl Input {
    pub(super) fn to(to: DuplexStream) -> Self {
        let waiting = VecDeque::new();
        Self { to: Some(to), waiting, bytes: 0, file: None, stuck: false, ended: false, moved: Instant::now() }
    }

    /// Whether there is no more room for any.
    pub(super) fn full(&self) -> bool {
        self.bytes >= WINDOW as usize && (self.stuck || self.file.as_ref().is_some_and(|(_, _, end)| *end >= SPILL))
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
        let (file, _, end) = match &mut self.file {
            Some(spilled) => spilled,
            none => none.insert((tempfile::tempfile()?, 0, 0)),
        };
        match file.write_all_at(data, *end) {
            Ok(()) => {
                *end += data.len() as u64;
                self.stuck = false;
                Ok(())
            }
            Err(why) => {
                // What is in the file already comes before this, and so this cannot go to memory.
                let Some((file, at, end)) = self.file.take() else { return Err(why) };
                let mut rest = vec![0; usize::try_from(end - at).unwrap_or_default()];
                if rest.len() > CHUNK * 16 || file.read_exact_at(&mut rest, at).is_err() {
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
        let Some((file, at, end)) = &mut self.file else {
            self.stuck = false;
            return;
        };
        let mut chunk = vec![0; CHUNK.min(usize::try_from(*end - *at).unwrap_or(CHUNK))];
        match file.read_exact_at(&mut chunk, *at) {
            Ok(()) => *at += chunk.len() as u64,
            // Better an end than a hole.
            Err(_) => return self.give_up(),
        }
        if *at >= *end {
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
        let mut input = Input::to(ours);
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
        let mut input = Input::to(ours);
        input.push(&vec![1; 1_000_000]);
        input.push(&vec![1; 1_000_000]);
        drop(theirs);
        input.step().await;
        input.push(b"more");
        assert!(input.to.is_none() && input.file.is_none() && input.bytes == 0);
    }
}

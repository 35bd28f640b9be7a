//! The two pipes between this process and a runner: frames in, commands out, and never a wait.
//!
//! Pipes and no socket pair: a byte's way through a Unix socket takes the system two to three microseconds longer, which in the
//! round trip of `1+1` would be a quarter of the whole.

use super::wire::{Frame, HEADER, Malformed, frame_length, read_frame};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What is read at once: a whole output frame and a little more.
const READ: usize = 64 * 1024;

/// Lets the runtime watch a descriptor for one direction: each other edge would wake it for nothing.
pub(super) fn watch<T: AsRawFd>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // Deprecated because a safe `AsRawFd` may give a descriptor that it does not own. Its successor is `unsafe`, which this
    // workspace forbids; a pipe of the standard library owns its own until it is dropped.
    #[allow(deprecated)]
    AsyncFd::with_interest(owner, interest)
}

pub(super) struct Channel {
    /// None once it has ended.
    fd: Option<AsyncFd<PipeReader>>,
    /// None once nobody listens.
    commands: Option<PipeWriter>,
    /// The same, watched while the pipe is full, which only a large code makes it.
    full: Option<AsyncFd<PipeWriter>>,
    /// Room to read into; grows for a frame longer than a read. Kept, because clearing it for every read would cost more
    /// than the read.
    received: Vec<u8>,
    /// So much of `received` is done with,
    done: usize,
    /// and so much of it is filled.
    filled: usize,
    unsent: Vec<u8>,
    /// So much of `unsent` is sent.
    sent: usize,
}

/// Whether a look at the pipe brought anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Some,
    Nothing,
}

impl Channel {
    pub(super) fn new(frames: PipeReader, commands: PipeWriter) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&frames, true)?;
        rustix::io::ioctl_fionbio(&commands, true)?;
        let fd = Some(watch(frames, Interest::READABLE)?);
        Ok(Self { fd, commands: Some(commands), ..Self::closed() })
    }

    fn closed() -> Self {
        let (received, unsent) = (Vec::new(), Vec::new());
        Self { fd: None, commands: None, full: None, received, done: 0, filled: 0, unsent, sent: 0 }
    }

    /// Whether nothing more can come.
    pub(super) fn has_ended(&self) -> bool {
        self.fd.is_none()
    }

    /// No more is read or written.
    pub(super) fn close(&mut self) {
        *self = Self::closed();
    }

    /// The next whole frame of what has been received.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, Malformed> {
        let data = self.received.get(self.done..self.filled).unwrap_or_default();
        if data.len() < HEADER {
            return Ok(None);
        }
        let Some(length) = frame_length(data)? else { return Ok(None) };
        let Some(frame) = data.get(..length) else { return Ok(None) };
        let frame = read_frame(frame)?;
        self.done += length;
        Ok(Some(frame))
    }

    /// Reads what is there now, whatever the runtime believes. Nothing means that there is nothing.
    pub(super) fn receive(&mut self) -> Received {
        self.read().map_or(Received::Nothing, |(got, _)| got)
    }

    /// Reads if the runtime says that there is something; where there is nothing the task will be woken.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Received {
        loop {
            let Some(fd) = &self.fd else { return Received::Nothing };
            match fd.poll_read_ready(cx) {
                Poll::Pending => return Received::Nothing,
                Poll::Ready(Err(_)) => {
                    self.fd = None;
                    return Received::Nothing;
                }
                Poll::Ready(Ok(_)) => {}
            }
            let read = self.read();
            // A short read has emptied the pipe: the next arrival is a new edge, so the read that would find nothing is saved.
            if read.is_none_or(|(_, emptied)| emptied)
                && let Some(fd) = &self.fd
                && let Poll::Ready(Ok(mut guard)) = fd.poll_read_ready(cx)
            {
                guard.clear_ready();
            }
            if let Some((Received::Some, _)) = read {
                return Received::Some;
            }
        }
    }

    /// One read: what came, and whether the pipe is empty now. None: nothing was there.
    fn read(&mut self) -> Option<(Received, bool)> {
        let fd = self.fd.as_ref()?;
        if self.done > 0 {
            self.received.copy_within(self.done..self.filled, 0);
            self.filled -= self.done;
            self.done = 0;
        }
        // Room for the rest of a long frame, and never more than one frame and one read.
        if self.received.len() < self.filled + READ {
            self.received.resize(self.filled + READ, 0);
        }
        let room = self.filled..self.filled + READ;
        let read = fd.get_ref().read(self.received.get_mut(room).unwrap_or_default());
        self.filled += *read.as_ref().unwrap_or(&0);
        match read {
            Ok(0) => {
                // The runner is gone, or has become another program. Its process tells how that ends.
                self.fd = None;
                None
            }
            Ok(n) => Some((Received::Some, n < READ)),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => None,
            Err(_) => {
                self.fd = None;
                None
            }
        }
    }

    /// Writes a command, now if the pipe takes it.
    pub(super) fn send(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        if self.commands.is_some() {
            put(&mut self.unsent);
            self.write();
        }
    }

    /// Sends what an earlier command left behind.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        while !self.unsent.is_empty() {
            if self.full.is_none() {
                let copy = self.commands.as_ref().map(PipeWriter::try_clone);
                let Some(Ok(Ok(fd))) = copy.map(|copy| copy.map(|copy| watch(copy, Interest::WRITABLE))) else {
                    // No descriptor is free to be told by: ask again in the next turn.
                    return cx.waker().wake_by_ref();
                };
                self.full = Some(fd);
            }
            let Some(fd) = &self.full else { return };
            let Poll::Ready(ready) = fd.poll_write_ready(cx) else { return };
            let Ok(mut guard) = ready else { return self.deaf() };
            // Cleared first: the borrow ends here, and a pipe that takes everything needs no readiness.
            guard.clear_ready();
            self.write();
        }
    }

    fn write(&mut self) {
        let Some(mut fd) = self.commands.as_ref() else { return };
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match fd.write(rest) {
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                // The end of the process says why.
                Err(_) => return self.deaf(),
            }
        }
        self.full = None;
        self.unsent.clear();
        self.sent = 0;
    }

    /// Nobody listens any more.
    fn deaf(&mut self) {
        (self.commands, self.full, self.sent) = (None, None, 0);
        self.unsent.clear();
    }
}

//! What a kernel and its children write to descriptors 1 and 2: how much waits there, taking exactly that much, and keeping
//! characters whole.

use super::channel::watch;
use rialto_protocol::data::{Bytes, Run, Stream};
use std::io::{self, PipeReader, Read};
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The reading end of one pipe.
pub(crate) struct Pipe {
    /// None once every writer has closed it.
    fd: Option<AsyncFd<PipeReader>>,
    pub(crate) stream: Stream,
}

impl Pipe {
    pub(crate) fn new(reader: PipeReader, stream: Stream) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&reader, true)?;
        Ok(Self { fd: Some(watch(reader, Interest::READABLE)?), stream })
    }

    /// Whether something may wait there. Costs no system call; where it says no, the task will be woken.
    pub(crate) fn stirs(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(fd) = &self.fd else { return false };
        matches!(fd.poll_read_ready(cx), Poll::Ready(Ok(_)))
    }

    /// How many bytes wait there now.
    pub(crate) fn waiting(&self) -> usize {
        let Some(fd) = &self.fd else { return 0 };
        rustix::io::ioctl_fionread(fd.get_ref()).map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// Takes at most `most` bytes. They are known to be there, so nothing means that the pipe has ended.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        let Some(fd) = &self.fd else { return Vec::new() };
        let mut data = vec![0; most];
        match fd.get_ref().read(&mut data) {
            // Reading into an empty buffer says 0 as well, and would look like the end.
            Ok(0) if most > 0 => self.fd = None,
            Ok(n) => {
                data.truncate(n);
                return data;
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.fd = None,
        }
        Vec::new()
    }

    /// The runtime believes that something waits, and there was nothing: makes it look again, or notices the end. Nothing is
    /// read, because what comes next may have to wait for the channel.
    pub(crate) fn settle(&mut self, cx: &mut Context<'_>) {
        // Asked again after clearing: only an answer of "not ready" makes the runtime remember whom to wake.
        while let Some(fd) = &self.fd
            && let Poll::Ready(ready) = fd.poll_read_ready(cx)
        {
            match ready {
                Ok(mut guard) if !guard.ready().is_read_closed() => guard.clear_ready(),
                _ if self.waiting() > 0 => return cx.waker().wake_by_ref(),
                _ => self.fd = None,
            }
        }
    }
}

/// Half a character at the end of what was read, kept until its other half comes.
#[derive(Default)]
pub(crate) struct Halves {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Halves {
    fn of(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Puts what was kept in front, and keeps what is only the beginning of a character.
    pub(crate) fn mend(&mut self, run: &mut Run) {
        let kept = self.of(run.stream);
        let data = &mut run.data.0;
        if !kept.is_empty() {
            kept.append(data);
            std::mem::swap(kept, data);
        }
        let half = half_character(data);
        if half > 0 {
            *kept = data.split_off(data.len() - half);
        }
    }

    /// What was kept and whose other half never came.
    pub(crate) fn flush(&mut self) -> Vec<Run> {
        [Stream::Stdout, Stream::Stderr]
            .into_iter()
            .filter_map(|stream| {
                let data = std::mem::take(self.of(stream));
                (!data.is_empty()).then_some(Run { stream, data: Bytes(data) })
            })
            .collect()
    }
}

/// How many bytes at the end are the beginning of a UTF-8 character that is not complete: 0 to 3.
fn half_character(data: &[u8]) -> usize {
    for (back, byte) in data.iter().rev().take(3).enumerate() {
        let needs = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 0,
        };
        return if needs > back + 1 { back + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_anywhere_comes_out_whole() {
        let text = "aé€😀z";
        for cut in 0..=text.len() {
            let mut halves = Halves::default();
            let mut whole = Vec::new();
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                let mut run = Run { stream: Stream::Stdout, data: Bytes(part.to_vec()) };
                halves.mend(&mut run);
                assert!(std::str::from_utf8(&run.data.0).is_ok(), "cut at {cut}");
                whole.extend(run.data.0);
            }
            assert_eq!(whole, text.as_bytes(), "cut at {cut}");
            assert!(halves.flush().is_empty());
        }
    }

    #[test]
    fn what_is_no_text_is_not_held_back_for_ever() {
        let mut halves = Halves::default();
        let mut run = Run { stream: Stream::Stderr, data: Bytes(vec![0xFF, 0xC3]) };
        halves.mend(&mut run);
        assert_eq!(run.data.0, [0xFF]);
        assert_eq!(halves.flush(), [Run { stream: Stream::Stderr, data: Bytes(vec![0xC3]) }]);
        assert_eq!(half_character(&[0x80, 0x80, 0x80, 0x80]), 0);
    }
}

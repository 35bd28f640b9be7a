//! A question to the session and its answer: the editor waits for it, but never longer than the person does.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{PipeReader, PipeWriter, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Slot<T> = Arc<Mutex<Option<T>>>;

/// Where an answer goes. Dropped without one, it says that there is none.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    slot: Slot<T>,
    /// Its end wakes who waits.
    _end: PipeWriter,
}

impl<T> Reply<T> {
    pub(crate) fn give(self, answer: T) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

/// Who waits for it.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    slot: Slot<T>,
    end: PipeReader,
}

/// What came first.
#[derive(Debug, PartialEq)]
pub(super) enum Waited<T> {
    /// The answer, or that there is none.
    Answer(Option<T>),
    /// A key was pressed.
    Key,
    /// Neither, in all this time.
    Late,
}

/// The two ends of a question.
pub(super) fn question<T>() -> std::io::Result<(Reply<T>, Waiting<T>)> {
    let (end, begin) = pipe()?;
    let slot = Slot::default();
    Ok((Reply { slot: Arc::clone(&slot), _end: begin }, Waiting { slot, end }))
}

impl<T: Clone> Waiting<T> {
    /// Waits for the answer, for at most so long, or until something can be read here.
    pub(super) fn wait(&self, limit: Duration, keys: Option<BorrowedFd<'_>>) -> Waited<T> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = vec![PollFd::new(self.end.as_fd(), PollFlags::POLLIN)];
            fds.extend(keys.map(|keys| PollFd::new(keys, PollFlags::POLLIN)));
            match poll(&mut fds, timeout) {
                Err(nix::errno::Errno::EINTR) => continue,
                Err(_) | Ok(0) => return Waited::Late,
                Ok(_) => {}
            }
            if fds.first().is_some_and(|fd| fd.any().unwrap_or(false)) {
                return Waited::Answer(self.slot.lock().unwrap_or_else(PoisonError::into_inner).clone());
            }
            return Waited::Key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_comes_late_or_never() {
        let (reply, waiting) = question::<u8>().unwrap();
        assert_eq!(waiting.wait(Duration::ZERO, None), Waited::Late);
        let giver = std::thread::spawn(move || reply.give(7));
        assert_eq!(waiting.wait(LONG, None), Waited::Answer(Some(7)));
        giver.join().unwrap();
        // Asked again, it is still there.
        assert_eq!(waiting.wait(LONG, None), Waited::Answer(Some(7)));
        let (reply, waiting) = question::<u8>().unwrap();
        drop(reply);
        assert_eq!(waiting.wait(LONG, None), Waited::Answer(None));
    }

    #[test]
    fn a_key_ends_the_wait_and_not_the_question() {
        let (reply, waiting) = question::<u8>().unwrap();
        let (keys, mut keyboard) = pipe().unwrap();
        keyboard.write_all(b"x").unwrap();
        assert_eq!(waiting.wait(LONG, Some(keys.as_fd())), Waited::Key);
        reply.give(1);
        assert_eq!(waiting.wait(LONG, Some(keys.as_fd())), Waited::Answer(Some(1)));
    }
}

//! A Unix socket that wakes its owner for what it waits for, and for nothing else.
//!
//! The runtime's own stream watches both directions for as long as it lives, so a task that waits for an answer is also woken
//! when the other end takes the question: one wake-up more for each message, on both sides. Here a socket is watched for
//! writing only while it is full.

use crate::beside;
use crate::ends::Ends;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::time::{Sleep, sleep};

/// After so many writes that went through it is not watched for writing any more. Each change of mind is a few system calls,
/// which a flood to a slow reader should not make for every piece.
const CALM: u32 = 64;
/// Where no descriptor is free to watch a full socket with, it is tried again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One connection.
#[derive(Debug)]
pub struct QuietStream {
    socket: AsyncFd<UnixStream>,
    room: Room,
    uid: u32,
    /// What came beside the bytes, where that is looked at. Nobody is made to take more than two, and those are closed when others
    /// come.
    beside: Option<Vec<OwnedFd>>,
}

/// Watches for one thing, for as long as the answer lives.
pub(crate) fn watch<T: AsRawFd>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // Deprecated because a safe `AsRawFd` may give a descriptor that it does not own. Its successor is `unsafe`, which this
    // workspace forbids; what the standard library has owns its own until it is dropped.
    #[allow(deprecated)]
    AsyncFd::with_interest(owner, interest)
}

/// Reads from what is watched for that, by a call that never waits.
pub(crate) fn poll_read<T: AsRawFd>(
    from: &AsyncFd<T>,
    cx: &mut Context<'_>,
    into: &mut ReadBuf<'_>,
    mut read: impl FnMut(&T, &mut [u8]) -> io::Result<usize>,
) -> Poll<io::Result<()>> {
    loop {
        let mut guard = ready!(from.poll_read_ready(cx))?;
        let room = into.initialize_unfilled();
        let wanted = room.len();
        match read(guard.get_inner(), room) {
            Ok(n) => {
                // A short read has emptied it: what comes next is told anew, and the read that would find nothing is saved. (An
                // end is told for ever.)
                if n > 0 && n < wanted {
                    guard.clear_ready();
                }
                into.advance(n);
                return Poll::Ready(Ok(()));
            }
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Poll::Ready(Err(why)),
        }
    }
}

/// Watches something for room to write, and only while it is full.
#[derive(Debug, Default)]
pub(crate) struct Room {
    full: Option<AsyncFd<OwnedFd>>,
    /// Rings where it is full and could not be watched.
    look_again: Option<Pin<Box<Sleep>>>,
    /// Writes that went through since it was full.
    calm: u32,
}

impl Room {
    /// Writes by a call that never waits to `to`.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        to: &impl AsFd,
        mut write: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write() {
                Ok(n) => {
                    self.wrote();
                    return Poll::Ready(Ok(n));
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => return Poll::Ready(Err(why)),
            }
            self.calm = 0;
            let full = match self.full.take() {
                Some(full) => full,
                None => match to.as_fd().try_clone_to_owned().and_then(|fd| watch(fd, Interest::WRITABLE)) {
                    Ok(full) => full,
                    // The connection is whole, and nobody would tell the other end that it were not: it goes on by the clock.
                    Err(_) => {
                        ready!(self.look_again.get_or_insert_with(|| Box::pin(sleep(LOOK_AGAIN))).as_mut().poll(cx));
                        self.look_again = None;
                        continue;
                    }
                },
            };
            let full = self.full.insert(full);
            // What was known is out of date: it said that there is room, or nothing yet.
            match full.poll_write_ready(cx) {
                Poll::Ready(Ok(mut guard)) => guard.clear_ready(),
                Poll::Ready(Err(why)) => return Poll::Ready(Err(why)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn wrote(&mut self) {
        if self.full.is_some() {
            self.calm += 1;
            if self.calm >= CALM {
                self.full = None;
            }
        }
    }
}

impl QuietStream {
    /// Takes over a stream of the runtime's.
    ///
    /// # Errors
    /// What the system says. Needs a runtime.
    pub fn new(stream: tokio::net::UnixStream) -> io::Result<Self> {
        let uid = stream.peer_cred()?.uid();
        Ok(Self { socket: watch(stream.into_std()?, Interest::READABLE)?, room: Room::default(), uid, beside: None })
    }

    /// The user at the other end, as the system says.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// From here on descriptors may come beside what is read. Before, and elsewhere, the system closes them.
    pub(crate) fn expect_descriptors(&mut self) {
        self.beside.get_or_insert_default();
    }

    /// Those that came last. From here on no others may.
    pub(crate) fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        self.beside.take().unwrap_or_default()
    }

    /// Writes what there is room for now.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.get_ref().write(bytes)
    }

    /// Writes what there is room for now, and gives a connection's descriptors away beside it.
    ///
    /// # Errors
    /// Where nothing was written and nothing given.
    pub fn try_give(&self, ends: &Ends, bytes: &[u8]) -> io::Result<usize> {
        beside::send(self.socket.get_ref(), bytes, ends.descriptors())
    }
}

impl AsyncRead for QuietStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { socket, beside, .. } = self.get_mut();
        match beside {
            None => poll_read(socket, cx, into, |mut socket, room| socket.read(room)),
            Some(kept) => poll_read(socket, cx, into, |socket, room| beside::receive(socket, room, kept)),
        }
    }
}

impl AsyncWrite for QuietStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, room, .. } = self.get_mut();
        let mut socket = socket.get_ref();
        room.poll_write(cx, socket, || socket.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut().socket.get_ref().shutdown(Shutdown::Write) {
            Err(why) if why.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn pair() -> (QuietStream, QuietStream) {
        let (a, b) = tokio::net::UnixStream::pair().unwrap();
        (QuietStream::new(a).unwrap(), QuietStream::new(b).unwrap())
    }

    #[tokio::test]
    async fn all_of_it_arrives_whichever_side_is_slower() {
        let (mut a, mut b) = pair();
        let sent: Vec<u8> = (0..5_000_000u32).map(|n| n as u8).collect();
        let write = async {
            for part in sent.chunks(100_001) {
                a.write_all(part).await.unwrap();
            }
            a.shutdown().await.unwrap();
            let mut back = Vec::new();
            a.read_to_end(&mut back).await.unwrap();
            back
        };
        let read = async {
            let mut got = vec![0; 70_000];
            b.read_exact(&mut got[..1]).await.unwrap();
            b.read_exact(&mut got[1..]).await.unwrap();
            b.read_to_end(&mut got).await.unwrap();
            b.write_all(b"thanks").await.unwrap();
            drop(b);
            got
        };
        let (back, got) = tokio::join!(write, read);
        assert!(got == sent);
        assert_eq!(back, b"thanks");
    }

    #[tokio::test]
    async fn an_end_that_comes_with_the_last_bytes_is_seen() {
        for _ in 0..100 {
            let (mut a, mut b) = pair();
            a.write_all(b"last").await.unwrap();
            drop(a);
            let mut got = [0; 64];
            assert_eq!(b.read(&mut got).await.unwrap(), 4);
            assert_eq!(b.read(&mut got).await.unwrap(), 0);
            assert_eq!(b.read(&mut got).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn who_waits_to_read_is_not_woken_by_being_read() {
        let (mut a, mut b) = pair();
        a.write_all(b"question").await.unwrap();
        let mut got = [0; 64];
        let mut asked = 0;
        let waits = async {
            let mut into = [0; 64];
            std::future::poll_fn(|cx| {
                asked += 1;
                Pin::new(&mut a).poll_read(cx, &mut ReadBuf::new(&mut into))
            })
            .await
            .unwrap();
        };
        let answers = async {
            // Until it waits, and then until whatever taking the question tells it would have been told.
            tokio::task::yield_now().await;
            b.read_exact(&mut got[..8]).await.unwrap();
            let (mut c, mut d) = pair();
            c.write_all(b"a turn of the runtime").await.unwrap();
            d.read_exact(&mut got[..21]).await.unwrap();
            b.write_all(b"answer").await.unwrap();
        };
        together(waits, answers).await;
        assert_eq!(asked, 2);
    }

    /// Polls the first only when it is woken, which a plain join would not.
    async fn together(one: impl Future<Output = ()>, two: impl Future<Output = ()>) {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};
        struct Woken(AtomicBool, std::task::Waker);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
                self.1.wake_by_ref();
            }
        }
        let (mut one, mut two) = (std::pin::pin!(one), std::pin::pin!(two));
        let (mut first, mut second) = (None, false);
        std::future::poll_fn(move |cx| {
            let woken = first.get_or_insert_with(|| Arc::new(Woken(AtomicBool::new(true), cx.waker().clone())));
            let mut done = false;
            if woken.0.swap(false, Ordering::Relaxed) {
                let waker = Arc::clone(woken).into();
                done = one.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            }
            if !second {
                second = two.as_mut().poll(cx).is_ready();
            }
            if done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

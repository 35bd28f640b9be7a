//! What a connection goes by, where that is two descriptors of somebody else's: used without waiting and without its owner
//! noticing, and given to another process, which then has the connection in our place.

use crate::quiet::{QuietStream, Room, poll_read, watch};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{MsgFlags, SockType, getsockopt, recv, send, sockopt};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// Something that can be read or written without waiting, and without anybody else noticing.
#[derive(Debug)]
pub(crate) enum Plain {
    Socket(OwnedFd),
    Pipe(File),
}

impl Plain {
    pub(crate) fn of(end: &impl AsFd, writes: bool) -> io::Result<Self> {
        let fd = end.as_fd();
        if getsockopt(&fd, sockopt::SockType).is_ok_and(|kind| kind == SockType::Stream) {
            return Ok(Self::Socket(fd.try_clone_to_owned()?));
        }
        pipe(fd.as_raw_fd(), writes)
    }

    /// One that another process has given us. A pipe would make us wait unless its giver has opened it not to, and a file always.
    fn given(fd: OwnedFd) -> io::Result<Self> {
        if getsockopt(&fd, sockopt::SockType).is_ok_and(|kind| kind == SockType::Stream) {
            return Ok(Self::Socket(fd));
        }
        let pipe = File::from(fd);
        let waits = !OFlag::from_bits_retain(fcntl(&pipe, FcntlArg::F_GETFL)?).contains(OFlag::O_NONBLOCK);
        if waits || !pipe.metadata()?.file_type().is_fifo() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self::Pipe(pipe))
    }

    pub(crate) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => Ok(recv(socket.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT)?),
            Self::Pipe(pipe) => (&mut &*pipe).read(into),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => Ok(send(socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?),
            Self::Pipe(pipe) => (&mut &*pipe).write(bytes),
        }
    }
}

impl AsRawFd for Plain {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Socket(socket) => socket.as_raw_fd(),
            Self::Pipe(pipe) => pipe.as_raw_fd(),
        }
    }
}

impl AsFd for Plain {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Socket(socket) => socket.as_fd(),
            Self::Pipe(pipe) => pipe.as_fd(),
        }
    }
}

/// The same pipe, opened once more, so that not to wait is said of our own opening alone.
#[cfg(target_os = "linux")]
fn pipe(fd: RawFd, writes: bool) -> io::Result<Plain> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = format!("/proc/self/fd/{fd}");
    // Looked at before it is opened: to open a device may do things.
    if !std::fs::metadata(&path)?.file_type().is_fifo() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut options = File::options();
    options.read(!writes).write(writes).custom_flags(OFlag::O_NONBLOCK.bits());
    Ok(Plain::Pipe(options.open(path)?))
}

#[cfg(not(target_os = "linux"))]
fn pipe(_: RawFd, _: bool) -> io::Result<Plain> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Both ends of a connection, in a form that can be given to another process.
#[derive(Debug)]
pub struct Ends {
    input: Plain,
    output: Plain,
}

impl Ends {
    /// Of what is read from `input` and written to `output`.
    ///
    /// # Errors
    /// Where one of them cannot be used without waiting.
    pub fn of(input: &impl AsFd, output: &impl AsFd) -> io::Result<Self> {
        Ok(Self { input: Plain::of(input, false)?, output: Plain::of(output, true)? })
    }

    /// What another process gave.
    ///
    /// # Errors
    /// Where it is not two, or one of them would make us wait.
    fn given(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let [input, output] = <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Self { input: Plain::given(input)?, output: Plain::given(output)? })
    }

    /// The descriptors, in the order in which they are given.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.input.as_fd(), self.output.as_fd()]
    }
}

/// A connection that may come by one socket and go on by what was given over that: who gave it stays at the other end of the
/// socket and says no more, and when it is gone so is the connection.
#[derive(Debug)]
pub struct Line {
    own: QuietStream,
    given: Option<Given>,
}

#[derive(Debug)]
struct Given {
    input: AsyncFd<Plain>,
    output: Plain,
    room: Room,
}

impl Line {
    /// One by its own socket.
    #[must_use]
    pub const fn new(own: QuietStream) -> Self {
        Self { own, given: None }
    }

    /// The user at the other end of its socket.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.own.uid()
    }

    /// From here on descriptors may come beside what is read.
    pub fn expect_descriptors(&mut self) {
        self.own.expect_descriptors();
    }

    /// It goes by what was given.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// Goes on by the descriptors that came beside what was read, and says `yes` over its own socket for the last time. Nothing may
    /// wait to be written. Where there are none of use they are closed, and all stays as it is.
    ///
    /// # Errors
    /// Where there are none, or the giver is gone.
    pub fn go_on(&mut self, yes: &[u8]) -> io::Result<()> {
        let Ends { input, output } = Ends::given(self.own.take_descriptors())?;
        let given = Given { input: watch(input, Interest::READABLE)?, output, room: Room::default() };
        // It waits for this, so there is room.
        if self.own.try_write(yes)? != yes.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.given = Some(given);
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { own, given } = &mut *self;
        let Some(given) = given else { return Pin::new(own).poll_read(cx, into) };
        // Whatever it is that comes there, it is the end.
        if Pin::new(own).poll_read(cx, &mut ReadBuf::new(&mut [0])).is_ready() {
            return Poll::Ready(Ok(()));
        }
        poll_read(&given.input, cx, into, Plain::read)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { own, given } = &mut *self;
        let Some(Given { output, room, .. }) = given else { return Pin::new(own).poll_write(cx, bytes) };
        room.poll_write(cx, output, || output.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Only that it is dropped says that nothing more comes, where others may hold the same descriptors.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.given.is_some() { Poll::Ready(Ok(())) } else { Pin::new(&mut self.own).poll_shutdown(cx) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    const WORD: &[u8] = b"take them";

    fn pair() -> (QuietStream, Line) {
        let (giver, taker) = UnixStream::pair().unwrap();
        let mut line = Line::new(QuietStream::new(taker).unwrap());
        line.expect_descriptors();
        (QuietStream::new(giver).unwrap(), line)
    }

    async fn word(line: &mut Line) {
        let mut got = [0; WORD.len()];
        line.read_exact(&mut got).await.unwrap();
        assert_eq!(got, WORD);
    }

    #[tokio::test]
    async fn a_line_goes_on_by_what_it_was_given_until_the_giver_is_gone() {
        let (mut giver, mut line) = pair();
        let (far, near) = std::os::unix::net::UnixStream::pair().unwrap();
        let ends = Ends::of(&near, &near).unwrap();
        drop(near);
        assert_eq!(giver.try_give(&ends, WORD).unwrap(), WORD.len());
        drop(ends);
        word(&mut line).await;
        line.go_on(b"yes").unwrap();
        let mut yes = [0; 3];
        giver.read_exact(&mut yes).await.unwrap();
        far.set_nonblocking(true).unwrap();
        let mut far = QuietStream::new(UnixStream::from_std(far).unwrap()).unwrap();
        // Both directions, and more than fits at once.
        let sent = vec![7; 1_000_000];
        let (mut there, mut back) = (vec![0; sent.len()], vec![0; 5]);
        tokio::join!(async { line.write_all(&sent).await.unwrap() }, async { far.read_exact(&mut there).await.unwrap() });
        assert!(there == sent);
        far.write_all(b"hello").await.unwrap();
        line.read_exact(&mut back).await.unwrap();
        assert_eq!((line.is_given(), back.as_slice()), (true, b"hello".as_slice()));
        // With the giver it ends, and with it everything is closed.
        drop(giver);
        assert_eq!(line.read(&mut back).await.unwrap(), 0);
        drop(line);
        assert_eq!(far.read(&mut back).await.unwrap(), 0);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_would_wait_or_is_no_pair_is_not_taken_and_closed() {
        let (mut giver, mut line) = pair();
        assert!(line.go_on(b"yes").is_err(), "nothing came");
        line.expect_descriptors();
        // A pipe as others have it, and a file.
        let (from, to) = io::pipe().unwrap();
        let wait = Ends { input: Plain::Pipe(OwnedFd::from(from).into()), output: Plain::Pipe(OwnedFd::from(to).into()) };
        let file = || Plain::Pipe(tempfile::tempfile().unwrap());
        for ends in [wait, Ends { input: file(), output: file() }] {
            giver.try_give(&ends, WORD).unwrap();
            word(&mut line).await;
            drop(ends);
            assert!(line.go_on(b"yes").is_err() && !line.is_given());
            line.expect_descriptors();
        }
        // It is what it was.
        line.write_all(b"still here").await.unwrap();
        let mut got = [0; 10];
        giver.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"still here");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_gives_again_and_again_fills_nobodys_table_and_what_was_not_asked_for_is_closed() {
        let (from, to) = io::pipe().unwrap();
        let is_open = || (&to).write(b"x").is_ok();
        let ends = Ends::of(&from, &from).unwrap();
        drop(from);
        let (giver, mut line) = pair();
        for _ in 0..5 {
            giver.try_give(&ends, WORD).unwrap();
            word(&mut line).await;
        }
        assert_eq!(line.own.take_descriptors().len(), 2, "the last, and none of the others");
        // From here on nobody asks.
        giver.try_give(&ends, WORD).unwrap();
        word(&mut line).await;
        assert!(is_open());
        drop(ends);
        assert!(!is_open(), "somebody holds the other end still");
    }
}

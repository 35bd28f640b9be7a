//! Our own stdin and stdout: how `rialto stdio` is reached through `ssh`, `docker exec` or anything else that starts a
//! program and carries its streams.
//!
//! They are shared with whoever started us, for whom it would change what waiting means if we changed that. What needs no such
//! change is used from the runtime's own thread, as every other connection is: a socket, which can be asked not to wait for this
//! once, and a pipe, which can be opened a second time (Linux). Everything else (a terminal, a file, a pipe of somebody else's)
//! is read and written by threads that wait, and costs four wake-ups more for each question and its answer.

use crate::quiet::{Room, poll_read, watch};
use crate::{How, Peer, Stream};
use nix::sys::socket::{MsgFlags, SockType, getsockopt, recv, send, sockopt};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Stdin, Stdout};

/// Stdin and stdout as one connection, and who is at its other end: whoever started us, which is us.
///
/// A read that waits on a stdin that a thread has to read cannot be called back, so a program that ends before its stdin does
/// must leave its runtime by `Runtime::shutdown_background`.
#[must_use]
pub fn stream() -> (Stream, Peer) {
    let input = match Plain::of(&io::stdin(), false).and_then(|end| watch(end, Interest::READABLE)) {
        Ok(end) => Input::Plain(end),
        Err(_) => Input::Thread(tokio::io::stdin()),
    };
    let output = match Plain::of(&io::stdout(), true) {
        Ok(end) => Output::Plain(end, Room::default()),
        Err(_) => Output::Thread(tokio::io::stdout()),
    };
    (Box::new(Both { input, output }), Peer::ourselves(How::Stdio, "stdin and stdout"))
}

/// Something that can be read or written without waiting, and without anybody else noticing.
#[derive(Debug)]
enum Plain {
    Socket(OwnedFd),
    Pipe(File),
}

impl Plain {
    fn of(end: &impl AsFd, writes: bool) -> io::Result<Self> {
        let fd = end.as_fd();
        if getsockopt(&fd, sockopt::SockType).is_ok_and(|kind| kind == SockType::Stream) {
            return Ok(Self::Socket(fd.try_clone_to_owned()?));
        }
        pipe(fd.as_raw_fd(), writes)
    }

    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => Ok(recv(socket.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT)?),
            Self::Pipe(pipe) => (&mut &*pipe).read(into),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
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
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Self::Socket(socket) => socket.as_fd(),
            Self::Pipe(pipe) => pipe.as_fd(),
        }
    }
}

/// The same pipe, opened once more, so that not to wait is said of our own opening alone.
#[cfg(target_os = "linux")]
fn pipe(fd: RawFd, writes: bool) -> io::Result<Plain> {
    use nix::fcntl::OFlag;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
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

enum Input {
    Plain(AsyncFd<Plain>),
    Thread(Stdin),
}

enum Output {
    Plain(Plain, Room),
    Thread(Stdout),
}

struct Both {
    input: Input,
    output: Output,
}

impl AsyncRead for Both {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Input::Plain(end) => poll_read(end, cx, buf, Plain::read),
            Input::Thread(stdin) => Pin::new(stdin).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Both {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.output {
            Output::Plain(end, room) => room.poll_write(cx, end, || end.write(buf)),
            Output::Thread(stdout) => Pin::new(stdout).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.output {
            Output::Plain(..) => Poll::Ready(Ok(())),
            Output::Thread(stdout) => Pin::new(stdout).poll_flush(cx),
        }
    }

    /// Only the end of this process says that nothing more comes: others may hold the same stdout.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

//! Our own stdin and stdout: how `rialto stdio` is reached through `ssh`, `docker exec` or anything else that starts a
//! program and carries its streams.
//!
//! They are shared with whoever started us, for whom it would change what waiting means if we changed that. What needs no such
//! change is used from the runtime's own thread, as every other connection is: a socket, which can be asked not to wait for this
//! once, and a pipe, which can be opened a second time (Linux). Everything else (a terminal, a file, a pipe of somebody else's)
//! is read and written by threads that wait, and costs four wake-ups more for each question and its answer.

use crate::ends::{Ends, Plain};
use crate::quiet::{Room, poll_read, watch};
use crate::{How, Peer, Stream};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Stdin, Stdout};

/// Stdin and stdout as one connection, and who is at its other end: whoever started us, which is us.
///
/// A read that waits on a stdin that a thread has to read cannot be called back, so a program that ends before its stdin does
/// must leave its runtime by `Runtime::shutdown_background`.
///
/// Where both are used from the runtime's own thread they can also be given to another process, which is then to read and write
/// them in our place.
#[must_use]
pub fn stream() -> (Stream, Peer, Option<Ends>) {
    let input = match Plain::of(&io::stdin(), false).and_then(|end| watch(end, Interest::READABLE)) {
        Ok(end) => Input::Plain(end),
        Err(_) => Input::Thread(tokio::io::stdin()),
    };
    let output = match Plain::of(&io::stdout(), true) {
        Ok(end) => Output::Plain(end, Room::default()),
        Err(_) => Output::Thread(tokio::io::stdout()),
    };
    let ends = match (&input, &output) {
        (Input::Plain(_), Output::Plain(..)) => Ends::of(&io::stdin(), &io::stdout()).ok(),
        _ => None,
    };
    (Box::new(Both { input, output }), Peer::ourselves(How::Stdio, "stdin and stdout"), ends)
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

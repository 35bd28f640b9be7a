//! Our own stdin and stdout: how `rialto stdio` is reached through `ssh`, `docker exec` or anything else that starts a
//! program and carries its streams.

use crate::{How, Peer, Stream};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, Stdin, Stdout};

/// Stdin and stdout as one connection, and who is at its other end: whoever started us, which is us.
///
/// A read that waits on stdin sits on a thread that cannot be called back, so a program that ends before its stdin does must
/// leave its runtime by `Runtime::shutdown_background`. Making the descriptor non-blocking instead would change it for every
/// process that shares it, such as the shell we were started from.
#[must_use]
pub fn stream() -> (Stream, Peer) {
    let both = Both { stdin: tokio::io::stdin(), stdout: tokio::io::stdout() };
    (Box::new(both), Peer::ourselves(How::Stdio, "stdin and stdout"))
}

struct Both {
    stdin: Stdin,
    stdout: Stdout,
}

impl AsyncRead for Both {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_read(cx, buf)
    }
}

impl AsyncWrite for Both {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdout).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_shutdown(cx)
    }
}

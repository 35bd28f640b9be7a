//! Inside one process: for facades that a daemon runs itself, and for tests.

use crate::{Boxed, DialError, Dialer, How, Listener, Peer, Stream};
use std::io;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

/// Bytes that wait in each direction before the writer has to.
const BUFFER: usize = 64 * 1024;
/// Connections that wait to be accepted before the dialler has to.
const BACKLOG: usize = 16;

/// A dialler and the listener it leads to.
#[must_use]
pub fn pair() -> (MemoryDialer, MemoryListener) {
    let (to, from) = mpsc::channel(BACKLOG);
    (MemoryDialer { to, peer: peer() }, MemoryListener { from })
}

/// One connection without a listener: both its ends.
#[must_use]
pub fn stream() -> (Stream, Stream) {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    (Box::new(ours), Box::new(theirs))
}

/// Who is at the other end of a connection within this process: nobody but us.
#[must_use]
pub fn peer() -> Peer {
    Peer::ourselves(How::Memory, "this process")
}

/// Dials the [`MemoryListener`] it was made with.
#[derive(Debug, Clone)]
pub struct MemoryDialer {
    to: mpsc::Sender<(DuplexStream, Peer)>,
    peer: Peer,
}

impl MemoryDialer {
    /// The same for somebody else: what a facade dials for a client of its own. Its identity is that client's, and the daemon
    /// lets it do no more.
    #[must_use]
    pub fn of(&self, peer: Peer) -> Self {
        Self { to: self.to.clone(), peer }
    }
}

/// Accepts what its dialler dials.
#[derive(Debug)]
pub struct MemoryListener {
    from: mpsc::Receiver<(DuplexStream, Peer)>,
}

impl Dialer for MemoryDialer {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(BUFFER);
            let gone =
                || DialError::new(self.text(), io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens any more"));
            self.to.send((theirs, self.peer.clone())).await.map_err(|_| gone())?;
            Ok(Box::new(ours) as Stream)
        })
    }

    fn text(&self) -> String {
        "a bridge in this process".to_owned()
    }
}

impl Listener for MemoryListener {
    fn accept(&mut self) -> Boxed<'_, (Stream, Peer)> {
        Box::pin(async {
            match self.from.recv().await {
                Some((stream, peer)) => (Box::new(stream) as Stream, peer),
                // Every dialler is gone, so nobody can come any more; that is no fault, only a long wait.
                None => std::future::pending().await,
            }
        })
    }

    fn text(&self) -> String {
        "this process".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_is_written_at_one_end_is_read_at_the_other() {
        let (dialer, mut listener) = pair();
        let (mut client, (mut server, peer)) = tokio::join!(async { dialer.dial().await.unwrap() }, listener.accept());
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut read = String::new();
        server.read_to_string(&mut read).await.unwrap();
        assert_eq!((read.as_str(), peer.how), ("hello", How::Memory));
    }

    #[tokio::test]
    async fn a_dialler_is_told_that_nobody_listens() {
        let (dialer, listener) = pair();
        drop(listener);
        let Err(error) = dialer.dial().await else { panic!("nobody was there") };
        assert!(error.to_string().contains("nobody listens"), "{error}");
    }
}

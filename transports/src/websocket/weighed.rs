//! The bytes below a WebSocket, counted as they come: what is not a whole message yet is in memory all the same.

use crate::http::Room;
use crate::through::writes_through;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::timeout;

/// One connection.
#[derive(Debug)]
pub struct Weighed {
    stream: TokioIo<Upgraded>,
    room: Arc<Room>,
}

impl Weighed {
    pub(super) fn new(stream: TokioIo<Upgraded>) -> Self {
        Self { stream, room: Arc::default() }
    }

    /// What it takes of the room that all share. Whoever takes messages off the WebSocket empties it after each.
    #[must_use]
    pub fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room)
    }

    /// Reads and forgets what still comes, up to so many bytes, until it ends or nothing has come for so long.
    pub async fn pass_over(&mut self, most: usize, silence: Duration) {
        let (mut chunk, mut left) = ([0; 8 * 1024], most);
        while let Ok(Ok(n)) = timeout(silence, self.stream.read(&mut chunk)).await
            && n > 0
            && n < left
        {
            left -= n;
        }
    }
}

impl AsyncRead for Weighed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        Poll::Ready(self.room.came(into.filled().len() - before))
    }
}

writes_through!({} Weighed, stream);

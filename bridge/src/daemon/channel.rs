//! One channel: a client on one side, the one connection to its session's supervisor on the other, and frames that pass
//! between them as they are.

use super::Daemon;
use super::connection::encoded;
use super::lanes::{CONTROL, Lanes};
use crate::auth::Identity;
use crate::router::{self, Entry, frames};
use rialto_protocol::frame::{HEADER, Header};
use rialto_protocol::message::{Close, OnBehalf, Open, Opened};
use rialto_protocol::{Code, ErrorReply, Message, limits};
use rialto_transports::quiet::QuietStream;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};

/// Frames that wait for one supervisor. Their bytes are bounded for the whole connection; this bounds their number.
pub(super) const QUEUE: usize = 64;
/// Small frames of a supervisor are read together. Bytes; there is one such buffer for each of up to 64 channels.
const READ: usize = 2 * 1024;
/// How long a supervisor has to say that a channel is closed.
const CLOSING: Duration = Duration::from_secs(5);

/// A whole frame with the memory it was given.
pub(super) struct Frame {
    bytes: Vec<u8>,
    room: OwnedSemaphorePermit,
}

impl Frame {
    /// Reads the body that belongs to a header whose length was checked.
    pub(super) async fn read(
        header: Header,
        from: &mut (impl AsyncRead + Unpin),
        room: OwnedSemaphorePermit,
    ) -> io::Result<Self> {
        let mut bytes = Vec::with_capacity(header.frame_len());
        bytes.extend_from_slice(&header.encode());
        bytes.resize(header.frame_len(), 0);
        from.read_exact(bytes.get_mut(HEADER..).unwrap_or_default()).await?;
        Ok(Self { bytes, room })
    }

    /// The number of its message.
    fn kind(&self) -> Option<u8> {
        self.bytes.first_chunk().map(|head| Header::decode(*head).kind)
    }

    /// Takes another behind it, to be written together.
    fn append(&mut self, next: Self) {
        self.bytes.extend_from_slice(&next.bytes);
        self.room.merge(next.room);
    }
}

/// How a channel ended, as far as its client does not know yet.
enum End {
    /// The supervisor's `closed` was passed on.
    Told,
    /// The supervisor is gone.
    Gone,
    /// Something between us and the supervisor does not go on.
    Stuck(ErrorReply),
    /// The client's connection takes nothing more.
    NoClient,
}

/// How far what the client said was carried.
enum Said {
    /// To its end.
    All,
    /// To its `close`, and the supervisor's answer to that is still to pass.
    Close,
    /// The supervisor hung up before. Reading from it says the same, after what it still had to say.
    HungUp,
}

/// What a channel's task needs.
pub(super) struct Channel {
    pub(super) daemon: Arc<Daemon>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) who: Identity,
    pub(super) max_frame: u32,
    pub(super) number: u16,
}

impl Channel {
    /// Opens the channel and carries it to its end. `waiting` is what the client has sent on it, possibly before it was open.
    pub(super) async fn run(self, open: Open, waiting: mpsc::Receiver<Frame>) {
        let re = open.re;
        match self.reach(open, false).await {
            Ok((stream, opened, _)) => {
                // A client that has left meanwhile is not told, and what it had sent is carried all the same.
                let _ = self.tell(0, &Message::Opened(opened)).await;
                self.carry(stream, waiting).await;
            }
            Err(error) => {
                drop(waiting);
                let _ = self.tell(0, &Message::Error(ErrorReply { re, ..error })).await;
            }
        }
    }

    /// Carries a channel that is open to its end.
    pub(super) async fn carry(self, stream: QuietStream, mut waiting: mpsc::Receiver<Frame>) {
        let end = self.splice(stream, &mut waiting).await;
        // Before the client is told: from then on it may use the number again.
        drop(waiting);
        let last = match end {
            End::Told | End::NoClient => return,
            End::Gone => Close { reason: "the session's supervisor closed the connection; open it again".to_owned() },
            End::Stuck(error) => Close { reason: error.text },
        };
        let _ = self.tell(self.number, &Message::Closed(last)).await;
    }

    async fn tell(&self, channel: u16, message: &Message) -> io::Result<()> {
        self.lanes.write(message.kind(), &encoded(channel, message, self.max_frame)).await
    }

    /// The session's supervisor, with the channel bound; and whether it takes the client's descriptors, where `handover` asks for that.
    pub(super) async fn reach(&self, open: Open, handover: bool) -> Result<(QuietStream, Opened, bool), ErrorReply> {
        let Daemon { home, spawn, .. } = &*self.daemon;
        let quotas = Some(Arc::clone(&self.daemon.quotas));
        let mut reached = Box::pin(router::ensure_within(home, &open, &self.who, spawn, quotas)).await?;
        // Who asks for less than it may have gets less: an old supervisor, which knows nothing of such a wish, is told so too.
        let scope = self.who.scope.min(open.scope.unwrap_or(self.who.scope));
        let on_behalf = OnBehalf { principal: self.who.principal.clone(), scope };
        let entry = Entry { channel: self.number, max_frame: self.max_frame, on_behalf: Some(on_behalf), handover };
        let takes = router::enter(&mut reached, &entry).await?;
        let opened =
            Opened { re: open.re, channel: self.number, session: reached.session, name: reached.name, created: reached.created };
        Ok((reached.stream, opened, takes))
    }

    async fn splice(&self, stream: QuietStream, waiting: &mut mpsc::Receiver<Frame>) -> End {
        let (from, to) = tokio::io::split(stream);
        // Reading from the supervisor is given up where it waits, never while a frame is being written to the client.
        let cut = Notify::new();
        let mut up = std::pin::pin!(self.up(waiting, to));
        let mut down = std::pin::pin!(self.down(from, &cut));
        let why = tokio::select! {
            end = &mut down => {
                if matches!(end, End::NoClient) {
                    // Who takes nothing more has left; what it had said before is not taken back.
                    let _: Result<Said, ErrorReply> = up.await;
                }
                return end;
            }
            why = &mut up => why,
        };
        let stuck = match why {
            Ok(Said::HungUp) => return down.await,
            Ok(Said::Close) => match tokio::time::timeout(CLOSING, &mut down).await {
                Ok(end) => return end,
                Err(_) => None,
            },
            Ok(Said::All) => None,
            Err(error) => Some(error),
        };
        cut.notify_one();
        match (down.await, stuck) {
            (End::Gone, Some(error)) => End::Stuck(error),
            (end, _) => end,
        }
    }

    /// From the client to the supervisor, until the client closes the channel, or its connection and with it all channels.
    async fn up(&self, waiting: &mut mpsc::Receiver<Frame>, mut to: WriteHalf<QuietStream>) -> Result<Said, ErrorReply> {
        let mut closes = false;
        while let Some(mut frame) = waiting.recv().await {
            closes = frame.kind() == Some(CLOSE);
            // Many small ones that came together go on together.
            while frame.bytes.len() < READ
                && let Ok(next) = waiting.try_recv()
            {
                closes = next.kind() == Some(CLOSE);
                frame.append(next);
            }
            let write = async {
                to.write_all(&frame.bytes).await?;
                to.flush().await
            };
            let stall = self.daemon.limits.stall;
            match tokio::time::timeout(stall, write).await {
                Ok(Ok(())) => {}
                // Nothing more is taken for it, or its frames would fill the room of the others'.
                Ok(Err(_)) => {
                    waiting.close();
                    while waiting.try_recv().is_ok() {}
                    return Ok(Said::HungUp);
                }
                Err(_) => {
                    let why =
                        format!("the session's supervisor took nothing for {stall:?}; the channel is closed, open it again");
                    return Err(ErrorReply::new(0, Code::Unreachable, why));
                }
            }
        }
        Ok(if closes { Said::Close } else { Said::All })
    }

    /// From the supervisor to the client.
    async fn down(&self, from: ReadHalf<QuietStream>, cut: &Notify) -> End {
        let mut from = BufReader::with_capacity(READ, from);
        loop {
            let read = tokio::select! {
                read = self.next(&mut from) => read,
                () = cut.notified() => return End::Gone,
            };
            let (mut kind, mut frame) = match read {
                Ok(Some(next)) => next,
                Ok(None) => return End::Gone,
                Err(why) => {
                    tracing::debug!(%why, channel = self.number, "a supervisor's connection broke");
                    return End::Gone;
                }
            };
            // What came with it and goes the same lane goes in the same write.
            while frame.bytes.len() < READ
                && let Some(next) = self.next_at_hand(&mut from, kind)
            {
                kind = next.0;
                frame.append(next.1);
            }
            self.daemon.counters.down.fetch_add(frame.bytes.len() as u64, Ordering::Relaxed);
            if self.lanes.write(kind, &frame.bytes).await.is_err() {
                return End::NoClient;
            }
            if kind == CLOSED {
                return End::Told;
            }
        }
    }

    /// The supervisor's next frame, where it was read already, is output like the one before it, and there is memory for it.
    fn next_at_hand(&self, from: &mut BufReader<ReadHalf<QuietStream>>, after: u8) -> Option<(u8, Frame)> {
        let header = Header::decode(*from.buffer().first_chunk::<HEADER>()?);
        let ours = header.channel == 0 || header.channel == self.number;
        if !ours || after < CONTROL || header.kind < CONTROL || header.len > limits::DEFAULT_MAX_FRAME {
            return None;
        }
        let body = from.buffer().get(HEADER..header.frame_len())?;
        let room = self.lanes.room.try_take(header.len)?;
        let mut bytes = Vec::with_capacity(header.frame_len());
        bytes.extend_from_slice(&Header { channel: self.number, ..header }.encode());
        bytes.extend_from_slice(body);
        from.consume(header.frame_len());
        Some((header.kind, Frame { bytes, room }))
    }

    /// The supervisor's next frame. What it says on channel 0 is about this one connection, which to the client is this
    /// channel.
    async fn next(&self, from: &mut BufReader<ReadHalf<QuietStream>>) -> io::Result<Option<(u8, Frame)>> {
        let Some(header) = frames::header(from, limits::DEFAULT_MAX_FRAME).await? else { return Ok(None) };
        if header.channel != 0 && header.channel != self.number {
            let why = format!("a frame for channel {}", header.channel);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let header = Header { channel: self.number, ..header };
        let room = self.lanes.room.take(header.len).await?;
        Ok(Some((header.kind, Frame::read(header, from, room).await?)))
    }
}

/// The number of `close`, with which a client ends a channel.
const CLOSE: u8 = 0x09;
/// The number of `closed`, after which nothing comes on a channel.
const CLOSED: u8 = 0x0a;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_is_what_it_is_called() {
        assert_eq!(Message::Closed(Close::default()).kind(), CLOSED);
        assert_eq!(Message::Close(Close::default()).kind(), CLOSE);
    }
}

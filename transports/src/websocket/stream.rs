//! Bytes over the binary messages of a WebSocket. Where one message ends and the next begins means nothing: framing sits above.

use bytes::Bytes;
use futures_util::{Sink, Stream as _};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A message of ours has at most so many bytes.
const PIECE: usize = 16 * 1024;
/// A message of theirs, and what is taken in memory for it. A client that sends larger ones is told so by the close code.
const MAX_MESSAGE: usize = 64 * 1024;
/// The other end is asked whether it lives after so long a silence,
const SILENCE: Duration = Duration::from_secs(30);
/// and has this long to answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The last bytes written, kept to say by the close code what they said. A longer word says nothing.
const LAST_WORD: usize = 1024;
/// The reason beside a close code: the standard's ceiling. Bytes.
const MAX_REASON: usize = 123;

/// Why a WebSocket closes: the standard's number, and a word for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// 1000 to 4999.
    pub code: u16,
    /// Cut where it is longer than the standard allows.
    pub reason: String,
}

/// What the last bytes written before the end meant, as whoever writes them knows. Nothing: it was no last word.
pub type LastWord = fn(&[u8]) -> Option<Farewell>;

/// Buffers for a connection of which there may be hundreds.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(PIECE)
        // One message more than fits is never given to it, since each is flushed out before the next where the peer is slow.
        .max_write_buffer_size(4 * PIECE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// One connection.
pub(crate) struct ByteStream<S> {
    socket: WebSocketStream<S>,
    /// What of a message has not been read yet.
    rest: Bytes,
    last: Vec<u8>,
    last_word: LastWord,
    /// How long a silence is borne, and how long an answer is waited for then.
    patience: (Duration, Duration),
    silence: Pin<Box<Sleep>>,
    asked: bool,
    over: bool,
    closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream<S> {
    pub(crate) fn new(socket: WebSocketStream<S>, last_word: LastWord) -> Self {
        Self::patient(socket, last_word, (SILENCE, ANSWER))
    }

    fn patient(socket: WebSocketStream<S>, last_word: LastWord, patience: (Duration, Duration)) -> Self {
        let silence = Box::pin(sleep_until(Instant::now() + patience.0));
        let (rest, last) = (Bytes::new(), Vec::new());
        Self { socket, rest, last, last_word, patience, silence, asked: false, over: false, closing: false }
    }

    fn heard(&mut self) {
        self.asked = false;
        self.silence.as_mut().reset(Instant::now() + self.patience.0);
    }

    /// Asks a silent peer for a sign of life, and ends the connection of one that gives none.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.silence.as_mut().poll(cx));
        if self.asked {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other end gave no sign of life")));
        }
        self.asked = true;
        self.silence.as_mut().reset(Instant::now() + self.patience.1);
        // Where nothing can be written the question waits in the buffer, behind what the peer does not take.
        if let Poll::Ready(Ok(())) = Pin::new(&mut self.socket).poll_ready(cx)
            && Pin::new(&mut self.socket).start_send(Message::Ping(Bytes::new())).is_ok()
        {
            let _ = Pin::new(&mut self.socket).poll_flush(cx);
        }
        // It has to be asked once more, or it would not wake us.
        let _ = self.silence.as_mut().poll(cx);
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.rest.is_empty() {
                let n = this.rest.len().min(into.remaining());
                into.put_slice(&this.rest.split_to(n));
                return Poll::Ready(Ok(()));
            }
            if this.over {
                return Poll::Ready(Ok(()));
            }
            match Pin::new(&mut this.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    this.heard();
                    match message {
                        Message::Binary(bytes) => this.rest = bytes,
                        Message::Text(_) => return Poll::Ready(Err(invalid("text on a WebSocket that carries bytes"))),
                        Message::Close(frame) => {
                            this.over = true;
                            if let Some(why) = frame.and_then(|frame| said(&frame)) {
                                return Poll::Ready(Err(why));
                            }
                        }
                        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    }
                }
                Poll::Ready(None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed))) => this.over = true,
                Poll::Ready(Some(Err(why))) => {
                    this.over = true;
                    return Poll::Ready(Err(broken(why)));
                }
                Poll::Pending => {
                    ready!(this.poll_silence(cx))?;
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.socket).poll_ready(cx)).map_err(broken)?;
        let piece = bytes.get(..bytes.len().min(PIECE)).unwrap_or_default();
        this.last.clear();
        if piece.len() <= LAST_WORD && piece.len() == bytes.len() {
            this.last.extend_from_slice(piece);
        }
        let message = Message::Binary(Bytes::copy_from_slice(piece));
        Pin::new(&mut this.socket).start_send(message).map_err(broken)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closing {
            match ready!(Pin::new(&mut this.socket).poll_ready(cx)) {
                Ok(()) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(Ok(())),
                Err(why) => return Poll::Ready(Err(broken(why))),
            }
            this.closing = true;
            let farewell = (this.last_word)(&this.last).unwrap_or(Farewell { code: 1000, reason: String::new() });
            match Pin::new(&mut this.socket).start_send(Message::Close(Some(frame(&farewell)))) {
                // It was closed by the other end already: what answers that is made, and has still to go out.
                Ok(()) | Err(Error::Protocol(_)) => {}
                Err(why) => return Poll::Ready(Err(broken(why))),
            }
        }
        match ready!(Pin::new(&mut this.socket).poll_flush(cx)) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Poll::Ready(Ok(())),
            Err(why) => Poll::Ready(Err(broken(why))),
        }
    }
}

/// A close frame, its reason cut to what the standard allows.
#[must_use]
pub fn frame(farewell: &Farewell) -> CloseFrame {
    let mut end = farewell.reason.len().min(MAX_REASON);
    while !farewell.reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = farewell.reason.get(..end).unwrap_or_default();
    CloseFrame { code: CloseCode::from(farewell.code), reason: reason.into() }
}

/// What a close frame says that is worth an error: an ordinary end says it by ending.
fn said(frame: &CloseFrame) -> Option<io::Error> {
    let code = u16::from(frame.code);
    match code {
        1000 | 1001 | 1005 => None,
        // Refused for good. (A number of ours: the standard has none.)
        4401 | 4403 => Some(io::Error::new(io::ErrorKind::PermissionDenied, text(code, &frame.reason))),
        _ => Some(io::Error::new(io::ErrorKind::ConnectionReset, text(code, &frame.reason))),
    }
}

fn text(code: u16, reason: &str) -> String {
    if reason.is_empty() { format!("closed with the code {code}") } else { format!("closed with the code {code}: {reason}") }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn broken(why: Error) -> io::Error {
    match why {
        Error::Io(why) => why,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        Error::Capacity(why) => invalid(&why.to_string()),
        why => io::Error::new(io::ErrorKind::ConnectionReset, why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    fn says_busy(bytes: &[u8]) -> Option<Farewell> {
        (bytes == b"busy").then(|| Farewell { code: 1013, reason: "later ".repeat(100) })
    }

    async fn pair() -> (ByteStream<DuplexStream>, ByteStream<DuplexStream>) {
        let (a, b) = tokio::io::duplex(4096);
        let client = WebSocketStream::from_raw_socket(a, Role::Client, Some(config())).await;
        let server = WebSocketStream::from_raw_socket(b, Role::Server, Some(config())).await;
        (ByteStream::new(client, |_| None), ByteStream::new(server, says_busy))
    }

    #[tokio::test]
    async fn a_megabyte_each_way_arrives_as_it_was_sent() {
        let (client, server) = pair().await;
        let data: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
        let both = async |stream: ByteStream<DuplexStream>| {
            let (mut read, mut write) = tokio::io::split(stream);
            let mut got = vec![0; data.len()];
            let write = async {
                write.write_all(&data).await.unwrap();
                write.flush().await.unwrap();
            };
            let (_, read) = tokio::join!(write, read.read_exact(&mut got));
            read.unwrap();
            assert!(got == data);
        };
        tokio::join!(both(client), both(server));
    }

    #[tokio::test]
    async fn the_close_code_says_what_the_last_word_said() {
        let (mut client, mut server) = pair().await;
        server.write_all(b"busy").await.unwrap();
        server.shutdown().await.unwrap();
        let mut read = Vec::new();
        let why = client.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(read, b"busy");
        assert!(why.to_string().contains("1013: later later"), "{why}");
        let (mut client, mut server) = pair().await;
        client.write_all(b"that was all").await.unwrap();
        client.shutdown().await.unwrap();
        let mut read = Vec::new();
        server.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"that was all");
    }

    #[tokio::test]
    async fn a_peer_that_gives_no_sign_of_life_is_left() {
        let (a, _held) = tokio::io::duplex(4096);
        let server = WebSocketStream::from_raw_socket(a, Role::Server, Some(config())).await;
        let soon = (Duration::from_millis(1), Duration::from_millis(1));
        let why = ByteStream::patient(server, |_| None, soon).read_u8().await.unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_that_answers_is_asked_again_and_again_and_stays() {
        let (mut client, mut server) = pair().await;
        server.patience = (Duration::from_millis(1), Duration::from_secs(20));
        server.heard();
        let mut asked = 0;
        let mut before = false;
        let asks = std::future::poll_fn(|cx| {
            let mut byte = [0];
            let read = Pin::new(&mut server).poll_read(cx, &mut ReadBuf::new(&mut byte));
            assert!(read.is_pending(), "{read:?}");
            asked += u32::from(server.asked && !std::mem::replace(&mut before, server.asked));
            before = server.asked;
            if asked >= 5 { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::select! {
            read = client.read_u8() => panic!("{read:?}"),
            () = asks => {}
        }
    }

    #[tokio::test]
    async fn a_message_too_large_is_refused_before_memory_is_taken() {
        let (a, b) = tokio::io::duplex(1 << 20);
        let server = WebSocketStream::from_raw_socket(a, Role::Server, Some(config())).await;
        let mut raw = b;
        // A header that announces a gigabyte.
        raw.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
        let why = ByteStream::new(server, |_| None).read_u8().await.unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::InvalidData, "{why}");
    }
}

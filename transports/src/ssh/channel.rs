//! One channel as a stream, with what is told beside its bytes.

use super::begin::{Last, Remote};
use crate::through::writes_through;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// What has come and the library has not asked for yet. Bytes, of each connection; larger packets pass it by.
const GATHERED: usize = 16 * 1024;
/// What is kept of stderr.
const WORDS: usize = 2048;
/// How long a connection that nobody holds any more may take to say what was still to be said.
const GOODBYE: Duration = Duration::from_secs(2);

/// A channel in which a program runs. All it needs to live is kept beside it and goes with it.
pub(super) struct Pipe {
    read: ChannelReadHalf,
    _write: ChannelWriteHalf<Msg>,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    rest: bytes::Bytes,
    ended: bool,
    last: Last,
    _held: Box<dyn Send>,
}

impl Pipe {
    pub(super) fn new(channel: Channel<Msg>, held: Box<dyn Send>) -> Self {
        let (read, write) = channel.split();
        let writer = Box::pin(write.make_writer());
        Self { read, _write: write, writer, rest: bytes::Bytes::new(), ended: false, last: Last::default(), _held: held }
    }

    fn heard(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        tracing::debug!(stderr = %text.trim_end(), "the other side says");
        keep(&mut self.last.words, &text);
    }
}

/// Keeps the end of it.
pub(super) fn keep(words: &mut String, text: &str) {
    words.push_str(text);
    if words.len() > WORDS {
        let from = words.len() - WORDS;
        let from = (from..words.len()).find(|at| words.is_char_boundary(*at)).unwrap_or(0);
        words.drain(..from);
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.rest.is_empty() {
                let part = this.rest.split_to(this.rest.len().min(into.remaining()));
                into.put_slice(&part);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            // How it ended comes after the end of what it said, so the end is where nothing comes any more.
            let next = ready!(std::pin::pin!(this.read.wait()).poll(cx));
            match next {
                Some(ChannelMsg::Data { data }) => this.rest = data,
                Some(ChannelMsg::ExtendedData { data, .. }) => this.heard(&data),
                Some(ChannelMsg::ExitStatus { exit_status }) => this.last.code = Some(exit_status),
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    keep(&mut this.last.words, &format!("it was ended by signal {signal_name:?}"));
                    this.last.code = Some(255);
                }
                Some(ChannelMsg::Close) | None => this.ended = true,
                Some(_) => {}
            }
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.writer.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(cx)
    }
}

impl Remote for Pipe {
    fn last(&self) -> Last {
        self.last.clone()
    }
}

/// The bytes below SSH, which end when nobody holds the other part any more. The library's own task, which reads them, ends with
/// them; by itself it would live for as long as a peer that takes nothing likes to keep it.
pub(super) struct Cut<S> {
    stream: BufReader<S>,
    held: oneshot::Receiver<()>,
    end: Option<Pin<Box<Sleep>>>,
}

/// The library reads four bytes of each packet, then the rest, then looks for more: three calls of the system, where one will do.
pub(super) fn gathered<S: AsyncRead>(stream: S) -> BufReader<S> {
    BufReader::with_capacity(GATHERED, stream)
}

/// What has to be kept.
pub(super) type Held = oneshot::Sender<()>;

pub(super) fn cut<S: AsyncRead>(stream: S) -> (Cut<S>, Held) {
    let (hold, held) = oneshot::channel();
    (Cut { stream: gathered(stream), held, end: None }, hold)
}

impl<S: AsyncRead + Unpin> AsyncRead for Cut<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.end.is_none() && Pin::new(&mut self.held).poll(cx).is_ready() {
            self.end = Some(Box::pin(tokio::time::sleep(GOODBYE)));
        }
        if let Some(end) = &mut self.end
            && end.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

writes_through!({S: AsyncRead + AsyncWrite + Unpin} Cut<S>, stream);

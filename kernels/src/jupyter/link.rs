//! One connection to one of a kernel's five sockets: never a wait, and no further reading than somebody asks for.

use rialto_jupyter_wire::zmtp::{self, Reader, Received};
use rialto_jupyter_wire::{Connection, Key, Message};
use std::io;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// What is read at once.
const READ: usize = 32 * 1024;
/// A kernel does not tell when it listens; it is tried this often.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// The sockets, by their place in a connection's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    Shell = 0,
    Iopub = 1,
    Stdin = 2,
    Control = 3,
    Heartbeat = 4,
}

/// In the order in which they are read: what the kernel said before it answered is told before the answer.
pub(super) const SOCKETS: [Socket; 5] = [Socket::Iopub, Socket::Shell, Socket::Control, Socket::Stdin, Socket::Heartbeat];

#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Tcp(stream) => stream.poll_read_ready(cx),
        }
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Unix(stream) => stream.poll_write_ready(cx),
            Self::Tcp(stream) => stream.poll_write_ready(cx),
        }
    }

    fn try_read(&self, data: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.try_read(data),
            Self::Tcp(stream) => stream.try_read(data),
        }
    }

    fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.try_write(data),
            Self::Tcp(stream) => stream.try_write(data),
        }
    }
}

/// Where a kernel may listen: at sockets in our folder where it was told to, else at ports.
#[derive(Debug, Clone)]
pub(super) struct Where {
    /// The beginning of the sockets' paths; their ends are 1 to 5.
    pub(super) base: PathBuf,
    /// Where the kernel believes its file: at these ports.
    pub(super) file: Connection,
}

/// The path of a socket.
fn path(base: &Path, number: u16) -> PathBuf {
    let mut path = base.as_os_str().to_owned();
    path.push(format!("-{number}"));
    path.into()
}

async fn at_port(port: u16) -> io::Result<Stream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    // Where nobody listens, an attempt may happen to get that very port for its own end, and meet itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(Stream::Tcp(stream))
}

/// Connects to all five, however long that takes: whoever waits for it has a limit.
pub(super) async fn connect(place: Where) -> [Stream; 5] {
    let mut found: [Option<Stream>; 5] = Default::default();
    // Which of the two it is, the first one tells.
    let mut paths = None;
    loop {
        for ((number, port), found) in (1..).zip(place.file.ports()).zip(&mut found) {
            if found.is_none() && paths != Some(false) {
                *found = UnixStream::connect(path(&place.base, number)).await.ok().map(Stream::Unix);
            }
            if found.is_none() && paths != Some(true) {
                *found = at_port(port).await.ok();
            }
            paths = paths.or(found.as_ref().map(|stream| matches!(stream, Stream::Unix(_))));
        }
        if found.iter().all(Option::is_some)
            && let [Some(shell), Some(iopub), Some(stdin), Some(control), Some(heartbeat)] = std::mem::take(&mut found)
        {
            return [shell, iopub, stdin, control, heartbeat];
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// What a connection brought.
pub(super) enum Heard {
    /// Frames.
    Message(Vec<Vec<u8>>),
    /// One too long to be kept: the frames before that, and how long it was.
    TooLong(Vec<Vec<u8>>, u64),
    /// Nothing more will come.
    Closed,
}

pub(super) struct Link {
    /// None once it has ended.
    stream: Option<Stream>,
    reader: Reader,
    /// What was read and is not looked at yet: from `done` to `filled`.
    received: Vec<u8>,
    done: usize,
    filled: usize,
    unsent: Vec<u8>,
    sent: usize,
    /// What is sent once the other end has said what it is.
    later: Option<Vec<u8>>,
}

impl Link {
    pub(super) fn new(stream: Stream, socket: Socket, identity: &[u8]) -> Self {
        let kind = if socket == Socket::Iopub { "SUB" } else { "DEALER" };
        let unsent = zmtp::hello(kind, identity);
        let mut later = Vec::new();
        if socket == Socket::Iopub {
            zmtp::subscribe(&mut later);
        }
        let (reader, received) = (Reader::default(), Vec::new());
        Self { stream: Some(stream), reader, received, done: 0, filled: 0, unsent, sent: 0, later: Some(later) }
    }

    pub(super) fn send(&mut self, message: &Message, key: &Key) {
        self.send_frames(&message.frames(&message.signed(key)));
    }

    pub(super) fn send_frames(&mut self, frames: &[&[u8]]) {
        zmtp::put(self.later.as_mut().unwrap_or(&mut self.unsent), frames);
    }

    /// Sends as much as is taken. The task is woken where there is more.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) {
        while let (Some(stream), Some(rest)) = (&self.stream, self.unsent.get(self.sent..).filter(|rest| !rest.is_empty())) {
            match stream.try_write(rest) {
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => match stream.poll_write_ready(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => self.stop_sending(),
                    Poll::Pending => return,
                },
                // That nobody listens any more is seen by reading, after what was said before.
                Err(_) => self.stop_sending(),
            }
        }
        if self.sent > 0 {
            self.sent = 0;
            // A large code's room is not kept.
            self.unsent = Vec::new();
        }
    }

    fn stop_sending(&mut self) {
        self.sent = self.unsent.len();
    }

    /// The next message. After the end `Pending` for ever.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            let mut data = self.received.get(self.done..self.filled).unwrap_or_default();
            let before = data.len();
            let read = self.reader.read(&mut data);
            self.done += before - data.len();
            match read {
                Ok(Some(Received::Message(frames))) => return Poll::Ready(Heard::Message(frames)),
                Ok(Some(Received::TooLong(frames, size))) => return Poll::Ready(Heard::TooLong(frames, size)),
                Ok(Some(Received::Ping(context))) => {
                    zmtp::pong(&mut self.unsent, &context);
                    self.poll_send(cx);
                    continue;
                }
                Ok(Some(Received::Ready(_))) => {
                    self.unsent.extend(self.later.take().unwrap_or_default());
                    self.poll_send(cx);
                    continue;
                }
                Ok(None) => {}
                Err(why) => {
                    tracing::warn!(%why, "a socket of the kernel does not speak ZeroMQ");
                    return self.close();
                }
            }
            let Some(stream) = &self.stream else { return Poll::Pending };
            self.received.resize(READ, 0);
            (self.done, self.filled) = (0, 0);
            match stream.try_read(&mut self.received) {
                Ok(0) => return self.close(),
                Ok(n) => self.filled = n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // Most of these connections are silent most of the time.
                    self.received = Vec::new();
                    match stream.poll_read_ready(cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(_)) => return self.close(),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Err(_) => return self.close(),
            }
        }
    }

    fn close(&mut self) -> Poll<Heard> {
        self.stream = None;
        (self.done, self.filled) = (0, 0);
        Poll::Ready(Heard::Closed)
    }
}

//! The driver: a socket, a clock, and the rules of [`Core`]. It spawns nothing. Every method may be cancelled by dropping
//! its future: nothing is lost, and a connection that is being made goes on being made at the next call.

use crate::core::{Core, Counters};
use crate::incoming::{Answer, Connected, Incoming, Ticket};
use crate::keep::Keep;
use crate::link::{Connect, Link, Linking};
use crate::options::{Options, Snapshot};
use rialto_protocol::message::Open;
use rialto_protocol::{Code, Cursor, ErrorReply, Message, SessionId};
use rialto_transports::Stream;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// Bytes read at once.
const READ: usize = 64 * 1024;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// How far ahead a clock can be asked to ring.
const FAR: Duration = Duration::from_secs(86_400);

enum Wire {
    Down,
    Making(Linking),
    Up(Stream),
}

/// What was taken from the core and not yet written.
#[derive(Default)]
struct Unwritten {
    bytes: Vec<u8>,
    at: usize,
    flush: bool,
}

/// One session, seen from one client.
pub struct Session {
    pub(crate) core: Core,
    connector: Box<dyn Connect>,
    wire: Wire,
    out: Unwritten,
    scratch: Vec<u8>,
    /// Rings when something is due; kept from one turn to the next, because setting a clock costs more than most turns.
    alarm: Option<Pin<Box<Sleep>>>,
    origin: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("core", &self.core).finish_non_exhaustive()
    }
}

enum Happened {
    Linked(Box<Result<Link, ErrorReply>>),
    Read(io::Result<usize>),
    Time,
}

impl Session {
    /// A handle for what `open` asks for. Nothing happens before something is awaited.
    #[must_use]
    pub fn new(connector: impl Connect + 'static, open: Open, options: Options) -> Self {
        Self {
            core: Core::new(open, options),
            connector: Box::new(connector),
            wire: Wire::Down,
            out: Unwritten::default(),
            scratch: Vec::new(),
            alarm: None,
            origin: Instant::now(),
        }
    }

    /// What comes next: events in order, each once; answers nobody waits for; what happens to links. After the end always
    /// [`Incoming::Closed`].
    pub async fn next(&mut self) -> Incoming {
        self.drive(Core::next_incoming).await
    }

    /// What is there already, without waiting, reading or writing.
    pub fn try_next(&mut self) -> Option<Incoming> {
        self.core.next_incoming()
    }

    /// Nothing is there that [`Self::try_next`] would give: the moment to flush what was shown.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.core.is_idle()
    }

    /// Waits until the session answers. [`Incoming::Connected`] is still given by [`Self::next`].
    ///
    /// # Errors
    /// What closed the handle.
    pub async fn connected(&mut self) -> Result<Connected, ErrorReply> {
        self.drive(|core| core.connected().map(Ok).or_else(|| core.closed().map(|why| Err(why.clone())))).await
    }

    /// Takes a request without waiting; it goes out with the next thing awaited. See [`Core::send`].
    ///
    /// # Errors
    /// As [`Core::send`].
    pub fn send(&mut self, message: Message) -> Result<Ticket, ErrorReply> {
        self.core.send(message)
    }

    /// Says something about a terminal that is seen; it goes out with the next thing awaited. See [`Core::say`].
    pub fn say(&mut self, message: &Message) -> bool {
        self.core.say(message)
    }

    /// Forgets a request that has not left this program. See [`Core::take_back`].
    pub fn take_back(&mut self, ticket: Ticket) -> bool {
        self.core.take_back(ticket)
    }

    /// Waits for the answer to a request. Events that come meanwhile wait for [`Self::next`].
    ///
    /// # Errors
    /// What the request was refused with.
    pub async fn wait(&mut self, ticket: Ticket) -> Answer {
        let claim = Claim::new(self, ticket);
        claim.0.drive(|core| core.take_answer(ticket).or_else(|| core.closed().map(|why| Err(why.clone())))).await
    }

    /// Sends what is queued and a goodbye, for at most a second. Requests without an answer stay as they are.
    pub async fn leave(mut self) {
        self.core.leave();
        let now = self.now();
        if let Wire::Up(stream) = &mut self.wire {
            let (core, out) = (&mut self.core, &mut self.out);
            let written = poll_fn(|cx| out.poll(core, now, stream, cx));
            if let Ok(Ok(())) = timeout(GOODBYE, written).await {
                let _closed = timeout(GOODBYE, stream.shutdown()).await;
            }
        }
    }

    /// The last event handed out.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.core.cursor()
    }

    /// Begins after this event; before the first link only. See [`Core::set_cursor`].
    pub fn set_cursor(&mut self, cursor: Option<Cursor>) {
        self.core.set_cursor(cursor);
    }

    /// The session's id, once it answered.
    #[must_use]
    pub const fn id(&self) -> Option<&SessionId> {
        self.core.session()
    }

    /// What a program would keep on disk now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot()
    }

    /// Goes on where a program that died had come to. See [`Core::restore`].
    ///
    /// # Errors
    /// As [`Core::restore`].
    pub fn restore(&mut self, snapshot: Snapshot) -> Result<Vec<Ticket>, ErrorReply> {
        self.core.restore(snapshot)
    }

    /// Tells `keep` of every request from here on, before it is sent. See [`Keep`].
    pub fn set_keep(&mut self, keep: Box<dyn Keep>) {
        self.core.set_keep(keep);
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.core.counters()
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Moves everything until `done` has something to give.
    async fn drive<T>(&mut self, mut done: impl FnMut(&mut Core) -> Option<T>) -> T {
        self.core.resume(self.now());
        loop {
            let now = self.now();
            self.core.tick(now);
            self.follow(now);
            if let Some(found) = done(&mut self.core) {
                // A caller that finds something each time it asks must still get its requests and credit out.
                if let Wire::Up(stream) = &mut self.wire {
                    let (core, out) = (&mut self.core, &mut self.out);
                    let _later = poll_fn(|cx| Poll::Ready(out.poll(core, now, stream, cx))).await;
                }
                return found;
            }
            let happened = self.turn(now).await;
            let now = self.now();
            match happened {
                Happened::Time => {}
                Happened::Linked(made) => match *made {
                    Ok(link) => {
                        self.core.linked(now, link.cookie, link.open, link.local);
                        self.wire = Wire::Up(link.stream);
                    }
                    Err(why) => {
                        self.wire = Wire::Down;
                        self.core.unlinked(now, why);
                    }
                },
                Happened::Read(Ok(0)) => self.core.lost(now, broken("the other side closed the connection")),
                Happened::Read(Ok(n)) => self.core.received(now, self.scratch.get(..n).unwrap_or_default()),
                Happened::Read(Err(why)) => self.core.lost(now, broken(&format!("the connection broke: {why}"))),
            }
        }
    }

    /// Does with the link what the core has decided.
    fn follow(&mut self, now: Duration) {
        if !self.core.has_link() && !matches!(self.wire, Wire::Down) {
            self.wire = Wire::Down;
        }
        if let Some(open) = self.core.wants_link(now) {
            self.out = Unwritten::default();
            self.wire = Wire::Making(self.connector.connect(open));
        }
    }

    /// Waits for one thing to happen; writes meanwhile.
    async fn turn(&mut self, now: Duration) -> Happened {
        let due = self.core.deadline().map(|at| self.origin + at.min(now + FAR));
        let Self { core, wire, out, scratch, alarm, .. } = self;
        match (due, alarm.as_mut()) {
            (None, _) => *alarm = None,
            // One that rings too early finds nothing due, and is set anew.
            (Some(due), Some(alarm)) if alarm.deadline() > due || alarm.is_elapsed() => alarm.as_mut().reset(due),
            (Some(_), Some(_)) => {}
            (Some(due), None) => *alarm = Some(Box::pin(sleep_until(due))),
        }
        scratch.resize(READ, 0);
        poll_fn(|cx| {
            match wire {
                Wire::Down => {}
                Wire::Making(linking) => {
                    if let Poll::Ready(link) = linking.as_mut().poll(cx) {
                        return Poll::Ready(Happened::Linked(Box::new(link)));
                    }
                }
                Wire::Up(stream) => {
                    let written = out.poll(core, now, stream, cx);
                    let mut room = ReadBuf::new(scratch);
                    match (Pin::new(stream).poll_read(cx, &mut room), written) {
                        (Poll::Ready(read), _) => return Poll::Ready(Happened::Read(read.map(|()| room.filled().len()))),
                        // Only when nothing is left to read: what was said before it closed says why.
                        (Poll::Pending, Poll::Ready(Err(why))) => return Poll::Ready(Happened::Read(Err(why))),
                        (Poll::Pending, _) => {}
                    }
                }
            }
            alarm.as_mut().map_or(Poll::Pending, |alarm| alarm.as_mut().poll(cx).map(|()| Happened::Time))
        })
        .await
    }
}

impl Unwritten {
    /// Writes as much as goes. Ready when nothing is left.
    fn poll(&mut self, core: &mut Core, now: Duration, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                self.bytes.clear();
                self.at = 0;
                core.transmit(now, &mut self.bytes);
                if !self.bytes.is_empty() {
                    continue;
                }
                if self.flush {
                    ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                    self.flush = false;
                }
                return Poll::Ready(Ok(()));
            }
            let n = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.at += n;
            self.flush = true;
        }
    }
}

fn broken(why: &str) -> ErrorReply {
    ErrorReply::new(0, Code::Disconnected, why)
}

/// Somebody waits for an answer; dropped with the future that waits.
struct Claim<'a>(&'a mut Session, Ticket);

impl<'a> Claim<'a> {
    fn new(session: &'a mut Session, ticket: Ticket) -> Self {
        session.core.claim(ticket);
        Self(session, ticket)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.core.unclaim(self.1);
    }
}

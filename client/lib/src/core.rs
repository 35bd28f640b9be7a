//! The rules of a session's handle, without weather: no socket, no clock, no task. Bytes, the time and requests go in;
//! bytes, [`Incoming`] and the moment to be called again come out.
//!
//! The driver's duty: when [`Core::wants_link`] says so, make a link and report [`Core::linked`] or [`Core::unlinked`];
//! write what [`Core::transmit`] gives; report what is read; call [`Core::tick`] at [`Core::deadline`]; and drop the link
//! as soon as [`Core::has_link`] is false.

mod handshake;
mod receive;

use crate::credit::Credit;
use crate::cursor::Position;
use crate::inbox::Inbox;
use crate::incoming::{Answer, Connected, Incoming, Ticket};
use crate::keep::{Keep, Keeper};
use crate::keepalive::{Pulse, Pulses};
use crate::lanes::Lanes;
use crate::options::{Keepalive, Options, Snapshot};
use crate::outbox::Outbox;
use crate::reconnect::{Next, Reconnect};
use handshake::Conversation;
use rialto_protocol::message::{Close, Credit as Grant, Open};
use rialto_protocol::{Code, Cursor, ErrorReply, Message, SessionId};
use std::time::Duration;

/// The session's channel. One handle, one session, one channel.
const CHANNEL: u16 = 1;

#[derive(Debug)]
enum Phase {
    /// No link; the next attempt is due then.
    Idle(Duration),
    /// The driver makes one.
    Connecting,
    /// The hellos are under way, requests behind them.
    Greeting,
    /// The session answered.
    Live,
    /// Over.
    Closed(ErrorReply),
}

/// What was counted, for people who wonder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Links on which the session answered.
    pub links: u64,
    /// Breaches of the protocol by the other side.
    pub faults: u64,
    /// Events that came twice and were handed out once.
    pub duplicates: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Core {
    options: Options,
    open: Open,
    /// The session's id, once it is known: from then on names mean nothing.
    bound: Option<SessionId>,
    phase: Phase,
    /// What was said on this link.
    talk: Conversation,
    lanes: Lanes,
    pulses: Pulses,
    position: Position,
    handed: Option<Cursor>,
    credit: Credit,
    outbox: Outbox,
    inbox: Inbox,
    keeper: Keeper,
    reconnect: Reconnect,
    ended: bool,
    counters: Counters,
}

impl Core {
    /// A handle for what `open` asks for. Nothing happens yet.
    #[must_use]
    pub fn new(open: Open, options: Options) -> Self {
        let options = options.clamped();
        let position = Position::new(options.start);
        Self {
            open,
            bound: None,
            phase: Phase::Idle(Duration::ZERO),
            talk: Conversation::default(),
            lanes: Lanes::default(),
            pulses: Pulses::default(),
            handed: position.at(),
            position,
            credit: Credit::new(options.window, options.max_frame),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            keeper: Keeper::default(),
            reconnect: Reconnect::new(options.reconnect, options.seed),
            ended: false,
            counters: Counters::default(),
            options,
        }
    }

    /// Goes on where a program that died had come to: binds to the session, takes the cursor, sends the requests again.
    ///
    /// # Errors
    /// Where the requests do not fit into the outbox.
    pub fn restore(&mut self, snapshot: Snapshot) -> Result<Vec<Ticket>, ErrorReply> {
        self.bound = snapshot.session.or(self.bound.take());
        if snapshot.cursor.is_some() {
            self.set_cursor(snapshot.cursor);
        }
        let send = |message| {
            let ticket = self.send(message)?;
            self.outbox.may_have_gone(ticket);
            Ok(ticket)
        };
        snapshot.requests.into_iter().map(send).collect()
    }

    /// What a program would keep on disk now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { session: self.bound.clone(), cursor: self.handed, requests: self.outbox.snapshot() }
    }

    /// The last event handed out.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.handed
    }

    /// Begins after this event instead of where the options said. Without effect on a link that is up already.
    pub fn set_cursor(&mut self, cursor: Option<Cursor>) {
        self.position = Position::new(crate::Start::After(cursor));
        self.handed = cursor;
    }

    /// The session's id, once it answered.
    #[must_use]
    pub const fn session(&self) -> Option<&SessionId> {
        self.bound.as_ref()
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes a request: submit, interrupt, input, restart, kill, redact, share, unshare and comm stay until they are answered, over any number
    /// of links; questions about code and state go down with their link. The library sets `re`.
    ///
    /// # Errors
    /// `outbox_full`; `id_reused` where this id waits with other content; what closed the handle, if it is closed.
    pub fn send(&mut self, message: Message) -> Result<Ticket, ErrorReply> {
        if let Phase::Closed(why) = &self.phase {
            return Err(why.clone());
        }
        let ticket = self.outbox.push(message)?;
        self.keeper.asked(&self.outbox, ticket);
        Ok(ticket)
    }

    /// Says something about a terminal that is seen (`watch`, `unwatch`, `seen`, `keys`, `resize`) on the link that is up: it goes down
    /// with that, and what comes of it is [`Incoming::Terminal`]. False where there is no link.
    pub fn say(&mut self, message: &Message) -> bool {
        let live = matches!(self.phase, Phase::Live);
        if live {
            self.lanes.bulk(CHANNEL, message, self.talk.max_frame);
        }
        live
    }

    /// Tells `keep` of every request from here on, before it is sent.
    pub fn set_keep(&mut self, keep: Box<dyn Keep>) {
        self.keeper = Keeper(Some(keep));
    }

    /// Forgets a request that has not left this program, and says whether it did so. One that was given to a link may have
    /// arrived, whatever became of that link: it stays, and only the other side can stop what it asks for.
    pub fn take_back(&mut self, ticket: Ticket) -> bool {
        let request = self.keeper.0.as_ref().and_then(|_| self.outbox.kept(ticket).cloned());
        let back = self.outbox.take_back(ticket);
        if let (true, Some(keep), Some(request)) = (back, &mut self.keeper.0, request) {
            keep.taken_back(&request);
        }
        back
    }

    /// Keeps the answer to this for [`Self::take_answer`].
    pub fn claim(&mut self, ticket: Ticket) {
        self.inbox.claim(ticket);
    }

    /// The answer goes the way of all others again.
    pub fn unclaim(&mut self, ticket: Ticket) {
        self.inbox.unclaim(ticket);
    }

    /// The answer to a claimed request, once it is there.
    pub fn take_answer(&mut self, ticket: Ticket) -> Option<Answer> {
        self.inbox.take(ticket)
    }

    /// What came next. After the end: always [`Incoming::Closed`].
    pub fn next_incoming(&mut self) -> Option<Incoming> {
        if let Some(item) = self.inbox.next() {
            self.handed = item.cursor.or(self.handed);
            self.credit.handed(item.bytes);
            return Some(item.incoming);
        }
        if let Phase::Closed(why) = &self.phase { Some(Incoming::Closed(why.clone())) } else { None }
    }

    /// Nothing is waiting to be handed out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.closed().is_none()
    }

    /// Why it is over, if it is.
    #[must_use]
    pub const fn closed(&self) -> Option<&ErrorReply> {
        if let Phase::Closed(why) = &self.phase { Some(why) } else { None }
    }

    /// What was said when the present link came up, if there is one.
    #[must_use]
    pub fn connected(&self) -> Option<Connected> {
        if matches!(self.phase, Phase::Live) { self.talk.connected(self.counters.links > 1) } else { None }
    }

    /// There is a link, or one is being made.
    #[must_use]
    pub const fn has_link(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Greeting | Phase::Live)
    }

    /// A link is due: what to open on it. From here on one is being made.
    pub fn wants_link(&mut self, now: Duration) -> Option<Open> {
        if !matches!(self.phase, Phase::Idle(at) if at <= now) {
            return None;
        }
        self.reconnect.begin(now);
        self.phase = Phase::Connecting;
        Some(self.wanted())
    }

    fn wanted(&self) -> Open {
        let mut open = match &self.bound {
            Some(id) => Open { session: id.to_string(), scope: self.open.scope, ..Open::default() },
            None => self.open.clone(),
        };
        open.channel = CHANNEL;
        open.re = handshake::RE_OPEN;
        open
    }

    /// There is a link.
    pub fn linked(&mut self, now: Duration, cookie: Option<Vec<u8>>, open: Open, local: bool) {
        if !matches!(self.phase, Phase::Connecting) {
            return;
        }
        let ping = match self.options.keepalive {
            Keepalive::Remote => !local,
            Keepalive::Always => true,
            Keepalive::Never => false,
        };
        self.pulses.link(now, ping);
        self.phase = Phase::Greeting;
        self.greet(now, cookie, open);
    }

    /// No link could be made.
    pub fn unlinked(&mut self, now: Duration, why: ErrorReply) {
        if matches!(self.phase, Phase::Connecting) {
            self.refused(now, why);
        }
    }

    /// The link is gone.
    pub fn lost(&mut self, now: Duration, why: ErrorReply) {
        if !self.has_link() {
            return;
        }
        let wish = self.talk.goaway_ms.or(why.after_ms).map(Duration::from_millis);
        self.drop_link();
        for ticket in self.outbox.lost() {
            self.inbox.answer(ticket, Err(disconnected(ticket, &why)));
        }
        if self.ended && self.outbox.is_empty() {
            return self.close(ErrorReply::new(0, Code::SessionEnded, "the session has ended, and all of it was read"));
        }
        match self.reconnect.lost(now, wish) {
            Next::Again { attempt, at } => {
                tracing::debug!(attempt, %why, "no link");
                let in_ms = u64::try_from(at.saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
                self.phase = Phase::Idle(at);
                self.inbox.news(Incoming::Reconnecting { attempt, in_ms, why });
            }
            Next::GiveUp => self.give_up(&why.text),
        }
    }

    fn give_up(&mut self, why: &str) {
        self.close(ErrorReply::new(0, Code::Unreachable, format!("given up: {why}")));
    }

    /// The other side broke the protocol: the link is dropped. Nobody else is hurt, and the cursor says where to go on;
    /// but a side that never spoke it, or does so again and again, is not asked for ever.
    fn fault(&mut self, now: Duration, mut why: ErrorReply) {
        self.counters.faults += 1;
        if self.talk.welcome.is_none() {
            why.text = format!("the other side does not speak Rialto: {}", why.text);
            // Where it did before, this may be the error page of something in between.
            if self.counters.links == 0 {
                return self.close(why);
            }
        }
        if self.reconnect.fault() { self.close(why) } else { self.lost(now, why) }
    }

    fn drop_link(&mut self) {
        self.talk = Conversation::default();
        self.lanes.clear();
    }

    /// The end of this handle.
    fn close(&mut self, mut why: ErrorReply) {
        self.drop_link();
        let gone = matches!(why.known(), Some(Code::UnknownSession | Code::SessionGone));
        if gone && self.bound.is_some() {
            // A session of the same name may exist by now. It is another one.
            why = ErrorReply::new(0, Code::SessionGone, format!("the session this was meant for is gone: {}", why.text));
        }
        for ticket in self.outbox.tickets() {
            let answer = if gone || self.bound.is_none() {
                let answer = Err(ErrorReply { re: ticket.0, ..why.clone() });
                self.keeper.answered(&self.outbox, ticket, &answer);
                answer
            } else {
                // It may have been carried out. It stays in the snapshot: sent again under its id it does no harm.
                Err(disconnected(ticket, &why))
            };
            self.inbox.answer(ticket, answer);
        }
        if gone {
            self.outbox = Outbox::default();
        }
        tracing::debug!(%why, "closed");
        self.phase = Phase::Closed(why);
    }

    /// Appends what to write now. Call it again after it was written, until it gives nothing.
    pub fn transmit(&mut self, now: Duration, out: &mut Vec<u8>) {
        if !matches!(self.phase, Phase::Greeting | Phase::Live) {
            return;
        }
        if self.position.wants_events()
            && self.talk.held.is_none()
            && let Some(bytes) = self.credit.due()
        {
            self.lanes.control(CHANNEL, &Message::Credit(Grant { bytes }), self.talk.max_frame);
        }
        // The hellos are in the lanes already; what follows them goes into the same write.
        while self.lanes.wants_more() && self.talk.held.is_none() {
            if let Some(message) = self.outbox.next_to_send(now) {
                self.lanes.bulk(CHANNEL, message, self.talk.max_frame);
            } else {
                if std::mem::take(&mut self.talk.goodbye) {
                    self.lanes.bulk(CHANNEL, &Message::Close(Close::default()), self.talk.max_frame);
                }
                break;
            }
        }
        self.lanes.fill(out);
    }

    /// Says goodbye once everything that waits has been sent, so that the other side need not find out.
    pub fn leave(&mut self) {
        self.talk.goodbye = matches!(self.phase, Phase::Live);
    }

    /// The caller awaits again, after a time in which nobody may have read.
    pub fn resume(&mut self, now: Duration) {
        self.pulses.resume(now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) {
        if self.has_link() && self.reconnect.give_up_at().is_some_and(|at| at <= now) {
            return self.give_up("the session did not answer in the time that was set");
        }
        if !matches!(self.phase, Phase::Greeting | Phase::Live) {
            return;
        }
        if self.talk.leave_at.is_some_and(|at| at <= now) {
            return self.lost(now, ErrorReply::new(0, Code::Disconnected, self.talk.leave_why));
        }
        match self.pulses.check(now) {
            Pulse::Fine => {}
            Pulse::Ping => self.lanes.control(0, &Message::Ping(*b"rialto??"), self.talk.max_frame),
            Pulse::Dead => self.lost(now, ErrorReply::new(0, Code::Disconnected, "the other side has been silent for too long")),
        }
    }

    /// When to call [`Self::tick`].
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let give_up = self.reconnect.give_up_at();
        let all: [Option<Duration>; 4] = match self.phase {
            Phase::Idle(at) => [Some(at), None, None, None],
            Phase::Connecting => [give_up, None, None, None],
            Phase::Greeting | Phase::Live => [give_up, self.talk.leave_at, self.pulses.deadline(), self.outbox.deadline()],
            Phase::Closed(_) => [None; 4],
        };
        all.into_iter().flatten().min()
    }
}

fn disconnected(ticket: Ticket, why: &ErrorReply) -> ErrorReply {
    let text = format!("the link was lost before the answer came ({}); whether it was carried out is not known", why.text);
    ErrorReply::new(ticket.0, Code::Disconnected, text)
}

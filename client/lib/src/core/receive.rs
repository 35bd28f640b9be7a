//! What happens when bytes come.

use super::{CHANNEL, Core, Phase};
use crate::core::handshake::{RE_ATTACH, RE_OPEN};
use crate::credit::costs_credit;
use crate::cursor::Judged;
use crate::incoming::{Incoming, Ticket};
use crate::outbox;
use rialto_protocol::event::Event;
use rialto_protocol::frame::Header;
use rialto_protocol::message::{Carried, EvalInfo, EvalState, Gap, Goaway, Rewound};
use rialto_protocol::{Code, ErrorReply, Message, Record, codec, kind};
use std::time::Duration;

/// After a goaway, how long the other side may take to close by itself.
const FAREWELL: Duration = Duration::from_secs(5);

impl Core {
    /// Bytes came.
    pub fn received(&mut self, now: Duration, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Greeting | Phase::Live) {
            return;
        }
        self.pulses.heard(now);
        self.talk.decoder.push(bytes);
        while matches!(self.phase, Phase::Greeting | Phase::Live) {
            match self.next_message() {
                Ok(Some((header, message))) => self.message(now, header, message),
                Ok(None) => return,
                Err(why) => return self.fault(now, why),
            }
        }
    }

    /// The next whole message of a channel that is ours.
    fn next_message(&mut self) -> Result<Option<(Header, Message)>, ErrorReply> {
        loop {
            let talk = &mut self.talk;
            let frame = talk.decoder.next().map_err(|why| ErrorReply::new(0, Code::Oversize, why.to_string()))?;
            let Some((header, body)) = frame else { return Ok(None) };
            if header.channel > CHANNEL {
                continue;
            }
            if costs_credit(header.kind) && self.credit.arrived(header.frame_len()).is_err() {
                return Err(ErrorReply::new(0, Code::WrongState, "it sent more events than it was given credit for"));
            }
            let whole = talk.assembler.take(header, body).map_err(|why| ErrorReply::new(0, why.code(), why.to_string()))?;
            let Some(body) = whole else { continue };
            let message = codec::decode(header, &body).map_err(|why| ErrorReply::new(0, Code::BadMessage, why.to_string()))?;
            return Ok(Some((header, message)));
        }
    }

    fn message(&mut self, now: Duration, header: Header, message: Message) {
        let bytes = if costs_credit(header.kind) { self.credit.whole() } else { 0 };
        match message {
            Message::Welcome(welcome) => self.welcomed(now, welcome),
            Message::Error(error) => self.error(now, error),
            Message::Goaway(goaway) => self.goaway(now, goaway),
            Message::Ping(eight) => self.lanes.control(header.channel, &Message::Pong(eight), self.talk.max_frame),
            Message::Pong(_) | Message::Detached(_) | Message::Unknown { ignorable: true, .. } => {}
            _ if self.talk.welcome.is_none() => {
                let name = kind::name(header.kind).unwrap_or("something unknown");
                self.fault(now, ErrorReply::new(0, Code::BadFrame, format!("it began with {name} instead of a welcome")));
            }
            Message::Opened(opened) => self.opened(now, opened),
            Message::Greeted(greeted) => self.greeted(now, greeted),
            Message::Attached(attached) => self.attached(now, attached),
            Message::Close(close) | Message::Closed(close) => {
                let text = if close.reason.is_empty() { "the session's channel was closed".to_owned() } else { close.reason };
                self.lost(now, ErrorReply::new(0, Code::Disconnected, text));
            }
            Message::Notice(notice) => self.inbox.news(Incoming::Notice(notice)),
            Message::Event(_) | Message::Gap(_) | Message::Rewound(_) if self.talk.attached.is_none() => {
                self.fault(now, ErrorReply::new(0, Code::WrongState, "it sent events before the attach was answered"));
            }
            Message::Event(record) => self.event(now, record, bytes),
            Message::Gap(gap) => self.gap(now, gap, bytes),
            Message::Rewound(rewound) => self.rewound(now, rewound),
            Message::Screen(_) | Message::Drawn(_) | Message::Unwatched(_) | Message::Typed(_) => {
                if !self.inbox.terminal(message) {
                    let text = "it shows more of a terminal than was ever said to be seen";
                    self.fault(now, ErrorReply::new(0, Code::WrongState, text));
                }
            }
            other => match outbox::re(&other) {
                Some(ticket) => self.reply(now, ticket, other),
                None => self.not_understood(header),
            },
        }
    }

    /// A message that is unknown, or means nothing here. The other side is told, and the link lives.
    fn not_understood(&mut self, header: Header) {
        let what = kind::name(header.kind).map_or_else(|| format!("kind {:#04x}", header.kind), ToOwned::to_owned);
        let error = ErrorReply::new(0, Code::UnknownMessage, format!("this client does not understand {what} here"));
        self.lanes.control(header.channel, &Message::Error(error), self.talk.max_frame);
    }

    fn event(&mut self, now: Duration, record: Record, bytes: u64) {
        if let Some(rewound) = self.position.implied_rewind()
            && let Some(at) = self.position.at()
        {
            self.inbox.numbered(Incoming::Rewound(rewound), at, 0);
        }
        let epoch = if let Event::EpochStarted(e) = &record.event { Some(e.epoch) } else { None };
        let judged = self.position.event(record.seq, epoch);
        let answers = if matches!(judged, Judged::Next(_)) { self.answered_by(&record) } else { None };
        self.ended |= matches!((&judged, &record.event), (Judged::Next(_), Event::SessionEnded(_)));
        self.judge(now, judged, Incoming::Event(record), bytes);
        if let Some((ticket, reply)) = answers {
            self.answer(ticket, Ok(reply));
        }
    }

    /// What a request asked for has visibly happened. For a submit that spares waiting for its reply; a kill's reply may
    /// never come, because whoever would send it ends.
    fn answered_by(&self, record: &Record) -> Option<(Ticket, Message)> {
        match &record.event {
            Event::Accepted(a) => {
                let ticket = self.outbox.accepted(a)?;
                let info = EvalInfo {
                    re: ticket.0,
                    eval: a.eval,
                    n: a.n,
                    state: if a.started { EvalState::Running } else { EvalState::Queued },
                    known: false,
                    first: record.seq,
                    last: None,
                    outcome: None,
                    code: None,
                };
                Some((ticket, Message::EvalInfo(info)))
            }
            Event::SessionEnded(e) => {
                let ticket = self.outbox.kill(e.id?)?;
                Some((ticket, Message::Carried(Carried { re: ticket.0, seq: record.seq })))
            }
            _ => None,
        }
    }

    fn gap(&mut self, now: Duration, mut gap: Gap, bytes: u64) {
        if let Some(rewound) = self.position.implied_rewind()
            && let Some(at) = self.position.at()
        {
            self.inbox.numbered(Incoming::Rewound(rewound), at, 0);
        }
        let judged = self.position.gap(&mut gap);
        self.judge(now, judged, Incoming::Gap(gap), bytes);
    }

    fn rewound(&mut self, now: Duration, rewound: Rewound) {
        let judged = self.position.rewound(rewound);
        self.judge(now, judged, Incoming::Rewound(rewound), 0);
    }

    fn judge(&mut self, now: Duration, judged: Judged, incoming: Incoming, bytes: u64) {
        match judged {
            Judged::Next(at) => {
                self.reconnect.progress();
                self.inbox.numbered(incoming, at, bytes);
            }
            Judged::Duplicate => {
                self.counters.duplicates += 1;
                self.credit.handed(bytes);
            }
            Judged::Hole { wanted, found } => {
                self.credit.handed(bytes);
                let text = format!("event {wanted} should have come, and {found} came, without a word about a gap");
                self.fault(now, ErrorReply::new(0, Code::WrongState, text));
            }
        }
    }

    fn reply(&mut self, now: Duration, ticket: Ticket, reply: Message) {
        // Nobody waits: a submit's reply after its event, or the second answer to what was sent twice.
        let Some(request) = self.outbox.get(ticket) else { return };
        if !outbox::fits(request, &reply) {
            let (asked, got) = (kind::name(request.kind()).unwrap_or("?"), kind::name(reply.kind()).unwrap_or("?"));
            return self.fault(now, ErrorReply::new(0, Code::BadMessage, format!("it answered {asked} with {got}")));
        }
        self.answer(ticket, Ok(reply));
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<Message, ErrorReply>) {
        self.keeper.answered(&self.outbox, ticket, &answer);
        if self.outbox.answered(ticket) {
            self.reconnect.progress();
            self.inbox.answer(ticket, answer);
        }
    }

    fn goaway(&mut self, now: Duration, goaway: Goaway) {
        let wish = goaway.retry_after_ms.map(Duration::from_millis);
        self.talk.goaway_ms = goaway.retry_after_ms;
        self.talk.leave_at = Some(now + wish.unwrap_or(FAREWELL).clamp(Duration::from_secs(1), FAREWELL));
        self.talk.leave_why = "the other side said goodbye";
        self.inbox.news(Incoming::Goaway(goaway));
    }

    fn error(&mut self, now: Duration, error: ErrorReply) {
        let ticket = Ticket(error.re);
        let greeting = matches!(self.phase, Phase::Greeting);
        if self.talk.welcome.is_none() || (greeting && matches!(error.re, 0 | RE_OPEN | RE_ATTACH)) {
            return self.refused(now, error);
        }
        if self.outbox.get(ticket).is_none() {
            return self.inbox.news(Incoming::Error(error));
        }
        // Sent behind the greeting onto a channel that was not open: no word about the request itself.
        if greeting && error.known() == Some(Code::WrongState) {
            return self.lost(now, error);
        }
        match if error.retryable { self.outbox.refused(ticket) } else { None } {
            Some(tries) => {
                let until = self.reconnect.retry_at(now, tries, error.after_ms);
                self.outbox.delay(ticket, until);
                let in_ms = u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
                self.inbox.news(Incoming::Delayed { ticket, error, in_ms });
            }
            None => self.answer(ticket, Err(error)),
        }
    }
}

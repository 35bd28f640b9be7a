//! A client: an outbox of requests that are sent until they are answered, a cursor, and a credit that it renews when it
//! feels like it. What it hears is checked as it comes.

use crate::bounded;
use crate::nothing_lost::Seen;
use crate::story::{Broken, Check, hold};
use crate::world::{What, World};
use rialto_protocol::event::{Event, Record, Who};
use rialto_protocol::message::{Attach, Attached, Credit, Submit};
use rialto_protocol::{Code, Cursor, Epoch, ErrorReply, GroupId, Life, Message, RequestId, Scope, Seq};
use rialto_session::ConnId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What comes down a channel.
#[derive(Debug)]
pub(crate) enum Frame {
    Reply(Message),
    /// A whole event, or the last piece of one; its bytes.
    Event(Arc<Record>, u64),
    /// A piece of a larger one.
    Piece(u64),
}

/// A request that is not answered.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) message: Message,
    /// Sent again on the next connection. What has no id is not.
    pub(crate) keeps: bool,
    pub(crate) sent: u64,
    /// It was refused for now.
    pub(crate) again: bool,
}

/// Where it said it wants to begin.
#[derive(Clone, Copy, PartialEq)]
enum Begin {
    Cursor(Seq),
    Anywhere,
}

pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) who: Who,
    pub(crate) scope: Scope,
    pub(crate) gone: bool,
    pub(crate) conn: Option<ConnId>,
    /// It does not come back before this time.
    pub(crate) away: u64,
    pub(crate) attached: bool,
    begins: Option<Begin>,
    must_rewind: bool,
    pub(crate) seen: Seen,
    epoch: Epoch,
    /// It keeps the epoch that numbered an event, rather than the one that told it.
    exact: bool,
    pub(crate) life: Option<Life>,
    granted: u64,
    received: u64,
    /// It does not renew its credit.
    pub(crate) lazy: bool,
    pub(crate) outbox: BTreeMap<u32, Wish>,
    pub(crate) re: u32,
    retries_at: u64,
    pub(crate) evals: Vec<Submit>,
    pub(crate) ended: BTreeSet<rialto_protocol::EvalId>,
    pub(crate) asks: BTreeSet<(Life, u64)>,
    pub(crate) group: Option<GroupId>,
    pub(crate) budget: u32,
}

impl Client {
    pub(crate) fn new(name: String, who: Who, scope: Scope, exact: bool, budget: u32) -> Self {
        Self {
            name,
            who,
            scope,
            gone: false,
            conn: None,
            away: 0,
            attached: false,
            begins: None,
            must_rewind: false,
            seen: Seen::default(),
            epoch: 0,
            exact,
            life: None,
            granted: 0,
            received: 0,
            lazy: false,
            outbox: BTreeMap::new(),
            re: 0,
            retries_at: 0,
            evals: Vec::new(),
            ended: BTreeSet::new(),
            asks: BTreeSet::new(),
            group: None,
            budget,
        }
    }
}

impl World {
    /// A request joins the outbox and goes out where there is a connection. `make` is given its number.
    pub(crate) fn wish(&mut self, client: usize, keeps: bool, make: impl FnOnce(u32) -> Message) {
        let c = &mut self.clients[client];
        c.re += 1;
        let (re, conn) = (c.re, c.conn);
        let message = make(re);
        c.outbox.insert(re, Wish { message: message.clone(), keeps, sent: self.now, again: false });
        if let Some(conn) = conn {
            self.tell_of(client, "asks", &message);
            self.ask(conn, message);
        }
        if self.odds.impatient {
            self.retries_in(client, 400_000);
        }
    }

    fn tell_of(&mut self, client: usize, verb: &str, message: &Message) {
        if self.story.wanted {
            let name = self.clients[client].name.clone();
            self.tell(&name, || format!("{verb} {message:?}"));
        }
    }

    /// Attaches, then sends everything that was never answered.
    pub(crate) fn connected(&mut self, client: usize, conn: ConnId) {
        let name = self.clients[client].name.clone();
        self.tell(&name, || format!("connects on channel {conn}"));
        let c = &mut self.clients[client];
        c.conn = Some(conn);
        c.attached = false;
        c.begins = None;
        // The word that it was set back may have been lost with the channel: it will be said again.
        c.must_rewind = false;
        let odd = if self.peace { 100 } else { self.dice.below(100) };
        self.attaches(client, odd);
        let mut again = Vec::new();
        for (re, wish) in &mut self.clients[client].outbox {
            if wish.keeps && !matches!(wish.message, Message::Attach(_)) {
                (wish.sent, wish.again) = (self.now, false);
                again.push((*re, wish.message.clone()));
            }
        }
        for (_, message) in again {
            self.count.one("requests sent again");
            self.tell_of(client, "asks again", &message);
            self.ask(conn, message);
        }
    }

    /// From its cursor; a few begin elsewhere.
    pub(crate) fn attaches(&mut self, client: usize, odd: u64) {
        let credit = [2_000, 20_000, 1_000_000][self.dice.index(3)];
        let c = &mut self.clients[client];
        if c.begins.is_some() {
            return;
        }
        let mut m = Attach { credit: Some(credit), ..Attach::default() };
        let own = c.evals.last().map(|s| s.eval);
        let cursor = Cursor { epoch: c.epoch, seq: c.seen.to };
        c.begins = Some(Begin::Anywhere);
        match odd {
            0..8 => m.tail = Some(odd),
            8..14 if own.is_some() => m.eval = own,
            _ if cursor.seq > 0 => {
                m.after = Some(cursor);
                c.begins = Some(Begin::Cursor(cursor.seq));
            }
            _ => c.begins = Some(Begin::Cursor(0)),
        }
        self.wish(client, false, |re| Message::Attach(Attach { re, ..m }));
    }

    pub(crate) fn client_loses(&mut self, client: usize, conn: ConnId) {
        let c = &mut self.clients[client];
        if c.conn == Some(conn) {
            c.conn = None;
            c.attached = false;
            c.outbox.retain(|_, w| w.keeps);
            let wait = self.dice.lag(10_000);
            self.at(wait, What::Dials(client));
        }
    }

    /// Sends again what waited too long, or was refused for now.
    pub(crate) fn retries(&mut self, client: usize) {
        self.clients[client].retries_at = 0;
        let Some(conn) = self.clients[client].conn else { return };
        let (now, impatient) = (self.now, self.odds.impatient);
        let mut again = Vec::new();
        for wish in self.clients[client].outbox.values_mut().filter(|w| w.keeps) {
            if wish.again || (impatient && now - wish.sent > 300_000) {
                (wish.sent, wish.again) = (now, false);
                again.push(wish.message.clone());
            }
        }
        for message in again {
            self.count.one("requests sent again");
            self.tell_of(client, "asks again", &message);
            self.ask(conn, message);
        }
        if impatient && !self.clients[client].outbox.is_empty() {
            self.retries_in(client, 400_000);
        }
    }

    /// One timer for all of them: the earliest time that anything asks for.
    fn retries_in(&mut self, client: usize, wait: u64) {
        let due = self.now + wait;
        let c = &mut self.clients[client];
        if c.retries_at <= self.now || due < c.retries_at {
            c.retries_at = due;
            self.at(wait, What::Retries(client));
        }
    }

    pub(crate) fn client_hears(&mut self, client: usize, conn: ConnId, frame: Frame) -> Check {
        if self.clients[client].conn != Some(conn) || self.clients[client].gone {
            return Ok(());
        }
        if self.story.wanted {
            let name = self.clients[client].name.clone();
            self.tell(&name, || format!("hears {frame:?}"));
        }
        let c = &mut self.clients[client];
        hold!(
            "nothing_lost",
            !c.must_rewind || matches!(frame, Frame::Reply(Message::Rewound(_))),
            "{} was set back silently",
            c.name
        );
        match frame {
            Frame::Piece(bytes) => {
                bounded::received(c.granted, c.received)?;
                c.received += bytes;
            }
            Frame::Event(record, bytes) => {
                hold!("nothing_lost", c.attached, "{} hears event {} and is not attached", c.name, record.seq);
                bounded::received(c.granted, c.received)?;
                c.received += bytes;
                c.seen.event(record.clone())?;
                self.count.one("events delivered");
                self.client_learns(client, &record);
            }
            Frame::Reply(message) => self.client_is_told(client, message)?,
        }
        self.renews(client);
        Ok(())
    }

    /// Grants what was used, unless it cannot be bothered.
    pub(crate) fn renews(&mut self, client: usize) {
        let c = &mut self.clients[client];
        let Some(conn) = c.conn.filter(|_| c.attached && !c.lazy && c.begins.is_none()) else { return };
        if c.granted < c.received + 1_500 {
            let bytes = 10_000;
            c.granted += bytes;
            self.ask(conn, Message::Credit(Credit { bytes }));
        }
    }

    fn client_learns(&mut self, client: usize, record: &Record) {
        let c = &mut self.clients[client];
        let me = c.who.client;
        match &record.event {
            Event::EpochStarted(e) if c.exact => c.epoch = e.epoch,
            Event::LifeStarted(e) => c.life = Some(e.life),
            Event::LifeEnded(_) => c.asks.clear(),
            Event::Accepted(e) => {
                c.outbox.retain(|_, w| !matches!(&w.message, Message::Submit(s) if s.re == 0 && s.eval == e.eval));
            }
            Event::Ended(e) => {
                if let Some(eval) = self.model.eval(e.n) {
                    c.ended.insert(eval.eval);
                }
            }
            Event::Asked(e) => {
                let Some(life) = c.life else { return };
                let answers = match (e.of == me, self.peace) {
                    (true, true) => 100,
                    (true, false) => 80,
                    (false, _) => 20,
                };
                c.asks.insert((life, e.ask));
                if self.dice.chance(answers) {
                    let wait = self.dice.lag(20_000);
                    self.at(wait, What::Types(client, e.ask, life, e.secret));
                }
            }
            _ => {}
        }
    }

    fn client_is_told(&mut self, client: usize, message: Message) -> Check {
        let c = &mut self.clients[client];
        match &message {
            Message::Attached(a) => attached(c, a)?,
            Message::Rewound(r) => {
                c.must_rewind = false;
                c.life = None;
                c.seen.rewound(r.seq)?;
                c.epoch = r.epoch;
                let seen = std::mem::take(&mut c.seen);
                let true_so_far = seen.is_true(&self.journal, &c.name);
                c.seen = seen;
                true_so_far?;
            }
            Message::Gap(g) => {
                c.seen.gap(g.from, g.to)?;
                // The `accepted` that it waits for may have been in there: who asked for no reply must ask again.
                c.outbox.values_mut().filter(|w| re_of(&w.message) == Some(0)).for_each(|w| w.again = true);
                self.retries_in(client, 1_000);
                return Ok(());
            }
            Message::Detached(_) => c.attached = false,
            Message::EvalInfo(info) => {
                c.outbox.retain(|_, w| !matches!(&w.message, Message::Submit(s) if s.re == 0 && s.eval == info.eval));
            }
            Message::Error(e) => return self.is_refused(client, e),
            _ => {}
        }
        if let Some(re) = reply_re(&message).filter(|re| *re != 0) {
            c.outbox.remove(&re);
        }
        Ok(())
    }

    fn is_refused(&mut self, client: usize, e: &ErrorReply) -> Check {
        let c = &mut self.clients[client];
        let ended = e.known() == Some(Code::SessionEnded);
        if e.re == 0 {
            // It cannot know which of those that asked for no reply this is.
            if ended {
                c.outbox.retain(|_, w| re_of(&w.message) != Some(0));
            }
            c.outbox.values_mut().filter(|w| re_of(&w.message) == Some(0)).for_each(|w| w.again = true);
        } else if let Some(wish) = c.outbox.get_mut(&e.re) {
            if e.retryable && wish.keeps {
                wish.again = true;
            } else {
                let attach = matches!(wish.message, Message::Attach(_));
                c.outbox.remove(&e.re);
                if attach {
                    c.begins = None;
                    self.attaches(client, 100);
                }
            }
        }
        self.retries_in(client, 30_000);
        Ok(())
    }

    /// Everybody has everything, and nothing is left to do.
    pub(crate) fn at_rest(&self) -> bool {
        self.model.waiting.is_empty() && self.model.running.is_none() && self.clients.iter().all(|c| c.gone || self.content(c))
    }

    fn content(&self, c: &Client) -> bool {
        let open = c.conn.and_then(|conn| self.links.get(&conn)).is_some_and(|l| l.open);
        open && c.attached && !c.must_rewind && c.outbox.is_empty() && c.seen.to == self.journal.head()
    }

    /// Why a world does not come to rest.
    pub(crate) fn what_is_left(&self) -> String {
        let mut left = format!("no rest after {} steps, at {} ms;", self.steps, self.now / 1_000);
        if let Some(n) = self.model.running {
            left += &format!(" #{n} runs;");
        }
        if !self.model.waiting.is_empty() {
            left += &format!(" {:?} wait;", self.model.waiting);
        }
        for c in self.clients.iter().filter(|c| !c.gone && !self.content(c)) {
            left += &format!(
                " {} (channel {:?}, attached {}) is at {} of {} and waits for {:?};",
                c.name,
                c.conn,
                c.attached,
                c.seen.to,
                self.journal.head(),
                c.outbox.values().map(|w| &w.message).take(3).collect::<Vec<_>>()
            );
        }
        left
    }
}

fn attached(c: &mut Client, a: &Attached) -> Check {
    let Some(begins) = c.begins.take() else {
        return Err(Broken { promise: "nothing_lost", how: format!("{} is attached and did not ask", c.name) });
    };
    c.attached = true;
    // What it granted and used before belongs to the place before.
    let credit = c.outbox.get(&a.re).and_then(|w| if let Message::Attach(m) = &w.message { m.credit } else { None });
    (c.granted, c.received) = (credit.unwrap_or(0), 0);
    match begins {
        Begin::Cursor(seq) => {
            c.must_rewind = a.after != seq;
            if a.after == seq {
                // Events that came since it asked will come again.
                if c.seen.to > seq {
                    c.life = None;
                }
                c.seen.rewound(seq)?;
            }
            // Not before it has heard where it was set back to: with a new epoch and an old number it would be believed.
            if !c.exact && !c.must_rewind {
                c.epoch = a.epoch;
            }
        }
        Begin::Anywhere => {
            c.seen.begin(a.after);
            // An `asked` does not say of which life it is; who begins in the middle learns it with the next life.
            c.life = None;
            c.epoch = a.epoch;
        }
    }
    Ok(())
}

/// The number of a request.
pub(crate) const fn re_of(message: &Message) -> Option<u32> {
    match message {
        Message::Attach(m) => Some(m.re),
        Message::Detach(m) | Message::GetStatus(m) => Some(m.re),
        Message::GetEval(m) => Some(m.re),
        Message::Submit(m) => Some(m.re),
        Message::Interrupt(m) => Some(m.re),
        Message::Input(m) => Some(m.re),
        Message::Complete(m) | Message::Inspect(m) | Message::IsComplete(m) => Some(m.re),
        Message::Restart(m) | Message::Kill(m) => Some(m.re),
        Message::Redact(m) => Some(m.re),
        _ => None,
    }
}

/// The number that a reply carries back.
pub(crate) const fn reply_re(message: &Message) -> Option<u32> {
    match message {
        Message::Attached(m) => Some(m.re),
        Message::Detached(m) => Some(m.re),
        Message::EvalInfo(m) => Some(m.re),
        Message::InterruptAnswer(m) => Some(m.re),
        Message::Carried(m) => Some(m.re),
        Message::Completions(m) => Some(m.re),
        Message::Inspected(m) => Some(m.re),
        Message::Completeness(m) => Some(m.re),
        Message::Status(m) => Some(m.re),
        Message::Error(m) => Some(m.re),
        _ => None,
    }
}

/// The id of a mutating request.
pub(crate) const fn request_id(message: &Message) -> Option<RequestId> {
    match message {
        Message::Interrupt(m) => Some(m.id),
        Message::Input(m) => Some(m.id),
        Message::Restart(m) | Message::Kill(m) => Some(m.id),
        Message::Redact(m) => Some(m.id),
        _ => None,
    }
}

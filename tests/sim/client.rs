//! A client: an outbox of requests that are sent until they are answered, a cursor, and a credit that it renews when it
//! feels like it. What it hears is checked as it comes.

use crate::nothing_lost::Seen;
use crate::world::{What, World};
use rialto_protocol::event::{Record, Who};
use rialto_protocol::message::{Attach, Submit};
use rialto_protocol::{Cursor, Epoch, GroupId, Life, Message, RequestId, Scope, Seq};
use rialto_session::ConnId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What comes down a channel.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "they are moved once and dropped")]
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
pub(crate) enum Begin {
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
    pub(crate) begins: Option<Begin>,
    pub(crate) must_rewind: bool,
    pub(crate) seen: Seen,
    pub(crate) epoch: Epoch,
    /// It keeps the epoch that numbered an event, rather than the one that told it.
    pub(crate) exact: bool,
    pub(crate) life: Option<Life>,
    pub(crate) granted: u64,
    pub(crate) received: u64,
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

    /// The session is not there for it any more: what it wanted is in vain, and so is coming back, unless it is shared again.
    pub(crate) fn is_turned_away(&mut self, conn: ConnId) {
        let Some(client) = self.links.get(&conn).filter(|l| l.open).map(|l| l.client) else { return };
        self.count.one("clients turned away");
        self.breaks(conn);
        let wait = self.dice.between(20_000, 300_000);
        let c = &mut self.clients[client];
        c.away = self.now + wait;
        c.gone |= self.peace;
        c.outbox.clear();
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
    pub(crate) fn retries_in(&mut self, client: usize, wait: u64) {
        let due = self.now + wait;
        let c = &mut self.clients[client];
        if c.retries_at <= self.now || due < c.retries_at {
            c.retries_at = due;
            self.at(wait, What::Retries(client));
        }
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
        Message::Share(m) => Some(m.re),
        Message::Unshare(m) => Some(m.re),
        Message::Comm(m) => Some(m.re),
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
        Message::Share(m) => Some(m.id),
        Message::Unshare(m) => Some(m.id),
        Message::Comm(m) => Some(m.id),
        _ => None,
    }
}

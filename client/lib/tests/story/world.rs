//! A handle's rules, a bridge, and a link between them that breaks when it is told to. Time is a number.

use crate::bridge::{Bridge, Conn, MAX_FRAME};
use rialto_client::protocol::message::*;
use rialto_client::protocol::*;
use rialto_client::{Core, Incoming, Options, Start};
use std::time::Duration;

pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) bridge: Bridge,
    pub(crate) conn: Option<Conn>,
    pub(crate) now: Duration,
    /// What the caller has seen.
    pub(crate) seen: Vec<Incoming>,
    /// Bytes, both ways together, until the link breaks; one number per link.
    pub(crate) cuts: Vec<usize>,
    /// Bytes that have gone over links.
    pub(crate) moved: usize,
    /// Bytes delivered at once.
    pub(crate) piece: usize,
    /// The caller asks for what came.
    pub(crate) reads: bool,
    /// What the caller does when it sees something.
    pub(crate) react: fn(&mut Core, &Incoming),
}

pub(crate) fn options(start: Start) -> Options {
    Options { start, max_frame: MAX_FRAME, window: 0, seed: 42, ..Options::new(ClientId([1; 16]), "test") }
}

pub(crate) fn open() -> Open {
    Open { session: "work".into(), ..Open::default() }
}

pub(crate) fn eval_id(n: u8) -> EvalId {
    EvalId([n; 16])
}

pub(crate) fn request_id(n: u8) -> RequestId {
    RequestId([n; 16])
}

pub(crate) fn submit(n: u8, code: &str) -> Message {
    Message::Submit(Submit {
        re: 0,
        eval: eval_id(n),
        code: code.into(),
        group: None,
        on_error: OnError::Stop,
        show: Show::Value,
        argv: None,
        trace: None,
    })
}

pub(crate) fn interrupt(id: u8, eval: u8) -> Message {
    Message::Interrupt(Interrupt { re: 0, id: request_id(id), eval: eval_id(eval), escalate: None })
}

impl World {
    pub(crate) fn new(start: Start) -> Self {
        Self::with(options(start))
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::opening(open(), options)
    }

    pub(crate) fn opening(open: Open, options: Options) -> Self {
        Self {
            core: Core::new(open, options),
            bridge: Bridge::default(),
            conn: None,
            now: Duration::ZERO,
            seen: Vec::new(),
            cuts: Vec::new(),
            moved: 0,
            piece: usize::MAX,
            reads: true,
            react: |_, _| {},
        }
    }

    /// Lets everything happen until nothing more does. A pause before a reconnect passes; other timers do not ring.
    pub(crate) fn run(&mut self) {
        let mut rounds = 0;
        while self.step() {
            rounds += 1;
            assert!(rounds < 20_000, "it goes on for ever");
        }
    }

    /// One round; false when nothing happened.
    pub(crate) fn step(&mut self) -> bool {
        if self.conn.is_none() {
            if !self.core.has_link()
                && let Some(at) = self.core.deadline()
            {
                self.now = self.now.max(at);
            }
            if let Some(open) = self.core.wants_link(self.now) {
                self.core.linked(self.now, None, open, true);
                self.conn = Some(Conn::default());
            }
        }
        let mut out = Vec::new();
        self.core.transmit(self.now, &mut out);
        let mut moved = !out.is_empty();
        for piece in out.chunks(self.piece.min(1 << 20)) {
            let passed = self.pass(piece.len());
            let cut = passed < piece.len();
            if let Some(conn) = &mut self.conn {
                self.bridge.feed(conn, &piece[..passed]);
            }
            if cut {
                self.cut();
                break;
            }
        }
        if let Some(conn) = &mut self.conn {
            self.bridge.pump(conn);
            let out = std::mem::take(&mut conn.out);
            moved |= !out.is_empty();
            for piece in out.chunks(self.piece.min(1 << 20)) {
                let passed = self.pass(piece.len());
                self.core.received(self.now, &piece[..passed]);
                if passed < piece.len() {
                    self.cut();
                }
                if self.conn.is_none() || !self.core.has_link() {
                    break;
                }
            }
        }
        if !self.core.has_link() {
            self.conn = None;
        }
        if self.reads {
            moved |= self.read();
        }
        moved || (self.conn.is_none() && self.core.closed().is_none())
    }

    /// The caller takes what is there.
    pub(crate) fn read(&mut self) -> bool {
        let before = self.seen.len();
        while !matches!(self.seen.last(), Some(Incoming::Closed(_)))
            && let Some(incoming) = self.core.next_incoming()
        {
            (self.react)(&mut self.core, &incoming);
            self.seen.push(incoming);
        }
        self.seen.len() > before
    }

    fn pass(&mut self, len: usize) -> usize {
        let passed = self.cuts.first().map_or(len, |left| len.min(*left));
        if let Some(left) = self.cuts.first_mut() {
            *left -= passed;
        }
        self.moved += passed;
        passed
    }

    /// The link breaks now.
    pub(crate) fn cut(&mut self) {
        if !self.cuts.is_empty() {
            self.cuts.remove(0);
        }
        self.conn = None;
        self.core.lost(self.now, ErrorReply::new(0, Code::Disconnected, "cut"));
    }

    /// The bridge says something out of turn.
    pub(crate) fn say(&mut self, channel: u16, message: &Message) {
        let mut bytes = Vec::new();
        codec::encode(&mut bytes, channel, message, MAX_FRAME);
        self.core.received(self.now, &bytes);
        if !self.core.has_link() {
            self.conn = None;
        }
    }

    pub(crate) fn send(&mut self, message: Message) -> rialto_client::Ticket {
        self.core.send(message).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Record> {
        let event = |i: &Incoming| if let Incoming::Event(record) = i { Some(record.clone()) } else { None };
        self.seen.iter().filter_map(event).collect()
    }

    pub(crate) fn seqs(&self) -> Vec<Seq> {
        self.events().iter().map(|r| r.seq).collect()
    }

    pub(crate) fn answers(&self) -> Vec<(rialto_client::Ticket, rialto_client::Answer)> {
        let answer = |i: &Incoming| if let Incoming::Answer(t, a) = i { Some((*t, a.clone())) } else { None };
        self.seen.iter().filter_map(answer).collect()
    }

    pub(crate) fn reconnects(&self) -> usize {
        self.seen.iter().filter(|i| matches!(i, Incoming::Reconnecting { .. })).count()
    }

    pub(crate) fn closed_with(&self) -> Option<Code> {
        self.core.closed().and_then(ErrorReply::known)
    }

    /// Submits as the bridge heard them.
    pub(crate) fn heard_submits(&self) -> Vec<EvalId> {
        let submit = |m: &Message| if let Message::Submit(s) = m { Some(s.eval) } else { None };
        self.bridge.heard.iter().filter_map(submit).collect()
    }
}

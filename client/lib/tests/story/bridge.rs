//! The other side: one session that outlives its links.

use rialto_client::protocol::assemble::Assembler;
use rialto_client::protocol::event::{
    Accepted, Answered, CommSent, Display, Ended, Event, Output, Redacted, SessionEnded, Stamp, Who,
};
use rialto_client::protocol::frame::{Decoder, HEADER, Header};
use rialto_client::protocol::kernel::DisplayRole;
use rialto_client::protocol::message::*;
use rialto_client::protocol::*;
use std::collections::{BTreeMap, VecDeque};

pub(crate) const MAX_FRAME: u32 = 4096;

pub(crate) struct Known {
    pub(crate) code: String,
    pub(crate) n: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// What outlives a link.
pub(crate) struct Bridge {
    pub(crate) id: SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) journal: Vec<Record>,
    /// Events up to this one are not kept.
    pub(crate) trimmed: Seq,
    pub(crate) evals: BTreeMap<EvalId, Known>,
    pub(crate) done: BTreeMap<RequestId, Seq>,
    /// Evals in the order they ran.
    pub(crate) ran: Vec<EvalId>,
    /// Every request as it came, over all links.
    pub(crate) heard: Vec<Message>,
    /// The opens as they came.
    pub(crate) opens: Vec<Open>,
    /// Answers the next request of any kind with this instead.
    pub(crate) refuse: VecDeque<ErrorReply>,
    /// Says no to open.
    pub(crate) shut: Option<ErrorReply>,
    /// What a cursor of an earlier epoch shares with this journal.
    pub(crate) common: Seq,
    /// Announces no rewind.
    pub(crate) silent_rewind: bool,
    /// Answers no requests.
    pub(crate) mute: bool,
    /// Bytes that a large display has.
    pub(crate) display: usize,
    /// What it can do beyond the contract.
    pub(crate) features: Vec<String>,
}

/// What dies with one.
pub(crate) struct Conn {
    decoder: Decoder,
    assembler: Assembler,
    pub(crate) out: Vec<u8>,
    /// Frames of events that wait for credit.
    waiting: VecDeque<Vec<u8>>,
    cursor: Option<Seq>,
    pub(crate) credit: i64,
    max_frame: u32,
    pub(crate) hello: Option<Hello>,
    pub(crate) closed: bool,
}

impl Default for Conn {
    fn default() -> Self {
        Self {
            // What comes before the welcome must fit any bridge; this one then agrees on no more.
            decoder: Decoder::new(limits::FLOOR_MAX_FRAME),
            assembler: Assembler::new(limits::MAX_REQUEST),
            out: Vec::new(),
            waiting: VecDeque::new(),
            cursor: None,
            credit: 0,
            max_frame: limits::DEFAULT_MAX_FRAME,
            hello: None,
            closed: false,
        }
    }
}

impl Conn {
    pub(crate) fn say(&mut self, channel: u16, message: &Message) {
        codec::encode(&mut self.out, channel, message, self.max_frame);
    }
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            id: "aaaaaaaaaa".parse().unwrap(),
            epoch: 1,
            journal: Vec::new(),
            trimmed: 0,
            evals: BTreeMap::new(),
            done: BTreeMap::new(),
            ran: Vec::new(),
            heard: Vec::new(),
            opens: Vec::new(),
            refuse: VecDeque::new(),
            shut: None,
            common: Seq::MAX,
            silent_rewind: false,
            mute: false,
            display: 0,
            features: Vec::new(),
        }
    }
}

impl Bridge {
    pub(crate) fn head(&self) -> Seq {
        self.journal.len() as Seq
    }

    pub(crate) fn record(&mut self, event: Event) -> Seq {
        let seq = self.head() + 1;
        self.journal.push(Record { seq, at: Stamp { wall_ms: 7, mono_us: seq }, event });
        seq
    }

    pub(crate) fn output(&mut self, text: &str) -> Seq {
        let run = Run { stream: Stream::Stdout, data: text.into() };
        self.record(Event::Output(Output { n: 0, background: true, runs: vec![run] }))
    }

    /// Bytes of a link came.
    pub(crate) fn feed(&mut self, conn: &mut Conn, bytes: &[u8]) {
        conn.decoder.push(bytes);
        loop {
            let (header, message) = {
                let Some((header, body)) = conn.decoder.next().expect("the client sends frames") else { break };
                let Some(body) = conn.assembler.take(header, body).expect("in order") else { continue };
                (header, codec::decode(header, &body).expect("that can be read"))
            };
            self.message(conn, header, message);
        }
        self.pump(conn);
    }

    /// Sends events as far as credit goes.
    pub(crate) fn pump(&mut self, conn: &mut Conn) {
        let Some(mut cursor) = conn.cursor else { return };
        loop {
            while conn.credit > 0
                && let Some(frame) = conn.waiting.pop_front()
            {
                conn.credit -= frame.len() as i64;
                conn.out.extend(frame);
            }
            if conn.credit <= 0 || cursor >= self.head() {
                break;
            }
            if cursor < self.trimmed {
                conn.say(1, &Message::Gap(Gap { from: cursor + 1, to: self.trimmed }));
                cursor = self.trimmed;
                continue;
            }
            let mut frames = Vec::new();
            codec::encode(&mut frames, 1, &Message::Event(self.journal[cursor as usize].clone()), conn.max_frame);
            while let Some(head) = frames.first_chunk::<HEADER>() {
                let rest = frames.split_off(Header::decode(*head).frame_len());
                conn.waiting.push_back(std::mem::replace(&mut frames, rest));
            }
            cursor += 1;
        }
        conn.cursor = Some(cursor);
    }

    fn message(&mut self, conn: &mut Conn, header: Header, message: Message) {
        match message {
            Message::Hello(hello) => {
                conn.max_frame = hello.max_frame.min(MAX_FRAME);
                let max_frame = conn.max_frame;
                conn.hello = Some(hello);
                conn.say(
                    0,
                    &Message::Welcome(Welcome { contract: 1, max_frame, features: self.features.clone(), ..Welcome::default() }),
                );
            }
            Message::Open(open) => {
                assert_eq!(header.channel, 0);
                let re = open.re;
                let by_id = open.session == self.id.as_str();
                let shut = self.shut.clone().or_else(|| {
                    let foreign = !by_id && open.session.len() == SessionId::LETTERS;
                    foreign.then(|| ErrorReply::new(0, Code::UnknownSession, "no such session"))
                });
                self.opens.push(open);
                match shut {
                    Some(error) => {
                        conn.say(0, &Message::Error(ErrorReply { re, ..error }));
                        conn.closed = true;
                    }
                    None => {
                        let session = self.id.clone();
                        conn.say(0, &Message::Opened(Opened { re, channel: 1, session, name: None, created: false }));
                    }
                }
            }
            _ if conn.closed => {
                let re = re_of(&message);
                conn.say(1, &Message::Error(ErrorReply::new(re, Code::WrongState, "the channel is not open")));
            }
            Message::Greet(_) => {
                let greeted = Greeted {
                    contract: 1,
                    features: vec![],
                    session: self.id.clone(),
                    name: None,
                    kernel: "python".into(),
                    epoch: self.epoch,
                    head: self.head(),
                    app: String::new(),
                };
                conn.say(1, &Message::Greeted(greeted));
            }
            Message::Attach(attach) => self.attach(conn, &attach),
            Message::Credit(credit) => conn.credit += credit.bytes as i64,
            Message::Ping(eight) => conn.say(0, &Message::Pong(eight)),
            Message::Close(_) => conn.closed = true,
            Message::Pong(_) | Message::Error(_) => self.heard.push(message),
            request => {
                let re = re_of(&request);
                self.heard.push(request.clone());
                if let Some(error) = self.refuse.pop_front() {
                    return conn.say(1, &Message::Error(ErrorReply { re, ..error }));
                }
                if !self.mute {
                    let reply = self.request(request, re);
                    conn.say(1, &reply);
                }
            }
        }
    }

    fn attach(&mut self, conn: &mut Conn, attach: &Attach) {
        let head = self.head();
        let asked = attach.after.map_or(0, |c| c.seq);
        let after = match (attach.tail, attach.eval) {
            (Some(n), _) => head.saturating_sub(n),
            (_, Some(eval)) => self.evals[&eval].first - 1,
            _ if attach.after.is_some_and(|c| c.epoch < self.epoch) => asked.min(self.common).min(head),
            _ => asked.min(head),
        };
        conn.cursor = Some(after);
        conn.credit = attach.credit.unwrap() as i64;
        conn.say(1, &Message::Attached(Attached { re: attach.re, epoch: self.epoch, after, head }));
        if after < asked && !self.silent_rewind {
            conn.say(1, &Message::Rewound(Rewound { epoch: self.epoch, seq: after }));
        }
    }

    fn request(&mut self, request: Message, re: u32) -> Message {
        match request {
            Message::Submit(s) => self.submit(&s, re),
            Message::Interrupt(i) => {
                let verdict = if self.evals.contains_key(&i.eval) { Verdict::NotRunning } else { Verdict::Pending };
                Message::InterruptAnswer(InterruptAnswer { re, eval: i.eval, verdict, outcome: None })
            }
            Message::Input(i) => {
                let by = Who::default();
                self.once(re, i.id, Event::Answered(Answered { n: 1, ask: i.ask, by, id: i.id, len: 0, data: None, eof: false }))
            }
            Message::Redact(r) => self.once(re, r.id, Event::Redacted(Redacted { n: 1, by: Who::default(), id: r.id })),
            Message::Comm(c) => {
                let by = Who::default();
                self.once(re, c.id, Event::CommSent(CommSent { life: 1, message: c.message, by, id: c.id }))
            }
            Message::Kill(k) => self.once(re, k.id, Event::SessionEnded(SessionEnded { by: None, id: Some(k.id), why: None })),
            Message::Restart(r) => self.once(re, r.id, Event::Redacted(Redacted { n: 0, by: Who::default(), id: r.id })),
            Message::GetEval(g) => {
                let known = g.eval.and_then(|id| Some((id, self.evals.get(&id)?)));
                known.map_or_else(
                    || Message::Error(ErrorReply::new(re, Code::UnknownEval, "no such eval")),
                    |(eval, k)| Message::EvalInfo(info(re, eval, k, true)),
                )
            }
            Message::IsComplete(_) => {
                Message::Completeness(CompletenessReply { re, completeness: kernel::Completeness::Complete })
            }
            other => panic!("the bridge has no script for {other:?}"),
        }
    }

    fn once(&mut self, re: u32, id: RequestId, event: Event) -> Message {
        let seq = self.done.get(&id).copied().unwrap_or_else(|| self.record(event));
        self.done.insert(id, seq);
        Message::Carried(Carried { re, seq })
    }

    fn submit(&mut self, s: &Submit, re: u32) -> Message {
        if let Some(known) = self.evals.get(&s.eval) {
            if known.code != *s.code {
                return Message::Error(ErrorReply::new(re, Code::IdReused, "other code"));
            }
            return Message::EvalInfo(info(re, s.eval, known, true));
        }
        let n = self.evals.len() as u64 + 1;
        self.ran.push(s.eval);
        let first = self.record(Event::Accepted(accepted(n, s.eval)));
        let run = Run { stream: Stream::Stdout, data: "said\n".into() };
        self.record(Event::Output(Output { n, background: false, runs: vec![run] }));
        if self.display > 0 && s.code.len() > 100 {
            let data = [("text/plain".to_owned(), Bytes(vec![b'x'; self.display]))].into();
            self.record(Event::Display(Display { n, role: DisplayRole::Display, data }));
        }
        let last = self.record(Event::Ended(Ended { n, ..Ended::default() }));
        let known = Known { code: s.code.to_string(), n, first, last };
        let reply = Message::EvalInfo(info(re, s.eval, &known, false));
        self.evals.insert(s.eval, known);
        reply
    }
}

pub(crate) fn accepted(n: u64, eval: EvalId) -> Accepted {
    Accepted {
        n,
        eval,
        started: true,
        by: None,
        code: None,
        hash: None,
        group: None,
        on_error: OnError::Stop,
        show: Show::Value,
        argv: None,
        trace: None,
    }
}

fn info(re: u32, eval: EvalId, k: &Known, known: bool) -> EvalInfo {
    let (n, first, last) = (k.n, k.first, Some(k.last));
    EvalInfo { re, eval, n, state: EvalState::Ended, known, first, last, outcome: Some(Outcome::Ok), code: None }
}

pub(crate) fn re_of(message: &Message) -> u32 {
    let json = codec::to_json(message);
    json.get("re").and_then(|re| re.as_u64()).unwrap_or(0) as u32
}

//! A session in a few words: a past that is looked up by hand, three clients, and what comes out of one input.

mod ahead;
mod comms;
mod idle;
mod sharing;
mod watching;

use rialto_protocol::event::{Accepted, Created, Event, Record, Stamp, Who};
use rialto_protocol::kernel::{Ask, Done, DoneHow, KernelCommand, KernelEvent, KernelInfo};
use rialto_protocol::message as m;
use rialto_protocol::{Bytes, ClientId, Code, EvalId, EvalNumber, GroupId, Message, OnError, Outcome, RequestId, Scope, Seq};
use rialto_protocol::{SessionId, Show};
use rialto_session::archive::stops_group;
use rialto_session::{Archive, EvalFacts, Input, Output, Session};

/// What was recorded, and nothing else.
#[derive(Default)]
pub(crate) struct Past(pub(crate) Vec<Record>);

impl Past {
    fn accepted_by(&self, of: impl Fn(&Record, &Accepted) -> bool) -> Option<(Seq, &Accepted)> {
        self.0.iter().find_map(|r| match &r.event {
            Event::Accepted(e) if of(r, e) => Some((r.seq, e)),
            _ => None,
        })
    }

    fn facts(&self, of: impl Fn(&Accepted) -> bool) -> Option<EvalFacts> {
        let (first, e) = self.accepted_by(|_, e| of(e))?;
        let ended = self.0.iter().find_map(|r| match &r.event {
            Event::Ended(end) if end.n == e.n => Some((r.seq, end)),
            _ => None,
        });
        Some(EvalFacts {
            eval: e.eval,
            n: e.n,
            hash: e.hash.clone()?.0.try_into().ok()?,
            client: e.by.as_ref().and_then(|by| by.client),
            first,
            last: ended.map(|(seq, _)| seq),
            outcome: ended.map(|(_, e)| e.outcome),
            code: ended.and_then(|(_, e)| e.code),
        })
    }
}

impl Archive for Past {
    fn eval(&self, id: &EvalId) -> Option<EvalFacts> {
        self.facts(|e| e.eval == *id)
    }

    fn eval_number(&self, n: EvalNumber) -> Option<EvalFacts> {
        self.facts(|e| e.n == n)
    }

    fn accepted(&self, first: Seq) -> Option<Accepted> {
        self.accepted_by(|r, _| r.seq == first).map(|(_, e)| e.clone())
    }

    fn request(&self, id: &RequestId) -> Option<Seq> {
        let made = |event: &Event| match event {
            Event::Answered(e) => Some(e.id),
            Event::Interrupting(e) => Some(e.id),
            Event::InterruptNoted(e) => Some(e.id),
            Event::LifeStarted(e) => e.id,
            Event::LifeEnded(e) => e.id,
            Event::Redacted(e) => Some(e.id),
            Event::Shared(e) => Some(e.id),
            Event::Unshared(e) => Some(e.id),
            Event::CommSent(e) => Some(e.id),
            Event::SessionEnded(e) => e.id,
            _ => None,
        };
        self.0.iter().find(|r| made(&r.event) == Some(*id)).map(|r| r.seq)
    }

    fn noted_interrupt(&self, eval: &EvalId) -> bool {
        self.0.iter().any(|r| matches!(&r.event, Event::InterruptNoted(e) if e.eval == *eval))
    }

    fn stopped_group(&self, group: &GroupId) -> Option<EvalNumber> {
        let of = |n| self.accepted_by(|_, e| e.n == n && e.group == Some(*group) && e.on_error == OnError::Stop).is_some();
        self.0.iter().find_map(|r| match &r.event {
            Event::Ended(e) if stops_group(e.outcome, e.code) && of(e.n) => Some(e.n),
            _ => None,
        })
    }
}

/// A session with three clients: 1 has scope `admin`, 2 has `eval`, 3 may only look.
pub(crate) struct Story {
    pub(crate) s: Session,
    pub(crate) past: Past,
    now_us: u64,
}

impl Story {
    /// A new session, its kernel ready.
    pub(crate) fn begin() -> Self {
        Self::begin_with(None)
    }

    /// The same, to be culled after so long without use.
    pub(crate) fn begin_with(cull_after_ms: Option<u64>) -> Self {
        let mut story = Self { s: Session::new(), past: Past::default(), now_us: 0 };
        let mut out = Vec::new();
        let created = Created {
            session: SessionId::from_bytes([0; 10]),
            name: None,
            kernel: "toy".to_owned(),
            cwd: String::new(),
            by: Who { principal: "uid:1".to_owned(), ..Who::default() },
            id: RequestId([99; 16]),
            ends_when_done: false,
            contract: 1,
            cull_after_ms,
        };
        story.s.begin_epoch(Stamp::default(), 10, Some(created), None, &mut out);
        story.keep(&out);
        story.happens(Input::Up { kernel: Some(1) });
        story.people();
        story.kernel(1, KernelEvent::Ready(KernelInfo::default()));
        story
    }

    pub(crate) fn people(&mut self) {
        for (conn, scope) in [(1, Scope::Admin), (2, Scope::Eval), (3, Scope::Observe)] {
            let who = Who { principal: "uid:1".to_owned(), client: Some(ClientId([conn; 16])), label: String::new() };
            self.happens(Input::Joined { conn: u64::from(conn), who, scope });
        }
    }

    /// The supervisor is killed, and another takes over; everybody comes back.
    pub(crate) fn supervisor_dies(&mut self, epoch: u64) -> Vec<Output> {
        let out = self.supervisor_dies_alone(epoch);
        self.people();
        out
    }

    /// The same, and nobody comes.
    pub(crate) fn supervisor_dies_alone(&mut self, epoch: u64) -> Vec<Output> {
        self.s = Session::new();
        self.past.0.iter().for_each(|r| self.s.apply(r));
        let mut out = Vec::new();
        self.s.begin_epoch(self.at(), epoch, None, None, &mut out);
        self.keep(&out);
        out.extend(self.happens(Input::Up { kernel: None }));
        out
    }

    pub(crate) const fn at(&self) -> Stamp {
        Stamp { wall_ms: 0, mono_us: self.now_us }
    }

    fn keep(&mut self, out: &[Output]) {
        self.past.0.extend(out.iter().filter_map(|o| if let Output::Record(r, _) = o { Some(r.clone()) } else { None }));
    }

    pub(crate) fn passes(&mut self, ms: u64) {
        self.now_us += ms * 1_000;
    }

    pub(crate) fn happens(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.now_us += 1;
        self.s.handle(self.at(), input, &self.past, &mut out);
        self.keep(&out);
        out
    }

    pub(crate) fn asks(&mut self, conn: u64, message: Message) -> Vec<Output> {
        self.happens(Input::Request(conn, message))
    }

    pub(crate) fn kernel(&mut self, life: u32, event: KernelEvent) -> Vec<Output> {
        self.happens(Input::Kernel(life, event))
    }

    pub(crate) fn submits(&mut self, conn: u64, id: u8, code: &str, group: Option<u8>) -> Vec<Output> {
        self.asks(conn, submit(id, code, group))
    }

    pub(crate) fn ends(&mut self, life: u32, n: u64, how: DoneHow) -> Vec<Output> {
        self.kernel(life, KernelEvent::Done(Done { n, how, result: None, idle_guess: false }))
    }

    pub(crate) fn outcome(&self, id: u8) -> Option<Outcome> {
        self.past.eval(&EvalId([id; 16]))?.outcome
    }
}

pub(crate) fn submit(id: u8, code: &str, group: Option<u8>) -> Message {
    Message::Submit(m::Submit {
        re: u32::from(id),
        eval: EvalId([id; 16]),
        code: code.into(),
        group: group.map(|g| GroupId([g; 16])),
        on_error: OnError::Stop,
        show: Show::Value,
        argv: None,
        trace: None,
    })
}

pub(crate) const fn interrupt(re: u32, id: u8, eval: u8) -> Message {
    Message::Interrupt(m::Interrupt { re, id: RequestId([id; 16]), eval: EvalId([eval; 16]), escalate: None })
}

pub(crate) const fn mutate(re: u32, id: u8) -> m::Mutate {
    m::Mutate { re, id: RequestId([id; 16]) }
}

pub(crate) fn share(id: u8, with: &str, scope: Scope) -> Message {
    Message::Share(m::Share { re: u32::from(id), id: RequestId([id; 16]), with: with.to_owned(), scope })
}

pub(crate) fn unshare(id: u8, with: &str) -> Message {
    Message::Unshare(m::Unshare { re: u32::from(id), id: RequestId([id; 16]), with: with.to_owned() })
}

pub(crate) fn answer(id: u8, ask: u64, text: &str) -> Message {
    let id = RequestId([id; 16]);
    Message::Input(m::Input { re: 7, id, life: Some(1), ask, data: Bytes::from(text), eof: false })
}

pub(crate) const fn ask(n: u64, ask: u64, secret: bool) -> KernelEvent {
    KernelEvent::Ask(Ask { n, ask, prompt: String::new(), secret, line: true })
}

/// The evals that the kernel is told to run.
pub(crate) fn runs(out: &[Output]) -> Vec<EvalNumber> {
    out.iter()
        .filter_map(|o| match o {
            Output::Kernel(KernelCommand::Exec(exec)) | Output::Next { exec, .. } => Some(exec.n),
            _ => None,
        })
        .collect()
}

pub(crate) fn verdict(out: &[Output]) -> Option<m::Verdict> {
    out.iter().find_map(|o| if let Output::Reply(_, Message::InterruptAnswer(a)) = o { Some(a.verdict) } else { None })
}

pub(crate) fn refusal(out: &[Output]) -> Option<Code> {
    out.iter().find_map(|o| if let Output::Reply(_, Message::Error(e)) = o { e.known() } else { None })
}

pub(crate) fn carried(out: &[Output]) -> bool {
    out.iter().any(|o| matches!(o, Output::Reply(_, Message::Carried(_))))
}

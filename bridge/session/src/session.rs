//! The machine itself: one input in, outputs out.

use crate::archive::Archive;
use crate::audience::{Audience, Client};
use crate::comm::Comms;
use crate::input::{ConnId, Input, Output, StoredValue, Timer, Watcher};
use crate::interrupt::Interrupts;
use crate::lives::Phase;
use crate::query::Queries;
use crate::state::State;
use crate::watch::Watch;
use rialto_protocol::event::{Event, Output as Written, Record, Stamp};
use rialto_protocol::kernel::{DoneHow, KernelEvent, Shown};
use rialto_protocol::message::Notice;
use rialto_protocol::scope::Needs;
use rialto_protocol::{ClientId, Code, Epoch, ErrorReply, EvalNumber, Life, Message, Outcome, Scope, Seq};

/// One session.
///
/// The driver feeds [`Session::handle`] and carries out what comes out, in order, under one law: **a [`Output::Record`]
/// survives `kill -9` before anything after it happens.** It may do several inputs in one go and keep all their records
/// first. Time never goes back in `mono_us`; `wall_ms` may jump as it likes.
#[derive(Debug, Default)]
pub struct Session {
    pub(crate) state: State,
    pub(crate) audience: Audience,
    pub(crate) phase: Phase,
    pub(crate) interrupts: Interrupts,
    pub(crate) queries: Queries,
    pub(crate) comms: Comms,
    pub(crate) stalled: Option<String>,
    pub(crate) up: bool,
    /// It came up for somebody who has not joined yet, and does not leave before that.
    pub(crate) expects: bool,
    pub(crate) exiting: bool,
    /// Since when nobody uses it, in microseconds. Kept only where that matters.
    pub(crate) unused_since: Option<u64>,
    /// After the end: how much everybody had been sent when that was looked at last.
    pub(crate) told: Option<u64>,
    pub(crate) watch: Watch,
}

/// One turn of the machine: the session, the time, the past, and what is to be done.
pub(crate) struct Turn<'a> {
    pub(crate) s: &'a mut Session,
    pub(crate) at: Stamp,
    pub(crate) archive: &'a dyn Archive,
    pub(crate) out: &'a mut Vec<Output>,
    /// The channel whose request this is.
    pub(crate) conn: Option<ConnId>,
}

impl Session {
    /// A session without a past. Apply the journal's records next, if there are any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Recovery: one record of the journal. In order; records of output and displays may be left out.
    pub fn apply(&mut self, record: &Record) {
        self.state.apply(record);
    }

    /// What the past says beyond its records: numbers that trimming may have removed the records of.
    pub fn remember(&mut self, head: Seq, last_n: EvalNumber) {
        self.state.head = self.state.head.max(head);
        self.state.last_n = self.state.last_n.max(last_n);
    }

    /// One thing happens.
    pub fn handle(&mut self, at: Stamp, input: Input, archive: &dyn Archive, out: &mut Vec<Output>) {
        let mut turn = Turn { s: self, at, archive, out, conn: None };
        turn.input(input);
        turn.advance();
    }

    /// The supervisor's first record of its incarnation. `handed`: what the one before noted of its last [`Output::Next`].
    pub fn begin_epoch(
        &mut self,
        at: Stamp,
        epoch: Epoch,
        created: Option<rialto_protocol::event::Created>,
        handed: Option<crate::Handed>,
        out: &mut Vec<Output>,
    ) {
        // The archive is not asked anything here.
        let mut turn = Turn { s: self, at, archive: &NoPast, out, conn: None };
        turn.begin_epoch(epoch, created, handed);
    }

    /// Answers the submits that their `accepted` was to answer and cannot, because its client has no credit left or retention
    /// was faster. After each delivery, where [`Audience::overdue`] names somebody.
    pub fn settle(&mut self, archive: &dyn Archive, out: &mut Vec<Output>) {
        while let Some(conn) = self.audience.overdue() {
            Turn { s: self, at: Stamp::default(), archive, out, conn: None }.pay(conn);
        }
    }

    /// Everybody on the line.
    #[must_use]
    pub const fn audience(&self) -> &Audience {
        &self.audience
    }

    /// The same, for the driver's reports of what was sent.
    pub const fn audience_mut(&mut self) -> &mut Audience {
        &mut self.audience
    }

    /// The last event.
    #[must_use]
    pub const fn head(&self) -> Seq {
        self.state.head
    }

    /// The last life that began.
    #[must_use]
    pub const fn life(&self) -> Life {
        self.state.life
    }

    /// The incarnation.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.state.epoch()
    }

    /// What the session was made as.
    #[must_use]
    pub const fn created(&self) -> Option<&rialto_protocol::event::Created> {
        self.state.created.as_ref()
    }

    /// Who may come in, and how far.
    #[must_use]
    pub const fn access(&self) -> &crate::Access {
        &self.state.access
    }

    /// Whether it has ended for good.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.state.ended
    }

    /// While stalled: an interrupt or an end is under way, so the kernel must be heard all the same.
    #[must_use]
    pub const fn urgent(&self) -> bool {
        self.interrupts.open() || self.phase.ending()
    }

    /// The kernel is being ended, by a request or by force.
    #[must_use]
    pub fn ending(&self) -> bool {
        self.phase.ending() || self.interrupts.forced()
    }

    /// The program whose eval runs: it will soon hear more.
    #[must_use]
    pub fn running_for(&self) -> Option<ClientId> {
        self.state.running.as_ref().and_then(|r| r.client)
    }

    /// The eval that runs, for whoever asks the process what it does.
    #[must_use]
    pub fn running(&self) -> Option<EvalNumber> {
        self.state.running.as_ref().map(|r| r.n)
    }
}

impl Turn<'_> {
    fn input(&mut self, input: Input) {
        match input {
            Input::Up { kernel } => self.come_up(kernel),
            Input::Joined { conn, who, scope: asked } => match self.s.state.access.on_channel(&who.principal, asked) {
                Some(scope) => {
                    self.s
                        .audience
                        .clients
                        .insert(conn, Client { who, scope, asked, reader: None, owed: Default::default(), acts: false });
                    self.s.expects = false;
                    if self.s.state.ended {
                        self.read_on();
                    } else {
                        self.out.push(Output::ClearTimer(Timer::Linger));
                    }
                }
                None => self.out.push(Output::TurnAway(conn, crate::share::not_there())),
            },
            Input::Left(conn) => self.left(conn),
            Input::Request(conn, message) => {
                self.conn = Some(conn);
                self.request(conn, message);
            }
            Input::Kernel(life, event) => self.kernel(life, event),
            Input::Stored { life, n, value } => {
                if self.is_this_life(life) {
                    self.record_stored(n, value);
                }
            }
            Input::Timer(timer) => self.timer(timer),
            Input::Stalled(why) => {
                self.notice("stalled", &why);
                self.s.stalled = Some(why);
            }
            Input::Resumed => {
                if self.s.stalled.take().is_some() {
                    self.notice("resumed", "the journal can grow again");
                }
            }
            Input::EndSession => self.end_session(None, None),
        }
    }

    /// The one place where a scope is checked, and the one table of who handles what.
    fn request(&mut self, conn: ConnId, message: Message) {
        let Some(client) = self.s.audience.clients.get_mut(&conn) else {
            return self.out.push(Output::Odd(format!("a request on channel {conn}, where nobody is")));
        };
        let kind = message.kind();
        if !client.scope.permits(kind) && !cfg!(mutant = "scope_is_ignored") {
            let name = rialto_protocol::kind::name(kind).unwrap_or("this");
            let text = format!("{name} needs more than the scope {} that you have here", client.scope);
            return self.error(conn, message.re().unwrap_or(0), Code::Forbidden, text);
        }
        client.acts |= Needs::of(kind) > Needs::AtLeast(Scope::Observe);
        match message {
            Message::Attach(m) => {
                self.pay(conn);
                self.attach(conn, &m);
            }
            Message::Detach(m) => {
                self.pay(conn);
                self.s.audience.detach(conn);
                self.reply(conn, Message::Detached(m));
            }
            Message::Credit(m) => self.s.audience.grant(conn, m.bytes),
            Message::GetStatus(m) => self.status(conn, m.re),
            Message::GetEval(m) => self.get_eval(conn, &m),
            Message::Submit(m) => self.submit(conn, m),
            Message::Interrupt(m) => self.interrupt(conn, &m),
            Message::Input(m) => self.answer(conn, m),
            Message::Complete(m) => self.query(conn, m.re, crate::query::complete(m)),
            Message::Inspect(m) => self.query(conn, m.re, crate::query::inspect(m)),
            Message::IsComplete(m) => self.query(conn, m.re, crate::query::is_complete(m)),
            Message::Comm(m) => self.comm(conn, m),
            Message::Restart(m) => self.restart(conn, m),
            Message::Kill(m) => self.kill(conn, m),
            Message::Redact(m) => self.redact(conn, &m),
            Message::Share(m) => self.share(conn, m),
            Message::Unshare(m) => self.unshare(conn, m),
            Message::Watch(m) => self.watch(conn, m),
            Message::Unwatch(m) => self.unwatch(conn, m),
            Message::Seen(m) => self.out.push(Output::Watcher(conn, Watcher::Saw(m.bytes))),
            Message::Keys(m) => self.keys(conn, m),
            Message::Resize(m) => self.resize(conn, m),
            Message::Ping(bytes) => self.reply(conn, Message::Pong(bytes)),
            Message::Pong(_) | Message::Unknown { ignorable: true, .. } => {}
            Message::Unknown { kind, .. } => {
                self.error(conn, 0, Code::UnknownMessage, format!("this bridge does not know messages of kind {kind:#04x}"));
            }
            other => {
                let name = rialto_protocol::kind::name(other.kind()).unwrap_or("this");
                self.error(
                    conn,
                    other.re().unwrap_or(0),
                    Code::WrongState,
                    format!("{name} means nothing here: it is not for a session to hear"),
                );
            }
        }
    }

    fn kernel(&mut self, life: Life, event: KernelEvent) {
        if !self.is_this_life(life) {
            return self.out.push(Output::Odd(format!("life {life} spoke after it was over")));
        }
        match event {
            KernelEvent::Ready(info) => self.ready(life, info),
            KernelEvent::Output { n, runs, .. } => {
                self.stirs();
                // Whatever the runner believes: output is an eval's own exactly while that eval runs. What is flagged too late
                // or too early, or carries a number that was never given out, is put right here.
                let (n, background) = match &self.s.state.running {
                    Some(r) => (n.min(r.n), n < r.n),
                    None => (n.min(self.s.state.ran), true),
                };
                self.record(Event::Output(Written { n, background, runs }));
            }
            KernelEvent::Display { n, role, data } => {
                self.record(Event::Display(rialto_protocol::event::Display { n, role, data }));
            }
            KernelEvent::Ask(ask) => self.asked(ask),
            KernelEvent::Done(done) => self.done(done),
            KernelEvent::Fenced(number) => self.fenced(number),
            KernelEvent::Answer(number, answer) => self.answered_query(number, answer),
            KernelEvent::Took(number) => self.s.comms.taken(number),
            KernelEvent::Terminal(Shown::Nothing) => self.nothing_to_watch(),
            KernelEvent::Died(death) => {
                self.nothing_more_to_watch(&death);
                self.died(life, death);
            }
            KernelEvent::Terminal(_) => {
                self.out.push(Output::Odd("what a terminal shows reached the rules; the driver passes it on".to_owned()));
            }
            KernelEvent::DisplayStart { .. } | KernelEvent::DisplayData(_) => {
                self.out.push(Output::Odd("a display in pieces reached the rules; the driver stores those".to_owned()));
            }
        }
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Escalate(n, step) => self.escalate(n, step),
            Timer::AnswerBy(number) => self.answer_pending(number),
            Timer::Query(number) => self.query_timed_out(number),
            Timer::KernelEnd(life) => self.kernel_end_timed_out(life),
            Timer::Linger => self.lingered(),
            Timer::Cull => self.cull(),
        }
    }

    /// Numbers what happened, applies it, and has it kept.
    pub(crate) fn record(&mut self, event: Event) -> Seq {
        self.record_of(event, None)
    }

    /// The same, for what a channel's own request made.
    pub(crate) fn record_of(&mut self, event: Event, conn: Option<ConnId>) -> Seq {
        let seq = self.s.state.head + 1;
        let record = Record { seq, at: self.at, event };
        self.s.state.apply(&record);
        self.out.push(Output::Record(record, conn));
        seq
    }

    fn record_stored(&mut self, n: EvalNumber, value: StoredValue) {
        let seq = self.s.state.head + 1;
        self.s.state.head = seq;
        self.out.push(Output::RecordStored { seq, at: self.at, n, value });
    }

    pub(crate) fn reply(&mut self, conn: ConnId, message: Message) {
        self.out.push(Output::Reply(conn, message));
    }

    pub(crate) fn error(&mut self, conn: ConnId, re: u32, code: Code, text: String) {
        self.reply(conn, Message::Error(ErrorReply::new(re, code, text)));
    }

    fn notice(&mut self, what: &str, text: &str) {
        let notice = Notice { what: what.to_owned(), text: text.to_owned(), events: 0 };
        self.out.push(Output::Everyone(Message::Notice(notice)));
    }
}

/// How a kernel's word for an end reads as an outcome.
pub(crate) const fn outcome(how: &DoneHow) -> Outcome {
    match how {
        DoneHow::Ok => Outcome::Ok,
        DoneHow::Error(_) => Outcome::Error,
        DoneHow::Interrupted(_) => Outcome::Interrupted,
        DoneHow::Exit { .. } => Outcome::Exit,
    }
}

/// Stands in where nothing of the past is asked.
struct NoPast;

impl Archive for NoPast {
    fn eval(&self, _: &rialto_protocol::EvalId) -> Option<crate::EvalFacts> {
        None
    }
    fn eval_number(&self, _: EvalNumber) -> Option<crate::EvalFacts> {
        None
    }
    fn accepted(&self, _: Seq) -> Option<rialto_protocol::event::Accepted> {
        None
    }
    fn request(&self, _: &rialto_protocol::RequestId) -> Option<Seq> {
        None
    }
    fn noted_interrupt(&self, _: &rialto_protocol::EvalId) -> bool {
        false
    }
    fn stopped_group(&self, _: &rialto_protocol::GroupId) -> Option<EvalNumber> {
        None
    }
}

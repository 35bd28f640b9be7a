//! The driver of a world, under the one law: outputs are carried out in order, and a record survives `kill -9` before
//! anything after it happens. It can be killed between any two of them.

use crate::client::Frame;
use crate::model::Model;
use crate::story::{Broken, Check, hold};
use crate::who::Present;
use crate::world::{What, World};
use crate::{bounded, interrupt, order, who};
use rialto_protocol::event::{Created, Event, Stamp, Who};
use rialto_protocol::kernel::{KernelCommand, KernelEvent};
use rialto_protocol::{EvalNumber, Message, RequestId, Seq};
use rialto_session::{ConnId, Input, Output, Session, StoredValue, Timer};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One supervisor process.
pub(crate) struct Supervisor {
    pub(crate) no: u32,
    pub(crate) session: Session,
    started: u64,
    pub(crate) inbox: VecDeque<Input>,
    turn_is_due: bool,
    pub(crate) pump_is_due: bool,
    timers: BTreeMap<Timer, u64>,
    pub(crate) present: Present,
    /// Channels that may do less than they once might.
    pub(crate) lessened: BTreeSet<ConnId>,
    /// Channels that are attached.
    pub(crate) readers: BTreeSet<ConnId>,
    /// Events that a channel's own request made.
    pub(crate) own: BTreeMap<Seq, ConnId>,
    /// Large events of which some pieces were sent: which, and how many bytes.
    pub(crate) partly: BTreeMap<ConnId, (Seq, usize)>,
    /// Requests by channel and number: what was asked, and how often it was answered.
    pub(crate) asked: BTreeMap<(ConnId, u32), (Message, u32, u32)>,
    /// The fence that will be the answer to the last signal.
    pub(crate) fence: Option<u32>,
    /// It was told that the disk is full.
    pub(crate) stalled: bool,
    /// Evals that lie ready in the kernel and whose turn has not come.
    pub(crate) ahead: VecDeque<EvalNumber>,
    /// The last of them to begin: the kernel looks for more after it.
    pub(crate) looks_after: Option<EvalNumber>,
    /// The last eval to begin did so ahead of its records.
    overtook: bool,
}

impl Supervisor {
    fn began(&mut self, n: EvalNumber) -> bool {
        let began = self.ahead.front() == Some(&n);
        if began {
            self.ahead.pop_front();
        }
        self.overtook = began;
        self.looks_after = Some(n).filter(|_| began);
        began
    }

    fn forgets(&mut self, conn: ConnId) {
        self.present.remove(&conn);
        self.readers.remove(&conn);
        self.partly.remove(&conn);
        self.asked.retain(|(of, _), _| *of != conn);
    }
}

impl World {
    fn stamp(&self, started: u64) -> Stamp {
        Stamp { wall_ms: self.wall_ms(), mono_us: self.now - started }
    }

    /// A supervisor takes over what the journal has.
    pub(crate) fn start_supervisor(&mut self) -> Check {
        self.sups += 1;
        let mut session = Session::new();
        for record in self.journal.rows.iter().filter_map(|r| r.shown.as_ref()) {
            if !matches!(record.event, Event::Output(_) | Event::Display(_)) {
                session.apply(record);
            }
        }
        session.remember(self.journal.head(), self.journal.last_n());
        let brand_new = self.journal.rows.is_empty();
        let epoch = (self.model.epoch + 1).max(self.wall_ms() / 1_000);
        self.epochs = self.epochs.max(epoch);
        let created = brand_new.then(|| self.created());
        let at = self.stamp(self.now);
        let (no, now) = (self.sups, self.now);
        let head = self.journal.head();
        self.tell("supervisor", || format!("starts epoch {epoch} on {head} events"));
        let mut out = Vec::new();
        session.begin_epoch(at, epoch, created, self.handed.clone(), &mut out);
        self.sup = Some(Supervisor {
            no,
            session,
            started: now,
            inbox: VecDeque::new(),
            turn_is_due: false,
            pump_is_due: false,
            timers: BTreeMap::new(),
            present: Present::new(),
            readers: BTreeSet::new(),
            lessened: BTreeSet::new(),
            own: BTreeMap::new(),
            partly: BTreeMap::new(),
            asked: BTreeMap::new(),
            fence: None,
            stalled: false,
            ahead: VecDeque::new(),
            looks_after: None,
            overtook: false,
        });
        let kernel = (brand_new && self.dice.chance(60)).then_some(1);
        if let Some(life) = kernel {
            self.spawn_kernel(life);
        }
        let cause = Input::Up { kernel };
        self.keep(&cause, &mut out)?;
        self.takes(cause, &mut out)?;
        self.carry_out(out)
    }

    fn created(&self) -> Created {
        Created {
            session: rialto_protocol::SessionId::from_bytes([1; 10]),
            name: None,
            kernel: "toy".to_owned(),
            cwd: String::new(),
            by: Who { principal: who::OWNER.to_owned(), ..Who::default() },
            id: RequestId([255; 16]),
            ends_when_done: self.odds.ends_when_done,
            contract: 1,
            cull_after_ms: self.odds.cull_after_ms,
        }
    }

    /// Something arrives; it is looked at soon.
    pub(crate) fn arrives(&mut self, input: Input) {
        let wait = self.dice.below(300);
        let Some(sup) = &mut self.sup else { return };
        sup.inbox.push_back(input);
        if !std::mem::replace(&mut sup.turn_is_due, true) {
            let no = sup.no;
            self.at(wait, What::Turn(no));
        }
    }

    /// Several inputs in one go, as they come while a commit runs.
    pub(crate) fn turn(&mut self) -> Check {
        let mut out = Vec::new();
        let Some(sup) = &mut self.sup else { return Ok(()) };
        sup.turn_is_due = false;
        for _ in 0..sup.inbox.len().min(8) {
            // Nothing may be fed until the kernel has said more: its words are on the way.
            let Some(input) = self.next_input() else { return self.carry_out(out) };
            self.takes(input, &mut out)?;
        }
        self.hand_more();
        if let Some(sup) = self.sup.as_mut().filter(|s| !s.inbox.is_empty() && !s.turn_is_due) {
            sup.turn_is_due = true;
            let no = sup.no;
            self.at(1, What::Turn(no));
        }
        self.carry_out(out)
    }

    /// One input through the rules; what it makes is judged at once.
    fn takes(&mut self, input: Input, all: &mut Vec<Output>) -> Check {
        let Some(sup) = &mut self.sup else { return Ok(()) };
        match &input {
            Input::Joined { conn, who, scope } => {
                if let Some(may) = who::may(&self.model, &who.principal, *scope) {
                    sup.present.insert(*conn, (who.clone(), may));
                }
            }
            Input::Stalled(_) => sup.stalled = true,
            Input::Resumed => sup.stalled = false,
            Input::Left(conn) => {
                sup.forgets(*conn);
            }
            Input::Request(conn, message) => {
                if matches!(message, Message::Detach(_)) {
                    sup.readers.remove(conn);
                }
                sup.partly.retain(|c, _| c != conn || !matches!(message, Message::Attach(_) | Message::Detach(_)));
                if let Some(re) = crate::client::re_of(message).filter(|re| *re != 0) {
                    let entry = sup.asked.entry((*conn, re)).or_insert((message.clone(), 0, 0));
                    entry.0 = message.clone();
                    entry.1 += 1;
                }
            }
            Input::Kernel(life, KernelEvent::Fenced(number))
                if Some(*life) == self.kernel.as_ref().map(|k| k.life) && sup.fence == Some(*number) =>
            {
                self.unfenced = false;
            }
            _ => {}
        }
        let at = Stamp { wall_ms: self.wall_base + self.now / 1_000, mono_us: self.now - sup.started };
        let concerned = self.model.waiting.len() + sup.present.len() + sup.asked.len() + sup.timers.len();
        let mut out = Vec::new();
        sup.session.handle(at, input.clone(), &self.journal, &mut out);
        if self.story.wanted {
            self.tell("hears", || format!("{input:?}"));
        }
        bounded::outputs(&out, concerned)?;
        self.keep(&input, &mut out)?;
        self.lets_in(&input, &out)?;
        order::rest(&self.model)?;
        interrupt::turn(&self.model, &out)?;
        interrupt::restart(&self.model, &input, &out)?;
        interrupt::rest(&self.model, &input)?;
        bounded::rest(&self.model, self.sup.as_ref().map_or(0, |s| s.timers.len()))?;
        if let Some(sup) = &mut self.sup {
            // Its turn has come, and the kernel has it already.
            out.retain(|o| !matches!(o, Output::Next { exec, .. } if sup.began(exec.n)));
        }
        all.append(&mut out);
        Ok(())
    }

    /// Who is on a channel after an input, and who is not any more.
    fn lets_in(&mut self, input: &Input, out: &[Output]) -> Check {
        let Some(sup) = &mut self.sup else { return Ok(()) };
        for o in out {
            match o {
                Output::Reply(conn, Message::Attached(_)) => drop(sup.readers.insert(*conn)),
                Output::Access(access) => hold!("who", access.shares == self.model.shares, "{access:?} is not what is recorded"),
                _ => {}
            }
        }
        let turned: Vec<ConnId> =
            out.iter().filter_map(|o| if let Output::TurnAway(conn, _) = o { Some(*conn) } else { None }).collect();
        who::turned_away(&self.model, input, &sup.present, &turned)?;
        turned.iter().for_each(|conn| sup.forgets(*conn));
        for (conn, (who, scope)) in &mut sup.present {
            let asked = self.links.get(conn).map_or(*scope, |link| self.clients[link.client].scope);
            let now = who::may(&self.model, &who.principal, asked).unwrap_or_default();
            if now < *scope {
                sup.lessened.insert(*conn);
            }
            *scope = now;
        }
        Ok(())
    }

    /// The one thing that may overtake records: the next eval, where its `accepted` is safe and nothing else is on its way to
    /// the kernel. What is noted of it first survives everything that the journal survives.
    fn hand_over(&mut self, out: &mut Vec<Output>) -> Result<bool, Broken> {
        let first = |o: &Output| matches!(o, Output::Kernel(_) | Output::StartKernel(_) | Output::Next { .. });
        let overtook = self.sup.as_mut().is_some_and(|s| std::mem::take(&mut s.overtook));
        let Some(i) = out.iter().position(first) else { return Ok(overtook) };
        let safe = self.journal.durable;
        if !matches!(out.get(i), Some(Output::Next { accepted, .. }) if *accepted as usize <= safe) || !self.dice.chance(80) {
            return Ok(false);
        }
        let Output::Next { exec, .. } = out.remove(i) else { return Ok(false) };
        self.note(vec![exec.n]);
        self.count.one("evals that overtook the end before them");
        let at_once = self.dice.chance(50);
        let by_itself = self.dice.chance(50);
        if let Some(sup) = self.sup.as_mut() {
            sup.looks_after = Some(exec.n).filter(|_| by_itself);
        }
        match self.kernel.as_ref().map(|k| k.no).filter(|_| at_once) {
            _ if by_itself => {
                self.lies_ready(vec![exec]);
                self.hand_more();
            }
            // The kernel is quick, and the commit slow.
            Some(no) => self.kernel_hears(no, KernelCommand::Exec(exec), self.signals)?,
            None => self.tell_kernel(KernelCommand::Exec(exec), None),
        }
        // The moment that this is about.
        self.crash_soon |= at_once && !self.peace && self.dice.chance(4);
        Ok(true)
    }

    /// Records that nothing was asked for besides may wait for those of the next eval, a few times.
    fn gathers(&mut self, out: &[Output]) -> bool {
        let few = self.handed.as_ref().is_some_and(|handed| handed.evals.len() < 6);
        self.gathers = few && out.iter().all(|o| matches!(o, Output::Record(..))) && self.dice.chance(60);
        if let Some(sup) = self.sup.as_mut().filter(|s| self.gathers && !s.turn_is_due) {
            sup.turn_is_due = true;
            let no = sup.no;
            self.at(500, What::Turn(no));
        }
        self.gathers
    }

    fn carry_out(&mut self, mut out: Vec<Output>) -> Check {
        if self.hand_over(&mut out)? && self.gathers(&out) {
            self.count.one("records that waited for the next eval's");
            if std::mem::take(&mut self.crash_soon) {
                return self.supervisor_dies("while records wait");
            }
            return Ok(());
        }
        self.gathers = false;
        // Those that waited come first.
        let new = out.iter().filter(|o| matches!(o, Output::Record(..))).count();
        self.journal.durable = self.journal.durable.max(self.journal.rows.len() - new);
        let crash = std::mem::take(&mut self.crash_soon).then(|| self.dice.index(out.len() + 1));
        let together = self.dice.chance(50);
        if crash.is_some() && together && self.dice.chance(40) {
            return self.supervisor_dies("before a commit");
        }
        if together {
            self.journal.durable = self.journal.rows.len();
            for o in &out {
                if let Output::Redact { n, first, last } = o {
                    self.journal.redact(*n, *first, *last);
                }
            }
        }
        let mut named = None;
        for (i, o) in out.into_iter().enumerate() {
            // The text goes in the same commit as the record that says so: nothing comes between those two.
            if crash.is_some_and(|at| i >= at) && !matches!(o, Output::Redact { .. }) {
                return self.supervisor_dies("between two outputs");
            }
            if let Output::Record(r, _) = &o {
                self.journal.durable = self.journal.durable.max(r.seq as usize);
                named = if let Event::Interrupting(e) = &r.event { Some(e.n) } else { None };
            }
            self.carry(o, named)?;
        }
        if crash.is_some() {
            return self.supervisor_dies("after its outputs");
        }
        self.committed();
        self.pump_soon(50);
        Ok(())
    }

    fn carry(&mut self, o: Output, named: Option<EvalNumber>) -> Check {
        if self.story.wanted && !matches!(o, Output::SetTimer(..) | Output::ClearTimer(_)) {
            self.tell("  does", || format!("{o:?}"));
        }
        let Some(sup) = &mut self.sup else { return Ok(()) };
        match o {
            Output::Record(..) | Output::RecordStored { .. } => {}
            Output::Kernel(command) => self.tell_kernel(command, named),
            Output::Next { exec, .. } => self.tell_kernel(KernelCommand::Exec(exec), named),
            Output::StartKernel(life) => {
                hold!("order", self.kernel.is_none(), "life {life} is started while another kernel lives");
                self.spawn_kernel(life);
            }
            Output::Reply(conn, message) => {
                if let Message::Carried(c) = &message {
                    hold!("nothing_lost", c.seq as usize <= self.journal.durable, "{c:?} is said before it is kept");
                }
                self.send(conn, Frame::Reply(message));
            }
            Output::Everyone(message) => {
                for conn in sup.present.keys().copied().collect::<Vec<_>>() {
                    self.send(conn, Frame::Reply(message.clone()));
                }
            }
            // Nobody looks at a toy's terminal: it has none.
            Output::Watcher(..) => {}
            Output::SetTimer(timer, due) => {
                sup.timers.insert(timer, due);
                let (no, at) = (sup.no, sup.started + due);
                let late = self.dice.lag(50);
                self.at(at.saturating_sub(self.now) + late, What::TimerDue(no, timer, due));
            }
            Output::ClearTimer(timer) => {
                sup.timers.remove(&timer);
            }
            Output::Redact { n, first, last } => self.journal.redact(n, first, last),
            Output::Exit { ended } => {
                hold!("order", self.kernel.is_none(), "the supervisor leaves a kernel behind");
                hold!("order", ended == self.model.ended, "it says that the session ended: {ended}");
                self.count.one("supervisors that left by themselves");
                self.supervisor_ends();
            }
            Output::Access(_) => {}
            Output::TurnAway(conn, _) => self.is_turned_away(conn),
            Output::Odd(_) => self.count.one("odd, harmless"),
        }
        Ok(())
    }

    pub(crate) fn timer_due(&mut self, timer: Timer, due: u64) {
        if let Some(sup) = &mut self.sup
            && sup.timers.get(&timer) == Some(&due)
        {
            sup.timers.remove(&timer);
            self.arrives(Input::Timer(timer));
        }
    }

    /// What the kernel says arrives: large displays are stored on the way.
    pub(crate) fn hears_kernel(&mut self, life: u32, event: KernelEvent) {
        if let KernelEvent::DisplayStart { n, forms, .. } = &event {
            self.values += 1;
            let value = StoredValue { key: self.values, len: forms.iter().map(|f| f.1).sum(), pieces: 5 };
            let n = *n;
            return self.arrives(Input::Stored { life, n, value });
        }
        self.arrives(Input::Kernel(life, event));
    }

    /// `kill -9`: sockets break, the kernel goes with its lifeline, what was not kept is gone.
    pub(crate) fn supervisor_dies(&mut self, when: &'static str) -> Check {
        self.tell("CRASH", || format!("the supervisor is killed {when}"));
        self.count.one("crashes");
        if self.model.running.is_some() {
            self.count.one("crashes under a running eval");
        }
        self.supervisor_ends();
        hold!("nothing_lost", self.most_sent as usize <= self.journal.durable, "event {} was sent and is lost", self.most_sent);
        if self.journal.rows.len() > self.journal.durable {
            self.count.one("crashes that lost what was not yet kept");
            self.forget_after(self.journal.durable, false);
        }
        Ok(())
    }

    /// The journal loses its end. `kept`: it had been safe, so that nobody can know what was in it any more.
    pub(crate) fn forget_after(&mut self, len: usize, kept: bool) {
        let lost = self.journal.truncate(len);
        for record in &lost {
            self.once.forget_request(record);
            if kept {
                self.once.forget(&self.model, record);
            }
        }
        self.most_sent = self.most_sent.min(len as Seq);
        self.model = Model::replay(self.journal.rows.iter().map(|r| &*r.record));
    }

    fn supervisor_ends(&mut self) {
        self.sup = None;
        self.gathers = false;
        self.kernel = None;
        self.unfenced = false;
        for conn in self.links.iter().filter(|(_, l)| l.open).map(|(c, _)| *c).collect::<Vec<_>>() {
            self.breaks(conn);
        }
    }
}

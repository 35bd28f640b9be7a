//! What happens on interrupt. It names its eval and can never hit another:
//! the ids are compared here; one that overtakes its submit is remembered; a queued eval is removed; and after one was sent
//! nothing is dispatched until the kernel has answered a fence, so that no late signal can find the next eval.
//! The answer goes out once it is true.

use crate::input::{ConnId, Output, Timer};
use crate::lives::Phase;
use crate::session::Turn;
use crate::state::Running;
use rialto_protocol::event::{Ended, Event, InterruptNoted, Interrupting, Who};
use rialto_protocol::kernel::{KernelCommand, Step};
use rialto_protocol::message::{Escalate, Interrupt, InterruptAnswer, Verdict};
use rialto_protocol::{Code, EvalId, EvalNumber, Message, Outcome, RequestId};
use std::collections::BTreeMap;

/// Interrupts that may wait for their answer at once.
const MAX_PENDING: usize = 1_000;
/// Interrupts of evals that never arrived, over a session's life.
const MAX_NOTED: u64 = 100_000;
/// Where the client sets nothing: once more after this long, and no further. Milliseconds.
const AGAIN_MS: u64 = 2_000;

/// What was sent and not yet settled.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    pending: BTreeMap<u64, Pending>,
    next: u64,
    /// Signals went out for this eval: its end must be fenced.
    sent_to: Option<EvalNumber>,
    /// The fence that is awaited.
    pub(crate) fence: Option<u32>,
    fences: u32,
    /// The hardest step taken against the running eval.
    hardest: Option<Step>,
    /// When the steps to come are due.
    due: BTreeMap<Step, u64>,
    /// Who asked for them.
    asker: Option<(Who, RequestId)>,
}

impl Interrupts {
    /// Something was told to stop and has not: the kernel must be heard even where nothing else may go on.
    pub(crate) const fn open(&self) -> bool {
        self.sent_to.is_some() || self.fence.is_some()
    }

    /// The running eval was told to end by force.
    pub(crate) fn forced(&self) -> bool {
        self.hardest.is_some_and(|h| h >= Step::Terminate)
    }
}

/// Somebody waits for a verdict.
#[derive(Debug)]
struct Pending {
    conn: ConnId,
    re: u32,
    id: RequestId,
    n: EvalNumber,
}

impl Turn<'_> {
    pub(crate) fn interrupt(&mut self, conn: ConnId, m: &Interrupt) {
        if let Some(running) = self.s.state.running.clone()
            && (running.eval == m.eval || cfg!(mutant = "interrupt_hits_whatever_runs"))
        {
            return self.interrupt_running(conn, m, &running);
        }
        let waiting = self.s.state.queue.iter().find(|w| w.eval == m.eval).map(|w| w.n);
        if let Some(n) = waiting {
            let by = Some(self.who(conn));
            let why = Some("it was interrupted before it started".to_owned());
            self.record(Event::Ended(Ended { n, outcome: Outcome::Cancelled, why, by, ..Ended::default() }));
            return self.verdict(conn, m.re, m.eval, Verdict::Cancelled, Some(Outcome::Cancelled));
        }
        if let Some(facts) = self.archive.eval(&m.eval) {
            let outcome = facts.outcome.unwrap_or_default();
            return self.verdict(conn, m.re, m.eval, settled(outcome, false), Some(outcome));
        }
        if self.s.state.ended {
            // Nothing is recorded after the end, and nothing need be: a submit that still comes is refused.
            return self.verdict(conn, m.re, m.eval, Verdict::Cancelled, None);
        }
        // It overtook its submit, or the submit never comes. Either way the truth is "pending".
        if !self.archive.noted_interrupt(&m.eval) {
            if self.s.state.noted >= MAX_NOTED {
                let text = format!("{MAX_NOTED} interrupts named evals that never arrived; no more are remembered here");
                return self.error(conn, m.re, Code::TooBusy, text);
            }
            let by = self.who(conn);
            self.record(Event::InterruptNoted(InterruptNoted { eval: m.eval, by, id: m.id }));
        }
        self.verdict(conn, m.re, m.eval, Verdict::Pending, None);
    }

    fn interrupt_running(&mut self, conn: ConnId, m: &Interrupt, running: &Running) {
        let (n, eval) = (running.n, running.eval);
        // The same request over another connection only moves where the answer goes.
        let again = self.s.interrupts.pending.iter().find(|(_, p)| p.id == m.id).map(|(number, _)| *number);
        if let Some(p) = again.and_then(|number| self.s.interrupts.pending.get_mut(&number)) {
            p.conn = conn;
            p.re = m.re;
            return;
        }
        if self.s.interrupts.pending.len() >= MAX_PENDING {
            return self.error(conn, m.re, Code::TooBusy, format!("{MAX_PENDING} interrupts wait for eval #{n} already"));
        }
        let number = self.s.interrupts.next;
        self.s.interrupts.next += 1;
        self.s.interrupts.pending.insert(number, Pending { conn, re: m.re, id: m.id, n });
        if cfg!(mutant = "interrupt_is_answered_at_once") {
            self.verdict(conn, m.re, eval, Verdict::Interrupted, None);
        }
        let plan = m.escalate.unwrap_or(Escalate { again_ms: Some(AGAIN_MS), ..Escalate::default() });
        if let Some(ms) = plan.answer_ms {
            self.set_timer(Timer::AnswerBy(number), ms);
        }
        // A request that was carried out before a reconnect is not carried out twice.
        if self.archive.request(&m.id).is_some() && !cfg!(mutant = "interrupt_is_carried_out_twice") {
            return;
        }
        self.s.interrupts.asker = Some((self.who(conn), m.id));
        self.step(n, Step::Interrupt);
        for (ms, step) in [(plan.again_ms, Step::Again), (plan.terminate_ms, Step::Terminate), (plan.kill_ms, Step::Kill)] {
            let Some(ms) = ms else { continue };
            let at_us = self.at.mono_us.saturating_add(ms.saturating_mul(1_000));
            // Who asks for more patience later does not take back what was asked for first.
            let due = self.s.interrupts.due.entry(step).or_insert(at_us);
            *due = at_us.min(*due);
            let due = *due;
            self.out.push(Output::SetTimer(Timer::Escalate(n, step), due));
        }
    }

    fn set_timer(&mut self, timer: Timer, ms: u64) {
        self.out.push(Output::SetTimer(timer, self.at.mono_us.saturating_add(ms.saturating_mul(1_000))));
    }

    /// Takes one step against the running eval.
    fn step(&mut self, n: EvalNumber, step: Step) {
        let Some((by, id)) = self.s.interrupts.asker.clone() else { return };
        self.record(Event::Interrupting(Interrupting { n, step, by, id }));
        self.s.interrupts.sent_to = Some(n);
        self.s.interrupts.hardest = self.s.interrupts.hardest.max(Some(step));
        self.out.push(Output::Kernel(KernelCommand::Interrupt(step)));
    }

    /// The time for a harder step has come.
    pub(crate) fn escalate(&mut self, n: EvalNumber, step: Step) {
        let runs = self.s.state.running.as_ref().is_some_and(|r| r.n == n) || cfg!(mutant = "escalation_outlives_its_eval");
        self.s.interrupts.due.remove(&step);
        if runs && matches!(self.s.phase, Phase::Ready) {
            self.step(n, step);
        }
    }

    /// The client set a time for its answer, and the truth is not known yet.
    pub(crate) fn answer_pending(&mut self, number: u64) {
        let Some(p) = self.s.interrupts.pending.remove(&number) else { return };
        if let Some(r) = self.s.state.running.as_ref().filter(|r| r.n == p.n) {
            let eval = r.eval;
            self.verdict(p.conn, p.re, eval, Verdict::Pending, None);
        }
    }

    /// The running eval has ended: everybody who interrupted it learns how.
    pub(crate) fn settle_interrupts(&mut self, running: &Running, outcome: Outcome) {
        let forced = self.s.interrupts.forced();
        let verdict = match settled(outcome, forced) {
            Verdict::Interrupted | Verdict::Finished if self.s.state.living.as_ref().is_some_and(|k| k.best_effort) => {
                Verdict::BestEffort
            }
            verdict => verdict,
        };
        for (number, p) in std::mem::take(&mut self.s.interrupts.pending) {
            self.out.push(Output::ClearTimer(Timer::AnswerBy(number)));
            self.verdict(p.conn, p.re, running.eval, verdict, Some(outcome));
        }
        if self.s.interrupts.hardest.take().is_some() && !cfg!(mutant = "escalation_outlives_its_eval") {
            for step in [Step::Again, Step::Terminate, Step::Kill] {
                self.out.push(Output::ClearTimer(Timer::Escalate(running.n, step)));
            }
        }
        self.s.interrupts.asker = None;
        self.s.interrupts.due.clear();
    }

    /// After an eval that was interrupted has ended, nothing starts until the kernel has answered this.
    pub(crate) fn fence(&mut self) {
        if self.s.interrupts.sent_to.take().is_some() {
            self.raise_fence();
        }
    }

    pub(crate) fn raise_fence(&mut self) {
        self.s.interrupts.fences += 1;
        self.s.interrupts.fence = Some(self.s.interrupts.fences);
        self.out.push(Output::Kernel(KernelCommand::Fence(self.s.interrupts.fences)));
    }

    pub(crate) fn fenced(&mut self, number: u32) {
        if self.s.interrupts.fence == Some(number) {
            self.s.interrupts.fence = None;
            self.drop_queries_behind_fence();
        }
    }

    /// The kernel is gone: so is every signal that was under way to it.
    pub(crate) fn forget_signals(&mut self) {
        if cfg!(mutant = "fence_outlives_its_kernel") {
            return;
        }
        self.s.interrupts.fence = None;
        self.s.interrupts.sent_to = None;
    }

    fn verdict(&mut self, conn: ConnId, re: u32, eval: EvalId, verdict: Verdict, outcome: Option<Outcome>) {
        self.reply(conn, Message::InterruptAnswer(InterruptAnswer { re, eval, verdict, outcome }));
    }
}

/// The verdict on an eval that has ended.
const fn settled(outcome: Outcome, forced: bool) -> Verdict {
    match outcome {
        Outcome::Interrupted => Verdict::Interrupted,
        Outcome::Cancelled => Verdict::Cancelled,
        Outcome::Died if forced => Verdict::Interrupted,
        Outcome::Died | Outcome::Lost | Outcome::NotRun | Outcome::Unknown => Verdict::NotRunning,
        Outcome::Ok | Outcome::Error | Outcome::Exit => Verdict::Finished,
    }
}

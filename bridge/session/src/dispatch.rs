//! What runs next: one eval at a time, in the order of acceptance, and never before an interrupt has been fenced.

use crate::archive::stops_group;
use crate::input::{Output, Timer};
use crate::lives::Phase;
use crate::session::{Turn, outcome};
use rialto_protocol::event::{Ended, Event, Started};
use rialto_protocol::kernel::{Done, DoneHow, Exec};
use rialto_protocol::trace::is_traceparent;
use rialto_protocol::{EvalNumber, GroupId, OnError, Outcome, Show};
use std::sync::Arc;

impl Turn<'_> {
    /// Nothing stands in the way of running an eval now.
    pub(crate) fn may_start(&self) -> bool {
        let fenced = self.s.interrupts.fence.is_none() || cfg!(mutant = "fence_is_not_awaited");
        matches!(self.s.phase, Phase::Ready)
            && (self.s.state.running.is_none() || cfg!(mutant = "two_at_once"))
            && fenced
            && (self.s.queries.none_open() || cfg!(mutant = "eval_starts_during_a_query"))
            && (self.s.stalled.is_none() || cfg!(mutant = "eval_starts_on_a_full_disk"))
    }

    /// Whatever the last input made possible.
    pub(crate) fn advance(&mut self) {
        if !self.s.up {
            return;
        }
        // More than once only where an eval cannot be run after all: the next must not wait for something else to happen.
        while self.may_start() && !self.s.state.queue.is_empty() {
            self.start_next();
            if cfg!(mutant = "unreadable_code_holds_up_the_queue") {
                break;
            }
        }
        self.want_kernel();
        self.maybe_leave();
        self.mind_idleness();
    }

    fn start_next(&mut self) {
        let next = if cfg!(mutant = "last_in_first_out") { self.s.state.queue.back() } else { self.s.state.queue.front() };
        let Some(next) = next else { return };
        let (n, first) = (next.n, next.first);
        let accepted = next.kept.clone().or_else(|| self.archive.accepted(first));
        let Some((accepted, code)) = accepted.and_then(|a| a.code.clone().map(|c| (a, c))) else {
            let why = "its code could not be read back from the journal".to_owned();
            self.end_waiting(n, Outcome::NotRun, why);
            return;
        };
        self.record(Event::Started(Started { n }));
        let exec = exec(n, code, accepted.show, accepted.argv, accepted.trace);
        self.out.push(Output::Next { exec, accepted: first });
    }

    /// The kernel says that an eval is over.
    pub(crate) fn done(&mut self, done: Done) {
        if self.s.state.running.as_ref().is_none_or(|r| r.n != done.n) {
            return self.out.push(Output::Odd(format!("the kernel ended eval #{}, which does not run", done.n)));
        }
        let mut ended = Ended {
            n: done.n,
            outcome: outcome(&done.how),
            result: done.result,
            idle_guess: done.idle_guess,
            ..Ended::default()
        };
        match done.how {
            DoneHow::Ok => {}
            DoneHow::Error(failure) | DoneHow::Interrupted(failure) => ended.failure = Some(failure),
            DoneHow::Exit { code, message } => {
                ended.code = Some(code);
                ended.why = message;
            }
        }
        self.end_running(ended);
        self.fence();
    }

    /// The one way in which a running eval ends: recorded, its group told, its interrupts answered.
    pub(crate) fn end_running(&mut self, mut ended: Ended) {
        let Some(running) = self.s.state.running.clone() else { return };
        ended.fresh_state = self.s.state.fresh;
        let (outcome, code) = (ended.outcome, ended.code);
        self.record(Event::Ended(ended));
        self.tell_group(running.n, running.group, running.on_error, stops_group(outcome, code).then_some(outcome));
        self.settle_interrupts(&running, outcome);
    }

    /// The group of an eval that has ended learns how.
    pub(crate) fn tell_group(&mut self, n: EvalNumber, group: Option<GroupId>, on_error: OnError, stops: Option<Outcome>) {
        if on_error == OnError::Stop
            && let (Some(group), Some(outcome)) = (group, stops)
        {
            self.stop_group(group, n, outcome);
        }
    }

    fn stop_group(&mut self, group: GroupId, by: EvalNumber, outcome: Outcome) {
        let how = match outcome {
            Outcome::Interrupted => "was interrupted",
            Outcome::Exit => "exited with an error",
            Outcome::Error => "ended in error",
            _ => "did not end well",
        };
        let others = |w: &crate::state::Waiting| cfg!(mutant = "group_stop_hits_everybody") || w.group == Some(group);
        let doomed: Vec<EvalNumber> = self.s.state.queue.iter().filter(|w| others(w)).map(|w| w.n).collect();
        for n in doomed {
            if cfg!(mutant = "group_goes_on") {
                continue;
            }
            self.end_waiting(n, Outcome::NotRun, format!("eval #{by} of its group {how}"));
        }
    }

    /// Everything that waits ends `not_run`.
    pub(crate) fn drop_queue(&mut self, why: &str) {
        let waiting: Vec<EvalNumber> = self.s.state.queue.iter().map(|w| w.n).collect();
        for n in waiting {
            self.end_waiting(n, Outcome::NotRun, why.to_owned());
        }
    }

    /// Goes where nothing is left to do and nobody is here, or is about to be.
    fn maybe_leave(&mut self) {
        let s = &self.s;
        let nothing_runs = s.state.running.is_none() && s.state.queue.is_empty();
        if s.exiting || s.expects || !s.audience.clients.is_empty() || !nothing_runs {
            return;
        }
        if !s.state.ended && self.ends_when_done() && s.state.last_n > 0 && !s.phase.ending() {
            self.end_session(None, None);
        }
        if self.s.state.ended {
            self.exit();
        }
    }

    fn ends_when_done(&self) -> bool {
        self.s.state.created.as_ref().is_some_and(|c| c.ends_when_done)
    }

    fn exit(&mut self) {
        self.s.exiting = true;
        self.out.push(Output::Exit { ended: self.s.state.ended });
    }

    /// Between two looks at whoever still reads a session that has ended. Microseconds.
    pub(crate) const READ_ON_US: u64 = 4_000_000;
    /// How long a supervisor waits for somebody where nothing lives in it. Microseconds.
    pub(crate) const LINGER_US: u64 = 10_000_000;

    /// Asks to be woken where nobody is here and there is no kernel to keep.
    pub(crate) fn linger(&mut self) {
        let idle = self.s.audience.clients.is_empty() && self.s.state.running.is_none() && self.s.state.queue.is_empty();
        let nothing_kept = self.s.state.living.is_none() || self.ends_when_done();
        if idle && nothing_kept && !self.s.exiting {
            self.out.push(Output::SetTimer(Timer::Linger, self.at.mono_us + Self::LINGER_US));
        }
    }

    /// The session has ended: whoever is here reads on, and is looked after now and then.
    pub(crate) fn read_on(&mut self) {
        self.s.told = None;
        self.out.push(Output::SetTimer(Timer::Linger, self.at.mono_us + Self::READ_ON_US));
    }

    /// Whoever reads nothing more of a session that has ended does not keep it: a stopped client would for ever. What it has
    /// not read yet it finds in the journal, like everybody who comes later.
    fn readers(&mut self) {
        let told = Some(self.s.audience.told());
        if std::mem::replace(&mut self.s.told, told) == told {
            self.exit();
        } else {
            self.out.push(Output::SetTimer(Timer::Linger, self.at.mono_us + Self::READ_ON_US));
        }
    }

    pub(crate) fn lingered(&mut self) {
        self.s.expects = false;
        if self.s.state.ended && !self.s.audience.clients.is_empty() && !self.s.exiting {
            return self.readers();
        }
        let s = &self.s;
        if !s.audience.clients.is_empty() || s.state.running.is_some() || !s.state.queue.is_empty() || s.exiting {
            return;
        }
        if self.ends_when_done() && !s.state.ended && (s.state.living.is_some() || s.state.last_n > 0) && !s.phase.ending() {
            self.end_session(None, None);
        }
        if matches!(self.s.phase, Phase::None) {
            self.exit();
        }
    }
}

/// What a kernel is told to run.
pub(crate) fn exec(n: EvalNumber, code: Arc<str>, show: Show, argv: Option<Vec<String>>, trace: Option<String>) -> Exec {
    Exec { n, code, show, argv, trace: trace.filter(|trace| is_traceparent(trace)) }
}

//! What is true after a supervisor died: the running eval is `lost`, those that waited are `not_run`, nothing is run again,
//! and nothing runs in a fresh namespace unasked.

use crate::lives::Phase;
use crate::session::Turn;
use crate::state::Waiting;
use rialto_protocol::event::{Created, EndOfLife, Ended, EpochStarted, Event, LifeEnded};
use rialto_protocol::kernel::Death;
use rialto_protocol::{Epoch, EvalNumber, Life, Outcome};

/// The evals that were handed to a kernel ahead of the records that say so ([`crate::Output::Next`]), and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handed {
    /// The incarnation that did.
    pub epoch: Epoch,
    /// All since the last commit.
    pub evals: Vec<EvalNumber>,
}

impl Turn<'_> {
    pub(crate) fn begin_epoch(&mut self, epoch: Epoch, created: Option<Created>, handed: Option<Handed>) {
        if let Some(created) = created.filter(|_| self.s.state.created.is_none()) {
            self.record(Event::Created(created));
        }
        // What another incarnation noted says nothing of this journal: it may have been put back since.
        let handed = handed.filter(|handed| handed.epoch == self.s.state.epoch()).unwrap_or_default().evals;
        self.record(Event::EpochStarted(EpochStarted { epoch }));
        let running = self.s.state.running.clone();
        if let Some(running) = &running {
            let outcome = if cfg!(mutant = "lost_eval_is_called_ok") { Outcome::Ok } else { Outcome::Lost };
            let why = Some("the session's supervisor ended while it ran; how far it came is not known".to_owned());
            let fresh_state = self.s.state.fresh;
            self.record(Event::Ended(Ended { n: running.n, outcome, why, fresh_state, ..Ended::default() }));
        }
        if cfg!(mutant = "group_of_the_lost_takes_what_was_handed")
            && let Some(running) = &running
        {
            self.tell_group(running.n, running.group, running.on_error, Some(Outcome::Lost));
        }
        if !cfg!(mutant = "handed_eval_is_called_not_run") {
            self.lose_handed(&handed);
        }
        // Only now: one of its group that was handed over has begun, and is not `not_run`.
        if let Some(running) = running {
            self.tell_group(running.n, running.group, running.on_error, Some(Outcome::Lost));
        }
        if !cfg!(mutant = "queue_survives_the_supervisor") {
            self.drop_queue("the session's supervisor ended before its turn came");
        }
        if self.s.state.living.is_some() {
            let (life, why) = (self.s.state.life, EndOfLife::SupervisorDied);
            self.record(Event::LifeEnded(LifeEnded { life, why, death: Death::default(), by: None, id: None }));
        }
    }

    /// What was handed over while the end of the one before was not recorded yet has no `started`, and may have run.
    fn lose_handed(&mut self, evals: &[EvalNumber]) {
        let last = if cfg!(mutant = "of_those_handed_over_one_is_lost") { evals.last().copied() } else { None };
        let evals = last.as_ref().map_or(evals, std::slice::from_ref);
        let lost: Vec<Waiting> = self.s.state.queue.iter().filter(|w| evals.contains(&w.n)).cloned().collect();
        for waits in &lost {
            let why = "the session's supervisor ended as it was handed to its kernel; whether it ran is not known".to_owned();
            self.end_waiting(waits.n, Outcome::Lost, why);
        }
        for waits in lost {
            self.tell_group(waits.n, waits.group, waits.on_error, Some(Outcome::Lost));
        }
    }

    pub(crate) fn come_up(&mut self, kernel: Option<Life>) {
        self.s.up = true;
        // Somebody had it started: a session that has ended would otherwise be gone again before anybody can read it.
        self.s.expects = !cfg!(mutant = "ended_session_cannot_be_read");
        if let Some(life) = kernel {
            self.s.phase = Phase::Starting(life, None);
        }
        self.linger();
    }
}

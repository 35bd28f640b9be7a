//! What is true after a supervisor died: the running eval is `lost`, those that waited are `not_run`, nothing is run again,
//! and nothing runs in a fresh namespace unasked.

use crate::lives::Phase;
use crate::session::Turn;
use rialto_protocol::event::{Created, EndOfLife, Ended, EpochStarted, Event, LifeEnded};
use rialto_protocol::kernel::Death;
use rialto_protocol::{Epoch, Life, Outcome};

impl Turn<'_> {
    pub(crate) fn begin_epoch(&mut self, epoch: Epoch, created: Option<Created>) {
        if let Some(created) = created.filter(|_| self.s.state.created.is_none()) {
            self.record(Event::Created(created));
        }
        self.record(Event::EpochStarted(EpochStarted { epoch }));
        if let Some(running) = self.s.state.running.clone() {
            let outcome = if cfg!(mutant = "lost_eval_is_called_ok") { Outcome::Ok } else { Outcome::Lost };
            let why = Some("the session's supervisor ended while it ran; how far it came is not known".to_owned());
            self.end_running(Ended { n: running.n, outcome, why, ..Ended::default() });
        }
        if !cfg!(mutant = "queue_survives_the_supervisor") {
            self.drop_queue("the session's supervisor ended before its turn came");
        }
        if self.s.state.living.is_some() {
            let (life, why) = (self.s.state.life, EndOfLife::SupervisorDied);
            self.record(Event::LifeEnded(LifeEnded { life, why, death: Death::default(), by: None, id: None }));
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

//! How kernels come and go: start, death, restart, the session's end. Nothing of one life is ever taken for another's.

use crate::input::{ConnId, Output, Timer};
use crate::session::Turn;
use rialto_protocol::event::{EndOfLife, Ended, Event, LifeEnded, LifeStarted, SessionEnded, Who};
use rialto_protocol::kernel::{Death, KernelCommand, KernelInfo, Step};
use rialto_protocol::message::Mutate;
use rialto_protocol::{Code, Life, Outcome, RequestId};

/// How long an idle kernel may take to run its exit handlers. Microseconds.
const GRACE_US: u64 = 2_000_000;

/// What the kernel is doing, as far as the rules care.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) enum Phase {
    /// There is none.
    #[default]
    None,
    /// It has been started and is not ready.
    Starting(Life, Option<Asker>),
    /// It takes commands.
    Ready,
    /// It was told to end.
    Ending(Then),
}

/// Who asked for a change of life.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asker {
    conn: Option<ConnId>,
    re: u32,
    by: Option<Who>,
    id: Option<RequestId>,
    /// Why, where nobody asked.
    why: Option<String>,
}

/// What follows once the kernel is gone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Then {
    /// The next life.
    Restart(Asker),
    /// The end of the session.
    End(Asker),
}

impl Phase {
    pub(crate) const fn ending(&self) -> bool {
        matches!(self, Self::Ending(_))
    }

    pub(crate) const fn session_is_ending(&self) -> bool {
        matches!(self, Self::Ending(Then::End(_)))
    }
}

impl Turn<'_> {
    /// The life that is under way, starting or living.
    pub(crate) fn this_life(&self) -> Option<Life> {
        match self.s.phase {
            Phase::None => None,
            Phase::Starting(life, _) => Some(life),
            // A kernel told to end before it was ready has a life that was never recorded.
            Phase::Ready | Phase::Ending(_) => Some(self.s.state.life + Life::from(self.s.state.living.is_none())),
        }
    }

    pub(crate) fn is_this_life(&self, life: Life) -> bool {
        self.this_life() == Some(life) || cfg!(mutant = "old_life_is_heard")
    }

    /// Something waits and there is no kernel: start the next life.
    pub(crate) fn want_kernel(&mut self) {
        if matches!(self.s.phase, Phase::None)
            && !self.s.state.queue.is_empty()
            && self.s.stalled.is_none()
            && !self.s.state.ended
        {
            self.start_kernel(None);
        }
    }

    fn start_kernel(&mut self, asker: Option<Asker>) {
        let life = self.s.state.life + 1;
        self.s.phase = Phase::Starting(life, asker);
        self.out.push(Output::StartKernel(life));
    }

    pub(crate) fn ready(&mut self, life: Life, info: KernelInfo) {
        let asker = match &mut self.s.phase {
            Phase::Starting(_, asker) => asker.take(),
            // It became ready after it was told to end; its death is on the way.
            _ => return,
        };
        let (by, id) = asker.as_ref().map_or((None, None), |a| (a.by.clone(), a.id));
        let seq = self.record(Event::LifeStarted(LifeStarted { life, kernel: info, by, id }));
        self.s.phase = Phase::Ready;
        if let Some(Asker { conn: Some(conn), re, .. }) = asker {
            self.carried(conn, re, seq);
        }
    }

    pub(crate) fn died(&mut self, life: Life, death: Death) {
        self.out.push(Output::ClearTimer(Timer::KernelEnd(life)));
        let forced = self.s.state.running.is_some() && self.s.interrupts.forced();
        self.forget_signals();
        self.drop_queries();
        self.s.comms = crate::comm::Comms::default();
        match std::mem::take(&mut self.s.phase) {
            Phase::Starting(_, asker) => {
                let why = death
                    .failed_start
                    .clone()
                    .unwrap_or_else(|| format!("the kernel ended before it was ready: {}", say(&death)));
                self.drop_queue(&why);
                let (by, id) = asker.as_ref().map_or((None, None), |a| (a.by.clone(), a.id));
                self.record(Event::LifeEnded(LifeEnded { life, why: EndOfLife::FailedStart, death, by, id }));
                if let Some(Asker { conn: Some(conn), re, .. }) = asker {
                    self.error(conn, re, Code::KernelFailedStart, why);
                }
                self.linger();
            }
            Phase::Ending(then) => self.ended_as_told(life, death, then),
            Phase::Ready | Phase::None => {
                let why = format!("the kernel ended: {}", say(&death));
                self.end_running(Ended { outcome: Outcome::Died, why: Some(why.clone()), ..self.ended_running() });
                if !cfg!(mutant = "queue_runs_on_in_a_fresh_kernel") {
                    self.drop_queue(&why);
                }
                let reason = if forced { EndOfLife::Interrupted } else { EndOfLife::Died };
                self.record(Event::LifeEnded(LifeEnded { life, why: reason, death, by: None, id: None }));
                self.linger();
            }
        }
    }

    /// An `ended` for the eval that runs, to be filled in.
    fn ended_running(&self) -> Ended {
        Ended { n: self.s.state.running.as_ref().map_or(0, |r| r.n), ..Ended::default() }
    }

    fn ended_as_told(&mut self, life: Life, death: Death, then: Then) {
        let (why, reason, asker) = match &then {
            Then::Restart(asker) => ("the session was restarted", EndOfLife::Restarted, asker.clone()),
            Then::End(asker) => ("the session was ended", EndOfLife::SessionEnded, asker.clone()),
        };
        self.end_running(Ended {
            outcome: Outcome::Died,
            why: Some(why.to_owned()),
            by: asker.by.clone(),
            ..self.ended_running()
        });
        let Asker { conn, re, by, id, why: because } = asker;
        match then {
            Then::Restart(_) => {
                // What waited was dropped when the restart was asked for; what came since waits for the next life.
                let seq = self.record(Event::LifeEnded(LifeEnded { life, why: reason, death, by, id }));
                if let Some(conn) = conn {
                    self.carried(conn, re, seq);
                }
                self.start_kernel(None);
            }
            Then::End(_) => {
                self.drop_queue(why);
                self.record(Event::LifeEnded(LifeEnded { life, why: reason, death, by: by.clone(), id: None }));
                self.close_session(Asker { conn, re, by, id, why: because });
            }
        }
    }

    /// Tells the kernel to end: in an orderly way where it is idle, at once where it is not.
    fn end_kernel(&mut self, then: Then) {
        if matches!(then, Then::Restart(_)) && !cfg!(mutant = "restart_spares_the_queue") {
            self.drop_queue("the session was restarted");
        }
        let life = self.this_life();
        let idle = matches!(self.s.phase, Phase::Ready) && self.s.state.running.is_none();
        self.s.phase = Phase::Ending(then);
        if idle {
            self.out.push(Output::Kernel(KernelCommand::Shutdown));
            self.out.push(Output::SetTimer(Timer::KernelEnd(life.unwrap_or_default()), self.at.mono_us + GRACE_US));
        } else {
            self.out.push(Output::Kernel(KernelCommand::Interrupt(Step::Kill)));
        }
    }

    pub(crate) fn kernel_end_timed_out(&mut self, life: Life) {
        if self.s.phase.ending() && self.this_life() == Some(life) && !cfg!(mutant = "stubborn_kernel_is_not_killed") {
            self.out.push(Output::Kernel(KernelCommand::Interrupt(Step::Kill)));
        }
    }

    pub(crate) fn restart(&mut self, conn: ConnId, m: Mutate) {
        if let Some(seq) = self.archive.request(&m.id) {
            return self.carried(conn, m.re, seq);
        }
        let asker = Asker { conn: Some(conn), re: m.re, by: Some(self.who(conn)), id: Some(m.id), why: None };
        match &mut self.s.phase {
            // The same request over another connection only moves where the answer goes.
            Phase::Ending(Then::Restart(a)) | Phase::Starting(_, Some(a)) if a.id == Some(m.id) => *a = asker,
            Phase::Ending(_) | Phase::Starting(_, Some(_)) => {
                self.error(conn, m.re, Code::TooBusy, "the kernel is being restarted or ended already; try again".to_owned());
            }
            Phase::None if self.s.state.ended => {
                self.error(conn, m.re, Code::SessionEnded, "the session has ended; start another".to_owned());
            }
            Phase::None => self.start_kernel(Some(asker)),
            Phase::Starting(..) | Phase::Ready => self.end_kernel(Then::Restart(asker)),
        }
    }

    pub(crate) fn kill(&mut self, conn: ConnId, m: Mutate) {
        if let Some(seq) = self.archive.request(&m.id) {
            return self.carried(conn, m.re, seq);
        }
        if self.s.state.ended {
            return self.carried(conn, m.re, self.s.state.head);
        }
        let by = Some(self.who(conn));
        self.end_session(Some(Asker { conn: Some(conn), re: m.re, by: by.clone(), id: Some(m.id), why: None }), by);
    }

    /// Ends the session of its own accord, and says why.
    pub(crate) fn end_session_because(&mut self, why: String) {
        self.end_session(Some(Asker { conn: None, re: 0, by: None, id: None, why: Some(why) }), None);
    }

    /// Ends the session, kernel first.
    pub(crate) fn end_session(&mut self, asker: Option<Asker>, by: Option<Who>) {
        let asker = asker.unwrap_or(Asker { conn: None, re: 0, by, id: None, why: None });
        match &mut self.s.phase {
            Phase::Ending(Then::End(a)) => {
                if a.conn.is_none() || a.id == asker.id {
                    *a = asker;
                } else if let Some(conn) = asker.conn {
                    // One answer is kept for the end; a second asker learns it by asking again.
                    self.error(conn, asker.re, Code::TooBusy, "the session is being ended already; try again".to_owned());
                }
            }
            Phase::Ending(then) => {
                let before = std::mem::replace(then, Then::End(asker));
                if let Then::Restart(a) = before {
                    self.refuse(&a);
                }
            }
            Phase::None => {
                if !self.s.state.ended {
                    self.drop_queue("the session was ended");
                    self.close_session(asker);
                }
            }
            Phase::Starting(_, before) => {
                if let Some(a) = before.take() {
                    self.refuse(&a);
                }
                self.end_kernel(Then::End(asker));
            }
            Phase::Ready => self.end_kernel(Then::End(asker)),
        }
    }

    /// A restart that will not happen any more, because the session ends.
    fn refuse(&mut self, asker: &Asker) {
        if let Some(conn) = asker.conn.filter(|_| !cfg!(mutant = "overtaken_restart_is_not_answered")) {
            let text = "the session was ended before it was restarted; start another".to_owned();
            self.error(conn, asker.re, Code::SessionEnded, text);
        }
    }

    fn close_session(&mut self, asker: Asker) {
        let Asker { conn, re, by, id, why } = asker;
        let seq = self.record(Event::SessionEnded(SessionEnded { by, id, why }));
        self.read_on();
        if let Some(conn) = conn {
            self.carried(conn, re, seq);
        }
    }
}

/// How a process ended, for people.
fn say(death: &Death) -> String {
    match (&death.signal, death.code) {
        (Some(signal), _) => format!("killed by {signal}"),
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => "nobody saw how".to_owned(),
    }
}

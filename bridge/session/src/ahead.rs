//! What a kernel may be handed beside the eval that runs, so that it need not wait for its supervisor between two short ones.
//!
//! Whoever hands it over can take back what has not begun, and does so before anything is fed that could change what runs next
//! ([`Input::needs_all_back`]). What has begun by then is over or runs, and the kernel has said so: that is fed first. So the
//! rules themselves never learn of any of this. They hand over one eval after the other ([`crate::Output::Next`]), and find that
//! some have begun before they were asked to.

use crate::dispatch::exec;
use crate::input::{Input, Timer};
use crate::lives::Phase;
use crate::session::Session;
use rialto_protocol::kernel::{Exec, KernelEvent};
use rialto_protocol::{Message, OnError, Seq};

impl Session {
    /// The evals that run after the one that runs now, whatever becomes of it and of each other: at most so many, in their order,
    /// without the first `skip` of them, and none whose `accepted` is later than `safe`. They are of the same client: what a
    /// supervisor that is killed says of them (see [`crate::Handed`]) is nobody else's.
    #[must_use]
    pub fn ahead(&self, skip: usize, most: usize, safe: Seq) -> Vec<Exec> {
        let mut ahead = Vec::new();
        let Some(running) = self.state.running.as_ref().filter(|_| self.goes_straight_on()) else { return ahead };
        let stops = |group, on_error| (on_error == OnError::Stop).then_some(group).flatten();
        let mut stopping = Vec::from_iter(stops(running.group, running.on_error));
        for (i, next) in self.state.queue.iter().take(skip + most).enumerate() {
            let in_a_group = next.group.as_ref().is_some_and(|group| stopping.contains(group));
            let stopped = in_a_group && !cfg!(mutant = "ahead_of_what_may_stop_it");
            let safe = next.first <= safe || cfg!(mutant = "ahead_of_its_acceptance");
            let Some(kept) =
                next.kept.as_ref().filter(|_| safe && !stopped && next.client.is_some() && next.client == running.client)
            else {
                break;
            };
            let Some(code) = kept.code.clone() else { break };
            if i >= skip {
                ahead.push(exec(next.n, code, kept.show, kept.argv.clone(), kept.trace.clone()));
            }
            stopping.extend(stops(next.group, next.on_error));
        }
        ahead
    }

    /// Nothing is under way that could come between this eval and the next.
    fn goes_straight_on(&self) -> bool {
        let asked = self.interrupts.open() || !self.state.asks.is_empty() || !self.queries.none_open();
        matches!(self.phase, Phase::Ready)
            && self.stalled.is_none()
            && !self.exiting
            && (!asked || cfg!(mutant = "ahead_of_an_open_interrupt"))
    }
}

impl Input {
    /// It may change which eval runs next, or asks something of the kernel: before it is fed, what was handed over beside the
    /// running eval is taken back, and the end of whatever had begun is fed.
    #[must_use]
    pub fn needs_all_back(&self) -> bool {
        match self {
            Self::Up { .. } | Self::Joined { .. } | Self::Left(_) | Self::Stored { .. } => false,
            Self::Kernel(_, event) => matches!(event, KernelEvent::Died(_)),
            Self::Timer(timer) => !matches!(timer, Timer::AnswerBy(_) | Timer::Linger),
            Self::Request(_, Message::Interrupt(_)) => !cfg!(mutant = "interrupt_leaves_what_is_ahead"),
            Self::Request(_, message) => !matches!(
                message,
                Message::Submit(_)
                    | Message::Attach(_)
                    | Message::Detach(_)
                    | Message::Credit(_)
                    | Message::GetStatus(_)
                    | Message::GetEval(_)
                    | Message::Seen(_)
                    | Message::Ping(_)
                    | Message::Pong(_)
            ),
            Self::Stalled(_) | Self::Resumed | Self::EndSession => true,
        }
    }
}

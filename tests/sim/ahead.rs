//! What the driver of a world hands to its kernel before its turn, and takes back before anything is fed that it matters for.

use crate::world::World;
use rialto_protocol::kernel::Exec;
use rialto_protocol::{EvalNumber, Seq};
use rialto_session::{Handed, Input};

impl World {
    /// The next input that may be fed.
    pub(crate) fn next_input(&mut self) -> Option<Input> {
        let waits = self.sup.as_ref()?.inbox.front()?.needs_all_back() && !self.all_back();
        let inbox = &mut self.sup.as_mut()?.inbox;
        let of_kernel = |input: &Input| matches!(input, Input::Kernel(..) | Input::Stored { .. });
        let next = if waits { inbox.iter().position(of_kernel)? } else { 0 };
        inbox.remove(next)
    }

    /// Takes back what has not begun, but for the one whose turn it is.
    fn all_back(&mut self) -> bool {
        let Some(sup) = &mut self.sup else { return true };
        if sup.ahead.is_empty() {
            return true;
        }
        let running = sup.session.running();
        if let Some(kernel) = &mut self.kernel {
            let (kept, back): (Vec<_>, Vec<_>) = kernel.slots.drain(..).partition(|exec| Some(exec.n) == running);
            kernel.slots = kept.into();
            self.are_back(back);
        }
        self.sup.as_ref().is_none_or(|s| s.ahead.is_empty())
    }

    pub(crate) fn are_back(&mut self, back: impl IntoIterator<Item = Exec>) {
        let back: Vec<EvalNumber> = back.into_iter().map(|exec| exec.n).collect();
        if let Some(sup) = &mut self.sup {
            sup.ahead.retain(|n| !back.contains(n));
        }
        if let Some(handed) = &mut self.handed {
            handed.evals.retain(|n| !back.contains(n));
        }
    }

    /// Evals are handed over before their turn, where the kernel looks for them.
    pub(crate) fn hand_more(&mut self) {
        let wanted = self.dice.chance(50);
        let Some(sup) = self.sup.as_mut().filter(|s| wanted && s.inbox.is_empty() && !s.stalled) else { return };
        if sup.looks_after.is_none() || sup.looks_after != sup.session.running() {
            return;
        }
        let execs = sup.session.ahead(sup.ahead.len(), 3_usize.saturating_sub(sup.ahead.len()), self.journal.durable as Seq);
        if execs.is_empty() || self.kernel.is_none() {
            return;
        }
        sup.ahead.extend(execs.iter().map(|exec| exec.n));
        self.note(execs.iter().map(|exec| exec.n).collect());
        self.count.one("evals that were handed over before their turn");
        self.lies_ready(execs);
    }

    /// What is noted survives everything that the journal survives.
    pub(crate) fn note(&mut self, more: Vec<EvalNumber>) {
        let before = self.handed.take().filter(|handed| handed.epoch == self.model.epoch).unwrap_or_default().evals;
        self.handed = Some(Handed { epoch: self.model.epoch, evals: before.into_iter().chain(more).collect() });
    }

    /// All records are safe: the note begins anew.
    pub(crate) fn committed(&mut self) {
        if let (Some(handed), Some(sup)) = (&mut self.handed, &self.sup) {
            handed.evals.retain(|n| sup.ahead.contains(n));
        }
    }
}

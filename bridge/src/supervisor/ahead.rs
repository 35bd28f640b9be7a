//! How short evals that follow one another run without waiting for us: while one runs, its kernel is handed those that come next.
//!
//! What the rules know of it is in `bridge/session/src/ahead.rs`: nothing, because all that has not begun is taken back before
//! anything is fed that it matters for. A supervisor that is killed cannot take back; so each is noted down before it is handed
//! over (`handed.rs`), and is `lost` then. That is why they are few, of one client, and handed over only while evals are short.

use super::clock::Alarm;
use super::driver::Driver;
use rialto_protocol::EvalNumber;
use rialto_protocol::kernel::{Exec, KernelCommand};
use rialto_session::Input;
use std::collections::VecDeque;

/// Evals that lie ready beside the one that runs.
const MOST: usize = 8;
/// An eval is short that follows the one before within this. Microseconds.
const SHORT_US: u64 = 1_000;

/// What the kernel was handed beside the eval that runs.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Those that the rules have not let begin yet, in order.
    row: VecDeque<EvalNumber>,
    /// When they let one begin last that had waited.
    followed_us: u64,
    /// That was soon after the one before.
    quick: bool,
    /// The eval that was handed over last of those that have begun, where the kernel looks for another after it. Another that
    /// runs was told by itself, or is still to be told, and nothing may be handed over that would run before it.
    looks_after: Option<EvalNumber>,
    /// Something is to be fed that must wait until the kernel has been heard.
    waits: bool,
}

impl Ahead {
    /// Whether it is this one's turn, and the kernel has it already.
    pub(super) fn begins(&mut self, n: EvalNumber) -> bool {
        let begins = self.row.front() == Some(&n);
        if begins {
            self.row.pop_front();
        }
        self.looks_after = Some(n).filter(|_| begins);
        begins
    }

    pub(super) fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    /// The kernel that had it is gone.
    pub(super) fn forget(&mut self) {
        self.row.clear();
        self.looks_after = None;
    }

    /// Those that must stay noted down.
    pub(super) const fn row(&self) -> &VecDeque<EvalNumber> {
        &self.row
    }
}

impl Driver {
    /// An eval follows the one before: how soon?
    pub(super) fn follows(&mut self) {
        let now = self.clock.mono_us();
        self.ahead.quick = now < self.ahead.followed_us + SHORT_US;
        self.ahead.followed_us = now;
    }

    /// The kernel is told to run an eval, and where they are short those behind it with it.
    pub(super) fn hand(&mut self, exec: Exec) {
        if !self.all_back() {
            // It would run behind what is not its turn.
            tracing::error!(n = exec.n, "an eval is handed over while others have begun that are not over; the kernel is ended");
            self.kernel.iter_mut().for_each(|(_, kernel)| kernel.kill_group());
            return;
        }
        if !self.ahead.quick {
            return self.command(KernelCommand::Exec(exec));
        }
        let n = exec.n;
        let mut execs = self.next_ones();
        execs.insert(0, exec);
        let taken = self.hand_over(&execs);
        self.ahead.looks_after = Some(n).filter(|_| taken > 0);
        if taken == 0 {
            self.command(KernelCommand::Exec(execs.swap_remove(0)));
        }
    }

    /// More are handed over, so that the kernel finds one whenever it looks.
    pub(super) fn hand_more(&mut self) {
        let looks = self.ahead.looks_after.is_some() && self.ahead.looks_after == self.session.running();
        if !self.ahead.quick || !looks || self.ahead.row.len() > MOST / 2 || !self.inputs.is_empty() {
            return;
        }
        let execs = self.next_ones();
        self.hand_over(&execs);
    }

    fn next_ones(&mut self) -> Vec<Exec> {
        if self.stalled || self.blocked || self.journal.has_failed() || self.ending.is_some() {
            return Vec::new();
        }
        let skip = self.ahead.row.len();
        let execs = self.session.ahead(skip, MOST - skip.min(MOST), self.journal.committed());
        let noted = execs.is_empty() || self.handed.add(self.session.epoch(), execs.iter().map(|exec| exec.n));
        if noted { execs } else { Vec::new() }
    }

    /// Of evals that are noted down: how many the kernel took.
    fn hand_over(&mut self, execs: &[Exec]) -> usize {
        if execs.is_empty() {
            return 0;
        }
        let taken = self.kernel.as_mut().map_or(0, |(_, kernel)| kernel.hand_over(execs));
        let running = self.session.running();
        let (theirs, ours) = execs.split_at(taken.min(execs.len()));
        self.ahead.row.extend(theirs.iter().map(|exec| exec.n).filter(|n| Some(*n) != running));
        let ours: Vec<EvalNumber> = ours.iter().map(|exec| exec.n).filter(|n| Some(*n) != running).collect();
        if !ours.is_empty() {
            self.handed.take_back(self.session.epoch(), &ours);
        }
        if !self.ahead.row.is_empty() && !self.alarms.is_set(Alarm::Ahead) {
            self.mind_ahead();
        }
        taken
    }

    fn mind_ahead(&mut self) {
        self.alarms.set(Alarm::Ahead, self.ahead.followed_us + SHORT_US);
    }

    /// The eval that runs is no short one: what lies ready behind it would be lost with us, and need not be.
    pub(super) fn not_short(&mut self, now: u64) {
        if now < self.ahead.followed_us + SHORT_US && !self.ahead.row.is_empty() {
            return self.mind_ahead();
        }
        // And stays with us until evals are short again.
        self.ahead.quick = false;
        self.all_back();
    }

    /// Takes back what has not begun. True: that was all, and false: some have, and the kernel says how those before them ended.
    pub(super) fn all_back(&mut self) -> bool {
        if self.ahead.row.is_empty() {
            return true;
        }
        let Some((_, kernel)) = &mut self.kernel else {
            // It has died. What it said before that comes first.
            let silent = !self.inputs.iter().any(of_kernel);
            if silent {
                self.ahead.row.clear();
            }
            return silent;
        };
        let back = kernel.take_back();
        if !back.is_empty() {
            self.ahead.row.retain(|n| !back.contains(n));
            self.handed.take_back(self.session.epoch(), &back);
        }
        self.ahead.row.is_empty()
    }

    /// Whether anything may be fed. Where all of it has to wait nothing is gained by looking again, and what is waited for would
    /// not be noticed: the kernel has said it, and the runtime finds that out when this task waits.
    pub(super) fn has_input(&self) -> bool {
        if self.ahead.waits { self.inputs.iter().any(of_kernel) } else { !self.inputs.is_empty() }
    }

    /// The next input that may be fed.
    pub(super) fn next_input(&mut self) -> Option<Input> {
        let waits = self.inputs.front()?.needs_all_back() && !self.all_back();
        self.ahead.waits = waits;
        let next = if waits { self.inputs.iter().position(of_kernel)? } else { 0 };
        self.inputs.remove(next)
    }
}

/// What a kernel says: it may be fed where nothing else may.
const fn of_kernel(input: &Input) -> bool {
    matches!(input, Input::Kernel(..) | Input::Stored { .. })
}

//! Evals that are handed to a runner beside the one that runs: it takes the next by itself, and this side can take back what it
//! has not taken.
//!
//! They wait in a pipe of their own that both sides read, each in a slot of one size. The runner reads one slot at a time, and
//! only between two evals, after it has said how the one before ended. This side reads all slots at once. A read takes what it
//! takes from a pipe in one piece, so what is taken back is always the end of the row, and what is missing has begun.
//!
//! A runner looks there only where its last eval said so: one that came as a command and asks for it, or one that came in a
//! slot. So a slot is never taken before a command that was sent earlier.

use super::wire;
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::Exec;
use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};

/// One eval. What is longer is handed over when its turn comes. Bytes.
pub(super) const SLOT: usize = 512;
/// Slots that are written at once: a write of so much (`PIPE_BUF`) is whole or not at all.
const AT_ONCE: usize = 4096 / SLOT;
/// Those that lie there together. A read of so many takes them in one piece.
const MOST: usize = 2 * AT_ONCE;

pub(super) struct Ahead {
    reader: PipeReader,
    writer: PipeWriter,
    /// The runner looks for slots after what runs.
    looks: bool,
    /// Handed over and not heard of.
    row: VecDeque<EvalNumber>,
}

impl Ahead {
    /// And the end that the runner reads.
    pub(super) fn new() -> io::Result<(Self, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        let theirs = reader.try_clone()?;
        Ok((Self { reader, writer, looks: false, row: VecDeque::new() }, theirs))
    }

    /// Whether the runner looks for slots after what runs.
    pub(super) const fn looks(&self) -> bool {
        self.looks
    }

    /// An eval goes out as a command, and says whether the runner is to look after it.
    pub(super) const fn told(&mut self, looks: bool) {
        self.looks = looks;
    }

    /// Hands over as many as there is room for; how many that are.
    pub(super) fn hand_over(&mut self, execs: &[Exec]) -> usize {
        let mut slots = Vec::with_capacity(AT_ONCE * SLOT);
        let room = AT_ONCE.min(MOST - 1 - self.row.len().min(MOST - 1));
        let fit = execs.iter().take(room).take_while(|exec| wire::put_slot(&mut slots, exec, SLOT)).count();
        if fit == 0 || !matches!(self.writer.write(&slots), Ok(n) if n == slots.len()) {
            return 0;
        }
        self.row.extend(execs.iter().take(fit).map(|exec| exec.n));
        fit
    }

    /// The one before has ended: the next that has begun, or will in a moment.
    pub(super) fn next(&mut self) -> Option<EvalNumber> {
        self.row.pop_front()
    }

    /// Takes back what has not begun. `running` is what this side knows to be next, although it may still lie here: it goes in
    /// again.
    pub(super) fn take_back(&mut self, running: Option<EvalNumber>) -> Vec<EvalNumber> {
        let mut slots = [0; MOST * SLOT];
        let mut back = Vec::new();
        let n = self.reader.read(&mut slots).unwrap_or(0);
        for slot in slots.get(..n).unwrap_or_default().chunks_exact(SLOT) {
            match wire::slot_eval(slot) {
                Some(n) if Some(n) == running => {
                    if !matches!(self.writer.write(slot), Ok(n) if n == SLOT) {
                        tracing::warn!(n, "an eval could not be handed over again");
                    }
                }
                Some(n) => back.push(n),
                None => tracing::warn!("something else than an eval lies where evals wait for the kernel"),
            }
        }
        self.row.retain(|n| !back.contains(n));
        back
    }
}

//! What goes wrong in a world, and when.

use crate::story::Check;
use crate::world::{What, World};
use rialto_protocol::Message;
use rialto_session::Input;

/// What goes wrong in a world.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Crash,
    PowerLoss,
    RestoredBackup,
    DiskFull,
    DiskFree,
    ClockJumps,
    Trim,
    TornRows,
    /// Everybody goes away for a while.
    NobodyIsHere,
    /// Faults are over; what is left must come to an end.
    Peace,
    /// In peace: whatever still hangs is interrupted.
    Janitor,
}

/// How long a world is troubled. Microseconds.
pub(crate) const TROUBLE: u64 = 4_000_000;

impl World {
    pub(crate) fn troubles(&mut self) {
        let mut plan = Vec::new();
        for (fault, percent, times) in [
            (Fault::Crash, 60, 4),
            (Fault::PowerLoss, 15, 1),
            (Fault::RestoredBackup, 8, 1),
            (Fault::DiskFull, 20, 2),
            (Fault::ClockJumps, 30, 3),
            (Fault::Trim, 60, 8),
            (Fault::TornRows, 25, 2),
            (Fault::NobodyIsHere, 12, 1),
        ] {
            if self.dice.chance(percent) {
                plan.extend((0..self.dice.between(1, times)).map(|_| fault));
            }
        }
        for fault in plan {
            let when = self.dice.between(10_000, TROUBLE);
            self.at(when, What::Fault(fault));
        }
        self.at(TROUBLE, What::Fault(Fault::Peace));
    }

    pub(crate) fn fault(&mut self, fault: Fault) -> Check {
        self.tell("FAULT", || format!("{fault:?}"));
        match fault {
            Fault::Crash => self.crash_soon = self.sup.is_some(),
            Fault::PowerLoss | Fault::RestoredBackup => return self.loses_the_past(matches!(fault, Fault::PowerLoss)),
            Fault::DiskFull => {
                if !std::mem::replace(&mut self.stalled, true) {
                    self.count.one("stalls");
                    self.arrives(Input::Stalled("disk full".to_owned()));
                    let wait = self.dice.lag(20_000);
                    self.at(wait, What::Fault(Fault::DiskFree));
                }
            }
            Fault::DiskFree => {
                if std::mem::take(&mut self.stalled) {
                    self.arrives(Input::Resumed);
                }
            }
            Fault::ClockJumps => {
                let by = self.dice.below(3_600_000);
                self.wall_base = if self.dice.chance(50) || self.sup.is_none() {
                    self.wall_base + by
                } else {
                    self.wall_base.saturating_sub(by)
                };
            }
            Fault::Trim => {
                let n = 1 + self.dice.below(self.model.evals.len() as u64);
                let rows = self.dice.chance(40);
                if self.journal.trim(n, rows) {
                    self.count.one(if rows { "evals trimmed to nothing" } else { "outputs trimmed" });
                }
            }
            Fault::TornRows => {
                let torn = !self.journal.torn.get();
                self.journal.torn.set(torn);
                if torn {
                    let wait = self.dice.between(50_000, 500_000);
                    self.at(wait, What::Fault(Fault::TornRows));
                }
            }
            Fault::NobodyIsHere => {
                self.count.one("times when nobody was here");
                for client in 0..self.clients.len() {
                    self.clients[client].away = self.now + self.dice.between(1_000_000, 20_000_000);
                    if let Some(conn) = self.clients[client].conn {
                        self.breaks(conn);
                    }
                }
            }
            Fault::Peace => {
                self.tell("PEACE", String::new);
                self.peace = true;
                self.crash_soon = false;
                self.fault(Fault::DiskFree)?;
                for client in 0..self.clients.len() {
                    self.calms(client);
                }
                self.at(200_000, What::Fault(Fault::Janitor));
            }
            Fault::Janitor => {
                self.cleans_up();
                self.at(1_000_000, What::Fault(Fault::Janitor));
            }
        }
        Ok(())
    }

    /// The machine stops, and comes back with less than it had promised to keep.
    fn loses_the_past(&mut self, a_little: bool) -> Check {
        if self.peace || self.journal.durable < 3 {
            return Ok(());
        }
        self.supervisor_dies("with its machine")?;
        let head = self.journal.rows.len() as u64;
        let back = if a_little { 1 + self.dice.below(20) } else { 1 + self.dice.below(head) };
        let len = head.saturating_sub(back).max(2) as usize;
        self.tell("FAULT", || format!("events after {len} are lost"));
        self.count.one(if a_little { "power losses" } else { "restored backups" });
        self.forget_after(len, true);
        self.pasts += 1;
        for client in &mut self.clients {
            // Lives repeat their numbers after this. Nobody types for a question of a life that was forgotten.
            client.asks.clear();
            client.outbox.retain(|_, w| !matches!(w.message, Message::Input(_)));
        }
        // Epochs do not repeat as long as the clock is later than the last one (see `docs/protocol.md`).
        self.wall_base = self.wall_base.max((self.epochs + 1) * 1_000);
        Ok(())
    }
}

//! What a supervisor does when nothing happens: index, trim, give memory back; and whom it reminds.

use super::Fatal;
use super::clock::Alarm;
use super::driver::Driver;
use super::gather::HANDSHAKE_US;
use rialto_protocol::Message;
use rialto_protocol::message::Notice;

/// After this long without anything to do the journal is tidied. Microseconds.
const QUIET_US: u64 = 300_000;
/// Rows that one step of retention removes: more bytes than a flood records between two steps where they are full, or it would
/// win.
pub(super) const TRIM_ROWS: usize = 256;
/// Steps are taken for so long before whoever may have come is heard. Microseconds.
const TRIM_FOR_US: u64 = 3_000;

impl Driver {
    pub(super) fn tidy_later(&mut self) {
        self.alarms.set(Alarm::Tidy, self.clock.mono_us() + QUIET_US);
    }

    /// One step of retention. True where there is more to do. Removing is writing, so it may want space that is not there:
    /// then it is tried again later, like everything else.
    pub(super) fn trim(&mut self) -> Result<bool, Fatal> {
        self.rows_since_trim = 0;
        self.trim_again = false;
        match self.journal.trim_step(self.budget, TRIM_ROWS) {
            Ok(more) => {
                self.trim_again = more;
                Ok(more)
            }
            Err(e) if e.is_full() => {
                tracing::warn!(error = %e, "retention waits for space");
                Ok(false)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Nothing happened for a moment: index, trim, give memory back.
    pub(super) fn tidy(&mut self) -> Result<(), Fatal> {
        if self.stalled {
            return Ok(());
        }
        // Trimming commits what is open, which is the turn's to do; it will be quiet again.
        if !self.batch.is_empty() {
            self.tidy_later();
            return Ok(());
        }
        if !self.journal.restore_reserve() {
            tracing::warn!("the disk has no room for the journal's reserve");
        }
        let until = self.clock.mono_us() + TRIM_FOR_US;
        let mut more = self.trim()?;
        while more && self.clock.mono_us() < until {
            more = self.trim()?;
        }
        if more {
            self.alarms.set(Alarm::Tidy, self.clock.mono_us() + QUIET_US / 10);
        } else {
            self.journal.idle();
            self.note_head();
        }
        for connection in self.connections.values_mut() {
            connection.rest();
        }
        Ok(())
    }

    /// Once per stall: from then on it is the client's choice to read on or to attach at the tail.
    pub(super) fn tell_who_is_behind(&mut self) {
        let head = self.session.head();
        while let Some((conn, events)) = self.session.audience_mut().next_behind(head) {
            let text = format!("{events} events wait for you to read on; attach with a tail to skip them");
            let notice = Notice { what: "behind".to_owned(), text, events };
            self.reply(conn, &Message::Notice(notice));
        }
    }

    pub(super) fn drop_silent(&mut self, now: u64) {
        let mut next = None;
        let mut gone = Vec::new();
        for (slot, connection) in &mut self.connections {
            let until = match connection.leave_by_us {
                Some(until) => until,
                None if connection.who.is_none() => connection.since_us + HANDSHAKE_US,
                None => continue,
            };
            if until > now {
                next = Some(next.map_or(until, |n: u64| n.min(until)));
            } else if connection.leave_by_us.is_some() {
                gone.push(*slot);
            } else {
                connection.too_late();
            }
        }
        for slot in gone {
            self.drop_connection(slot);
        }
        if let Some(next) = next {
            self.alarms.set(Alarm::Handshakes, next);
        }
    }
}

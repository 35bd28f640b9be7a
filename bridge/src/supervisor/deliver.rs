//! Fan-out by cursor: whoever has credit and room is sent what follows its cursor, from the tail or from the journal.
//!
//! A slow client costs nothing here: its lane is only filled while it is short, and what it has not read stays in the journal.

use super::outbox::share;
use super::{Driver, Fatal};
use crate::journal::Stored;
use rialto_protocol::frame::{self, Header, IGNORABLE, MORE};
use rialto_protocol::{Message, Seq, codec};
use rialto_session::{ConnId, Due};

/// Events read from the journal in one go. Bytes.
const READ: usize = 64 * 1024;

/// A large event on its way to one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    seq: Seq,
    kind: u8,
    count: u64,
    next: u64,
    /// The client has attached anew since it began.
    pub(super) stale: bool,
}

impl Driver {
    /// Fills the lanes of everybody who is due something. True where something was put on its way.
    pub(super) fn fill(&mut self) -> Result<bool, Fatal> {
        let mut at = None;
        let mut any = false;
        // What waits to be committed is not there yet.
        let head = self.journal.committed();
        while let Some(due) = self.session.audience().next(at, head) {
            at = Some(due.conn);
            any |= self.deliver(due)?;
        }
        self.want_screens();
        if !self.gathering && self.session.audience().overdue().is_some() {
            let mut out = Vec::new();
            self.session.settle(&self.journal, &mut out);
            self.take(out);
            self.carry_out()?;
        }
        Ok(any)
    }

    fn deliver(&mut self, due: Due) -> Result<bool, Fatal> {
        let share = share(self.connections.len());
        let Some(&(slot, channel)) = self.members.get(&due.conn) else { return Ok(false) };
        let Some(connection) = self.connections.get_mut(&slot) else { return Ok(false) };
        if !connection.has_room(share) || connection.closing {
            return Ok(false);
        }
        if let Some(sending) = self.sending.get(&due.conn).copied() {
            return self.go_on(due.conn, channel, slot, sending);
        }
        // One write and one wake-up instead of several; whatever else happens ends the wait, and so does a moment.
        if self.held.is_some_and(|held| due.after + 1 >= held.from && self.session.audience().is(due.conn, held.client)) {
            return Ok(false);
        }
        let max_frame = connection.max_frame;
        if let Some(entries) = self.tail.after(due.after) {
            let lane = connection.outbox.bulk();
            for entry in entries {
                let before = lane.len();
                let body = match &entry.own {
                    Some((conn, own)) if *conn == due.conn => own,
                    _ => &entry.body,
                };
                frame::write(lane, entry.kind, IGNORABLE, channel, body, max_frame);
                let audience = self.session.audience_mut();
                audience.sent(due.conn, entry.seq, lane.len() - before);
                if audience.credit(due.conn) <= 0 || lane.len() > share {
                    break;
                }
            }
            return Ok(true);
        }
        self.deliver_from_journal(due, slot, channel, max_frame)
    }

    fn deliver_from_journal(&mut self, due: Due, slot: u64, channel: u16, max_frame: u32) -> Result<bool, Fatal> {
        let share = share(self.connections.len());
        let rows = self.journal.read_after(due.after, READ.min(share))?;
        let Some(connection) = self.connections.get_mut(&slot) else { return Ok(false) };
        let lane = connection.outbox.bulk();
        let last = rows.last().map_or(due.after, |row| row.seq);
        let nothing_there = rows.is_empty();
        for row in rows {
            let before = lane.len();
            if let Some(gap) = self.session.audience().gap(due.conn, row.seq) {
                codec::encode(lane, channel, &Message::Gap(gap), max_frame);
                self.session.audience_mut().skipped(due.conn, gap.to, lane.len() - before);
            }
            let before = lane.len();
            match row.body {
                Stored::Whole(body) => frame::write(lane, row.kind, IGNORABLE, channel, &body, max_frame),
                Stored::Pieces { count, .. } => {
                    let sending = Sending { seq: row.seq, kind: row.kind, count, next: 0, stale: false };
                    self.sending.insert(due.conn, sending);
                    return self.go_on(due.conn, channel, slot, sending);
                }
            }
            let audience = self.session.audience_mut();
            audience.sent(due.conn, row.seq, lane.len() - before);
            if audience.credit(due.conn) <= 0 || lane.len() > share {
                return Ok(true);
            }
        }
        // Retention may have removed the very last events, too.
        if nothing_there && let Some(gap) = self.session.audience().gap(due.conn, self.journal.committed() + 1) {
            let before = lane.len();
            codec::encode(lane, channel, &Message::Gap(gap), max_frame);
            self.session.audience_mut().skipped(due.conn, gap.to, lane.len() - before);
        }
        Ok(!nothing_there || last > due.after)
    }

    /// Sends the next pieces of a large event, as far as lane and credit go.
    fn go_on(&mut self, conn: ConnId, channel: u16, slot: u64, mut sending: Sending) -> Result<bool, Fatal> {
        let share = share(self.connections.len());
        while sending.next < sending.count {
            let Some(bytes) = self.journal.read_piece(sending.seq, sending.next)? else {
                // Retention removed it while it was on its way. The client holds half an event: only a new connection is honest.
                self.sending.remove(&conn);
                if let Some(connection) = self.connections.get_mut(&slot) {
                    let text = "a large event was trimmed while it was being sent; attach again at your cursor";
                    connection.hang_up(rialto_protocol::Code::TooBusy, &text);
                }
                return Ok(true);
            };
            sending.next += 1;
            let last = sending.next == sending.count;
            let Some(connection) = self.connections.get_mut(&slot) else { return Ok(false) };
            let max_frame = connection.max_frame as usize;
            let lane = connection.outbox.bulk();
            let before = lane.len();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(max_frame));
                let flags = if last && later.is_empty() { IGNORABLE } else { IGNORABLE | MORE };
                let len = u32::try_from(now.len()).unwrap_or(0);
                lane.extend_from_slice(&Header { len, kind: sending.kind, flags, channel }.encode());
                lane.extend_from_slice(now);
                rest = later;
            }
            let (wrote, full) = (lane.len() - before, lane.len() >= share);
            let audience = self.session.audience_mut();
            audience.sent(conn, if last && !sending.stale { sending.seq } else { 0 }, wrote);
            if !last && (full || audience.credit(conn) <= 0) {
                self.sending.insert(conn, sending);
                return Ok(true);
            }
        }
        self.sending.remove(&conn);
        Ok(true)
    }
}

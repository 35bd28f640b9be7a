//! Who hears what: each attached client is a cursor and a credit, and nothing more. A slow client costs an older cursor.
//!
//! The driver asks [`Audience::next`] whom it may send to, reads events after that cursor from its tail or the journal, and
//! reports with [`Audience::sent`]. Holes that retention made are named here, so that no path can forget them.

use crate::input::ConnId;
use rialto_protocol::event::Who;
use rialto_protocol::message::Gap;
use rialto_protocol::{ClientId, Cursor, Epoch, EvalId, Scope, Seq, limits};
use std::collections::{BTreeMap, VecDeque};

/// Submits of one client that wait for their `accepted` to be sent; what comes beyond it is answered at once.
const MAX_OWED: usize = 1024;

/// A client on one channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Client {
    pub(crate) who: Who,
    /// What it may do: the least of what it asked for, what its connection may and what the session allows its principal.
    pub(crate) scope: Scope,
    /// What it would do without the last of these, which may change.
    pub(crate) asked: Scope,
    pub(crate) reader: Option<Reader>,
    /// It has done more than look.
    pub(crate) acts: bool,
    /// Its submits that their `accepted` is to answer, in order.
    pub(crate) owed: VecDeque<Owed>,
}

/// A submit that no reply answers as long as its `accepted` can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) first: Seq,
    pub(crate) re: u32,
    pub(crate) eval: EvalId,
}

/// An attached client's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reader {
    /// The last event it was sent.
    pub(crate) cursor: Seq,
    /// Bytes it may still be sent. One frame may overdraw it, so that a frame larger than the credit is no dead end.
    pub(crate) credit: i64,
    /// It has been told that it is behind, since it was last given credit.
    pub(crate) told: bool,
}

/// What is due to one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The channel.
    pub conn: ConnId,
    /// Send events after this one,
    pub after: Seq,
    /// as long as this is above zero. Bytes.
    pub credit: i64,
}

/// Everybody on the line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audience {
    pub(crate) clients: BTreeMap<ConnId, Client>,
    /// Bytes that all of them were sent, together.
    told: u64,
}

/// Where a cursor leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Events after this one.
    After(Seq),
    /// The cursor is from a future this journal does not have; the last common event is this.
    Rewound(Seq),
}

impl Audience {
    /// The next client after `conn` that may be sent something, `head` being the last event. Start with `None`.
    #[must_use]
    pub fn next(&self, conn: Option<ConnId>, head: Seq) -> Option<Due> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = conn.map_or(Unbounded, Excluded);
        self.clients.range((from, Unbounded)).find_map(|(conn, client)| {
            let r = client.reader.as_ref()?;
            let spent = r.credit <= 0 && !cfg!(mutant = "credit_is_ignored");
            (r.cursor < head && !spent).then_some(Due { conn: *conn, after: r.cursor, credit: r.credit })
        })
    }

    /// Whether some client has used up its credit with events still to come, and has not been told.
    #[must_use]
    pub fn anyone_spent(&self, head: Seq) -> bool {
        self.clients.values().filter_map(|c| c.reader.as_ref()).any(|r| r.credit <= 0 && r.cursor < head && !r.told)
    }

    /// A client that has used up its credit with events still to come, and has not been told: how many. It is told once, and
    /// then left alone until it gives credit.
    pub fn next_behind(&mut self, head: Seq) -> Option<(ConnId, u64)> {
        self.clients.iter_mut().find_map(|(conn, client)| {
            let r = client.reader.as_mut()?;
            let behind = head.saturating_sub(r.cursor);
            (r.credit <= 0 && behind > 0 && !std::mem::replace(&mut r.told, true)).then_some((*conn, behind))
        })
    }

    /// A hole before `seq`, where this client's next event is `seq`: to be said before it.
    #[must_use]
    pub fn gap(&self, conn: ConnId, seq: Seq) -> Option<Gap> {
        let cursor = self.clients.get(&conn)?.reader.as_ref()?.cursor;
        (seq > cursor + 1 && !cfg!(mutant = "gap_is_silent")).then_some(Gap { from: cursor + 1, to: seq - 1 })
    }

    /// The client was sent everything up to `seq`, in `bytes` bytes. Pieces of an unfinished event are reported with the
    /// cursor unmoved.
    pub fn sent(&mut self, conn: ConnId, seq: Seq, bytes: usize) {
        if let Some(c) = self.clients.get_mut(&conn)
            && let Some(r) = c.reader
            && c.owed.front().is_some_and(|owed| owed.first <= seq)
        {
            // What a gap has hidden was not sent with what came after the gap.
            c.owed.retain(|owed| owed.first > seq || owed.first <= r.cursor);
        }
        self.skipped(conn, seq, bytes);
    }

    /// The client was sent a gap up to `seq`, in `bytes` bytes. An `accepted` in it answers nothing.
    pub fn skipped(&mut self, conn: ConnId, seq: Seq, bytes: usize) {
        self.told = self.told.wrapping_add(bytes as u64);
        if let Some(r) = self.clients.get_mut(&conn).and_then(|c| c.reader.as_mut()) {
            r.cursor = r.cursor.max(seq);
            r.credit = r.credit.saturating_sub_unsigned(bytes as u64);
        }
    }

    /// Whether this submit's `accepted` will answer it, as far as can be seen now: its client is attached and has credit.
    pub(crate) fn owe(&mut self, conn: ConnId, owed: Owed) -> bool {
        let Some(c) = self.clients.get_mut(&conn) else { return false };
        let can = c.reader.is_some_and(|r| r.credit > 0) && c.owed.len() < MAX_OWED;
        if can {
            c.owed.push_back(owed);
        }
        can && !cfg!(mutant = "submitter_is_told_twice")
    }

    /// A client to whom an `accepted` cannot be sent after all: its credit ran out before, or retention removed the event.
    /// It is answered by [`crate::Session::settle`].
    #[must_use]
    pub fn overdue(&self) -> Option<ConnId> {
        self.clients.iter().find_map(|(conn, c)| {
            let first = c.owed.front()?.first;
            let comes = c.reader.is_some_and(|r| r.credit > 0 && first > r.cursor) || cfg!(mutant = "owed_answer_is_forgotten");
            (!comes).then_some(*conn)
        })
    }

    /// Credit left, for a value that is sent in pieces. Bytes.
    #[must_use]
    pub fn credit(&self, conn: ConnId) -> i64 {
        self.clients.get(&conn).and_then(|c| c.reader.as_ref()).map_or(0, |r| r.credit)
    }

    /// More bytes may be sent.
    pub fn grant(&mut self, conn: ConnId, bytes: u64) {
        if let Some(r) = self.clients.get_mut(&conn).and_then(|c| c.reader.as_mut()) {
            // A client that grants without end gets no more than the type holds.
            r.credit = r.credit.saturating_add_unsigned(bytes);
            r.told = false;
        }
    }

    pub(crate) fn attach(&mut self, conn: ConnId, after: Seq, credit: Option<u64>) {
        if let Some(c) = self.clients.get_mut(&conn) {
            let credit = i64::try_from(credit.unwrap_or(limits::DEFAULT_CREDIT)).unwrap_or(i64::MAX);
            c.reader = Some(Reader { cursor: after, credit, told: false });
        }
    }

    pub(crate) fn detach(&mut self, conn: ConnId) {
        if let Some(c) = self.clients.get_mut(&conn) {
            c.reader = None;
        }
    }

    /// Whether this channel is one of that client program.
    #[must_use]
    pub fn is(&self, conn: ConnId, client: ClientId) -> bool {
        self.clients.get(&conn).is_some_and(|c| c.who.client == Some(client))
    }

    /// Whether this client program is on any channel.
    pub(crate) fn present(&self, client: ClientId) -> bool {
        self.clients.values().any(|c| c.who.client == Some(client))
    }

    /// How much all of them were sent, together: it grows for as long as anybody reads, also in the middle of an event.
    pub(crate) const fn told(&self) -> u64 {
        self.told
    }

    /// The lowest cursor of all attached clients: what the driver should keep in memory begins after it.
    #[must_use]
    pub fn slowest(&self) -> Option<Seq> {
        self.clients.values().filter_map(|c| c.reader.as_ref().map(|r| r.cursor)).min()
    }
}

/// Finds the place of a cursor among the epochs. The first number of each epoch is that of its `epoch_started`.
pub(crate) fn place(cursor: Cursor, epochs: &[(Epoch, Seq)], head: Seq) -> Place {
    if cursor.seq == 0 {
        return Place::After(0);
    }
    let Some(at) = epochs.iter().position(|(epoch, _)| *epoch == cursor.epoch) else {
        // An incarnation this journal never had: what it shares with us ends before the first epoch later than it.
        let later = epochs.iter().find(|(epoch, _)| *epoch > cursor.epoch).map_or(head, |(_, first)| first - 1);
        return if cfg!(mutant = "foreign_epoch_is_believed") {
            Place::After(cursor.seq.min(head))
        } else {
            Place::Rewound(cursor.seq.min(later))
        };
    };
    let end = epochs.get(at + 1).map_or(head, |(_, next)| next - 1);
    if cursor.seq > end && !cfg!(mutant = "rewound_is_silent") { Place::Rewound(end) } else { Place::After(cursor.seq.min(head)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCHS: &[(Epoch, Seq)] = &[(10, 2), (20, 8)];

    fn at(epoch: Epoch, seq: Seq) -> Place {
        place(Cursor { epoch, seq }, EPOCHS, 12)
    }

    #[test]
    fn a_cursor_of_a_future_that_was_lost_is_rewound_to_what_both_have() {
        assert_eq!(at(10, 5), Place::After(5));
        assert_eq!(at(10, 7), Place::After(7));
        assert_eq!(at(10, 9), Place::Rewound(7), "epoch 10 ended at 7");
        assert_eq!(at(20, 12), Place::After(12));
        assert_eq!(at(20, 13), Place::Rewound(12));
        assert_eq!(at(15, 11), Place::Rewound(7), "an epoch that a restored backup forgot");
        assert_eq!(at(99, 50), Place::Rewound(12));
    }
}

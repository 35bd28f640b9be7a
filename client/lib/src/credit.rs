//! How many bytes of events the bridge may send: what bounds the inbox, and lets a stalled caller stall only itself.
//!
//! The window covers what the bridge may still send and what waits here unread. Since the bridge cannot exceed it, the
//! link is *always* read: replies and control messages, which cost no credit, get through however long the caller has
//! not asked for events, and no queue grows. That is why there is no "stop reading when the inbox is full".
//!
//! One value larger than the window could never arrive under that rule alone. So while its chunks come, they do not count
//! against the window (they are *lent*), as long as nothing else waits unread. Memory is bounded by the window and one of
//! the largest values.

use rialto_protocol::kind;
use rialto_protocol::message::Gap;

/// The number of `gap`.
const GAP: u8 = rialto_protocol::Message::Gap(Gap { from: 0, to: 0 }).kind();

/// What the bridge may send only as far as credit goes: events, and the gaps in their place.
pub(crate) const fn costs_credit(of: u8) -> bool {
    kind::is_event(of) || of == GAP
}

/// More came than was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overdrawn;

#[derive(Debug)]
pub(crate) struct Credit {
    window: u64,
    /// What the bridge may overdraw by: it may look at its credit before each frame and not at the frame's size.
    slack: u64,
    /// What the bridge may still send.
    outstanding: i64,
    /// Whole events received and not handed out.
    held: u64,
    /// Frames of an event that is not whole yet.
    partial: u64,
}

impl Credit {
    pub(crate) const fn new(window: u64, max_frame: u32) -> Self {
        let slack = max_frame as u64 + rialto_protocol::frame::HEADER as u64;
        Self { window, slack, outstanding: 0, held: 0, partial: 0 }
    }

    /// A new link: what to grant at once. Half an event died with the old one; what waits unread still counts.
    pub(crate) fn attach(&mut self) -> u64 {
        self.partial = 0;
        let first = self.window.saturating_sub(self.held);
        self.outstanding = signed(first);
        first
    }

    /// A frame that costs credit came.
    pub(crate) fn arrived(&mut self, bytes: usize) -> Result<(), Overdrawn> {
        self.partial = self.partial.saturating_add(bytes as u64);
        self.outstanding = self.outstanding.saturating_sub(signed(bytes as u64));
        if self.outstanding < -signed(self.slack) { Err(Overdrawn) } else { Ok(()) }
    }

    /// What came is whole now: its size, to be given back with [`Self::handed`] or at once if nobody wants it.
    pub(crate) fn whole(&mut self) -> u64 {
        let bytes = std::mem::take(&mut self.partial);
        self.held = self.held.saturating_add(bytes);
        bytes
    }

    /// The caller has it, or never will.
    pub(crate) const fn handed(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// What to grant now, if it is enough to be worth a message.
    pub(crate) fn due(&mut self) -> Option<u64> {
        let taken = if self.held == 0 { 0 } else { self.held.saturating_add(self.partial) };
        let more = signed(self.window.saturating_sub(taken)).saturating_sub(self.outstanding);
        if more < signed(self.window / 2) {
            return None;
        }
        self.outstanding = self.outstanding.saturating_add(more);
        u64::try_from(more).ok()
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_gaps_cost_credit_and_nothing_else_does() {
        let named = kind::EVENTS.iter().chain(rialto_protocol::Message::KINDS);
        let costing: Vec<&str> = named.filter(|(of, _)| costs_credit(*of)).map(|(_, name)| *name).collect();
        assert_eq!(costing.len(), kind::EVENTS.len() + 1, "{costing:?}");
        assert!(costing.contains(&"output") && costing.contains(&"gap") && !costing.contains(&"rewound"));
    }

    #[test]
    fn credit_comes_back_when_half_is_handed_out() {
        let mut c = Credit::new(1000, 92);
        assert_eq!(c.attach(), 1000);
        c.arrived(600).unwrap();
        let size = c.whole();
        assert_eq!(c.due(), None, "it is here, not handed out");
        c.handed(size);
        assert_eq!(c.due(), Some(600));
        assert_eq!(c.due(), None);
    }

    #[test]
    fn a_value_larger_than_the_window_is_lent_its_chunks() {
        let mut c = Credit::new(1000, 92);
        c.attach();
        let mut granted = 1000;
        let mut sent = 0;
        while sent < 50_000 {
            assert!(sent + 100 <= granted, "stuck at {sent}");
            c.arrived(100).unwrap();
            sent += 100;
            granted += c.due().unwrap_or(0);
        }
    }

    #[test]
    fn a_second_large_value_waits_for_the_first_to_be_read() {
        let mut c = Credit::new(1000, 92);
        c.attach();
        for _ in 0..20 {
            c.arrived(100).unwrap();
            c.due();
        }
        let first = c.whole();
        while c.outstanding > 0 {
            c.arrived(100).unwrap();
        }
        assert_eq!(c.due(), None);
        c.handed(first);
        assert!(c.due().is_some());
    }

    #[test]
    fn a_bridge_that_ignores_credit_is_noticed() {
        let mut c = Credit::new(1000, 92);
        c.attach();
        c.arrived(1000).unwrap();
        c.arrived(100).unwrap();
        assert_eq!(c.arrived(1), Err(Overdrawn));
    }

    #[test]
    fn what_waits_unread_counts_on_the_next_link_too() {
        let mut c = Credit::new(1000, 92);
        c.attach();
        c.arrived(300).unwrap();
        c.whole();
        c.arrived(200).unwrap();
        assert_eq!(c.attach(), 700);
        c.arrived(50).unwrap();
        assert_eq!(c.whole(), 50, "half an event died with the old link");
    }
}

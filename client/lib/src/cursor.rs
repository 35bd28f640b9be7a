//! What this side has: which event comes next, which is a duplicate, which is a hole.

use rialto_protocol::message::{Attach, Attached, Gap, Rewound};
use rialto_protocol::{Cursor, EvalId, Seq};

/// Which events a session's handle begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Those after this one; nothing: all.
    After(Option<Cursor>),
    /// This many before the newest, then the live ones.
    Tail(u64),
    /// From an eval's `accepted` on. It must be known to the session.
    Eval(EvalId),
    /// None, ever: the handle is for questions and requests only.
    Detached,
}

impl Default for Start {
    fn default() -> Self {
        Self::After(None)
    }
}

/// What to do with something that has a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is the next: hand it out, and this is the cursor then.
    Next(Cursor),
    /// It is known already.
    Duplicate,
    /// Something before it is missing and nobody said so.
    Hole {
        /// What should have come.
        wanted: Seq,
        /// What came.
        found: Seq,
    },
}

/// The position of what was *received*. What was *handed out* lags behind by what waits in the inbox.
///
/// The epoch moves only with an event, never with `attached` alone: were the link cut between an `attached` and the
/// `rewound` behind it, the old number with the new epoch would name an event that this client has never seen.
#[derive(Debug)]
pub(crate) struct Position {
    start: Start,
    at: Option<Cursor>,
    /// The epoch of the supervisor on this link.
    epoch: u64,
    /// `attached` named an earlier place than was asked for; applied with the next event if no `rewound` says it first.
    rewind: Option<Rewound>,
}

impl Position {
    pub(crate) const fn new(start: Start) -> Self {
        let at = if let Start::After(at) = start { at } else { None };
        Self { start, at, epoch: 0, rewind: None }
    }

    /// The last event received.
    pub(crate) const fn at(&self) -> Option<Cursor> {
        self.at
    }

    pub(crate) const fn wants_events(&self) -> bool {
        !matches!(self.start, Start::Detached)
    }

    fn have(&self) -> Seq {
        self.at.map_or(0, |c| c.seq)
    }

    /// What to ask for on a new link.
    pub(crate) fn attach(&mut self, re: u32, credit: u64) -> Attach {
        self.rewind = None;
        let mut attach = Attach { re, after: self.at, credit: Some(credit), ..Attach::default() };
        if self.at.is_none() {
            match self.start {
                Start::Tail(n) => attach.tail = Some(n),
                Start::Eval(eval) => attach.eval = Some(eval),
                Start::After(_) | Start::Detached => {}
            }
        }
        attach
    }

    pub(crate) fn attached(&mut self, attached: &Attached) {
        self.epoch = attached.epoch;
        match (self.at, self.start) {
            // Only here does the bridge choose the place.
            (None, Start::Tail(_) | Start::Eval(_)) => {
                self.at = Some(Cursor { epoch: attached.epoch, seq: attached.after });
            }
            _ if attached.after < self.have() => {
                self.rewind = Some(Rewound { epoch: attached.epoch, seq: attached.after });
            }
            // A later place than asked for is a gap, and has to be announced as one.
            _ => {}
        }
    }

    /// A rewind that `attached` implied and nobody announced, now that events come.
    pub(crate) fn implied_rewind(&mut self) -> Option<Rewound> {
        let rewound = self.rewind.take()?;
        self.at = Some(Cursor { epoch: rewound.epoch, seq: rewound.seq });
        Some(rewound)
    }

    pub(crate) fn event(&mut self, seq: Seq, epoch_started: Option<u64>) -> Judged {
        let wanted = self.have().saturating_add(1);
        if seq < wanted {
            return Judged::Duplicate;
        }
        if seq > wanted {
            return Judged::Hole { wanted, found: seq };
        }
        // A replay passes the starts of old epochs: the supervisor that vouches for this number is the newest.
        self.epoch = self.epoch.max(epoch_started.unwrap_or(0));
        self.moved_to(seq)
    }

    pub(crate) fn gap(&mut self, gap: &mut Gap) -> Judged {
        let wanted = self.have().saturating_add(1);
        if gap.to < wanted {
            return Judged::Duplicate;
        }
        if gap.from > wanted || gap.from > gap.to {
            return Judged::Hole { wanted, found: gap.from };
        }
        // What this side has is not missing here.
        gap.from = wanted;
        self.moved_to(gap.to)
    }

    pub(crate) fn rewound(&mut self, rewound: Rewound) -> Judged {
        if rewound.seq > self.have() {
            return Judged::Hole { wanted: self.have().saturating_add(1), found: rewound.seq };
        }
        self.rewind = None;
        self.epoch = rewound.epoch;
        self.moved_to(rewound.seq)
    }

    fn moved_to(&mut self, seq: Seq) -> Judged {
        let at = Cursor { epoch: self.epoch, seq };
        self.at = Some(at);
        Judged::Next(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(epoch: u64, seq: u64) -> Cursor {
        Cursor { epoch, seq }
    }

    #[test]
    fn next_duplicate_and_hole_are_told_apart() {
        let mut p = Position::new(Start::After(Some(at(1, 4))));
        p.attached(&Attached { re: 0, epoch: 1, after: 4, head: 9 });
        assert_eq!(p.event(5, None), Judged::Next(at(1, 5)));
        assert_eq!(p.event(5, None), Judged::Duplicate);
        assert_eq!(p.event(7, None), Judged::Hole { wanted: 6, found: 7 });
        assert_eq!(p.at(), Some(at(1, 5)));
    }

    #[test]
    fn the_epoch_moves_with_an_event_and_not_before() {
        let mut p = Position::new(Start::After(Some(at(1, 4))));
        p.attached(&Attached { re: 0, epoch: 3, after: 4, head: 9 });
        assert_eq!(p.attach(1, 9).after, Some(at(1, 4)));
        p.attached(&Attached { re: 0, epoch: 3, after: 4, head: 9 });
        assert_eq!(p.event(5, Some(2)), Judged::Next(at(3, 5)));
    }

    #[test]
    fn an_earlier_place_than_asked_for_is_a_rewind_even_if_unsaid() {
        let mut p = Position::new(Start::After(Some(at(1, 10))));
        p.attached(&Attached { re: 0, epoch: 2, after: 6, head: 9 });
        assert_eq!(p.attach(1, 9).after, Some(at(1, 10)), "not before an event proves it");
        p.attached(&Attached { re: 0, epoch: 2, after: 6, head: 9 });
        assert_eq!(p.implied_rewind(), Some(Rewound { epoch: 2, seq: 6 }));
        assert_eq!(p.event(7, None), Judged::Next(at(2, 7)));
    }

    #[test]
    fn a_gap_names_only_what_this_side_lacks() {
        let mut p = Position::new(Start::After(Some(at(1, 10))));
        let mut gap = Gap { from: 5, to: 20 };
        assert!(matches!(p.gap(&mut gap), Judged::Next(_)));
        assert_eq!(gap, Gap { from: 11, to: 20 });
        assert_eq!(p.gap(&mut Gap { from: 11, to: 20 }), Judged::Duplicate);
        assert!(matches!(p.gap(&mut Gap { from: 22, to: 30 }), Judged::Hole { .. }));
    }
}

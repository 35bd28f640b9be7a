//! The head as it is kept beside the journal: what tells an older copy that was put back from the journal itself.
//!
//! The supervisor writes it whenever it has a quiet moment and when it goes, never ahead of the journal. So a journal that
//! ends before its anchor has lost something: somebody put back an older one, or the machine lost power.

use super::chain::Head;
use serde::{Deserialize, Serialize};

/// Losses that are remembered.
const REMEMBERED: usize = 16;

/// What is kept beside the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The head, as `rialto verify --head` prints it.
    #[serde(default)]
    head: String,
    /// When a supervisor found a journal that was older than its anchor, and went on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewound: Vec<Rewind>,
}

/// A journal was found to end before its anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewind {
    /// The head that was known.
    pub from: String,
    /// The head that was found.
    pub to: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

impl Anchor {
    /// The head. None: there is none yet, or it makes no sense.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.head.parse().ok()
    }

    /// Takes note of where the journal is now.
    pub fn follow(&mut self, head: Head) {
        self.head = head.to_string();
    }

    /// Takes note of where the journal is when a supervisor takes it over. True: it ends before the anchor, or at it with
    /// something else.
    pub fn resume(&mut self, found: Head, now_ms: u64) -> bool {
        let rewound = self.head().is_some_and(|known| known.seq > found.seq || known.seq == found.seq && known != found);
        if rewound {
            if self.rewound.len() >= REMEMBERED {
                self.rewound.remove(0);
            }
            self.rewound.push(Rewind { from: self.head.clone(), to: found.to_string(), at_ms: now_ms });
        }
        self.follow(found);
        rewound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_journal_that_lost_something_is_rewound() {
        let at = |seq, byte| Head { seq, hash: [byte; 32] };
        let mut anchor = Anchor::default();
        assert!(!anchor.resume(at(5, 1), 1));
        assert!(!anchor.resume(at(5, 1), 2) && !anchor.resume(at(9, 2), 3));
        assert!(anchor.resume(at(5, 1), 4) && anchor.resume(at(5, 3), 5));
        assert_eq!((anchor.rewound.len(), anchor.head()), (2, Some(at(5, 3))));
        for _ in 0..40 {
            anchor.follow(at(8, 0));
            assert!(anchor.resume(at(1, 0), 6));
        }
        assert_eq!(anchor.rewound.len(), REMEMBERED);
    }
}

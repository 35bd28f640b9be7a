//! The live tail: the last events, kept in memory so that clients that keep up never cost a read of the journal.

use rialto_protocol::Seq;
use rialto_session::ConnId;
use std::collections::VecDeque;

/// What the tail may hold. Bytes. Larger would be faster for nobody who keeps up, and would show in resident memory.
const CEILING: usize = 256 * 1024;

/// One event, as it goes on the wire.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: Seq,
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
    /// The channel that made it, and the shorter form that channel gets: it need not be told what it said itself.
    pub(super) own: Option<(ConnId, Vec<u8>)>,
}

#[derive(Debug, Default)]
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Tail {
    /// Appends the next event. One that is too large for a tail empties it: the journal has it.
    pub(super) fn push(&mut self, entry: Entry) {
        let contiguous = self.entries.back().is_none_or(|last| last.seq + 1 == entry.seq);
        if !contiguous || entry.body.len() > CEILING / 4 {
            self.clear();
            if entry.body.len() > CEILING / 4 {
                return;
            }
        }
        self.bytes += entry.body.len();
        self.entries.push_back(entry);
        while self.bytes > CEILING {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.body.len();
        }
    }

    /// An event that is not in memory was numbered, or what is in memory was changed in the journal.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Everything after `after` that is here without a hole; nothing where the journal must be asked.
    pub(super) fn after(&self, after: Seq) -> Option<impl Iterator<Item = &Entry>> {
        let first = self.entries.front()?.seq;
        let skip = usize::try_from((after + 1).checked_sub(first)?).ok()?;
        (skip < self.entries.len()).then(|| self.entries.range(skip..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: Seq, len: usize) -> Entry {
        Entry { seq, kind: 0x66, body: vec![0; len], own: None }
    }

    #[test]
    fn the_tail_forgets_the_oldest_and_says_so() {
        let mut t = Tail::default();
        for seq in 1..=100 {
            t.push(entry(seq, 10_000));
        }
        assert!(t.after(1).is_none(), "long gone");
        let seen: Vec<Seq> = t.after(97).unwrap().map(|e| e.seq).collect();
        assert_eq!(seen, vec![98, 99, 100]);
        assert!(t.after(100).is_none());
        assert!(t.bytes <= CEILING);
    }

    #[test]
    fn a_hole_or_a_giant_sends_readers_to_the_journal() {
        let mut t = Tail::default();
        t.push(entry(1, 10));
        t.push(entry(3, 10));
        assert!(t.after(0).is_none());
        assert_eq!(t.after(2).unwrap().count(), 1);
        t.push(entry(4, CEILING));
        assert!(t.after(2).is_none());
    }
}

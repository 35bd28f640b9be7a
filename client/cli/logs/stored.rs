//! A history read from a journal that nobody serves. Each turn opens the file, reads some and lets go of it.

use super::Item;
use rialto_bridge::journal::{Journal, JournalError, Row, Stored as Body};
use rialto_client::protocol::event::Event;
use rialto_client::protocol::message::{Gap, Rewound};
use rialto_client::protocol::{Cursor, Epoch, Seq, codec};
use std::path::PathBuf;

/// Bytes of one turn.
const TURN: usize = 2 * 1024 * 1024;

pub(crate) struct Stored {
    path: PathBuf,
    /// The newest epoch, once the cursor has been looked at.
    epoch: Option<Epoch>,
}

impl Stored {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, epoch: None }
    }

    /// The next items after the cursor, which moves behind them. None: there are no more, or none before `until`.
    pub(crate) fn turn(
        &mut self,
        cursor: &mut Option<Cursor>,
        until: &mut Option<Seq>,
        follow: bool,
    ) -> Result<Vec<Item>, JournalError> {
        let journal = Journal::open_read_only(&self.path)?;
        let head = journal.committed();
        let mut items = Vec::new();
        let epoch = match self.epoch {
            Some(epoch) => epoch,
            None => {
                let mut epochs = Vec::new();
                journal.replay(&mut |record| {
                    if let Event::EpochStarted(started) = record.event {
                        epochs.push((started.epoch, record.seq));
                    }
                })?;
                let newest = epochs.last().map_or(0, |(epoch, _)| *epoch);
                if let Some(seq) = cursor.and_then(|at| rewound(at, &epochs, head)) {
                    items.push(Item::Rewound(Rewound { epoch: newest, seq }));
                    *cursor = Some(Cursor { epoch: newest, seq });
                }
                *self.epoch.insert(newest)
            }
        };
        let until = if follow { head } else { (*until.get_or_insert(head)).min(head) };
        let mut at = cursor.map_or(0, |cursor| cursor.seq);
        if at < until {
            for row in journal.read_after(at, TURN)? {
                if row.seq > until {
                    break;
                }
                if row.seq > at + 1 {
                    items.push(Item::Gap(Gap { from: at + 1, to: row.seq - 1 }));
                }
                at = row.seq;
                items.push(Item::Event(Box::new(record(&journal, row)?)));
            }
            // Nothing is kept of the rest.
            if items.is_empty() {
                items.push(Item::Gap(Gap { from: at + 1, to: until }));
                at = until;
            }
        }
        if !items.is_empty() {
            *cursor = Some(Cursor { epoch, seq: at });
        }
        Ok(items)
    }
}

fn record(journal: &Journal, row: Row) -> Result<rialto_client::protocol::Record, JournalError> {
    let body = match row.body {
        Body::Whole(body) => body,
        Body::Pieces { count, .. } => {
            let mut body = Vec::new();
            for index in 0..count {
                body.extend(journal.read_piece(row.seq, index)?.unwrap_or_default());
            }
            body
        }
    };
    codec::read_record(row.kind, &body)
        .map_err(|why| JournalError::Corrupt { path: journal.path().to_owned(), why: format!("event {}: {why}", row.seq) })
}

/// Where a cursor from a future that this journal does not have goes back to: the last event that both have. As the session's
/// own rule has it (`bridge/session`, `audience.rs`).
fn rewound(cursor: Cursor, epochs: &[(Epoch, Seq)], head: Seq) -> Option<Seq> {
    if cursor.seq == 0 {
        return None;
    }
    let Some(at) = epochs.iter().position(|(epoch, _)| *epoch == cursor.epoch) else {
        let later = epochs.iter().find(|(epoch, _)| *epoch > cursor.epoch).map_or(head, |(_, first)| first.saturating_sub(1));
        return Some(cursor.seq.min(later));
    };
    let end = epochs.get(at + 1).map_or(head, |(_, next)| next.saturating_sub(1));
    (cursor.seq > end).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_back_only_where_it_must() {
        let epochs = [(10, 2), (20, 8)];
        let at = |epoch, seq| rewound(Cursor { epoch, seq }, &epochs, 12);
        assert_eq!((at(10, 7), at(10, 9), at(20, 12), at(20, 13)), (None, Some(7), None, Some(12)));
        assert_eq!((at(15, 11), at(99, 50), at(99, 0)), (Some(7), Some(12), None));
    }
}

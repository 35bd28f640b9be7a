//! How a client catches up, and how a supervisor recovers.

use super::error::JournalError;
use super::{Journal, int, pack, uint};
use rialto_protocol::event::Record;
use rialto_protocol::{EvalNumber, Seq, codec};
use rusqlite::OptionalExtension;

/// One event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number. Numbers that are absent were trimmed.
    pub seq: Seq,
    /// Its kind on the wire.
    pub kind: u8,
    /// Its body.
    pub body: Stored,
}

/// The body of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// All of it.
    Whole(Vec<u8>),
    /// Too large to be handed out at once: read it with [`Journal::read_piece`].
    Pieces {
        /// Bytes of all pieces together.
        len: u64,
        /// How many there are.
        count: u64,
    },
}

impl Journal {
    /// The committed events after `after`, in order: as many as fit into `max_bytes`, but at least one where there is one. A row
    /// in pieces is the last of its batch.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn read_after(&self, after: Seq, max_bytes: usize) -> Result<Vec<Row>, JournalError> {
        self.try_read_after(after, max_bytes).map_err(|e| self.says(&e))
    }

    fn try_read_after(&self, after: Seq, max_bytes: usize) -> rusqlite::Result<Vec<Row>> {
        // Both halves are read in the order of their keys and merged as they come, so nothing is read that is not handed out.
        let sql = "SELECT seq, kind, body FROM events WHERE seq > ?1 AND seq <= ?2
                   UNION ALL SELECT seq, kind, body FROM outputs WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
        let mut find = self.db.prepare_cached(sql)?;
        let mut found = find.query([int(after), int(self.committed)])?;
        let mut rows = Vec::new();
        let mut room = max_bytes;
        while let Some(row) = found.next()? {
            let seq = uint(row.get(0)?);
            let Some(body) = row.get_ref(2)?.as_blob_or_null()? else {
                let (_, len, count) = self.big(seq)?;
                rows.push(Row { seq, kind: row.get(1)?, body: Stored::Pieces { len, count } });
                break;
            };
            let (kind, body) = pack::read(row.get(1)?, body)?;
            if body.len() > room && !rows.is_empty() {
                break;
            }
            room = room.saturating_sub(body.len());
            rows.push(Row { seq, kind, body: Stored::Whole(body) });
        }
        Ok(rows)
    }

    /// One piece of an event that is kept in pieces, from 0; none where there is no such piece, or no more.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn read_piece(&self, seq: Seq, index: u64) -> Result<Option<Vec<u8>>, JournalError> {
        let sql = "SELECT body FROM pieces WHERE value = (SELECT value FROM big WHERE seq = ?1) AND at = ?2";
        let find = self.db.prepare_cached(sql);
        find.and_then(|mut s| s.query_row([int(seq), int(index)], |row| row.get(0)).optional()).map_err(|e| self.says(&e))
    }

    /// All lifecycle records that are left, in order. Output and displays are not among them, nor looked at: this takes as long
    /// as there are evals, whatever they printed. Retention may have removed any record of an eval that has ended.
    ///
    /// # Errors
    /// What SQLite says, or [`JournalError::Corrupt`] for a record that cannot be read.
    pub fn replay(&self, each: &mut dyn FnMut(Record)) -> Result<(), JournalError> {
        self.events_after(0, each)
    }

    pub(super) fn events_after(&self, after: Seq, each: &mut dyn FnMut(Record)) -> Result<(), JournalError> {
        let fail = |e: rusqlite::Error| self.says(&e);
        let mut find = self.db.prepare_cached("SELECT seq, kind, body FROM events WHERE seq > ?1 ORDER BY seq").map_err(fail)?;
        let mut found = find.query([int(after)]).map_err(fail)?;
        while let Some(row) = found.next().map_err(fail)? {
            let seq = uint(row.get(0).map_err(fail)?);
            let kind: u8 = row.get(1).map_err(fail)?;
            let bad = |why: String| JournalError::Corrupt { path: self.path.clone(), why: format!("event {seq}: {why}") };
            let record = match row.get_ref(2).map_err(fail)?.as_blob_or_null() {
                Ok(Some(body)) => codec::read_record(kind, body),
                _ => codec::read_record(kind, &self.joined(seq).map_err(fail)?),
            };
            each(record.map_err(|e| bad(e.to_string()))?);
        }
        Ok(())
    }

    /// Eval, number and size of each row of output after `after`, without reading what was printed.
    pub(super) fn sizes_after(&self, after: Seq, each: &mut dyn FnMut(EvalNumber, Seq, u64)) -> Result<(), JournalError> {
        let mut run = || -> rusqlite::Result<()> {
            let sql = "SELECT n, seq, coalesce(length(body), (SELECT len FROM big WHERE big.seq = outputs.seq), 0)
                       FROM outputs WHERE seq > ?1 ORDER BY seq";
            let mut find = self.db.prepare_cached(sql)?;
            let mut found = find.query([int(after)])?;
            while let Some(row) = found.next()? {
                each(uint(row.get(0)?), uint(row.get(1)?), uint(row.get(2)?));
            }
            Ok(())
        };
        run().map_err(|e| self.says(&e))
    }

    /// Kind and body of one lifecycle event.
    pub(super) fn event_body(&self, seq: Seq) -> rusqlite::Result<Option<(u8, Vec<u8>)>> {
        let mut find = self.db.prepare_cached("SELECT kind, body FROM events WHERE seq = ?1")?;
        let found = find.query_row([int(seq)], |row| Ok((row.get(0)?, row.get::<_, Option<Vec<u8>>>(1)?))).optional()?;
        match found {
            None => Ok(None),
            Some((kind, Some(body))) => Ok(Some((kind, body))),
            Some((kind, None)) => Ok(Some((kind, self.joined(seq)?))),
        }
    }

    /// Value, length and count of a body that is kept in pieces.
    pub(super) fn big(&self, seq: Seq) -> rusqlite::Result<(u64, u64, u64)> {
        let mut find = self.db.prepare_cached("SELECT value, len, count FROM big WHERE seq = ?1")?;
        find.query_row([int(seq)], |row| Ok((uint(row.get(0)?), uint(row.get(1)?), uint(row.get(2)?))))
    }

    fn joined(&self, seq: Seq) -> rusqlite::Result<Vec<u8>> {
        let (value, ..) = self.big(seq)?;
        let mut find = self.db.prepare_cached("SELECT body FROM pieces WHERE value = ?1 ORDER BY at")?;
        let mut found = find.query([int(value)])?;
        let mut body = Vec::new();
        while let Some(row) = found.next()? {
            body.extend_from_slice(row.get_ref(0)?.as_blob()?);
        }
        Ok(body)
    }

    /// The lowest number that is kept; 0 for none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn first(&self) -> Result<Seq, JournalError> {
        let sql = "SELECT coalesce(min(a, b), a, b, 0)
                   FROM (SELECT (SELECT min(seq) FROM events) AS a, (SELECT min(seq) FROM outputs) AS b)";
        self.db.query_row(sql, [], |row| row.get(0)).map(uint).map_err(|e| self.says(&e))
    }

    /// What the journal takes on disk, its log and its reserve included.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let beside = |suffix: &str| {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            name
        };
        let files = [self.path.clone().into_os_string(), beside("-wal"), self.path.with_extension("reserve").into()];
        files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|found| found.len()).sum()
    }
}

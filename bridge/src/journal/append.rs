//! How records become durable: appended into an open transaction, then committed together.

use super::chain::{self, Seal};
use super::error::JournalError;
use super::{Journal, int, pack, schema, uint};
use rialto_protocol::event::{Event, Record};
use rialto_protocol::{EvalNumber, Seq, kind};
use rialto_session::archive::stops_group;
use rusqlite::params;

/// The most bytes of one row. A larger body is kept in pieces, so that nothing ever has to be in memory whole.
pub const PIECE: usize = 60 * 1024;

const EVENT: &str = "INSERT INTO events (seq, kind, n, leaf, part, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const OUTPUT: &str = "INSERT INTO outputs (seq, kind, n, leaf, body) VALUES (?1, ?2, ?3, ?4, ?5)";
/// For a journal without a chain.
const EVENT_UNCHAINED: &str = "INSERT INTO events (seq, kind, n, body) VALUES (?1, ?2, ?3, ?4)";
const OUTPUT_UNCHAINED: &str = "INSERT INTO outputs (seq, kind, n, body) VALUES (?1, ?2, ?3, ?4)";

impl Journal {
    /// Records one event; `body` is its [`rialto_protocol::codec::record_body`]. It is there for look-ups at once, and durable
    /// and deliverable after [`Journal::commit`].
    ///
    /// This cannot fail: what goes wrong is told by the commit, and until then everything more is ignored.
    pub fn append(&mut self, record: &Record, body: &[u8]) {
        self.attempt(|j| j.try_append(record, body));
    }

    /// A number for a value that arrives in pieces, before its event can be made.
    pub fn new_value(&mut self) -> u64 {
        let value = self.next_value;
        self.next_value += 1;
        value
    }

    /// Puts one piece of a value aside, at most [`PIECE`] bytes, counted from 0 and in any order. Like [`Journal::append`], but
    /// nothing shows before [`Journal::append_pieces`]; a value without its event is dropped when the journal is opened again.
    pub fn piece(&mut self, value: u64, index: u64, bytes: &[u8]) {
        self.attempt(|j| j.try_piece(value, index, bytes));
    }

    /// Records an event whose body is the pieces of `value`, one after another: `count` of them, `len` bytes in all.
    /// The event is a display; `n` is the eval it belongs to.
    pub fn append_pieces(&mut self, seq: Seq, n: EvalNumber, value: u64, count: u64, len: u64) {
        self.attempt(|j| j.try_append_pieces(seq, n, value, count, len));
    }

    /// Drops the pieces of a value whose event will not come.
    pub fn drop_value(&mut self, value: u64) {
        self.attempt(|j| {
            j.begin()?;
            j.db.prepare_cached("DELETE FROM pieces WHERE value = ?1")
                .and_then(|mut s| s.execute([int(value)]))
                .map_err(|e| j.says(&e))?;
            Ok(())
        });
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// What went wrong since the last commit. Then nothing since the last commit is there: the same records (and pieces) may be
    /// appended again, which after [`JournalError::Full`] is worth trying once there is space.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        if let Some(error) = self.failed.take() {
            self.roll_back();
            return Err(error);
        }
        if !self.in_transaction {
            return Ok(());
        }
        if let Err(error) = self.db.prepare_cached("COMMIT").and_then(|mut s| s.execute([])) {
            let error = self.says(&error);
            self.roll_back();
            return Err(error);
        }
        self.in_transaction = false;
        self.logged += schema::PAGE_SIZE as u64;
        self.committed = self.head;
        self.committed_max_n = self.max_n;
        if let Some(chain) = &mut self.chain {
            chain.committed.follow(&chain.open);
        }
        self.settled.absorb(&mut self.open);
        if self.scrub_due {
            self.scrub();
        }
        if self.settled.is_full() {
            self.index_now();
        }
        Ok(())
    }

    /// Something since the last commit was not taken; the commit will say why. Until then look-ups miss what came after it.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    fn attempt(&mut self, what: impl FnOnce(&mut Self) -> Result<(), JournalError>) {
        if self.failed.is_none() {
            self.failed = what(self).err();
        }
    }

    /// Forgets everything since the last commit.
    fn roll_back(&mut self) {
        // After some errors SQLite has rolled back by itself, and asking again would be one more error.
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            self.remember(&error);
        }
        self.in_transaction = false;
        self.scrub_due = false;
        self.head = self.committed;
        self.max_n = self.committed_max_n;
        if let Some(chain) = &mut self.chain {
            chain.open.follow(&chain.committed);
        }
        self.open.clear();
    }

    pub(super) fn begin(&mut self) -> Result<(), JournalError> {
        if !self.in_transaction {
            self.db.prepare_cached("BEGIN").and_then(|mut s| s.execute([])).map_err(|e| self.says(&e))?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn next(&self, seq: Seq) -> Result<(), JournalError> {
        let expected = self.head + 1;
        if seq == expected { Ok(()) } else { Err(JournalError::OutOfOrder { expected, got: seq }) }
    }

    fn try_append(&mut self, record: &Record, body: &[u8]) -> Result<(), JournalError> {
        self.next(record.seq)?;
        self.begin()?;
        let (kind, n) = (kind::event_kind(&record.event), eval_of(&record.event));
        let mut len = body.len() as u64;
        if body.len() <= PIECE {
            let packed = if is_output(kind) && self.chain.is_some() { pack::pack(body) } else { None };
            let (stored, body) = packed.as_ref().map_or((i64::from(kind), body), |p| (i64::from(kind) | pack::PACKED, p));
            let seal = self.chain.is_some().then(|| Self::seal(record, stored, n, false, &chain::content(body)));
            self.insert(record.seq, stored, n, Some(body), seal)?;
            len = body.len() as u64;
        } else {
            let value = self.new_value();
            let mut count = 0;
            for part in body.chunks(PIECE) {
                self.try_piece(value, count, part)?;
                count += 1;
            }
            let seal = self.seal_pieces(value, |whole| Self::seal(record, i64::from(kind), n, true, whole))?;
            self.insert(record.seq, i64::from(kind), n, None, seal)?;
            self.insert_big(record.seq, value, count, body.len() as u64)?;
        }
        self.head = record.seq;
        self.logged += len;
        if is_output(kind) {
            self.open.printed(n, record.seq, len);
            return Ok(());
        }
        self.open.note(record);
        match &record.event {
            Event::Accepted(a) => self.max_n = self.max_n.max(a.n),
            Event::Ended(e) if stops_group(e.outcome, e.code) => self.note_stop(e.n)?,
            _ => {}
        }
        Ok(())
    }

    fn try_piece(&mut self, value: u64, index: u64, bytes: &[u8]) -> Result<(), JournalError> {
        self.begin()?;
        let put = if self.chain.is_some() {
            let sql = "INSERT INTO pieces (value, at, hash, body) VALUES (?1, ?2, ?3, ?4)";
            let row = params![int(value), int(index), chain::content(bytes), bytes];
            self.db.prepare_cached(sql).and_then(|mut s| s.execute(row))
        } else {
            let sql = "INSERT INTO pieces (value, at, body) VALUES (?1, ?2, ?3)";
            self.db.prepare_cached(sql).and_then(|mut s| s.execute(params![int(value), int(index), bytes]))
        };
        put.map(drop).map_err(|e| self.says(&e))
    }

    fn try_append_pieces(&mut self, seq: Seq, n: EvalNumber, value: u64, count: u64, len: u64) -> Result<(), JournalError> {
        self.next(seq)?;
        self.begin()?;
        // A display that cannot be read back whole must not become an event: better told now than at the next attach.
        let sql = "SELECT count(*), coalesce(sum(length(body)), 0), coalesce(max(at) + 1, 0) FROM pieces WHERE value = ?1";
        let found = |row: &rusqlite::Row<'_>| Ok((uint(row.get(0)?), uint(row.get(1)?), uint(row.get(2)?)));
        let there = self.db.prepare_cached(sql).and_then(|mut s| s.query_row([int(value)], found)).map_err(|e| self.says(&e))?;
        if there != (count, len, count) {
            return Err(JournalError::Incomplete { seq, count: there.0, len: there.1 });
        }
        let seal = self.seal_pieces(value, |whole| Seal {
            leaf: chain::leaf(seq, kind::DISPLAY.into(), n, true, whole, None),
            part: None,
        })?;
        self.insert(seq, kind::DISPLAY.into(), n, None, seal)?;
        self.insert_big(seq, value, count, len)?;
        self.head = seq;
        self.open.printed(n, seq, len);
        Ok(())
    }

    /// The seal of a record whose pieces are there.
    fn seal_pieces(&self, value: u64, seal: impl FnOnce(&chain::Hash) -> Seal) -> Result<Option<Seal>, JournalError> {
        if self.chain.is_none() {
            return Ok(None);
        }
        let whole = self.pieces_hash(value).map_err(|e| self.says(&e))?;
        Ok(Some(seal(&whole)))
    }

    fn insert(
        &mut self,
        seq: Seq,
        kind: i64,
        n: EvalNumber,
        body: Option<&[u8]>,
        seal: Option<Seal>,
    ) -> Result<(), JournalError> {
        let put = |sql: &str, row: &[&dyn rusqlite::ToSql]| self.db.prepare_cached(sql).and_then(|mut s| s.execute(row));
        let done = match (seal, is_output(pack::wire(kind))) {
            (Some(seal), true) => put(OUTPUT, params![int(seq), kind, int(n), seal.leaf, body]),
            (Some(seal), false) => put(EVENT, params![int(seq), kind, int(n), seal.leaf, seal.part, body]),
            (None, true) => put(OUTPUT_UNCHAINED, params![int(seq), kind, int(n), body]),
            (None, false) => put(EVENT_UNCHAINED, params![int(seq), kind, int(n), body]),
        };
        done.map_err(|e| self.says(&e))?;
        if let (Some(chain), Some(seal)) = (&mut self.chain, seal) {
            chain.open.push(seal.leaf);
        }
        Ok(())
    }

    fn insert_big(&self, seq: Seq, value: u64, count: u64, len: u64) -> Result<(), JournalError> {
        self.db
            .prepare_cached("INSERT INTO big (seq, value, len, count) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut s| s.execute([int(seq), int(value), int(len), int(count)]))
            .map_err(|e| self.says(&e))?;
        Ok(())
    }
}

/// Whether a kind is something the kernel printed or showed: many bytes, and nothing that state is made of.
pub(super) const fn is_output(kind: u8) -> bool {
    matches!(kind, kind::OUTPUT | kind::DISPLAY)
}

/// The eval an event belongs to; 0 for none.
const fn eval_of(event: &Event) -> EvalNumber {
    match event {
        Event::Accepted(e) => e.n,
        Event::Started(e) => e.n,
        Event::Output(e) => e.n,
        Event::Display(e) => e.n,
        Event::Asked(e) => e.n,
        Event::Answered(e) => e.n,
        Event::Interrupting(e) => e.n,
        Event::Ended(e) => e.n,
        Event::Redacted(e) => e.n,
        Event::Created(_)
        | Event::EpochStarted(_)
        | Event::LifeStarted(_)
        | Event::LifeEnded(_)
        | Event::InterruptNoted(_)
        | Event::SessionEnded(_)
        | Event::Shared(_)
        | Event::Unshared(_)
        | Event::CommSent(_)
        | Event::Unknown(_) => 0,
    }
}

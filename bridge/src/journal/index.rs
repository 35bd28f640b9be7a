//! How an id is known for ever at the price of no write: facts wait in memory and are indexed in batches.
//!
//! An eval would cost three more tables in its commits if it were indexed there and then. Instead the index is behind by at
//! most a few hundred facts, `meta.indexed` says where it stands, and recovery reads the events after that once more.

use super::error::JournalError;
use super::facts::Facts;
use super::{Journal, int, schema, uint};
use rialto_protocol::event::Event;
use rialto_protocol::{EvalNumber, GroupId, Outcome};
use rialto_session::archive::{CodeHash, stops_group};
use rusqlite::{OptionalExtension, Row, params};

impl Journal {
    /// Does what is better done while nothing else is to be done: a short while after the last event, not after each. Calling
    /// it is never necessary; all of it also happens by itself, at a moment that suits less.
    pub fn idle(&mut self) {
        if self.in_transaction || self.reserve.is_none() {
            return;
        }
        self.index_now();
        if self.scrub_due {
            self.scrub();
        }
        // Emptying the log waits for the disk: now, rather than in the middle of somebody's eval.
        if self.logged > schema::LOG as u64 / 4 {
            match self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                Ok(()) => self.logged = 0,
                Err(error) => self.remember(&error),
            }
        }
    }

    /// Writes down the facts that wait in memory.
    pub(super) fn index_now(&mut self) {
        if self.in_transaction || self.settled.records == 0 {
            return;
        }
        let facts = std::mem::take(&mut self.settled);
        if let Err(error) = self.write_index(&facts) {
            // Nothing is lost: the facts stay in memory, and the events they came from are in the journal.
            if !self.db.is_autocommit() {
                let _ = self.db.execute_batch("ROLLBACK");
            }
            self.settled = facts;
            self.remember(&error);
        } else {
            self.any_noted |= !facts.noted.is_empty();
        }
    }

    fn write_index(&self, facts: &Facts) -> rusqlite::Result<()> {
        let db = &self.db;
        db.execute_batch("BEGIN")?;
        // Most are over by now: how they ended goes into the same row at once.
        let mut begun = db.prepare_cached(
            "INSERT OR IGNORE INTO evals (n, id, hash, client, grp, first, typed, last, outcome, code)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        let mut ended = db.prepare_cached("UPDATE evals SET last = ?2, outcome = ?3, code = ?4 WHERE n = ?1 AND last IS NULL")?;
        // Ids are random. In their order each page of their index is visited once, and not once for each of them.
        let mut sorted: Vec<_> = facts.begun.iter().collect();
        sorted.sort_unstable_by_key(|(_, b)| b.id);
        for (n, b) in sorted {
            let (client, group) = (b.client.map(|c| c.0), b.group.map(|g| g.0));
            let (first, typed) = (int(b.first), int(b.typed));
            let (last, outcome, code) = match facts.ends.get(n) {
                Some(e) => (Some(int(e.last)), Some(outcome_number(e.outcome)), e.code),
                None => (None, None, None),
            };
            begun.execute(params![int(*n), b.id.0, b.hash, client, group, first, typed, last, outcome, code])?;
        }
        for (n, e) in facts.ends.iter().filter(|(n, _)| !facts.begun.contains_key(n)) {
            ended.execute(params![int(*n), int(e.last), outcome_number(e.outcome), e.code])?;
        }
        let mut printed = db.prepare_cached(
            "UPDATE evals SET out_from = coalesce(out_from, ?2), out_to = ?3, out_bytes = out_bytes + ?4 WHERE n = ?1",
        )?;
        for (n, p) in &facts.printed {
            printed.execute([int(*n), int(p.from), int(p.to), int(p.bytes)])?;
        }
        let mut request = db.prepare_cached("INSERT OR IGNORE INTO requests (id, seq) VALUES (?1, ?2)")?;
        for (id, seq) in &facts.requests {
            request.execute(params![id.0, int(*seq)])?;
        }
        let mut noted = db.prepare_cached("INSERT OR IGNORE INTO noted (eval) VALUES (?1)")?;
        for eval in &facts.noted {
            noted.execute([eval.0])?;
        }
        let mut stopped = db.prepare_cached("INSERT OR IGNORE INTO stopped (grp, n) VALUES (?1, ?2)")?;
        for (group, n) in &facts.stopped {
            stopped.execute(params![group.0, int(*n)])?;
        }
        self.set_meta("indexed", int(self.committed))?;
        self.write_chain()?;
        db.execute_batch("COMMIT")
    }

    pub(super) fn set_meta(&self, key: &str, value: i64) -> rusqlite::Result<()> {
        self.db.prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")?.execute(params![key, value]).map(drop)
    }

    pub(super) fn meta(&self, key: &str) -> rusqlite::Result<i64> {
        self.db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0))
    }

    /// Reads what the file holds, and the facts that its index does not have.
    pub(super) fn recover(&mut self) -> Result<(), JournalError> {
        let number = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(uint);
        let read = || -> rusqlite::Result<_> {
            let indexed = uint(self.meta("indexed")?);
            let events = number("SELECT coalesce(max(seq), 0) FROM events")?;
            let outputs = number("SELECT coalesce(max(seq), 0) FROM outputs")?;
            // What is trimmed was indexed before, so a journal without its last rows still knows its head.
            let head = indexed.max(events).max(outputs);
            let value = number("SELECT coalesce(max(value), 0) FROM pieces")?;
            Ok((indexed, head, value, number("SELECT coalesce(max(n), 0) FROM evals")?))
        };
        let (indexed, head, value, max_n) = read().map_err(|e| self.says(&e))?;
        (self.head, self.committed) = (head, head);
        (self.next_value, self.max_n) = (value + 1, max_n);

        let mut facts = Facts::default();
        let mut failed = Vec::new();
        self.events_after(indexed, &mut |record| {
            facts.note(&record);
            match &record.event {
                Event::Ended(e) if stops_group(e.outcome, e.code) => failed.push(e.n),
                _ => {}
            }
        })?;
        self.sizes_after(indexed, &mut |n, seq, bytes| facts.printed(n, seq, bytes))?;
        self.max_n = self.max_n.max(facts.begun.last_key_value().map_or(0, |(n, _)| *n));
        self.committed_max_n = self.max_n;
        self.settled = facts;
        self.any_noted = number("SELECT EXISTS (SELECT 1 FROM noted)").map_err(|e| self.says(&e))? > 0;
        for n in failed {
            self.note_stop(n)?;
        }
        self.settled.absorb(&mut self.open);
        Ok(())
    }

    /// Puts in order what a supervisor that died left behind.
    pub(super) fn tidy_up(&mut self) -> Result<(), JournalError> {
        // Values whose event never came, or was trimmed.
        let unfinished = "DELETE FROM pieces WHERE value NOT IN (SELECT value FROM big)";
        match self.db.execute(unfinished, []) {
            Ok(_) => {}
            // A full disk is no reason to hide a session: they are dropped another time.
            Err(e) if self.says(&e).is_full() => {}
            Err(e) => return Err(self.says(&e)),
        }
        // It may have died between a redaction and the scrubbing of what that freed.
        self.scrub_due = true;
        self.idle();
        match self.take_fault() {
            Some(fault) if !fault.is_full() => Err(fault),
            _ => Ok(()),
        }
    }

    /// Notes that the failure of an eval stopped its group, where it has one that asked for that.
    pub(super) fn note_stop(&mut self, n: EvalNumber) -> Result<(), JournalError> {
        let group = match self.begun(n) {
            Some(begun) => begun.group,
            None => {
                let sql = "SELECT grp FROM evals WHERE n = ?1";
                let found = |row: &Row<'_>| Ok(row.get::<_, Option<[u8; 16]>>(0)?.map(GroupId));
                let found = self.db.prepare_cached(sql).and_then(|mut s| s.query_row([int(n)], found).optional());
                found.map_err(|e| self.says(&e))?.flatten()
            }
        };
        if let Some(group) = group {
            self.open.stopped.entry(group).or_insert(n);
        }
        Ok(())
    }

    /// Keeps the first fault that nobody could be told. Want of space is none: it is told by the next commit.
    pub(super) fn remember(&self, error: &rusqlite::Error) {
        let error = self.says(error);
        if !error.is_full() {
            self.fault.borrow_mut().get_or_insert(error);
        }
    }
}

/// A hash as it is compared. One that is missing or of another length equals none.
pub(super) fn hash_of(bytes: Option<&[u8]>) -> CodeHash {
    bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()
}

/// The numbers of the outcomes in the file. A number is for ever.
const OUTCOMES: [(i64, Outcome); 8] = [
    (1, Outcome::Ok),
    (2, Outcome::Error),
    (3, Outcome::Exit),
    (4, Outcome::Interrupted),
    (5, Outcome::Cancelled),
    (6, Outcome::Died),
    (7, Outcome::Lost),
    (8, Outcome::NotRun),
];

pub(super) fn outcome_number(outcome: Outcome) -> i64 {
    OUTCOMES.iter().find(|(_, o)| *o == outcome).map_or(0, |(number, _)| *number)
}

pub(super) fn outcome_of(number: i64) -> Outcome {
    OUTCOMES.iter().find(|(n, _)| *n == number).map_or(Outcome::Unknown, |(_, outcome)| *outcome)
}

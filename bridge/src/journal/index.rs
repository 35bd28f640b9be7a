//! How an id is known for ever at the price of no write: facts wait in memory and are indexed in batches.
//!
//! An eval would cost three more tables in its commits if it were indexed there and then. Instead the index is behind by at
//! most a few hundred facts, `meta.indexed` says where it stands, and recovery reads the events after that once more. Every
//! look-up asks the open transaction's facts, then the settled ones, then the tables.

use super::error::JournalError;
use super::facts::{Begun, End, Facts, Printed};
use super::{Journal, int, uint};
use rialto_protocol::event::{Accepted, Event};
use rialto_protocol::{ClientId, EvalId, EvalNumber, GroupId, Outcome, RequestId, Seq, codec};
use rialto_session::archive::{Archive, CodeHash, EvalFacts, stops_group};
use rusqlite::{OptionalExtension, Row, params};

impl Journal {
    /// Writes down what waits in memory. For when nothing else is to be done: a short while after the last event, not after
    /// each. Calling it is never necessary; it happens by itself in batches, and on opening.
    pub fn idle(&mut self) {
        if self.in_transaction || self.reserve.is_none() {
            return;
        }
        if self.scrub_due {
            self.scrub();
        }
        if self.settled.records == 0 {
            return;
        }
        let facts = std::mem::take(&mut self.settled);
        let written = self.write_index(&facts);
        if let Err(error) = written {
            // Nothing is lost: the facts stay in memory, and the events they came from are in the journal.
            let _ = self.db.execute_batch("ROLLBACK");
            self.settled = facts;
            self.remember(&error);
        }
    }

    fn write_index(&self, facts: &Facts) -> rusqlite::Result<()> {
        let db = &self.db;
        db.execute_batch("BEGIN")?;
        let mut begun = db.prepare_cached(
            "INSERT OR IGNORE INTO evals (n, id, hash, client, grp, first, typed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for (n, b) in &facts.begun {
            let (client, group) = (b.client.map(|c| c.0), b.group.map(|g| g.0));
            begun.execute(params![int(*n), b.id.0, b.hash, client, group, int(b.first), int(b.typed)])?;
        }
        let mut ended = db.prepare_cached("UPDATE evals SET last = ?2, outcome = ?3, code = ?4 WHERE n = ?1 AND last IS NULL")?;
        for (n, e) in &facts.ends {
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

    fn begun(&self, n: EvalNumber) -> Option<&Begun> {
        self.open.begun.get(&n).or_else(|| self.settled.begun.get(&n))
    }

    fn end(&self, n: EvalNumber) -> Option<End> {
        self.open.ends.get(&n).or_else(|| self.settled.ends.get(&n)).copied()
    }

    /// Where the output of an eval is, as far as it is known.
    pub(super) fn printed(&self, n: EvalNumber) -> rusqlite::Result<Option<Printed>> {
        let sql = "SELECT out_from, out_to, out_bytes FROM evals WHERE n = ?1 AND out_from IS NOT NULL";
        let row = |row: &Row<'_>| Ok(Printed { from: uint(row.get(0)?), to: uint(row.get(1)?), bytes: uint(row.get(2)?) });
        let indexed = self.db.prepare_cached(sql)?.query_row([int(n)], row).optional()?;
        let all = [indexed, self.settled.printed.get(&n).copied(), self.open.printed.get(&n).copied()];
        Ok(all.into_iter().flatten().reduce(|a, b| Printed { from: a.from, to: b.to, bytes: a.bytes + b.bytes }))
    }

    /// An answer, or none and a fault to be taken later.
    fn look_up<T>(&self, what: impl FnOnce() -> rusqlite::Result<Option<T>>) -> Option<T> {
        what().unwrap_or_else(|error| {
            self.remember(&error);
            None
        })
    }

    /// Keeps the first fault that nobody could be told. Want of space is none: it is told by the next commit.
    pub(super) fn remember(&self, error: &rusqlite::Error) {
        let error = self.says(error);
        if !error.is_full() {
            self.fault.borrow_mut().get_or_insert(error);
        }
    }
}

impl Archive for Journal {
    fn eval(&self, id: &EvalId) -> Option<EvalFacts> {
        if let Some(n) = self.open.numbers.get(id).or_else(|| self.settled.numbers.get(id)) {
            return self.eval_number(*n);
        }
        let n = self.look_up(|| {
            let mut find = self.db.prepare_cached("SELECT n FROM evals WHERE id = ?1")?;
            find.query_row([id.0], |row| row.get(0)).optional()
        })?;
        self.eval_number(uint(n))
    }

    fn eval_number(&self, n: EvalNumber) -> Option<EvalFacts> {
        let mut facts = match self.begun(n) {
            Some(b) => {
                EvalFacts { eval: b.id, n, hash: b.hash, client: b.client, first: b.first, last: None, outcome: None, code: None }
            }
            None => self.look_up(|| {
                let sql = "SELECT id, hash, client, first, last, outcome, code FROM evals WHERE n = ?1 AND id IS NOT NULL";
                self.db.prepare_cached(sql)?.query_row([int(n)], |row| facts_of(n, row)).optional()
            })?,
        };
        if let Some(end) = self.end(n) {
            (facts.last, facts.outcome, facts.code) = (Some(end.last), Some(end.outcome), end.code);
        }
        Some(facts)
    }

    fn accepted(&self, first: Seq) -> Option<Accepted> {
        let (kind, body) = self.look_up(|| self.event_body(first))?;
        match codec::read_record(kind, &body).map(|record| record.event) {
            Ok(Event::Accepted(accepted)) => Some(accepted),
            _ => None,
        }
    }

    fn request(&self, id: &RequestId) -> Option<Seq> {
        // The oldest first: should one id have made several events, the first is the answer.
        self.look_up(|| {
            let mut find = self.db.prepare_cached("SELECT seq FROM requests WHERE id = ?1")?;
            find.query_row([id.0], |row| row.get(0)).optional()
        })
        .map(uint)
        .or_else(|| self.settled.requests.get(id).or_else(|| self.open.requests.get(id)).copied())
    }

    fn noted_interrupt(&self, eval: &EvalId) -> bool {
        self.open.noted.contains(eval)
            || self.settled.noted.contains(eval)
            || self
                .look_up(|| {
                    let mut find = self.db.prepare_cached("SELECT 1 FROM noted WHERE eval = ?1")?;
                    find.query_row([eval.0], |_| Ok(())).optional()
                })
                .is_some()
    }

    fn stopped_group(&self, group: &GroupId) -> Option<EvalNumber> {
        self.look_up(|| {
            let mut find = self.db.prepare_cached("SELECT n FROM stopped WHERE grp = ?1")?;
            find.query_row([group.0], |row| row.get(0)).optional()
        })
        .map(uint)
        .or_else(|| self.settled.stopped.get(group).or_else(|| self.open.stopped.get(group)).copied())
    }
}

fn facts_of(n: EvalNumber, row: &Row<'_>) -> rusqlite::Result<EvalFacts> {
    Ok(EvalFacts {
        eval: EvalId(row.get(0)?),
        n,
        hash: row.get(1)?,
        client: row.get::<_, Option<[u8; 16]>>(2)?.map(ClientId),
        first: uint(row.get(3)?),
        last: row.get::<_, Option<i64>>(4)?.map(uint),
        outcome: row.get::<_, Option<i64>>(5)?.map(outcome_of),
        code: row.get(6)?,
    })
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

fn outcome_number(outcome: Outcome) -> i64 {
    OUTCOMES.iter().find(|(_, o)| *o == outcome).map_or(0, |(number, _)| *number)
}

fn outcome_of(number: i64) -> Outcome {
    OUTCOMES.iter().find(|(n, _)| *n == number).map_or(Outcome::Unknown, |(_, outcome)| *outcome)
}

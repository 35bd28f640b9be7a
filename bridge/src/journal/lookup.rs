//! What the rules ask of the past, answered from memory or from the tables.
//!
//! Every look-up asks the facts of the open transaction, then those that wait to be indexed, then the index; where the first
//! of several is the answer, the other way round.

use super::facts::{Begun, End, Printed};
use super::index::outcome_of;
use super::{Journal, int, uint};
use rialto_protocol::event::{Accepted, Event};
use rialto_protocol::{ClientId, EvalId, EvalNumber, GroupId, RequestId, Seq, codec};
use rialto_session::archive::{Archive, EvalFacts};
use rusqlite::{OptionalExtension, Row};

impl Journal {
    pub(super) fn begun(&self, n: EvalNumber) -> Option<&Begun> {
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
            || self.any_noted
                && self
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

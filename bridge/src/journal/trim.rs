//! What retention takes away, in small steps. What goes first is decided by [`rialto_session::retention`].

use super::chain::Hash;
use super::error::JournalError;
use super::facts::Printed;
use super::redact::bare;
use super::{Journal, int, uint};
use rialto_protocol::{EvalNumber, Seq, codec};
use rialto_session::retention::{HEAD_AND_TAIL, KEEP_EACH_END, Part, Span, Trim, plan};
use rusqlite::{Row, params};
use std::collections::BTreeMap;

/// The kind of an interrupt that came before its eval: it belongs to none by number, and `noted` remembers it.
const INTERRUPT_NOTED: u8 = 0x6b;
// The partial index that finds evals with a middle names this number.
const _: () = assert!(HEAD_AND_TAIL == 131_072);
/// Evals looked at for one step: as many as it could take a row of each from.
const WINDOW: usize = 256;
/// Output up to this size goes with the rows of its eval: among many tiny evals it would buy little, and the newest of them would
/// lose theirs before the oldest lost anything else. Bytes.
const SHORT_OUTPUT: u64 = 4_096;
// So does its partial index.
const _: () = assert!(SHORT_OUTPUT == 4_096);
/// What the lifecycle rows of one eval are taken to be for the plan; what is really used is measured before every step.
const ROWS: u64 = 400;
/// Pages given back to the file system in one step.
const PAGES: u32 = 512;

impl Journal {
    /// Takes one small step towards `budget` bytes: removes at most about `max_rows` rows. Returns whether there is more to do.
    /// Holes in the numbering are all that is left of what was removed.
    ///
    /// # Errors
    /// As [`Journal::commit`]; want of space is possible here too, since removing is writing.
    pub fn trim_step(&mut self, budget: u64, max_rows: usize) -> Result<bool, JournalError> {
        self.commit()?;
        if let Some(value) = self.orphans.last() {
            let gone = self.drop_pieces(*value, max_rows).map_err(|e| self.says(&e))?;
            if gone == 0 {
                self.orphans.pop();
            }
            self.give_back().map_err(|e| self.says(&e))?;
            return Ok(true);
        }
        let used = self.used().map_err(|e| self.says(&e))?;
        if used <= budget {
            return self.give_back().map_err(|e| self.says(&e));
        }
        // Only what is indexed is planned, and what is removed must be behind the index: recovery takes the head from there.
        self.index_now();
        if let Some(fault) = self.take_fault() {
            return Err(fault);
        }
        if self.settled.records > 0 {
            return Err(JournalError::Full(self.path.clone()));
        }
        let mut trims = Vec::new();
        for short in [SHORT_OUTPUT, 0] {
            let (spans, last) = self.spans(short).map_err(|e| self.says(&e))?;
            trims = plan(&spans, used, budget);
            trims.retain(|trim| trim.part <= last);
            if !trims.is_empty() {
                break;
            }
        }
        if trims.is_empty() {
            return self.give_back().map_err(|e| self.says(&e));
        }
        match self.carry_out(&trims, max_rows) {
            Ok(mut orphans) => self.orphans.append(&mut orphans),
            Err(error) => {
                let error = self.says(&error);
                if !self.db.is_autocommit() {
                    let _ = self.db.execute_batch("ROLLBACK");
                }
                return Err(error);
            }
        }
        self.give_back().map_err(|e| self.says(&e))?;
        Ok(true)
    }

    /// Carries out as much of a plan as one step may, and returns the values that this left without an event. More than one
    /// eval pays: tiny ones come faster than steps do.
    fn carry_out(&self, trims: &[Trim], max_rows: usize) -> rusqlite::Result<Vec<u64>> {
        let mut left = max_rows.max(1);
        let mut orphans = Vec::new();
        self.db.execute_batch("BEGIN")?;
        for (at, Trim { n, part }) in trims.iter().enumerate() {
            let gone = match part {
                Part::Middle => self.drop_middle(*n, left, &mut orphans)?,
                Part::Outputs => self.drop_outputs(*n, left, &mut orphans)?,
                Part::Code => self.drop_code(*n)?,
                // All of them at once: it is the last pass.
                Part::Rows => {
                    self.drop_rows(trims.get(at..).unwrap_or_default(), left, &mut orphans)?;
                    break;
                }
            };
            left = left.saturating_sub(gone.max(1));
            if left == 0 {
                break;
            }
        }
        self.db.execute_batch("COMMIT")?;
        Ok(orphans)
    }

    /// Bytes in use: pages that hold something.
    pub(super) fn used(&self) -> rusqlite::Result<u64> {
        let number = |name: &str| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(uint);
        Ok((number("page_count")?.saturating_sub(number("freelist_count")?)) * number("page_size")?)
    }

    /// Gives some free pages back; whether there are more.
    fn give_back(&self) -> rusqlite::Result<bool> {
        let free = || self.db.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
        if free()? == 0 {
            return Ok(false);
        }
        self.vacuum(Some(PAGES))?;
        Ok(free()? > 0)
    }

    /// What the plan is made of: the oldest evals that each pass could take something from. And the last pass that may begin:
    /// where not all that one could take was looked at, the next must wait. Output of at most `short` bytes goes with the rows.
    fn spans(&self, short: u64) -> rusqlite::Result<(Vec<Span>, Part)> {
        let rowless = self.meta("rowless")?;
        let mut spans = BTreeMap::<EvalNumber, Span>::new();
        let mut last = Part::Rows;
        let mut take = |part: Part, which: &str, than: i64| -> rusqlite::Result<()> {
            let sql = format!("SELECT n, out_bytes, typed, last IS NOT NULL FROM evals WHERE {which} ORDER BY n LIMIT {WINDOW}");
            let mut find = self.db.prepare_cached(&sql)?;
            let mut found = find.query([than])?;
            let mut count = 0;
            while let Some(row) = found.next()? {
                count += 1;
                let (n, mut outputs, code) = (uint(row.get(0)?), uint(row.get(1)?), uint(row.get(2)?));
                let ended: bool = row.get(3)?;
                // Rows go in one sweep from the oldest, so the first eval that is not over ends it.
                if part == Part::Rows && !ended {
                    break;
                }
                let with_rows = if outputs <= short && n > uint(rowless) { std::mem::take(&mut outputs) } else { 0 };
                let rows = if part == Part::Rows { ROWS + with_rows } else { 0 };
                let span = spans.entry(n).or_insert(Span { n, ended, outputs, code, rows });
                span.rows = span.rows.max(rows);
            }
            if count == WINDOW {
                last = last.min(part);
            }
            Ok(())
        };
        take(Part::Middle, "out_bytes > 131072 AND n >= ?1", 0)?;
        if short > 0 {
            take(Part::Outputs, "last IS NOT NULL AND out_bytes > 4096 AND n >= ?1", 0)?;
            // What was printed in the background when the rows had gone.
            take(Part::Outputs, "last IS NOT NULL AND out_bytes > 0 AND n <= ?1", rowless)?;
        } else {
            take(Part::Outputs, "last IS NOT NULL AND out_bytes > 0 AND n >= ?1", 0)?;
        }
        take(Part::Code, "last IS NOT NULL AND typed > 0 AND n >= ?1", 0)?;
        take(Part::Rows, "n > ?1", rowless)?;
        Ok((spans.into_values().collect(), last))
    }

    /// Removes some of what lies between the first and the last bytes an eval printed.
    fn drop_middle(&self, n: EvalNumber, limit: usize, orphans: &mut Vec<u64>) -> rusqlite::Result<usize> {
        let Some(all) = self.printed(n)? else { return self.printed_is(n, 0).map(|()| 0) };
        let (head, above) = self.end_of(n, &all, "ASC", all.from.saturating_sub(1))?;
        let (tail, below) = self.end_of(n, &all, "DESC", all.to + 1)?;
        let (rows, bytes) = if above < below { self.drop_between(n, above, below, limit, orphans)? } else { (0, 0) };
        if rows == limit {
            self.printed_less(n, bytes)?;
        } else {
            // Nothing is left in between; whatever the account says, this is what is there.
            self.printed_is(n, (head + tail).min(HEAD_AND_TAIL))?;
        }
        Ok(rows)
    }

    /// How many bytes of whole rows fit into one end that stays, and the last row that does.
    fn end_of(&self, n: EvalNumber, all: &Printed, order: &str, start: Seq) -> rusqlite::Result<(u64, Seq)> {
        let sql = format!("{SIZES} WHERE n = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq {order}");
        let mut find = self.db.prepare_cached(&sql)?;
        let mut found = find.query([int(n), int(all.from), int(all.to)])?;
        let (mut kept, mut at) = (0, start);
        while let Some(row) = found.next()? {
            let (seq, size) = size_of(row)?;
            if kept + size > KEEP_EACH_END {
                break;
            }
            (kept, at) = (kept + size, seq);
        }
        Ok((kept, at))
    }

    fn drop_outputs(&self, n: EvalNumber, limit: usize, orphans: &mut Vec<u64>) -> rusqlite::Result<usize> {
        let Some(all) = self.printed(n)? else { return self.printed_is(n, 0).map(|()| 0) };
        let (rows, bytes) = self.drop_between(n, all.from.saturating_sub(1), all.to + 1, limit, orphans)?;
        if rows == limit {
            self.printed_less(n, bytes)?
        } else {
            self.printed_is(n, 0)?
        }
        Ok(rows)
    }

    /// Removes the first rows of output strictly between two numbers, and says how many they were and of how many bytes. Fewer
    /// than `limit`: none is left there.
    fn drop_between(
        &self,
        n: EvalNumber,
        above: Seq,
        below: Seq,
        limit: usize,
        orphans: &mut Vec<u64>,
    ) -> rusqlite::Result<(usize, u64)> {
        let sql = format!("{SIZES} WHERE n = ?1 AND seq > ?2 AND seq < ?3 ORDER BY seq LIMIT ?4");
        let mut find = self.db.prepare_cached(&sql)?;
        let rows: Vec<(Seq, u64)> =
            find.query_map([int(n), int(above), int(below), int(limit as u64)], size_of)?.collect::<rusqlite::Result<_>>()?;
        if let (Some((from, _)), Some((to, _))) = (rows.first(), rows.last()) {
            let rows = params![int(n), int(*from), int(*to)];
            self.bury(&self.leaves("SELECT seq, leaf FROM outputs WHERE n = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq", rows)?)?;
        }
        let mut bytes = 0;
        let mut drop = self.db.prepare_cached("DELETE FROM outputs WHERE seq = ?1")?;
        for (seq, size) in &rows {
            drop.execute([int(*seq)])?;
            self.orphan(*seq, orphans)?;
            bytes += size;
        }
        Ok((rows.len(), bytes))
    }

    /// Detaches a body that is kept in pieces; they are removed in steps of their own.
    fn orphan(&self, seq: Seq, orphans: &mut Vec<u64>) -> rusqlite::Result<()> {
        let mut find = self.db.prepare_cached("DELETE FROM big WHERE seq = ?1 RETURNING value")?;
        let mut found = find.query([int(seq)])?;
        while let Some(row) = found.next()? {
            orphans.push(uint(row.get(0)?));
        }
        Ok(())
    }

    fn drop_pieces(&self, value: u64, max_rows: usize) -> rusqlite::Result<usize> {
        let limit = i64::try_from(max_rows.max(1)).unwrap_or(i64::MAX);
        let sql = "DELETE FROM pieces WHERE value = ?1 AND at IN (SELECT at FROM pieces WHERE value = ?1 ORDER BY at LIMIT ?2)";
        self.db.prepare_cached(sql)?.execute([int(value), limit])
    }

    fn printed_less(&self, n: EvalNumber, gone: u64) -> rusqlite::Result<()> {
        let sql = "UPDATE evals SET out_bytes = max(out_bytes - ?2, 1) WHERE n = ?1";
        self.db.prepare_cached(sql)?.execute([int(n), int(gone)])?;
        Ok(())
    }

    fn printed_is(&self, n: EvalNumber, bytes: u64) -> rusqlite::Result<()> {
        self.db.prepare_cached("UPDATE evals SET out_bytes = ?2 WHERE n = ?1")?.execute([int(n), int(bytes)])?;
        Ok(())
    }

    fn drop_code(&self, n: EvalNumber) -> rusqlite::Result<usize> {
        let first =
            self.db.prepare_cached("SELECT first FROM evals WHERE n = ?1")?.query_row([int(n)], |row| row.get(0)).map(uint)?;
        if let Some((kind, body)) = self.event_body(first)?
            && let Ok(record) = codec::read_record(kind, &body)
            && let Some(bare) = bare(&record)
        {
            self.rewrite(&bare)?;
        }
        self.db.prepare_cached("UPDATE evals SET typed = 0 WHERE n = ?1")?.execute([int(n)])
    }

    /// Removes the lifecycle rows of the oldest evals, and their output where it is short. Rows of the session itself stay:
    /// without them nothing can recover.
    fn drop_rows(&self, trims: &[Trim], limit: usize, orphans: &mut Vec<u64>) -> rusqlite::Result<()> {
        // Evals that waited together have their rows mixed, so they go together.
        let upto = int(trims.iter().take(WINDOW).map(|t| t.n).max().unwrap_or(0));
        let rowless = self.meta("rowless")?;
        let range = |row: &Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?));
        let (from, to) = self
            .db
            .prepare_cached("SELECT min(first), max(max(last), coalesce(max(out_to), 0)) FROM evals WHERE n > ?1 AND n <= ?2")?
            .query_row([rowless, upto], range)?;
        let (from, to) = (from.unwrap_or(0), to.unwrap_or(-1));
        let leaf = if self.chain.is_some() { "leaf" } else { "NULL" };
        let row = |row: &Row<'_>| Ok((uint(row.get(0)?), row.get(1)?));
        let of = "seq BETWEEN ?1 AND ?2 AND (n BETWEEN 1 AND ?3 OR kind = ?4) ORDER BY seq LIMIT ?5";
        let range = params![from, to, upto, INTERRUPT_NOTED, int(limit as u64)];
        let mut find = self.db.prepare_cached(&format!("SELECT seq, {leaf} FROM events WHERE {of}"))?;
        let events: Vec<(Seq, Option<Hash>)> = find.query_map(range, row)?.collect::<rusqlite::Result<_>>()?;
        let limit = limit - events.len();
        let of = "seq BETWEEN ?1 AND ?2 AND n > ?3 AND n <= ?4 ORDER BY seq LIMIT ?5";
        let range = params![from, to, rowless, upto, int(limit as u64)];
        let mut find = self.db.prepare_cached(&format!("SELECT seq, {leaf} FROM outputs WHERE {of}"))?;
        let outputs: Vec<(Seq, Option<Hash>)> = find.query_map(range, row)?.collect::<rusqlite::Result<_>>()?;
        let mut all = [events.as_slice(), &outputs].concat();
        all.sort_unstable_by_key(|(seq, _)| *seq);
        self.bury(&all)?;
        for (table, rows) in [("events", &events), ("outputs", &outputs)] {
            let mut drop = self.db.prepare_cached(&format!("DELETE FROM {table} WHERE seq = ?1"))?;
            for (seq, _) in rows {
                drop.execute([int(*seq)])?;
                self.orphan(*seq, orphans)?;
            }
        }
        if outputs.len() < limit {
            let sql = "UPDATE evals SET out_bytes = 0 WHERE n > ?1 AND n <= ?2 AND out_bytes > 0";
            self.db.prepare_cached(sql)?.execute([rowless, upto])?;
            self.set_meta("rowless", upto)?;
        }
        Ok(())
    }
}

/// Number and size of rows of output.
const SIZES: &str = "SELECT seq, coalesce(length(body), (SELECT len FROM big WHERE big.seq = outputs.seq), 0) FROM outputs";

fn size_of(row: &Row<'_>) -> rusqlite::Result<(Seq, u64)> {
    Ok((uint(row.get(0)?), uint(row.get(1)?)))
}

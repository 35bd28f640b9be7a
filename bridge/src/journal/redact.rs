//! What `redact` takes away: an eval's text, from the rows and from the bytes of the file.

use super::chain;
use super::error::JournalError;
use super::{Journal, int, uint};
use rialto_protocol::event::{Accepted, Answered, Asked, Ended, Event, Record};
use rialto_protocol::{EvalNumber, Seq, codec};
use rialto_session::archive::Archive;
use rusqlite::params;

impl Journal {
    /// Removes what an eval said, read and printed, and keeps that it ran: its ids, hash, times and outcome. To be called
    /// between the [`Journal::append`] of the `redacted` event and the [`Journal::commit`] of both, so that neither is there
    /// without the other. After that commit the text is in none of the journal's files.
    pub fn redact(&mut self, n: EvalNumber) {
        if self.failed.is_none() {
            self.failed = self.try_redact(n).err();
        }
    }

    fn try_redact(&mut self, n: EvalNumber) -> Result<(), JournalError> {
        let Some(facts) = self.eval_number(n) else { return Ok(()) };
        self.begin()?;
        let last = facts.last.unwrap_or(self.head);
        let run = || -> rusqlite::Result<()> {
            // From here to the end of the scrubbing, what is freed is overwritten.
            self.db.pragma_update(None, "secure_delete", true)?;
            for (seq, kind) in self.kinds_of(n, facts.first, last)? {
                if let Some((_, body)) = self.event_body(seq)?
                    && let Ok(record) = codec::read_record(kind, &body)
                    && let Some(bare) = bare(&record)
                {
                    self.rewrite(&bare)?;
                }
            }
            if let Some(printed) = self.printed(n)? {
                let rows = params![int(n), int(printed.from), int(printed.to)];
                let of_it = "SELECT seq FROM outputs WHERE n = ?1 AND seq BETWEEN ?2 AND ?3";
                let leaves = "SELECT seq, leaf FROM outputs WHERE n = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq";
                self.bury(&self.leaves(leaves, rows)?)?;
                let pieces = format!("DELETE FROM pieces WHERE value IN (SELECT value FROM big WHERE seq IN ({of_it}))");
                self.db.execute(&pieces, rows)?;
                self.db.execute(&format!("DELETE FROM big WHERE seq IN ({of_it})"), rows)?;
                self.db.execute("DELETE FROM outputs WHERE n = ?1 AND seq BETWEEN ?2 AND ?3", rows)?;
            }
            Ok(())
        };
        run().map_err(|e| self.says(&e))?;
        self.scrub_due = true;
        Ok(())
    }

    /// Number and kind of an eval's lifecycle rows.
    fn kinds_of(&self, n: EvalNumber, first: Seq, last: Seq) -> rusqlite::Result<Vec<(Seq, u8)>> {
        let mut find = self.db.prepare_cached("SELECT seq, kind FROM events WHERE seq BETWEEN ?2 AND ?3 AND n = ?1")?;
        let found = find.query_map([int(n), int(first), int(last)], |row| Ok((uint(row.get(0)?), row.get(1)?)))?;
        found.collect()
    }

    /// Puts a shorter body in an event's place.
    pub(super) fn rewrite(&self, record: &Record) -> rusqlite::Result<()> {
        let body = codec::record_body(record);
        let seq = int(record.seq);
        if self.chain.is_some() {
            // What proved the text stays: with what is left of the record it makes the same leaf.
            let find = "SELECT body FROM events WHERE seq = ?1";
            let whole = self
                .db
                .prepare_cached(find)?
                .query_row([seq], |row| Ok(row.get_ref(0)?.as_blob_or_null()?.map(chain::content)))?;
            let whole = match whole {
                Some(whole) => whole,
                None => self.pieces_hash(self.big(record.seq)?.0)?,
            };
            let keep = "UPDATE events SET part = ?2 WHERE seq = ?1 AND leaf IS NOT NULL";
            self.db.prepare_cached(keep)?.execute(params![seq, whole])?;
        }
        self.db.prepare_cached("DELETE FROM pieces WHERE value IN (SELECT value FROM big WHERE seq = ?1)")?.execute([seq])?;
        self.db.prepare_cached("DELETE FROM big WHERE seq = ?1")?.execute([seq])?;
        self.db.prepare_cached("UPDATE events SET body = ?2 WHERE seq = ?1")?.execute(params![seq, body]).map(drop)
    }

    /// Takes redacted text out of free pages and out of the log. Where that fails it is tried again when idle, and on opening.
    pub(super) fn scrub(&mut self) {
        let run = || -> rusqlite::Result<()> {
            self.db.pragma_update(None, "secure_delete", true)?;
            // Pages that retention freed earlier were not overwritten, and may hold the same text.
            self.vacuum(None)?;
            self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.db.pragma_update(None, "secure_delete", "FAST")
        };
        match run() {
            Ok(()) => self.scrub_due = false,
            Err(error) => self.remember(&error),
        }
    }

    /// Gives free pages back to the file system, all or some.
    pub(super) fn vacuum(&self, pages: Option<u32>) -> rusqlite::Result<()> {
        // 0 means all. Each step gives back one page, so the rows have to be walked.
        let sql = format!("PRAGMA incremental_vacuum({})", pages.unwrap_or(0));
        let mut vacuum = self.db.prepare(&sql)?;
        let mut steps = vacuum.query([])?;
        while steps.next()?.is_some() {}
        Ok(())
    }
}

/// The record without what somebody typed or a program said; none where there is nothing of that. Nothing of the text is
/// copied: this is asked of every record, when it is recorded (`chain.rs`).
pub(super) fn bare(record: &Record) -> Option<Record> {
    let event = match &record.event {
        Event::Accepted(a) if a.code.is_some() || a.argv.is_some() => Event::Accepted(Accepted {
            n: a.n,
            eval: a.eval,
            started: a.started,
            by: a.by.clone(),
            code: None,
            hash: a.hash.clone(),
            group: a.group,
            on_error: a.on_error,
            show: a.show,
            argv: None,
            trace: a.trace.clone(),
        }),
        Event::Asked(a) if !a.prompt.is_empty() => Event::Asked(Asked { prompt: Default::default(), ..*a }),
        Event::Answered(a) if a.data.is_some() => Event::Answered(Answered { data: None, by: a.by.clone(), ..*a }),
        Event::Ended(e) if e.result.is_some() || e.failure.is_some() => {
            Event::Ended(Ended { result: None, failure: None, why: e.why.clone(), by: e.by.clone(), ..*e })
        }
        _ => return None,
    };
    Some(Record { seq: record.seq, at: record.at, event })
}

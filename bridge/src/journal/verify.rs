//! Whether a journal is what was recorded: every row against its leaf, all leaves against the head, the index against the rows.

use super::chain::{self, Hash, Head, MISSING, Tree};
use super::error::JournalError;
use super::facts::Facts;
use super::{Journal, append, int, pack, uint};
use rialto_protocol::event::Event;
use rialto_protocol::{EvalNumber, Seq, codec};
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};
use std::collections::BTreeMap;
use std::fmt;

/// Faults that are named; more are counted.
const NAMED: usize = 32;
/// The kind of an accepted eval's event.
const ACCEPTED: u8 = 0x64;

/// Something that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A record is another one than its hash says.
    Changed(Seq),
    /// Records are not there, and nothing says that retention or `redact` removed them.
    Missing {
        /// The first.
        from: Seq,
        /// The last.
        to: Seq,
    },
    /// A number is there twice, or where no record can be.
    Inserted(Seq),
    /// What was written down of the chain up to this record is not what its records make.
    Rebuilt(Seq),
    /// The index says something else of an eval or a request than the record does.
    Index {
        /// The record.
        seq: Seq,
        /// What differs.
        what: &'static str,
    },
    /// The chain's own account makes no sense.
    NoAccount,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "event {seq} was changed"),
            Self::Missing { from, to } if from == to => write!(f, "event {from} was removed"),
            Self::Missing { from, to } => write!(f, "events {from} to {to} were removed"),
            Self::Inserted(seq) => write!(f, "event {seq} was inserted, or is not in its place"),
            Self::Rebuilt(seq) => write!(f, "the events up to {seq} are not those that were chained"),
            Self::Index { seq, what } => write!(f, "the index has another {what} than event {seq}"),
            Self::NoAccount => write!(f, "the account of the chain was changed"),
        }
    }
}

/// What became of a head that was kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The journal has exactly what it had then, and perhaps more.
    Holds,
    /// It has something else.
    Differs,
    /// The journal ends before it: an older copy was put back, or a loss of power took the end.
    Rewound,
    /// Retention removed records on both sides of it, so that it cannot be told.
    Removed,
}

/// What verifying found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The first record that is chained; older builds chained none.
    pub start: Seq,
    /// The head that the records make.
    pub head: Option<Head>,
    /// Records looked at.
    pub records: u64,
    /// Records that retention or `redact` removed whole; their hashes count.
    pub removed: u64,
    /// Records whose text was removed.
    pub bare: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Faults beyond those that are named.
    pub more: u64,
    /// The heads that were asked for.
    pub held: Vec<(Head, Option<Held>)>,
}

impl Verdict {
    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < NAMED { self.faults.push(fault) } else { self.more += 1 }
    }

    /// A head that was asked for, where the walk has just reached it.
    fn reached(&mut self, tree: &Tree) {
        let at = tree.next() - 1;
        if self.held.iter().any(|(wanted, _)| wanted.seq == at) {
            let head = tree.head();
            for (wanted, held) in self.held.iter_mut().filter(|(wanted, _)| wanted.seq == at) {
                *held = Some(if *wanted == head { Held::Holds } else { Held::Differs });
            }
        }
    }
}

/// A row of one of the three tables that the walk goes through.
struct Step {
    seq: i64,
    /// 0 events, 1 outputs, 2 gone.
    table: i64,
    kind: i64,
    n: i64,
    leaf: Option<Hash>,
    part: Option<Hash>,
    /// The hash of its body. None: it is in pieces, or no blob.
    whole: Option<Hash>,
    in_pieces: bool,
    body: Vec<u8>,
}

impl Step {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let hash = |at| match row.get_ref(at) {
            Ok(ValueRef::Blob(bytes)) => bytes.try_into().ok(),
            _ => None,
        };
        let number = |at| match row.get_ref(at) {
            Ok(ValueRef::Integer(number)) => number,
            _ => -1,
        };
        let body = row.get_ref(6)?;
        let table = number(1);
        Ok(Self {
            seq: number(0),
            table,
            kind: number(2),
            n: number(3),
            leaf: hash(4),
            part: hash(5),
            whole: body.as_blob().ok().map(chain::content),
            in_pieces: matches!(body, ValueRef::Null),
            // Only of events something is asked beyond the hash.
            body: if table == 0 { body.as_blob().unwrap_or_default().to_vec() } else { Vec::new() },
        })
    }
}

impl Journal {
    /// Looks at every record, and at whether the journal still holds what these heads stand for.
    ///
    /// # Errors
    /// [`JournalError::NoChain`] where nothing is chained, or what SQLite says of a file that is damaged beyond its rows.
    pub fn verify(&self, wanted: &[Head]) -> Result<Verdict, JournalError> {
        if self.chain.is_none() {
            return Err(self.no_chain());
        }
        self.try_verify(wanted).map_err(|e| self.says(&e))
    }

    fn try_verify(&self, wanted: &[Head]) -> rusqlite::Result<Verdict> {
        let account = self.db.query_row("SELECT start, count, peaks FROM chain", [], |row| {
            Ok((uint(row.get(0)?), uint(row.get(1)?), row.get::<_, Vec<u8>>(2)?))
        });
        let (start, account) = match account {
            Ok((start, count, peaks)) => (start.max(1), Tree::read(start, count, &peaks)),
            Err(rusqlite::Error::SqliteFailure(code, why)) => return Err(rusqlite::Error::SqliteFailure(code, why)),
            Err(_) => (1, None),
        };
        let held = wanted.iter().map(|head| (*head, None)).collect();
        let mut verdict = Verdict { start, held, ..Verdict::default() };
        if account.is_none() {
            verdict.fault(Fault::NoAccount);
        }
        let indexed = uint(self.meta("indexed")?);
        let mut tree = Tree::new(start);
        verdict.reached(&tree);
        let sql = "SELECT seq, 0, kind, n, leaf, part, body FROM events
                   UNION ALL SELECT seq, 1, kind, n, leaf, NULL, body FROM outputs
                   UNION ALL SELECT seq, 2, level, 0, hash, NULL, NULL FROM gone ORDER BY seq";
        let mut find = self.db.prepare(sql)?;
        let mut found = find.query([])?;
        while let Some(row) = found.next()? {
            self.step(Step::of(row)?, indexed, &mut tree, &mut verdict)?;
            if account.as_ref().is_some_and(|account| account.count == tree.count && *account != tree) {
                verdict.fault(Fault::Rebuilt(tree.next() - 1));
            }
            verdict.reached(&tree);
        }
        let end = account.as_ref().map_or(0, Tree::next).max(indexed + 1);
        if tree.next() < end && end > start {
            verdict.fault(Fault::Missing { from: tree.next(), to: end - 1 });
        }
        self.index_has_more(start, &mut verdict)?;
        let head = tree.head();
        verdict.head = Some(head);
        for (wanted, held) in &mut verdict.held {
            held.get_or_insert(if wanted.seq > head.seq { Held::Rewound } else { Held::Removed });
        }
        Ok(verdict)
    }

    fn step(&self, step: Step, indexed: Seq, tree: &mut Tree, verdict: &mut Verdict) -> rusqlite::Result<()> {
        let seq = uint(step.seq);
        if step.seq < 1 {
            verdict.fault(Fault::Inserted(seq));
            return Ok(());
        }
        if seq < tree.start && step.leaf.is_none() {
            return Ok(());
        }
        if seq < tree.next() {
            verdict.fault(Fault::Inserted(seq));
            return Ok(());
        }
        if seq > tree.next() {
            verdict.fault(Fault::Missing { from: tree.next(), to: seq - 1 });
            tree.skip_to(seq);
        }
        let leaf = step.leaf.unwrap_or(MISSING);
        if step.table == 2 {
            let level = u32::try_from(step.kind).unwrap_or(63);
            if tree.push_node(level, leaf) {
                verdict.removed += 1 << level;
            } else {
                verdict.fault(Fault::NoAccount);
            }
            return Ok(());
        }
        verdict.records += 1;
        if !self.proved(&step, verdict)? {
            verdict.fault(Fault::Changed(seq));
        } else if step.table == 0 && seq <= indexed {
            self.indexed_as_recorded(&step, verdict)?;
        }
        tree.push(leaf);
        Ok(())
    }

    /// Whether a row makes its leaf: as it was recorded, or as it is without its text.
    fn proved(&self, step: &Step, verdict: &mut Verdict) -> rusqlite::Result<bool> {
        let (Some(leaf), kind) = (step.leaf, step.kind) else { return Ok(false) };
        let packed = kind & pack::PACKED != 0;
        if append::is_output(pack::wire(kind)) != (step.table == 1) || packed && step.table != 1 {
            return Ok(false);
        }
        let whole = match step.whole {
            Some(whole) => whole,
            None if step.in_pieces => match self.pieces_of(uint(step.seq))? {
                Some(whole) => whole,
                None => return Ok(false),
            },
            None => return Ok(false),
        };
        let (seq, n) = (uint(step.seq), uint(step.n));
        let Some(part) = step.part else { return Ok(leaf == chain::leaf(seq, kind, n, step.in_pieces, &whole, None)) };
        if leaf == chain::leaf(seq, kind, n, step.in_pieces, &whole, Some(&part)) {
            return Ok(true);
        }
        // Its text is gone: what is left is what was called `part`, and what was called that proves the text. It may have been
        // in pieces; what is left never is.
        let without = |in_pieces| leaf == chain::leaf(seq, kind, n, in_pieces, &part, Some(&whole));
        let bare = !step.in_pieces && (without(false) || without(true));
        verdict.bare += u64::from(bare);
        Ok(bare)
    }

    /// The hash of a body in pieces, from the pieces themselves. None: they are not what was put aside.
    fn pieces_of(&self, seq: Seq) -> rusqlite::Result<Option<Hash>> {
        let Some((value, len, count)) = self.big(seq).optional()? else { return Ok(None) };
        let mut find = self.db.prepare_cached("SELECT at, hash, body FROM pieces WHERE value = ?1 ORDER BY at")?;
        let mut found = find.query([int(value)])?;
        let (mut hashes, mut bytes, mut at) = (Vec::new(), 0, 0);
        while let Some(row) = found.next()? {
            let (ValueRef::Integer(number), ValueRef::Blob(body)) = (row.get_ref(0)?, row.get_ref(2)?) else { return Ok(None) };
            let hash = chain::content(body);
            if uint(number) != at || row.get_ref(1)? != ValueRef::Blob(&hash) {
                return Ok(None);
            }
            hashes.extend(hash);
            (bytes, at) = (bytes + body.len() as u64, at + 1);
        }
        Ok((bytes == len && at == count).then(|| chain::content_of_pieces(&hashes)))
    }

    /// Whether the index says of an eval and of a request what its record says.
    fn indexed_as_recorded(&self, step: &Step, verdict: &mut Verdict) -> rusqlite::Result<()> {
        let seq = uint(step.seq);
        let body = match step.in_pieces {
            true => self.event_body(seq)?.map(|(_, body)| body).unwrap_or_default(),
            false => Vec::new(),
        };
        let body = if step.in_pieces { &body } else { &step.body };
        let record = match u8::try_from(step.kind).ok().map(|kind| codec::read_record(kind, body)) {
            Some(Ok(record)) if record.seq == seq => record,
            _ => {
                verdict.fault(Fault::Changed(seq));
                return Ok(());
            }
        };
        let mut facts = Facts::default();
        facts.note(&record);
        let mut is = |sql: &str, row: &[&dyn rusqlite::ToSql], what| -> rusqlite::Result<()> {
            if !self.db.prepare_cached(sql)?.exists(row)? {
                verdict.fault(Fault::Index { seq, what });
            }
            Ok(())
        };
        for (n, b) in &facts.begun {
            let (client, group) = (b.client.map(|c| c.0), b.group.map(|g| g.0));
            let sql = "SELECT 1 FROM evals WHERE n = ?1 AND id = ?2 AND hash IS ?3 AND client IS ?4 AND grp IS ?5 AND first = ?6";
            is(sql, params![int(*n), b.id.0, b.hash, client, group, int(b.first)], "eval")?;
        }
        if let Event::Ended(e) = &record.event {
            let sql = "SELECT 1 FROM evals WHERE n = ?1 AND last = ?2 AND outcome = ?3 AND code IS ?4";
            is(sql, params![int(e.n), int(seq), super::index::outcome_number(e.outcome), e.code], "end of an eval")?;
        }
        for id in facts.requests.keys() {
            let sql = "SELECT 1 FROM requests WHERE id = ?1 AND (seq = ?2 OR seq < ?2 AND EXISTS
                       (SELECT 1 FROM events WHERE events.seq = requests.seq AND instr(body, ?1)
                        UNION ALL SELECT 1 FROM gone WHERE gone.seq <= requests.seq AND gone.seq + (1 << level) > requests.seq))";
            is(sql, params![id.0, int(seq)], "request")?;
        }
        for eval in &facts.noted {
            is("SELECT 1 FROM noted WHERE eval = ?1", params![eval.0], "interrupt")?;
        }
        Ok(())
    }

    /// Evals that the index has and no record: only those whose records retention removed may be.
    fn index_has_more(&self, start: Seq, verdict: &mut Verdict) -> rusqlite::Result<()> {
        let sql = "SELECT n, first FROM evals WHERE n != 0 AND NOT EXISTS
                   (SELECT 1 FROM events WHERE events.seq = evals.first AND events.kind = ?1 AND events.n = evals.n)";
        let covers = "SELECT seq + (1 << level) FROM gone WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1";
        let mut find = self.db.prepare(sql)?;
        let mut found = find.query([ACCEPTED])?;
        let mut seen: BTreeMap<EvalNumber, ()> = BTreeMap::new();
        while let Some(row) = found.next()? {
            let n = uint(row.get(0)?);
            let first: Option<i64> = row.get(1).unwrap_or(None);
            let covered = match first {
                Some(first) if uint(first) < start && first > 0 => true,
                Some(first) => {
                    let end: Option<i64> = self.db.prepare_cached(covers)?.query_row([first], |row| row.get(0)).optional()?;
                    end.is_some_and(|end| first < end)
                }
                None => false,
            };
            if !covered && seen.len() < NAMED && seen.insert(n, ()).is_none() {
                verdict.fault(Fault::Index { seq: first.map_or(0, uint), what: "eval" });
            }
        }
        Ok(())
    }
}

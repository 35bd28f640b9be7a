//! Whatever is changed in a journal behind its back is found, and what retention and `redact` do is no tampering.

use super::*;
use rialto_bridge::journal::{Fault, Head, Held, Verdict};
use rialto_protocol::event::{Answered, Asked, Created, EpochStarted, Redacted};
use rusqlite::{Connection, types::Value};
use std::path::{Path, PathBuf};

fn verify(path: &Path, wanted: &[Head]) -> Result<Verdict, JournalError> {
    Journal::open_read_only(path)?.verify(wanted)
}

fn whole(path: &Path, wanted: &[Head]) -> Verdict {
    let verdict = verify(path, wanted).unwrap();
    assert!(verdict.faults.is_empty() && verdict.more == 0, "{verdict:?}");
    verdict
}

fn first_records(journal: &mut Journal) {
    let created = Created {
        session: "abcdefghij".parse().unwrap(),
        name: None,
        kernel: "python".to_owned(),
        cwd: String::new(),
        by: Who::default(),
        id: RequestId(id(900)),
        ends_when_done: false,
        contract: 1,
        cull_after_ms: None,
    };
    put(journal, Event::Created(created));
    put(journal, Event::EpochStarted(EpochStarted { epoch: 1 }));
}

fn eval(journal: &mut Journal, n: u64, code: &str) {
    put(journal, accepted(n, code));
    put(journal, output(n, format!("{n} says something")));
    put(journal, Event::Asked(Asked { n, ask: 1, prompt: "name? ".into(), secret: false, line: true, of: None, life: 1 }));
    let data = Some("ada".into());
    put(
        journal,
        Event::Answered(Answered { n, ask: 1, by: Who::default(), id: RequestId(id(100 + n)), len: 3, data, eof: false }),
    );
    put(journal, interrupting(n, 200 + n));
    let result = Some([("text/plain".to_owned(), "42".into())].into());
    put(journal, Event::Ended(Ended { n, outcome: Outcome::Ok, result, code: Some(3), ..Ended::default() }));
}

/// A journal that has something in every table.
fn full(path: &Path) -> Vec<Head> {
    let mut journal = Journal::create(path).unwrap();
    first_records(&mut journal);
    for n in 1..=6 {
        eval(&mut journal, n, &if n == 2 { "long ".repeat(20_000) } else { format!("{n}+{n}") });
        let value = journal.new_value();
        journal.piece(value, 1, &[n as u8 + 100; 300]);
        journal.piece(value, 0, &[n as u8; 300]);
        journal.append_pieces(journal.head() + 1, n, value, 2, 600);
        // Long enough to be packed.
        put(&mut journal, output(n, "a line of text\n".repeat(100)));
        journal.commit().unwrap();
    }
    let before = journal.chain_head().unwrap();
    put(&mut journal, Event::Redacted(Redacted { n: 3, by: Who::default(), id: RequestId(id(300)) }));
    journal.redact(3);
    journal.commit().unwrap();
    journal.idle();
    vec![before, journal.chain_head().unwrap()]
}

/// A copy of it in which something is done.
fn altered(path: &Path, sql: &str, row: impl rusqlite::Params) -> PathBuf {
    let copy = path.with_extension("copy");
    std::fs::copy(path, &copy).unwrap();
    let db = Connection::open(&copy).unwrap();
    assert!(db.execute(sql, row).unwrap() > 0, "{sql}");
    db.close().unwrap();
    copy
}

fn is_found(path: &Path, heads: &[Head], what: &str) {
    match verify(path, heads) {
        Ok(verdict) => assert!(!verdict.faults.is_empty(), "{what}: {verdict:?}"),
        Err(JournalError::Corrupt { .. } | JournalError::NotAJournal { .. } | JournalError::Io { .. }) => {}
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn what_was_recorded_is_whole_and_every_head_of_it_holds() {
    let folder = folder();
    let path = folder.path().join("journal");
    let heads = full(&path);
    let verdict = whole(&path, &heads);
    assert_eq!((verdict.start, verdict.head), (1, Some(heads[1])));
    assert_eq!(verdict.removed, 3, "what the redacted eval printed and showed");
    assert_eq!(verdict.bare, 4, "its code, question, answer and result");
    assert!(verdict.held.iter().all(|(_, held)| *held == Some(Held::Holds)), "{verdict:?}");
    let later = Head { seq: heads[1].seq + 1, hash: [7; 32] };
    let other = Head { seq: heads[0].seq, hash: heads[1].hash };
    let held: Vec<_> = whole(&path, &[later, other]).held.into_iter().map(|(_, held)| held).collect();
    assert_eq!(held, [Some(Held::Rewound), Some(Held::Differs)]);
}

#[test]
fn a_changed_byte_of_any_field_is_found() {
    let folder = folder();
    let path = folder.path().join("journal");
    let heads = full(&path);
    let tables = [
        ("events", "seq kind n leaf part body"),
        ("outputs", "seq kind n leaf body"),
        ("gone", "seq level hash"),
        ("chain", "start count peaks"),
        ("big", "seq value len count"),
        ("pieces", "value at hash body"),
        ("evals", "n id hash client grp first last outcome code"),
        ("requests", "id seq"),
    ];
    let mut tried = 0;
    for (table, columns) in tables {
        let key = if matches!(table, "pieces" | "requests") { columns.split(' ').next().unwrap() } else { "rowid" };
        let also = if table == "pieces" { ", at" } else { ", 0" };
        let db = Connection::open(&path).unwrap();
        // Eval 0 only keeps an account of sizes, and where a record has no group or client there is no byte.
        let not = if table == "evals" { "WHERE n != 0" } else { "" };
        let sql = format!("SELECT {key} {also}, {} FROM {table} {not}", columns.replace(' ', ", "));
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut find = db.prepare(&sql).unwrap();
        let width = find.column_count();
        let mut found = find.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            rows.push((0..width).map(|at| row.get(at).unwrap()).collect());
        }
        drop(found);
        drop(find);
        db.close().unwrap();
        assert!(!rows.is_empty(), "nothing in {table}");
        for row in &rows {
            for (column, value) in columns.split(' ').zip(&row[2..]) {
                let others: Vec<Value> = match value {
                    Value::Null => vec![],
                    Value::Integer(number) => vec![Value::Integer(number + 1), Value::Integer(number ^ 0x100)],
                    Value::Blob(bytes) => {
                        let flip = |at: usize| {
                            let mut bytes = bytes.clone();
                            bytes[at] ^= 0x10;
                            Value::Blob(bytes)
                        };
                        let some = (0..bytes.len()).step_by(7.max(bytes.len() / 8)).chain([bytes.len() - 1]);
                        some.map(flip).chain([Value::Blob(bytes[1..].to_vec()), Value::Null]).collect()
                    }
                    other => panic!("{other:?}"),
                };
                for other in others {
                    let copy = path.with_extension("copy");
                    std::fs::copy(&path, &copy).unwrap();
                    let db = Connection::open(&copy).unwrap();
                    let also = if table == "pieces" { "AND at = ?3" } else { "AND ?3 = 0" };
                    let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {key} = ?2 {also}");
                    // What the tables themselves refuse needs no finding.
                    let done = db.execute(&sql, rusqlite::params![other, row[0], row[1]]).unwrap_or(0);
                    db.close().unwrap();
                    if done == 1 {
                        tried += 1;
                        is_found(&copy, &heads, &format!("{table}.{column} of {:?} as {other:?}", row[0]));
                    }
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

#[test]
fn a_row_that_is_removed_doubled_or_moved_is_found() {
    let folder = folder();
    let path = folder.path().join("journal");
    let heads = full(&path);
    let last = heads[1].seq;
    for table in ["events", "outputs", "gone", "big", "pieces", "evals", "requests", "chain"] {
        let not = if table == "evals" { "WHERE n != 0" } else { "" };
        let count: i64 = Connection::open(&path)
            .unwrap()
            .query_row(&format!("SELECT count(*) FROM {table} {not}"), [], |row| row.get(0))
            .unwrap();
        for at in 0..count {
            let which = match table {
                "pieces" => "(value, at) IN (SELECT value, at FROM pieces LIMIT 1 OFFSET ?1)".to_owned(),
                "requests" => "id IN (SELECT id FROM requests LIMIT 1 OFFSET ?1)".to_owned(),
                _ => format!("rowid IN (SELECT rowid FROM {table} {not} LIMIT 1 OFFSET ?1)"),
            };
            let copy = altered(&path, &format!("DELETE FROM {table} WHERE {which}"), [at]);
            is_found(&copy, &heads, &format!("{table} without row {at}"));
        }
    }
    for seq in 1..last {
        // Two rows change places, with all that they have.
        let copy = path.with_extension("copy");
        std::fs::copy(&path, &copy).unwrap();
        let db = Connection::open(&copy).unwrap();
        let other = seq % 7 + seq + 1;
        let done = db.execute("UPDATE events SET seq = -1 WHERE seq = ?1", [seq as i64]).unwrap()
            + db.execute("UPDATE events SET seq = ?1 WHERE seq = ?2", [seq as i64, other as i64]).unwrap()
            + db.execute("UPDATE events SET seq = ?1 WHERE seq = -1", [other as i64]).unwrap_or(0);
        db.close().unwrap();
        if done > 0 {
            is_found(&copy, &heads, &format!("{seq} and {other} swapped"));
        }
        // One is there again, at the end.
        let again =
            "INSERT INTO events (seq, kind, n, leaf, part, body) SELECT ?2, kind, n, leaf, part, body FROM events WHERE seq = ?1";
        let copy = path.with_extension("copy");
        std::fs::copy(&path, &copy).unwrap();
        let db = Connection::open(&copy).unwrap();
        let done = db.execute(again, [seq as i64, last as i64 + 1]).unwrap();
        db.close().unwrap();
        if done > 0 {
            is_found(&copy, &heads, &format!("{seq} doubled"));
        }
    }
}

#[test]
fn an_older_copy_is_rewound_and_nothing_else() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    first_records(&mut journal);
    eval(&mut journal, 1, "1");
    journal.commit().unwrap();
    journal.idle();
    drop(journal);
    let old = std::fs::read(&path).unwrap();
    let mut journal = Journal::open(&path).unwrap();
    eval(&mut journal, 2, "2");
    journal.commit().unwrap();
    let head = journal.chain_head().unwrap();
    drop(journal);
    assert_eq!(whole(&path, &[head]).held, [(head, Some(Held::Holds))]);
    std::fs::write(&path, old).unwrap();
    assert_eq!(whole(&path, &[head]).held, [(head, Some(Held::Rewound))]);
    // And one that went on differently from there is another one.
    let mut journal = Journal::open(&path).unwrap();
    eval(&mut journal, 2, "two");
    eval(&mut journal, 3, "3");
    journal.commit().unwrap();
    drop(journal);
    assert_eq!(whole(&path, &[head]).held, [(head, Some(Held::Differs))]);
}

#[test]
fn a_forger_who_makes_the_leaf_anew_is_found_by_the_head() {
    let folder = folder();
    let path = folder.path().join("journal");
    let heads = full(&path);
    // A journal of the same shape that says something else of one eval.
    let other = folder.path().join("other");
    let mut journal = Journal::create(&other).unwrap();
    first_records(&mut journal);
    eval(&mut journal, 1, "rm");
    journal.commit().unwrap();
    journal.idle();
    drop(journal);
    let db = Connection::open(&path).unwrap();
    db.execute("ATTACH ?1 AS other", [other.to_str().unwrap()]).unwrap();
    db.execute("DELETE FROM events WHERE seq = 3", []).unwrap();
    db.execute("INSERT INTO events SELECT * FROM other.events WHERE seq = 3", []).unwrap();
    db.close().unwrap();
    let verdict = verify(&path, &heads).unwrap();
    assert!(verdict.faults.contains(&Fault::Rebuilt(heads[1].seq)), "{verdict:?}");
    assert!(verdict.held.iter().all(|(_, held)| *held == Some(Held::Differs)), "{verdict:?}");
}

#[test]
fn a_journal_of_an_older_build_is_read_as_it_is_and_chained_from_where_it_is_taken_over() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    first_records(&mut journal);
    eval(&mut journal, 1, "1");
    journal.commit().unwrap();
    journal.idle();
    drop(journal);
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "ALTER TABLE events DROP COLUMN leaf; ALTER TABLE events DROP COLUMN part; ALTER TABLE outputs DROP COLUMN leaf;
         DROP TABLE pieces; CREATE TABLE pieces (value INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
         PRIMARY KEY (value, at)) WITHOUT ROWID; DROP TABLE gone; DROP TABLE chain; PRAGMA user_version = 1;",
    )
    .unwrap();
    db.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let journal = Journal::open_read_only(&path).unwrap();
    assert_eq!((journal.read_after(0, 1 << 20).unwrap().len(), journal.chain_head()), (8, None));
    assert!(matches!(journal.verify(&[]), Err(JournalError::NoChain(_))));
    drop(journal);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "reading changes nothing");

    let mut journal = Journal::open(&path).unwrap();
    eval(&mut journal, 2, "2");
    put(&mut journal, Event::Redacted(Redacted { n: 1, by: Who::default(), id: RequestId(id(300)) }));
    journal.redact(1);
    journal.commit().unwrap();
    drop(journal);
    let verdict = whole(&path, &[]);
    assert_eq!((verdict.start, verdict.records, verdict.removed), (9, 7, 0));
}

#[test]
fn a_damaged_journal_goes_on_and_stays_damaged() {
    let folder = folder();
    let path = folder.path().join("journal");
    let heads = full(&path);
    let db = Connection::open(&path).unwrap();
    db.execute("DELETE FROM events WHERE seq BETWEEN 10 AND 20", []).unwrap();
    db.execute("UPDATE chain SET peaks = x'00'", []).unwrap();
    db.close().unwrap();
    let mut journal = Journal::open(&path).unwrap();
    put(&mut journal, accepted(7, "7"));
    journal.commit().unwrap();
    journal.idle();
    drop(journal);
    let verdict = verify(&path, &heads).unwrap();
    assert!(verdict.faults.iter().any(|fault| matches!(fault, Fault::Missing { from: 11, .. })), "{verdict:?}");
    assert_eq!(verdict.head.map(|head| head.seq), Some(heads[1].seq + 1));
}

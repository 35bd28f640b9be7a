//! What only the inside can bring about: a full disk without a disk, a look at the bytes.

use super::*;
use rialto_protocol::codec::record_body;
use rialto_protocol::event::{Accepted, Answered, Asked, Display, Ended, Event, Output, Record, Redacted, Run, Stamp};
use rialto_protocol::{EvalId, Failure, OnError, Outcome, RequestId, Show, Stream, Who, kernel::DisplayRole};
use rialto_session::archive::Archive;

fn put(journal: &mut Journal, event: Event) -> Seq {
    let record = Record { seq: journal.head() + 1, at: Stamp::default(), event };
    journal.append(&record, &record_body(&record));
    record.seq
}

fn accepted(n: EvalNumber, code: &str) -> Event {
    Event::Accepted(Accepted {
        n,
        eval: EvalId([n as u8; 16]),
        started: true,
        by: None,
        code: Some(code.into()),
        hash: Some(vec![9; 32].into()),
        group: None,
        on_error: OnError::Stop,
        show: Show::Value,
        argv: None,
        trace: None,
    })
}

fn output(n: EvalNumber, text: &str) -> Event {
    Event::Output(Output { n, background: false, runs: vec![Run { stream: Stream::Stdout, data: text.into() }] })
}

/// Text that cannot be packed.
fn noise(bytes: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + u8::try_from((state >> 33) % 95).unwrap())
    };
    (0..bytes).map(|_| next()).collect()
}

fn ended(n: EvalNumber) -> Event {
    Event::Ended(Ended { n, ..Ended::default() })
}

fn holds(folder: &Path, text: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|file| std::fs::read(file).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes()))
        .map(|file| file.display().to_string())
        .collect()
}

#[test]
fn after_a_full_disk_the_same_records_can_be_appended_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    put(&mut journal, accepted(1, "print(1)"));
    journal.commit().unwrap();
    let pages: i64 = journal.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |journal: &Journal, pages: i64| {
        journal.db.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(())).unwrap();
    };
    limit(&journal, pages + 1);

    let text = noise(20_000);
    for _ in 0..2 {
        // What still fits, then what does not: all of it is undone.
        put(&mut journal, ended(1));
        put(&mut journal, accepted(2, "2"));
        put(&mut journal, output(2, &text));
        assert!(journal.commit().unwrap_err().is_full());
        assert_eq!((journal.head(), journal.committed(), journal.max_n()), (1, 1, 1));
        assert_eq!(journal.eval_number(1).unwrap().last, None, "an end that was not recorded did not happen");
        assert!(journal.eval_number(2).is_none());
    }
    limit(&journal, 1_000_000);
    put(&mut journal, output(1, &text));
    put(&mut journal, ended(1));
    journal.commit().unwrap();
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!((journal.head(), journal.eval_number(1).unwrap().last), (3, Some(3)));
}

#[test]
fn redacted_text_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    let secret = "correct-horse-battery";
    let filler = "lorem ipsum ".repeat(300);
    for n in 1..=3 {
        let word = if n == 2 { secret } else { "harmless-staple" };
        put(&mut journal, accepted(n, &format!("{word} {filler}")));
        for _ in 0..20 {
            put(&mut journal, output(n, &format!("{word} {filler}")));
        }
        let data: rialto_protocol::Bundle =
            [("text/plain".to_owned(), format!("{word}{}", "z".repeat(150_000)).as_str().into())].into();
        put(&mut journal, Event::Display(Display { n, role: DisplayRole::Result, data }));
        put(&mut journal, Event::Asked(Asked { n, ask: 1, prompt: word.into(), secret: false, line: true, of: None, life: 1 }));
        let data = Some(word.into());
        let by = Who::default();
        put(&mut journal, Event::Answered(Answered { n, ask: 1, by, id: RequestId([n as u8; 16]), len: 21, data, eof: false }));
        let failure = Some(Failure { name: "E".into(), value: word.into(), traceback: word.into() });
        put(&mut journal, Event::Ended(Ended { n, outcome: Outcome::Error, failure, ..Ended::default() }));
        journal.commit().unwrap();
    }
    assert!(!holds(folder.path(), secret).is_empty(), "the test must be able to find it");
    let before = journal.eval_number(2).unwrap();
    put(&mut journal, Event::Redacted(Redacted { n: 2, by: Who::default(), id: RequestId([77; 16]) }));
    journal.redact(2);
    journal.commit().unwrap();
    assert_eq!(holds(folder.path(), secret), Vec::<String>::new());
    assert!(!holds(folder.path(), "harmless-staple").is_empty());
    assert_eq!(journal.eval_number(2), Some(before.clone()));
    let kept = journal.accepted(before.first).unwrap();
    assert_eq!((kept.code, kept.hash), (None, Some(vec![9; 32].into())));
    let kinds: Vec<_> = journal.read_after(before.first - 1, 4000).unwrap().iter().map(|row| row.kind).take(4).collect();
    assert_eq!(kinds, [0x64, 0x68, 0x69, 0x6c], "accepted, asked, answered and ended stay; what was printed is gone");
    drop(journal);
    assert_eq!(holds(folder.path(), secret), Vec::<String>::new());
}

#[test]
fn text_that_retention_took_before_is_redacted_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&folder.path().join("journal")).unwrap();
    let secret = "correct-horse-battery ".repeat(2_000);
    put(&mut journal, accepted(1, "1"));
    for _ in 0..50 {
        put(&mut journal, output(1, &secret));
    }
    put(&mut journal, ended(1));
    journal.commit().unwrap();
    // One step gives back some pages and no more, so there are free ones that still hold what they held.
    while journal.trim_step(1_800_000, 15).unwrap() && journal.used().unwrap() > 1_800_000 {}
    journal.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    put(&mut journal, Event::Redacted(Redacted { n: 1, by: Who::default(), id: RequestId([77; 16]) }));
    journal.redact(1);
    journal.commit().unwrap();
    let free: i64 = journal.db.pragma_query_value(None, "freelist_count", |row| row.get(0)).unwrap();
    assert_eq!((holds(folder.path(), "correct-horse"), free), (Vec::new(), 0));
}

#[test]
fn a_redaction_that_is_not_committed_did_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    put(&mut journal, accepted(1, "secret"));
    put(&mut journal, ended(1));
    journal.commit().unwrap();
    put(&mut journal, Event::Redacted(Redacted { n: 1, by: Who::default(), id: RequestId([77; 16]) }));
    journal.redact(1);
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.accepted(1).unwrap().code.as_deref(), Some("secret"));
    assert_eq!(journal.request(&RequestId([77; 16])), None);
}

#[test]
fn pieces_without_their_event_are_dropped_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    let (whole, half) = (journal.new_value(), journal.new_value());
    // The first piece holds the event's number and time, and so is often the last to be known.
    for index in [1, 2, 0] {
        journal.piece(whole, index, &[index as u8; 1000]);
        journal.piece(half, index, &[9; 1000]);
    }
    journal.append_pieces(1, 0, whole, 3, 3000);
    journal.commit().unwrap();
    drop(journal);
    let mut journal = Journal::open(&path).unwrap();
    let values: i64 = journal.db.query_row("SELECT count(DISTINCT value) FROM pieces", [], |row| row.get(0)).unwrap();
    assert_eq!(values, 1);
    assert_eq!(journal.read_piece(1, 2).unwrap(), Some(vec![2; 1000]));
    let value = journal.new_value();
    journal.piece(value, 0, b"one");
    journal.append_pieces(2, 0, value, 2, 6);
    assert!(matches!(journal.commit(), Err(JournalError::Incomplete { seq: 2, count: 1, len: 3 })));
}

#[test]
fn a_hole_in_the_numbering_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&folder.path().join("journal")).unwrap();
    let record = Record { seq: 2, at: Stamp::default(), event: ended(1) };
    journal.append(&record, &record_body(&record));
    assert!(matches!(journal.commit(), Err(JournalError::OutOfOrder { expected: 1, got: 2 })));
    put(&mut journal, accepted(1, "1"));
    journal.commit().unwrap();
}

#[test]
fn files_that_are_not_ours_are_refused_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    drop(Journal::create(&at("newer")).unwrap());
    let db = Connection::open(at("newer")).unwrap();
    db.pragma_update(None, "user_version", 7).unwrap();
    drop(db);
    let db = Connection::open(at("other")).unwrap();
    db.execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1;").unwrap();
    drop(db);
    std::fs::write(at("text"), "dear diary, ".repeat(100)).unwrap();
    std::fs::write(at("empty"), "").unwrap();

    for name in ["newer", "other", "text", "empty"] {
        let before = std::fs::read(at(name)).unwrap();
        for error in [Journal::open(&at(name)).unwrap_err(), Journal::open_read_only(&at(name)).unwrap_err()] {
            match (name, error) {
                ("newer", JournalError::Newer { found: 7, known: 2, .. }) => {}
                ("other" | "text" | "empty", JournalError::NotAJournal { .. }) => {}
                (name, error) => panic!("{name}: {error:?}"),
            }
        }
        assert_eq!(std::fs::read(at(name)).unwrap(), before, "{name}");
    }
    assert!(matches!(Journal::open(&at("none")), Err(JournalError::Missing(_))));
    assert!(matches!(Journal::create(&at("text")), Err(JournalError::Exists(_))));
    let newer = Journal::open(&at("newer")).unwrap_err().to_string();
    assert!(newer.contains("format 7") && newer.contains("up to 2"), "{newer}");
}

#[test]
fn a_damaged_page_is_told_and_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    for n in 1..=200 {
        put(&mut journal, accepted(n, &"code ".repeat(40)));
    }
    journal.commit().unwrap();
    drop(journal);
    let mut bytes = std::fs::read(&path).unwrap();
    // Everything but the header: whichever page is met first is nonsense.
    for byte in bytes.iter_mut().skip(schema::PAGE_SIZE as usize) {
        *byte = 0xa5;
    }
    std::fs::write(&path, bytes).unwrap();
    let told = Journal::open(&path).unwrap_err();
    assert!(matches!(told, JournalError::Corrupt { .. }), "{told:?}");
}

#[test]
fn a_failing_look_up_leaves_a_fault_to_be_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(&folder.path().join("journal")).unwrap();
    journal.db.execute_batch("DROP TABLE requests").unwrap();
    assert_eq!(journal.request(&RequestId([1; 16])), None);
    assert!(journal.take_fault().is_some());
    assert!(journal.take_fault().is_none());
}

//! The journal from outside: what survives, what is refused, and that it equals a map.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use rialto_bridge::journal::{Journal, JournalError, PIECE, Row, Stored};
use rialto_protocol::codec::record_body;
use rialto_protocol::event::{Accepted, Ended, Event, Interrupting, Output, Record, Run, Stamp};
use rialto_protocol::kernel::Step;
use rialto_protocol::{EvalId, GroupId, OnError, Outcome, RequestId, Show, Stream, Who};
use rialto_session::archive::Archive;
use std::os::unix::fs::PermissionsExt;

#[path = "journal/kill.rs"]
mod kill;
#[path = "journal/model.rs"]
mod model;
#[path = "journal/space.rs"]
mod space;
#[path = "journal/tamper.rs"]
mod tamper;

fn record(seq: u64, event: Event) -> Record {
    Record { seq, at: Stamp { wall_ms: 1_790_000_000_000, mono_us: seq }, event }
}

fn put(journal: &mut Journal, event: Event) -> u64 {
    let record = record(journal.head() + 1, event);
    journal.append(&record, &record_body(&record));
    record.seq
}

fn id(n: u64) -> [u8; 16] {
    let mut id = [0xab; 16];
    id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id
}

fn accepted(n: u64, code: &str) -> Event {
    Event::Accepted(Accepted {
        n,
        eval: EvalId(id(n)),
        started: true,
        by: None,
        code: Some(code.into()),
        hash: Some(vec![n as u8; 32].into()),
        group: Some(GroupId(id(n % 3))),
        on_error: OnError::Stop,
        show: Show::Value,
        argv: None,
        trace: None,
    })
}

fn ended(n: u64, outcome: Outcome) -> Event {
    Event::Ended(Ended { n, outcome, ..Ended::default() })
}

fn output(n: u64, text: impl Into<Vec<u8>>) -> Event {
    Event::Output(Output { n, background: false, runs: vec![Run { stream: Stream::Stdout, data: text.into().into() }] })
}

fn interrupting(n: u64, request: u64) -> Event {
    Event::Interrupting(Interrupting { n, step: Step::Interrupt, by: Who::default(), id: RequestId(id(request)) })
}

/// The body of a row, put together.
fn whole(journal: &Journal, row: &Row) -> Vec<u8> {
    match &row.body {
        Stored::Whole(body) => body.clone(),
        Stored::Pieces { len, count } => {
            let body: Vec<u8> = (0..*count).flat_map(|at| journal.read_piece(row.seq, at).unwrap().unwrap()).collect();
            assert_eq!(body.len() as u64, *len);
            body
        }
    }
}

/// In memory where there is such a place: a process that is killed loses nothing of it either, and nobody waits for a disk.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn what_is_committed_is_there_after_reopening_and_what_is_not_is_not() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    for n in 1..=300 {
        put(&mut journal, accepted(n, "1+1"));
        put(&mut journal, output(n, "two"));
        put(&mut journal, ended(n, if n == 7 { Outcome::Error } else { Outcome::Ok }));
        journal.commit().unwrap();
    }
    put(&mut journal, accepted(301, "never"));
    assert!(journal.eval(&EvalId(id(301))).is_some(), "look-ups see what is not committed");
    assert_eq!(journal.read_after(899, 1 << 20).unwrap().len(), 1, "deliveries do not");
    drop(journal);

    let journal = Journal::open(&path).unwrap();
    assert_eq!((journal.head(), journal.max_n(), journal.first().unwrap()), (900, 300, 1));
    assert!(journal.eval(&EvalId(id(301))).is_none());
    for n in 1..=300 {
        let facts = journal.eval(&EvalId(id(n))).unwrap();
        assert_eq!((facts.n, facts.first, facts.last, facts.hash), (n, n * 3 - 2, Some(n * 3), [n as u8; 32]));
    }
    assert_eq!(journal.stopped_group(&GroupId(id(1))), Some(7));
    assert_eq!(journal.stopped_group(&GroupId(id(0))), None);
    assert!(journal.take_fault().is_none());
    let mut kinds = Vec::new();
    journal.replay(&mut |record| kinds.push(matches!(record.event, Event::Output(_)))).unwrap();
    assert_eq!(kinds, vec![false; 600], "replay brings every lifecycle record and no output");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_writer_and_a_reader_are_turned_away_while_the_session_lives() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    put(&mut journal, accepted(1, "1"));
    journal.commit().unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::InUse(_))));
    assert!(matches!(Journal::open_read_only(&path), Err(JournalError::InUse(_))));
    drop(journal);
    let mut dead = Journal::open_read_only(&path).unwrap();
    assert_eq!(dead.head(), 1);
    assert!(dead.eval_number(1).is_some());
    put(&mut dead, ended(1, Outcome::Ok));
    assert!(matches!(dead.commit(), Err(JournalError::ReadOnly(_))));
}

#[test]
fn a_large_body_comes_back_in_pieces() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    let code = "x".repeat(200_000);
    let first = put(&mut journal, accepted(1, &code));
    journal.commit().unwrap();
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.accepted(first).unwrap().code.as_deref(), Some(code.as_str()));
    let rows = journal.read_after(0, 1 << 20).unwrap();
    let Stored::Pieces { len, count } = rows[0].body else { panic!("{:?}", rows[0]) };
    let mut body = Vec::new();
    for index in 0..count {
        let piece = journal.read_piece(first, index).unwrap().unwrap();
        assert!(piece.len() <= PIECE);
        body.extend(piece);
    }
    assert_eq!(journal.read_piece(first, count).unwrap(), None);
    assert_eq!(body.len() as u64, len);
    assert_eq!(body, record_body(&record(first, accepted(1, &code))));
}

#[test]
fn an_escalating_interrupt_answers_with_its_first_event() {
    let folder = folder();
    let mut journal = Journal::create(&folder.path().join("journal")).unwrap();
    put(&mut journal, accepted(1, "1"));
    let first = put(&mut journal, interrupting(1, 5));
    journal.commit().unwrap();
    journal.idle();
    put(&mut journal, interrupting(1, 5));
    journal.commit().unwrap();
    assert_eq!(journal.request(&RequestId(id(5))), Some(first));
}

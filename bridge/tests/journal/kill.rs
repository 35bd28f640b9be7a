//! A supervisor is killed, again and again, while it records.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const JOURNAL: &str = "RIALTO_TEST_JOURNAL";

/// What the child records at a number: everything about it follows from that.
fn event_at(seq: u64) -> Event {
    let n = seq.div_ceil(4);
    match seq % 4 {
        1 => accepted(n, &"code ".repeat((seq % 50) as usize)),
        2 => output(n, vec![b'a' + (seq % 26) as u8; (seq * 37 % 3_000) as usize]),
        // Some are larger than a row.
        3 => output(n, vec![b'A' + (seq % 26) as u8; if seq % 400 == 3 { 150_000 } else { 10 }]),
        _ => ended(n, Outcome::Ok),
    }
}

/// Not a test of its own: what the killed process does. Without the variable it has nothing to do.
#[test]
fn child() {
    let Ok(path) = std::env::var(JOURNAL) else { return };
    let path = std::path::Path::new(&path);
    let mut journal = if path.exists() { Journal::open(path).unwrap() } else { Journal::create(path).unwrap() };
    let mut out = std::io::stdout().lock();
    loop {
        for _ in 0..journal.head() % 7 + 1 {
            let seq = journal.head() + 1;
            put(&mut journal, event_at(seq));
        }
        journal.commit().unwrap();
        if writeln!(out, "committed {}", journal.committed()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut dice = std::process::id() as usize;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(JOURNAL, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (patience, mut lines, mut acknowledged) = ((dice >> 33) % 900 + 1, 0, 0);
        // To the end of the pipe, so that what was said between the decision and the kill counts too.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some(seq) = line.strip_prefix("committed ").and_then(|seq| seq.parse().ok()) else { continue };
            acknowledged = seq;
            lines += 1;
            if lines == patience {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(lines >= patience, "round {round}: the child ended by itself after {lines} commits");

        let journal = Journal::open(&path).unwrap();
        let head = journal.head();
        assert!(head >= acknowledged, "round {round}: {head} is kept of {acknowledged}");
        let mut after = 0;
        while after < head {
            for row in journal.read_after(after, 1 << 20).unwrap() {
                let event = event_at(row.seq);
                assert_eq!(row.seq, after + 1, "round {round}: gap-free");
                assert!(whole(&journal, &row) == record_body(&record(row.seq, event)), "round {round}: event {}", row.seq);
                after = row.seq;
            }
        }
        for n in 1..=head.div_ceil(4) {
            let facts = journal.eval(&EvalId(id(n))).unwrap();
            let last = Some(n * 4).filter(|last| *last <= head);
            assert_eq!((facts.n, facts.first, facts.last), (n, n * 4 - 3, last), "round {round}");
        }
    }
}

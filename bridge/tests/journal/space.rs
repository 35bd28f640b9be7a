//! When space runs out, and when retention makes some.

use super::*;
use rialto_protocol::event::{Created, EpochStarted};
use rialto_protocol::kind;
use std::path::Path;
use std::process::Command;

fn session(journal: &mut Journal) {
    let (session, kernel) = ("abcdefghij".parse().unwrap(), "python".to_owned());
    let id = RequestId(id(1_000_000));
    put(
        journal,
        Event::Created(Created {
            session,
            name: None,
            kernel,
            cwd: String::new(),
            by: Who::default(),
            id,
            ends_when_done: false,
            contract: 1,
            cull_after_ms: None,
        }),
    );
    put(journal, Event::EpochStarted(EpochStarted { epoch: 1 }));
}

/// What cannot be packed.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn trim(journal: &mut Journal, budget: u64) {
    while journal.trim_step(budget, 50).unwrap() {}
}

fn kinds(journal: &Journal) -> Vec<(u64, u8)> {
    let mut all = Vec::new();
    while let Some(last) =
        journal.read_after(all.last().map_or(0, |(seq, _)| *seq), 1 << 20).unwrap().into_iter().reduce(|a, b| {
            all.push((a.seq, a.kind));
            b
        })
    {
        all.push((last.seq, last.kind));
    }
    all
}

#[test]
fn the_middle_goes_first_then_the_rest_and_the_session_and_its_ids_never() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    session(&mut journal);
    for n in 1..=4 {
        put(&mut journal, accepted(n, &"long code ".repeat(500)));
        for _ in 0..100 {
            put(&mut journal, output(n, noise(10_000)));
        }
        if n < 4 {
            put(&mut journal, ended(n, Outcome::Ok));
        }
        journal.commit().unwrap();
    }
    let of = |journal: &Journal, n: u64| {
        let (first, next) = (3 + (n - 1) * 102, 3 + n * 102);
        kinds(journal).iter().filter(|(seq, kind)| (first..next).contains(seq) && *kind == kind::OUTPUT).count()
    };
    let all = 4 * 1_000_000;
    trim(&mut journal, all - 500_000);
    assert!((12..60).contains(&of(&journal, 1)), "{} rows are left of the oldest", of(&journal, 1));
    assert_eq!((of(&journal, 2), of(&journal, 3), of(&journal, 4)), (100, 100, 100));
    let left: Vec<u64> = kinds(&journal).into_iter().map(|(seq, _)| seq).filter(|seq| *seq < 105).collect();
    assert!(left.contains(&4) && left.contains(&103), "head and tail stay: {left:?}");

    trim(&mut journal, 1_500_000);
    assert_eq!((of(&journal, 1), of(&journal, 2), of(&journal, 3)), (12, 12, 12), "six rows fit into each end");
    assert!(journal.accepted(3).unwrap().code.is_some());

    trim(&mut journal, 0);
    let replayed = |journal: &Journal| {
        let mut all = Vec::new();
        journal.replay(&mut |record| all.push(record.event)).unwrap();
        all
    };
    let left = replayed(&journal);
    assert!(
        matches!(left[..], [Event::Created(_), Event::EpochStarted(_), Event::Accepted(ref a)] if a.n == 4 && a.code.is_some())
    );
    assert_eq!(of(&journal, 4), 12, "what runs keeps the ends of its output");
    let ends: Vec<u64> = kinds(&journal).into_iter().map(|(seq, _)| seq).filter(|seq| (310..411).contains(seq)).collect();
    assert_eq!((ends.first(), ends.last()), (Some(&310), Some(&409)), "{ends:?}");
    for n in 1..=4 {
        assert_eq!(journal.eval(&EvalId(id(n))).unwrap().last.is_some(), n < 4);
    }
    let head = journal.head();
    drop(journal);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 1_200_000, "space went back to the file system: {size}");
    let journal = Journal::open(&path).unwrap();
    assert_eq!((journal.head(), journal.first().unwrap()), (head, 1));
    assert_eq!(replayed(&journal), left);
}

#[test]
fn the_head_is_known_when_the_last_rows_were_trimmed() {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    session(&mut journal);
    put(&mut journal, accepted(1, "1"));
    put(&mut journal, ended(1, Outcome::Ok));
    let head = put(&mut journal, output(1, noise(50_000)));
    trim(&mut journal, 0);
    drop(journal);
    assert_eq!(Journal::open(&path).unwrap().head(), head);
}

/// A file system of a few megabytes, where the test may make one.
struct Small(tempfile::TempDir);

impl Small {
    /// Fails where nothing can be mounted: a test that passes without having run proves nothing.
    #[track_caller]
    fn mount() -> Self {
        let folder = folder();
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(folder.path()).output();
        assert!(made.is_ok_and(|made| made.status.success()), "a small disk cannot be mounted: run this test as root");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn on_a_full_disk_the_reserve_lets_ends_through() {
    let small = Small::mount();
    let filler = small.path().join("filler");
    std::fs::write(&filler, vec![1; 1 << 20]).unwrap();
    let path = small.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    assert!(journal.restore_reserve());
    session(&mut journal);
    put(&mut journal, accepted(1, "flood()"));
    journal.commit().unwrap();
    let full = loop {
        put(&mut journal, output(1, noise(20_000)));
        if let Err(error) = journal.commit() {
            break error;
        }
    };
    assert!(full.is_full(), "{full}");
    // The log still owns the space of the row that did not fit.
    let full = loop {
        put(&mut journal, output(1, "x"));
        if let Err(error) = journal.commit() {
            break error;
        }
    };
    assert!(full.is_full(), "{full}");
    put(&mut journal, interrupting(1, 1));
    assert!(journal.commit().unwrap_err().is_full());
    journal.release_reserve().unwrap();
    let interrupt = put(&mut journal, interrupting(1, 1));
    journal.commit().unwrap();
    for n in 1..=100 {
        if n > 1 {
            put(&mut journal, accepted(n, "1"));
        }
        put(&mut journal, ended(n, Outcome::Interrupted));
        journal.commit().unwrap();
    }
    // What the ends left of it goes to somebody else.
    std::fs::write(small.path().join("more"), vec![1; 2 << 20]).unwrap_err();
    assert!(!journal.restore_reserve(), "there is no space yet");
    std::fs::remove_file(filler).unwrap();
    std::fs::remove_file(small.path().join("more")).unwrap();
    assert!(journal.restore_reserve());
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!((journal.max_n(), journal.request(&RequestId(id(1)))), (100, Some(interrupt)));
    assert_eq!(journal.eval_number(100).unwrap().outcome, Some(Outcome::Interrupted));
}

#[test]
fn many_tiny_evals_are_removed_as_fast_as_they_come() {
    const EVALS: u64 = 4_000;
    const ROWS: usize = 256;
    let folder = folder();
    let mut journal = Journal::create(&folder.path().join("journal")).unwrap();
    session(&mut journal);
    // Ids are kept for ever, and take their space.
    let (budget, mut steps, mut rows) = (900_000, 0, 0);
    for n in 1..=EVALS {
        put(&mut journal, accepted(n, "print(n)"));
        put(&mut journal, output(n, format!("{n}\n")));
        put(&mut journal, ended(n, Outcome::Ok));
        journal.commit().unwrap();
        // As a supervisor does: a step for half as many rows as it may remove.
        rows += 3;
        if rows >= ROWS / 2 {
            rows = 0;
            steps += 1;
            journal.trim_step(budget, ROWS).unwrap();
        }
    }
    let all = kinds(&journal);
    assert!((1_000..5_000).contains(&all.len()), "{} of {} rows are left after {steps} steps", all.len(), EVALS * 3);
    // The oldest paid, with all they had, before the newest paid with anything.
    let newest: Vec<u64> = all.iter().rev().take(300).map(|(seq, _)| *seq).collect();
    let head = journal.head();
    assert!(newest.iter().rev().copied().eq(head - 299..=head), "{newest:?}");
    assert_eq!(journal.eval(&EvalId(id(1))).unwrap().outcome, Some(Outcome::Ok));
    assert_eq!(journal.verify(&[]).unwrap().faults, []);
}

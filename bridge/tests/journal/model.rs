//! Whatever is done to it, a journal equals a map.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
enum Step {
    Accept,
    Print {
        len: usize,
    },
    Show {
        pieces: u64,
    },
    End {
        back: u64,
        outcome: Outcome,
    },
    Interrupt {
        back: u64,
        request: u64,
    },
    Commit,
    Idle,
    /// The supervisor dies; what is not committed is gone.
    Die,
    Trim {
        budget: u64,
    },
}

fn steps(trim: bool) -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop::sample::select(vec![Outcome::Ok, Outcome::Error, Outcome::Cancelled, Outcome::Interrupted]);
    let len = prop_oneof![9 => 0..200usize, 3 => 10_000..60_000usize, 1 => 60_000..140_000usize];
    let budget = if trim { 30_000..2_000_000u64 } else { u64::MAX - 1..u64::MAX };
    let step = prop_oneof![
        8 => Just(Step::Accept),
        8 => len.prop_map(|len| Step::Print { len }),
        1 => (1..4u64).prop_map(|pieces| Step::Show { pieces }),
        8 => (0..4u64, outcome).prop_map(|(back, outcome)| Step::End { back, outcome }),
        2 => (0..4u64, 0..20u64).prop_map(|(back, request)| Step::Interrupt { back, request }),
        8 => Just(Step::Commit),
        1 => Just(Step::Idle),
        1 => Just(Step::Die),
        1 => budget.prop_map(|budget| Step::Trim { budget }),
    ];
    prop::collection::vec(step, 1..120)
}

#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<u64, Vec<u8>>,
    /// The eval of each row, 0 for none.
    of: BTreeMap<u64, u64>,
    begun: BTreeMap<u64, u64>,
    ended: BTreeMap<u64, (u64, Outcome)>,
    requests: BTreeMap<u64, u64>,
    stopped: BTreeMap<u64, u64>,
    interrupts: BTreeSet<u64>,
}

impl Model {
    /// Output or a display, and no lifecycle event.
    fn is_printed(&self, seq: u64) -> bool {
        let lifecycle = self.begun.values().chain(self.ended.values().map(|(seq, _)| seq)).any(|s| *s == seq);
        !lifecycle && !self.interrupts.contains(&seq)
    }

    fn max_n(&self) -> u64 {
        self.begun.last_key_value().map_or(0, |(n, _)| *n)
    }

    fn note(&mut self, seq: u64, event: Event) {
        let n = match &event {
            Event::Accepted(e) => {
                self.begun.insert(e.n, seq);
                e.n
            }
            Event::Ended(e) => {
                self.ended.insert(e.n, (seq, e.outcome));
                if matches!(e.outcome, Outcome::Error | Outcome::Interrupted) {
                    self.stopped.entry(e.n % 3).or_insert(e.n);
                }
                e.n
            }
            Event::Output(e) => e.n,
            Event::Interrupting(e) => {
                self.interrupts.insert(seq);
                e.n
            }
            other => panic!("{other:?}"),
        };
        self.of.insert(seq, n);
        self.rows.insert(seq, record_body(&record(seq, event)));
    }

    fn check_facts(&self, journal: &Journal) {
        assert_eq!(journal.max_n(), self.max_n());
        for n in 1..=self.max_n() + 1 {
            let facts = journal.eval(&EvalId(id(n)));
            assert_eq!(facts, journal.eval_number(n));
            let found = facts.map(|f| (f.first, f.last.zip(f.outcome)));
            assert_eq!(found, self.begun.get(&n).map(|first| (*first, self.ended.get(&n).copied())), "eval {n}");
        }
        for request in 0..20 {
            assert_eq!(journal.request(&RequestId(id(request))), self.requests.get(&request).copied(), "request {request}");
        }
        for group in 0..3 {
            assert_eq!(journal.stopped_group(&GroupId(id(group))), self.stopped.get(&group).copied(), "group {group}");
        }
        assert!(journal.take_fault().is_none());
    }

    /// Every row that is there is as it was written; the numbers of those that are not are returned.
    fn check_rows(&self, journal: &Journal, batch: usize) -> Vec<u64> {
        let mut missing: Vec<u64> = self.rows.keys().copied().collect();
        let mut after = 0;
        loop {
            let rows = journal.read_after(after, batch).unwrap();
            let Some(last) = rows.last() else { break };
            for row in &rows {
                assert!(row.seq > after);
                // Retention may have taken the code out of an `accepted`; the code of this test is too short for that.
                assert!(whole(journal, row) == self.rows[&row.seq], "event {}", row.seq);
                missing.retain(|seq| *seq != row.seq);
            }
            assert!(rows.is_sorted_by_key(|row| row.seq));
            after = last.seq;
        }
        missing
    }
}

/// Whatever was trimmed, nothing looks tampered with, and every head that was kept on the way still holds, unless the records on
/// both sides of it are gone.
fn check_chain(journal: &Journal, heads: &[rialto_bridge::journal::Head], trimmed: bool) {
    use rialto_bridge::journal::Held;
    let verdict = journal.verify(heads).unwrap();
    assert!(verdict.faults.is_empty(), "{verdict:?}");
    assert_eq!(verdict.head, journal.chain_head());
    assert!(verdict.held.iter().all(|(_, h)| *h == Some(Held::Holds) || trimmed && *h == Some(Held::Removed)), "{verdict:?}");
}

fn run(steps: Vec<Step>, batch: usize) {
    let folder = folder();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    let (mut now, mut kept) = (Model::default(), Model::default());
    let mut trimmed = false;
    let mut heads = Vec::new();
    for step in steps {
        let max_n = now.max_n();
        let running = |back: u64, now: &Model| Some(max_n.saturating_sub(back)).filter(|n| *n > 0 && !now.ended.contains_key(n));
        let mut event = |journal: &mut Journal, event: Event| {
            let seq = put(journal, event.clone());
            now.note(seq, event);
            seq
        };
        match step {
            Step::Accept => drop(event(&mut journal, accepted(max_n + 1, "1+1"))),
            // Output belongs to the newest eval, also after its end, and before the first to none.
            Step::Print { len } => drop(event(&mut journal, output(max_n, vec![b'x'; len]))),
            Step::Show { pieces } => {
                let value = journal.new_value();
                let seq = journal.head() + 1;
                let body: Vec<u8> = (0..pieces).flat_map(|at| vec![at as u8; 50_000]).collect();
                for (at, piece) in body.chunks(50_000).enumerate() {
                    journal.piece(value, at as u64, piece);
                }
                journal.append_pieces(seq, max_n, value, pieces, body.len() as u64);
                now.of.insert(seq, max_n);
                now.rows.insert(seq, body);
            }
            Step::End { back, outcome } => {
                if let Some(n) = running(back, &now) {
                    let seq = put(&mut journal, ended(n, outcome));
                    now.note(seq, ended(n, outcome));
                }
            }
            Step::Interrupt { back, request } => {
                if let Some(n) = running(back, &now) {
                    let seq = put(&mut journal, interrupting(n, request));
                    now.note(seq, interrupting(n, request));
                    now.requests.entry(request).or_insert(seq);
                }
            }
            Step::Commit => {
                journal.commit().unwrap();
                heads.push(journal.chain_head().unwrap());
                kept = now.clone();
            }
            Step::Idle => journal.idle(),
            Step::Die => {
                drop(journal);
                journal = Journal::open(&path).unwrap();
                now = kept.clone();
                assert_eq!(journal.head(), now.rows.last_key_value().map_or(0, |(seq, _)| *seq));
            }
            Step::Trim { budget } => {
                journal.commit().unwrap();
                kept = now.clone();
                let mut left = 5_000;
                while journal.trim_step(budget, 3).unwrap() {
                    left -= 1;
                    assert!(left > 0, "trimming comes to an end");
                }
                trimmed |= budget < u64::MAX - 1;
            }
        }
        now.check_facts(&journal);
    }
    journal.commit().unwrap();
    for _ in 0..2 {
        let missing = now.check_rows(&journal, batch);
        assert!(trimmed || missing.is_empty());
        for seq in missing {
            let n = now.of[&seq];
            // What runs gives the middle of its output, and no other event.
            assert!(n == 0 || now.ended.contains_key(&n) || now.is_printed(seq), "event {seq} of eval {n}, which has not ended");
        }
        now.check_facts(&journal);
        let head = journal.chain_head();
        drop(journal);
        journal = Journal::open(&path).unwrap();
        assert_eq!(journal.chain_head(), head, "the chain goes on from where it was");
        check_chain(&journal, &heads, trimmed);
    }
    if trimmed {
        // Nothing that may go is overlooked, also what was recorded just before the supervisor died.
        while journal.trim_step(0, 10).unwrap() {}
        let missing = now.check_rows(&journal, batch);
        let oldest_alive = (1..).find(|n| !now.ended.contains_key(n)).unwrap();
        for (seq, n) in &now.of {
            if now.is_printed(*seq) && *n != 0 && !now.ended.contains_key(n) {
                continue;
            }
            let may_go = now.is_printed(*seq) || *n < oldest_alive;
            assert_eq!(missing.contains(seq), may_go, "event {seq} of eval {n}");
        }
        now.check_facts(&journal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_equals_a_map(steps in steps(false), batch in 1..300_000usize) {
        run(steps, batch);
    }

    #[test]
    fn retention_takes_only_from_evals_that_have_ended_and_no_fact(steps in steps(true), batch in 1..300_000usize) {
        run(steps, batch);
    }
}

/// More evals than wait in memory, so that look-ups meet every layer.
#[test]
fn a_thousand_evals_are_known_in_memory_in_the_tables_and_in_between() {
    let mut steps = Vec::new();
    for n in 0..1_000 {
        steps.push(Step::Accept);
        steps.push(Step::End { back: 0, outcome: if n == 700 { Outcome::Error } else { Outcome::Ok } });
        if n % 3 == 0 {
            steps.push(Step::Commit);
        }
    }
    let folder = folder();
    let mut journal = Journal::create(&folder.path().join("journal")).unwrap();
    let mut model = Model::default();
    for step in steps {
        let event = match step {
            Step::Accept => accepted(model.max_n() + 1, "1"),
            Step::End { outcome, .. } => ended(model.max_n(), outcome),
            _ => {
                journal.commit().unwrap();
                continue;
            }
        };
        let seq = put(&mut journal, event.clone());
        model.note(seq, event);
    }
    model.check_facts(&journal);
}

//! Evals that are handed over beside the one that runs: they run in their order, what has not begun can be taken back at any
//! moment, and what has begun is said.

use crate::driver::{Driver, Outcome};
use rialto_protocol::data::Show;
use rialto_protocol::kernel::{DoneHow, Exec, KernelEvent};
use std::collections::BTreeMap;
use tempfile::NamedTempFile;

fn execs(d: &mut Driver, codes: &[&str]) -> Vec<Exec> {
    let one = |code: &&str| {
        d.n += 1;
        Exec { n: d.n, code: (**code).into(), show: Show::Value, argv: None, trace: None }
    };
    codes.iter().map(one).collect()
}

/// Hands all of them over; their numbers.
#[track_caller]
fn hand_over(d: &mut Driver, codes: &[&str]) -> Vec<u64> {
    let execs = execs(d, codes);
    assert_eq!(d.kernel.hand_over(&execs), execs.len());
    execs.iter().map(|exec| exec.n).collect()
}

/// Everything until the end of this eval, by the eval that each event is of.
#[track_caller]
fn until_end(d: &mut Driver, last: u64) -> BTreeMap<u64, Outcome> {
    let mut all = BTreeMap::<u64, Outcome>::new();
    loop {
        let event = d.next();
        match event {
            KernelEvent::Done(done) => {
                let n = done.n;
                assert!(all.keys().all(|earlier| *earlier <= n), "#{n} ends after what is later has spoken");
                all.entry(n).or_default().done = Some(done);
                if n == last {
                    return all;
                }
            }
            KernelEvent::Output { n, background: false, .. } => all.entry(n).or_default().events.push(event),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn they_run_in_their_order_each_with_its_own_output() {
    let mut d = Driver::start();
    d.exec("import os\nran = []").ok();
    // The first time it is told to look, then it looks by itself.
    for round in 0..20 {
        let codes: Vec<String> = (0..8)
            .map(|i| match i % 4 {
                0 => format!("ran.append({i})"),
                1 => format!("print('printed {i}')"),
                2 => format!("os.system('echo of a child {i}') or {i}"),
                _ => format!("print('before {i}'); os.system('echo child {i}'); print('after {i}')"),
            })
            .collect();
        let ns = hand_over(&mut d, &codes.iter().map(String::as_str).collect::<Vec<_>>());
        let all = until_end(&mut d, ns[7]);
        assert_eq!(all.keys().copied().collect::<Vec<_>>(), ns);
        for (i, outcome) in all.values().enumerate() {
            let expected = match i % 4 {
                0 => String::new(),
                1 => format!("printed {i}\n"),
                2 => format!("of a child {i}\n"),
                _ => format!("before {i}\nchild {i}\nafter {i}\n"),
            };
            assert_eq!((outcome.how(), outcome.out()), (&DoneHow::Ok, expected), "eval {i} of round {round}");
        }
        assert_eq!(all[&ns[2]].result().as_deref(), Some("2"));
    }
    assert_eq!(d.exec("ran == [0, 4] * 20").ok().result().as_deref(), Some("True"));
}

#[test]
fn what_has_not_begun_is_taken_back_and_never_runs() {
    let mut d = Driver::start();
    d.exec("import os, time\nran = []").ok();
    let gate = NamedTempFile::new().unwrap();
    let wait = format!("while os.path.exists({:?}): time.sleep(0.001)", gate.path());
    let ns = hand_over(&mut d, &[&wait, "ran.append(1)", "ran.append(2)"]);
    assert_eq!(d.kernel.take_back(), &ns[1..]);
    assert!(d.kernel.take_back().is_empty());
    drop(gate);
    until_end(&mut d, ns[0]);
    assert_eq!(d.exec("ran").ok().result().as_deref(), Some("[]"));
}

#[test]
fn whatever_the_moment_the_end_of_the_row_comes_back_and_the_rest_runs() {
    let mut d = Driver::start();
    d.exec("ran = []").ok();
    let (mut all_ran, mut some_came_back) = (0, 0);
    for round in 0..400_u32 {
        let ns = hand_over(&mut d, &["ran.append(0)", "ran.append(1)", "ran.append(2)", "ran.append(3)", "ran.append(4)"]);
        // Anything from nothing to a few evals' time.
        (0..round * 200).for_each(|i| _ = std::hint::black_box(i));
        let back = d.kernel.take_back();
        assert!(ns.ends_with(&back), "{back:?} is not the end of {ns:?}");
        let left = ns.len() - back.len();
        assert!(left > 0, "what was told to run is not taken back");
        assert_eq!(until_end(&mut d, ns[left - 1]).len(), left);
        let ran = format!("{:?}", (0..left).collect::<Vec<_>>());
        assert_eq!(d.exec("ran").ok().result(), Some(ran));
        d.exec("ran.clear()").ok();
        all_ran += u32::from(back.is_empty());
        some_came_back += u32::from(!back.is_empty());
    }
    assert!(all_ran > 0 && some_came_back > 0, "{all_ran} and {some_came_back}: nothing was tried");
}

#[test]
fn the_one_whose_turn_was_told_stays() {
    let mut d = Driver::start();
    for _ in 0..100 {
        let ns = hand_over(&mut d, &["1", "2", "3", "4"]);
        until_end(&mut d, ns[0]);
        let back = d.kernel.take_back();
        assert!(ns[2..].ends_with(&back), "{back:?} of {ns:?}");
        until_end(&mut d, ns[3 - back.len()]);
    }
}

#[test]
fn an_interrupt_finds_the_one_that_runs_and_none_that_was_ready() {
    let mut d = Driver::start();
    for _ in 0..20 {
        let ns = hand_over(&mut d, &["1", "print('up')\nwhile True: pass", "never = 1"]);
        let mut seen = false;
        while !seen {
            seen = matches!(d.next(), KernelEvent::Output { n, .. } if n == ns[1]);
        }
        assert_eq!(d.kernel.take_back(), &ns[2..]);
        d.interrupt();
        let all = until_end(&mut d, ns[1]);
        assert!(matches!(all[&ns[1]].how(), DoneHow::Interrupted(_)), "{all:?}");
        d.fence_in_silence("an interrupt");
        assert_eq!(d.exec("'never' in globals()").ok().result().as_deref(), Some("False"));
    }
}

#[test]
fn an_interrupt_reaches_one_that_its_kernel_has_not_looked_at_yet() {
    let mut d = Driver::start();
    for _ in 0..50 {
        let ns = hand_over(&mut d, &["1", "while True: pass"]);
        until_end(&mut d, ns[0]);
        assert!(d.kernel.take_back().is_empty());
        d.interrupt();
        let all = until_end(&mut d, ns[1]);
        assert!(matches!(all[&ns[1]].how(), DoneHow::Interrupted(_)), "{all:?}");
        d.fence_in_silence("an interrupt");
    }
}

#[test]
fn what_reads_is_answered_while_others_lie_ready() {
    let mut d = Driver::start();
    let ns = hand_over(&mut d, &["a = input('? ')", "a + '!'", "a * 2"]);
    let ask = loop {
        if let KernelEvent::Ask(ask) = d.next() {
            break ask;
        }
    };
    assert_eq!(ask.n, ns[0]);
    d.reply(&ask, "ha", false);
    let all = until_end(&mut d, ns[2]);
    assert_eq!(all[&ns[1]].result().as_deref(), Some("'ha!'"));
    assert_eq!(all[&ns[2]].result().as_deref(), Some("'haha'"));
}

#[test]
fn a_death_leaves_what_has_not_begun() {
    let mut d = Driver::start();
    d.exec("import os").ok();
    let ns = hand_over(&mut d, &["1", "os._exit(3)", "2", "3"]);
    let (_, death) = d.until_death();
    assert_eq!(death.code, Some(3));
    assert_eq!(d.kernel.take_back(), &ns[2..]);
}

#[test]
fn nothing_is_forgotten_where_code_breaks_the_channel() {
    for _ in 0..10 {
        let mut d = Driver::start();
        d.exec("import os").ok();
        // The runner's own descriptors are those from 900 on, commands and frames first.
        let ns = hand_over(&mut d, &["1", "os.write(901, b'\\xff' * 64)", "2", "3", "4"]);
        let mut told = Vec::new();
        loop {
            match d.next() {
                KernelEvent::Done(done) => told.push(done.n),
                KernelEvent::Died(_) => break,
                _ => {}
            }
        }
        let back = d.kernel.take_back();
        // The one that ran as it died has no end but the death.
        assert_eq!(told.len() + 1 + back.len(), ns.len(), "{told:?} were told and {back:?} came back of {ns:?}");
        assert!(ns.starts_with(&told) && ns.ends_with(&back));
    }
}

#[test]
fn what_is_too_long_for_it_is_not_taken() {
    let mut d = Driver::start();
    let long = format!("{:?}", "x".repeat(600));
    let all = execs(&mut d, &["1", "2", &long, "3"]);
    assert_eq!(d.kernel.hand_over(&all), 2);
    until_end(&mut d, all[1].n);
    assert_eq!(d.kernel.hand_over(&all[2..]), 0, "the first of them is told as a command");
    assert_eq!(d.exec("6*7").ok().result().as_deref(), Some("42"));
}

#[test]
fn a_fork_takes_none_of_them() {
    let mut d = Driver::start();
    d.exec("import os").ok();
    let ns = hand_over(&mut d, &["child = os.fork()\nif child: os.waitpid(child, 0)", "os.getpid()", "os.getpid()"]);
    let all = until_end(&mut d, ns[2]);
    let pid = Some(d.info.pid.to_string());
    assert_eq!((all[&ns[1]].result(), all[&ns[2]].result()), (pid.clone(), pid));
}

//! An interrupt is the key: nobody can say whether it arrived, but it does.

use crate::driver::{Driver, Outcome};
use crate::start;
use rialto_protocol::kernel::{DoneHow, KernelCommand, KernelEvent, Step};
use std::time::Duration;

/// Interrupts as a session does: again after two seconds. The key may come between two commands of a shell, which then go on.
#[track_caller]
fn stop(d: &mut Driver, outcome: &mut Outcome) {
    d.interrupt();
    for _ in 0..10 {
        while let Some(event) = d.next_within(Duration::from_secs(2)) {
            if let KernelEvent::Done(done) = event {
                outcome.done = Some(done);
                return;
            }
            outcome.events.push(event);
        }
        d.send(KernelCommand::Interrupt(Step::Again));
    }
    panic!("it does not end: {} {:?}", d.info.language, outcome.events);
}

#[test]
fn it_ends_the_eval_and_not_the_program() {
    for (program, keep, code, kept) in [
        ("python3 -i", "x = 42", "print('up'); import time; time.sleep(1000)", "print(x)"),
        ("python3 -i", "x = 42", "while True: print('up')\n", "print(x)"),
        ("bash --norc -i", "x=42", "sh -c 'echo up; exec sleep 1000'; echo no", "echo $x"),
        ("lua", "x = 42", "print('up'); while true do end", "print(x)"),
        ("gdb -q -nx", "set $x = 42", "shell echo up; sleep 1000", "p $x"),
        (
            "sqlite3",
            "create table t(x); insert into t values (42);",
            "select 'up'; with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c;",
            "select x from t;",
        ),
    ] {
        let mut d = start(program);
        d.exec(keep);
        d.submit(code);
        let mut outcome = Outcome::default();
        d.until_out(&mut outcome, "up");
        stop(&mut d, &mut outcome);
        assert!(matches!(outcome.how(), DoneHow::Interrupted(_)), "{program}: {:?}", outcome.how());
        d.fence();
        let said = d.exec(kept).out();
        assert!(said.contains("42"), "{program}: {said:?}");
        assert!(d.info.best_effort);
    }
}

#[test]
fn what_was_not_typed_yet_is_not_typed_any_more() {
    let mut d = start("bash --norc -i");
    d.submit("sh -c 'echo up; exec sleep 1000'\necho not this");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    stop(&mut d, &mut outcome);
    d.fence();
    assert!(!outcome.out().contains("not this"));
    assert_eq!(d.exec("echo fine").out(), "fine\n");
}

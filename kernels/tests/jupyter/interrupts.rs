//! An interrupt ends the eval it was for, and never the next.

use crate::driver::Driver;
use crate::{made, python, start};
use rialto_protocol::kernel::DoneHow;

#[track_caller]
fn is_stopped(d: &mut Driver, code: &str) {
    let outcome = d.interrupted(code);
    assert!(matches!(outcome.how(), DoneHow::Interrupted(_)), "{:?}", outcome.how());
    d.fence();
}

#[test]
fn loops_waiting_and_floods_end_and_the_state_stays() {
    let mut d = python();
    d.exec("kept = 42").ok();
    is_stopped(&mut d, "print('up', flush=True)\nwhile True: pass");
    is_stopped(&mut d, "import time; print('up', flush=True); time.sleep(1000)");
    is_stopped(&mut d, "while True: print('up')");
    is_stopped(&mut d, "import subprocess; subprocess.run(['sh', '-c', 'echo up; exec sleep 1000'])");
    assert_eq!(d.exec("kept").ok().result().as_deref(), Some("42"));
}

/// Interrupts that come in every moment of short evals: just before the end, at it, after it. The next eval is never hit.
fn never_the_next(d: &mut Driver) {
    for round in 0..60 {
        d.submit(&format!("sum(range({}))", round * 2_000));
        if round % 3 == 0 {
            d.interrupt();
        }
        d.interrupt();
        let how = d.finish().how().clone();
        assert!(matches!(how, DoneHow::Ok | DoneHow::Interrupted(_)), "{how:?}");
        if round % 2 == 0 {
            d.interrupt();
        }
        d.fence();
        assert_eq!(d.exec("sum(range(20_000))").ok().result().as_deref(), Some("199990000"), "round {round}");
    }
}

#[test]
fn no_interrupt_hits_the_next_eval() {
    never_the_next(&mut python());
}

#[test]
fn nor_does_one_that_is_a_message() {
    let python = crate::installed().join("../../bin/python");
    let argv = format!(r#"["{}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]"#, python.display());
    let (_temp, launch) = made(&format!(r#"{{"argv": {argv}, "language": "python", "interrupt_mode": "message"}}"#));
    let mut d = Driver::start_with(&launch);
    is_stopped(&mut d, "print('up', flush=True)\nwhile True: pass");
    never_the_next(&mut d);
}

// Not asked of bash_kernel: it types into a shell, and a Ctrl-C that comes while it does is sometimes lost in there. A session goes on
// to force where an interrupt brings nothing.
#[test]
fn r_is_interrupted_as_well() {
    let mut r = start("ir");
    r.exec("kept <- 42").ok();
    is_stopped(&mut r, "cat('up\\n'); repeat {}");
    is_stopped(&mut r, "cat('up\\n'); Sys.sleep(1000)");
    assert_eq!(r.exec("cat(kept)").ok().out(), "42");
}

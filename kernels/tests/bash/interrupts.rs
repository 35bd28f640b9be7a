//! Promise 4 for one kernel: an interrupt ends the command and not the shell.

use crate::driver::{Driver, Outcome};
use crate::start;
use rialto_protocol::kernel::DoneHow;

#[track_caller]
fn interrupted(d: &mut Driver, code: &str) -> Outcome {
    let outcome = d.interrupted(code);
    d.fence_in_silence(code);
    outcome
}

#[test]
fn an_interrupt_ends_whatever_the_shell_waits_in() {
    let mut d = start();
    // It is the sleeper that says it is up: a shell that is just starting one may swallow the signal.
    d.exec("kept=42; nap() { sh -c 'echo up; exec sleep 1000'; }").ok();
    for code in [
        "nap; echo not this",
        "echo up; while :; do :; done",
        "while :; do echo up; done",
        "f() { for i in 1 2; do nap; done; echo not this; }; f; f",
        "echo up; read x; echo not this",
        "nap | cat",
        "sh -c 'echo up; exec cat'; echo not this",
        "sleep 1000 & echo up; wait; echo not this",
        "(nap); echo not this",
        "yes up",
    ] {
        let outcome = interrupted(&mut d, code);
        assert!(matches!(outcome.how(), DoneHow::Interrupted(_)), "{code}: {:?}", outcome.how());
        assert!(!outcome.out().contains("not this"), "{code}: {}", outcome.out());
        assert_eq!(d.exec("echo $kept").ok().out(), "42\n", "after {code}");
    }
}

#[test]
fn a_handler_of_the_users_is_used_and_stays() {
    let mut d = start();
    d.exec("trap 'echo handled' INT").ok();
    for _ in 0..2 {
        // It is the sleeper that says it is up: a handler that runs before it starts ends nothing.
        let outcome = interrupted(&mut d, "sh -c 'echo up; exec sleep 1000'; echo goes on");
        assert_eq!(outcome.ok().out(), "up\nhandled\ngoes on\n");
    }
    d.exec("trap - INT").ok();
    assert!(matches!(interrupted(&mut d, "sh -c 'echo up; exec sleep 1000'").how(), DoneHow::Interrupted(_)));
}

#[test]
fn an_interrupt_for_nobody_hits_nobody() {
    let mut d = start();
    for _ in 0..50 {
        d.interrupt();
        d.fence();
        assert_eq!(d.exec("echo 42").ok().out(), "42\n");
    }
    for _ in 0..100 {
        d.submit("for i in {1..50}; do echo $i; done >/dev/null");
        d.interrupt();
        let outcome = d.finish();
        assert!(matches!(outcome.how(), DoneHow::Ok | DoneHow::Interrupted(_)), "{:?}", outcome.how());
        d.fence();
        assert_eq!(d.exec("echo 42").ok().out(), "42\n");
    }
}

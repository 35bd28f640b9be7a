//! Promise 4 for one kernel: an interrupt reaches the eval that runs, and no other.

use crate::driver::{Driver, Outcome};
use rialto_protocol::kernel::{DoneHow, KernelCommand, KernelEvent, Step};

#[track_caller]
fn interrupted(outcome: &Outcome) -> String {
    match outcome.how() {
        DoneHow::Interrupted(failure) => {
            assert_eq!(failure.name, "KeyboardInterrupt");
            assert!(!failure.traceback.contains("<rialto>"), "{}", failure.traceback);
            failure.traceback.clone()
        }
        other => panic!("{other:?} {:?}", outcome.err()),
    }
}

#[test]
fn an_interrupt_ends_whatever_python_waits_in() {
    let mut d = Driver::start();
    d.exec("import time, asyncio, os, subprocess, threading, signal").ok();
    for code in [
        "print('up', flush=True)\nwhile True: pass",
        "print('up')\ntime.sleep(1000)",
        "print('up')\nawait asyncio.sleep(1000)",
        "async def f():\n    while True: pass\nprint('up')\nawait f()",
        "print('up')\ninput('never answered')",
        "print('up')\nsubprocess.run(['sleep', '1000'])",
        "print('up')\nthreading.Lock().acquire() and threading.Event().wait()",
        "while True: print('up')",
        "while True: os.write(1, b'up')",
    ] {
        d.submit(code);
        let mut outcome = Outcome::default();
        d.until_out(&mut outcome, "up");
        d.interrupt();
        d.finish_into(&mut outcome);
        interrupted(&outcome);
        for event in d.fence() {
            assert!(matches!(event, KernelEvent::Output { background: true, .. }), "{code}: {event:?}");
        }
        assert_eq!(d.exec("6*7").ok().result().as_deref(), Some("42"), "after {code}");
    }
}

#[test]
fn an_interrupt_of_a_command_reaches_the_eval_that_waits_for_it() {
    let mut d = Driver::start();
    d.exec("import os").ok();
    // C's system() keeps the signal from its caller; how the command ended tells.
    // (It is the sleeper that says it is up: a shell that is just starting one may swallow the signal.)
    let nested = "while True: os.system('sh -c \"echo up; exec sleep 1000\"; echo not this')";
    for code in ["os.system('echo up; exec sleep 1000')", nested] {
        d.submit(code);
        let mut outcome = Outcome::default();
        d.until_out(&mut outcome, "up");
        d.interrupt();
        d.finish_into(&mut outcome);
        assert!(interrupted(&outcome).contains("os.system"), "{code}");
        assert_eq!(outcome.out(), "up\n");
        d.fence();
    }
    // A command that deals with it ends as it likes.
    d.submit("os.system('trap \"exit 7\" INT; echo up; while :; do sleep 0.01; done') >> 8");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().result().as_deref(), Some("7"));
    d.fence();
    assert_eq!(d.exec("os.system('exit 3') >> 8").ok().result().as_deref(), Some("3"));
}

#[test]
fn an_interrupt_says_where_the_code_was() {
    let mut d = Driver::start();
    d.submit("import time\nprint('up')\ntime.sleep(1000)");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.finish_into(&mut outcome);
    let traceback = interrupted(&outcome);
    assert!(traceback.contains("line 3") && traceback.contains("time.sleep(1000)"), "{traceback}");
}

#[test]
fn an_interrupt_that_overtakes_the_command_still_hits_its_eval() {
    let mut d = Driver::start();
    for _ in 0..100 {
        d.submit("while True: pass");
        d.interrupt();
        let outcome = d.finish();
        interrupted(&outcome);
        assert!(d.fence().is_empty());
    }
}

#[test]
fn a_storm_of_interrupts_kills_neither_the_runner_nor_a_later_eval() {
    let mut d = Driver::start();
    for code in ["while True: pass", "while True: print('flood')", "import time\ntime.sleep(1000)", "1/0", "print('x')"] {
        d.submit(code);
        for _ in 0..300 {
            d.interrupt();
        }
        let outcome = d.finish();
        assert!(!matches!(outcome.how(), DoneHow::Exit { .. }), "{code}");
        for _ in 0..300 {
            d.interrupt();
        }
        d.fence();
        assert_eq!(d.exec("sum(range(1000))").ok().result().as_deref(), Some("499500"), "after {code}");
    }
    // While nothing runs an interrupt is for nobody, fence or no fence.
    for _ in 0..20 {
        d.interrupt();
        assert!(d.exec("1").finish_or_interrupted());
        d.fence();
    }
}

impl Outcome {
    /// Sent without a fence in between, a signal may still be under way when the command comes: both ends are right.
    fn finish_or_interrupted(&self) -> bool {
        matches!(self.how(), DoneHow::Ok | DoneHow::Interrupted(_))
    }
}

#[test]
fn code_that_survives_an_interrupt_goes_on_and_can_be_interrupted_again() {
    let mut d = Driver::start();
    d.submit("try:\n    print('up')\n    while True: pass\nexcept KeyboardInterrupt:\n    print('caught')\nwhile True: pass");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.until_out(&mut outcome, "caught");
    d.send(KernelCommand::Interrupt(Step::Again));
    d.finish_into(&mut outcome);
    interrupted(&outcome);
    d.fence();
    // A cancelled await may clean up, and say something.
    d.submit("import asyncio\nasync def f():\n    try:\n        print('up')\n        await asyncio.sleep(1000)\n    finally:\n        print('cleaned')\nawait f()");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.finish_into(&mut outcome);
    interrupted(&outcome);
    assert_eq!(outcome.out(), "up\ncleaned\n");
    d.fence();
    assert_eq!(d.exec("await asyncio.sleep(0, 'fine')").ok().result().as_deref(), Some("'fine'"));
}

#[test]
fn a_cleanup_that_fails_says_so_and_the_loop_goes_on() {
    let mut d = Driver::start();
    d.exec("import asyncio").ok();
    for waits in ["await asyncio.sleep(1000)", "while True: pass"] {
        d.submit(&format!(
            "async def f():\n    try:\n        print('up')\n        {waits}\n    finally:\n        raise ValueError('cleanup')\nawait f()"
        ));
        let mut outcome = Outcome::default();
        d.until_out(&mut outcome, "up");
        d.interrupt();
        d.finish_into(&mut outcome);
        let failure = outcome.failure();
        assert_eq!((failure.name.as_str(), failure.value.as_str()), ("ValueError", "cleanup"), "{waits}");
        // What led to the cleanup is told with it.
        assert!(failure.traceback.contains("During handling of"), "{}", failure.traceback);
        assert!(!failure.traceback.contains("<rialto>"), "{}", failure.traceback);
        d.fence();
        assert_eq!(d.exec("await asyncio.sleep(0, 'fine')").ok().result().as_deref(), Some("'fine'"), "after {waits}");
    }
    // One that waits in its turn is waited for, and can be interrupted again.
    d.submit("async def f():\n    try:\n        print('up')\n        await asyncio.sleep(1000)\n    finally:\n        print('cleaning')\n        await asyncio.sleep(1000)\nawait f()");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.until_out(&mut outcome, "cleaning");
    d.send(KernelCommand::Interrupt(Step::Again));
    d.finish_into(&mut outcome);
    interrupted(&outcome);
    d.fence();
    assert_eq!(d.exec("await asyncio.sleep(0, 'fine')").ok().result().as_deref(), Some("'fine'"));
}

#[test]
fn the_users_own_signal_handlers_run_when_his_code_does() {
    let mut d = Driver::start();
    d.exec("import signal, time, os\nseen = []\nsignal.signal(signal.SIGINT, lambda s, f: seen.append(s))").ok();
    d.submit("print('up')\nwhile not seen: time.sleep(0.01)\nlen(seen)");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.finish_into(&mut outcome);
    assert_eq!(outcome.ok().result().as_deref(), Some("1"));
    d.fence();
    d.exec("signal.signal(signal.SIGINT, signal.default_int_handler).__name__").ok();
    assert_eq!(d.exec("signal.getsignal(signal.SIGINT) is signal.default_int_handler").result().as_deref(), Some("True"));
    // Handlers that raise, in the middle of a flood of prints: no text is lost or broken.
    let code = "class Late(Exception): pass\ndef late(s, f): raise Late\nsignal.signal(signal.SIGALRM, late)\nn = 0\nwhile n < 200:\n    try:\n        signal.setitimer(signal.ITIMER_REAL, 0.002)\n        while True: print('0123456789' * 10)\n    except Late:\n        n += 1\n        print('late', end='\\n')\nsignal.signal(signal.SIGALRM, signal.SIG_DFL) is late";
    let outcome = d.exec(code).ok();
    assert_eq!(outcome.result().as_deref(), Some("True"));
    assert_eq!(outcome.out().matches("late").count(), 200);
    for line in outcome.out().replace("late", "\n").lines().filter(|l| !l.is_empty()) {
        assert!(line == "0123456789".repeat(10), "{line}");
    }
    // While nothing runs: it runs, what it prints is background, what it raises goes nowhere.
    d.exec("def alarm(s, f):\n    print('alarm')\n    raise Late\nsignal.signal(signal.SIGALRM, alarm)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)").ok();
    let mut told = Outcome::default();
    while !(told.out().contains("alarm\n") && told.err().contains("Late")) {
        match d.next() {
            event @ KernelEvent::Output { background: true, .. } => told.events.push(event),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(d.exec("1").ok().result().as_deref(), Some("1"));
}

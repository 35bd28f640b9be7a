//! Stopping what runs.

use crate::driver::{Driver, Outcome};
use crate::start;
use rialto_protocol::kernel::{DoneHow, KernelCommand, Step};

/// Interrupts what runs once it has said so, and tries whether the kernel is as it was.
fn stops(d: &mut Driver, code: &str) {
    d.submit(code);
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "running");
    d.interrupt();
    d.finish_into(&mut outcome);
    assert!(matches!(outcome.how(), DoneHow::Interrupted(_)), "{code}: {:?}", outcome.how());
    d.fence();
    assert_eq!(d.exec("kept").ok().result().as_deref(), Some("1"), "{code}");
}

#[test]
fn whatever_runs_is_stopped_and_its_state_is_kept() {
    let mut d = start();
    d.exec("let kept = 1").ok();
    for code in [
        "print('running'); while (true) {}",
        "print('running'); for (;;) { try { while (true) {} } catch {} finally {} }",
        "print('running'); await new Promise(() => {})",
        "print('running'); await new Promise(done => setTimeout(done, 1e9))",
        "print('running'); /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "print('running'); const again = () => Promise.resolve().then(again); await again(); while (true) await 1",
        "for (;;) print('running')",
        "print('running'); [3, 1, 2].sort(() => { while (true) {} })",
    ] {
        stops(&mut d, code);
    }
}

#[test]
fn a_question_is_given_up() {
    let mut d = start();
    d.exec("let kept = 1").ok();
    d.submit("try { prompt('? ') } catch { while (true) {} }");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.interrupt();
    d.finish_into(&mut outcome);
    assert!(matches!(outcome.how(), DoneHow::Interrupted(_)));
    // The answer to it is for nobody.
    d.reply(&ask, "late", false);
    d.fence();
    d.submit("prompt('again? ')");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "in time", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.result().as_deref(), Some("'in time'"));
}

#[test]
fn an_interrupt_that_comes_too_late_hits_nothing() {
    let mut d = start();
    for _ in 0..50 {
        d.exec("1").ok();
        d.interrupt();
        d.fence();
        let mut steps = d.exec("let n = 0; for (let i = 0; i < 50000; i++) n += i; n").ok();
        assert_eq!(steps.done.take().and_then(|done| done.result).unwrap()["text/plain"].lossy(), "1249975000");
    }
}

#[test]
fn code_that_looks_at_no_interrupt_is_left_behind() {
    let mut d = start();
    // Hours inside of one function of the engine's own.
    d.submit("print('running'); 'a'.repeat(2e7).indexOf('a'.repeat(1e7) + 'b')");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "running");
    d.interrupt();
    d.send(KernelCommand::Interrupt(Step::Terminate));
    d.send(KernelCommand::Interrupt(Step::Kill));
    assert_eq!(d.until_death().1.signal.as_deref(), Some("SIGKILL"));
    assert!(d.is_silent());
}

#[test]
fn a_kernel_ends_as_it_is_told() {
    for (command, code, signal) in [
        (KernelCommand::Shutdown, Some(0), None),
        (KernelCommand::Interrupt(Step::Terminate), None, Some("SIGTERM")),
        (KernelCommand::Interrupt(Step::Kill), None, Some("SIGKILL")),
    ] {
        let mut d = start();
        d.submit("setInterval(() => {}, 1); print('running'); while (true) {}");
        let mut outcome = Outcome::default();
        d.until_out(&mut outcome, "running");
        d.send(command);
        let (_, death) = d.until_death();
        assert_eq!((death.code, death.signal.as_deref()), (code, signal));
    }
}

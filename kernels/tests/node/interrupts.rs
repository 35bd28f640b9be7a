//! Promise 4 for one kernel: an interrupt reaches the eval that runs, and no other.

use crate::driver::{Driver, Outcome};
use crate::start;
use rialto_protocol::kernel::{DoneHow, KernelCommand, Step};

#[track_caller]
fn interrupted(d: &mut Driver, code: &str) -> String {
    let outcome = d.interrupted(code);
    d.fence_in_silence(code);
    match outcome.how() {
        DoneHow::Interrupted(failure) => failure.traceback.clone(),
        other => panic!("{code}: {other:?} {:?}", outcome.err()),
    }
}

#[test]
fn an_interrupt_ends_whatever_node_waits_in() {
    let mut d = start();
    d.exec("let kept = 42").ok();
    for code in [
        "console.log('up'); while (true) {}",
        "console.log('up'); for (;;) { try { while (true) {} } catch {} finally {} }",
        "console.log('up'); await new Promise(() => {})",
        "console.log('up'); await 1; while (true) {}",
        "setTimeout(() => { console.log('up'); while (true) {} }, 1); await new Promise(() => {})",
        "setImmediate(() => { console.log('up'); while (true) {} }); await new Promise(() => {})",
        "process.nextTick(() => { console.log('up'); while (true) {} }); await new Promise(() => {})",
        "fs.readFile('/etc/passwd', () => { console.log('up'); while (true) {} }); await new Promise(() => {})",
        "child_process.execSync('echo up; exec sleep 1000', { stdio: 'inherit' })",
        "console.log('up'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
        "console.log('up'); /(a+)+b/.test('a'.repeat(60))",
        "console.log('up'); prompt('never answered')",
        "console.log('up'); fs.readFileSync(0)",
        "while (true) console.log('up')",
        "while (true) fs.writeSync(1, 'up')",
        "let up = () => { console.log('up'); up() }; for (;;) try { up() } catch {}",
        "({ [util.inspect.custom]() { console.log('up'); for (;;); } })",
    ] {
        interrupted(&mut d, code);
        assert_eq!(d.exec("kept").ok().result().as_deref(), Some("42"), "after {code}");
        assert_eq!(d.exec("await new Promise(r => setTimeout(r, 1)); kept").ok().result().as_deref(), Some("42"), "after {code}");
    }
}

#[test]
fn an_interrupt_says_where_it_came() {
    let mut d = start();
    let told = interrupted(&mut d, "function deep() {\n  console.log('up');\n  while (true) {}\n}\ndeep()");
    assert!(told.contains("at deep (<cell-1>:") && told.contains("at <cell-1>:5:1"), "{told}");
    let told = interrupted(&mut d, "while (true) console.log('up')");
    assert!(told.contains("<cell-2>:1:") && !told.contains("rialto"), "{told}");
}

#[test]
fn the_timers_of_an_interrupted_eval_do_not_go_on() {
    let mut d = start();
    interrupted(
        &mut d,
        "let ticks = 0; const sleep = (await import('timers/promises')).setTimeout; console.log('up'); for (;;) { ticks++; await sleep(1) }",
    );
    let before = d.exec("ticks").ok().result();
    d.exec("await new Promise(r => setTimeout(r, 30))").ok();
    assert_eq!(d.exec("ticks").ok().result(), before);
}

#[test]
fn an_interrupt_for_nobody_hits_nobody() {
    let mut d = start();
    for _ in 0..50 {
        d.interrupt();
        d.fence();
        assert_eq!(d.exec("6 * 7").ok().result().as_deref(), Some("42"));
    }
    // One that races with the end of an eval: the next one is clean.
    for i in 0..200 {
        d.submit("let s = 0; for (let i = 0; i < 2000; i++) s += i; console.log(s)");
        if i % 3 == 0 {
            std::thread::yield_now();
        }
        d.interrupt();
        let outcome = d.finish();
        assert!(matches!(outcome.how(), DoneHow::Ok | DoneHow::Interrupted(_)), "{:?}", outcome.how());
        d.fence();
        assert_eq!(d.exec("6 * 7").ok().result().as_deref(), Some("42"));
    }
}

#[test]
fn a_program_that_handles_the_signal_is_left_to_it_once() {
    let mut d = start();
    d.exec("process.on('SIGINT', () => console.log('handled'))").ok();
    d.submit("console.log('up'); await new Promise(() => {})");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "up");
    d.interrupt();
    d.until_out(&mut outcome, "handled");
    d.fence();
    d.send(KernelCommand::Interrupt(Step::Again));
    d.finish_into(&mut outcome);
    assert!(matches!(outcome.how(), DoneHow::Interrupted(_)));
    d.fence();
    d.exec("process.removeAllListeners('SIGINT')").ok();
    interrupted(&mut d, "console.log('up'); for (;;);");
}

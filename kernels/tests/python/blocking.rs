//! An interrupt ends a call that blocks, also where it came in the instant before the call: Python has noted it then and would
//! look at it only when the call returns.

use crate::driver::Driver;
use rialto_protocol::kernel::DoneHow;
use std::time::{Duration, Instant};

const SETUP: &str =
    "import os, select, signal, subprocess, threading, time, queue\nr, w = os.pipe()\nlock = threading.Lock()\nlock.acquire()";

const BLOCKS: &[&str] = &[
    "time.sleep(1000)",
    "os.read(r, 1)",
    "lock.acquire()",
    "select.select([r], [], [])",
    "queue.Queue().get()",
    "input()",
    "while True: pass",
    "for i in range(10**9): time.sleep(1e-6)",
    "while True: print('flood')",
    "subprocess.run(['sleep', '1000'])",
];

#[track_caller]
fn interrupted(d: &mut Driver, code: &str) {
    let outcome = d.finish();
    match outcome.how() {
        DoneHow::Interrupted(failure) => assert!(!failure.traceback.contains("<rialto>"), "{}", failure.traceback),
        other => panic!("{code}: {other:?}"),
    }
    d.fence();
    assert_eq!(d.exec("6*7").ok().result().as_deref(), Some("42"), "after {code}");
}

/// A signal that another thread takes is noted for the main thread and does not disturb it: what happens by chance in the
/// instant before a call, every time.
#[test]
fn a_signal_noted_while_a_call_blocks_is_not_left_lying() {
    let mut d = Driver::start();
    d.exec(SETUP).ok();
    for code in BLOCKS.iter().take(6) {
        for pause in ["0", "0.03"] {
            let thread = format!(
                "def f():\n    time.sleep({pause})\n    signal.pthread_kill(threading.get_ident(), signal.SIGINT)\nt = threading.Thread(target=f)\nt.start()"
            );
            d.submit(&format!("{thread}\n{code}"));
            interrupted(&mut d, code);
        }
    }
    // Where an event loop has a wakeup descriptor of its own it is written to, and the loop's end gives ours back.
    let own = "import asyncio\nasync def f():\n    loop = asyncio.get_running_loop()\n    heard = asyncio.Event()\n    loop.add_signal_handler(signal.SIGUSR1, heard.set)\n    t.start()\n    await heard.wait()\n    loop.remove_signal_handler(signal.SIGUSR1)\n    return 'heard'";
    d.exec(own).ok();
    let sender = "t = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1))\nawait f()";
    assert_eq!(d.exec(sender).ok().result().as_deref(), Some("'heard'"));
    d.submit("t = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))\nt.start()\ntime.sleep(1000)");
    interrupted(&mut d, "the loop");
    assert_eq!(d.exec("signal.getsignal(signal.SIGURG) is signal.SIG_DFL").result().as_deref(), Some("True"));
}

/// `RIALTO_TEST_ROUNDS` makes it a trial of hours.
#[test]
fn an_interrupt_at_any_moment_ends_its_eval_and_no_other() {
    let rounds = std::env::var("RIALTO_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let mut d = Driver::start();
    d.exec(SETUP).ok();
    let mut dice = 1_u64;
    for _ in 0..rounds {
        for code in BLOCKS {
            d.submit(code);
            // Anywhere from before the command is read to well inside of the call.
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pause = Duration::from_nanos(dice >> (44 + (dice >> 20) % 8));
            let start = Instant::now();
            while start.elapsed() < pause {
                std::hint::spin_loop();
            }
            d.interrupt();
            interrupted(&mut d, code);
        }
    }
}

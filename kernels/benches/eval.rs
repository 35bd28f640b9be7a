//! What an eval costs, beside a raw pipe to the least Python that does the same. `cargo bench -p rialto-kernels --bench eval`.
//!
//! Only the ratio means anything: the two take turns in small batches, so that whatever else the machine does hits both. On one
//! processor (`taskset -c 0`) it says what is computed; on several, where the system happens to place each side outweighs that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use rialto_kernels::{Kernel, launch};
use rialto_protocol::data::Show;
use rialto_protocol::kernel::{Exec, KernelCommand, KernelEvent, Launch, Step};
use std::future::poll_fn;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Reads an expression, evaluates it, writes what it is.
const FLOOR: &str = "import posix\nwhile True:\n    code = posix.read(0, 65536)\n    if not code: break\n    posix.write(1, repr(eval(compile(code, '<floor>', 'eval'))).encode())";

struct Kernels {
    runtime: tokio::runtime::Runtime,
    kernel: Box<dyn Kernel>,
    n: u64,
}

impl Kernels {
    fn start(program: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let inside = runtime.enter();
        let kernel = launch(&Launch { kernel: "python".into(), program: Some(program.into()), ..Launch::default() }).unwrap();
        drop(inside);
        let mut this = Self { runtime, kernel, n: 0 };
        assert!(matches!(this.next(), KernelEvent::Ready(_)));
        this
    }

    fn next(&mut self) -> KernelEvent {
        self.runtime.block_on(poll_fn(|cx| self.kernel.poll_event(cx)))
    }

    fn exec(&mut self, code: &str) -> usize {
        self.n += 1;
        self.kernel.command(KernelCommand::Exec(Exec {
            n: self.n,
            code: code.into(),
            show: Show::Value,
            argv: None,
            trace: None,
        }));
        let mut bytes = 0;
        loop {
            match self.next() {
                KernelEvent::Done(_) => return bytes,
                KernelEvent::Output { runs, .. } => bytes += runs.iter().map(|run| run.data.0.len()).sum::<usize>(),
                other => assert!(!matches!(other, KernelEvent::Died(_)), "{other:?}"),
            }
        }
    }
}

fn raw(program: &str, code: &str) -> Child {
    Command::new(program)
        .args(["-c", code])
        .env_remove("PYTHONUNBUFFERED")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn times(count: usize, mut one: impl FnMut()) -> Vec<Duration> {
    let timed = |_| {
        let start = Instant::now();
        one();
        start.elapsed()
    };
    (0..count).map(timed).collect()
}

fn at(sorted: &[Duration], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).map_or(0.0, |d| d.as_secs_f64() * 1e6)
}

fn round_trip(program: &str) {
    let mut floor = raw(program, FLOOR);
    let (mut to, mut from) = (floor.stdin.take().unwrap(), floor.stdout.take().unwrap());
    let mut answer = [0; 64];
    let mut ask = || {
        to.write_all(b"1+1").unwrap();
        assert_eq!(from.read(&mut answer).unwrap(), 1);
    };
    let mut kernel = Kernels::start(program);
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    times(1000, &mut ask);
    times(1000, || _ = kernel.exec("1+1"));
    for _ in 0..50 {
        floors.extend(times(400, &mut ask));
        ours.extend(times(400, || _ = kernel.exec("1+1")));
    }
    floors.sort();
    ours.sort();
    for percent in [50, 90, 99] {
        let (floor, own) = (at(&floors, percent), at(&ours, percent));
        println!("1+1       p{percent}: {own:6.1} us, raw pipe {floor:6.1} us, ratio {:.2}", own / floor);
    }
    // At the end of its input it ends.
    drop(to);
    floor.wait().unwrap();
}

/// What is printed, and by what. The floor is the same program on a pipe.
const FLOODS: &[(&str, &str)] = &[
    ("200,000 lines", "line = 'x' * 99\nfor _ in range(200_000): print(line)"),
    ("... in pieces", "for i in range(200_000): print('a line of', i, 'and', i, sep=' ', end='\\n')"),
    ("50 MB at once", "text = 'y' * 50_000_000\nimport sys\n_ = sys.stdout.write(text)"),
    ("50 MB of bytes", "text = b'y' * 50_000_000\nimport sys\n_ = sys.stdout.buffer.write(text)"),
    (
        "two streams",
        "import sys\nfor i in range(50_000):\n    print('to the one', i)\n    print('to the other', i, file=sys.stderr)",
    ),
];

fn flood(program: &str, name: &str, code: &str) {
    let mut kernel = Kernels::start(program);
    let mut best = [Duration::MAX; 2];
    for _ in 0..7 {
        // Its start is none of the flood.
        let waits = format!("import os, sys\nos.dup2(1, 2)\nos.write(1, b'!')\nsys.stdin.readline()\nexec({code:?})");
        let mut floor = raw(program, &waits);
        let mut from = floor.stdout.take().unwrap();
        from.read_exact(&mut [0]).unwrap();
        let start = Instant::now();
        floor.stdin.take().unwrap().write_all(b"\n").unwrap();
        let (mut answer, mut bytes) = (vec![0; 65536], 0);
        loop {
            match from.read(&mut answer).unwrap() {
                0 => break,
                n => bytes += n,
            }
        }
        let raw = start.elapsed();
        floor.wait().unwrap();
        let start = Instant::now();
        assert_eq!(kernel.exec(code), bytes);
        for (best, took) in best.iter_mut().zip([start.elapsed(), raw]) {
            *best = took.min(*best);
        }
    }
    let [own, raw] = best.map(|d| d.as_secs_f64() * 1e3);
    println!("{name:<15} {own:7.1} ms, raw pipe {raw:7.1} ms, speed {:.2} of it", raw / own);
}

/// From the interrupt in the middle of a flood to the end of its eval, everything read.
fn interrupt(program: &str) {
    let mut kernel = Kernels::start(program);
    let mut took = Vec::new();
    for _ in 0..50 {
        kernel.n += 1;
        let code = "while True: print('flood')".into();
        kernel.kernel.command(KernelCommand::Exec(Exec { n: kernel.n, code, show: Show::Value, argv: None, trace: None }));
        for _ in 0..100 {
            kernel.next();
        }
        let start = Instant::now();
        kernel.kernel.command(KernelCommand::Interrupt(Step::Interrupt));
        while !matches!(kernel.next(), KernelEvent::Done(_)) {}
        took.push(start.elapsed());
        kernel.kernel.command(KernelCommand::Fence(1));
        while !matches!(kernel.next(), KernelEvent::Fenced(_)) {}
    }
    took.sort();
    println!("interrupt:      {:7.2} ms, the worst of 50 {:.2} ms", at(&took, 50) / 1e3, at(&took, 99) / 1e3);
}

fn start(program: &str) {
    let mut bare = times(15, || _ = Command::new(program).args(["-c", ""]).status().unwrap());
    let mut ours = times(15, || _ = Kernels::start(program));
    bare.sort();
    ours.sort();
    let (bare, own) = (at(&bare, 50) / 1e3, at(&ours, 50) / 1e3);
    println!("start:          {own:6.1} ms, bare interpreter {bare:6.1} ms, {:.1} ms more", own - bare);
}

fn main() {
    // The interpreter itself: a shim in front of it would be measured instead.
    let named = std::env::var("RIALTO_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let said = Command::new(named).args(["-c", "import sys; print(sys.executable, end='')"]).output().unwrap();
    let program = String::from_utf8(said.stdout).unwrap();
    println!("{program}");
    round_trip(&program);
    for (name, code) in FLOODS {
        flood(&program, name, code);
    }
    interrupt(&program);
    start(&program);
}

//! Promise 1 for one kernel: what is written arrives whole, in order, and before the end.

use crate::driver::{Driver, Outcome};
use rialto_protocol::data::Stream;
use rialto_protocol::kernel::{KernelEvent, OUTPUT_CHUNK};

#[test]
fn stdout_and_stderr_keep_their_mutual_order() {
    let mut d = Driver::start();
    let outcome = d.exec("import sys\nfor i in range(2000):\n    print('o', i)\n    print('e', i, file=sys.stderr)").ok();
    let mut expected = Vec::new();
    for i in 0..2000 {
        expected.push((Stream::Stdout, format!("o {i}\n").into_bytes()));
        expected.push((Stream::Stderr, format!("e {i}\n").into_bytes()));
    }
    assert!(outcome.runs() == expected, "2000 pairs in order");
}

#[test]
fn what_others_write_keeps_its_place_in_the_stream() {
    let mut d = Driver::start();
    d.exec("import os, sys, subprocess, multiprocessing, ctypes\nlibc = ctypes.CDLL(None)").ok();
    for (code, expected) in [
        ("print('a'); os.system('echo b'); print('c')", "a\nb\nc\n"),
        ("print('a'); subprocess.run(['echo', 'b']); print('c')", "a\nb\nc\n"),
        ("print('a'); os.write(1, b'b\\n'); print('c')", "a\nb\nc\n"),
        ("print('a'); sys.stdout.buffer.write(b'b\\n'); print('c')", "a\nb\nc\n"),
        ("print('a'); sys.stdout.write('b\\n'); sys.__stdout__.write('c\\n'); print('d')", "a\nb\nc\nd\n"),
        ("print('a'); p = subprocess.Popen('echo b; echo c >&2; echo d', shell=True); p.wait(); print('e')", "a\nb\nd\ne\n"),
        ("subprocess.run(['cat'], input=b'piped\\n'); print('c')", "piped\nc\n"),
        (
            "print(subprocess.run('cat', capture_output=True))",
            "CompletedProcess(args='cat', returncode=0, stdout=b'', stderr=b'')\n",
        ),
        ("print('a'); os.close(os.open('/dev/null', 0)); os.system('echo b >&1'); print('c', end='')", "a\nb\nc"),
        (
            "print('a', flush=True); pid = os.fork()\nif pid == 0:\n    print('b')\n    os._exit(0)\nos.waitpid(pid, 0); print('c')",
            "a\nb\nc\n",
        ),
        ("os.write(1, b'\\xc3'); os.write(1, b'\\xa9')", "\u{e9}"),
        ("sys.stdout.buffer.write(b'\\xf0\\x9f'); sys.stdout.buffer.write(b'\\x98\\x80')", "\u{1f600}"),
        ("for _ in range(3):\n    print('\u{1f600}' * 50_000, end='')", &"\u{1f600}".repeat(150_000)),
        ("print('\\ud83d', 'x')", "\\ud83d x\n"),
    ] {
        assert_eq!(d.exec(code).out(), expected, "{code}");
    }
    // C's own buffers are emptied before the end; where in the stream is for C to say.
    let out = d.exec("print('a'); libc.printf(b'from C\\n'); print('c')").out();
    assert!(out.contains("from C\n") && out.replace("from C\n", "") == "a\nc\n", "{out}");
}

#[test]
fn bytes_that_are_no_text_arrive_as_they_are() {
    let mut d = Driver::start();
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(d.exec("import os; _ = os.write(1, bytes(range(256)))").bytes(Stream::Stdout), all);
    assert_eq!(d.exec("import sys; _ = sys.stdout.buffer.write(bytes(range(256)))").bytes(Stream::Stdout), all);
    // What was read from somewhere with surrogateescape becomes those bytes again.
    assert_eq!(d.exec("print(b'\\xff\\xfe'.decode('utf-8', 'surrogateescape'), end='')").bytes(Stream::Stdout), [0xFF, 0xFE]);
    assert_eq!(d.exec("_ = sys.stdout.buffer.write(b'\\xc3')").bytes(Stream::Stdout), [0xC3], "half a character at the end");
    assert_eq!(d.exec("_ = sys.stderr.buffer.write(memoryview(b'm'))").bytes(Stream::Stderr), b"m");
}

#[test]
fn fifty_megabytes_in_one_write_arrive_in_pieces_of_bounded_size() {
    let mut d = Driver::start();
    for code in
        ["print('x' * 50_000_000, end='')", "import os\nleft = b'x' * 50_000_000\nwhile left: left = left[os.write(1, left):]"]
    {
        d.submit(code);
        let mut total = 0;
        loop {
            match d.next() {
                KernelEvent::Output { runs, .. } => {
                    let size: usize = runs.iter().map(|run| run.data.0.len()).sum();
                    assert!(size <= OUTPUT_CHUNK, "{size}");
                    total += size;
                }
                KernelEvent::Done(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(total, 50_000_000, "{code}");
    }
}

#[test]
fn not_polling_is_back_pressure_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let progress = folder.path().join("progress");
    let printed = || u64::from_le_bytes(std::fs::read(&progress).unwrap().try_into().unwrap());
    // Something that takes its time, so that a kernel that does not wait would be far beyond the limit.
    let mut clock = Driver::start();
    for write in ["print(line, end='')", "os.write(1, line)", "sys.stderr.write(line)"] {
        std::fs::write(&progress, [0; 8]).unwrap();
        let mut d = Driver::start();
        let text = if write.starts_with("os") { "b'%099d\\n' % n" } else { "'%099d\\n' % n" };
        let code = format!(
            "import mmap, os, sys\nfile = open({progress:?}, 'r+b')\nseen = mmap.mmap(file.fileno(), 8)\nfor n in range(100_000):\n    line = {text}\n    _ = {write}\n    seen[:] = (n * 100).to_bytes(8, 'little')\n"
        );
        d.submit(&code);
        let (mut last, mut still) = (0, 0);
        while still < 3000 {
            clock.exec("1").ok();
            let now = printed();
            assert!(now <= 256 * 1024, "{write} has printed {now} bytes that nobody has asked for");
            still = if now == last && now > 0 { still + 1 } else { 0 };
            last = now;
        }
        assert!(last > 16 * 1024, "{write}: {last}");
        let outcome = d.finish().ok();
        let all: Vec<u8> = outcome.runs().into_iter().flat_map(|(_, data)| data).collect();
        assert_eq!(all.len(), 10_000_000, "{write}");
        for (n, line) in all.chunks(100).enumerate() {
            assert_eq!(line, format!("{n:099}\n").as_bytes(), "{write}");
        }
    }
}

#[test]
fn output_is_seen_while_the_eval_runs() {
    let mut d = Driver::start();
    d.submit("print('early')\ninput()");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "early\n");
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "", false);
    d.finish_into(&mut outcome);
    // And without anything that would flush: only the tick can bring this.
    d.submit("import threading\ngo = threading.Event()\nprint('by tick')\ngo.wait()");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "by tick\n");
    d.interrupt();
    d.finish_into(&mut outcome);
}

#[test]
fn a_thread_that_prints_after_the_end_is_background() {
    let mut d = Driver::start();
    d.exec("import threading\ngo = threading.Event()\ndef f():\n    go.wait()\n    print('late')\nt = threading.Thread(target=f); t.start()").ok();
    d.exec("go.set(); t.join(); u = threading.Timer(0.05, lambda: print('later still')); u.start()").ok();
    match d.next() {
        KernelEvent::Output { n: 2, background: true, runs } => assert_eq!(runs[0].data.lossy(), "later still\n"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_background_child_that_never_stops_printing_holds_neither_the_end_nor_the_order() {
    let mut d = Driver::start();
    let code = "import subprocess\nchild = subprocess.Popen(['yes'])\nchild.pid";
    let pid: i32 = d.exec(code).result().unwrap().parse().unwrap();
    // The flood stays on stdout; what the language writes keeps its order with children it waits for.
    let outcome =
        d.exec("import os\nfor i in range(5):\n    print(f'[a{i}]')\n    _ = os.system(f'echo \"[b{i}]\"')\nprint('[c]')").ok();
    let out = outcome.out().replace("y\n", "").replace(['y', '\n'], "");
    assert_eq!(out, "[a0][b0][a1][b1][a2][b2][a3][b3][a4][b4][c]");
    let outcome = d.exec("child.kill(); child.wait()").ok();
    assert_eq!(outcome.result().as_deref(), Some("-9"), "{pid}");
    assert!(d.exec("1").ok().bytes(Stream::Stdout).iter().all(|b| b"y\n".contains(b)));
}

#[test]
fn replaced_streams_are_the_users_business_and_the_originals_still_work() {
    let mut d = Driver::start();
    d.exec("import io, sys\nsys.stdout = mine = io.StringIO()\nprint('hidden')").ok();
    let outcome = d.exec("print('still hidden'); sys.__stdout__.write('shown\\n'); mine.getvalue()").ok();
    assert_eq!((outcome.out().as_str(), outcome.result().as_deref()), ("shown\n", Some("'hidden\\nstill hidden\\n'")));
    d.exec("sys.stdout = io.TextIOWrapper(sys.__stdout__.buffer, encoding='latin-1')").ok();
    assert_eq!(d.exec("print('\u{e9}')").bytes(Stream::Stdout), b"\xe9\n");
    assert_eq!(d.exec("sys.stdout = sys.__stdout__; sys.stdout.close(); print('open')").out(), "open\n");
    assert_eq!(d.exec("import contextlib\nwith contextlib.redirect_stdout(sys.stderr): print('moved')").err(), "moved\n");
    assert_eq!(
        d.exec("(sys.stdout.fileno(), sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.name)").result().as_deref(),
        Some("(1, False, 'utf-8', '<stdout>')")
    );
}

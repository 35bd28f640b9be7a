//! What each language is asked, so that the same can be expected of all.

mod jupyter;

/// Code of one kernel. What a language does not have is absent, and its row is left out.
pub(super) struct Codes {
    /// Writes `out` to stdout and `err` to stderr.
    pub(super) streams: Option<&'static str>,
    /// Writes o0, e0, o1, e1... e99 to stdout and stderr in turn, each a line.
    pub(super) order: Option<&'static str>,
    /// An expression, and how its value is shown.
    pub(super) result: Option<(&'static str, &'static str)>,
    /// Fails, saying `boom`.
    pub(super) error: Option<&'static str>,
    /// What `exec` exits with then.
    pub(super) error_code: i32,
    /// Reads a line and writes `hello` and that line.
    pub(super) input: Option<&'static str>,
    /// Keeps 42 under a name, and writes it.
    pub(super) keep: &'static str,
    pub(super) kept: &'static str,
    /// Each writes `up` and does not end by itself.
    pub(super) busy: Option<&'static str>,
    pub(super) waits: Option<&'static str>,
    pub(super) child: Option<&'static str>,
    pub(super) floods: Option<&'static str>,
    pub(super) reads: Option<&'static str>,
    /// What completes, and to what.
    pub(super) complete: Option<(&'static str, &'static str)>,
    /// What is inspected, and what is said of it.
    pub(super) inspect: Option<(&'static str, &'static str)>,
    /// Whole, open, wrong.
    pub(super) judged: Option<[&'static str; 3]>,
    /// Ends the eval with 3.
    pub(super) exit: Option<&'static str>,
    /// Ends the process: by itself, and by a signal.
    pub(super) dies: Option<&'static str>,
    pub(super) killed: Option<&'static str>,
    /// Writes `aé😀`.
    pub(super) unicode: &'static str,
    /// Writes the bytes 255, 0, 254.
    pub(super) bytes: Option<&'static str>,
    /// Writes 50,000,000 bytes.
    pub(super) much: Option<&'static str>,
    /// Writes `late` after its end, without having that word; and something that lasts longer than until then.
    pub(super) background: Option<(&'static str, &'static str)>,
    /// A restart begins anew.
    pub(super) fresh: bool,
}

pub(super) fn of(kernel: &str) -> Option<&'static Codes> {
    match kernel {
        "python" => Some(&PYTHON),
        "node" => Some(&NODE),
        "bash" => Some(&BASH),
        "js" => Some(&JS),
        crate::embed::KERNEL => Some(&super::live::CODES),
        other => match other.strip_prefix("pty:") {
            Some(command) => super::programs::of(command),
            None => jupyter::of(other),
        },
    }
}

pub(super) const PYTHON: Codes = Codes {
    streams: Some("import sys; print('out'); print('err', file=sys.stderr)"),
    order: Some("import sys\nfor i in range(100):\n    print(f'o{i}')\n    print(f'e{i}', file=sys.stderr)"),
    result: Some(("{'a': [1, 2]}", "{'a': [1, 2]}")),
    error: Some("raise ValueError('boom')"),
    error_code: 1,
    input: Some("print('hello', input('who? '))"),
    keep: "kept = 42",
    kept: "print(kept)",
    busy: Some("print('up', flush=True)\nwhile True: pass"),
    waits: Some("import time; print('up', flush=True); time.sleep(1000)"),
    child: Some("import subprocess; subprocess.run(['sh', '-c', 'echo up; exec sleep 1000'])"),
    floods: Some("while True: print('up')"),
    reads: Some("print('up'); input()"),
    complete: Some(("kep", "kept")),
    inspect: Some(("len", "Return the number of items")),
    judged: Some(["x = 1", "def f():", "x = = 1"]),
    exit: Some("import sys; sys.exit(3)"),
    dies: Some("import os; print('last'); os._exit(5)"),
    killed: Some("import os; print('last'); os.kill(os.getpid(), 9)"),
    unicode: "print('aé😀')",
    bytes: Some("import sys; _ = sys.stdout.buffer.write(bytes([255, 0, 254]))"),
    much: Some("for _ in range(50): print('x' * 999_999)"),
    background: Some((
        "import threading; threading.Timer(0.05, lambda: print('la' + 'te')).start()",
        "import time; time.sleep(0.3)",
    )),
    fresh: true,
};

const NODE: Codes = Codes {
    streams: Some("console.log('out'); console.error('err')"),
    order: Some("for (let i = 0; i < 100; i++) { console.log(`o${i}`); console.error(`e${i}`) }"),
    result: Some(("({ a: [1, 2] })", "{ a: [ 1, 2 ] }")),
    error: Some("throw new Error('boom')"),
    error_code: 1,
    input: Some("console.log('hello', prompt('who? '))"),
    keep: "let kept = 42",
    kept: "console.log(kept)",
    busy: Some("console.log('up'); while (true) {}"),
    waits: Some("console.log('up'); await new Promise(() => {})"),
    child: Some("child_process.execSync('echo up; exec sleep 1000', { stdio: 'inherit' })"),
    floods: Some("while (true) console.log('up')"),
    reads: Some("console.log('up'); prompt()"),
    complete: Some(("kep", "kept")),
    inspect: Some(("Math.max", "max(")),
    judged: Some(["x = 1", "function f() {", "x = = 1"]),
    exit: Some("process.exit(3)"),
    // process.exit ends the eval, and Node has no other way.
    dies: None,
    killed: Some("console.log('last'); process.kill(process.pid, 'SIGKILL')"),
    unicode: "console.log('aé😀')",
    bytes: Some("process.stdout.write(Buffer.from([255, 0, 254])), undefined"),
    much: Some("for (let i = 0; i < 50; i++) console.log('x'.repeat(999999))"),
    background: Some((
        "setTimeout(() => console.log('la' + 'te'), 50), undefined",
        "await new Promise((go) => setTimeout(go, 300))",
    )),
    fresh: true,
};

const BASH: Codes = Codes {
    streams: Some("echo out; echo err >&2"),
    // Two pipes tell nothing of their mutual order.
    order: None,
    result: None,
    error: Some("echo boom >&2; (exit 7)"),
    error_code: 7,
    input: Some("read -r -p 'who? ' who; echo hello $who"),
    keep: "kept=42",
    kept: "echo $kept",
    busy: Some("echo up; while :; do :; done"),
    waits: Some("sh -c 'echo up; exec sleep 1000'; echo not this"),
    child: Some("sh -c 'echo up; exec sleep 1000' | cat"),
    floods: Some("while :; do echo up; done"),
    reads: Some("echo up; read -r x"),
    complete: Some(("echo $kep", "$kept")),
    inspect: Some(("cd", "Change the shell working directory")),
    judged: Some(["x=1", "for i in 1 2; do", "if then fi"]),
    exit: Some("exit 3"),
    dies: Some("exec sh -c 'echo last; exit 5'"),
    killed: Some("echo last; kill -KILL $$"),
    unicode: "echo aé😀",
    bytes: Some("printf '\\377\\000\\376'"),
    much: Some("head -c 50000000 /dev/zero | tr '\\0' x"),
    background: Some(("{ sleep 0.05; echo la'te'; } 2>/dev/null &", "sleep 0.3")),
    fresh: true,
};

/// Without other programs, without bytes, and without a process that could die.
const JS: Codes = Codes {
    streams: Some("console.log('out'); console.error('err')"),
    order: Some("for (let i = 0; i < 100; i++) { console.log(`o${i}`); console.error(`e${i}`) }"),
    result: Some(("{ a: [1, 2] }", "{ a: [ 1, 2 ] }")),
    error: Some("throw new Error('boom')"),
    error_code: 1,
    input: Some("print('hello', prompt('who? '))"),
    keep: "let kept = 42",
    kept: "print(kept)",
    busy: Some("print('up'); while (true) {}"),
    waits: Some("print('up'); await new Promise(() => {})"),
    child: None,
    floods: Some("while (true) print('up')"),
    reads: Some("print('up'); prompt()"),
    complete: Some(("kep", "kept")),
    inspect: Some(("setTimeout", "setTimeout(f, ms, ...rest)")),
    judged: Some(["x = 1", "function f() {", "x = = 1"]),
    exit: Some("exit(3)"),
    dies: None,
    killed: None,
    unicode: "print('aé😀')",
    bytes: None,
    much: Some("for (let i = 0; i < 50; i++) print('x'.repeat(999999))"),
    background: Some(("setTimeout(() => print('la' + 'te'), 50); undefined", "await new Promise((go) => setTimeout(go, 300))")),
    fresh: true,
};

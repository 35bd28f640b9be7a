//! What programs in terminals are asked, by the program's name. One terminal is one stream; a program that reads has no way to be asked
//! for completions or to be told that code is open; and no outcome but the end of an eval is seen.

use super::codes::Codes;

pub(super) fn of(command: &str) -> Option<&'static Codes> {
    let program = command.split_whitespace().next()?.rsplit('/').next()?;
    match program {
        "sqlite3" => Some(&SQLITE),
        "gdb" => Some(&GDB),
        "bash" => Some(&BASH),
        "psql" => Some(&PSQL),
        _ if program.starts_with("python") => Some(&PYTHON),
        _ if program.starts_with("lua") => Some(&LUA),
        _ if program.starts_with("node") => Some(&NODE),
        _ => None,
    }
}

const ANY: Codes = Codes {
    streams: None,
    order: None,
    result: None,
    error: None,
    error_code: 0,
    input: None,
    keep: "",
    kept: "",
    busy: None,
    waits: None,
    child: None,
    floods: None,
    reads: None,
    complete: None,
    inspect: None,
    judged: None,
    exit: None,
    dies: None,
    killed: None,
    unicode: "",
    bytes: None,
    much: None,
    background: None,
    fresh: true,
};

const SQLITE: Codes = Codes {
    result: Some(("select 6 * 7;", "42")),
    keep: "create table if not exists kept(x); delete from kept; insert into kept values (42);",
    kept: "select x from kept;",
    busy: Some("select 'up'; with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c;"),
    child: Some(".shell echo up; exec sleep 1000"),
    floods: Some("with recursive c(n) as (select 1 union all select n + 1 from c) select 'up' from c;"),
    dies: Some(".print last\n.exit 5"),
    killed: Some(".print last\n.shell kill -KILL $PPID"),
    unicode: "select 'aé😀';",
    much: Some(
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 50) select printf('%.*c', 999999, 'x') from c;",
    ),
    ..ANY
};

const PSQL: Codes = Codes {
    // What its own commands say differs from version to version.
    result: Some(("select 6 * 7 as answer \\gset\n\\echo :answer", "42")),
    keep: "\\set kept 42",
    kept: "\\echo :kept",
    busy: Some("\\echo up\nselect count(*) from generate_series(1, 1e12::bigint);"),
    waits: Some("\\echo up\nselect pg_sleep(1000);"),
    child: Some("\\! echo up; exec sleep 1000"),
    unicode: "\\echo aé😀",
    ..ANY
};

const PYTHON: Codes = Codes {
    result: Some(("{'a': [1, 2]}", "{'a': [1, 2]}")),
    input: Some("print('hello', input('who? '))"),
    keep: "kept = 42",
    kept: "print(kept)",
    busy: Some("print('up', flush=True)\nwhile True: pass"),
    waits: Some("import time; print('up', flush=True); time.sleep(1000)"),
    child: Some("import subprocess; subprocess.run(['sh', '-c', 'echo up; exec sleep 1000'])"),
    floods: Some("while True: print('up')"),
    reads: Some("print('up'); input()"),
    dies: Some("import os; print('last'); os._exit(5)"),
    killed: Some("import os; print('last'); os.kill(os.getpid(), 9)"),
    unicode: "print('aé😀')",
    bytes: Some("import sys; _ = sys.stdout.buffer.write(bytes([255, 0, 254])); sys.stdout.flush()"),
    much: Some("for _ in range(50): print('x' * 999_999)"),
    background: Some((
        "import threading; threading.Timer(0.05, lambda: print('la' + 'te')).start()",
        "import time; time.sleep(0.3)",
    )),
    ..ANY
};

const NODE: Codes = Codes {
    result: Some(("({ a: [1, 2] })", "{ a: [ 1, 2 ] }")),
    keep: "kept = 42",
    kept: "kept",
    // A value that is shown as no more than this.
    unicode: "new (class { [Symbol.for('nodejs.util.inspect.custom')]() { return 'aé😀' } })",
    killed: Some("void process.stdout.write('last\\n'), process.kill(process.pid, 'SIGKILL')"),
    ..ANY
};

const BASH: Codes = Codes {
    input: Some("read -r -p 'who? ' who; echo hello $who"),
    keep: "kept=42",
    kept: "echo $kept",
    waits: Some("sh -c 'echo up; exec sleep 1000'; echo not this"),
    child: Some("sh -c 'echo up; exec sleep 1000' | cat"),
    floods: Some("while :; do echo up; done"),
    reads: Some("echo up; read -r x"),
    dies: Some("echo last; exec sh -c 'exit 5'"),
    killed: Some("echo last; kill -KILL $$"),
    unicode: "echo aé😀",
    bytes: Some("printf '\\377\\000\\376'"),
    much: Some("head -c 50000000 /dev/zero | tr '\\0' x"),
    background: Some(("{ sleep 0.05; echo la'te'; } 2>/dev/null & disown", "sleep 0.3")),
    ..ANY
};

const LUA: Codes = Codes {
    result: Some(("6 * 7", "42")),
    input: Some("io.write('who? '); print('hello ' .. io.read())"),
    keep: "kept = 42",
    kept: "print(kept)",
    busy: Some("print('up'); while true do end"),
    floods: Some("while true do print('up') end"),
    dies: Some("print('last'); os.exit(5)"),
    unicode: "print('aé😀')",
    bytes: Some("_ = io.write('\\255\\0\\254')"),
    much: Some("for i = 1, 50 do print(string.rep('x', 999999)) end"),
    ..ANY
};

const GDB: Codes = Codes {
    result: Some(("print 6 * 7", "$1 = 42")),
    keep: "set $kept = 42",
    kept: "printf \"%d\\n\", $kept",
    child: Some("shell echo up; exec sleep 1000"),
    unicode: "echo aé😀\\n",
    killed: Some("echo last\\n\nshell kill -KILL $PPID"),
    ..ANY
};

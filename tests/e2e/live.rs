//! A program that runs already as a session: `import rialto; rialto.embed("web")`.

use crate::common::{Running, Terminal, World, signal, until};
use nix::sys::signal::Signal;

/// A program with a thread of its own that counts and prints, and is a session.
const PROGRAM: &str = "\
import os, sys, threading, time
import rialto
counter = 0
def work():
    global counter
    while True:
        counter += 1
        time.sleep(0.001)
threading.Thread(target=work, daemon=True).start()
print('its own word', flush=True)
rialto.embed('web')
print('embedded', flush=True)
while not os.path.exists('end'):
    time.sleep(0.01)
print('its last word', flush=True)
";

fn program(world: &World) -> Running {
    let module = world.run(&["python-module"]).ok();
    world.file("rialto.py", &module);
    world.file("program.py", PROGRAM);
    start(world)
}

fn start(world: &World) -> Running {
    let mut command = world.command("python3");
    command.arg("program.py");
    let running = Running::start(command);
    running.wait_for_out("embedded\n");
    running
}

#[test]
fn a_running_program_is_a_session_and_stays_itself() {
    let world = World::new();
    let running = program(&world);
    let run = |code: &str| world.run(&["exec", "-s", "web", "-c", code]);
    let listed = &world.ls(false)[0];
    assert_eq!((listed["name"].as_str(), listed["kernel"].as_str()), (Some("web"), Some("live")));
    // Its variables, while its threads go on.
    let counted = |said: String| said.trim().parse::<u64>().unwrap();
    let before = counted(run("counter").ok());
    until("the program to count on", || (counted(run("counter").ok()) > before).then_some(()));
    run("import sys; print('out'); print('err', file=sys.stderr); found = 41; found + 1").says(0, "out\n42\n", "err\n");
    run("import threading; threading.current_thread() is threading.main_thread()").says(0, "False\n", "");
    run("import asyncio\nawait asyncio.sleep(0)\n'slept'").says(0, "'slept'\n", "");
    let failed = run("def f():\n  return 1/0\nf()").exits(1);
    assert!(
        failed.err().contains("line 2, in f") && failed.err().contains("return 1/0") && !failed.err().contains("rialto.py"),
        "{failed}"
    );
    run("raise SystemExit(3)").exits(3);
    assert_eq!(world.run_with(&["exec", "-s", "web", "-c", "input('who? ')"], "me\n").ok(), "who? 'me'\n");
    let flood = run("for i in range(200_000): print('line', i)").ok();
    assert_eq!((flood.lines().count(), flood.lines().last()), (200_000, Some("line 199999")));
    assert_eq!(run("'x' * 3_000_000").ok().len(), 3_000_003);
    // What it prints is its own, and what an eval's other threads print, too.
    run("t = threading.Thread(target=print, args=('of a thread',), kwargs={'flush': True}); t.start(); t.join()").says(0, "", "");
    running.wait_for_out("of a thread\n");
    // A terminal, with what the program's own names complete to.
    let t = Terminal::open(&world, "rialto web");
    t.wait_for("the running program");
    t.wait_for(">>>");
    t.type_line("found.bit_length()");
    t.shows(&[">>> found.bit_length()", "6", ">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("detached");
    drop(t);
    // Its end, said by nobody: the session's end is not its end.
    world.run(&["kill", "web"]).exits(0);
    world.quiet_but(running.pid());
    world.file("end", "");
    let said = running.end();
    assert_eq!(said.out(), "its own word\nembedded\nof a thread\nits last word\n");
    assert_eq!((said.code, said.err()), (0, String::new()));
}

#[test]
fn an_interrupt_hits_its_eval_and_never_the_program() {
    let world = World::new();
    let running = program(&world);
    let run = |code: &str| world.run(&["exec", "-s", "web", "-c", code]);
    for n in 0..20 {
        let said = world.run(&["exec", "-s", "web", "--timeout", "0.01", "-c", "while True: pass"]).exits(124);
        assert!(said.err().contains("KeyboardInterrupt"), "{said}");
        run(&format!("{n} + 1")).says(0, &format!("{}\n", n + 1), "");
    }
    // In the event loop, where nothing of Python runs; and while it waits for an answer.
    world.run(&["exec", "-s", "web", "--timeout", "0.1", "-c", "import asyncio; await asyncio.sleep(1000)"]).exits(124);
    let eval = world.run(&["exec", "-s", "web", "--detach", "-c", "input('never answered')"]).ok();
    until("it to ask", || world.run(&["logs", "web"]).ok().contains("never answered").then_some(()));
    world.run(&["interrupt", "web", eval.trim().rsplit_once('#').unwrap().1]).exits(0);
    run("1").says(0, "1\n", "");
    // What never looks at an interrupt is left behind by force, and the program goes on with it.
    let stuck = "import time; time.sleep(30)";
    world.run(&["exec", "-s", "web", "--detach", "-c", stuck]).ok();
    world.run(&["interrupt", "web", "--force-after", "0.1"]).exits(0);
    assert!(running.err().is_empty(), "{}", running.err());
    world.file("end", "");
    assert_eq!(running.end().exits(0).out(), "its own word\nembedded\nits last word\n");
    world.run(&["kill", "web"]).exits(0);
}

#[test]
fn the_program_may_die_and_another_come_and_so_may_the_supervisor() {
    let world = World::new();
    let running = program(&world);
    let run = |code: &str| world.run(&["exec", "-s", "web", "-c", code]);
    // A fork of it has a copy of its link and must not keep it open.
    run("kept = 1\nif os.fork() == 0:\n  os.execvp('sleep', ['sleep', '600'])").exits(0);
    let child = run(
        "import subprocess; subprocess.run(['pgrep', '-P', str(os.getpid()), 'sleep'], capture_output=True, text=True).stdout",
    )
    .ok();
    let child: i32 = child.trim().trim_matches(['\'', '\\', 'n']).parse().unwrap();
    // Its supervisor's death costs the program nothing.
    let supervisor = world.ls(false)[0]["status"]["pid"].as_i64().unwrap();
    signal(i32::try_from(supervisor).unwrap(), Signal::SIGKILL);
    let said = run("kept + 1");
    assert!(said.err().contains("this ran in the program as it is now"), "{said}");
    assert_eq!(said.ok(), "2\n");
    // One name, one program.
    let mut second = world.command("python3");
    second.arg("program.py");
    let refused = Running::start(second).end();
    assert!(refused.code == 1 && refused.err().contains("another program is embedded as web, and lives"), "{refused}");
    run("kept + 2").says(0, "3\n", "");
    // Its death is the kernel's: what ran is told so.
    let mut waiting = world.start(&["exec", "-s", "web", "-c", "print('begun', flush=True)\nwhile True: pass"]);
    waiting.wait_for_out("begun");
    running.signal(Signal::SIGKILL);
    drop(waiting.stdin.take());
    assert_eq!(waiting.end().code, 70);
    signal(child, Signal::SIGKILL);
    drop(running);
    let said = run("kept").exits(70);
    assert!(said.err().contains("the program that this session is in has ended"), "{said}");
    // The next one under that name goes on in its session.
    let running = start(&world);
    assert!(run("kept").exits(1).err().contains("NameError"));
    assert!(world.run(&["logs", "web"]).ok().contains("kept + 2"));
    drop(running);
    world.run(&["kill", "web"]).exits(0);
}

/// What Python 3.14 does in a process, as far as an older one can: at the next safe moment its main thread runs the script.
const STAND_IN: &str = "\
import signal, sys, time
secret = 42
def run(*_):
    exec(open(open('injected').read()).read(), sys.modules['__main__'].__dict__)
signal.signal(signal.SIGUSR1, run)
print('ready', flush=True)
while True:
    time.sleep(0.01)
";

/// An interpreter that has `sys.remote_exec`, for want of a real Python 3.14.
const ASKS: &str = "\
#!/usr/bin/env python3
import os, signal, sys
def remote_exec(pid, script):
    open('injected', 'w').write(script)
    os.kill(pid, signal.SIGUSR1)
sys.remote_exec = remote_exec
assert sys.argv[1:3] == ['-I', '-c']
code, sys.argv = sys.argv[3], ['-c'] + sys.argv[4:]
exec(code)
";

#[test]
fn a_python_that_nobody_prepared_becomes_a_session() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.file("program.py", STAND_IN);
    let asks = world.file("py-asks", ASKS);
    std::fs::set_permissions(&asks, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = world.command("python3");
    command.arg("program.py");
    let running = Running::start(command);
    running.wait_for_out("ready");
    let pid = running.pid().to_string();
    let asks = asks.display().to_string();
    let said = world.run(&["debug", &pid, "--python", &asks]);
    assert!(said.err().contains(&format!("rialto debug-{pid}")), "{said}");
    assert_eq!(said.ok(), format!("debug-{pid}\n"));
    let session = format!("debug-{pid}");
    world.run(&["exec", "-s", &session, "-c", "secret, '__rialto' in globals()"]).says(0, "(42, False)\n", "");
    world.run(&["exec", "-s", &session, "--timeout", "0.05", "-c", "while True: pass"]).exits(124);
    let left: Vec<_> = std::fs::read_dir(world.runtime()).unwrap().flatten().map(|file| file.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("debug-")), "{left:?}");
    // Again: it is that session already. Under another name that somebody has: told, and nothing broken.
    world.run(&["debug", &pid, "--python", &asks]).exits(0);
    world.session("taken", "1");
    world.run(&["debug", &pid, "--python", &asks, "--name", "taken"]).complains(1, &["taken is a session of the kernel python"]);
    world.run(&["exec", "-s", &session, "-c", "secret"]).says(0, "42\n", "");
    // What cannot be: an older Python, another program, nobody.
    let python = world.run(&["exec", "--rm", "-c", "import sys; sys.version_info < (3, 14)"]).ok();
    if python == "True\n" {
        world.run(&["debug", &pid]).complains(64, &["only 3.14 and newer", "rialto.embed"]);
    }
    let mut other = world.command("sleep");
    let other = Running::start({
        other.arg("600");
        other
    });
    world.run(&["debug", &other.pid().to_string()]).complains(64, &["which is no Python"]);
    world.run(&["debug", "999999999"]).complains(64, &["there is no process 999999999"]);
    drop(other);
    world.run(&["kill", &session, "taken"]).exits(0);
    drop(running);
}

const NODE: &str = "\
let counter = 0;
globalThis.shared = { word: null, get hits() { return counter; } };
setInterval(() => {
  counter++;
  if (shared.word) { console.log(shared.word); shared.word = null; }
  if (require('fs').existsSync('end')) { console.log('its last word'); process.exit(0); }
}, 2);
console.log('ready');
";

#[test]
fn a_running_node_becomes_a_session_and_stays_itself() {
    let world = World::new();
    world.file("program.js", NODE);
    // Whichever port is free: that of the inspector may be anybody's on this machine.
    let mut command = world.command("node");
    command.args(["--inspect-port=0", "program.js"]);
    let running = Running::start(command);
    running.wait_for_out("ready");
    let pid = running.pid().to_string();
    assert_eq!(world.run(&["debug", &pid, "--name", "web"]).ok(), "web\n");
    let run = |code: &str| world.run(&["exec", "-s", "web", "-c", code]);
    let counted = |said: String| said.trim().parse::<u64>().unwrap();
    let before = counted(run("shared.hits").ok());
    until("the program to go on", || (counted(run("shared.hits").ok()) > before).then_some(()));
    run("console.log('out'); console.error('err'); let x = 41; x + 1").says(0, "out\n42\n", "err\n");
    run("x = 5; await new Promise(done => setTimeout(done, 1)); console.log('later'); x").says(0, "later\n5\n", "");
    run("require('path').join('a', 'b')").says(0, "'a/b'\n", "");
    run("{a: 1}").says(0, "{ a: 1 }\n", "");
    let failed = run("null.foo").exits(1);
    assert!(failed.err().starts_with("Uncaught TypeError") && !failed.err().contains("node:inspector"), "{failed}");
    // The program's own words stay its own, also while an eval waits.
    run("shared.word = 'its own word'; while (shared.word) await new Promise(done => setTimeout(done, 1)); console.log('of the eval')")
        .says(0, "of the eval\n", "");
    for n in 0..10 {
        world.run(&["exec", "-s", "web", "--timeout", "0.02", "-c", "while (true) {}"]).exits(124);
        run(&format!("{n} + x")).says(0, &format!("{}\n", n + 5), "");
    }
    world.run(&["exec", "-s", "web", "--timeout", "0.05", "-c", "await new Promise(() => {})"]).exits(124);
    let flood = run("for (let i = 0; i < 50_000; i++) console.log('line', i)").ok();
    assert_eq!((flood.lines().count(), flood.lines().last()), (50_000, Some("line 49999")));
    world.run(&["debug", &pid]).complains(1, &["is a session already, under another name"]);
    // Its inspector, which anybody on the machine could use, is closed again.
    until("the inspector to be closed", || running.err().contains("Debugger ending").then_some(()));
    world.run(&["restart", "web"]).exits(0);
    run("x").exits(0);
    world.run(&["kill", "web"]).exits(0);
    world.file("end", "");
    assert_eq!(running.end().exits(0).out(), "ready\nits own word\nits last word\n");
}

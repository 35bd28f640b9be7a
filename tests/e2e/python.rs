//! Python, through everything: what it shows, writes, reads, and how it dies.

use crate::common::{World, lines};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sha2::{Digest, Sha256};

#[test]
fn values_and_awaits() {
    let world = World::new();
    world.session("work", "import asyncio");
    let run = |code: &str| world.run(&["exec", "-s", "work", "-c", code]);
    run("'text'").says(0, "'text'\n", "");
    run("x = 5\nx").says(0, "5\n", "");
    run("_ + 1").says(0, "6\n", "");
    run("await asyncio.sleep(0, 'awaited')").says(0, "'awaited'\n", "");
    run("async def f(): return 7").says(0, "", "");
    run("await f()").says(0, "7\n", "");
    run("'ü' * 3 + '日本'").says(0, "'üüü日本'\n", "");
    run("class R:\n  def __repr__(self): raise ValueError('no repr')\nR()").exits(1);
    run("print('still here')").says(0, "still here\n", "");
}

#[test]
fn errors_point_at_the_place() {
    let world = World::new();
    world.session("work", "def half(n):\n    return n / (n - n)\n");
    let err = world.run(&["exec", "-s", "work", "-c", "x = 1\nhalf(x)"]).exits(1).err();
    let wanted = "Traceback (most recent call last):\n  File \"<cell 2>\", line 2, in <module>\n    half(x)\n  File \"<cell 1>\", line 2, in half\n    return n / (n - n)\n";
    assert!(err.starts_with(wanted), "{err}");
    assert!(err.ends_with("ZeroDivisionError: division by zero\n"), "{err}");
    let err = world.run(&["exec", "-s", "work", "-c", "a = 1\nif a = 2: pass"]).exits(1).err();
    assert!(err.contains("    if a = 2: pass\n       ^^^^^\n") && err.contains("SyntaxError: invalid syntax"), "{err}");
    world.file("fails.py", "def f():\n    raise KeyError('of a file')\nf()\n");
    let err = world.run(&["exec", "fails.py"]).exits(1).err();
    assert!(err.contains("fails.py\", line 2, in f\n    raise KeyError('of a file')\n"), "{err}");
}

#[test]
fn both_streams_keep_their_order() {
    let world = World::new();
    let code = "import sys, os\nfor i in range(3):\n  print('out', i)\n  print('err', i, file=sys.stderr)\nos.system('echo from a shell')\nprint('after the shell')";
    let events = lines(&world.run(&["exec", "--json", "-c", code]).ok());
    let runs =
        events.iter().filter(|event| event["type"] == "output").flat_map(|event| event["runs"].as_array().unwrap().clone());
    let mut text = String::new();
    for run in runs {
        let mark = if run["stream"] == "stderr" { "!" } else { "" };
        run["data"].as_str().unwrap().lines().for_each(|line| text.push_str(&format!("{mark}{line}\n")));
    }
    assert_eq!(text, "out 0\n!err 0\nout 1\n!err 1\nout 2\n!err 2\nfrom a shell\nafter the shell\n");
}

#[test]
fn children_write_where_python_writes() {
    let world = World::new();
    let code = "import os, subprocess, sys\nprint('1')\nos.system('echo 2; echo e2 >&2')\nprint('3')\nsubprocess.run(['echo', '4'])\n\
                subprocess.run([sys.executable, '-c', 'print(5)'])\nos.write(1, b'6\\n')\nprint('7')";
    world.run(&["exec", "-c", code]).says(0, "1\n2\n3\n4\n5\n6\n7\n", "e2\n");
}

#[test]
fn fifty_megabytes_in_one_write_arrive_whole() {
    let world = World::new();
    let code = "import sys, hashlib\ndata = b''.join(hashlib.sha256(i.to_bytes(4)).digest() for i in range(1600)) * 1000\n\
                n = sys.stdout.buffer.write(data)\nprint(hashlib.sha256(data).hexdigest(), len(data), file=sys.stderr)";
    let said = world.run(&["exec", "-c", &code.replace("to_bytes(4)", "to_bytes(4, 'big')")]).exits(0);
    let hash: String = Sha256::digest(&said.stdout).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(said.err(), format!("{hash} {}\n", said.stdout.len()));
    assert_eq!(said.stdout.len(), 51_200_000);
}

#[test]
fn a_child_that_never_stops_printing_does_not_hold_the_end() {
    let world = World::new();
    let code = "import subprocess\np = subprocess.Popen(['yes'])\nprint(p.pid)";
    let said = world.run(&["exec", "-s", "work", "-k", "python", "-c", code]).exits(0);
    // The flood goes on behind the next evals, which run and end all the same.
    world.run(&["exec", "-s", "work", "-q", "-c", "x = 6*7"]).exits(0);
    let said_pid = said.out().lines().find_map(|line| line.parse::<i32>().ok()).expect("the child's pid");
    kill(Pid::from_raw(said_pid), Signal::SIGKILL).unwrap();
    world.run(&["kill", "work"]).exits(0);
}

#[test]
fn a_crash_is_named_and_the_next_eval_has_a_fresh_kernel() {
    let world = World::new();
    world.session("work", "x = 1");
    let said = world.run(&["exec", "-s", "work", "-c", "import ctypes; print('last words', flush=True); ctypes.string_at(0)"]);
    assert_eq!((said.code, said.out().as_str()), (70, "last words\n"), "{said}");
    assert!(said.err().contains("SIGSEGV"), "{said}");
    let said = world.run(&["exec", "-s", "work", "-c", "x"]).exits(1);
    assert!(said.err().contains("NameError") && said.err().contains("fresh kernel"), "{said}");
    world.run(&["exec", "-s", "work", "-c", "2"]).says(0, "2\n", "");
}

#[test]
fn an_interrupt_reaches_it_wherever_it_is() {
    let world = World::new();
    world.session("work", "import time, subprocess, asyncio, os, threading");
    for code in [
        "os.system('exec sleep 60')",
        "time.sleep(60)",
        "while True: pass",
        "subprocess.run(['sleep', '60'])",
        "await asyncio.sleep(60)",
        "threading.Event().wait()",
        "sum(iter(lambda: 1, 0))",
    ] {
        let running = world.start(&["exec", "-s", "work", "-c", &format!("print('begun', flush=True)\n{code}")]);
        running.wait_for_out("begun\n");
        running.signal(Signal::SIGINT);
        let said = running.end().exits(130);
        assert!(said.err().contains("KeyboardInterrupt") || said.err().contains("CancelledError"), "{code}: {said}");
    }
    world.run(&["exec", "-s", "work", "-c", "'alive'"]).says(0, "'alive'\n", "");
}

#[test]
fn a_handler_of_the_codes_own_sees_the_interrupt() {
    let world = World::new();
    let code = "import time\ntry:\n  print('begun', flush=True); time.sleep(60)\nexcept KeyboardInterrupt:\n  print('caught')\n'ended well'";
    let running = world.start(&["exec", "-c", code]);
    running.wait_for_out("begun\n");
    running.signal(Signal::SIGINT);
    running.end().says(0, "begun\ncaught\n'ended well'\n", "");
}

#[test]
fn what_is_written_after_the_end_is_kept_as_background() {
    let world = World::new();
    let code = "import os, threading\nos.mkfifo('go')\ndef later():\n  open('go').read(); print('from behind', flush=True)\n\
                t = threading.Thread(target=later); t.start()";
    world.session("work", code);
    std::fs::write(world.project().join("go"), "x").unwrap();
    world.run(&["exec", "-s", "work", "-q", "-c", "t.join()"]).exits(0);
    let events = world.events("work");
    let behind = events.iter().find(|event| event["runs"][0]["data"] == "from behind\n");
    assert!(behind.is_some(), "{events:?}");
}

#[test]
fn a_session_has_the_environment_and_folder_it_was_made_in() {
    let world = World::new();
    let mut command =
        world.rialto(&["exec", "-c", "import os; os.environ['COLOUR_OF_TEST'], os.environ.get('RIALTO_SESSION') != None"]);
    command.env("COLOUR_OF_TEST", "green");
    crate::common::Running::start(command).end().says(0, "('green', True)\n", "");
    // Its modules are found where the person stands.
    world.file("mine.py", "answer = 42\n");
    world.run(&["exec", "-c", "import mine; mine.answer"]).says(0, "42\n", "");
}

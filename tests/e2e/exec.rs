//! `rialto exec` is, to whoever calls it, the interpreter: its streams, its exit code.

use crate::common::{World, until};
use nix::sys::signal::Signal;

#[test]
fn its_streams_and_its_code_are_the_codes_own() {
    let world = World::new();
    let code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)";
    world.run(&["exec", "-c", code]).says(3, "out\n", "err\n");
    world.run(&["exec", "-c", "import sys; sys.exit('no more paper')"]).says(1, "", "no more paper\n");
    world.run(&["exec", "-c", "import sys; sys.exit(259)"]).says(3, "", "");
    world.run(&["exec", "-c", "raise SystemExit"]).says(0, "", "");
    // Bytes, not text: what is no UTF-8 arrives as it was written.
    let said = world.run(&["exec", "-c", r"import sys; _ = sys.stdout.buffer.write(b'\xff\x00\xfe')"]);
    assert_eq!((said.code, said.stdout), (0, b"\xff\x00\xfe".to_vec()));
}

#[test]
fn the_last_value_is_shown_as_a_repl_would() {
    let world = World::new();
    world.run(&["exec", "-c", "6*7"]).says(0, "42\n", "");
    world.run(&["exec", "-q", "-c", "6*7"]).says(0, "", "");
    world.run(&["exec", "-c", "x = 6*7"]).says(0, "", "");
    world.run(&["exec", "-c", "None"]).says(0, "", "");
    world.run_with(&["exec", "-"], "x = 'a'\nx * 2\n").says(0, "'aa'\n", "");
    world.run_with(&["exec", "-q", "-"], "x = 'a'\nx * 2\n").says(0, "", "");
    world.sh("echo '6*7' | rialto exec").says(0, "42\n", "");
    world.file("six.py", "6*7\nprint('of a file, what it prints')\n'and no value'\n");
    world.run(&["exec", "six.py"]).says(0, "of a file, what it prints\n", "");
}

#[test]
fn stdin_belongs_to_the_program_unless_it_is_the_program() {
    let world = World::new();
    let cat = "import sys\nfor line in sys.stdin: print('got', line, end='')\n";
    world.run_with(&["exec", "-c", cat], "one\ntwo\nno newline").says(0, "got one\ngot two\ngot no newline", "");
    world.file("cat.py", cat);
    world.run_with(&["exec", "cat.py"], "1\n2\n").says(0, "got 1\ngot 2\n", "");
    world.run_with(&["exec", "-c", "print([input('name? '), input()])"], "Ann\nBob\n").says(0, "name? ['Ann', 'Bob']\n", "");
    // Code from stdin cannot read it: the end of the file, at once, as with `python3 -`.
    let said = world.run_with(&["exec", "-"], "input()\n").exits(1);
    assert!(said.err().ends_with("EOFError: EOF when reading a line\n"), "{said}");
    world.run_with(&["exec", "-c", "import sys; len(sys.stdin.read())"], "x".repeat(300_000)).says(0, "300000\n", "");
    world.run(&["exec", "-c", "import sys; sys.stdin.buffer.read()"]).says(0, "b''\n", "");
}

#[test]
fn what_it_reads_arrives_while_it_runs() {
    let world = World::new();
    let mut running = world.start(&["exec", "-c", "while True: print('echo', input(), flush=True)"]);
    for line in ["first", "second"] {
        running.write(format!("{line}\n"));
        running.wait_for_out(&format!("echo {line}\n"));
    }
    let said = running.end().exits(1);
    assert!(said.err().contains("EOFError"), "{said}");
}

#[test]
fn arguments_are_the_codes() {
    let world = World::new();
    world.file("args.py", "import sys\nprint(sys.argv)\n");
    world.run(&["exec", "args.py", "--", "-x", "two words", ""]).says(0, "['args.py', '-x', 'two words', '']\n", "");
    world.run(&["exec", "-c", "import sys; sys.argv", "--", "--help"]).says(0, "['-c', '--help']\n", "");
    world.run_with(&["exec", "-", "--", "1"], "import sys; sys.argv").says(0, "['-', '1']\n", "");
    world.run(&["exec", "-c", "import os; os.getcwd()"]).says(0, &format!("'{}'\n", world.project().display()), "");
}

#[test]
fn ctrl_c_interrupts_the_code() {
    let world = World::new();
    let code = "import time\ntry:\n  print('in', flush=True); time.sleep(60)\nfinally:\n  print('out')\n";
    let running = world.start(&["exec", "-c", code]);
    running.wait_for_out("in\n");
    running.signal(Signal::SIGINT);
    let said = running.end().exits(130);
    assert_eq!(said.out(), "in\nout\n");
    assert!(said.err().trim_end().ends_with("KeyboardInterrupt"), "{said}");
    world.quiet();
}

#[test]
fn what_will_not_stop_is_stopped_at_the_timeout() {
    let world = World::new();
    let stubborn = "import time\nwhile True:\n  try: time.sleep(60)\n  except KeyboardInterrupt: print('no', flush=True)\n";
    let said = world.run(&["exec", "--timeout", "0.2", "-c", stubborn]).exits(124);
    assert_eq!(said.out(), "no\nno\n");
    assert!(said.err().contains("stopped after 0.2 s"), "{said}");
    // What is done in time is not touched by it.
    world.run(&["exec", "--timeout", "30", "-c", "1"]).says(0, "1\n", "");
    world.quiet();
}

#[test]
fn the_exit_code_says_which_kind_of_failure() {
    let world = World::new();
    let said = world.run(&["exec", "-c", "1/0"]).exits(1);
    assert_eq!(said.out(), "");
    assert!(said.err().ends_with("ZeroDivisionError: division by zero\n"), "{said}");
    let said = world.run(&["exec", "-c", "import os; os._exit(5)"]).exits(70);
    assert!(said.err().contains("exited with 5") || said.err().contains("code 5"), "{said}");
    let said = world.run(&["exec", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]).exits(70);
    assert!(said.err().contains("SIGKILL"), "{said}");
    world.run(&["exec", "-c", "1", "also.py"]).exits(64);
    world.run(&["exec", "--timeout", "soon", "-c", "1"]).exits(64);
    world.run(&["exec", "not-there.py"]).complains(64, &["not-there.py"]);
}

#[test]
fn a_session_of_its_own_ends_with_the_code_and_can_be_read_after() {
    let world = World::new();
    world.run(&["exec", "-c", "print('kept')"]).ok();
    world.quiet();
    assert_eq!(world.ls(false).len(), 0);
    let all = world.ls(true);
    assert_eq!(all.len(), 1);
    let id = all[0]["session"].as_str().unwrap();
    let logs = world.run(&["logs", id]).ok();
    assert!(logs.contains(">>> print('kept')\nkept\n"), "{logs}");
    world.run(&["exec", "--rm", "-c", "print('gone')"]).says(0, "gone\n", "");
    world.quiet();
    assert_eq!(world.ls(true).len(), 1, "--rm leaves nothing");
}

#[test]
fn a_killed_client_does_not_end_the_eval() {
    let world = World::new();
    let code = "print('begun', flush=True)\nopen('go')\nprint('done')\nopen('done', 'w').write('x')";
    let wait = "import os\nos.mkfifo('go')\n";
    let running = world.start(&["exec", "-c", &format!("{wait}{code}")]);
    running.wait_for_out("begun\n");
    running.signal(Signal::SIGKILL);
    running.end().exits(128 + 9);
    // Only now may it go on, with nobody there to see.
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
    world.wait_for_file("done");
    world.quiet();
    let id = world.ls(true)[0]["session"].as_str().unwrap().to_owned();
    let logs = world.run(&["logs", &id]).ok();
    assert!(logs.contains("begun\ndone\n"), "{logs}");
}

#[test]
fn the_same_eval_id_runs_once() {
    let world = World::new();
    let code = "import time; open('ran', 'a').write('x'); print('once', time.time_ns()); 'value'";
    let first = world.run(&["exec", "--eval-id", "deploy-7", "-c", code]).exits(0);
    let again = world.run(&["exec", "--eval-id", "deploy-7", "-c", code]).exits(0);
    assert_eq!((first.out(), first.err()), (again.out(), again.err()));
    assert_eq!(world.wait_for_file("ran"), "x");
    // Other code under the same id is a mistake, and is not run either.
    world.run(&["exec", "--eval-id", "deploy-7", "-c", "open('ran', 'a').write('y')"]).complains(1, &["id"]);
    // In a session that lives, too.
    world.session("work", "n = 0");
    for _ in 0..2 {
        world.run(&["exec", "-s", "work", "--eval-id", "bump", "-c", "n += 1; n"]).says(0, "1\n", "");
    }
    world.run(&["exec", "-s", "work", "-c", "n"]).says(0, "1\n", "");
    assert_eq!(world.wait_for_file("ran"), "x");
}

#[test]
fn a_retry_meets_the_eval_that_still_runs() {
    let world = World::new();
    let code = "import os; os.mkfifo('go'); print('begun', flush=True); open('go'); 'end'";
    let first = world.start(&["exec", "--eval-id", "long", "-c", code]);
    first.wait_for_out("begun\n");
    first.signal(Signal::SIGKILL);
    let second = world.start(&["exec", "--eval-id", "long", "-c", code]);
    second.wait_for_out("begun\n");
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
    second.end().says(0, "begun\n'end'\n", "");
}

#[test]
fn detached_it_says_where_it_is_and_lives_on() {
    let world = World::new();
    let said = world.run(&["exec", "--detach", "-c", "x = 5; print('behind'); x"]).exits(0);
    let (out, err) = (said.out(), said.err());
    let (session, eval) = out.trim_end().split_once('#').expect("SESSION#EVAL");
    assert!(err.contains("rialto wait") && err.contains(session), "{err}");
    world.run(&["wait", session, eval]).says(0, "", "");
    assert_eq!(world.run(&["exec", "-s", session, "-c", "x + 1"]).ok(), "6\n");
    assert!(world.run(&["logs", session]).ok().contains("behind\n5\n"));
    assert_eq!(world.ls(false).len(), 1);
    until("its supervisor", || (world.supervisors().len() == 1).then_some(()));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let world = World::new();
    let said = world.sh("rialto exec -c 'for n in range(200_000): print(n)' | head -n 2").exits(0);
    assert_eq!((said.out().as_str(), said.err().as_str()), ("0\n1\n", ""));
    world.quiet();
}

#[test]
fn a_password_may_come_from_a_pipe() {
    let world = World::new();
    let said = world.run_with(&["exec", "-c", "import getpass; len(getpass.getpass('Password: '))"], "hunter2\n").exits(0);
    assert_eq!(said.out(), "7\n");
}

#[test]
fn json_is_events_and_nothing_else() {
    let world = World::new();
    let said = world.run_with(&["exec", "--json", "-c", "input('who? ')"], "Ann\n").exits(0);
    let events = crate::common::lines(&said.out());
    // A kernel that was ready first has it started as it is accepted.
    let types = events.iter().map(|event| event["type"].as_str().unwrap()).filter(|kind| *kind != "started");
    assert_eq!(types.collect::<Vec<_>>(), ["accepted", "asked", "answered", "ended"]);
    assert_eq!(events.last().unwrap()["result"]["text/plain"], "'Ann'");
}

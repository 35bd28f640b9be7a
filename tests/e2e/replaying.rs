//! `rialto replay` and `rialto fork`: what ran, once more.

use crate::common::{Running, Terminal, World, lines};
use serde_json::Value;

fn exec(world: &World, code: &str) {
    world.run(&["exec", "-s", "work", "-c", code]);
}

/// A session with state, output on both streams, an error and an exit.
fn story(world: &World) {
    world.session("work", "import sys; x = 6");
    for code in ["print('out'); print('err', file=sys.stderr)", "x * 7", "raise ValueError('no')", "y = x; sys.exit(3)", "y"] {
        exec(world, code);
    }
}

#[test]
fn the_same_comes_of_the_same_and_nothing_is_left_of_it() {
    let world = World::new();
    story(&world);
    let before = world.events("work");
    let said = world.run(&["replay", "work"]).exits(0);
    assert_eq!((said.out().as_str(), said.err().as_str()), ("work: 6 evals ran again, and the same came of all\n", ""));
    assert_eq!(world.events("work"), before, "the session itself is left alone");
    crate::common::until("only the session itself to be left", || (world.ls(true).len() == 1).then_some(()));
    // The same of one that has ended, and through a daemon.
    let said = world.run(&["--at", "exec:rialto stdio", "replay", "work", "--json"]).exits(0);
    let told = lines(&said.out());
    assert_eq!(told.len(), 7);
    assert!(told[..6].iter().all(|line| line["same"] == true), "{said}");
    assert_eq!(told[6]["summary"]["same"], 6);
    world.run(&["kill", "work"]).exits(0);
    world.run(&["replay", "work"]).says(0, "work: 6 evals ran again, and the same came of all\n", "");
    world.quiet();
}

#[test]
fn what_differs_is_shown() {
    let world = World::new();
    world.file("n", "1");
    world.session("work", "n = int(open('n').read())");
    exec(&world, "print('first')\nprint('n is', n)\nprint('last')");
    exec(&world, "n + 1");
    exec(&world, "[0][n - 1]");
    exec(&world, "'the same'");
    world.file("n", "2");
    let said = world.run(&["replay", "work"]).exits(1);
    let wanted = "#2 differs: stdout\n    print('first')\n    print('n is', n)\n    print('last')\n  stdout\n     first\n    -n is 1\n    \
                  +n is 2\n     last\n#3 differs: value\n    n + 1\n  value\n    -2\n    +3\n#4 differs: outcome, value\n    [0][n - 1]\n  \
                  outcome\n    -ok\n    +error (IndexError: list index out of range)\n  value\n    -0\n\
                  work: 5 evals ran again, 3 differ\n";
    said.says(1, wanted, "");
    let said = world.run(&["replay", "work", "--stop-on-difference"]).exits(1);
    assert!(said.out().ends_with("work: 2 evals ran again, 1 differ; 3 left\n"), "{said}");
    let said = world.run(&["replay", "work", "--ignore-output", "--json", "--until", "2"]).exits(0);
    assert_eq!(lines(&said.out())[1]["same"], true);
    let said = world.run(&["replay", "work", "--json", "--from", "2", "--until", "3"]).exits(1);
    let told = lines(&said.out());
    // Without #1 there is no n at all.
    assert_eq!((&told[0]["was"], &told[0]["is"]), (&Value::from("ok"), &Value::from("error")));
    assert_eq!(told[2]["summary"]["different"], 2);
    assert!(told.iter().all(|line| line.get("n") != Some(&Value::from(1))), "{told:?}");
}

#[test]
fn a_named_one_is_kept_and_never_taken_from_somebody() {
    let world = World::new();
    story(&world);
    let said = world.run(&["replay", "work", "--into", "again", "--until", "1"]).exits(0);
    assert!(said.out().ends_with("; in session again\n"), "{said}");
    assert_eq!(world.run(&["exec", "-s", "again", "-c", "x"]).ok(), "6\n");
    world.run(&["replay", "work", "--into", "again"]).complains(64, &["again"]);
    world.run(&["replay", "work", "--into", "work"]).complains(64, &["work"]);
    world.run(&["replay", "work", "--until", "99"]).complains(1, &["99"]);
    world.run(&["replay", "work", "--from", "3", "--until", "2"]).complains(64, &["#3 comes after #2"]);
    world.run(&["replay", "nobody"]).complains(69, &["nobody"]);
}

#[test]
fn answers_are_given_again_and_secrets_are_not_made_up() {
    let world = World::new();
    world.session("work", "import getpass");
    world.run_with(&["exec", "-s", "work", "-c", "print('hello', input('who? '), input())"], "ada\nlovelace\n").ok();
    world.run(&["replay", "work"]).says(0, "work: 2 evals ran again, and the same came of all\n", "");
    let t = Terminal::open(&world, "clear; rialto exec -s work -c \"print(len(getpass.getpass('pass: ')))\"");
    t.wait_for("pass:");
    t.type_line("hunter2");
    t.shows(&["7", "$"]);
    let said = world.run(&["replay", "work"]).exits(1);
    assert!(said.err().contains("#3 asks for a secret, which is never recorded, and there is no terminal to ask at"), "{said}");
    assert!(said.out().contains("+error (EOFError"), "{said}");
    t.type_line("clear; rialto replay work; echo $?");
    t.wait_for("#3 asks for a secret, which is never recorded; answer it here");
    t.wait_for("pass:");
    t.type_line("1234567");
    t.wait_for("work: 3 evals ran again, and the same came of all");
    assert!(!t.screen().contains("1234567"), "{}", t.screen());
}

#[test]
fn what_did_not_run_to_its_end_is_left_out_and_said() {
    let world = World::new();
    world.session("work", "x = 1");
    assert!(world.command("mkfifo").arg("go").status().unwrap().success());
    world.run(&["exec", "-s", "work", "--detach", "-c", "print('on'); open('go').read()"]).exits(0);
    world.run(&["exec", "-s", "work", "--detach", "-c", "never = 1"]).exits(0);
    world.run(&["interrupt", "work", "3"]).exits(0);
    world.run(&["interrupt", "work", "2"]).exits(0);
    exec(&world, "'a password'");
    world.run(&["redact", "work", "4"]).exits(0);
    exec(&world, "x");
    let said = world.run(&["replay", "work"]).exits(0);
    assert!(said.out().contains("work: 2 evals ran again, and the same came of all; 3 not\n"), "{said}");
    for sentence in ["#2 (interrupted)", "#3 (cancelled before it ran)", "#4 (redacted)"] {
        assert!(said.err().contains(&format!("not run again: {sentence}\n")), "{sentence} in {said}");
    }
    let skipped: Vec<Value> =
        lines(&world.run(&["replay", "work", "--json"]).ok()).iter().map(|l| l["skipped"].clone()).collect();
    assert_eq!(skipped.iter().filter(|why| !why.is_null()).count(), 3);
}

#[test]
fn a_restart_is_a_restart_again_and_so_is_a_death() {
    let world = World::new();
    world.session("work", "x = 1; import os");
    world.run(&["restart", "work"]).exits(0);
    exec(&world, "'x' in globals()");
    exec(&world, "import os; os._exit(3)");
    exec(&world, "'os' in globals()");
    let said = world.run(&["replay", "work", "--json"]).exits(0);
    let told = lines(&said.out());
    assert_eq!(told[2]["is"], "died");
    assert_eq!(told[4]["summary"]["same"], 4, "{said}");
}

#[test]
fn ctrl_c_stops_it_and_what_it_ran() {
    let world = World::new();
    world.file("wait", "");
    world.session("work", "import time");
    exec(&world, "wait = open('wait').read()\nif wait: print(wait, flush=True); time.sleep(1000)");
    world.file("wait", "waiting");
    let running = world.start(&["replay", "work", "--into", "again"]);
    crate::common::until("the second eval to run again", || world.ls(false).iter().find(|s| s["state"] == "running").map(|_| ()));
    running.signal(nix::sys::signal::Signal::SIGINT);
    let said = running.end().exits(130);
    assert!(said.out().contains("work: 1 eval ran again, and the same came of all; stopped, 1 left; in session again"), "{said}");
    // One that nobody keeps is gone with what ran in it.
    let running = world.start(&["replay", "work"]);
    let runs = |sessions: Vec<Value>| sessions.iter().any(|s| s["state"] == "running" && s["name"].is_null());
    crate::common::until("the second eval to run again", || runs(world.ls(false)).then_some(()));
    running.signal(nix::sys::signal::Signal::SIGINT);
    running.end().exits(130);
    crate::common::until("it to be gone", || (world.ls(true).len() == 2).then_some(()));
}

#[test]
fn a_flood_is_compared_without_being_kept() {
    let world = World::new();
    world.session("work", "import sys");
    exec(&world, "sys.stdout.write('x' * 30_000_000); None");
    world.run(&["replay", "work"]).says(0, "work: 2 evals ran again, and the same came of all\n", "");
}

#[test]
fn a_fork_has_the_state_and_the_first_one_is_left_alone() {
    let world = World::new();
    world.session("work", "lost = 1");
    world.run(&["restart", "work"]).exits(0);
    for code in ["x = 6", "y = x * 7; 1 / 0", "x = 0", "raise SystemExit(4)"] {
        exec(&world, code);
    }
    let before = world.events("work");
    let said = world.run(&["fork", "work", "try"]).exits(0);
    assert_eq!(
        (said.out().as_str(), said.err().as_str()),
        ("", "session try has the state of work after #5: 4 evals ran again\n")
    );
    assert_eq!(world.run(&["exec", "-s", "try", "-c", "(x, y, 'lost' in globals())"]).ok(), "(0, 42, False)\n");
    world.run(&["fork", "work", "before", "--until", "3"]).exits(0);
    assert_eq!(world.run(&["exec", "-s", "before", "-c", "(x, y, 'lost' in globals())"]).ok(), "(6, 42, False)\n");
    world.run(&["fork", "work", "first", "--until", "1"]).exits(0);
    assert_eq!(world.run(&["exec", "-s", "first", "-c", "('x' in globals(), lost)"]).ok(), "(False, 1)\n");
    assert_eq!(world.events("work"), before);
    world.run(&["fork", "work", "try"]).complains(64, &["try"]);
    // Of a session that has ended, from its journal.
    world.run(&["kill", "work"]).exits(0);
    world.run(&["fork", "work", "late"]).exits(0);
    assert_eq!(world.run(&["exec", "-s", "late", "-c", "x + y"]).ok(), "42\n");
}

#[test]
fn a_fork_says_what_it_could_not_carry() {
    let world = World::new();
    world.file("n", "1");
    world.session("work", "n = int(open('n').read())");
    exec(&world, "item = [0][n - 1]");
    exec(&world, "password = 'secret'");
    world.run(&["redact", "work", "3"]).exits(0);
    world.file("n", "2");
    let said = world.run(&["fork", "work", "try"]).exits(1);
    assert_eq!(said.out(), "#2 was ok, is error (IndexError: list index out of range): item = [0][n - 1]\n");
    for sentence in
        ["not run again: #3 (redacted)", "has the state of work after #2: 2 evals ran again", "1 of them ended otherwise"]
    {
        assert!(said.err().contains(sentence), "{sentence} in {said}");
    }
    world.run(&["restart", "work"]).exits(0);
    world.run(&["fork", "work", "empty"]).complains(1, &["no state to rebuild"]);
    assert!(world.ls(true).iter().all(|session| session["name"] != "empty"));
}

#[test]
fn progress_is_for_a_terminal_and_gone_at_the_end() {
    let world = World::new();
    world.session("work", "import time");
    exec(&world, "time.sleep(0.7)");
    let mut command = world.command("script");
    command.args(["-qec", "rialto replay work", "/dev/null"]);
    let said = Running::start(command).end().exits(0);
    assert!(said.out().contains("replaying #2"), "{said}");
    assert!(said.out().contains("(2 of 2)") && said.out().contains("\r\x1b[K"), "{said}");
}

#[test]
fn of_what_is_no_longer_kept_nothing_is_claimed() {
    let world = World::new();
    let mut little = world.rialto(&["exec", "-s", "work", "-k", "python", "-q", "-c", "import os; n = 0"]);
    Running::start({
        little.env("RIALTO_JOURNAL_BYTES", "2000000");
        little
    })
    .end()
    .exits(0);
    // Chance decides what is printed, and the value is always the same.
    exec(&world, "for i in range(200): print(os.urandom(30_000).hex())\n'printed'");
    exec(&world, "'after'");
    crate::common::until("retention to trim", || {
        let text = world.run(&["export", "work", "--format", "jsonl"]).exits(0);
        text.err().contains("events are no longer kept, and not in it").then(|| lines(&text.out()))
    })
    .iter()
    .for_each(|line| assert_eq!(line.get("trimmed_events").is_some(), line["n"] == 2, "{}", line["n"]));
    let said = world.run(&["replay", "work", "--json"]).exits(0);
    let told = lines(&said.out());
    assert!(told[1]["trimmed_events"].as_u64() > Some(0), "{said}");
    assert_eq!(told[3]["summary"]["same"], 3);
    world.run(&["export", "work", "--format", "md", "-o", "work.md"]).exits(0);
    let prose = std::fs::read_to_string(world.project().join("work.md")).unwrap();
    assert!(prose.contains("events of it are no longer kept)"), "{:.300}", prose.replace(|c: char| c.is_ascii_hexdigit(), ""));
}

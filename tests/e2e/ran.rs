//! `rialto history`: what was run, in all sessions.

use crate::common::{Running, World, lines};
use nix::sys::signal::Signal;
use serde_json::Value;

#[test]
fn what_was_run_is_found_in_whatever_session_it_was() {
    let world = World::new();
    world.session("work", "import math");
    world.session("other", "\n\ndef area(r):\n    return math.pi * r ** 2\n");
    world.run(&["exec", "-s", "work", "-c", "math.PI if 0 else math.pi"]).ok();
    world.run(&["exec", "-s", "work", "-c", "'a secret'"]).ok();
    world.run(&["redact", "work", "3"]).exits(0);
    world.run(&["exec", "-c", "print('one of its own')"]).ok();
    world.run(&["kill", "other"]).exits(0);
    let text = world.run(&["history"]).ok();
    let shown: Vec<&str> = text.lines().collect();
    assert_eq!(shown.len(), 5, "{text}");
    for (line, parts) in shown.iter().zip([
        ["  work#1 ", "/exec  import math"],
        ["  other#1 ", "/exec  def area(r): … (+1 line)"],
        ["  work#2 ", "/exec  math.PI if 0 else math.pi"],
        ["  work#3 ", "/exec  (its text is no longer kept)"],
        ["#1 ", "/exec  print('one of its own')"],
    ]) {
        assert!(line.starts_with("20") && line.contains(parts[0]) && line.ends_with(parts[1]), "{line:?} {parts:?}");
    }
    let found = |arguments: &[&str]| world.run(&[&["history"], arguments].concat()).ok();
    let found_in = |arguments: &[&str]| found(arguments).lines().filter(|line| line.starts_with("20")).count();
    assert_eq!((found_in(&["-g", "math"]), found_in(&["-g", "math.pi"]), found_in(&["-g", "math.PI"])), (3, 2, 1));
    assert!(found(&["-g", "math.pi"]).contains("(+1 line)\n    return math.pi * r ** 2\n"), "the line that matches is shown");
    assert_eq!((found_in(&["-n", "2"]), found_in(&["--session", "other"]), found_in(&["-k", "node"])), (2, 1, 0));
    assert!(found(&["-n", "2"]).ends_with("print('one of its own')\n"));
    let told: Vec<Value> = lines(&found(&["--json", "-s", "work"]));
    let codes: Vec<&Value> = told.iter().map(|line| &line["code"]).collect();
    assert_eq!(codes, [&Value::from("import math"), &Value::from("math.PI if 0 else math.pi"), &Value::Null]);
    // Through a daemon the same.
    assert_eq!(found(&["--at", "exec:rialto stdio"]), text);
    world.run(&["history", "-g", "nowhere"]).says(0, "", "no eval contains that\n");
    world.run(&["history", "-s", "nobody"]).complains(69, &["nobody"]);
    world.run(&["history", "-n", "0"]).exits(64);
}

#[test]
fn what_matches_is_coloured_and_nothing_that_was_typed_acts() {
    let world = World::new();
    world.session("work", "x = 'needle \x1b]0;stolen\x07'");
    let mut command = world.command("script");
    command.args(["-qec", "rialto history -g needle", "/dev/null"]);
    let said = Running::start(command).end().exits(0).out();
    assert!(said.contains("\x1b[1m\x1b[31mneedle\x1b[0m"), "{said:?}");
    assert!(!said.contains("stolen") && !said.contains("\x1b]0"), "{said:?}");
    assert!(!world.run(&["history", "-g", "needle"]).ok().contains('\x1b'), "in a pipe it is plain");
}

#[test]
fn the_newest_of_a_long_session_are_found_without_the_rest() {
    let world = World::new();
    world.session("work", "x = 'y' * 1000");
    for n in 2..=30 {
        world.run(&["exec", "-s", "work", "-c", &format!("print(x, {n})")]).ok();
    }
    let text = world.run(&["history", "-n", "3"]).ok();
    let numbers: Vec<&str> = text.lines().filter_map(|line| line.split("work#").nth(1)?.split(' ').next()).collect();
    assert_eq!(numbers, ["28", "29", "30"]);
    assert_eq!(world.run(&["history", "-n", "500"]).ok().lines().count(), 30);
}

#[test]
fn a_session_that_does_not_answer_hides_no_other() {
    let world = World::new();
    world.session("stuck", "x = 1");
    let stuck = world.supervisors();
    world.session("work", "y = 2");
    crate::common::signal(stuck[0], Signal::SIGSTOP);
    let said = world.run(&["history"]).exits(69);
    crate::common::signal(stuck[0], Signal::SIGCONT);
    assert!(said.out().ends_with("y = 2\n") && said.out().lines().count() == 1, "{said}");
    assert!(said.err().contains("stuck cannot be read: its supervisor does not answer"), "{said}");
}

#[test]
fn a_journal_that_is_broken_hides_no_other() {
    let world = World::new();
    world.session("broken", "x = 1");
    world.session("work", "y = 2");
    world.run(&["kill", "broken"]).exits(0);
    let id = world.ls(true).iter().find(|s| s["name"] == "broken").unwrap()["session"].as_str().unwrap().to_owned();
    let journal = world.state().join("sessions").join(id).join("journal.db");
    assert!(journal.exists(), "{}", journal.display());
    std::fs::write(&journal, "no journal, and long enough to be seen as none. ".repeat(100)).unwrap();
    let said = world.run(&["history"]).exits(69);
    assert!(said.out().ends_with("y = 2\n") && said.out().lines().count() == 1, "{said}");
    assert!(said.err().contains("broken cannot be read"), "{said}");
}

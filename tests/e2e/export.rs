//! `rialto export`: what happened in a session, in forms that other programs read.

use crate::common::{Terminal, World, lines};
use serde_json::Value;

/// A session in which everything happens that an export has to show.
fn story(world: &World) {
    world.session("work", "print('one'); import sys; print('careful', file=sys.stderr)");
    world.run(&["exec", "-s", "work", "-c", "6*7"]).ok();
    world.run(&["exec", "-s", "work", "-c", "raise ValueError('no')"]).exits(1);
    world.run(&["exec", "-s", "work", "-c", "1 +* 2"]).exits(1);
    world.run(&["exec", "-s", "work", "-c", "import sys; sys.exit(3)"]).exits(3);
    world.run(&["exec", "-s", "work", "-c", "print('\\x1b]0;title\\x07\\x1b[31mred\\x1b[m')"]).ok();
    world.run(&["exec", "-s", "work", "-c", "'secret'"]).ok();
    world.run(&["redact", "work", "7"]).exits(0);
}

fn export(world: &World, more: &[&str]) -> String {
    world.run(&[&["export", "work"], more].concat()).ok()
}

#[test]
fn a_notebook_is_one_to_the_program_that_defines_them() {
    let world = World::new();
    story(&world);
    let said = world.run(&["export", "work", "-o", "work.ipynb"]).exits(0);
    assert_eq!((said.out().as_str(), said.err().as_str()), ("", "wrote work.ipynb (7 evals)\n"));
    let check = "import nbformat, sys; nb = nbformat.read(sys.argv[1], as_version=nbformat.NO_CONVERT); nbformat.validate(nb); \
                 print(nb.nbformat, nb.nbformat_minor, len(nb.cells), nb.cells[1].outputs[0].data['text/plain'])";
    let mut command = world.command("/usr/bin/python3");
    command.args(["-W", "error", "-c", check, "work.ipynb"]);
    let said = crate::common::Running::start(command).end();
    said.says(0, "4 5 7 42\n", "");
    // No file is written over unless that is said, and half a one is never there.
    world.run(&["export", "work", "-o", "work.ipynb"]).complains(74, &["work.ipynb is there already", "--force"]);
    assert!(world.run(&["export", "work", "-fo", "work.ipynb", "--until", "1"]).exits(0).err().contains("(1 eval)"));
    let names: Vec<_> = std::fs::read_dir(world.project()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn lines_have_all_that_an_eval_was_and_the_same_from_a_session_that_has_ended() {
    let world = World::new();
    story(&world);
    let text = export(&world, &["--format", "jsonl"]);
    let evals = lines(&text);
    let of = |field: &str| evals.iter().map(|eval| eval[field].clone()).collect::<Vec<Value>>();
    assert_eq!(of("n"), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(of("outcome"), ["ok", "ok", "error", "error", "exit", "ok", "ok"]);
    assert_eq!(evals[0]["outputs"][1], serde_json::json!({ "stream": "stderr", "text": "careful\n" }));
    assert_eq!(evals[0]["by"]["label"], "exec");
    assert_eq!((&evals[1]["code"], &evals[1]["result"]["text/plain"]), (&Value::from("6*7"), &Value::from("42")));
    assert_eq!(evals[2]["outputs"][0]["failure"]["value"], "no");
    assert_eq!(evals[4]["exit_code"], 3);
    assert_eq!(evals[5]["outputs"][0]["text"], "\u{1b}]0;title\u{7}\u{1b}[31mred\u{1b}[m\n");
    assert_eq!((&evals[6]["code"], evals[6].get("result")), (&Value::Null, None));
    assert_eq!(export(&world, &["--format", "jsonl", "--from", "2", "--until", "#3"]).lines().count(), 2);
    let id = evals[1]["eval"].as_str().unwrap();
    assert_eq!(lines(&export(&world, &["--format", "jsonl", "--from", id, "--until", id])), [evals[1].clone()]);
    // Through a daemon, and from the journal: the same.
    assert_eq!(export(&world, &["--at", "exec:rialto stdio", "--format", "jsonl"]), text);
    world.run(&["kill", "work"]).exits(0);
    world.quiet();
    assert_eq!(export(&world, &["--format", "jsonl"]), text);
    assert_eq!(lines(&export(&world, &["--format", "jsonl", "--from", id, "--until", id])), [evals[1].clone()]);
    assert!(world.processes().is_empty(), "reading starts nothing");
}

#[test]
fn a_program_runs_and_prose_reads() {
    let world = World::new();
    world.session("work", "x = 6");
    world.run(&["exec", "-s", "work", "-c", "1 +* 2"]).exits(1);
    world.run(&["exec", "-s", "work", "-c", "print(x * 7)"]).ok();
    std::fs::write(world.project().join("work.py"), export(&world, &["--format", "py"])).unwrap();
    world.sh("python3 work.py").says(0, "42\n", "");
    let prose = export(&world, &["--format", "md"]);
    assert!(prose.starts_with("# Session work\n\npython 3."), "{prose}");
    assert!(prose.contains("```python\nprint(x * 7)\n```\n\n```text\n42\n```\n"), "{prose}");
    let code = export(&world, &["--format", "md", "--no-output"]);
    assert!(code.contains("print(x * 7)") && !code.contains("42") && !code.contains("SyntaxError"), "{code}");
}

#[test]
fn what_cannot_be_written_is_a_sentence() {
    let world = World::new();
    world.session("work", "x = 6");
    world.run(&["export", "work"]).complains(64, &["--format py, md, ipynb or jsonl"]);
    world.run(&["export", "work", "-o", "work.doc"]).complains(64, &["--format"]);
    world.run(&["export", "nobody", "--format", "py"]).complains(69, &["nobody"]);
    world.run(&["export", "work", "--format", "py", "--until", "9"]).complains(1, &["9"]);
    world.run(&["export", "work", "-o", "no/such/folder.py"]).complains(74, &["no/such/folder.py cannot be written"]);
    world.run(&["kill", "work"]).exits(0);
    world.quiet();
    world.run(&["export", "work", "--format", "py", "--until", "9"]).complains(1, &["no such eval; its last one is #1"]);
}

#[test]
fn an_eval_that_still_runs_is_in_it_as_far_as_it_came() {
    let world = World::new();
    assert!(world.command("mkfifo").arg("go").status().unwrap().success());
    world.run(&["exec", "-s", "work", "-k", "python", "--detach", "-c", "print('begun'); open('go').read()"]).exits(0);
    let text = crate::common::until("the eval in an export", || {
        let text = export(&world, &["--format", "jsonl"]);
        text.contains("begun").then_some(text)
    });
    assert_eq!(lines(&text)[0]["n"], 1);
    world.run(&["kill", "work"]).exits(0);
}

#[test]
fn on_a_terminal_nothing_that_was_printed_acts() {
    let world = World::new();
    world.session("work", "x = '\x1b]0;stolen\x07\x1b[2Jafter'");
    let t = Terminal::open(&world, "clear; rialto export work --format py");
    t.wait_for("after'");
    assert!(!t.tmux(&["display-message", "-p", "#{pane_title}"]).contains("stolen"));
    assert!(t.screen().contains("# Session work"), "{}", t.screen());
}

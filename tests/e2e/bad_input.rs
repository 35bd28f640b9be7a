//! What is wrong is said in one clear sentence, with the right exit code, and disturbs nobody else.

use crate::common::World;
use std::os::unix::fs::PermissionsExt;

#[test]
fn sessions_kernels_and_evals_that_are_not_there() {
    let world = World::new();
    world.session("work", "x = 1");
    for command in ["attach", "logs", "interrupt", "restart", "kill", "rm"] {
        world.run(&[command, "nope"]).complains(69, &["no session is named \"nope\"", "rialto ls"]);
    }
    world.run(&["exec", "-s", "nope", "-c", "1"]).complains(69, &["\"nope\"", "rialto ls"]);
    world.run(&["wait", "nope", "1"]).complains(69, &["\"nope\""]);
    world.run(&["redact", "nope", "1"]).complains(69, &["\"nope\""]);
    world.run(&["wait", "work", "99"]).complains(1, &["#99", "#1"]);
    world.run(&["redact", "work", "99"]).complains(1, &["#99"]);
    world.run(&["interrupt", "work", "99"]).complains(1, &["#99"]);
    world.run(&["wait", "work", "last"]).complains(64, &["\"last\"", "number"]);
    world.run(&["exec", "-k", "nope", "-c", "1"]).complains(64, &["\"nope\"", "python"]);
    world.run(&["repl", "-k", "nope"]).complains(64, &["\"nope\"", "python"]);
    world.run(&["exec", "-s", "not a name!", "-k", "python", "-c", "1"]).complains(64, &["not a name!"]);
    world.run(&["exec", "-s", "work", "-c", "x"]).says(0, "1\n", "");
}

#[test]
fn an_interpreter_that_is_missing_or_dies_at_start() {
    let world = World::new();
    world.run(&["exec", "--python", "/nowhere/python", "-c", "1"]).complains(70, &["/nowhere/python"]);
    world.run(&["exec", "--python", "/bin/false", "-c", "1"]).complains(70, &["code 1"]);
    let broken = world.file("broken", "#!/bin/sh\necho 'libpython is lost' >&2\nexit 7\n");
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.run(&["exec", "--python", "./broken", "-c", "1"]).complains(70, &["libpython is lost"]);
    let no = world.file("no-program", "text");
    world.run(&["exec", "--python", no.to_str().unwrap(), "-c", "1"]).complains(70, &["no-program"]);
    world.quiet();
    world.run(&["exec", "-c", "1"]).says(0, "1\n", "");
}

#[test]
fn a_place_where_nobody_answers() {
    let world = World::new();
    let socket = world.dir().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let at = format!("unix://{}", socket.display());
    for arguments in [&["ls"][..], &["exec", "-c", "1"], &["logs", "work"], &["repl", "work"]] {
        let said = world.run(&[&["--at", &at], arguments].concat()).exits(69);
        assert!(said.err().contains("dead.sock") && said.err().contains("rialto serve"), "{said}");
    }
    world.run(&["--at", "ftp://example.org", "ls"]).complains(64, &["ftp://example.org", "unix://"]);
    let said = world.run(&["--at", "exec:exit 3", "ls"]).exits(69);
    assert!(said.err().contains("exit 3"), "{said}");
    let said = world.run(&["--at", "exec:echo Welcome to example", "exec", "-c", "1"]).exits(69);
    assert!(said.err().contains("Welcome"), "{said}");
}

#[test]
fn folders_that_are_not_ours_alone() {
    let world = World::new();
    std::fs::create_dir(world.state()).unwrap();
    std::fs::set_permissions(world.state(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let state = world.state().display().to_string();
    for arguments in [&["ls"][..], &["exec", "-c", "1"], &["repl"], &["gc"], &["serve"]] {
        world.run(arguments).complains(77, &[&state]);
    }
    assert_eq!(std::fs::read_dir(world.state()).unwrap().count(), 0, "nothing was put there");
    std::fs::remove_dir(world.state()).unwrap();
    let elsewhere = world.dir().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, world.state()).unwrap();
    world.run(&["ls"]).complains(77, &[&state]);
    std::fs::remove_file(world.state()).unwrap();
    world.run(&["exec", "-c", "1"]).says(0, "1\n", "");
}

#[test]
fn command_lines_that_mean_nothing() {
    let world = World::new();
    for line in [
        &["exec", "-c", "1", "file.py"][..],
        &["exec", "--detach", "--rm", "-c", "1"],
        &["exec", "-s", "work", "--rm", "-c", "1"],
        &["exec", "--timeout", "-3", "-c", "1"],
        &["logs"],
        &["logs", "work", "--after", "12"],
        &["completions", "sh"],
        &["--no-such-option"],
        &["ls", "work"],
        &["kill"],
    ] {
        let said = world.run(line).exits(64);
        assert!(said.stdout.is_empty() && !said.stderr.is_empty(), "{line:?}: {said}");
    }
    assert_eq!(world.ls(true).len(), 0);
}

#[test]
fn code_that_is_no_text() {
    let world = World::new();
    world.run_with(&["exec", "-"], b"print('\xff')").complains(64, &["UTF-8"]);
    std::fs::write(world.project().join("latin.py"), b"print('\xe9')").unwrap();
    world.run(&["exec", "latin.py"]).complains(64, &["latin.py", "UTF-8"]);
    world.run(&["exec", "."]).complains(64, &["."]);
}

#[test]
fn a_session_whose_files_are_broken_disturbs_no_other() {
    let world = World::new();
    world.session("good", "x = 1");
    world.session("bad", "y = 1");
    world.run(&["kill", "bad"]).exits(0);
    let bad = world.ls(true).into_iter().find(|entry| entry["name"] == "bad").unwrap();
    let dir = world.state().join("sessions").join(bad["session"].as_str().unwrap());
    std::fs::write(dir.join("journal.db"), "this is no database, and longer than a header of one would be".repeat(40)).unwrap();
    world.run(&["logs", "bad"]).complains(69, &["journal"]);
    assert!(world.run(&["ls"]).ok().contains("good"));
    world.run(&["exec", "-s", "good", "-c", "x"]).says(0, "1\n", "");
    world.run(&["rm", "bad"]).exits(0);
    assert_eq!(world.ls(true).len(), 1);
}

#[test]
fn a_mistyped_command_makes_no_session() {
    let world = World::new();
    for (word, meant) in [("lss", "ls"), ("atach", "attach"), ("wat", "wait")] {
        let advice = format!("did you mean `rialto {meant}`?");
        world.run(&[word]).complains(64, &[&advice, &format!("`rialto --new {word}` makes a session")]);
    }
    assert_eq!(world.ls(true).len(), 0);
    // Where it was meant, it is made; and once it is there it is found.
    world.run_with(&["--new", "lss"], "x = 1\n").exits(0);
    let said = world.run_with(&["lss"], "x\n").exits(0);
    assert!(said.out().contains("1\n"), "{said}");
    world.run_with(&["-k", "python", "wat"], "").exits(0);
    world.run_with(&["another"], "").exits(0);
    world.run(&["kill", "lss", "wat", "another"]).exits(0);
}

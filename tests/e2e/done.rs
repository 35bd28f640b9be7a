//! What follows a long eval: `--on-done`, and word to somebody who looks elsewhere.

use crate::common::{Running, Terminal, World};

#[test]
fn exec_runs_the_command_and_stays_what_it_was() {
    let world = World::new();
    let told =
        "echo \"$RIALTO_SESSION#$RIALTO_EVAL $RIALTO_OUTCOME\" > told; expr \"$RIALTO_SECONDS\" : '[0-9]*[.][0-9]*$' >> told";
    world.session("work", "x = 1");
    let code = "print('out'); raise SystemExit(3)";
    let said =
        world.run(&["exec", "-s", "work", "--on-done", &format!("{told}; echo noise; cat"), "--on-done-after", "0", "-c", code]);
    assert_eq!((said.code, said.out().as_str(), said.err().as_str()), (3, "out\n", ""));
    let text = std::fs::read_to_string(world.project().join("told")).unwrap();
    assert!(text.starts_with("work#2 exit\n") && !text.ends_with("\n0\n"), "{text}");
    // What is short is followed by nothing.
    world.run(&["exec", "-s", "work", "--on-done", "touch short", "-c", "1"]).ok();
    world.run(&["exec", "--on-done", "touch short", "-c", "1"]).ok();
    assert!(!world.project().join("short").exists());
    // What goes wrong with it is said, and changes nothing else.
    let said = world.run(&["exec", "--on-done", "echo why >&2; exit 7", "--on-done-after=0", "-c", "6*7"]);
    said.says(0, "42\n", "rialto: the command of --on-done for #1 failed (exit code 7): why\n");
    world.run(&["exec", "--detach", "--on-done", "x", "-s", "work", "-c", "1"]).exits(64);
    world.run(&["attach", "--observe", "--on-done", "x", "work"]).exits(64);
    world.run(&["--on-done", "x", "ls"]).complains(64, &["write the command first"]);
}

#[test]
fn who_does_not_want_to_wait_for_the_command_ends_it() {
    let world = World::new();
    let running = world.start(&["exec", "--on-done", "echo $$ > begun; sleep 1000", "--on-done-after", "0", "-c", "6*7"]);
    world.wait_for_file("begun");
    running.signal(nix::sys::signal::Signal::SIGINT);
    running.end().says(0, "42\n", "");
    let pid: String = world.wait_for_file("begun").trim().to_owned();
    crate::common::until("the command to be gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn a_terminal_runs_it_after_any_long_eval_of_its_session() {
    let world = World::new();
    world.session("work", "x = 1");
    let command = "echo $RIALTO_SESSION $RIALTO_EVAL $RIALTO_OUTCOME >> told";
    let t = Terminal::open(&world, &format!("clear; rialto attach work --on-done-after 0 --on-done '{command}; exit 5'"));
    t.wait_for(">>>");
    t.type_line("1/0");
    t.wait_for("the command of --on-done for #2 failed (exit code 5)");
    world.run(&["exec", "-s", "work", "-c", "'by somebody else'"]).ok();
    t.wait_for("the command of --on-done for #3 failed (exit code 5)");
    let told = std::fs::read_to_string(world.project().join("told")).unwrap();
    assert_eq!(told, "work 2 error\nwork 3 ok\n");
    t.keys(&["C-d"]);
    t.wait_for("$");
}

#[test]
fn who_leaves_does_not_wait_for_ever_and_nothing_is_left() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto --on-done-after 0 --on-done 'echo $$ > begun; sleep 1000'");
    t.wait_for(">>>");
    t.type_line("x = 1");
    t.shows(&[">>> x = 1", ">>>"]);
    world.wait_for_file("begun");
    t.keys(&["C-d"]);
    t.wait_for("a command of --on-done still ran and was ended");
    let pid: String = world.wait_for_file("begun").trim().to_owned();
    crate::common::until("the command to be gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn a_terminal_is_told_where_it_wants_to_be() {
    let world = World::new();
    let start = |way: &str| {
        let mut command = world.command("script");
        command.env("RIALTO_NOTIFY", way).env("RIALTO_STATUS", "off");
        command.args(["-qec", "rialto work -k python --on-done-after 0", "/dev/null"]);
        Running::start(command)
    };
    for (way, sequence) in
        [("osc9", "\x1b]9;rialto: work#1 is done after 0s\x07"), ("osc777", "\x1b]777;notify;rialto;work#2 is done")]
    {
        let mut running = start(way);
        running.wait_for_out(">>>");
        running.write("6*7\r");
        running.wait_for_out(sequence);
        running.write("\x04");
        assert!(running.end().out().contains("42"));
    }
    // A terminal that is not known to understand it, and one that wants to hear nothing, get nothing.
    for way in ["off", ""] {
        let mut running = start(way);
        running.wait_for_out(">>>");
        running.write("'the ' + 'end'\r");
        running.wait_for_out("the end");
        running.write("\x04");
        let out = running.end().out();
        assert!(!out.contains("\x1b]9;") && !out.contains("\x1b]777;") && !out.contains("is done after"), "{out:?}");
    }
}

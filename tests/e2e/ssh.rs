//! Places behind a stock sshd: nothing of ours listens there, and nothing is lost when the way breaks.

use crate::common::{Running, Sshd, Terminal, World, configure, lines, signal, until};
use nix::sys::signal::Signal;

#[test]
fn whatever_works_here_works_behind_an_sshd() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    let at = sshd.at();
    here.run(&["--at", &at, "exec", "-c", "6*7"]).says(0, "42\n", "");
    here.run(&["--at", &at, "exec", "-c", "import sys; sys.exit(3)"]).exits(3);
    // Its sessions are those of the machine behind it, and start where its user is at home.
    here.run(&["--at", &at, "exec", "-s", "work", "-k", "python", "-c", "import os; x = 5; os.getcwd()"]).says(
        0,
        &format!("'{}/home'\n", there.dir().display()),
        "",
    );
    here.run(&["--at", &at, "exec", "-s", "work", "-c", "x + 1"]).says(0, "6\n", "");
    there.run(&["exec", "-s", "work", "-c", "x + 2"]).says(0, "7\n", "");
    assert!(here.ls(true).is_empty());
    // A megabyte there, and ten back.
    let sent = here.run_with(&["--at", &at, "exec", "-s", "work", "-"], format!("len({:?})", "x".repeat(1 << 20)));
    assert_eq!(sent.ok(), "1048576\n");
    let flood = here.run(&["--at", &at, "exec", "-s", "work", "-q", "-c", "for i in range(1_000_000): print('line', i)"]).ok();
    assert_eq!((flood.lines().count(), flood.lines().last()), (1_000_000, Some("line 999999")));
    here.run(&["--at", &at, "kill", "work"]).exits(0);
}

#[test]
fn a_place_says_which_session_is_meant_and_a_name_says_it_in_short() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    let url = format!("{}/work?kernel=python", sshd.at());
    here.run(&["--at", &url, "exec", "-c", "x = 1"]).says(0, "", "");
    here.run(&["places", "add", "gpu", &url]).exits(0);
    let t = Terminal::open(&here, "clear; RIALTO_AT=gpu rialto");
    t.wait_for("session work");
    t.type_line("x + 1");
    t.shows(&[">>> x + 1", "2", ">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("detached from work");
    let listed = lines(&here.run(&["places", "list", "--json"]).ok());
    assert_eq!((listed[0]["name"].as_str(), listed[0]["at"].as_str()), (Some("gpu"), Some(url.as_str())));
    here.run(&["--at", "gpo", "ls"]).complains(64, &["no place is called gpo", "gpu?"]);
    here.run(&["places", "rm", "gpu"]).exits(0);
    here.run(&["--at", "gpu", "ls"]).complains(64, &["no place is called gpu", "rialto places add gpu"]);
    there.run(&["kill", "work"]).exits(0);
}

/// A terminal in which a loop runs that prints a line each time the project's file `go` is longer than it has seen.
const LOOP: &str = "import os, time\nfor i in range(6):\n while os.stat('../project/go').st_size <= i: time.sleep(0.005)\n print('line', i, flush=True)\n";

#[test]
fn a_connection_that_is_cut_comes_back_and_nothing_is_lost_or_twice() {
    let (here, there) = (World::new(), World::new());
    let mut sshd = Sshd::known(&here, &there);
    let go = |n: usize| there.file("go", &"x".repeat(n));
    go(0);
    there.file("loop.py", LOOP);
    let t = Terminal::open(&here, &format!("clear; rialto --at {}/work", sshd.at()));
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t.type_line("exec(open('../project/loop.py').read())");
    go(1);
    t.wait_for("line 0");
    // The connection alone: it is back by itself.
    sshd.cut();
    go(2);
    t.wait_for("line 1");
    // All of the machine's sshd, for as long as it takes.
    sshd.stop();
    t.wait_for("the link is lost");
    go(4);
    until("the loop to go on without us", || {
        let said = there.run(&["logs", "work"]).out();
        said.contains("line 3").then_some(())
    });
    sshd.again();
    t.wait_for("back after");
    go(6);
    t.wait_for("line 5");
    t.shows(&["line 5", ">>>"]);
    let screen = t.history();
    for n in 0..6 {
        assert_eq!(screen.matches(&format!("line {n}")).count(), 1, "line {n} in\n{screen}");
    }
    t.type_line("6*7");
    t.shows(&[">>> 6*7", "42", ">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("rialto --at");
    there.run(&["kill", "work"]).exits(0);
}

#[test]
fn a_link_that_died_without_a_word_is_noticed() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    configure(&here, "ServerAliveInterval 1\nServerAliveCountMax 1\n");
    let t = Terminal::open(&here, &format!("clear; rialto --at {}/work", sshd.at()));
    t.wait_for("session work");
    t.type_line("x = 40");
    t.shows(&[">>> x = 40", ">>>"]);
    // Nothing closes it; it only says nothing any more.
    let stalled = sshd.connections();
    stalled.iter().for_each(|pid| signal(*pid, Signal::SIGSTOP));
    t.type_line("x + 2");
    t.wait_for("42");
    t.shows(&[">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("Come back with");
    stalled.iter().for_each(|pid| signal(*pid, Signal::SIGKILL));
    there.run(&["kill", "work"]).exits(0);
}

#[test]
fn what_a_login_shell_prints_is_passed_over() {
    let (here, there) = (World::new(), World::new());
    let talks = "ForceCommand sh -c 'echo Welcome to gpu; printf \"no line end \"; echo and complaints >&2; eval \"$SSH_ORIGINAL_COMMAND\"'";
    let sshd = Sshd::start(&here, &there, talks);
    sshd.remember(&here);
    here.run(&["--at", &sshd.at(), "exec", "-c", "6*7"]).says(0, "42\n", "");
}

#[test]
fn a_key_that_may_only_speak_to_the_bridge_is_enough() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::start(&here, &there, "ForceCommand rialto stdio");
    sshd.remember(&here);
    here.run(&["--at", &sshd.at(), "exec", "-c", "6*7"]).says(0, "42\n", "");
}

#[test]
fn a_bridge_that_is_run_instead_says_the_word_that_is_waited_for() {
    let world = World::new();
    let word = format!("rialto-{}", "0123456789ab".repeat(2));
    let said = |asked: &str| {
        let mut command = world.rialto(&["stdio"]);
        command.env("SSH_ORIGINAL_COMMAND", asked);
        Running::start(command).end().ok()
    };
    assert_eq!(said(&format!("exec sh -c 'printf \"%s\\n\" {word}; exec rialto stdio'")), format!("{word}\n"));
    assert_eq!(said("rialto stdio"), "");
}

#[test]
fn what_is_no_bridge_is_repeated_and_not_waited_for() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::start(&here, &there, "ForceCommand echo This account is not available; exit 1");
    sshd.remember(&here);
    here.run(&["--at", &sshd.at(), "ls"]).complains(69, &["did not begin there", "This account is not available", "exit code 1"]);
}

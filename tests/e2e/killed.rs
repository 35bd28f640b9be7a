//! A terminal that is ended with `kill -9`: the next one goes on where it was.

use crate::common::{Running, Terminal, World, signal, until};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// What terminals of this world have noted, file by file.
fn noted(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.state().join("terminals")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Ends the terminal's program as nothing can notice, and gives its terminal back to the shell.
fn kill(t: &Terminal<'_>) {
    signal(t.front("rialto"), Signal::SIGKILL);
    t.wait_for("Killed");
    // It may have died while it read keys.
    t.type_text("stty sane; clear");
    t.keys(&["C-j"]);
    until("a shell in order", || (t.screen() == "$").then_some(()));
}

fn serve(world: &World) -> (Running, String) {
    let socket = world.dir().join("d.sock");
    let daemon = world.start(&["serve", "--socket", socket.to_str().unwrap()]);
    daemon.wait_for_err("serving this user's sessions on");
    (daemon, format!("unix://{}", socket.display()))
}

/// A job that writes down that it ran, prints one line, waits for a file, and prints another one.
fn job(world: &World) -> String {
    let (ran, gate) = (world.dir().join("ran"), world.dir().join("gate"));
    let code = format!(
        "import os, time\nopen({ran:?}, 'a').write('x')\nprint('first', flush=True)\nwhile not os.path.exists({gate:?}): time.sleep(0.01)\nprint('last')\n"
    );
    std::fs::write(world.dir().join("job.py"), code).unwrap();
    format!("exec(open({:?}).read())", world.dir().join("job.py"))
}

fn runs(world: &World) -> usize {
    std::fs::read_to_string(world.dir().join("ran")).unwrap_or_default().len()
}

#[test]
fn an_eval_that_runs_is_gone_on_with_in_any_terminal() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto work");
    t.shows(&[">>>"]);
    t.type_line(&job(&world));
    t.wait_for("first");
    assert!(noted(&world).iter().all(|file| file.metadata().unwrap().permissions().mode() & 0o777 == 0o600));
    let size = |world: &World| noted(world).iter().map(|file| file.metadata().unwrap().len()).collect::<Vec<_>>();
    assert_eq!(noted(&world).len(), 1);
    let waiting = size(&world);
    kill(&t);
    let t = Terminal::open(&world, "clear; rialto work");
    t.wait_for("1 eval was waiting when the terminal ended; it runs on: exec(open(");
    std::fs::write(world.dir().join("gate"), "").unwrap();
    t.shows(&["last", ">>>"]);
    // What was shown by the first is not shown by the second.
    assert!(!t.history().lines().any(|line| line == "first"), "{}", t.history());
    assert_eq!(runs(&world), 1);
    until("a shorter note", || (size(&world) < waiting).then_some(()));
    t.keys(&["C-d"]);
    t.wait_for("detached from work; it lives on.");
    t.shows(&["$"]);
    assert_eq!(noted(&world), Vec::<PathBuf>::new());
}

#[test]
fn one_that_ended_meanwhile_is_shown_from_where_it_was() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto work");
    t.shows(&[">>>"]);
    t.type_line(&job(&world));
    t.wait_for("first");
    kill(&t);
    std::fs::write(world.dir().join("gate"), "").unwrap();
    world.run(&["wait", "work", "1"]).ok();
    t.type_line("rialto work");
    t.wait_for("1 eval was waiting when the terminal ended; it ran meanwhile:");
    t.shows(&["last", ">>>"]);
    assert!(!t.screen().lines().any(|line| line == "first"), "{}", t.screen());
    assert_eq!(runs(&world), 1);
    // And never again.
    kill(&t);
    t.type_line("rialto work");
    t.wait_for("resumed session work, 1 eval so far");
    t.shows(&[">>>"]);
    assert!(!t.screen().contains("was waiting") && !t.screen().contains("last"), "{}", t.screen());
}

#[test]
fn one_that_was_typed_without_a_link_is_sent_once() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = Terminal::open(&world, &format!("clear; rialto --at {at} work"));
    t.shows(&[">>>"]);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    std::fs::write(world.dir().join("gate"), "").unwrap();
    t.type_line(&job(&world));
    t.wait_for("queued; sent when the link is back");
    kill(&t);
    assert_eq!((noted(&world).len(), runs(&world)), (1, 0));
    let (daemon, at) = serve(&world);
    t.type_line(&format!("rialto --at {at} work"));
    t.wait_for("1 eval was waiting when the terminal ended; sent now: exec(open(");
    t.shows(&["first", "last", ">>>"]);
    assert_eq!(runs(&world), 1);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    assert_eq!((noted(&world), runs(&world)), (Vec::new(), 1));
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn whoever_leaves_without_a_link_finds_it_sent_on_coming_back() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = Terminal::open(&world, &format!("clear; rialto --at {at} work"));
    t.shows(&[">>>"]);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    t.type_line("6*7");
    t.wait_for("queued; sent when the link is back");
    // Out of the window: no signal that a program could answer with a goodbye to the session, and none is needed.
    signal(t.front("rialto"), Signal::SIGHUP);
    t.wait_for("$");
    let (daemon, at) = serve(&world);
    t.type_line(&format!("clear; rialto --at {at} work"));
    t.wait_for("1 eval was waiting when the terminal ended; sent now: 6*7");
    t.shows(&["42", ">>>"]);
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn what_was_meant_for_a_session_that_is_gone_is_not_run_in_its_namesake() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = Terminal::open(&world, &format!("clear; rialto --at {at} work"));
    t.shows(&[">>>"]);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    t.type_line("print('yester' + 'day')");
    t.wait_for("queued; sent when the link is back");
    kill(&t);
    world.run(&["rm", "-f", "work"]).ok();
    let (daemon, at) = serve(&world);
    t.type_line(&format!("rialto --at {at} work"));
    t.wait_for("1 eval was waiting when the terminal ended; the session was created anew since, and it is not run:");
    t.shows(&[">>>"]);
    t.type_line("6*7");
    t.shows(&["42", ">>>"]);
    assert!(!t.screen().contains("yesterday"), "{}", t.screen());
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn what_was_typed_long_ago_is_asked_about() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = Terminal::open(&world, &format!("clear; rialto --at {at} work"));
    t.shows(&[">>>"]);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    t.type_line("'a' + 'b'");
    t.wait_for("queued; sent when the link is back");
    kill(&t);
    // Two hours go by.
    let file = noted(&world).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("\"at_ms\":").unwrap();
    let (ms, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap());
    let earlier = ms.parse::<u64>().unwrap() - 2 * 3600 * 1000;
    std::fs::write(&file, format!("{before}\"at_ms\":{earlier}{rest}")).unwrap();
    let (daemon, at) = serve(&world);
    let come_back = || {
        t.type_line(&format!("clear; rialto --at {at} work"));
        t.wait_for("1 eval was typed 2 h 00 min ago, and never sent: 'a' + 'b'");
        t.shows(&["[r]un it now  [d]rop it  [l]ater"]);
    };
    come_back();
    t.keys(&["l"]);
    t.wait_for("it is asked about again");
    t.shows(&[">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("1 eval is sent when you come back");
    come_back();
    t.keys(&["r"]);
    t.shows(&["'ab'", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    assert_eq!(noted(&world), Vec::<PathBuf>::new());
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn a_question_is_asked_again_and_no_password_is_on_disk() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto work");
    t.shows(&[">>>"]);
    t.type_line("import getpass; p, q = getpass.getpass('secret? '), input('who? ')");
    t.shows(&["secret?"]);
    kill(&t);
    t.type_line("rialto work");
    t.wait_for("it runs on: import getpass");
    t.shows(&["secret?"]);
    t.type_line("hunter2");
    t.shows(&["who?"]);
    let kept: String = noted(&world).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert!(kept.contains("getpass") && !kept.contains("hunter2"), "{kept}");
    kill(&t);
    t.type_line("rialto work");
    t.shows(&["who?"]);
    t.type_line("Bob");
    t.shows(&[">>>"]);
    t.type_line("p, q");
    t.shows(&["('hunter2', 'Bob')", ">>>"]);
}

#[test]
fn two_terminals_never_share_what_they_noted() {
    let world = World::new();
    let one = Terminal::open(&world, "clear; rialto work");
    one.shows(&[">>>"]);
    let two = Terminal::open(&world, "clear; rialto work");
    two.shows(&[">>>"]);
    assert_eq!(noted(&world).len(), 2);
    one.type_line(&job(&world));
    one.wait_for("first");
    // The other one lives, and takes nothing over.
    let three = Terminal::open(&world, "clear; rialto work");
    three.wait_for("resumed session work");
    assert!(!three.screen().contains("was waiting"), "{}", three.screen());
    kill(&one);
    let four = Terminal::open(&world, "clear; rialto work");
    four.wait_for("it runs on");
    let five = Terminal::open(&world, "clear; rialto work");
    five.wait_for("resumed session work");
    assert!(!five.screen().contains("was waiting"), "{}", five.screen());
    std::fs::write(world.dir().join("gate"), "").unwrap();
    four.shows(&["last", ">>>"]);
    assert_eq!(runs(&world), 1);
}

/// The noted files hold this text, in whatever part.
fn holds(world: &World, text: &str) -> bool {
    noted(world).iter().any(|file| std::fs::read_to_string(file).is_ok_and(|held| held.contains(text)))
}

#[test]
fn what_was_half_typed_stands_there_again() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto work");
    t.shows(&[">>>"]);
    t.type_text("print('half");
    until("a note of it", || holds(&world, r#"{"draft":"print('half"}"#).then_some(()));
    assert!(noted(&world).iter().all(|file| file.metadata().unwrap().permissions().mode() & 0o777 == 0o600));
    kill(&t);
    t.type_line("clear; rialto work");
    t.shows(&["what was half-typed when the terminal ended stands here again; Ctrl-C clears it", ">>> print('half"]);
    t.type_line(" and whole')");
    t.shows(&["half and whole", ">>>"]);
    assert!(!holds(&world, "draft"), "it was entered");
    // An entry of several lines, and a window that is closed.
    t.type_line("def f(n):");
    t.shows(&[">>> def f(n):", "..."]);
    t.type_text("return n +");
    until("a note of it", || holds(&world, r"return n +").then_some(()));
    signal(t.front("rialto"), Signal::SIGHUP);
    t.type_line("");
    t.wait_for("$");
    t.type_line("clear; rialto work");
    t.shows(&[">>> def f(n):", "...     return n +"]);
    t.type_line(" 5");
    t.shows(&["...     return n + 5", "..."]);
    t.type_line("");
    t.shows(&["...", ">>>"]);
    t.type_line("f(37)");
    t.shows(&["42", ">>>"]);
    // What is taken back is, and whoever leaves leaves nothing.
    t.type_text("gone");
    until("a note of it", || holds(&world, "gone").then_some(()));
    t.keys(&["C-c"]);
    until("no note of it", || (!holds(&world, "gone")).then_some(()));
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    assert_eq!(noted(&world), Vec::<PathBuf>::new());
}

#[test]
fn neither_a_password_nor_what_begins_with_a_space_is_noted() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto work");
    t.shows(&[">>>"]);
    t.type_line("import getpass; secret = getpass.getpass()");
    t.wait_for("Password:");
    t.type_text("hunter2");
    // A key that was typed before is noted before this one can be.
    t.type_line("");
    t.shows(&[">>>"]);
    t.type_text("after");
    until("a note of what came later", || holds(&world, "after").then_some(()));
    assert!(!holds(&world, "hunter2") && !holds(&world, "getpass"));
    t.keys(&["C-c"]);
    until("no note of it", || (!holds(&world, "after")).then_some(()));
    t.type_text(" private");
    t.shows(&[">>>  private"]);
    t.keys(&["Home"]);
    t.type_text("x");
    until("a note of it", || holds(&world, "x private").then_some(()));
    t.keys(&["BSpace"]);
    until("no note of it", || (!holds(&world, "private")).then_some(()));
    kill(&t);
    t.type_line("clear; rialto work");
    t.shows(&[">>>"]);
    assert!(!t.screen().contains("half-typed"), "{}", t.screen());
}

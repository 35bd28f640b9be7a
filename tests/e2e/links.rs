//! A link that breaks while somebody sits in front of it.

use crate::common::{Running, Terminal, World, until};
use nix::sys::signal::Signal;

fn serve(world: &World) -> (Running, String) {
    let socket = world.dir().join("d.sock");
    let daemon = world.start(&["serve", "--socket", socket.to_str().unwrap()]);
    daemon.wait_for_err("serving this user's sessions on");
    (daemon, format!("unix://{}", socket.display()))
}

fn prompt<'w>(world: &'w World, at: &str) -> Terminal<'w> {
    let t = Terminal::open(world, &format!("clear; RIALTO_STATUS=on rialto --at {at} work"));
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t
}

#[test]
fn typing_goes_on_without_a_link_and_what_is_submitted_is_sent_when_it_is_back() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    t.type_line("x = 40");
    t.shows(&[">>> x = 40", ">>>"]);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    // Meanwhile, something happens.
    world.run(&["exec", "-s", "work", "-q", "-c", "for i in range(312): print('line', i)"]).ok();
    t.type_text("x + ");
    t.type_line("2");
    t.wait_for("queued; sent when the link is back");
    let (daemon, _) = serve(&world);
    t.wait_for("back after");
    t.wait_for("42");
    t.shows(&[">>>"]);
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn what_came_meanwhile_is_counted() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    t.type_text("half a li");
    world.run(&["exec", "-s", "work", "-k", "python", "-q", "-c", "for i in range(312): print('line', i)"]).ok();
    let (daemon, _) = serve(&world);
    t.wait_for(", 312 lines came meanwhile");
    t.shows(&[">>> half a li"]);
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn a_daemon_that_hangs_is_said_and_goes_on() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    daemon.signal(Signal::SIGSTOP);
    t.type_line("6*7");
    t.wait_for("the session does not answer");
    daemon.signal(Signal::SIGCONT);
    t.wait_for("42");
    t.shows(&[">>>"]);
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn a_question_that_somebody_else_answered_meanwhile_goes() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    t.type_line("name = input('who? ')");
    t.shows(&["who?"]);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    let ask = world.events("work").into_iter().find(|event| event["type"] == "asked").expect("a question")["ask"].clone();
    let id = "a".repeat(26);
    let reply = format!("{{\"type\":\"input\",\"re\":1,\"id\":\"{id}\",\"ask\":{ask},\"data\":\"Bob\"}}\n");
    let said = world.run_with(&["rpc", "work"], reply).exits(0);
    assert!(said.out().contains("carried"), "{said}");
    let (daemon, _) = serve(&world);
    t.wait_for("answered by you/");
    t.shows(&[">>>"]);
    t.type_line("name");
    t.shows(&["'Bob'", ">>>"]);
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn leaving_without_a_link_says_where_to_come_back_to() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    t.keys(&["C-d"]);
    t.wait_for(&format!("Come back with: rialto --at {at} work"));
    t.shows(&["$"]);
}

#[test]
fn ctrl_c_takes_back_what_was_never_sent() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    t.type_line("taken_back = 1");
    t.wait_for("queued; sent when the link is back");
    t.keys(&["C-c"]);
    t.wait_for("never sent, taken back; Up brings it to the prompt");
    // What is submitted after it is, and waits for its link.
    t.type_line("print('taken_back' in globals())");
    until("the next one", || (t.screen().matches("queued; sent when").count() == 2).then_some(()));
    let (daemon, _) = serve(&world);
    t.wait_for("back after");
    t.shows(&["False", ">>>"]);
    assert_eq!(world.events("work").iter().filter(|event| event["type"] == "accepted").count(), 1);
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn what_may_have_been_sent_is_not_taken_back() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    t.type_line("import time; print('be' + 'gun'); time.sleep(600)");
    t.wait_for("begun");
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    t.wait_for("the link is lost");
    t.keys(&["C-c"]);
    t.wait_for("is interrupted when that is back");
    assert!(!t.screen().contains("taken back"), "{}", t.screen());
    let (daemon, _) = serve(&world);
    t.wait_for("KeyboardInterrupt");
    t.shows(&[">>>"]);
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn a_question_of_one_key_stays_whole_whatever_comes() {
    let world = World::new();
    let (daemon, at) = serve(&world);
    let t = prompt(&world, &at);
    t.type_line("import time");
    t.shows(&[">>> import time", ">>>"]);
    t.type_line("while True:\ntry: time.sleep(600)\nexcept KeyboardInterrupt: print('n' + 'o')\n");
    t.keys(&["Escape", "Enter"]);
    until("it to run", || (world.ls(false)[0]["status"]["state"] == "running").then_some(()));
    t.keys(&["C-c"]);
    t.wait_for("no");
    t.keys(&["C-c"]);
    t.wait_for("[d]etach");
    daemon.signal(Signal::SIGKILL);
    daemon.end().exits(128 + 9);
    // It is said above the question, and the clock that counts without a link does not touch it.
    t.wait_for("the link is lost");
    t.type_text("w");
    t.wait_for("[d]etach w");
    let (daemon, _) = serve(&world);
    world.run(&["interrupt", "work", "--force-after", "0"]).exits(0);
    t.wait_for("the kernel was ended by force");
    t.wait_for(">>>");
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

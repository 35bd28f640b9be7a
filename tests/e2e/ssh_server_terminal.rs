//! A whole terminal over a stock `ssh`: what a person has who has nothing else.

use crate::common::{Terminal, World, until};
use crate::ssh_server::Server;
use nix::sys::signal::Signal;

#[test]
fn a_repl_over_ssh_is_one() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    let terminal = Terminal::open(&world, &server.line("laptop", "-t python"));
    terminal.wait_for("Ctrl-D detaches");
    terminal.type_line("x = 41");
    terminal.type_line("x + 1");
    terminal.shows(&["42", ">>>"]);
    terminal.type_text("x.bit_le");
    terminal.keys(&["Tab"]);
    terminal.shows(&[">>> x.bit_length"]);
    terminal.keys(&["C-u"]);
    terminal.type_line("import time; print('runs'); time.sleep(1000)");
    terminal.wait_for("\nruns");
    terminal.keys(&["C-c"]);
    terminal.wait_for("KeyboardInterrupt");
    terminal.type_line("x + 2");
    terminal.shows(&["43", ">>>"]);
    // The size over there follows the one here.
    let child = world
        .processes()
        .into_iter()
        .find(|found| found.command.starts_with("rialto python"))
        .expect("the program over there")
        .pid;
    terminal.resize(70, 20);
    let size = || {
        let tty = std::fs::read_link(format!("/proc/{child}/fd/0")).ok()?;
        let said = world.command("stty").arg("-F").arg(tty).arg("size").output().ok()?;
        (String::from_utf8_lossy(&said.stdout).trim() == "20 70").then_some(())
    };
    until("the terminal over there to have that size", size);
    terminal.keys(&["C-d"]);
    terminal.wait_for("it lives on. Come back with: ssh -t");
    terminal.wait_for("\n$");
}

#[test]
fn a_cut_connection_is_a_closed_window_and_the_session_lives() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    let terminal = Terminal::open(&world, &server.line("laptop", "-t python"));
    terminal.wait_for("Ctrl-D detaches");
    terminal.type_line("x = 41");
    terminal.type_line("import os; os.mkfifo('go'); print('waits'); open('go').read(); x = 42; print('went on')");
    terminal.wait_for("\nwaits");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(terminal.front("ssh")), Signal::SIGKILL).unwrap();
    let there = || !world.processes().iter().any(|found| found.command.starts_with("rialto python"));
    until("the program over there to go", || there().then_some(()));
    std::fs::write(world.dir().join("home/go"), "").unwrap();
    let again = Terminal::open(&world, &server.line("laptop", "-t python"));
    again.wait_for("went on");
    again.wait_for(">>>");
    again.type_line("x + 1");
    again.shows(&["43", ">>>"]);
    again.keys(&["C-d"]);
    again.wait_for("Come back with");
}

#[test]
fn what_was_typed_by_one_key_is_not_shown_to_another() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop"), ("scope=eval", "phone")]);
    let terminal = Terminal::open(&world, &server.line("laptop", "-t repl one -k python"));
    terminal.wait_for("Ctrl-D detaches");
    terminal.type_line("'typed by the laptop'");
    terminal.shows(&["'typed by the laptop'", ">>>"]);
    terminal.keys(&["C-d"]);
    terminal.wait_for("Come back with");
    let other = Terminal::open(&world, &server.line("phone", "-t repl two -k python"));
    other.wait_for("Ctrl-D detaches");
    other.type_line(":history -g typed");
    other.type_line("'and then'");
    other.shows(&["'and then'", ">>>"]);
    assert!(!other.history().contains("by the laptop"), "{}", other.history());
    // Nor is a file of that machine read or written, nor a program started, by what is no code.
    other.type_line(":load /etc/passwd");
    other.wait_for("that would be on the server's machine");
    other.type_line(":export /tmp/never.md");
    other.type_line("'last'");
    other.shows(&["'last'", ">>>"]);
    assert!(!std::path::Path::new("/tmp/never.md").exists());
    other.keys(&["C-d"]);
    other.wait_for("Come back with");
}

#[test]
fn who_looks_on_watches() {
    let world = World::new();
    let server = Server::new(&world, &[("scope=observe,session=work", "watcher")]);
    world.session("work", "print('before')");
    let terminal = Terminal::open(&world, &server.line("watcher", "-t"));
    terminal.wait_for("watching work");
    terminal.type_line("print('typed')");
    world.run(&["exec", "-s", "work", "-c", "print('after')"]).ok();
    terminal.wait_for("after");
    assert_eq!(
        world.events("work").iter().filter(|event| event["type"] == "accepted").count(),
        2,
        "two were run, and none was typed"
    );
    terminal.keys(&["C-c"]);
    terminal.wait_for("^C$");
}

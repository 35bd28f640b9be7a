//! `rialto serve` and `rialto stdio`: they route, and keep nothing.

use crate::common::{Running, World};
use nix::sys::signal::Signal;

pub(crate) struct Served {
    pub(crate) daemon: Running,
    pub(crate) at: String,
}

pub(crate) fn serve(world: &World) -> Served {
    let socket = world.dir().join("d.sock");
    let daemon = world.start(&["serve", "--socket", socket.to_str().unwrap()]);
    daemon.wait_for_err("serving this user's sessions on");
    Served { daemon, at: format!("unix://{}", socket.display()) }
}

#[test]
fn everything_works_through_the_daemon_and_meets_the_same_sessions() {
    let world = World::new();
    let served = serve(&world);
    let at = ["--at", served.at.as_str()];
    let run = |arguments: &[&str]| world.run(&[&at, arguments].concat());
    run(&["exec", "-s", "work", "-k", "python", "-c", "x = 41"]).ok();
    world.run(&["exec", "-s", "work", "-c", "x + 1"]).says(0, "42\n", "");
    let said = run(&["exec", "-s", "work", "-c", "import sys; print('a'); print('b', file=sys.stderr); sys.exit(4)"]);
    said.says(4, "a\nb\n".strip_suffix("b\n").unwrap(), "b\n");
    run(&["exec", "-c", "'a session of its own'"]).says(0, "'a session of its own'\n", "");
    assert!(run(&["ls"]).ok().contains("work"));
    assert!(run(&["logs", "work"]).ok().contains("x = 41"));
    run(&["wait", "work", "1"]).says(0, "", "");
    assert!(run(&["restart", "work"]).exits(0).err().contains("life 2"));
    run(&["exec", "-s", "nope", "-c", "1"]).complains(69, &["nope"]);
    run(&["exec", "-k", "nope", "-c", "1"]).complains(64, &["nope", "python"]);
    run(&["kill", "work"]).exits(0);
    served.daemon.signal(Signal::SIGTERM);
    served.daemon.end().exits(0);
    assert!(!world.dir().join("d.sock").exists(), "a daemon that ends takes its socket along");
}

#[test]
fn a_killed_daemon_costs_only_sockets() {
    let world = World::new();
    let served = serve(&world);
    let code = "import os; os.mkfifo('go'); print('begun', flush=True); open('go'); print('went on'); 'value'";
    let running = world.start(&["--at", &served.at, "exec", "-c", code]);
    running.wait_for_out("begun\n");
    served.daemon.signal(Signal::SIGKILL);
    served.daemon.end().exits(128 + 9);
    // It goes on while no daemon is there; the client finds the next one, and misses nothing.
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
    let served = serve(&world);
    let said = running.end().exits(0);
    assert_eq!(said.out(), "begun\nwent on\n'value'\n");
    served.daemon.signal(Signal::SIGTERM);
    served.daemon.end().exits(0);
}

#[test]
fn a_second_daemon_leaves_the_first_alone() {
    let world = World::new();
    let served = serve(&world);
    let socket = world.dir().join("d.sock");
    world.run(&["serve", "--socket", socket.to_str().unwrap()]).complains(69, &["another daemon serves", "--socket"]);
    world.run(&["--at", &served.at, "exec", "-c", "1"]).says(0, "1\n", "");
}

#[test]
fn stdio_is_a_daemon_for_one_connection() {
    let world = World::new();
    world.session("work", "x = 41");
    let at = "exec:rialto stdio";
    world.run(&["--at", at, "exec", "-s", "work", "-c", "x + 1"]).says(0, "42\n", "");
    world.run(&["--at", at, "exec", "-c", "import sys; sys.exit(3)"]).says(3, "", "");
    assert!(world.run(&["--at", at, "ls"]).ok().contains("work"));
    // The place may be said once for all.
    let mut command = world.rialto(&["exec", "-s", "work", "-c", "x"]);
    command.env("RIALTO_AT", at);
    Running::start(command).end().says(0, "41\n", "");
}

#[test]
fn eight_megabytes_arrive_whole_through_two_processes() {
    let world = World::new();
    world.session("work", "import hashlib, sys; data = bytes(range(256)) * (8 * 4096)");
    let said = world.run(&["--at", "exec:rialto stdio", "exec", "-q", "-s", "work", "-c", "_ = sys.stdout.buffer.write(data)"]);
    assert_eq!((said.code, said.stdout.len()), (0, 8 << 20));
    assert!(said.stdout == (0..=255).collect::<Vec<u8>>().repeat(8 * 4096));
}

#[test]
fn a_socket_that_cannot_be_is_said() {
    let world = World::new();
    let long = world.dir().join("x".repeat(120));
    world.run(&["serve", "--socket", long.to_str().unwrap()]).complains(69, &["107"]);
    world.run(&["serve", "--socket", "/nowhere/at/all.sock"]).complains(69, &["/nowhere/at/all.sock"]);
}

//! `rialto serve` and `rialto stdio`: they route, and keep nothing.

use crate::common::{Running, World, until};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

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

/// Starts `rialto stdio`, says to it what is no Rialto, and gives what it answered; `waiting` is called before, with its number.
fn strange(
    world: &World,
    input: Stdio,
    output: Stdio,
    mut to: impl Write,
    mut from: impl Read,
    waiting: impl FnOnce(u32),
) -> String {
    let mut command = world.rialto(&["stdio"]);
    let mut child = command.stdin(input).stdout(output).spawn().unwrap();
    drop(command);
    waiting(child.id());
    to.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut said = Vec::new();
    from.read_to_end(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    String::from_utf8_lossy(&said).into_owned()
}

/// Whether whoever shares this would be told "not now" instead of waiting.
fn would_not_wait(fd: &OwnedFd) -> bool {
    OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap()).contains(OFlag::O_NONBLOCK)
}

#[test]
fn stdio_leaves_what_it_was_given_as_it_is_and_needs_no_threads_for_it() {
    let world = World::new();
    // It has no more than its first thread, and sleeps.
    let waits = |pid: u32| {
        until("it to wait", || {
            let calls = std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
            (calls.contains("poll") || calls == "0").then_some(())
        });
    };
    let threads = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(1, Iterator::count);
    // Pipes, of which we keep their ends, too.
    let ((input, to), (from, output)) = (io::pipe().unwrap(), io::pipe().unwrap());
    let shared: [OwnedFd; 2] = [input.try_clone().unwrap().into(), output.try_clone().unwrap().into()];
    let said = strange(&world, input.into(), output.into(), to, from, |pid| {
        waits(pid);
        assert!(!shared.iter().any(would_not_wait));
        assert_eq!(threads(pid), 1);
        drop(shared);
    });
    assert!(said.contains("no Rialto hello"), "{said}");
    // One socket, as inetd and OpenSSH on some systems give it.
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (input, output) = (OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs.try_clone().unwrap()));
    let shared = OwnedFd::from(theirs);
    let said = strange(&world, input.into(), output.into(), ours.try_clone().unwrap(), ours, |pid| {
        waits(pid);
        assert!(!would_not_wait(&shared));
        assert_eq!(threads(pid), 1);
        drop(shared);
    });
    assert!(said.contains("no Rialto hello"), "{said}");
    // A file is neither, and is read all the same.
    let (path, out) = (world.file("input", "GET / HTTP/1.1\r\n\r\n"), world.file("output", ""));
    let file = std::fs::File::open(path).unwrap();
    let output = std::fs::File::options().write(true).open(&out).unwrap();
    strange(&world, file.into(), output.into(), io::sink(), io::empty(), |_| ());
    let said = std::fs::read(out).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("no Rialto hello"), "{said:?}");
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

#[test]
fn a_daemon_with_several_ways_in_says_once_that_it_ends() {
    let world = World::new();
    let (socket, keys) = (world.dir().join("d.sock"), world.file("keys", ""));
    let fixed = ["serve", "--ws", "0", "--ssh", "127.0.0.1:0", "--authorized-keys", keys.to_str().unwrap()];
    let daemon = world.start(&[&fixed[..], &["--socket", socket.to_str().unwrap()]].concat());
    daemon.wait_for_err("serving this user's sessions on");
    daemon.signal(Signal::SIGTERM);
    let said = daemon.end().exits(0).err();
    assert_eq!(said.matches("ending; sessions run on").count(), 1, "{said}");
}

//! `rialto serve --ssh` for others: how many of them, and as which user what they run is run.

use crate::common::{Running, Terminal, World, until};
use crate::ssh_server::Server;
use nix::sys::signal::Signal;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

/// What `rialto serve` lets run at once.
const MOST: usize = 64;

#[test]
fn as_many_programs_as_may_run_and_the_next_is_told_so_and_comes_in_when_one_has_ended() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    world.session("work", "print('seen', 'by all')");
    // Ten to a connection, which is as many as one may have.
    let on = |connection: usize, rest: &str| {
        let path = world.dir().join(format!("c{connection}"));
        format!("-o ControlMaster=auto -o ControlPath={} {rest}", path.display())
    };
    let follow = |connection: usize| {
        let line = server.line("laptop", "logs -f work").replacen("ssh ", &format!("ssh {}", on(connection, "")), 1);
        let mut command = world.command("sh");
        command.args(["-c", &format!("exec {line}")]);
        Running::start(command)
    };
    let mut all: Vec<Running> = Vec::new();
    for connection in 0..MOST.div_ceil(10) {
        // The first makes the connection.
        let first = follow(connection);
        first.wait_for_out("seen by all");
        let others = (10 * connection + 1..MOST).take(9).map(|_| follow(connection));
        let others: Vec<Running> = others.collect();
        all.push(first);
        all.extend(others);
    }
    assert_eq!(all.len(), MOST);
    all.iter().for_each(|program| program.wait_for_out("seen by all"));

    server.ssh("laptop", "ls").complains(69, &["64 programs run here for others, and no more will", "try again later"]);
    // On a terminal, too, where there is no other way out than the output.
    let t = Terminal::open(&world, &format!("clear; {}; echo code $?", server.line("laptop", "-tt ls")));
    t.wait_for("64 programs run here for others");
    t.wait_for("code 69");
    server.daemon.wait_for_err("too many terminals");
    // Those that run go on, and what is no program needs no seat.
    world.run(&["exec", "-s", "work", "-c", "print('still', 'here')"]).ok();
    all.iter().for_each(|program| program.wait_for_out("still here"));
    assert!(server.rialto("laptop", "-s rialto", &["ls"]).ok().contains("work"));

    // One ends, and with it its program: the next comes in.
    let one = all.pop().unwrap();
    one.signal(Signal::SIGTERM);
    one.end();
    until("a place for one more", || (server.ssh("laptop", "ls").code == 0).then_some(()));
    // Programs first, then the connections they came by.
    for program in all.into_iter().rev() {
        program.signal(Signal::SIGTERM);
        program.end();
    }
}

/// A user of this machine for as long as a test, with a home and nothing else.
struct Guest {
    name: String,
    uid: u32,
    gid: u32,
    home: tempfile::TempDir,
}

/// Whoever else changes the list holds it for a moment.
#[track_caller]
fn list_of_users(program: &str, arguments: &[&str]) {
    let mut said = String::new();
    let change = || {
        let changed = Command::new(format!("/usr/sbin/{program}")).args(arguments).output().unwrap();
        said = String::from_utf8_lossy(&changed.stderr).into_owned();
        (changed.status.success() || !said.contains("cannot lock")).then_some(changed.status.success())
    };
    let done = until("the list of users", change);
    assert!(done, "{program}: {said}");
}

impl Guest {
    fn new() -> Self {
        let home =
            tempfile::Builder::new().prefix("rl-").permissions(PermissionsExt::from_mode(0o755)).tempdir_in("/tmp").unwrap();
        let name = format!("rialto-{}", std::process::id());
        let path = home.path().display().to_string();
        list_of_users("useradd", &["-M", "-U", "-s", "/bin/sh", "-d", &path, &name]);
        let user = nix::unistd::User::from_name(&name).unwrap().expect("it was made");
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        chown(home.path(), Some(uid), Some(gid)).unwrap();
        Self { name, uid, gid, home }
    }

    /// What runs as it.
    fn processes(&self) -> Vec<i32> {
        let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let theirs = |pid: &i32| std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|found| found.uid() == self.uid);
        all.filter(theirs).collect()
    }

    fn runtime(&self) -> [PathBuf; 2] {
        [format!("/run/user/{}/rialto", self.uid), format!("/tmp/rialto-{}", self.uid)].map(PathBuf::from)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        for pid in self.processes() {
            crate::common::signal(pid, Signal::SIGKILL);
        }
        for path in self.runtime() {
            let _ = std::fs::remove_dir_all(path);
        }
        list_of_users("userdel", &["-f", &self.name]);
    }
}

#[test]
fn what_a_key_of_another_user_runs_is_that_users() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("only root can make a user and run code as one: here it is seen that such a key opens nothing");
        let world = World::new();
        let server = Server::new(&world, &[("user=root", "guest")]);
        let said = server.ssh("guest", "ls");
        assert!(said.code == 255 && said.err().contains("Permission denied"), "{said}");
        server.daemon.wait_for_err("user= is for a server that runs as root");
        return;
    }
    let guest = Guest::new();
    let world = World::new();
    let (user, home) = (format!("user={}", guest.name), guest.home.path().display().to_string());
    let (uid, secret) = (guest.uid, world.file("secret", "nobody else's"));
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    // Whoever is not us must reach the program that is run, and tests may be built where only their owner looks.
    let exe = guest.home.path().join("rialto");
    std::fs::copy(env!("CARGO_BIN_EXE_rialto"), &exe).unwrap();
    let coder = format!("{user},scope=eval");
    let keys = [(user.as_str(), "guest"), (coder.as_str(), "coder"), ("user=rialto-nobody-is-called-so", "lost"), ("", "laptop")];
    let server = Server::of(&world, &exe, &keys, &[]);

    let code = "import os, pathlib; pathlib.Path('made').write_text('x'); \
                print(os.getuid(), os.geteuid(), os.getgid(), os.getgroups(), os.getcwd())";
    let said = server.ssh_with("guest", "exec -s work -k python", code);
    // Of the groups, its own alone: none of ours.
    said.says(0, &format!("{uid} {uid} {} [] {home}\n", guest.gid), "");
    assert_eq!(std::fs::metadata(guest.home.path().join("made")).unwrap().uid(), uid);
    let read = format!("print(open({secret:?}).read())");
    let said = server.ssh_with("guest", "exec -s work", &read);
    assert!(said.code == 1 && said.err().contains("PermissionError"), "{said}");
    // What it begins is its user's as well, and so are the session's files.
    server.ssh_with("coder", "exec -s work", "import subprocess; print(subprocess.getoutput('id -un'))").says(
        0,
        &format!("{}\n", guest.name),
        "",
    );
    let state = guest.home.path().join(".local/state/rialto");
    assert_eq!(std::fs::metadata(&state).unwrap().uid(), uid);
    // In a terminal, it is the same session.
    let t = Terminal::open(&world, &format!("clear; {}", server.line("guest", "-tt attach work")));
    t.wait_for("session work");
    t.type_line("os.getuid(), os.path.expanduser('~')");
    t.wait_for(&format!("({uid}, '{home}')"));
    t.keys(&["C-d"]);
    t.wait_for("$");
    // It is nobody's else: the server's own user has none of it.
    assert!(!server.ssh("laptop", "ls --json").ok().contains("work"));
    assert!(server.ssh("guest", "ls --json").ok().contains("\"work\""));
    // A name that the machine does not know opens nothing.
    let said = server.ssh("lost", "ls");
    assert!(said.code == 255 && said.err().contains("Permission denied"), "{said}");
    server.daemon.wait_for_err("there is no such user");

    server.ssh("coder", "kill work").complains(77, &["needs the scope admin"]);
    assert!(server.ssh("guest", "kill work").exits(0).err().contains("work"));
    until("all that ran as that user to end", || guest.processes().is_empty().then_some(()));
}

//! A session's programs use the ssh agent of whoever attached last, by one path that stays.

use crate::common::{Running, Said, World, signal, until};
use nix::sys::signal::Signal;

/// A real agent with one key of this name in it.
struct Agent<'w> {
    world: &'w World,
    socket: String,
    child: std::process::Child,
}

impl<'w> Agent<'w> {
    fn start(world: &'w World, name: &str) -> Self {
        let socket = world.dir().join(format!("{name}.sock")).display().to_string();
        let mut command = world.command("ssh-agent");
        command.args(["-D", "-a", &socket]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let child = command.spawn().expect("scripts/setup installs ssh");
        let agent = Self { world, socket, child };
        until("the agent to listen", || std::path::Path::new(&agent.socket).exists().then_some(()));
        let key = format!("../{name}.key");
        agent.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &key]).exits(0);
        agent.run("ssh-add", &["-q", &key]).exits(0);
        agent
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Said {
        let mut command = self.world.command(program);
        command.args(arguments).env("SSH_AUTH_SOCK", &self.socket);
        Running::start(command).end()
    }

    fn rialto(&self, arguments: &[&str]) -> Said {
        self.run(env!("CARGO_BIN_EXE_rialto"), arguments)
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names of the keys that a program in the session sees, and the path it sees them by.
const KEYS: &str = "import os, subprocess as s\nprint(os.environ['SSH_AUTH_SOCK'])\n\
                    print([l.split()[-2] for l in s.run(['ssh-add', '-l'], capture_output=True, text=True).stdout.splitlines() if 'SHA' in l])";

#[test]
fn a_session_uses_the_agent_of_whoever_attached_last() {
    let world = World::new();
    let (first, second) = (Agent::start(&world, "first"), Agent::start(&world, "second"));
    let made = first.rialto(&["exec", "-s", "work", "-k", "python", "-c", KEYS]).ok();
    let (path, keys) = made.split_once('\n').unwrap();
    assert!(path.starts_with(&world.runtime().display().to_string()) && keys == "['first']\n", "{made}");
    let shown = |keys: &str| format!("{path}\n[{keys}]\n");
    // Who comes without one changes nothing; nor who only looks on.
    assert_eq!(world.run(&["exec", "-s", "work", "-c", KEYS]).ok(), shown("'first'"));
    second.rialto(&["logs", "work"]).exits(0);
    assert_eq!(world.run(&["exec", "-s", "work", "-c", KEYS]).ok(), shown("'first'"));
    assert_eq!(second.rialto(&["exec", "-s", "work", "-c", KEYS]).ok(), shown("'second'"));
    // The login that the first came by is over: its agent is gone, and nobody misses it.
    drop(first);
    assert_eq!(world.run(&["exec", "-s", "work", "-c", KEYS]).ok(), shown("'second'"));
    // By what ssh starts on a machine: its agent is the one that ssh forwards.
    let third = Agent::start(&world, "third");
    assert_eq!(third.rialto(&["--at", "exec:rialto stdio", "exec", "-s", "work", "-c", KEYS]).ok(), shown("'third'"));
    // A daemon's own agent is not that of whoever comes to it.
    let daemon = {
        let mut command = world.rialto(&["serve"]);
        command.env("SSH_AUTH_SOCK", &second.socket);
        Running::start(command)
    };
    daemon.wait_for_err("serving this user's sessions on");
    let at = format!("unix://{}/daemon.sock", world.runtime().display());
    assert_eq!(world.run(&["--at", &at, "exec", "-s", "work", "-c", KEYS]).ok(), shown("'third'"));
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
    // A new life, and a new supervisor: the same path.
    world.run(&["restart", "work"]).exits(0);
    assert_eq!(world.run(&["exec", "-s", "work", "-c", KEYS]).ok(), shown("'third'"));
    let supervisor = world.ls(false)[0]["status"]["pid"].as_i64().unwrap();
    signal(i32::try_from(supervisor).unwrap(), Signal::SIGKILL);
    assert_eq!(world.run(&["exec", "-s", "work", "-c", KEYS]).ok(), shown("'third'"));
    // One that was said for the session is the session's.
    let said = format!("SSH_AUTH_SOCK={}", second.socket);
    let own = third.rialto(&["exec", "--env", &said, "-c", KEYS]).ok();
    assert_eq!(own, format!("{}\n['second']\n", second.socket));
    world.run(&["kill", "work"]).exits(0);
    drop((second, third));
    world.quiet();
    let left: Vec<_> = std::fs::read_dir(world.runtime()).unwrap().flatten().map(|file| file.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("agent")), "{left:?}");
}

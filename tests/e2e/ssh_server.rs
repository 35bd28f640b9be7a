//! `rialto serve --ssh`, and a stock `ssh` with nothing of ours behind it.

use crate::common::{Running, Said, World, until};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A daemon that serves ssh, and the keys that open it.
pub(crate) struct Server<'w> {
    pub(crate) world: &'w World,
    pub(crate) daemon: Running,
    pub(crate) port: u16,
}

impl<'w> Server<'w> {
    /// Each line is the options of a key that is made for it, and its name.
    pub(crate) fn new(world: &'w World, keys: &[(&str, &str)]) -> Self {
        Self::with(world, keys, &[])
    }

    pub(crate) fn with(world: &'w World, keys: &[(&str, &str)], more: &[&str]) -> Self {
        Self::of(world, Path::new(env!("CARGO_BIN_EXE_rialto")), keys, more)
    }

    /// Of another file than the one that was built.
    pub(crate) fn of(world: &'w World, exe: &Path, keys: &[(&str, &str)], more: &[&str]) -> Self {
        let lines: Vec<String> = keys.iter().map(|(options, name)| format!("{options} {}", public(world, name))).collect();
        write_keys(world, &lines.join("\n"));
        let (socket, file) = (world.dir().join("d.sock"), world.dir().join("keys"));
        let fixed = ["serve", "--socket", socket.to_str().unwrap(), "--ssh", "127.0.0.1:0", "--authorized-keys"];
        let mut command = world.command(exe);
        command.args([&fixed[..], &[file.to_str().unwrap()], more].concat());
        let daemon = Running::start(command);
        daemon.wait_for_err("whose host key is SHA256:");
        let said = daemon.err();
        let port = said.split("ssh on 127.0.0.1:").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
        Self { world, daemon, port }
    }

    /// The stock client with the key of this name, as words of a shell.
    pub(crate) fn line(&self, name: &str, rest: &str) -> String {
        let key = self.world.dir().join(name);
        format!(
            "ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
             -o LogLevel=ERROR -p {} 127.0.0.1 {rest}",
            key.display(),
            self.port
        )
    }

    pub(crate) fn command(&self, name: &str, rest: &str) -> Command {
        let mut command = self.world.command("sh");
        command.args(["-c", &format!("exec {}", self.line(name, rest))]);
        command
    }

    /// To its end, with nothing on its stdin.
    #[track_caller]
    pub(crate) fn ssh(&self, name: &str, rest: &str) -> Said {
        Running::start(self.command(name, rest)).end()
    }

    #[track_caller]
    pub(crate) fn ssh_with(&self, name: &str, rest: &str, stdin: impl AsRef<[u8]>) -> Said {
        Running::start(self.command(name, rest)).end_with(stdin)
    }

    /// `rialto` here, through the stock client.
    #[track_caller]
    pub(crate) fn rialto(&self, name: &str, how: &str, arguments: &[&str]) -> Said {
        let at = format!("exec:exec {}", self.line(name, how));
        self.world.run(&[&["--at", at.as_str()], arguments].concat())
    }
}

impl Drop for Server<'_> {
    /// With all that it runs for others: a client that is still there would have the bridge start what the test ends.
    fn drop(&mut self) {
        self.daemon.signal(Signal::SIGTERM);
        if !std::thread::panicking() {
            let theirs = |command: &str| command.starts_with("rialto ") && !command.starts_with("rialto supervise");
            until("what ran for others to end", || {
                (!self.world.processes().iter().any(|found| theirs(&found.command))).then_some(())
            });
        }
    }
}

/// The public half of the key of this name, which is made where it is missing.
pub(crate) fn public(world: &World, name: &str) -> String {
    let path: PathBuf = world.dir().join(name);
    if !path.exists() {
        let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path.to_str().unwrap()];
        let mut command = world.command("ssh-keygen");
        command.args(arguments);
        Running::start(command).end().ok();
    }
    std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned()
}

pub(crate) fn write_keys(world: &World, text: &str) {
    let path = world.dir().join("keys.new");
    std::fs::write(&path, format!("{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&path, world.dir().join("keys")).unwrap();
}

pub(crate) fn us() -> String {
    format!("uid:{}", nix::unistd::Uid::effective())
}

#[test]
fn a_pipe_is_run_and_its_streams_and_exit_code_come_back() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    server.ssh_with("laptop", "python", "1+1\n").says(0, "2\n", "");
    let code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)";
    server.ssh_with("laptop", "python", code).says(7, "out\n", "err\n");
    server.ssh("laptop", "python -c 6*7").says(0, "42\n", "");
    server.ssh("laptop", "exec -s work -k python -c x=41").says(0, "", "");
    world.run(&["exec", "-s", "work", "-c", "x+1"]).says(0, "42\n", "");
    assert!(server.ssh("laptop", "ls").ok().contains("work"));
    assert!(server.ssh("laptop", "rialto logs work").ok().contains("x=41"));
    // Quotes are words' and no shell's.
    server.ssh("laptop", r#""exec -c 'print(\"\$HOME; *\")'""#).says(0, "$HOME; *\n", "");
    // The journal says by which key.
    let events = world.events("work");
    let first = events.iter().find(|event| event["type"] == "accepted").expect("an eval");
    assert_eq!(first["by"]["principal"], format!("{}/laptop", us()));
    assert!(server.ssh("laptop", "kill work").exits(0).err().contains("work"));
}

#[test]
fn what_is_not_on_the_list_is_not_run() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    server.ssh("laptop", "sh -c id").complains(127, &["no command \"sh\"", "help"]);
    server.ssh("laptop", "serve").complains(127, &["no command"]);
    server.ssh("laptop", &format!("supervise {}", world.dir().display())).complains(127, &["no command"]);
    server.ssh("laptop", "\"ls 'x\"").complains(64, &["quote"]);
    assert!(server.ssh("laptop", "ls").exits(0).err().contains("`ssh -t MACHINE python` starts one"));
    server.ssh("laptop", "ls --at exec:id").complains(77, &["--at"]);
    let help = server.ssh("laptop", "help").ok();
    assert!(help.contains("attach NAME") && help.contains(&format!("You are {}/laptop, with the scope admin", us())), "{help}");
    // Nothing of ours is there, and nothing of the machine's.
    assert_ne!(server.ssh("laptop", "-s sftp").code, 0);
}

#[test]
fn a_program_that_reads_late_and_prints_much_is_not_stuck() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    let input = "line\n".repeat(300_000);
    let said = server.ssh_with("laptop", r#""exec -c 'print(\"y\" * 3000000)'""#, &input);
    assert_eq!((said.code, said.stdout.len()), (0, 3_000_001), "{said}");
    let code = r#""exec -c 'print(\"y\" * 3000000); import sys; print(len(sys.stdin.read()))'""#;
    let said = server.ssh_with("laptop", code, &input);
    assert!(said.code == 0 && said.out().ends_with("1500000\n"), "{said}");
}

#[test]
fn what_nobody_reads_any_more_ends() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    world.session("work", "print('first')");
    // It would follow for ever, and the pipeline with it.
    let said = world
        .sh(&format!("{} | head -c 300000 | wc -c", server.line("laptop", "\"exec -c 'while True: print(\\\"x\\\" * 1000)'\"")));
    said.says(0, "300000\n", "");
}

#[test]
fn the_protocol_is_a_subsystem_and_a_command() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop"), ("scope=observe", "watcher")]);
    server.rialto("laptop", "-s rialto", &["exec", "-s", "work", "-k", "python", "-c", "x = 41"]).ok();
    server.rialto("laptop", "rialto stdio", &["exec", "-s", "work", "-c", "x + 1"]).says(0, "42\n", "");
    assert!(server.rialto("watcher", "-s rialto", &["ls"]).ok().contains("work"));
    server.rialto("watcher", "-s rialto", &["exec", "-s", "work", "-c", "1"]).exits(77);
    server.rialto("watcher", "rialto stdio", &["kill", "work"]).exits(77);
}

#[test]
fn nothing_is_forwarded_and_that_is_logged() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    assert_ne!(server.ssh("laptop", "-W 127.0.0.1:22").code, 0);
    server.daemon.wait_for_err("forwards nothing");
    assert_ne!(server.ssh("laptop", "-o ExitOnForwardFailure=yes -R 0:127.0.0.1:22 ls").code, 0);
    server.ssh("laptop", "ls").exits(0);
}

#[test]
fn strangers_keep_nobody_out_and_stop_nothing() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    let mut bystander = Running::start(server.command("laptop", "rpc work -k python"));
    bystander.write("{\"type\":\"attach\",\"tail\":0}\n");
    let mut evals = "abcdef".chars();
    let mut goes_on = |bystander: &mut Running| {
        let n = evals.next().unwrap();
        bystander.write(format!(
            "{{\"type\":\"submit\",\"eval\":\"aa{n}qeayeaudaocajbifqydiob4\",\"code\":\"'bystander' + ' {n}'\"}}\n"
        ));
        bystander.wait_for_out(&format!("bystander {n}"));
    };
    goes_on(&mut bystander);
    // Half open: connected, and nothing more. More than all that may wait, and more than one address may have.
    let connect = || TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let crowd: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
    goes_on(&mut bystander);
    // Whoever has a key comes in all the same, the crowd making room.
    server.ssh("laptop", "ls").exits(0);
    drop(crowd);
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0xff; 100_000],
        b"SSH-2.0-x\r\n\xff\xff\xff\xff\x00\x00\x00\x00 and no packet is that long",
        b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"SSH-1.5-old\r\n",
    ];
    for bytes in garbage {
        for _ in 0..20 {
            let mut stream = connect();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // It is told off or hung up on, and not kept.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    goes_on(&mut bystander);
    server.ssh("laptop", "ls").exits(0);
}

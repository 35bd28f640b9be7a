//! The ways to the sessions of one machine: what has to listen there for each, and what a client needs to come by it. For
//! `tests/conformance`, which asks the same of all of them, and `tests/chaos`, which kills what stands on the way.
#![allow(dead_code, reason = "each of its users needs a part")]

pub(crate) mod proxy;
mod sshd;

use rialto_transports::Dialer;
use rialto_transports::exec::ExecDialer;
use rialto_transports::http::{Address, HttpDialer, Token, tls};
use rialto_transports::ssh::{SshDialer, Target};
use rialto_transports::unix::UnixDialer;
use rialto_transports::websocket::WebSocketDialer;
use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

pub(crate) const RIALTO: &str = env!("CARGO_BIN_EXE_rialto");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The supervisor's own socket.
    Direct,
    /// A daemon inside the client's process, as who comes by a plain `ssh` has one.
    Memory,
    /// A daemon's socket.
    Unix,
    /// `rialto stdio`, started by the client.
    Exec,
    /// A WebSocket without TLS, and a token.
    Ws,
    /// The same with TLS, the certificate pinned.
    Wss,
    /// Plain requests of HTTP, where WebSockets do not get through.
    Http,
    /// Our own SSH server, and a key.
    Ssh,
    /// OpenSSH's server, which runs `rialto stdio`.
    Sshd,
}

/// What stands at the end of a way, and ends with this.
pub(crate) struct Door {
    way: Way,
    folder: PathBuf,
    /// What every program of this machine has in its environment.
    env: Vec<(OsString, OsString)>,
    program: PathBuf,
    daemon: Option<Child>,
    /// Said by whoever listens; the same after it died and came back.
    port: u16,
    /// `#sha256=...`
    pin: String,
    token: Option<String>,
    log: PathBuf,
}

impl Door {
    /// Opens it: whoever has to listen does, once this returns. `folder` is short and holds nothing of these names yet; `env`
    /// says where the sessions are.
    pub(crate) fn open(way: Way, folder: &Path, env: &[(OsString, OsString)]) -> Self {
        Self::of(way, folder, env, Path::new(RIALTO))
    }

    /// The same, served by this file.
    pub(crate) fn of(way: Way, folder: &Path, env: &[(OsString, OsString)], program: &Path) -> Self {
        let home = folder.join("home");
        std::fs::create_dir_all(&home).unwrap();
        let mut env = env.to_vec();
        env.extend([
            ("HOME".into(), home.into_os_string()),
            ("XDG_CONFIG_HOME".into(), folder.join("config").into_os_string()),
            ("LANG".into(), "C.UTF-8".into()),
        ]);
        let (pin, log) = (String::new(), folder.join("daemon.log"));
        let mut door = Self {
            way,
            folder: folder.to_owned(),
            env,
            program: program.to_owned(),
            daemon: None,
            port: 0,
            pin,
            token: None,
            log,
        };
        match way {
            Way::Ssh | Way::Sshd => door.keys(),
            Way::Ws | Way::Wss | Way::Http => door.token = Some(door.said(&["token", "create", "test", "--scope", "admin"])),
            _ => {}
        }
        if way == Way::Memory {
            let us = serde_json::json!({"principal": rialto_bridge::auth::ourselves(), "scope": "admin"}).to_string();
            door.env.push(("RIALTO_AS".into(), us.into()));
        }
        door.starts();
        door
    }

    pub(crate) const fn way(&self) -> Way {
        self.way
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What a client has in its environment to come by this way.
    pub(crate) fn env(&self) -> Vec<(OsString, OsString)> {
        let token = self.token.as_ref().map(|token| ("RIALTO_TOKEN".into(), token.into()));
        self.env.iter().cloned().chain(token).collect()
    }

    /// A program on this machine, with nothing of whoever runs the tests but the path.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().current_dir(self.path("home")).env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(self.env.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    /// The binary, by this way.
    pub(crate) fn rialto(&self) -> Command {
        let mut command = self.command(RIALTO);
        if let Some(at) = self.at() {
            command.args(["--at", &at]);
        }
        command.envs(self.env());
        command
    }

    fn said(&self, arguments: &[&str]) -> String {
        let out = self.command(&self.program).args(arguments).output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// What `--at` takes. Nothing: no place need be named.
    pub(crate) fn at(&self) -> Option<String> {
        let Self { port, pin, .. } = self;
        Some(match self.way {
            Way::Direct | Way::Memory => return None,
            Way::Exec => format!("exec:exec '{}' stdio", self.program.display()),
            Way::Unix => format!("unix://{}", self.socket().display()),
            Way::Ws => format!("ws://127.0.0.1:{port}"),
            Way::Wss => format!("wss://127.0.0.1:{port}{pin}"),
            Way::Http => format!("http://127.0.0.1:{port}"),
            Way::Ssh | Way::Sshd => format!("ssh://127.0.0.1:{port}"),
        })
    }

    /// A daemon's own socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("daemon.sock")
    }

    /// Whoever listens on a port of TCP.
    pub(crate) const fn port(&self) -> Option<u16> {
        match self.way {
            Way::Direct | Way::Memory | Way::Exec | Way::Unix => None,
            _ => Some(self.port),
        }
    }

    /// Dials it, or whoever leads there from another port. (Directly and inside a process there is nobody to dial.)
    pub(crate) fn dialer(&self, by: Option<u16>) -> Arc<dyn Dialer> {
        let port = by.unwrap_or(self.port);
        let address = || Address {
            secure: self.way == Way::Wss,
            host: "127.0.0.1".to_owned(),
            port,
            trust: self.pin.strip_prefix("#sha256=").and_then(tls::pin).map_or(tls::Trust::System, tls::Trust::Pinned),
            token: self.token.clone().map_or(Token::None, Token::Text),
            ..Address::default()
        };
        match self.way {
            Way::Direct | Way::Memory => unreachable!("{:?} has no dialer of its own", self.way),
            Way::Unix => Arc::new(UnixDialer::new(self.socket())),
            Way::Exec => {
                let env = self.env.iter().map(|(name, value)| {
                    let mut said = name.clone();
                    said.push("=");
                    said.push(value);
                    said
                });
                let argv = [OsString::from("/usr/bin/env")].into_iter().chain(env);
                Arc::new(ExecDialer::argv(argv.chain([self.program.clone().into_os_string(), "stdio".into()])))
            }
            Way::Ws | Way::Wss => Arc::new(WebSocketDialer::new(address())),
            Way::Http => Arc::new(HttpDialer::new(address())),
            Way::Ssh | Way::Sshd => {
                let target = Target { host: "127.0.0.1".into(), port: Some(port), place: "there".into(), ..Target::default() };
                Arc::new(SshDialer::new(target, None).in_home(self.path("home")))
            }
        }
    }

    /// Somebody serves from now on; the port is known then, and stays.
    fn starts(&mut self) {
        match self.way {
            Way::Direct | Way::Memory | Way::Exec => {}
            Way::Sshd => (self.daemon, self.port) = sshd::start(&self.folder, &self.env, &self.program, None),
            _ => {
                let mut daemon = self.serve().stderr(Stdio::piped()).spawn().unwrap();
                let (mut said, mut lines) = (String::new(), BufReader::new(daemon.stderr.take().unwrap()));
                while !said.contains("serving this user's sessions on") {
                    assert_ne!(lines.read_line(&mut said).unwrap(), 0, "the daemon ended: {said}");
                }
                self.daemon = Some(daemon);
                self.learns(&said);
                let mut log = self.log();
                // Whatever it says later is read, so that it never waits for us.
                std::thread::spawn(move || {
                    let _ = log.write_all(said.as_bytes());
                    std::io::copy(&mut lines, &mut log)
                });
            }
        }
    }

    fn learns(&mut self, said: &str) {
        let scheme = match self.way {
            Way::Ssh => "ssh on ",
            Way::Wss => "wss://",
            _ => "ws://",
        };
        let Some(rest) = said.split(&format!("{scheme}127.0.0.1:")).nth(1) else { return };
        self.port = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
        if self.way == Way::Wss {
            // The second address is the one that it is to be reached by, with what to pin.
            let at = said.split("--at '").nth(1).and_then(|rest| rest.split('\'').next()).expect("it says how");
            self.pin = at.find('#').map(|from| at[from..].to_owned()).expect("it says what to pin");
        }
    }

    fn log(&self) -> File {
        File::options().create(true).append(true).open(&self.log).unwrap()
    }

    fn serve(&self) -> Command {
        let mut command = self.command(&self.program);
        // What one client may take is another test's question.
        command.args(["serve", "--limit", "connections=200", "--limit", "bytes=100G", "--socket"]).arg(self.socket());
        let address = format!("127.0.0.1:{}", self.port);
        match self.way {
            Way::Ws | Way::Http => _ = command.args(["--ws", &address]),
            Way::Wss => _ = command.args(["--ws", &address, "--tls-self-signed"]),
            Way::Ssh => _ = command.args(["--ssh", &address, "--authorized-keys"]).arg(self.path("keys")),
            _ => {}
        }
        command.stdout(Stdio::null());
        command
    }

    /// Whoever listened is back at the same address. Nobody waits for that here: [`Door::is_up`] says when.
    pub(crate) fn comes_back(&mut self) {
        match self.way {
            Way::Direct | Way::Memory | Way::Exec => {}
            Way::Sshd => (self.daemon, _) = sshd::start(&self.folder, &self.env, &self.program, Some(self.port)),
            _ => self.daemon = Some(self.serve().stderr(self.log()).spawn().unwrap()),
        }
    }

    /// Whether whoever comes by this way finds somebody.
    pub(crate) fn is_up(&self) -> bool {
        match self.port() {
            Some(port) => TcpStream::connect(("127.0.0.1", port)).is_ok(),
            None => self.way != Way::Unix || UnixStream::connect(self.socket()).is_ok(),
        }
    }

    /// Who serves, and may be killed.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Child::id)
    }

    /// `kill -9`, with all that serves connections. Sockets stay where they are.
    pub(crate) fn dies(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let serving = sshd::children(daemon.id());
            let _ = daemon.kill();
            let _ = daemon.wait();
            if self.way == Way::Sshd {
                serving.iter().for_each(|pid| sshd::kill(*pid));
            }
        }
    }

    /// A key, and what lets it in.
    fn keys(&self) {
        let key = self.path("key");
        let mut made = self.command("ssh-keygen");
        made.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(&key);
        assert!(made.status().expect("scripts/setup installs ssh-keygen").success());
        // As most people have, one that is shown first and opens nothing here.
        let other = self.path("other");
        let mut made = self.command("ssh-keygen");
        assert!(made.args(["-q", "-t", "ed25519", "-N", "", "-C", "other", "-f"]).arg(&other).status().unwrap().success());
        let keys = self.path("keys");
        std::fs::copy(key.with_extension("pub"), &keys).unwrap();
        std::fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
        let folder = self.path("home/.ssh");
        std::fs::create_dir(&folder).unwrap();
        let (key, other, folder_) = (key.display(), other.display(), folder.display());
        // A host is known from when it is met: each test's is a new one.
        let config = format!(
            "IdentityFile {other}\nIdentityFile {key}\nIdentitiesOnly yes\nStrictHostKeyChecking accept-new\nUserKnownHostsFile {folder_}/known\n"
        );
        std::fs::write(folder.join("config"), config).unwrap();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.dies();
    }
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.way)
    }
}

//! The ways to a session, and the daemon at the end of those that need one.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const RIALTO: &str = env!("CARGO_BIN_EXE_rialto");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The supervisor's own socket.
    Direct,
    /// A daemon's socket.
    Unix,
    /// `rialto stdio`, started by us.
    Exec,
    /// A WebSocket without TLS, and a token.
    Ws,
    /// The same with TLS, the certificate pinned.
    Wss,
    /// Our own SSH server, and a key.
    Ssh,
}

/// A machine of its own: folders, and what listens there.
pub(crate) struct World {
    temp: TempDir,
    way: Way,
    daemon: Option<Child>,
    at: Option<String>,
    token: Option<String>,
}

impl World {
    pub(crate) fn new(way: Way) -> Self {
        // Short and without links: a socket's path ends at 107 bytes, and folders that are links are refused.
        let base = std::fs::canonicalize("/tmp").unwrap();
        let temp = tempfile::Builder::new().prefix("rc-").tempdir_in(base).unwrap();
        std::fs::create_dir(temp.path().join("home")).unwrap();
        let mut world = Self { temp, way, daemon: None, at: None, token: None };
        world.at = match way {
            Way::Direct => None,
            Way::Exec => Some(format!("exec:exec '{RIALTO}' stdio")),
            Way::Unix => {
                world.serve(&[]);
                Some(format!("unix://{}", world.path("d.sock").display()))
            }
            Way::Ws => Some(world.web(&[])),
            Way::Wss => Some(world.web(&["--tls-self-signed"])),
            Way::Ssh => Some(world.ssh()),
        };
        world
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.temp.path().join(name)
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let home = self.path("home");
        let mut command = Command::new(program.as_ref());
        command.env_clear().current_dir(&home).env("HOME", &home).env("PATH", std::env::var_os("PATH").unwrap());
        command.env("LANG", "C.UTF-8").env("RIALTO_STATE_DIR", self.path("s")).env("RIALTO_RUNTIME_DIR", self.path("r"));
        command.env("XDG_CONFIG_HOME", self.path("c"));
        command
    }

    /// The binary, by this way.
    pub(crate) fn rialto(&self) -> Command {
        let mut command = self.command(RIALTO);
        if let Some(at) = &self.at {
            command.args(["--at", at]);
        }
        if let Some(token) = &self.token {
            command.env("RIALTO_TOKEN", token);
        }
        command
    }

    /// Starts a daemon, and gives what it says until it serves.
    fn serve(&mut self, options: &[&str]) -> String {
        let mut command = self.command(RIALTO);
        command.args(["serve", "--socket"]).arg(self.path("d.sock")).args(options);
        let mut daemon = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(daemon.stderr.take().unwrap());
        while !said.contains("serving this user's sessions on") {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "the daemon ended: {said}");
        }
        // Whatever it says later is read, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        self.daemon = Some(daemon);
        said
    }

    fn web(&mut self, options: &[&str]) -> String {
        let said = self.serve(&[&["--ws", "0"], options].concat());
        let made = self.command(RIALTO).args(["token", "create", "test", "--scope", "admin"]).output().unwrap();
        self.token = Some(String::from_utf8(made.stdout).unwrap().trim().to_owned());
        said.lines().find_map(|line| line.split("rialto --at '").nth(1)?.split('\'').next()).expect("it says where").to_owned()
    }

    fn ssh(&mut self) -> String {
        let key = self.path("key");
        let made =
            self.command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(&key).status().unwrap();
        assert!(made.success());
        let keys = self.path("keys");
        std::fs::copy(key.with_extension("pub"), &keys).unwrap();
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
        let said = self.serve(&["--ssh", "127.0.0.1:0", "--authorized-keys", keys.to_str().unwrap()]);
        let port = said.split("ssh on 127.0.0.1:").nth(1).and_then(|rest| rest.split(',').next()).expect("it says where");
        let folder = self.path("home/.ssh");
        std::fs::create_dir(&folder).unwrap();
        let config = format!(
            "IdentityFile {}\nIdentitiesOnly yes\nStrictHostKeyChecking accept-new\nUserKnownHostsFile {}/known\n",
            key.display(),
            folder.display()
        );
        std::fs::write(folder.join("config"), config).unwrap();
        format!("ssh://127.0.0.1:{port}")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.way)
    }
}

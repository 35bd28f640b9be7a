//! What stands between a client and a machine far away, all of it on this one: a daemon with WebSockets and SSH, OpenSSH's own
//! server, and the stock client.

use crate::floor::Floor;
use crate::place::{Place, RIALTO};
use crate::processes::{children, words};
use crate::relay::{PYTHON, SOCKET};
use crate::wait::look;
use rialto_transports::Dialer;
use rialto_transports::exec::ExecDialer;
use rialto_transports::http::tls::{self, Trust};
use rialto_transports::http::{Address, Token};
use rialto_transports::ssh::{SshDialer, Target};
use rialto_transports::websocket::WebSocketDialer;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// What runs for them; it ends with this.
pub(crate) struct Links {
    children: Vec<Child>,
    home: PathBuf,
    key: PathBuf,
    plain: Web,
    secure: Web,
    /// Of our own server, and of OpenSSH's.
    ssh: u16,
    sshd: u16,
}

struct Web {
    port: u16,
    pin: Option<[u8; 32]>,
    token: String,
}

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Ws,
    Wss,
    /// Our client, OpenSSH's server, `rialto stdio`.
    Sshd,
    /// The stock client, our server's subsystem.
    Subsystem,
    /// Our client, our server.
    Ssh,
}

impl Link {
    pub(crate) const ALL: [Self; 5] = [Self::Ws, Self::Wss, Self::Sshd, Self::Subsystem, Self::Ssh];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Sshd => "ssh, our client and OpenSSH's server",
            Self::Subsystem => "ssh, the stock client and our server",
            Self::Ssh => "ssh, our client and our server",
        }
    }

    /// Which floor it stands beside.
    pub(crate) const fn is_ssh(self) -> bool {
        !matches!(self, Self::Ws | Self::Wss)
    }
}

impl Links {
    /// Starts all of it.
    pub(crate) fn new(place: &Place) -> Self {
        let home = place.path("home");
        let (ssh, bin) = (home.join(".ssh"), place.path("bin"));
        for folder in [&ssh, &bin] {
            std::fs::create_dir_all(folder).unwrap();
        }
        symlink(RIALTO, bin.join("rialto")).unwrap();
        let (key, host) = (ssh.join("id_ed25519"), place.path("host"));
        for file in [&key, &host] {
            let mut made = Command::new("ssh-keygen");
            assert!(made.args(["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f"]).arg(file).status().unwrap().success());
        }
        let keys = place.path("keys");
        std::fs::copy(key.with_extension("pub"), &keys).unwrap();
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
        let settings = "StrictHostKeyChecking accept-new\nIdentitiesOnly yes\n";
        std::fs::write(ssh.join("config"), settings).unwrap();
        let mut children = Vec::new();
        let mut web = |name: &str, more: &[&str]| {
            let socket = place.path(&format!("{name}.sock"));
            let log = place.path(&format!("{name}.log"));
            let mut command = place.command(&["serve", "--ws", "0", "--socket"]);
            command.arg(socket).args(more).stderr(std::fs::File::create(&log).unwrap());
            children.push(command.spawn().unwrap());
            look("a daemon that listens", || {
                let said = std::fs::read_to_string(&log).unwrap();
                said.contains("serving this user's sessions on").then_some(said)
            })
        };
        let said = web("plain", &["--ssh", "127.0.0.1:0", "--authorized-keys", keys.to_str().unwrap()]);
        let secured = web("secure", &["--tls-self-signed"]);
        let number = |said: &str, after: &str| -> u16 {
            let rest = said.split(after).nth(1).expect("it says where it listens");
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        };
        let token = |name: &str| {
            let made = place.command(&["token", "create", name, "--scope", "admin"]).output().unwrap();
            String::from_utf8(made.stdout).unwrap().trim().to_owned()
        };
        let of = |said: &str, name: &str| {
            let at = said.split("rialto --at '").nth(1).unwrap().split('\'').next().unwrap();
            Web { port: number(at, "127.0.0.1:"), pin: at.split("sha256=").nth(1).and_then(tls::pin), token: token(name) }
        };
        let (plain, secure) = (of(&said, "plain"), of(&secured, "secure"));
        let ssh = number(&said, "ssh on 127.0.0.1:");
        let (sshd, child) = (0..5).find_map(|_| sshd(place, &host, &keys, &bin)).expect("scripts/setup installs sshd");
        children.push(child);
        Self { children, home, key, plain, secure, ssh, sshd }
    }

    pub(crate) fn dialer(&self, link: Link) -> Arc<dyn Dialer> {
        let web = |web: &Web| -> Arc<dyn Dialer> {
            Arc::new(WebSocketDialer::new(Address {
                secure: web.pin.is_some(),
                host: "127.0.0.1".into(),
                port: web.port,
                trust: web.pin.map_or(Trust::System, Trust::Pinned),
                token: Token::Text(web.token.clone()),
                ..Address::default()
            }))
        };
        let ssh = |port: u16| -> Arc<dyn Dialer> {
            let target = Target { host: "127.0.0.1".into(), port: Some(port), ..Target::default() };
            Arc::new(SshDialer::new(target, None).in_home(&self.home))
        };
        match link {
            Link::Ws => web(&self.plain),
            Link::Wss => web(&self.secure),
            Link::Sshd => ssh(self.sshd),
            Link::Ssh => ssh(self.ssh),
            Link::Subsystem => {
                let mut words: Vec<String> = self.stock(self.ssh);
                words.extend(["-s".into(), "rialto".into()]);
                Arc::new(ExecDialer::argv(words))
            }
        }
    }

    /// The floor's child, behind OpenSSH at both ends.
    pub(crate) fn floor(&self, place: &Place) -> Floor {
        let file = place.path("floor.py");
        std::fs::write(&file, Floor::CODE).unwrap();
        self.behind(format!("exec {} {}", place.python, file.display()))
    }

    /// The same child behind a relay, and that behind OpenSSH at both ends.
    pub(crate) fn relayed(&self, place: &Place) -> Floor {
        let own = std::env::current_exe().unwrap();
        self.behind(format!("exec env {SOCKET}=- {PYTHON}={} {}", place.python, own.display()))
    }

    /// What carries a link besides the client and the session.
    pub(crate) fn between(&self, link: Link) -> Vec<i32> {
        let own = |n: usize| i32::try_from(self.children[n].id()).unwrap();
        match link {
            Link::Ws | Link::Ssh => vec![own(0)],
            Link::Wss => vec![own(1)],
            Link::Subsystem => {
                let stock = children(std::process::id() as i32)
                    .into_iter()
                    .find(|pid| words(*pid).ends_with(&["-s".to_owned(), "rialto".to_owned(), String::new()]));
                vec![own(0), stock.expect("the stock client runs")]
            }
            Link::Sshd => self.behind_sshd(|words| words.iter().any(|word| word == "stdio")),
        }
    }

    /// The floor's processes, and those of the one behind a relay.
    pub(crate) fn raw(&self, floor: &Floor, relayed: bool) -> Vec<i32> {
        let marked = |words: &[String]| words.iter().any(|word| word.ends_with("/floor.py"));
        let own = std::env::current_exe().unwrap().display().to_string();
        let relay = |words: &[String]| words.first() == Some(&own);
        let mut pids = vec![floor.pid()];
        if relayed {
            let found = self.behind_sshd(relay);
            pids.extend(children(found[0]));
            pids.extend(found);
        } else {
            pids.extend(self.behind_sshd(marked));
        }
        pids
    }

    /// A program that OpenSSH's server runs, and what of that server carries it.
    fn behind_sshd(&self, is: impl Fn(&[String]) -> bool) -> Vec<i32> {
        let sshd = i32::try_from(self.children.last().unwrap().id()).unwrap();
        let mut found = Vec::new();
        let mut here: Vec<Vec<i32>> = children(sshd).into_iter().map(|pid| vec![pid]).collect();
        while let Some(path) = here.pop() {
            let last = *path.last().unwrap();
            if is(&words(last)) {
                found = path;
                break;
            }
            here.extend(children(last).into_iter().map(|pid| [path.as_slice(), &[pid]].concat()));
        }
        found.reverse();
        assert!(!found.is_empty(), "what sshd runs is not there");
        found
    }

    fn behind(&self, line: String) -> Floor {
        let mut words = self.stock(self.sshd);
        words.push(line);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        Floor::behind(command)
    }

    /// `ssh machine cat FILE`.
    pub(crate) fn cat(&self, file: &Path) -> Command {
        let mut words = self.stock(self.sshd);
        words.push(format!("exec cat {}", file.display()));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    fn stock(&self, port: u16) -> Vec<String> {
        let fixed = "-F none -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
                     -o LogLevel=ERROR";
        let mut words = vec!["ssh".to_owned()];
        words.extend(fixed.split_whitespace().map(str::to_owned));
        words.extend(["-i".into(), self.key.display().to_string(), "-p".into(), port.to_string(), "127.0.0.1".into()]);
        words
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// OpenSSH's server, with nobody's settings. None: the port that was free is taken by now.
#[allow(clippy::disallowed_methods, reason = "for a server that is not ours and has to be told its port")]
fn sshd(place: &Place, host: &Path, keys: &Path, bin: &Path) -> Option<(u16, Child)> {
    let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    if nix::unistd::geteuid().is_root() {
        // Where it locks itself in. What starts it as a service makes that, too.
        std::fs::create_dir_all("/run/sshd").unwrap();
    }
    let environment: Vec<String> = place.environment().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n\
         SetEnv PATH={}:/usr/bin:/bin {}\n",
        host.display(),
        keys.display(),
        bin.display(),
        environment.join(" ")
    );
    let file = place.path("sshd_config");
    std::fs::write(&file, config).unwrap();
    let log = std::fs::File::create(place.path("sshd.log")).unwrap();
    // A whole path is a must: it starts itself anew for each connection.
    let mut child = Command::new("/usr/sbin/sshd").env_clear().args(["-D", "-e", "-f"]).arg(file).stderr(log).spawn().ok()?;
    let up = look("sshd to listen", || match child.try_wait().unwrap() {
        Some(_) => Some(false),
        None => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(true),
    });
    up.then_some((port, child))
}

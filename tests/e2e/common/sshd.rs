//! OpenSSH's own server, on another machine that is a folder: with nobody's settings, on a port of its own, for as long as a test.

use super::wait::until_or;
use super::world::World;
use nix::sys::signal::Signal;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

#[derive(Debug)]
pub(crate) struct Sshd<'w> {
    /// Where it runs: a home, sessions and a `rialto` of its own.
    there: &'w World,
    child: Child,
    port: u16,
}

impl<'w> Sshd<'w> {
    /// Runs on `there` and lets the key of `here` in, which knows its host key.
    #[track_caller]
    pub(crate) fn known(here: &World, there: &'w World) -> Self {
        let sshd = Self::start(here, there, "");
        sshd.remember(here);
        sshd
    }

    /// The same, with more settings, and a host that nobody knows.
    #[track_caller]
    pub(crate) fn start(here: &World, there: &'w World, settings: &str) -> Self {
        let ssh = here.dir().join("home/.ssh");
        if !ssh.join("id_ed25519").exists() {
            std::fs::create_dir_all(&ssh).unwrap();
            here.sh("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519").ok();
        }
        std::fs::copy(ssh.join("id_ed25519.pub"), there.dir().join("authorized_keys")).unwrap();
        if !there.dir().join("host_key").exists() {
            there.sh("ssh-keygen -q -t ed25519 -N '' -f ../host_key").ok();
        }
        // A port that is free now may be taken by the time it is asked for.
        (0..5).find_map(|_| Self::on(there, free_port(), settings)).expect("an sshd that listens")
    }

    fn on(there: &'w World, port: u16, settings: &str) -> Option<Self> {
        if nix::unistd::geteuid().is_root() {
            // Where it locks itself in. What starts it as a service makes that, too.
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let dir = there.dir().display();
        let environment = format!(
            "HOME={dir}/home PATH={} RIALTO_STATE_DIR={} RIALTO_RUNTIME_DIR={}",
            there.path(),
            there.state().display(),
            there.runtime().display()
        );
        let config = format!(
            "{settings}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host_key\nPidFile none\nAuthorizedKeysFile {dir}/authorized_keys\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nPermitUserRC no\n\
             MaxStartups 100\nSetEnv {environment}\n"
        );
        let file = there.dir().join("sshd_config");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::options().create(true).append(true).open(there.dir().join("sshd.log")).unwrap();
        // A whole path is a must: it starts itself anew for each connection.
        let mut command = Command::new("/usr/sbin/sshd");
        command.env_clear().args(["-D", "-e", "-f"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("scripts/setup installs sshd");
        let mut sshd = Self { there, child, port };
        let listens = || match sshd.child.try_wait().unwrap() {
            Some(_) => Some(false),
            None => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(true),
        };
        let up =
            until_or("sshd to listen", listens, || std::fs::read_to_string(there.dir().join("sshd.log")).unwrap_or_default());
        up.then_some(sshd)
    }

    /// `ssh://127.0.0.1:PORT`
    pub(crate) fn at(&self) -> String {
        format!("ssh://127.0.0.1:{}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Its key as a file of known hosts has it.
    pub(crate) fn host_line(&self) -> String {
        let key = std::fs::read_to_string(self.there.dir().join("host_key.pub")).unwrap();
        let words: Vec<&str> = key.split_whitespace().take(2).collect();
        format!("[127.0.0.1]:{} {}\n", self.port, words.join(" "))
    }

    /// `here` knows it from now on.
    pub(crate) fn remember(&self, here: &World) {
        let file = known_hosts(here);
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(file, before + &self.host_line()).unwrap();
    }

    /// Ends the connections there are, and none that is still to come.
    #[track_caller]
    pub(crate) fn cut(&self) {
        self.connections().iter().for_each(|pid| super::signal(*pid, Signal::SIGKILL));
    }

    /// The processes that serve the connections there are.
    #[track_caller]
    pub(crate) fn connections(&self) -> Vec<i32> {
        let listing = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap().stdout;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let ours = |line: &str| {
            let (pid, parent) = line.trim().split_once(' ')?;
            (parent.trim().parse() == Ok(self.child.id())).then_some(pid.parse::<i32>().ok()?)
        };
        let children: Vec<i32> = listing.lines().filter_map(ours).collect();
        assert!(!children.is_empty(), "nobody is connected");
        children
    }

    /// It is gone, and so is all that came through it.
    pub(crate) fn stop(&mut self) {
        self.cut();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// It is back, on the same port.
    #[track_caller]
    pub(crate) fn again(&mut self) {
        let settings = String::new();
        let there = self.there;
        let port = self.port;
        *self = Self::on(there, port, &settings).expect("the port is still free");
    }
}

impl Drop for Sshd<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("sshd said:\n{}", std::fs::read_to_string(self.there.dir().join("sshd.log")).unwrap_or_default());
        }
    }
}

/// The file in which a world keeps the hosts it knows.
pub(crate) fn known_hosts(here: &World) -> PathBuf {
    here.dir().join("home/.ssh/known_hosts")
}

/// What `here` has set for SSH.
pub(crate) fn configure(here: &World, text: &str) {
    std::fs::create_dir_all(here.dir().join("home/.ssh")).unwrap();
    std::fs::write(here.dir().join("home/.ssh/config"), text).unwrap();
}

/// For a server that is not ours and has to be told its port.
#[allow(clippy::disallowed_methods)]
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

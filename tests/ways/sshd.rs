//! OpenSSH's own server, with nobody's settings, on a port of its own.

use super::{Command, Stdio};
use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// For it to listen. It ends a test that would wait for ever.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(5);

/// Starts one that lets in the key of `folder`, and runs `program` as `rialto`; on this port, or on one that is free.
pub(super) fn start(folder: &Path, env: &[(OsString, OsString)], program: &Path, port: Option<u16>) -> (Option<Child>, u16) {
    let dir = folder.display();
    let bin = folder.join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(program, bin.join("rialto")).unwrap();
        let mut made = Command::new("ssh-keygen");
        made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join("host_key"));
        assert!(made.status().expect("scripts/setup installs ssh-keygen").success());
        if nix::unistd::geteuid().is_root() {
            // Where it locks itself in. What starts it as a service makes that, too.
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let env: String = env.iter().map(|(name, value)| format!(" {}={}", name.display(), value.display())).collect();
    // A port that is free now may be taken by the time it is asked for.
    for _ in 0..5 {
        let port = port.unwrap_or_else(free_port);
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host_key\nPidFile none\nAuthorizedKeysFile {dir}/keys\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nPermitUserRC no\n\
             MaxStartups 500\nMaxSessions 100\nSetEnv PATH={path}{env}\n"
        );
        let file = folder.join("sshd_config");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::options().create(true).append(true).open(folder.join("sshd.log")).unwrap();
        // A whole path is a must: it starts itself anew for each connection.
        let mut command = Command::new("/usr/sbin/sshd");
        command.env_clear().args(["-D", "-e", "-f"]).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().expect("scripts/setup installs sshd");
        let end = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return (Some(child), port);
            }
            assert!(Instant::now() < end, "sshd does not listen");
            std::thread::sleep(LOOK);
        }
    }
    panic!("no sshd: {}", std::fs::read_to_string(folder.join("sshd.log")).unwrap_or_default());
}

/// The processes that a process has started: what serves connections.
pub(super) fn children(of: u32) -> Vec<i32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let parent = |pid: i32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        text.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse::<u32>().ok()
    };
    all.filter(|pid| parent(*pid) == Some(of)).collect()
}

pub(super) fn kill(pid: i32) {
    // It may have ended by itself.
    let _ = signal(Pid::from_raw(pid), Signal::SIGKILL);
}

/// For a server that is not ours and has to be told its port.
#[allow(clippy::disallowed_methods)]
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

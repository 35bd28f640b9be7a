//! A program is started for a peer, with an environment made from nothing.

use crate::{Program, User};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, Uid};
use pty_process::{Pty, Size};
use rialto_transports::{Asked, Exit, Terminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Child;

/// Between being told that its peer is gone and being ended.
pub(crate) const GOING: Duration = Duration::from_secs(5);
/// Where programs are found that run as another user.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) enum Started {
    Screen(Pty, Running),
    Piped(Running),
}

/// A child that is told to go when this is dropped before it has ended. It leads a process group.
pub(crate) struct Running {
    pub(crate) child: Child,
    group: Option<Pid>,
}

impl Running {
    fn new(child: Child) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { child, group }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = killpg(group, signal);
        }
    }

    /// Waits for its end; whoever asks may stop asking.
    pub(crate) async fn wait(&mut self) -> Exit {
        let status = self.child.wait().await;
        // Its number may be another's from here on.
        self.group = None;
        status.map_or(Exit::Status(70), exit)
    }

    /// Tells it to go, and ends it if it does not.
    pub(crate) async fn go(&mut self) -> Exit {
        self.signal(Signal::SIGHUP);
        match tokio::time::timeout(GOING, self.wait()).await {
            Ok(exit) => exit,
            Err(_) => {
                self.signal(Signal::SIGKILL);
                self.wait().await
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGHUP);
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal().and_then(|signal| Signal::try_from(signal).ok())) {
        (Some(code), _) => Exit::Status(u8::try_from(code & 0xff).unwrap_or(1)),
        (None, Some(signal)) => Exit::Signal(signal.as_str().trim_start_matches("SIG").to_owned()),
        (None, None) => Exit::Status(70),
    }
}

/// Starts it; an error is a sentence for the peer.
pub(crate) fn start(program: &Program, asked: &Asked, words: Vec<String>) -> Result<Started, String> {
    let us = Uid::effective().as_raw();
    let uid = User::of(&asked.identity.principal).ok_or("whoever this key belongs to is no user of this machine")?;
    let user = User::find(uid)?;
    if uid != us && us != 0 {
        return Err(format!("this server runs as user {us}, and cannot run anything as user {uid}"));
    }
    let environment = environment(program, asked, &user, uid == us);
    let exe = if uid == us { &program.ours } else { &program.theirs };
    let failed = |why: &dyn std::fmt::Display| format!("the program could not be started: {why}");
    if let Some(terminal) = &asked.terminal {
        let (pty, pts) = pty_process::open().map_err(|why| failed(&why))?;
        pty.resize(size(terminal)).map_err(|why| failed(&why))?;
        let mut command = pty_process::Command::new(exe).arg0("rialto").args(words).env_clear().envs(environment);
        command = command.current_dir(&user.home);
        if uid != us {
            command = command.uid(user.uid).gid(user.gid);
        }
        let child = command.spawn(pts).map_err(|why| failed(&why))?;
        return Ok(Started::Screen(pty, Running::new(child)));
    }
    let mut command = tokio::process::Command::new(exe);
    command.arg0("rialto").args(words).env_clear().envs(environment).current_dir(&user.home).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if uid != us {
        command.uid(user.uid).gid(user.gid);
    }
    let child = command.spawn().map_err(|why| failed(&why))?;
    Ok(Started::Piped(Running::new(child)))
}

pub(crate) fn size(terminal: &Terminal) -> Size {
    // A terminal that does not know its size has the usual one.
    let or = |size: u16, usual| if size == 0 { usual } else { size };
    Size::new(or(terminal.rows, 24), or(terminal.columns, 80))
}

fn environment(program: &Program, asked: &Asked, user: &User, own: bool) -> Vec<(String, String)> {
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let mut all: Vec<(String, String)> = vec![
        ("PATH".into(), PATH.into()),
        ("LANG".into(), "C.UTF-8".into()),
        ("HOME".into(), text(&user.home)),
        ("USER".into(), user.name.clone()),
        ("LOGNAME".into(), user.name.clone()),
        ("SHELL".into(), text(&user.shell)),
    ];
    let (from, at) = (asked.from, asked.at);
    all.push(("SSH_CONNECTION".into(), format!("{} {} {} {}", from.ip(), from.port(), at.ip(), at.port())));
    all.extend(asked.environment.iter().cloned());
    if let Some(terminal) = &asked.terminal {
        all.push(("TERM".into(), terminal.kind.clone()));
    }
    if own {
        all.extend(program.environment.iter().cloned());
    }
    // Last, so that nothing before it can say otherwise.
    all.extend((program.told)(&asked.identity));
    all
}

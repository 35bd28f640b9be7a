//! A supervisor is started: detached, its stderr to the session's log, and one line on its stdout that says how it went.

use super::reach::unreachable;
use super::readiness::{MAX_NOISE, Readiness};
use crate::home::SessionHome;
use crate::home::agent::AGENT_VARIABLE;
use crate::home::leftover::SESSION_VARIABLE;
use crate::supervisor::GIVEN_VARIABLE;
use rialto_protocol::message::Create;
use rialto_protocol::{Code, ErrorReply};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// How long a supervisor may take: recovery reads a journal of any allowed size, on a machine that may be busy.
const READY: Duration = Duration::from_secs(15);
/// A log is put aside before it is longer, by whoever writes it or by the next start. Bytes.
pub const MAX_LOG: u64 = 1024 * 1024;

/// The variable that says to a program for whom it runs, where that is not who started it. What it starts is the session's
/// and not that one's.
pub const SERVED: &str = "RIALTO_AS";

/// How to start a supervisor.
#[derive(Debug, Clone)]
pub struct Spawn {
    /// The program.
    pub exe: PathBuf,
    /// Its arguments; the session's folder comes after them.
    pub args: Vec<OsString>,
    /// Environment on top of our own and of what the client wants.
    pub env: Vec<(OsString, OsString)>,
    /// Ask systemd for a scope of its own: `setsid` alone does not leave the cgroup of a login or a service, and what is in
    /// that ends with it.
    pub scope: bool,
    /// Where the ssh agent of this very user is, who comes to sessions in this process: each session it opens can use it from then
    /// on. None for a server that others come to: its agent is not theirs.
    pub agent: Option<PathBuf>,
}

impl Spawn {
    /// The same, for a process that is the user's own client here: its agent is the user's.
    #[must_use]
    pub fn with_own_agent(self) -> Self {
        Self { agent: std::env::var_os(AGENT_VARIABLE).map(PathBuf::from), ..self }
    }

    /// This program's own `supervise`.
    ///
    /// # Errors
    /// Where the system does not say which program we are.
    pub fn own() -> io::Result<Self> {
        Ok(Self { exe: own_exe()?, args: vec!["supervise".into()], env: Vec::new(), scope: has_user_systemd(), agent: None })
    }
}

/// The program that runs here, even if its file has since been replaced: sessions of one daemon are of one build. Not
/// `/proc/self/exe`, which would mean systemd-run by the time that reads it.
fn own_exe() -> io::Result<PathBuf> {
    let link = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    if cfg!(target_os = "linux") && link.exists() { Ok(link) } else { std::env::current_exe() }
}

fn has_user_systemd() -> bool {
    let running = Path::new(&runtime_dir()).join("systemd").is_dir();
    let path = std::env::var_os("PATH").unwrap_or_default();
    running && std::env::split_paths(&path).any(|folder| folder.join("systemd-run").is_file())
}

fn runtime_dir() -> String {
    format!("/run/user/{}", nix::unistd::Uid::effective())
}

/// How a start went.
enum Went {
    Ready,
    Refused(ErrorReply),
    Died(String),
}

/// Starts the session's supervisor and waits until it is ready. The caller holds the session's start lock.
///
/// # Errors
/// What the supervisor said, or that it said nothing, with the end of its log.
pub(super) async fn supervisor(session: &SessionHome, create: Option<&Create>, how: &Spawn) -> Result<(), ErrorReply> {
    if how.scope {
        match attempt(session, create, how, true).await? {
            Went::Ready => return Ok(()),
            Went::Refused(error) => return Err(error),
            // A user manager may be there and not let us in (su, containers). A session without a scope is still a session.
            Went::Died(why) => tracing::info!(%why, "systemd gave no scope; starting without one"),
        }
    }
    match attempt(session, create, how, false).await? {
        Went::Ready => Ok(()),
        Went::Refused(error) => Err(error),
        Went::Died(why) => Err(unreachable(session, &why)),
    }
}

async fn attempt(session: &SessionHome, create: Option<&Create>, how: &Spawn, scope: bool) -> Result<Went, ErrorReply> {
    let failed = |doing: &str, why: io::Error| {
        ErrorReply::new(0, Code::Internal, format!("session {}: cannot {doing}: {why}", session.id()))
    };
    let log = open_log(session).map_err(|why| failed("open its log", why))?;
    let mut command = command(session, create, how, scope);
    let mut child = command.stderr(log).spawn().map_err(|why| failed("start its supervisor", why))?;
    let Some(stdout) = child.stdout.take() else { return Ok(Went::Died("its supervisor has no stdout".to_owned())) };
    match tokio::time::timeout(READY, first_word(stdout)).await {
        Ok(Some(Readiness { error: Some(error), .. })) => Ok(Went::Refused(error)),
        Ok(Some(_)) => Ok(Went::Ready),
        Ok(None) => Ok(Went::Died(format!("its supervisor {} before it was ready", ended(&mut child).await))),
        Err(_) => {
            // It must not come up later, behind the back of whoever was told that it did not.
            let _ = child.start_kill();
            Ok(Went::Died(format!("its supervisor was not ready after {} s and was ended", READY.as_secs())))
        }
    }
}

fn command(session: &SessionHome, create: Option<&Create>, how: &Spawn, scope: bool) -> Command {
    let mut command = if scope {
        let mut command = Command::new("systemd-run");
        command.args(["--user", "--scope", "--collect", "--quiet", "--"]).arg(&how.exe);
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            // Without it (cron, sudo) the user's manager is not found.
            command.env("XDG_RUNTIME_DIR", runtime_dir());
        }
        command
    } else {
        let mut command = Command::new(&how.exe);
        command.arg0("rialto");
        command
    };
    command.args(&how.args).arg(session.dir());
    // A trace is one eval's and not the session's, whoever happens to make it.
    command.env_remove("TRACEPARENT").env_remove("TRACESTATE").env_remove(SERVED);
    // Ours are not a client's to set: they say where sessions are.
    if create.is_some_and(|create| !create.env.is_empty()) {
        command.env(GIVEN_VARIABLE, "1");
    } else {
        command.env_remove(GIVEN_VARIABLE);
    }
    let wanted = create.iter().flat_map(|create| &create.env).filter(|(key, _)| !key.starts_with("RIALTO_"));
    command.envs(wanted).env(SESSION_VARIABLE, session.id().as_str()).envs(how.env.iter().map(|(key, value)| (key, value)));
    // Dropping the child ends nothing: it outlives us, and is collected by the runtime if it does not.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).current_dir(session.dir()).kill_on_drop(false);
    command
}

/// The line that says how it went. None: it closed its stdout without one. Other lines are noise that something in the
/// environment makes, and too much of it is no readiness.
async fn first_word(stdout: ChildStdout) -> Option<Readiness> {
    let mut lines = BufReader::new(stdout.take(MAX_NOISE)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(word) = Readiness::read(&line) {
            return Some(word);
        }
    }
    None
}

/// How it ended, waiting no longer than a process takes to go once its stdout is closed.
async fn ended(child: &mut Child) -> String {
    match tokio::time::timeout(Duration::from_secs(1), child.wait()).await {
        Ok(Ok(status)) => format!("ended ({status})"),
        Ok(Err(_)) => "ended".to_owned(),
        Err(_) => {
            let _ = child.start_kill();
            "closed its stdout".to_owned()
        }
    }
}

fn open_log(session: &SessionHome) -> io::Result<File> {
    let path = session.log();
    if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > MAX_LOG) {
        std::fs::rename(&path, session.dir().join("log.old"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

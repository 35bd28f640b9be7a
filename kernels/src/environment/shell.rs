//! What a shell makes of the environment: it is run, and says at its end what it would hand on. What it prints beside that is not
//! listened to; one that hangs, asks or never ends is ended.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, User, geteuid};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// How long a shell may take. A session that is being made waits for it.
const LIMIT: Duration = Duration::from_secs(5);
/// The most that is read of what it prints, noise included. Bytes.
const MOST: usize = 1024 * 1024;

/// The environment that the user's login shell makes of ours.
pub(super) async fn login(env: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    let shell = login_shell();
    let mark = mark();
    // Words that sh, fish and csh read alike.
    let line = format!("echo {mark}; /usr/bin/env -0; echo {mark}");
    let mut command = Command::new(&shell);
    command.args(["-l", "-c", &line]).envs(env);
    let said = said(command, &mark).await;
    said.map_err(|why| format!("the login shell {} {why}, so its environment is not used", shell.display()))
}

/// The environment after these scripts were read by a shell.
pub(super) async fn sourced(scripts: &[PathBuf], env: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    let mark = mark();
    let line = format!("for each in \"$@\"; do . \"$each\"; done; echo {mark}; /usr/bin/env -0; echo {mark}");
    // Packages' scripts are written for bash and tried with nothing else.
    let shell = ["/bin/bash", "/usr/bin/bash"].into_iter().find(|path| Path::new(path).exists()).unwrap_or("/bin/sh");
    let mut command = Command::new(shell);
    command.args(["-c", &line, "sh"]).args(scripts).envs(env);
    said(command, &mark).await.map_err(|why| format!("the conda environment's activation scripts: the shell {why}"))
}

/// As the system's list of users has it: `SHELL` is what somebody set.
fn login_shell() -> PathBuf {
    let listed = User::from_uid(geteuid()).ok().flatten().map(|user| user.shell);
    let said = std::env::var_os("SHELL").map(PathBuf::from);
    let usable = |path: &PathBuf| crate::find::is_program(path);
    listed.filter(usable).or(said.filter(usable)).unwrap_or_else(|| PathBuf::from("/bin/sh"))
}

/// A word that nothing else prints.
fn mark() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    format!("rialto-{:016x}", RandomState::new().build_hasher().finish())
}

async fn said(mut command: Command, mark: &str) -> Result<BTreeMap<String, String>, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|why| format!("could not be started: {why}"))?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok());
    let Some(stdout) = child.stdout.take() else { return Err("has no output".to_owned()) };
    let read = tokio::time::timeout(LIMIT, between(stdout, mark)).await;
    // What it left in the background would run on beside the session, with its files open.
    if let Some(group) = group.filter(|group| *group > 1) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), child.wait()).await;
    match read {
        Ok(Some(bytes)) => Ok(variables(&bytes)),
        Ok(None) => Err("ended, or printed a mebibyte, without saying its environment".to_owned()),
        Err(_) => Err(format!("did not end within {} s", LIMIT.as_secs())),
    }
}

/// What stands between the two marks. It is not waited for the end: something in the background may hold the pipe open.
async fn between(mut stdout: impl tokio::io::AsyncRead + Unpin, mark: &str) -> Option<Vec<u8>> {
    let (mut read, mut chunk) = (Vec::new(), vec![0; 16 * 1024]);
    let mark = format!("{mark}\n").into_bytes();
    let (mut begin, mut looked) = (None, 0);
    loop {
        let n = stdout.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
        read.extend_from_slice(chunk.get(..n)?);
        // What was looked through is not looked through again, but for a mark that came in two pieces.
        while let Some(at) = memchr::memmem::find(read.get(looked..)?, &mark).map(|at| looked + at) {
            looked = at + mark.len();
            match begin {
                None => begin = Some(looked),
                Some(begin) => return read.get(begin..at).map(<[u8]>::to_vec),
            }
        }
        looked = looked.max(read.len().saturating_sub(mark.len()));
        if read.len() > MOST {
            return None;
        }
    }
}

/// `NAME=VALUE`, each ended by a null. What is no text cannot be handed on.
fn variables(bytes: &[u8]) -> BTreeMap<String, String> {
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
    pairs.filter(|(name, _)| !name.is_empty()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

//! What this program is when it was started for somebody who has nothing but `ssh`: as narrow as that one's key. The server
//! says so in `RIALTO_AS`, in an environment that it made from nothing.
//!
//! Every request goes through a daemon inside this process that lets in that one identity, so what a key may do is decided where it is
//! decided for everybody. What this program does to the machine by itself (files, editors, pagers, commands) is refused here
//! to who is no admin.

pub(crate) mod commands;

use crate::args::{Args, Command, PlaceArgs, StartArgs};
use crate::exit::{self, Failure};
use rialto_bridge::auth::{Authenticator, Identity, Refused};
use rialto_bridge::daemon::{Daemon, Limits};
use rialto_bridge::home::Home;
use rialto_bridge::router::{SERVED, Spawn};
use rialto_bridge::tasks::{TaskKind, Tasks};
use rialto_client::Dialer;
use rialto_client::protocol::Scope;
use rialto_transports::memory::{self, MemoryDialer};
use rialto_transports::{Boxed, DialError, Peer, Stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// For whom this process runs. None: for whoever started it, as ever.
pub(crate) fn guest() -> Option<&'static Identity> {
    read().as_ref().and_then(|read| read.as_ref().ok())
}

/// What the server said, and whether it could be read.
fn read() -> &'static Option<Result<Identity, String>> {
    static GUEST: OnceLock<Option<Result<Identity, String>>> = OnceLock::new();
    GUEST.get_or_init(|| std::env::var_os(SERVED).map(|text| of(&text.to_string_lossy())))
}

/// Whether this process runs for somebody else. What cannot be understood is no reason to let everything pass.
pub(crate) fn is_on() -> bool {
    read().is_some()
}

/// Nothing runs for somebody of whom one cannot tell who it is.
pub(crate) fn sound() -> Result<(), Failure> {
    match read() {
        Some(Err(why)) => Err(Failure::new(exit::FORBIDDEN, format!("{SERVED} says for whom this runs, and {why}"))),
        _ => Ok(()),
    }
}

/// How the program is told.
pub(crate) fn told(identity: &Identity) -> Vec<(String, String)> {
    let Identity { principal, scope, sessions, session, expires, credential, .. } = identity;
    let expires = expires.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|at| at.as_secs());
    let text = json!({
        "principal": principal, "scope": scope.to_string(), "sessions": sessions, "session": session, "expires": expires,
        "credential": credential,
    });
    vec![(SERVED.to_owned(), text.to_string())]
}

fn of(text: &str) -> Result<Identity, String> {
    let value: Value = serde_json::from_str(text).map_err(|why| format!("that is no JSON: {why}"))?;
    let word = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let scope = match word("scope").as_deref() {
        Some("observe") => Scope::Observe,
        Some("eval") => Scope::Eval,
        Some("admin") => Scope::Admin,
        other => return Err(format!("{other:?} is no scope")),
    };
    let principal = word("principal").ok_or("it names nobody")?;
    if rialto_terminal::User::of(&principal) != Some(nix::unistd::Uid::effective().as_raw()) {
        return Err(format!("{principal} is not the user that this runs as"));
    }
    let mut identity = Identity::new(principal, scope);
    identity.sessions = word("sessions");
    identity.session = word("session");
    identity.credential = word("credential");
    identity.expires =
        value.get("expires").and_then(Value::as_u64).and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at)));
    Ok(identity)
}

/// Lets in that one, whoever knocks: only this process can.
struct Only(Identity);

impl Authenticator for Only {
    fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
        Ok(self.0.clone())
    }
}

/// The daemon inside this process.
pub(crate) fn daemon(identity: &Identity) -> Result<Daemon, Failure> {
    let home = Home::find()?;
    let spawn = Spawn::own().map_err(|why| Failure::internal(format!("cannot tell which program this is: {why}")))?;
    Ok(Daemon::with(home, spawn, Arc::new(Only(identity.clone())), Limits::default()))
}

/// Dials it; it ends with the last of these.
struct Inside {
    dialer: MemoryDialer,
    _tasks: Tasks,
}

impl Dialer for Inside {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        self.dialer.dial()
    }

    fn text(&self) -> String {
        "this machine".to_owned()
    }
}

/// The way to it.
pub(crate) fn dialer(identity: &Identity) -> Result<Arc<dyn Dialer>, Failure> {
    let (dialer, listener) = memory::pair();
    let daemon = daemon(identity)?;
    let mut tasks = Tasks::new();
    let mut stopping = tasks.stopping();
    tasks.spawn(TaskKind::Daemon, async move { daemon.serve(vec![Box::new(listener)], stopping.wait()).await });
    Ok(Arc::new(Inside { dialer, _tasks: tasks }))
}

/// Where a terminal keeps what was typed and seen: each credential has a folder of its own.
pub(crate) fn state(home: &Home) -> PathBuf {
    let Some(guest) = guest() else { return home.state().to_owned() };
    let digest: String = Sha256::digest(guest.principal.as_bytes()).iter().take(10).map(|b| format!("{b:02x}")).collect();
    let folder = home.state().join("peers").join(digest);
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    // Where it cannot be made, what is kept in it is not kept, and that is said there.
    let _ = builder.create(&folder);
    folder
}

/// How somebody comes back who came by ssh.
pub(crate) fn way_back(session: &str) -> Option<String> {
    guest()?;
    let came = std::env::var("SSH_CONNECTION").unwrap_or_default();
    let port = came.split(' ').nth(3).filter(|port| *port != "22").map_or_else(String::new, |port| format!(" -p {port}"));
    Some(format!("ssh -t{port} MACHINE attach {session}"))
}

/// May this program do that to the machine it runs on, by itself?
pub(crate) fn may_touch(what: &str) -> Result<(), Failure> {
    match guest() {
        Some(guest) if guest.scope < Scope::Admin => {
            let text = format!("{what}: that would be on the server's machine, and your key has the scope {}", guest.scope);
            Err(Failure::new(exit::FORBIDDEN, text))
        }
        _ => Ok(()),
    }
}

/// Looks at a whole command line before anything of it is done.
pub(crate) fn check(args: &Args) -> Result<(), Failure> {
    if !is_on() {
        return Ok(());
    }
    // From there on it would be this machine that reaches others, as itself.
    let PlaceArgs { at, .. } = &args.place;
    if at.is_some() {
        return Err(Failure::new(exit::FORBIDDEN, "--at is not for who comes by ssh: connect to that place yourself"));
    }
    let done = match &args.command {
        None => Some(&args.repl.done),
        Some(Command::Repl(args)) => Some(&args.done),
        Some(Command::Attach(args)) => Some(&args.done),
        Some(Command::Exec(args)) => Some(&args.done),
        _ => None,
    };
    if done.is_some_and(|done| done.on_done.is_some()) {
        may_touch("--on-done runs a command")?;
    }
    match &args.command {
        Some(Command::Exec(args)) if args.file.as_deref().is_some_and(|file| file != "-") => may_touch("FILE is read"),
        Some(Command::Exec(args)) => touches(&args.start),
        Some(Command::Repl(args)) => touches(&args.start),
        Some(Command::Rpc(args)) => touches(&args.start),
        Some(Command::Export(args)) if args.output.is_some() => may_touch("-o writes a file"),
        Some(Command::Replay(args)) if args.python.is_some() || args.cwd.is_some() => may_touch("--python and --cwd"),
        Some(Command::Fork(args)) if args.python.is_some() || args.cwd.is_some() => may_touch("--python and --cwd"),
        _ => Ok(()),
    }
}

/// What a new session finds is the machine's: a program, a folder, and what is in the environment of this very program.
fn touches(start: &StartArgs) -> Result<(), Failure> {
    let said = start.said();
    if said.is_empty() { Ok(()) } else { may_touch(&said.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_heard() {
        let us = nix::unistd::Uid::effective();
        let mut identity = Identity::new(format!("uid:{us}/laptop"), Scope::Observe);
        identity.sessions = Some("work-*".to_owned());
        identity.expires = UNIX_EPOCH.checked_add(Duration::from_secs(1_900_000_000));
        let (_, text) = told(&identity).remove(0);
        assert_eq!(of(&text), Ok(identity));
        let other = Identity::new(format!("uid:{}", us.as_raw() + 1), Scope::Observe);
        assert!(of(&told(&other).remove(0).1).is_err());
        for bad in ["", "{}", r#"{"principal":"uid:0"}"#, r#"{"scope":"admin"}"#, r#"{"principal":"uid:0","scope":"all"}"#] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}

//! `rialto serve`: the daemon. It routes and keeps nothing: ended, replaced or killed, sessions run on.

mod ssh;
mod users;
pub(crate) mod ws;

use crate::args::ServeArgs;
use crate::exit::{self, Failure};
use crate::paint;
use rialto_bridge::daemon::{Daemon, Each, Limits};
use rialto_bridge::home::{Home, Lock};
use rialto_bridge::router::Spawn;
use rialto_bridge::tasks::{TaskKind, Tasks};
use rialto_transports::Listener;
use rialto_transports::unix::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// For all of them to say goodbye in; each has a shorter time of its own.
const GOODBYE: Duration = Duration::from_secs(6);

/// Where clients come in together: with one doorkeeper, and seats that nobody elsewhere can take. One file beside this one
/// makes each.
struct Doors {
    daemon: Daemon,
    listeners: Vec<Box<dyn Listener>>,
    /// Says to another daemon that somebody is here.
    held: Option<Lock>,
}

/// The daemon's log: so much of it where `RIALTO_LOG` does not say.
pub(crate) fn log(level: &str, file: Option<&Path>) -> Result<(), Failure> {
    rialto_bridge::observe::log::of_daemon(level, file, crate::more()).map_err(|why| {
        let file = file.unwrap_or(Path::new("stderr"));
        Failure::new(exit::IO, format!("cannot write the log {}: {why}", file.display()))
    })
}

pub(crate) async fn run(args: &ServeArgs) -> Result<u8, Failure> {
    log("info", args.log.as_deref())?;
    let (home, spawn) = parts()?;
    let shutdown = told_to_end()?;
    let mut all = Vec::new();
    if args.users {
        all.push(users::doors(args, &home, &spawn)?);
    }
    if let Some(text) = &args.ssh {
        all.push(ssh::doors(args, text, &home, &spawn).await?);
    }
    all.extend(ws::doors(&args.ws, limits(args), &home, &spawn).await?);
    // Last, since it says that we serve: who cannot open all that was asked for opens nothing.
    all.push(own(args, &home, &spawn)?);
    let mut tasks = Tasks::new();
    for Doors { daemon, listeners, held } in all {
        let mut stopping = tasks.stopping();
        tasks.spawn(TaskKind::Daemon, async move {
            daemon.serve(listeners, stopping.wait()).await;
            drop(held);
        });
    }
    shutdown.await;
    tracing::info!("ending; sessions run on");
    tasks.end(GOODBYE).await;
    Ok(0)
}

/// A ceiling of one principal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Connections(usize),
    Sessions(usize),
    Bytes(u64),
}

/// `connections=32`, `bytes=64M`.
pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    let wanted = || "connections=N, sessions=N or bytes=N is wanted, N being 1 or more (64M, 2G for bytes)".to_owned();
    let (name, number) = text.split_once('=').ok_or_else(wanted)?;
    let (digits, unit) = number.split_at(number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len()));
    let times = match (name, unit) {
        (_, "") => 1,
        ("bytes", "K") => 1 << 10,
        ("bytes", "M") => 1 << 20,
        ("bytes", "G") => 1 << 30,
        _ => return Err(wanted()),
    };
    let number = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(times)).filter(|n| *n > 0).ok_or_else(wanted)?;
    let count = usize::try_from(number).map_err(|_| wanted());
    match name {
        "connections" => count.map(Limit::Connections),
        "sessions" => count.map(Limit::Sessions),
        "bytes" => Ok(Limit::Bytes(number)),
        _ => Err(wanted()),
    }
}

/// The ceilings of a way in.
fn limits(args: &ServeArgs) -> Limits {
    let mut each = Each::default();
    for limit in &args.limit {
        match *limit {
            Limit::Connections(n) => each.connections = n,
            Limit::Sessions(n) => each.sessions = n,
            Limit::Bytes(n) => each.bytes = n,
        }
    }
    Limits { each, ..Limits::default() }
}

/// This user's own socket.
fn own(args: &ServeArgs, home: &Home, spawn: &Spawn) -> Result<Doors, Failure> {
    let path = args.socket.clone().unwrap_or_else(|| home.runtime().join("daemon.sock"));
    // A socket that is there is replaced when another is bound. The lock says whether anybody is behind it.
    let Some(lock) = Lock::take(&beside(&path))? else {
        let text = format!("another daemon serves {} already; end that one, or name another with --socket", path.display());
        return Err(Failure::new(exit::UNAVAILABLE, text));
    };
    let listener = UnixListener::bind(&path)
        .map_err(|why| Failure::new(exit::UNAVAILABLE, format!("cannot listen on {}: {why}", path.display())))?;
    paint::talk(&format!("serving this user's sessions on {0}; from here: rialto --at unix://{0} ls", path.display()));
    let daemon = Daemon::new(home.clone(), spawn.clone());
    Ok(Doors { daemon, listeners: vec![Box::new(listener)], held: Some(lock) })
}

/// What a daemon is made of, here as in `stdio`.
pub(crate) fn parts() -> Result<(Home, Spawn), Failure> {
    let home = Home::find()?;
    if let Some(notice) = home.notice() {
        paint::talk(notice);
    }
    let spawn = Spawn::own().map_err(|why| Failure::internal(format!("cannot tell which program this is: {why}")))?;
    Ok((home, spawn))
}

/// Returns once somebody wants this to end: a terminal's Ctrl-C, a service manager, a hang-up.
pub(crate) fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    let listen = |kind: SignalKind| signal(kind);
    let (mut term, mut int): (Signal, Signal) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

fn beside(socket: &Path) -> PathBuf {
    let mut path = socket.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_name_and_a_number() {
        assert!(matches!(limit("connections=32"), Ok(Limit::Connections(32))));
        assert!(matches!(limit("bytes=64M"), Ok(Limit::Bytes(67_108_864))));
        for bad in ["", "x=1", "bytes", "bytes=", "bytes=0", "bytes=99999999999999G", "sessions=1M", "sessions=-1"] {
            assert!(limit(bad).is_err(), "{bad:?}");
        }
    }
}

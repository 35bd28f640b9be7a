//! `rialto serve`: the daemon. It routes and keeps nothing: ended, replaced or killed, sessions run on.

mod ssh;
mod users;

use crate::args::ServeArgs;
use crate::exit::{self, Failure};
use crate::paint;
use rialto_bridge::daemon::Daemon;
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

pub(crate) async fn run(args: &ServeArgs) -> Result<u8, Failure> {
    crate::log::of_daemon("info", args.log.as_deref())?;
    let (home, spawn) = parts()?;
    let shutdown = told_to_end()?;
    let mut all = Vec::new();
    if args.users {
        all.push(users::doors(&home, &spawn)?);
    }
    if let Some(text) = &args.ssh {
        all.push(ssh::doors(args, text, &home, &spawn).await?);
    }
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
    tasks.end(GOODBYE).await;
    Ok(0)
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

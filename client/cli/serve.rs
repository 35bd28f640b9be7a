//! `rialto serve`: the daemon. It routes and keeps nothing: ended, replaced or killed, sessions run on.

use crate::args::ServeArgs;
use crate::exit::{self, Failure};
use crate::paint;
use rialto_bridge::auth::AnyUser;
use rialto_bridge::daemon::{Daemon, Limits};
use rialto_bridge::home::{Home, Lock, door};
use rialto_bridge::router::Spawn;
use rialto_transports::unix::UnixListener;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Connections of other users at once.
const USERS: usize = 64;

pub(crate) async fn run(args: &ServeArgs) -> Result<u8, Failure> {
    crate::log::of_daemon("info", args.log.as_deref())?;
    let (home, spawn) = parts()?;
    let path = args.socket.clone().unwrap_or_else(|| home.runtime().join("daemon.sock"));
    // A socket that is there is replaced when another is bound. The lock says whether anybody is behind it.
    let Some(_lock) = Lock::take(&beside(&path))? else {
        let text = format!("another daemon serves {} already; end that one, or name another with --socket", path.display());
        return Err(Failure::new(exit::UNAVAILABLE, text));
    };
    let listener = UnixListener::bind(&path)
        .map_err(|why| Failure::new(exit::UNAVAILABLE, format!("cannot listen on {}: {why}", path.display())))?;
    let shutdown = told_to_end()?;
    let users = if args.users { Some(door(&home, &spawn)?) } else { None };
    paint::talk(&format!("serving this user's sessions on {0}; from here: rialto --at unix://{0} ls", path.display()));
    let own = Daemon::new(home, spawn).serve(vec![Box::new(listener)], shutdown);
    match users {
        // Seats of their own: strangers who take all of theirs keep nobody else out.
        Some((_lock, users, listener)) => {
            let shutdown = told_to_end()?;
            tokio::join!(own, users.serve(vec![Box::new(listener)], shutdown));
        }
        None => own.await,
    }
    Ok(0)
}

/// What other users of this machine find.
fn door(home: &Home, spawn: &Spawn) -> Result<(Lock, Daemon, UnixListener), Failure> {
    let path = door::ours()?;
    let taken = || Failure::new(exit::UNAVAILABLE, format!("another daemon serves {} already; end that one", path.display()));
    let lock = Lock::take(&home.runtime().join("door.lock"))?.ok_or_else(taken)?;
    let listener = UnixListener::bind_for_all(&path)
        .map_err(|why| Failure::new(exit::UNAVAILABLE, format!("cannot listen on {}: {why}", path.display())))?;
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).ok().flatten();
    let name = user.map_or_else(|| nix::unistd::Uid::effective().to_string(), |user| user.name);
    paint::talk(&format!("other users of this machine see what is shared with them: rialto --at user:{name} ls"));
    let limits = Limits { connections: USERS, ..Limits::default() };
    Ok((lock, Daemon::with(home.clone(), spawn.clone(), Box::new(AnyUser), limits), listener))
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

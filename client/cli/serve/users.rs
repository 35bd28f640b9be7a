//! `rialto serve --users`: what other users of this machine find.

use super::Doors;
use crate::args::ServeArgs;
use crate::exit::{self, Failure};
use crate::paint;
use rialto_bridge::auth::AnyUser;
use rialto_bridge::daemon::{Daemon, Limits};
use rialto_bridge::home::{Home, Lock, door};
use rialto_bridge::router::Spawn;
use rialto_transports::unix::UnixListener;
use std::sync::Arc;

/// Connections of other users at once.
const USERS: usize = 64;

/// Seats of their own: strangers who take all of theirs keep nobody else out.
pub(super) fn doors(args: &ServeArgs, home: &Home, spawn: &Spawn) -> Result<Doors, Failure> {
    let path = door::ours()?;
    let taken = || Failure::new(exit::UNAVAILABLE, format!("another daemon serves {} already; end that one", path.display()));
    let lock = Lock::take(&home.runtime().join("door.lock"))?.ok_or_else(taken)?;
    let listener = UnixListener::bind_for_all(&path)
        .map_err(|why| Failure::new(exit::UNAVAILABLE, format!("cannot listen on {}: {why}", path.display())))?;
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).ok().flatten();
    let name = user.map_or_else(|| nix::unistd::Uid::effective().to_string(), |user| user.name);
    paint::talk(&format!("other users of this machine see what is shared with them: rialto --at user:{name} ls"));
    let limits = Limits { connections: USERS, ..super::limits(args) };
    let daemon = Daemon::with(home.clone(), spawn.clone(), Arc::new(AnyUser), limits);
    Ok(Doors { daemon, listeners: vec![Box::new(listener)], held: Some(lock) })
}

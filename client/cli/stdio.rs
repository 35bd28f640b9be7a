//! `rialto stdio`: one connection on stdin and stdout, for ssh, docker exec and whatever else carries two streams. Nothing but
//! frames is ever printed on stdout.

use crate::exit::Failure;
use crate::serve;
use rialto_bridge::daemon::Daemon;

pub(crate) async fn run() -> Result<u8, Failure> {
    crate::log::of_daemon("warn", None)?;
    let shutdown = serve::told_to_end()?;
    let daemon = match crate::facade::guest() {
        Some(guest) => crate::facade::daemon(guest)?,
        None => {
            let (home, spawn) = serve::parts()?;
            Daemon::new(home, spawn.with_own_agent())
        }
    };
    daemon.stdio(shutdown).await;
    Ok(0)
}

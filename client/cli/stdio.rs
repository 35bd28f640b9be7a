//! `rialto stdio`: one connection on stdin and stdout, for ssh, docker exec and whatever else carries two streams. Nothing but
//! frames is ever printed on stdout, and before them the word that a client may wait for.

use crate::exit::Failure;
use crate::serve;
use rialto_bridge::daemon::Daemon;
use std::io::Write;

pub(crate) async fn run() -> Result<u8, Failure> {
    serve::log("warn", None)?;
    let shutdown = serve::told_to_end()?;
    let daemon = match crate::facade::guest() {
        Some(guest) => crate::facade::daemon(guest)?,
        None => {
            let (home, spawn) = serve::parts()?;
            Daemon::new(home, spawn.with_own_agent())
        }
    };
    // The client waits for a word that would have been printed by what it asked for; an sshd has run us instead.
    if let Some(word) = rialto_transports::ssh::awaited() {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{word}").and_then(|()| out.flush()).map_err(Failure::from)?;
    }
    daemon.stdio(shutdown).await;
    Ok(0)
}

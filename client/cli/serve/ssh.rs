//! `rialto serve --ssh ADDRESS`: an SSH server of our own.

use super::Doors;
use crate::args::ServeArgs;
use crate::exit::{self, Failure};
use crate::{facade, paint};
use rialto_bridge::auth::keys::AuthorizedKeys;
use rialto_bridge::auth::{Authenticator, Network};
use rialto_bridge::daemon::Daemon;
use rialto_bridge::home::Home;
use rialto_bridge::router::Spawn;
use rialto_terminal::{Program, Terminals};
use rialto_transports::ssh::server::{HostKey, Limits as SshLimits, SshListener};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Programs that run for peers at once.
const MOST: usize = 64;
/// What of our own environment a program for our own user gets: where its files are, and how it finds interpreters.
const OURS: [&str; 8] =
    ["PATH", "TZ", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "RIALTO_STATE_DIR", "RIALTO_RUNTIME_DIR"];

pub(super) async fn doors(args: &ServeArgs, text: &str, home: &Home, spawn: &Spawn) -> Result<Doors, Failure> {
    let address = address(text).await?;
    let file = args.authorized_keys.clone().map_or_else(default_file, Ok)?;
    let path = home.state().join("ssh_host_ed25519");
    let unusable =
        |why: std::io::Error| Failure::new(exit::UNAVAILABLE, format!("the key of this server, {}: {why}", path.display()));
    let key = HostKey::at(&path).map_err(unusable)?;
    let fingerprint = key.fingerprint();
    let theirs = std::env::current_exe().unwrap_or_else(|_| spawn.exe.clone());
    let environment = OURS.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    let program = Program {
        ours: spawn.exe.clone(),
        theirs,
        environment,
        told: facade::told,
        protocol: vec!["stdio".to_owned()],
        most: MOST,
    };
    let keys = AuthorizedKeys::of(&file);
    let count = keys.count();
    let doorkeeper = Arc::new(Network::new(home).with(Box::new(keys)));
    let terminals = Arc::new(Terminals::of(program));
    let mut limits = SshLimits::default();
    limits.post_quantum = args.ssh_post_quantum;
    let listener = SshListener::bind(address, key, Arc::clone(&doorkeeper) as Arc<dyn Authenticator>, terminals, limits).await;
    let listener = listener.map_err(|why| Failure::new(exit::UNAVAILABLE, format!("cannot listen on {address}: {why}")))?;
    let at = listener.address();
    paint::talk(&format!("ssh on {at}, whose host key is {fingerprint}; from elsewhere: ssh -t -p {} MACHINE", at.port()));
    match count {
        Ok(0) => paint::talk(&format!("nobody gets in yet: there is no key in {}", file.display())),
        Ok(_) => {}
        Err(why) => paint::talk(&format!("nobody gets in yet: {why}")),
    }
    let daemon = Daemon::with(home.clone(), spawn.clone(), doorkeeper, super::limits(args));
    Ok(Doors { daemon, listeners: vec![Box::new(listener)], held: None })
}

/// `machine:2222`, `127.0.0.1:2222`, or `:2222` for every address of this machine.
async fn address(text: &str) -> Result<SocketAddr, Failure> {
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("--ssh {text}: {why}; an address and a port are wanted, as 127.0.0.1:2222, or :2222 for all"))
    };
    let mut found = tokio::net::lookup_host(&full).await.map_err(|why| wrong(&why))?;
    found.next().ok_or_else(|| wrong(&"it has no address"))
}

fn default_file() -> Result<PathBuf, Failure> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = config.or_else(home).ok_or_else(|| Failure::usage("there is no home folder; say --authorized-keys FILE"))?;
    Ok(folder.join("rialto/authorized_keys"))
}

//! Serving sessions.

use crate::serve::ws::WsArgs;
use clap::ValueHint;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto serve                                   on the socket that it prints
  rialto --at unix:///tmp/r.sock ls              what a client of `rialto serve --socket /tmp/r.sock` says
  rialto serve --ssh :2222                       from any machine with one of your keys: ssh -t -p 2222 MACHINE
  rialto serve --users                           other users reach what is shared with them: rialto --at user:YOU ls
")]
pub(crate) struct ServeArgs {
    /// The socket to listen on. Default: daemon.sock in this user's runtime folder
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) socket: Option<PathBuf>,
    /// Let in the other users of this machine, too: each to what `rialto share` gives them, and nothing else
    #[arg(long)]
    pub(crate) users: bool,
    /// Serve ssh on this address, too: 127.0.0.1:2222, or :2222 for every address of this machine
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ssh: Option<String>,
    /// With --ssh: only key exchanges that hold against quantum computers. OpenSSH has one since 9.9
    #[arg(long, requires = "ssh")]
    pub(crate) ssh_post_quantum: bool,
    /// The keys that open it, as OpenSSH writes them. Default: rialto/authorized_keys in the folder of configurations
    #[arg(long, value_name = "FILE", requires = "ssh", value_hint = ValueHint::FilePath)]
    pub(crate) authorized_keys: Option<PathBuf>,
    /// How much one token, key or other user may take: connections=N, sessions=N (that it made and that live), bytes=N (sent in a minute; 64M, 2G). May be said several times
    #[arg(long, value_name = "NAME=N", value_parser = crate::serve::limit)]
    pub(crate) limit: Vec<crate::serve::Limit>,
    #[command(flatten)]
    pub(crate) ws: WsArgs,
    /// Write the log to this file instead of stderr: at most a megabyte, and as much in FILE.old
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log: Option<PathBuf>,
}

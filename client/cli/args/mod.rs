//! The command line: what can be asked, and the help that teaches it.

mod control;
mod look;
mod open;
mod past;
mod people;
mod places;
mod run;
mod serve;
mod start;

pub(crate) use control::*;
pub(crate) use look::*;
pub(crate) use open::*;
pub(crate) use past::*;
pub(crate) use people::*;
pub(crate) use places::*;
pub(crate) use run::*;
pub(crate) use serve::*;
pub(crate) use start::*;

use crate::completions;
use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  rialto                          a Python session for this project; again: the same variables
  rialto work                     the session named work (made where it is not there)
  rialto exec -c '6*7'            run code, print 42, keep nothing alive
  rialto exec -s work script.py   run a file inside a living session
  echo 'print(1)' | rialto exec - run what a pipe says
  rialto ls                       what lives, and what it is doing
  rialto logs -f work             follow everything that happens in it
  rialto interrupt work           stop what runs now, and nothing else
  rialto history -g read_csv      where was that? in all sessions
  rialto replay work              does the same still come of it, in a fresh kernel?

Ctrl-D detaches and leaves everything running. `rialto kill work` ends it.
";

/// One bridge to every REPL: sessions that outlive every connection.
#[derive(Debug, Parser)]
#[command(name = "rialto", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) repl: ReplArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Where the sessions are.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Where the sessions are: ssh://machine, wss://machine, unix:///path/of/a/daemon.sock, user:NAME for what another user of this machine shares, exec:COMMAND that speaks `rialto stdio`, or a name from `rialto places`. It may name the session: ssh://machine/work?kernel=node. Default: this machine, directly
    #[arg(long, global = true, value_name = "PLACE", env = "RIALTO_AT", add = ArgValueCandidates::new(completions::places))]
    pub(crate) at: Option<String>,
    /// The authority that a wss:// place's certificate is signed by, in place of the system's
    #[arg(long, global = true, value_name = "FILE", env = "RIALTO_TLS_CA", value_hint = ValueHint::FilePath, hide = true)]
    pub(crate) tls_ca: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a session in the terminal (the default)
    Repl(ReplArgs),
    /// Run code, from an argument, a file or a pipe
    Exec(ExecArgs),
    /// Open a session that is there already
    Attach(AttachArgs),
    /// List sessions
    Ls(LsArgs),
    /// Watch what all sessions are doing
    Top(TopArgs),
    /// Show what happened in a session
    Logs(LogsArgs),
    /// Show what was run, in all sessions
    History(HistoryArgs),
    /// Write a session as a notebook, as prose, as a program, or as JSON lines
    Export(ExportArgs),
    /// Run a session's inputs again in a fresh kernel, and show where what comes of them differs
    Replay(ReplayArgs),
    /// Make a session with the state of another one, by running its inputs again
    Fork(ForkArgs),
    /// Wait for an eval to end, and exit as it did
    Wait(EvalArgs),
    /// Stop an eval: the one that is named, or the one that runs now
    Interrupt(InterruptArgs),
    /// Give a session a fresh kernel
    Restart(RestartArgs),
    /// End a session; what happened in it stays readable
    Kill(ManySessions),
    /// Delete ended sessions and everything they kept
    Rm(RmArgs),
    /// Delete what retention no longer keeps
    Gc(GcArgs),
    /// Let another user into a session, or show who is let in
    Share(ShareArgs),
    /// Let another user into a session no longer; what they have open is closed
    Unshare(UnshareArgs),
    /// Find out whether a journal is what was recorded, or was tampered with
    Verify(VerifyArgs),
    /// Remove the text of an eval; that it ran stays on record
    Redact(EvalArgs),
    /// Give names to places, and find out whether they can be reached
    Places(PlacesArgs),
    /// List the kernels that can be run here
    Kernels(crate::kernels::KernelsArgs),
    /// Let a project's .rialto.toml say how kernels are started
    Allow(crate::project::allow::AllowArgs),
    /// Make a running Node or Python (3.14 or newer) a session, whoever started it
    Debug(crate::debug::DebugArgs),
    /// Make the program that asks for it a session (what `rialto.embed` of the Python module says)
    Embed(crate::embed::EmbedArgs),
    /// Print the Python module by which a running program becomes a session: `import rialto; rialto.embed("name")`
    PythonModule,
    /// Check this machine: folders, interpreters, what a logout would end
    Doctor,
    /// Speak the protocol as JSON lines on stdin and stdout
    Rpc(RpcArgs),
    /// Serve this user's sessions on a socket
    Serve(ServeArgs),
    /// Make, list and revoke the tokens that open this machine's sessions over a network
    Token(crate::token::TokenArgs),
    /// Show who came in over a network, who was refused and who asked for too much
    Audit(crate::audit::AuditArgs),
    /// Serve one connection on stdin and stdout (for ssh, docker exec and the like)
    Stdio,
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(rialto completions bash)              now; the same line in ~/.bashrc: always
  source <(rialto completions zsh)               in ~/.zshrc, after compinit
  rialto completions fish | source               in ~/.config/fish/config.fish
")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SuperviseArgs {
    /// The session's folder
    pub(crate) dir: PathBuf,
}

//! What is done to an eval or to a session.

use super::open::seconds;
use crate::completions;
use clap_complete::engine::ArgValueCandidates;

#[derive(Debug, clap::Args)]
#[command(after_help = "An eval is named by its number in the session (12 or #12) or by its id; `rialto logs` shows both.")]
pub(crate) struct EvalArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// The eval: its number (12 or #12) or its id
    pub(crate) eval: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto interrupt work                          what runs now
  rialto interrupt work 12                       only eval 12; if it is over, nothing is hit
  rialto interrupt work --force-after 5          and if it does not stop, end its kernel
")]
pub(crate) struct InterruptArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// The eval: its number (12 or #12) or its id. Default: the one that runs now
    pub(crate) eval: Option<String>,
    /// If it has not stopped after so many seconds, end the kernel: politely first, then by force
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) force_after: Option<std::time::Duration>,
    /// Wait at most so many seconds for it to stop
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub(crate) wait: std::time::Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SessionArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestartArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    // What a session is made with stays with it. Who asks for it here is told so, and not that there is no such option.
    #[arg(long, hide = true)]
    cwd: Option<String>,
    #[arg(long, hide = true)]
    env: Vec<String>,
    #[arg(long, hide = true)]
    venv: Option<String>,
    #[arg(long, hide = true)]
    conda: Option<String>,
    #[arg(long, aliases = ["program", "node"], hide = true)]
    python: Option<String>,
    #[arg(long, hide = true)]
    login: bool,
    #[arg(short, long, hide = true)]
    kernel: Option<String>,
}

impl RestartArgs {
    /// Options that were said and are a new session's.
    pub(crate) fn said(&self) -> Vec<&'static str> {
        let said = [
            (self.cwd.is_some(), "--cwd"),
            (!self.env.is_empty(), "--env"),
            (self.venv.is_some(), "--venv"),
            (self.conda.is_some(), "--conda"),
            (self.python.is_some(), "--python"),
            (self.login, "--login"),
            (self.kernel.is_some(), "--kernel"),
        ];
        said.into_iter().filter_map(|(is, name)| is.then_some(name)).collect()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManySessions {
    /// Sessions: names, ids or beginnings of ids
    #[arg(required = true, add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) sessions: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto rm work                                 an ended session and its journal
  rialto rm -f work                              ends it first
")]
pub(crate) struct RmArgs {
    /// Sessions: names, ids or beginnings of ids
    #[arg(required = true, add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) sessions: Vec<String>,
    /// End those that live first
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto gc -n                                   what would go
  rialto gc --days 1                             what ended more than a day ago
")]
pub(crate) struct GcArgs {
    /// Only say what would be deleted
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Delete what ended longer ago than so many days
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub(crate) days: u64,
    /// Delete the oldest ended sessions until all together take at most so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub(crate) total: u64,
}

//! Letting others in.

use crate::completions;
use clap_complete::engine::ArgValueCandidates;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto share work --with ada                   ada may watch it
  rialto share work --with ada --scope eval      and run code in it: as you, with all that you may do
  rialto share work                              who is let in
  rialto unshare work ada                        no longer; what ada has open is closed

ada reaches it with `rialto --at user:YOU attach work` while `rialto serve --users` runs for you.
")]
pub(crate) struct ShareArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// A user of this machine, or a principal such as uid:1001. Default: show who is let in
    #[arg(long = "with", value_name = "NAME")]
    pub(crate) with: Option<String>,
    /// What they may do. Without a sandbox, eval is a shell as you
    #[arg(long, value_name = "SCOPE", requires = "with", default_value = "observe", value_parser = ["observe", "eval"])]
    pub(crate) scope: String,
    /// Print JSON lines
    #[arg(long, conflicts_with = "with")]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UnshareArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// A user of this machine, or a principal such as uid:1001
    pub(crate) name: String,
}

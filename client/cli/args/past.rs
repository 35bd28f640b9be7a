//! Making something of what was recorded: `export`, `replay`, `fork`.

use crate::completions;
use crate::export::Format;
use clap::ValueHint;
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto export work -o work.ipynb               a notebook of everything that ran, with its output
  rialto export work --format py --until 12      the code of #1 to #12, for a file to run
  rialto export work --format md --no-output     only the code, as prose
  rialto export work --format jsonl | jq -r 'select(.outcome == \"error\") | .code'
                                                 a line for each eval: what failed

What was printed is made safe to look at in md and ipynb, and is as it was written in jsonl (bytes that are no text
are replaced). Of an eval at most 32 MiB of output are written, and it is said how much more there is.
")]
pub(crate) struct ExportArgs {
    /// The session: its name, its id or the beginning of one; alive or ended
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// What to write. Default: what the ending of the file's name says
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// The file to write. Default: stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(short, long, requires = "output")]
    pub(crate) force: bool,
    /// The first eval: its number (12 or #12) or its id
    #[arg(long, value_name = "EVAL")]
    pub(crate) from: Option<String>,
    /// The last eval: its number (12 or #12) or its id
    #[arg(long, value_name = "EVAL")]
    pub(crate) until: Option<String>,
    /// Leave out what the evals showed
    #[arg(long)]
    pub(crate) no_output: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto replay work                             does the same still come of it? exit code 0: yes; 1: no
  rialto replay work --python .venv/bin/python   ... with another interpreter
  rialto replay work --into again --until 12     keeps the new session, to look around in it
  rialto replay work --ignore-output --json      outcomes, exceptions and values only, for a program

Everything that ran to its end is run again, in its order: with all that it does to files and other machines. What was
interrupted, never ran or is no longer on record is not, and that is said. What was answered to input() is answered
again; passwords are never recorded, and are asked for on a terminal. A restart is a restart again. Compared are
outcome, exception, value, displays, stdout and stderr, each exactly. The environment is that of this shell.
")]
pub(crate) struct ReplayArgs {
    /// The session: its name, its id or the beginning of one; alive or ended
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// Keep the new session under this name. Default: it is removed at the end
    #[arg(long, value_name = "NAME")]
    pub(crate) into: Option<String>,
    /// The first eval: its number (12 or #12) or its id
    #[arg(long, value_name = "EVAL")]
    pub(crate) from: Option<String>,
    /// The last eval: its number (12 or #12) or its id
    #[arg(long, value_name = "EVAL")]
    pub(crate) until: Option<String>,
    /// Run nothing more after the first eval that differs
    #[arg(long)]
    pub(crate) stop_on_difference: bool,
    /// Compare outcomes, exceptions and values only
    #[arg(long)]
    pub(crate) ignore_output: bool,
    /// Another kernel
    #[arg(short, long, value_name = "KERNEL", add = ArgValueCandidates::new(completions::kernels))]
    pub(crate) kernel: Option<String>,
    /// Another Python interpreter
    #[arg(long, visible_aliases = ["program", "node"], value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub(crate) python: Option<PathBuf>,
    /// Another folder
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) cwd: Option<PathBuf>,
    /// Print a JSON line for each eval, and one that sums up
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto fork work try                           try has the variables that work has, and work is left alone
  rialto fork work before --until 11             as it was after #11

State cannot be copied: it is rebuilt by running again what ran in the kernel that work has now, in the same order.
What that did to files and other machines it does once more, and what depends on the time, on chance or on the
environment may come out otherwise. What was interrupted or is no longer on record is left out, and that is said.
Exit code 1: an eval ended otherwise than it had; the new session is there all the same.
")]
pub(crate) struct ForkArgs {
    /// The session: its name, its id or the beginning of one; alive or ended
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// The name of the new one
    pub(crate) name: String,
    /// The last eval: its number (12 or #12) or its id. Default: the last one there is
    #[arg(long, value_name = "EVAL")]
    pub(crate) until: Option<String>,
    /// Another Python interpreter
    #[arg(long, visible_aliases = ["program", "node"], value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub(crate) python: Option<PathBuf>,
    /// Another folder
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) cwd: Option<PathBuf>,
}

//! Running code: `exec`, `rpc`.

use super::open::DoneArgs;
use super::open::LifeArgs;
use super::open::seconds;
use super::start::StartArgs;
use crate::completions;
use clap::ValueHint;
use clap_complete::engine::ArgValueCandidates;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto exec -c 'import sys; sys.exit(3)'; echo $?      3
  rialto exec --eval-id deploy-7 deploy.py -- --fast     run at most once, however often this is said
  rialto exec --detach -c 'train()'                      prints the eval; read it with logs, wait
  rialto exec -s work -c 'x'                             a variable of a living session
  rialto exec --on-done 'mail -s \"$RIALTO_OUTCOME\" me' train.py    after an eval of 30 s or more

Exit codes: 0 ok, 1 error in the code, N after sys.exit(N), 130 interrupted, 70 kernel died, 69 cannot connect,
124 timeout, 64 usage.
")]
pub(crate) struct ExecArgs {
    /// Run in this session. Default: one of its own, which ends with the code
    #[arg(short, long, value_name = "SESSION", add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: Option<String>,
    /// The kernel. With --session: makes the session where it is not there
    #[arg(short, long, value_name = "KERNEL", add = ArgValueCandidates::new(completions::kernels))]
    pub(crate) kernel: Option<String>,
    /// The code. Its last value is shown
    #[arg(short, value_name = "CODE", conflicts_with = "file")]
    pub(crate) code: Option<String>,
    /// A file to run, or - for the code on stdin
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<String>,
    /// Do not show the last value
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print events as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// The eval's id: 26 letters, a UUID, or any text (which is hashed). The same id never runs twice
    #[arg(long, value_name = "ID")]
    pub(crate) eval_id: Option<String>,
    /// Stop the code after so many seconds, with exit code 124
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<std::time::Duration>,
    /// Print the eval and go; the session stays
    #[arg(long, conflicts_with = "on_done")]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) done: DoneArgs,
    #[command(flatten)]
    pub(crate) life: LifeArgs,
    /// Delete the session's journal when it ends
    #[arg(long, conflicts_with_all = ["session", "detach"])]
    pub(crate) rm: bool,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    /// Arguments for the code (sys.argv)
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto rpc work                                JSON lines in, JSON lines out
  rialto rpc -k python                           on a session of its own
")]
pub(crate) struct RpcArgs {
    /// The session: its name, its id or the beginning of one. Made where it is not there and a kernel is given
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: Option<String>,
    /// The kernel of a new session
    #[arg(short, long, value_name = "KERNEL", add = ArgValueCandidates::new(completions::kernels))]
    pub(crate) kernel: Option<String>,
    #[command(flatten)]
    pub(crate) life: LifeArgs,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    /// Only watch a session that is there: requests that would change anything are refused
    #[arg(long, requires = "session", conflicts_with_all = ["kernel", "cwd", "env", "venv", "conda", "python", "login"])]
    pub(crate) observe: bool,
}

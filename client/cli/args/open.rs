//! Opening a session in a terminal, and how long a new one lives.

use super::start::StartArgs;
use crate::completions;
use crate::raw::Escape;
use crate::repl::editor::Mode;
use clap::ValueHint;
use clap_complete::engine::ArgValueCandidates;

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ReplArgs {
    /// The session: its name, its id or the beginning of one. Default: the session of this project and kernel
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: Option<String>,
    /// The kernel of a new session, or a profile (~/.config/rialto/kernels.toml, .rialto.toml of the project)
    #[arg(short, long, value_name = "KERNEL", add = ArgValueCandidates::new(completions::kernels))]
    pub(crate) kernel: Option<String>,
    /// Make a new session, even where one of that name or project is there
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    /// Keys as in emacs or vi. Default: what ~/.inputrc says
    #[arg(long, value_name = "KEYS", env = "RIALTO_EDIT_MODE")]
    pub(crate) edit_mode: Option<Mode>,
    #[command(flatten)]
    pub(crate) life: LifeArgs,
    #[command(flatten)]
    pub(crate) done: DoneArgs,
    #[command(flatten)]
    pub(crate) raw: RawArgs,
    /// Only watch a session that is there: nothing typed reaches it
    #[arg(long, requires = "session", conflicts_with_all = ["kernel", "new", "cwd", "env", "venv", "conda", "python", "login", "on_done"])]
    pub(crate) observe: bool,
}

/// The terminal of a program, as it is.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct RawArgs {
    /// The terminal of a program (`pty:COMMAND`) as it is: each key goes to it, its screen is drawn here and has this size. Ctrl-] d detaches
    #[arg(long, conflicts_with = "on_done")]
    pub(crate) raw: bool,
    /// With --raw, the key before the ones that are not for the program: ^], ^A... or none
    #[arg(long, value_name = "KEY", default_value = "^]", requires = "raw", hide_default_value = false)]
    pub(crate) escape: Escape,
}

/// What follows a long eval.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DoneArgs {
    /// Run this by sh after an eval that took long. RIALTO_SESSION, RIALTO_EVAL, RIALTO_OUTCOME and RIALTO_SECONDS say which; it has a minute
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub(crate) on_done: Option<String>,
    /// What is long
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30", env = "RIALTO_ON_DONE_AFTER")]
    pub(crate) on_done_after: std::time::Duration,
}

impl Default for DoneArgs {
    fn default() -> Self {
        Self { on_done: None, on_done_after: std::time::Duration::from_secs(30) }
    }
}

/// How long a new session lives.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct LifeArgs {
    /// A new session ends after so long without use (90s, 30m, 2h, 7d): nothing ran or waited, and nobody was attached. Default: never
    #[arg(long, value_name = "TIME", env = "RIALTO_CULL_AFTER", value_parser = span)]
    pub(crate) cull_after: Option<std::time::Duration>,
}

impl LifeArgs {
    pub(crate) fn cull_after_ms(&self) -> Option<u64> {
        self.cull_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
    }
}

pub(crate) fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is wanted".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

/// `90s`, `30m`, `2h`, `7d`; a number alone is seconds.
pub(crate) fn span(text: &str) -> Result<std::time::Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let each = match unit.trim() {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err("a time is wanted: 90s, 30m, 2h, 7d".to_owned()),
    };
    let span = seconds(number)?.as_secs_f64() * each;
    if span < 1.0 {
        return Err("a session needs at least a second to be used in".to_owned());
    }
    std::time::Duration::try_from_secs_f64(span).map_err(|e| e.to_string())
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto attach work                             what `rialto work` does, and never makes a session
  rialto attach work --observe                   only watches
  rialto attach work --on-done 'tput bel >/dev/tty' --on-done-after 5
                                                 and rings after each eval of 5 s or more, whoever ran it
  rialto attach db --raw                         the terminal of a program (pty:...), its screen and its keys; Ctrl-] d detaches
")]
pub(crate) struct AttachArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    #[command(flatten)]
    pub(crate) done: DoneArgs,
    #[command(flatten)]
    pub(crate) raw: RawArgs,
    /// Only watch: nothing typed reaches the session
    #[arg(long, conflicts_with = "on_done")]
    pub(crate) observe: bool,
    /// Begin with so many of the last lines of output. Default: what you have not seen, a third of the screen at most
    #[arg(long, value_name = "LINES", conflicts_with = "raw")]
    pub(crate) tail: Option<usize>,
}

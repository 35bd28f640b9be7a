//! The command line: what can be asked, and the help that teaches it.

use crate::completions;
use crate::export::Format;
use crate::repl::editor::Mode;
use crate::serve::ws::WsArgs;
use crate::top::Order;
use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCandidates;
use rialto_bridge::journal::Head;
use rialto_client::protocol::Cursor;
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
    Restart(SessionArgs),
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

#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ReplArgs {
    /// The session: its name, its id or the beginning of one. Default: the session of this project and kernel
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: Option<String>,
    /// The kernel of a new session
    #[arg(short, long, value_name = "KERNEL", add = ArgValueCandidates::new(completions::kernels))]
    pub(crate) kernel: Option<String>,
    /// Make a new session, even where one of that name or project is there
    #[arg(long)]
    pub(crate) new: bool,
    /// The interpreter of a new session
    #[arg(long, visible_aliases = ["program", "node"], value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub(crate) python: Option<PathBuf>,
    /// Keys as in emacs or vi. Default: what ~/.inputrc says
    #[arg(long, value_name = "KEYS", env = "RIALTO_EDIT_MODE")]
    pub(crate) edit_mode: Option<Mode>,
    #[command(flatten)]
    pub(crate) life: LifeArgs,
    #[command(flatten)]
    pub(crate) done: DoneArgs,
    /// Only watch a session that is there: nothing typed reaches it
    #[arg(long, requires = "session", conflicts_with_all = ["kernel", "new", "python", "on_done"])]
    pub(crate) observe: bool,
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
")]
pub(crate) struct AttachArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    #[command(flatten)]
    pub(crate) done: DoneArgs,
    /// Only watch: nothing typed reaches the session
    #[arg(long, conflicts_with = "on_done")]
    pub(crate) observe: bool,
    /// Begin with so many of the last lines of output. Default: what you have not seen, a third of the screen at most
    #[arg(long, value_name = "LINES")]
    pub(crate) tail: Option<usize>,
}

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
#[command(after_help = "\
Examples:
  rialto places add gpu ssh://me@gpu.example.org            then: rialto --at gpu
  rialto places add gpu ssh://me@gpu/work --command /opt/rialto/bin/rialto
  rialto places add team wss://repl.example.org --token-command 'pass show team'
  rialto places test gpu                                    can it be reached? if not, why
  rialto places install gpu                                 copies this program to its ~/.local/bin
  rialto places                                             what there is

They are kept in ~/.config/rialto/places.toml, which may be written by hand.
")]
pub(crate) struct PlacesArgs {
    #[command(subcommand)]
    pub(crate) what: Option<PlacesCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlacesCommand {
    /// Show the places that have a name (the default)
    List {
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Give a place a name
    Add(Box<AddPlaceArgs>),
    /// Connect, and say step by step how far that comes
    Test {
        /// A name or a URL
        #[arg(add = ArgValueCandidates::new(completions::places))]
        place: String,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy this program to a machine behind SSH, where that is of the same kind
    Install {
        /// A name, or an ssh:// URL
        #[arg(add = ArgValueCandidates::new(completions::places))]
        place: String,
    },
    /// Forget a name
    Rm {
        #[arg(add = ArgValueCandidates::new(completions::places))]
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddPlaceArgs {
    /// What to call it
    pub(crate) name: String,
    /// Its URL
    #[arg(value_name = "URL")]
    pub(crate) at: String,
    /// The session that is meant where none is named
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// The kernel of new sessions
    #[arg(short, long, value_name = "KERNEL")]
    pub(crate) kernel: Option<String>,
    /// ssh: what runs rialto there, where it is not on the path
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// wss: a file with the token, which nobody else may read
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<String>,
    /// wss: the environment variable that holds the token
    #[arg(long, value_name = "NAME", conflicts_with = "token_file")]
    pub(crate) token_env: Option<String>,
    /// wss: a command that prints the token
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["token_file", "token_env"])]
    pub(crate) token_command: Option<String>,
    /// wss: a file with the certificate authority of that machine
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) ca: Option<String>,
    /// wss: a file with our certificate
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, requires = "key")]
    pub(crate) cert: Option<String>,
    /// wss: a file with its key
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, requires = "cert")]
    pub(crate) key: Option<String>,
    /// Change it where it is there already
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UnshareArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: String,
    /// A user of this machine, or a principal such as uid:1001
    pub(crate) name: String,
}

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
    /// The interpreter of a new session
    #[arg(long, visible_aliases = ["program", "node"], value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub(crate) python: Option<PathBuf>,
    /// Arguments for the code (sys.argv)
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}

fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is wanted".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto ls                                      what lives
  rialto ls -a                                   ended ones, too
  rialto ls --json | jq -r .session              for programs
")]
pub(crate) struct LsArgs {
    /// Print JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Show ended sessions, too
    #[arg(short, long)]
    pub(crate) all: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto logs work                               everything that happened
  rialto logs -f work                            and what happens from now on
  rialto logs --tail 20 -f work                  from the last 20 lines on
  rialto logs --json work | tail -1              events, whose seq and epoch make a cursor
  rialto logs --json --after 27993600:41 work    what came after it
  rialto logs --audit work                       who ran what and how it ended: hashes, no code and no output
  rialto logs --audit --all --since 7d --json    of all sessions, for programs
")]
pub(crate) struct LogsArgs {
    /// The session: its name, its id or the beginning of one
    #[arg(required_unless_present = "all", add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: Option<String>,
    /// Only events after this cursor, as JSON logs show it
    #[arg(long, value_name = "EPOCH:SEQ", conflicts_with = "all")]
    pub(crate) after: Option<Cursor>,
    /// Only the last lines of what happened until now; with --json the last events
    #[arg(long, value_name = "LINES", conflicts_with = "audit")]
    pub(crate) tail: Option<usize>,
    /// Go on with what happens from now on
    #[arg(short, long, conflicts_with = "all")]
    pub(crate) follow: bool,
    /// Only who did what, when, the hash of the code, and the outcome
    #[arg(long)]
    pub(crate) audit: bool,
    /// With --audit: only what began since then (2h, 7d, 2026-11-20, 2026-11-20T08:00)
    #[arg(long, value_name = "TIME", requires = "audit", value_parser = crate::logs::since)]
    pub(crate) since: Option<u64>,
    /// With --audit: of all sessions, ended ones too
    #[arg(long, requires = "audit", conflicts_with = "session")]
    pub(crate) all: bool,
    /// Print events as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto history                                 what was run last, in any session, by anybody
  rialto history -g read_csv                     where was that?
  rialto history -g 'def ' --session work        in one session
  rialto history -n 1000 --json | jq -r .code    for programs

PATTERN is text, not an expression. Without a capital letter in it, letters of either case match. Sessions that have
ended are searched, too, as long as they are kept. What was typed at your terminals, whatever became of its session,
is what `:history -g` searches in a terminal.
")]
pub(crate) struct HistoryArgs {
    /// Only code that contains this text; it is coloured
    #[arg(short, long = "grep", value_name = "PATTERN")]
    pub(crate) grep: Option<String>,
    /// Only of this session: its name, its id or the beginning of one
    #[arg(short, long, value_name = "SESSION", add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) session: Option<String>,
    /// Only of sessions of this kernel
    #[arg(short, long, value_name = "KERNEL", add = ArgValueCandidates::new(completions::kernels))]
    pub(crate) kernel: Option<String>,
    /// At most so many: the newest ones, the newest last
    #[arg(short, long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=crate::history::MOST))]
    pub(crate) number: i64,
    /// Print JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

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
#[command(after_help = "\
Examples:
  rialto top                                     once a second; q quits, s sorts by something else
  rialto top --sort memory
  rialto top --once                              one table, as in a pipe
  rialto top --json | jq .cpu_percent            for programs

CPU% is of one processor, of a session's supervisor and everything under it; only on this machine.
OUTPUT/S is what is recorded of the kernel's output. No key here ends or interrupts anything.
")]
pub(crate) struct TopArgs {
    /// One table and no more
    #[arg(long)]
    pub(crate) once: bool,
    /// Print JSON lines, once
    #[arg(long)]
    pub(crate) json: bool,
    /// What comes first
    #[arg(long, value_enum, default_value_t, value_name = "COLUMN")]
    pub(crate) sort: Order,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rialto verify work                             every record against its hash
  rialto verify --all                            all sessions of this machine
  rialto verify --head work                      the hash of everything so far: keep it somewhere else
  rialto verify work --expect 120:9f86d0...      the journal still has what that head stood for
  rialto verify backup/journal.db                a file

Exit codes: 0 whole (or never chained), 65 broken: changed, removed, inserted or reordered, 66 rewound: older than it should be.
")]
pub(crate) struct VerifyArgs {
    /// Sessions, or files of journals
    #[arg(required_unless_present = "all", value_name = "SESSION|FILE", add = ArgValueCandidates::new(completions::sessions))]
    pub(crate) which: Vec<String>,
    /// Every session of this machine, ended ones too
    #[arg(long, conflicts_with = "which")]
    pub(crate) all: bool,
    /// Print the head: what stands for everything so far
    #[arg(long)]
    pub(crate) head: bool,
    /// A head that was printed before: the journal must have what it stood for
    #[arg(long, value_name = "HEAD", conflicts_with = "all")]
    pub(crate) expect: Option<Head>,
    /// Print JSON lines
    #[arg(long)]
    pub(crate) json: bool,
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
    /// Only watch a session that is there: requests that would change anything are refused
    #[arg(long, requires = "session", conflicts_with = "kernel")]
    pub(crate) observe: bool,
}

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

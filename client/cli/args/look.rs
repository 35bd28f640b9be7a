//! Looking at what is and what was: `ls`, `logs`, `history`, `top`, `verify`.

use crate::completions;
use crate::top::Order;
use clap_complete::engine::ArgValueCandidates;
use rialto_bridge::journal::Head;
use rialto_client::protocol::Cursor;

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

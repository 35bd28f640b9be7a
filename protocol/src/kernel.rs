//! The kernel vocabulary: what a session may say to a running interpreter, and what it may hear.
//!
//! Every kind of kernel (a runner script, a Jupyter kernel, a program in a pseudo-terminal) is driven through these two
//! enums and nothing else. A kernel knows nothing of clients, journals or connections; the session numbers its evals.

use crate::data::{Bundle, CommMessage, Failure, Run, Show};
use crate::ids::EvalNumber;
use crate::setup::Setup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The largest result that travels inside [`KernelEvent::Done`]; a bigger one comes first, as a display. Bytes.
pub const INLINE_RESULT: usize = 16 * 1024;
/// The most bytes one [`KernelEvent::Output`] or [`KernelEvent::DisplayData`] may hold.
pub const OUTPUT_CHUNK: usize = 60 * 1024;
/// The largest display that is kept; beyond it a named stand-in takes its place. Bytes, all forms together.
pub const MAX_DISPLAY: u64 = 64 * 1024 * 1024;

/// What a session says to its kernel.
#[derive(Debug, Clone, PartialEq)]
pub enum KernelCommand {
    /// Run this. Sent only when nothing runs and every interrupt sent so far has been fenced.
    Exec(Exec),
    /// Stop the eval that runs now, by the means of this step. `Interrupt` and `Again` leave the kernel alive.
    Interrupt(Step),
    /// Answer [`KernelEvent::Fenced`] with the same number once no interrupt sent before this can have an effect any more.
    Fence(u32),
    /// What the program asked to read.
    Input {
        /// The number of the [`KernelEvent::Ask`] this answers.
        ask: u64,
        /// Bytes; for a line, without its newline.
        data: Vec<u8>,
        /// Nothing more will ever come.
        eof: bool,
    },
    /// A question about code, asked only while nothing runs. Answered by [`KernelEvent::Answer`] with the same number.
    Query(u64, Query),
    /// A message to a comm, whatever runs: the kernel takes it when its language gets to it. Answered by [`KernelEvent::Took`]
    /// with the number, or with a later one. Only to kernels that have comms ([`KernelInfo::comms`]).
    Comm(u64, CommMessage),
    /// End in an orderly way (run exit handlers); [`KernelEvent::Died`] follows.
    Shutdown,
    /// To the terminal that a program is in. A kernel without one answers [`ToTerminal::Show`] with [`Shown::Nothing`], and the
    /// rest not at all.
    Terminal(ToTerminal),
}

/// What is said to a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToTerminal {
    /// Type this.
    Keys(Vec<u8>),
    /// It has another size now.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// Tell the screen once, and from then on what is written to it.
    Show,
    /// Nobody looks any more.
    Hide,
}

/// What is told of a terminal, as long as somebody looks. State, and no history: nothing of it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// All of it, as it is after what was told before.
    Screen {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
        /// What draws it in a terminal of that size that was just reset.
        data: Vec<u8>,
    },
    /// The program wrote this.
    Drawn(Vec<u8>),
    /// This kernel has none.
    Nothing,
}

/// How hard to stop an eval. Each step of an escalation is one of these, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum Step {
    /// The language's own interrupt (SIGINT, the interrupt message). A step of a newer build reads as this, the mildest.
    Interrupt,
    /// The same once more.
    Again,
    /// Ask the process to end (SIGTERM to its group).
    Terminate,
    /// End it (SIGKILL to its group).
    Kill,
}

crate::data::lenient!(Step { Again "again", Terminate "terminate", Kill "kill"; else Interrupt });

/// One eval, as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// The eval's number; tracebacks name it.
    pub n: EvalNumber,
    /// The code.
    pub code: Arc<str>,
    /// Whether the last expression's value is shown.
    pub show: Show,
    /// The program's name and arguments where it runs as a program (`sys.argv`): the first is the file's name.
    pub argv: Option<Vec<String>>,
    /// The trace it belongs to (W3C traceparent): a kernel puts it where the language's programs look for it.
    pub trace: Option<String>,
}

/// A question about code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// What could stand at `cursor` (bytes into `code`).
    Complete {
        /// The code so far.
        code: String,
        /// Bytes into it.
        cursor: usize,
    },
    /// What is known of the name at `cursor`.
    Inspect {
        /// The code.
        code: String,
        /// Bytes into it.
        cursor: usize,
        /// 0: signature and summary. 1: everything, source included.
        detail: u8,
    },
    /// Would the language's REPL run this, or ask for more lines?
    IsComplete {
        /// The code.
        code: String,
    },
}

/// What a session hears from its kernel.
#[derive(Debug, Clone, PartialEq)]
pub enum KernelEvent {
    /// The interpreter is up and takes commands. First, and once.
    Ready(KernelInfo),
    /// Something was written. At most [`OUTPUT_CHUNK`] bytes.
    Output {
        /// The eval that was running, or, after an end, the one that ran last.
        n: EvalNumber,
        /// It came after the end of eval `n`.
        background: bool,
        /// What, in order.
        runs: Vec<Run>,
    },
    /// A rich value to show; all forms together at most [`OUTPUT_CHUNK`] bytes.
    Display {
        /// The eval.
        n: EvalNumber,
        /// How it is meant.
        role: DisplayRole,
        /// Its forms.
        data: Bundle,
    },
    /// A rich value that is larger than that begins: its forms and their sizes. [`KernelEvent::DisplayData`] follows, exactly
    /// the sum of the sizes, in the order of `forms`; nothing else of the kernel comes in between.
    DisplayStart {
        /// The eval.
        n: EvalNumber,
        /// How it is meant.
        role: DisplayRole,
        /// MIME type and size in bytes.
        forms: Vec<(String, u64)>,
    },
    /// The next piece of the display that began last.
    DisplayData(Vec<u8>),
    /// The program reads. Answered by [`KernelCommand::Input`]; the kernel waits, interruptibly.
    Ask(Ask),
    /// The eval is over. All its output came before.
    Done(Done),
    /// No interrupt sent before the fence of this number can have an effect any more.
    Fenced(u32),
    /// The answer to a query.
    Answer(u64, Answer),
    /// Every message to a comm up to this number was taken.
    Took(u64),
    /// What its terminal shows.
    Terminal(Shown),
    /// The process is gone. Last, and once.
    Died(Death),
}

/// What the program wants to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The eval that reads.
    pub n: EvalNumber,
    /// A number for the answer; grows within one life.
    pub ask: u64,
    /// Shown before the answer is typed.
    pub prompt: String,
    /// Not to be echoed, recorded or answered by anybody but the asker (`getpass`).
    pub secret: bool,
    /// A line (`input()`), or whatever comes next (`sys.stdin.read()`).
    pub line: bool,
}

/// What a display is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum DisplayRole {
    /// Shown by the code along the way. A role of a newer build reads as this.
    Display,
    /// The value of the last expression.
    Result,
}

crate::data::lenient!(DisplayRole { Result "result"; else Display });

/// How an eval ended, as its kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The eval.
    pub n: EvalNumber,
    /// How.
    pub how: DoneHow,
    /// The value of the last expression, where it is shown and small.
    pub result: Option<Bundle>,
    /// Nothing said that it was over: it looked so, because the program fell quiet.
    pub idle_guess: bool,
}

/// The ways an eval ends while its kernel lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DoneHow {
    /// It ran to its end.
    Ok,
    /// An exception left it.
    Error(Failure),
    /// The interrupt reached it.
    Interrupted(Failure),
    /// It asked to exit with this code (`sys.exit`); the interpreter lives on.
    Exit {
        /// 0 to 255.
        code: i32,
        /// What it said instead of a number, `sys.exit("no such file")`.
        message: Option<String>,
    },
}

/// Who the interpreter is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KernelInfo {
    /// `python`.
    pub language: String,
    /// `3.11.7`.
    pub version: String,
    /// The program that runs.
    #[serde(default)]
    pub executable: String,
    /// Its process.
    #[serde(default)]
    pub pid: u32,
    /// Something worth saying once, such as the virtual environment in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// An interrupt cannot be fenced: whether it reached the eval it was for, nobody can say (a program in a pseudo-terminal).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub best_effort: bool,
    /// It has comms: `comm` can be asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub comms: bool,
}

/// How the process ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Death {
    /// Its exit code, where it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended it, `SIGSEGV`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// It never became ready; what it wrote to stderr, or why it could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_start: Option<String>,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Query::Complete`].
    Completions(Completions),
    /// To [`Query::Inspect`]: nothing where the name is not known.
    Inspected(Option<Bundle>),
    /// To [`Query::IsComplete`].
    Completeness(Completeness),
    /// The kernel cannot tell (no such ability, or the question itself failed).
    Unable(String),
}

/// What could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Completions {
    /// Bytes into the code: what the items replace begins here,
    pub start: usize,
    /// and ends here.
    pub end: usize,
    /// The possibilities, best first; at most 500.
    pub items: Vec<Completion>,
    /// There were more.
    #[serde(default)]
    pub more: bool,
}

/// One possibility.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Completion {
    /// The text that would stand there.
    pub text: String,
    /// What it is, in the language's own words: `function`, `module`, `keyword`.
    #[serde(default)]
    pub kind: String,
    /// What it is called with, `(name, loud=False)`; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

/// Would the REPL run it?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Completeness {
    /// Yes.
    Complete,
    /// It would ask for another line, beginning with `indent`.
    Incomplete {
        /// White space for the next line.
        indent: String,
    },
    /// It would complain.
    Invalid,
    /// It cannot tell, or says so in words of a newer build.
    #[serde(other)]
    Unknown,
}

/// How to start a kernel: what a kernelspec and the session's creator said, made concrete.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Launch {
    /// The kind: `python`.
    pub kernel: String,
    /// The interpreter, where the creator named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The folder it starts in.
    #[serde(default)]
    pub cwd: String,
    /// Environment variables to set on top of the supervisor's own. Never journalled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// A folder that is the user's alone, where a kernel may keep what makes its next start faster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// What else it is to find.
    #[serde(default, skip_serializing_if = "Setup::is_plain")]
    pub setup: Setup,
}

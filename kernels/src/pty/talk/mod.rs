//! The conversation with a program: what is typed when, which part of what comes back is output, and where an eval ends.
//!
//! Pure: bytes and looks come in, events and bytes to type come out. A look is taken when nothing has come for a moment; how long it
//! has been quiet, how the terminal treats what is typed and whether the program waits decide together.

mod end;
mod hand;
mod hear;
mod look;
mod say;
mod start;

use super::known::Known;
use super::prompt::Prompts;
use super::tty::Modes;
use super::waits::Waits;
use rialto_protocol::Setup;
use rialto_protocol::data::Failure;
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::KernelEvent;
use std::collections::VecDeque;
use std::time::Duration;

/// What is kept of a line that has not ended, to find the prompt in it. Bytes.
const LINE: usize = 4 * 1024;
/// What is kept of what a program says before it is ready. Bytes.
const EARLY: usize = 16 * 1024;
/// The longest line a terminal that gathers lines itself takes. Bytes.
pub(in crate::pty) const TYPED_LINE: usize = 4_094;
/// Codes that turned out to be unfinished, to be known again.
const UNFINISHED: usize = 16;
/// Lines that may come before what was typed comes back.
const BEFORE_ECHO: u8 = 4;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// So long nothing must come before anything is looked at.
const SETTLE: Duration = ms(5);
/// A line that does not end is shown after so long; and it is looked whether somebody is asked.
const PARTIAL: Duration = ms(120);
/// What was typed is not coming back.
const NO_ECHO: Duration = ms(300);
/// Where nobody can tell whether the program reads, it is taken to after so long.
const IDLE: Duration = ms(1_000);
/// With a prompt in sight of a program that does something else, nobody waits longer.
const LOOKS_DONE: Duration = ms(5_000);
/// A program that says nothing known is taken as it is.
const STARTED: Duration = ms(1_500);
const STARTED_ANYHOW: Duration = ms(10_000);
/// After this no interrupt is under way any more.
const FENCE: Duration = ms(60);
/// The longest between two looks.
const LAST: Duration = ms(500);

/// What can be seen of the terminal at a look.
pub(in crate::pty) struct View<'a> {
    pub(in crate::pty) quiet: Duration,
    pub(in crate::pty) since_start: Duration,
    pub(in crate::pty) modes: Modes,
    /// The program draws on a screen of its own.
    pub(in crate::pty) drawn: bool,
    pub(in crate::pty) waits: &'a mut dyn FnMut() -> Waits,
}

/// What was typed and has not come back.
struct Echo {
    typed: String,
    lines: u8,
}

struct Running {
    lines: VecDeque<String>,
    code: std::sync::Arc<str>,
    sent: bool,
    interrupted: bool,
    /// The empty line that may have been missing was typed.
    closed: bool,
    /// What was half typed is being taken back: how many ways were tried.
    cancelled: usize,
    failure: Option<Failure>,
    /// Whoever waits for it was told for what it waits.
    noted: bool,
}

enum State {
    Starting { first: VecDeque<&'static str>, begun: bool, probed: u8, broke: bool },
    Idle,
    Running(Running),
}

pub(in crate::pty) struct Talk {
    known: Known,
    prompts: Prompts,
    state: State,
    /// What came and is not told: a line that has not ended, and before it what may be an echo.
    line: Vec<u8>,
    /// A carriage return at the end, which may belong to a newline.
    held_return: bool,
    early: Vec<u8>,
    echo: Option<Echo>,
    /// Whether a program that reads keys shows them.
    echoes: bool,
    at_prompt: bool,
    /// Somebody typed past all evals since the prompt was seen.
    by_hand: bool,
    n: EvalNumber,
    /// The eval that waits for that.
    next: Option<EvalNumber>,
    background: bool,
    asks: u64,
    asked: Option<(u64, bool)>,
    fence: Option<u32>,
    /// Interrupts that will show as a byte.
    interrupts: u8,
    unfinished: VecDeque<std::sync::Arc<str>>,
    /// How quiet it was when it was first seen to read.
    reads: Option<Duration>,
    /// The pattern of what stood where it read last, of a program without a prompt.
    candidate: Option<String>,
    pub(in crate::pty) told: VecDeque<KernelEvent>,
    /// Whether what is typed comes back, where that was said.
    echo_said: Option<bool>,
    /// What ends a line that is typed.
    eol: &'static [u8],
    leave: Option<String>,
    /// To be typed.
    pub(in crate::pty) typed: Vec<u8>,
    /// When to look next, counted from now; taken by whoever looks.
    pub(in crate::pty) look_in: Option<Duration>,
    /// To be told with `Ready`, once.
    pub(in crate::pty) ready: Option<String>,
}

impl Talk {
    pub(in crate::pty) fn new(known: Known, prompts: Prompts, setup: &Setup) -> Result<Self, String> {
        let eol: &[u8] = match setup.eol.as_deref() {
            None | Some("cr") => b"\r",
            Some("lf") => b"\n",
            Some("crlf") => b"\r\n",
            Some(other) => return Err(format!("eol is {other:?}; it can be cr, lf or crlf")),
        };
        let first = known.first.iter().copied().collect();
        Ok(Self {
            known,
            prompts,
            state: State::Starting { first, begun: false, probed: 0, broke: false },
            line: Vec::new(),
            held_return: false,
            early: Vec::new(),
            echo: None,
            echoes: true,
            at_prompt: false,
            by_hand: false,
            n: 0,
            next: None,
            background: true,
            asks: 0,
            asked: None,
            fence: None,
            interrupts: 0,
            unfinished: VecDeque::new(),
            reads: None,
            candidate: None,
            told: VecDeque::new(),
            typed: Vec::new(),
            look_in: Some(SETTLE),
            ready: None,
            echo_said: setup.echo,
            eol,
            leave: setup.exit.clone().or_else(|| known.leave.map(str::to_owned)),
        })
    }
}

fn unfinished() -> Failure {
    Failure {
        name: "Unfinished".to_owned(),
        value: "the program waits for the rest of this code; nothing of it was kept".to_owned(),
        traceback: String::new(),
    }
}

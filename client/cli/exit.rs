//! What the exit code says, and how a failure is told.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | ok |
//! | 1 | an error in the code, or the command could not do what it was asked |
//! | N | after the code's own exit(N) |
//! | 64 | the command line cannot be understood |
//! | 65 | `verify`: a journal is broken |
//! | 66 | `verify`: a journal is whole, and older than it should be |
//! | 69 | no connection: no such session, no supervisor, no daemon |
//! | 70 | the kernel died, or an internal fault |
//! | 74 | reading or writing failed |
//! | 77 | not allowed |
//! | 124 | timeout |
//! | 130 | interrupted |

use rialto_client::protocol::event::Ended;
use rialto_client::protocol::{Code, ErrorReply, Outcome};
use std::io::Write;
use std::process::ExitCode;

pub(crate) const ERROR: u8 = 1;
pub(crate) const USAGE: u8 = 64;
pub(crate) const BROKEN: u8 = 65;
pub(crate) const REWOUND: u8 = 66;
pub(crate) const UNAVAILABLE: u8 = 69;
pub(crate) const DIED: u8 = 70;
pub(crate) const IO: u8 = 74;
pub(crate) const FORBIDDEN: u8 = 77;
pub(crate) const TIMEOUT: u8 = 124;
pub(crate) const INTERRUPTED: u8 = 130;

/// A command that did not do what it was asked, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
    /// There was no link, it broke, or whoever answered is no bridge.
    unreached: bool,
}

impl Failure {
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), unreached: false }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(USAGE, text)
    }

    /// Where nobody answers at a place, what should be running there.
    pub(crate) fn at(self, place: Option<&str>) -> Self {
        let advice = match place {
            Some(at) if self.unreached => match at.strip_prefix("exec:") {
                Some(command) => format!("`{command}` must speak as `rialto stdio` does"),
                None if at.starts_with("unix://") || at.starts_with("user:") => "is `rialto serve` running there?".to_owned(),
                // By other ways what failed has said more than we could here.
                None => format!("`rialto places test {at}` shows how far it comes"),
            },
            _ => return self,
        };
        Self { text: format!("{}; {advice}", self.text), ..self }
    }

    /// The sentence, for who goes on all the same.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn internal(text: String) -> Self {
        Self::new(DIED, text)
    }
}

impl From<ErrorReply> for Failure {
    fn from(e: ErrorReply) -> Self {
        let code = match e.known() {
            Some(Code::Forbidden | Code::Unauthenticated | Code::NotOurs) => FORBIDDEN,
            Some(Code::BadName | Code::Ambiguous | Code::UnknownKernel | Code::NameTaken) => USAGE,
            Some(Code::KernelFailedStart) => DIED,
            Some(
                Code::IdReused | Code::UnknownEval | Code::CodeTooLarge | Code::WrongState | Code::NoSuchAsk | Code::QueryFailed,
            ) => ERROR,
            _ => UNAVAILABLE,
        };
        // What the bridge cannot know: how this program's user goes on.
        let next = match e.known() {
            Some(Code::SessionEnded) => " (rialto rm SESSION frees its name)",
            _ => "",
        };
        let unreached = match e.known() {
            // Where no new try can help, what has to be done was said.
            Some(Code::Unreachable) => e.retryable,
            other => matches!(other, Some(Code::Disconnected | Code::BadFrame | Code::Oversize)),
        };
        Self { unreached, ..Self::new(code, format!("{}{next}", e.text)) }
    }
}

impl From<rialto_bridge::home::HomeError> for Failure {
    fn from(e: rialto_bridge::home::HomeError) -> Self {
        e.reply(0).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        Self::new(IO, format!("reading or writing failed: {e}"))
    }
}

/// The exit code of a command.
pub(crate) fn code(outcome: Result<u8, Failure>) -> ExitCode {
    match outcome {
        Ok(code) => code.into(),
        // Whoever read our output has gone: nobody is left to tell, and nothing is wrong.
        Err(f) if f.code == IO && f.text.contains("Broken pipe") => 141.into(),
        Err(f) => {
            crate::paint::complain(&f.text);
            f.code.into()
        }
    }
}

/// The exit code of a command line that could not be understood, or asked for help.
pub(crate) fn usage(e: &clap::Error) -> ExitCode {
    let _ = e.print();
    let _ = std::io::stdout().flush();
    if e.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS }
}

/// The exit code of an eval that has ended.
pub(crate) fn of(ended: &Ended) -> u8 {
    match ended.outcome {
        Outcome::Ok => 0,
        Outcome::Exit => u8::try_from(ended.code.unwrap_or(0) & 0xff).unwrap_or(ERROR),
        Outcome::Error => ERROR,
        Outcome::Interrupted | Outcome::Cancelled => INTERRUPTED,
        Outcome::Died | Outcome::Lost | Outcome::NotRun | Outcome::Unknown => DIED,
    }
}

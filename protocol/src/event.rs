//! Events: the numbered things that happened in a session. What the journal keeps is what the clients see.
//!
//! On the wire and in the journal an event's body is the array `[seq, wall_ms, mono_us, what]`, where `what` is a map with
//! names, so that a reader counts events it does not know. The hot one, [`Event::Output`], is a frozen array instead:
//! `[seq, wall_ms, mono_us, n, background, [[stream, bytes], ...]]`.

use crate::data::{Bundle, Bytes, CommMessage, Failure, OnError, Show};
use crate::ids::{ClientId, Epoch, EvalId, EvalNumber, GroupId, Life, RequestId, Seq, SessionId, SessionName};
use crate::kernel::{Death, DisplayRole, KernelInfo, Step};
use crate::scope::Scope;
use serde::{Deserialize, Serialize};

pub use crate::data::Run;

/// Skips what is at its default: an absent field and a default one mean the same.
fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Who {
    /// The authenticated identity, `uid:1000`.
    pub principal: String,
    /// The client program's id, as text; empty where the bridge itself acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// What the client calls itself, `terminal`, `exec`.
    #[serde(default, skip_serializing_if = "unset")]
    pub label: String,
}

/// How an eval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    #[default]
    Ok,
    /// An exception left it.
    Error,
    /// It asked to exit with a code; the kernel lives on.
    Exit,
    /// An interrupt ended it.
    Interrupted,
    /// It never started: interrupted while it waited, or before it arrived.
    Cancelled,
    /// Its kernel died under it.
    Died,
    /// Its supervisor died while it ran: how far it came is unknown.
    Lost,
    /// It never started: its group stopped, its kernel died or was restarted, or its supervisor died, before its turn.
    NotRun,
    /// An outcome of a newer build.
    #[serde(other)]
    Unknown,
}

/// A session came to be. Always the first event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub session: SessionId,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// The kernel it runs.
    pub kernel: String,
    /// The folder it starts in.
    #[serde(default, skip_serializing_if = "unset")]
    pub cwd: String,
    /// Who made it; its owner.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
    /// It ends by itself when nothing is left to run and nobody is attached.
    #[serde(default, skip_serializing_if = "unset")]
    pub ends_when_done: bool,
    /// The contract its events are written in.
    #[serde(default)]
    pub contract: u16,
    /// It ends by itself after so long without use. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cull_after_ms: Option<u64>,
}

/// A supervisor took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStarted {
    /// Its number; later than every earlier one.
    pub epoch: Epoch,
}

/// A kernel is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeStarted {
    /// Which one.
    pub life: Life,
    /// Who it is.
    pub kernel: KernelInfo,
    /// Who asked for it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// The request that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
}

/// A kernel is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeEnded {
    /// Which one.
    pub life: Life,
    /// Why.
    pub why: EndOfLife,
    /// How its process ended, where that is known.
    #[serde(default)]
    pub death: Death,
    /// Who asked for it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// The request that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
}

/// Why a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndOfLife {
    /// Its process ended by itself.
    Died,
    /// It never became ready.
    FailedStart,
    /// Somebody restarted it.
    Restarted,
    /// An interrupt escalated so far.
    Interrupted,
    /// Its supervisor died; what was left of it was ended.
    SupervisorDied,
    /// Its session ended.
    SessionEnded,
    /// A reason of a newer build.
    #[serde(other)]
    Unknown,
}

/// An eval took its place in the queue. From here on its id never runs anything again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its number.
    pub n: EvalNumber,
    /// Its id.
    pub eval: EvalId,
    /// It started at once; no `started` follows.
    #[serde(default, skip_serializing_if = "unset")]
    pub started: bool,
    /// Who submitted it. Absent for the submitter, who knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// The code. Absent for the submitter, after `redact`, and where retention trimmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<std::sync::Arc<str>>,
    /// SHA-256 of the code (and of everything else that decides what it does). Absent for the submitter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Bytes>,
    /// Its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// What its failure means for its group.
    #[serde(default, skip_serializing_if = "unset")]
    pub on_error: OnError,
    /// Whether its value is shown.
    #[serde(default, skip_serializing_if = "unset")]
    pub show: Show,
    /// Its arguments, where it runs as a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The trace it belongs to (W3C traceparent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// A waiting eval started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Its number.
    pub n: EvalNumber,
}

/// Something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The eval that ran, or, in the background, the one that ran last; 0 where none has.
    pub n: EvalNumber,
    /// It came after the eval's end.
    pub background: bool,
    /// What, in order.
    pub runs: Vec<Run>,
}

/// A rich value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// The eval.
    pub n: EvalNumber,
    /// How it is meant.
    pub role: DisplayRole,
    /// Its forms.
    pub data: Bundle,
}

/// The program reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The eval.
    pub n: EvalNumber,
    /// The number an answer names. Grows within one life.
    pub ask: u64,
    /// Shown before the answer is typed.
    #[serde(default, skip_serializing_if = "unset")]
    pub prompt: String,
    /// Not to be echoed.
    #[serde(default, skip_serializing_if = "unset")]
    pub secret: bool,
    /// A line is wanted; otherwise whatever comes next.
    #[serde(default, skip_serializing_if = "unset")]
    pub line: bool,
    /// Whose eval reads: the client that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<ClientId>,
    /// The life that asks; an answer that names it can never reach another one.
    #[serde(default, skip_serializing_if = "unset")]
    pub life: Life,
}

/// Somebody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The eval.
    pub n: EvalNumber,
    /// The question.
    pub ask: u64,
    /// Who.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
    /// Bytes of the answer.
    pub len: u64,
    /// The answer itself, unless it is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
    /// Nothing more will come.
    #[serde(default, skip_serializing_if = "unset")]
    pub eof: bool,
}

/// An interrupt was sent to the eval that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupting {
    /// The eval.
    pub n: EvalNumber,
    /// How hard.
    pub step: Step,
    /// Who asked for it.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
}

/// An interrupt named an eval that has not arrived. If it arrives, it ends `cancelled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterruptNoted {
    /// The eval.
    pub eval: EvalId,
    /// Who asked for it.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
}

/// An eval is over. Exactly one for every accepted one; all its output came before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ended {
    /// Its number.
    pub n: EvalNumber,
    /// How.
    pub outcome: Outcome,
    /// The value of the last expression, where it is shown and small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Bundle>,
    /// The exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The exit code it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Why, in a sentence, where the outcome alone does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// It was the first of a life that is not the session's first: what earlier evals made is gone.
    #[serde(default, skip_serializing_if = "unset")]
    pub fresh_state: bool,
    /// Nothing said that it was over: it looked so, because its program fell quiet.
    #[serde(default, skip_serializing_if = "unset")]
    pub idle_guess: bool,
    /// Who ended it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
}

/// The text of an eval was removed; its hash stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redacted {
    /// The eval.
    pub n: EvalNumber,
    /// Who.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
}

/// Somebody else may come in, or may do more or less than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The principal.
    pub with: String,
    /// What it may do from here on.
    pub scope: Scope,
    /// Who shared it.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
}

/// Somebody else may not come in any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unshared {
    /// The principal.
    pub with: String,
    /// Who took it back.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
}

/// Somebody sent a message to a comm of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommSent {
    /// The life it went to.
    pub life: Life,
    /// The message.
    pub message: CommMessage,
    /// Who.
    pub by: Who,
    /// The request that did.
    pub id: RequestId,
}

/// The session ended: nothing runs in it any more. Always the last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded {
    /// Who ended it; absent where it ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Who>,
    /// The request that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// Why, in a sentence, where it ended by itself and there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant carries the struct of its name, documented there")]
pub enum Event {
    Created(Created),
    EpochStarted(EpochStarted),
    LifeStarted(LifeStarted),
    LifeEnded(LifeEnded),
    Accepted(Accepted),
    Started(Started),
    Output(Output),
    Display(Display),
    Asked(Asked),
    Answered(Answered),
    Interrupting(Interrupting),
    InterruptNoted(InterruptNoted),
    Ended(Ended),
    Redacted(Redacted),
    SessionEnded(SessionEnded),
    Shared(Shared),
    Unshared(Unshared),
    CommSent(CommSent),
    /// Of a kind that this build does not know: counted, not understood.
    Unknown(u8),
}

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Milliseconds since 1970, UTC. Jumps when the clock is set.
    pub wall_ms: u64,
    /// Microseconds since the epoch's supervisor started. Never goes back within one epoch.
    pub mono_us: u64,
}

/// An event with its number and time: one record of the journal, one frame on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: Seq,
    /// When.
    pub at: Stamp,
    /// What.
    pub event: Event,
}

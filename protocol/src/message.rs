//! The typed meaning of frames that are not events: hellos, requests, replies, notices.
//!
//! `re` is a number the client chooses; the reply carries it back. 0 asks for no reply beyond errors.

use crate::data::{Bundle, Bytes, OnError, Show, few};
use crate::error::is_zero;
use crate::event::{Outcome, Who};
use crate::ids::{ClientId, Cursor, Epoch, EvalId, EvalNumber, GroupId, Life, RequestId, Seq, SessionId, SessionName};
use crate::kernel::{Completeness, Completions, KernelInfo};
use crate::scope::Scope;
use crate::setup::Setup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The first frame of a connection, from the side that dialled. Readable by every contract there will ever be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hello {
    /// `rialto`.
    pub magic: String,
    /// The oldest contract spoken.
    pub min: u16,
    /// The newest.
    pub max: u16,
    /// Abilities beyond the contract.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// The longest frame body this side takes. Bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_frame: u32,
    /// The program and its version, for people.
    #[serde(default, skip_serializing_if = "unset")]
    pub app: String,
    /// A supervisor's cookie, where one is dialled directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Bytes>,
    /// From a daemon: for whom it speaks. Believed only together with the cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<OnBehalf>,
}

/// Whom a daemon authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalf {
    /// The identity.
    pub principal: String,
    /// What it may do.
    pub scope: Scope,
}

/// The answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Welcome {
    /// The contract spoken from here on.
    pub contract: u16,
    /// The abilities both have.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// The longest frame body, both ways. Bytes.
    pub max_frame: u32,
    /// The program and its version, for people.
    #[serde(default)]
    pub app: String,
    /// `daemon` or `supervisor`.
    #[serde(default)]
    pub role: String,
    /// Who the other side takes this one for.
    #[serde(default)]
    pub principal: String,
    /// What it lets it do.
    #[serde(default)]
    pub scope: Scope,
}

/// The other side will close soon, and says why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Goaway {
    /// `shutdown`, `restart`, `upgrade`, `ended`.
    pub reason: String,
    /// When to come back. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Binds a channel to a session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Open {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The channel to bind, not 0; the client chooses.
    pub channel: u16,
    /// A session's id, a prefix of one, or a name. Empty with `create`: a new one without a name.
    #[serde(default, skip_serializing_if = "unset")]
    pub session: String,
    /// Make it where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// The most that is to be allowed on this channel; absent: all that this principal may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// What a new session is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// The request; the same one never makes two sessions.
    pub id: RequestId,
    /// The kernel, `python`.
    pub kernel: String,
    /// Its id, where the client derives one; otherwise the bridge makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The interpreter, where the user names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The folder to start in.
    #[serde(default, skip_serializing_if = "unset")]
    pub cwd: String,
    /// Environment on top of the bridge's own. Never journalled.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::pairs")]
    pub env: BTreeMap<String, String>,
    /// Refuse where the session is there already.
    #[serde(default, skip_serializing_if = "unset")]
    pub must_be_new: bool,
    /// End when nothing is left to run and nobody is attached.
    #[serde(default, skip_serializing_if = "unset")]
    pub ends_when_done: bool,
    /// Delete the journal at that end.
    #[serde(default, skip_serializing_if = "unset")]
    pub remove_at_end: bool,
    /// End after so long without use: nothing ran or waited, and nobody was there. Milliseconds; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cull_after_ms: Option<u64>,
    /// What else its kernel is to find.
    #[serde(default, skip_serializing_if = "Setup::is_plain")]
    pub setup: Setup,
}

/// The channel is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The channel.
    pub channel: u16,
    /// The session's id: bind to it, not to the name.
    pub session: SessionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// It was made by this request.
    #[serde(default, skip_serializing_if = "unset")]
    pub created: bool,
}

/// The channel is to be closed, or was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Close {
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "unset")]
    pub reason: String,
}

/// The first frame of a channel: the hello with the supervisor, end to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greet {
    /// The oldest contract spoken.
    pub min: u16,
    /// The newest.
    pub max: u16,
    /// Abilities beyond the contract.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// This client; the same over reconnects.
    pub client: ClientId,
    /// What it is: `terminal`, `exec`, `rpc`.
    #[serde(default, skip_serializing_if = "unset")]
    pub label: String,
}

/// The answer to [`Greet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeted {
    /// The contract spoken on this channel.
    pub contract: u16,
    /// The abilities both have.
    #[serde(default, skip_serializing_if = "unset", deserialize_with = "few::texts")]
    pub features: Vec<String>,
    /// The session.
    pub session: SessionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// The kernel it runs.
    pub kernel: String,
    /// The supervisor's incarnation.
    pub epoch: Epoch,
    /// The last event so far.
    pub head: Seq,
    /// The program and its version, for people.
    #[serde(default)]
    pub app: String,
}

/// More bytes may be sent on this channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// How many more, on top of what is left.
    pub bytes: u64,
}

/// Something that is true now and is no event: it has no number and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `stalled`, `resumed`, `behind`.
    pub what: String,
    /// A sentence.
    #[serde(default, skip_serializing_if = "unset")]
    pub text: String,
    /// For `behind`: events between this client's cursor and the head.
    #[serde(default, skip_serializing_if = "unset")]
    pub events: u64,
}

/// Sends events from a cursor on, then the live ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attach {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The last event seen. Absent: none (everything is sent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// Instead of `after`: only this many events before the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// Instead of `after`: from this eval's `accepted` on. The eval must be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval: Option<EvalId>,
    /// Bytes that may be sent before more credit comes. Absent: the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<u64>,
}

/// Attached. Events follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The incarnation.
    pub epoch: Epoch,
    /// Events after this one follow.
    pub after: Seq,
    /// The last event so far; what comes later is live.
    pub head: Seq,
}

/// Any request that carries nothing but its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plain {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
}

/// Events `from` to `to` are not kept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first that is missing.
    pub from: Seq,
    /// The last.
    pub to: Seq,
}

/// The cursor is from a future this journal does not have. What follows begins after `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewound {
    /// The incarnation that answers.
    pub epoch: Epoch,
    /// The last event that both sides have.
    pub seq: Seq,
}

/// One submission of code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submit {
    /// For the reply. 0: a new eval is answered by its `accepted` event alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// Its id.
    pub eval: EvalId,
    /// The code.
    pub code: std::sync::Arc<str>,
    /// Its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// What its failure means for its group.
    #[serde(default, skip_serializing_if = "unset")]
    pub on_error: OnError,
    /// Whether its value is shown.
    #[serde(default, skip_serializing_if = "unset")]
    pub show: Show,
    /// Its name and arguments, where it runs as a program.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "few::maybe_texts")]
    pub argv: Option<Vec<String>>,
    /// The trace it belongs to (W3C traceparent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// Where an eval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalState {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// It is over.
    Ended,
    /// A state of a newer build.
    #[serde(other)]
    Unknown,
}

/// What is known of one eval: the answer to `submit` and to `get_eval`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvalInfo {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// Its id.
    pub eval: EvalId,
    /// Its number.
    pub n: EvalNumber,
    /// Where it is.
    pub state: EvalState,
    /// It was known before this submit.
    #[serde(default, skip_serializing_if = "unset")]
    pub known: bool,
    /// Its `accepted`.
    pub first: Seq,
    /// Its `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Seq>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The exit code it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
}

/// Stops one eval: the one it names, never another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupt {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The request.
    pub id: RequestId,
    /// The eval.
    pub eval: EvalId,
    /// When to go further if it does not end. Absent: interrupt once more after two seconds, and no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalate>,
}

/// Milliseconds after the interrupt; an absent step is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Escalate {
    /// Interrupt once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_ms: Option<u64>,
    /// Ask the kernel's process to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminate_ms: Option<u64>,
    /// End it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_ms: Option<u64>,
    /// Answer `pending` if it has not ended by then. Absent: the answer waits for the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_ms: Option<u64>,
}

/// What became of an interrupt. Sent once it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It ended the eval.
    Interrupted,
    /// The eval had not started and never will.
    Cancelled,
    /// The eval ended by itself.
    Finished,
    /// The eval is over already, or died with its kernel, before this interrupt could matter.
    NotRunning,
    /// Not decided: the eval has not arrived (it will end `cancelled`), or has not stopped in the time the client set.
    Pending,
    /// Sent; this kind of kernel cannot say whether it arrived.
    BestEffort,
    /// A verdict of a newer build.
    #[serde(other)]
    Unknown,
}

/// The answer to [`Interrupt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterruptAnswer {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The eval.
    pub eval: EvalId,
    /// What became of it.
    pub verdict: Verdict,
    /// How the eval ended, where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// Answers what a program reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The request.
    pub id: RequestId,
    /// The life that asked. Absent: the one that lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Life>,
    /// The question.
    pub ask: u64,
    /// The answer; for a line, without its newline.
    #[serde(default)]
    pub data: Bytes,
    /// Nothing more will come.
    #[serde(default, skip_serializing_if = "unset")]
    pub eof: bool,
}

/// A mutating request with nothing but its id: restart, kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutate {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The request.
    pub id: RequestId,
}

/// Removes the text of an eval that ended; its hash stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redact {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The request.
    pub id: RequestId,
    /// The eval.
    pub eval: EvalId,
}

/// Lets another principal in, as far as `scope`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The request.
    pub id: RequestId,
    /// The principal.
    pub with: String,
    /// `observe` or `eval`.
    pub scope: Scope,
}

/// Takes that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unshare {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The request.
    pub id: RequestId,
    /// The principal.
    pub with: String,
}

/// The request was carried out, or had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The event it made.
    pub seq: Seq,
}

/// A question about code at a place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The code.
    pub code: String,
    /// Bytes into it.
    #[serde(default)]
    pub cursor: u64,
    /// For `inspect`: 0 for a summary, 1 for everything.
    #[serde(default, skip_serializing_if = "unset")]
    pub detail: u8,
}

/// The answer to `complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionsReply {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// What could stand there.
    #[serde(flatten)]
    pub completions: Completions,
}

/// The answer to `inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// What is known; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Bundle>,
}

/// The answer to `is_complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletenessReply {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// Would it run?
    #[serde(flatten)]
    pub completeness: Completeness,
}

/// Asks for one eval by id or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetEval {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// By id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval: Option<EvalId>,
    /// or by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<EvalNumber>,
}

/// How a session is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The session.
    pub session: SessionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// `idle`, `running`, `starting`, `no_kernel`, `stalled`, `ended`.
    pub state: String,
    /// The kernel it runs.
    pub kernel: String,
    /// Who the interpreter is, while one lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<KernelInfo>,
    /// The incarnation.
    pub epoch: Epoch,
    /// The last event.
    pub head: Seq,
    /// The n-th kernel.
    pub life: Life,
    /// The eval that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<EvalNumber>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_eval: Option<EvalId>,
    /// For how long. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_ms: Option<u64>,
    /// Evals that wait.
    #[serde(default)]
    pub queued: u64,
    /// Evals so far.
    #[serde(default)]
    pub evals: u64,
    /// Who is attached.
    #[serde(default)]
    pub clients: Vec<Who>,
    /// Who owns it.
    #[serde(default)]
    pub owner: String,
    /// When it came to be. Milliseconds since 1970.
    #[serde(default)]
    pub created_ms: u64,
    /// The folder it started in.
    #[serde(default)]
    pub cwd: String,
    /// Why it stalls, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// The supervisor's process.
    #[serde(default)]
    pub pid: u32,
    /// What was recorded of the kernel's output since the supervisor started. Bytes.
    #[serde(default, skip_serializing_if = "unset")]
    pub printed: u64,
    /// Who else may come in, by principal.
    #[serde(default, skip_serializing_if = "unset")]
    pub shares: Vec<Sharing>,
    /// What whoever asked may do here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// It ends by itself after so long without use. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cull_after_ms: Option<u64>,
    /// What was counted since its supervisor started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Box<Tally>>,
}

/// What a supervisor counted since it started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Evals that ended, by outcome.
    #[serde(default, skip_serializing_if = "unset")]
    pub ended: BTreeMap<String, u64>,
    /// From an eval's acceptance to its start.
    #[serde(default)]
    pub waited: Spread,
    /// From its start to its end.
    #[serde(default)]
    pub ran: Spread,
    /// Clients that came again.
    #[serde(default, skip_serializing_if = "unset")]
    pub again: u64,
}

/// How long things took.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// How many took at most 1, 5, 25, 100, 500 ms, 2.5, 10, 60 s and no less than the bound before; the last: longer.
    #[serde(default, skip_serializing_if = "unset")]
    pub counts: Vec<u64>,
    /// All of them together. Microseconds.
    #[serde(default, skip_serializing_if = "unset")]
    pub sum_us: u64,
}

/// Somebody whom a session is shared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// The principal.
    pub with: String,
    /// What it may do.
    pub scope: Scope,
}

/// The sessions of a place, in short.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listing {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The sessions.
    pub sessions: Vec<Listed>,
}

/// One session in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its id.
    pub session: SessionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// Its kernel.
    pub kernel: String,
    /// As [`Status::state`], or `dead` where its supervisor died and nobody came back yet.
    pub state: String,
    /// When it came to be. Milliseconds since 1970.
    #[serde(default)]
    pub created_ms: u64,
    /// The folder it started in.
    #[serde(default)]
    pub cwd: String,
    /// What its supervisor said, where it lives and answered in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Bytes its journal takes.
    #[serde(default)]
    pub bytes: u64,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "unset")]
    pub owner: String,
    /// What whoever asked may do there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// What its processes take, where they live and that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
}

/// Memory of a session's processes. Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The supervisor.
    #[serde(default)]
    pub supervisor: u64,
    /// The kernel's process, without its children.
    #[serde(default)]
    pub kernel: u64,
    /// What processes share is divided among them; otherwise each counts all of it.
    #[serde(default, skip_serializing_if = "unset")]
    pub proportional: bool,
}

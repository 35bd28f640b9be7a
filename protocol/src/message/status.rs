//! How sessions are now.

use super::unset;
use crate::error::is_zero;
use crate::event::Who;
use crate::ids::{Epoch, EvalId, EvalNumber, Life, Seq, SessionId, SessionName};
use crate::kernel::KernelInfo;
use crate::scope::Scope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

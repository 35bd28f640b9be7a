//! How one eval is stopped.

use crate::error::is_zero;
use crate::event::Outcome;
use crate::ids::{EvalId, RequestId};
use serde::{Deserialize, Serialize};

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

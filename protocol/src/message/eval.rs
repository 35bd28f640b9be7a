//! How code gets in, and what is known of it.

use super::unset;
use crate::data::{OnError, Show, few};
use crate::error::is_zero;
use crate::event::Outcome;
use crate::ids::{EvalId, EvalNumber, GroupId, Seq};
use serde::{Deserialize, Serialize};

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

//! What else changes a session: answers to a program, messages to comms, restart, kill, redact, sharing.

use super::unset;
use crate::data::{Bytes, CommMessage};
use crate::error::is_zero;
use crate::ids::{EvalId, Life, RequestId, Seq};
use crate::scope::Scope;
use serde::{Deserialize, Serialize};

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

/// Sends a message to a comm of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comm {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// The request.
    pub id: RequestId,
    /// The life that has the comm. Absent: the one that lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Life>,
    /// The message.
    pub message: CommMessage,
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

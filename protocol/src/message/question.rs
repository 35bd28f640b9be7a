//! Questions about code that does not run.

use super::unset;
use crate::data::Bundle;
use crate::error::is_zero;
use crate::kernel::{Completeness, Completions};
use serde::{Deserialize, Serialize};

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

//! How a client hears a session's events, and what stands between them.

use super::unset;
use crate::error::is_zero;
use crate::ids::{Cursor, Epoch, EvalId, Seq};
use serde::{Deserialize, Serialize};

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

//! The typed meaning of frames that are not events: hellos, requests, replies, notices.
//!
//! `re` is a number the client chooses; the reply carries it back. 0 asks for no reply beyond errors.

mod attach;
mod change;
mod channel;
mod eval;
mod hello;
mod interrupt;
mod question;
pub mod screen;
mod status;

pub use attach::{Attach, Attached, Credit, Gap, Notice, Rewound};
pub use change::{Carried, Comm, Input, Mutate, Redact, Share, Unshare};
pub use channel::{Close, Create, Handover, Open, Opened};
pub use eval::{EvalInfo, EvalState, GetEval, Submit};
pub use hello::{Goaway, Greet, Greeted, Hello, OnBehalf, Welcome};
pub use interrupt::{Escalate, Interrupt, InterruptAnswer, Verdict};
pub use question::{At, CompletenessReply, CompletionsReply, Inspected};
pub use screen::{Drawn, Keys, Resize, Screen, Seen, Typed, Unwatched, Watch};
pub use status::{Listed, Listing, Memory, Sharing, Spread, Status, Tally};

use crate::error::is_zero;
use serde::{Deserialize, Serialize};

fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Any request that carries nothing but its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plain {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
}

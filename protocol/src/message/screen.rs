//! The terminal that a program is in: how it is seen, typed into and sized.
//!
//! What is seen here is state and no history: it has no number and is not kept. Whoever is too slow for it is sent the screen as it
//! is by then.

use super::unset;
use crate::data::Bytes;
use crate::error::is_zero;
use serde::{Deserialize, Serialize};

/// The feature, in the hello with the supervisor, of those who know these messages.
pub const FEATURE: &str = "screen";
/// What may be on its way to one client and not yet `seen`; beyond it the client is sent the screen instead. Bytes.
pub const WINDOW: usize = 64 * 1024;
/// The most rows and columns that a client can ask for.
pub const MAX_ROWS: u16 = 256;
/// See [`MAX_ROWS`].
pub const MAX_COLUMNS: u16 = 512;
/// The most that one `keys` may carry. Bytes.
pub const MAX_KEYS: usize = 32 * 1024;

/// Asks to be shown the screen, and what the program writes from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watch {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
}

/// The screen as it is: the answer to [`Watch`], and again whenever its size changes or the client was too slow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Screen {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// Its rows,
    pub rows: u16,
    /// and columns.
    pub columns: u16,
    /// What draws it in a terminal of that size that was just reset.
    #[serde(default)]
    pub data: Bytes,
    /// In the answer to a request: how many bytes of this client's keys were taken so far.
    #[serde(default, skip_serializing_if = "unset")]
    pub typed: Option<u64>,
}

/// What the program wrote to its terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Drawn {
    /// As it wrote it.
    #[serde(default)]
    pub data: Bytes,
}

/// So many bytes of `screen` and `drawn` were dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Of their `data`, since the last one of these.
    pub bytes: u64,
}

/// Nothing more is shown: as the client asked, or because the program has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unwatched {
    /// Of the request, where one asked for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// Why, where nobody asked.
    #[serde(default, skip_serializing_if = "unset")]
    pub reason: String,
}

/// What is typed, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keys {
    /// For the reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// How many bytes this client had typed before these: what was taken already is not typed again. Absent: type them in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The bytes.
    #[serde(default)]
    pub data: Bytes,
}

/// How many bytes of this client's keys were taken so far: the answer to [`Keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Typed {
    /// Of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// All of them.
    pub typed: u64,
}

/// The size of this client's terminal. The program's has that of the smallest of all who watch and said one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resize {
    /// For an error. There is no other answer than the screen in its new size.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// Its rows,
    pub rows: u16,
    /// and columns.
    pub columns: u16,
}

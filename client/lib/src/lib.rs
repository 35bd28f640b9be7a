//! The client library of Rialto: a [`Session`] over one connection at a time, with an outbox of idempotent requests and a
//! cursor, that reconnects by itself.
//!
//! # Layout
//! The rules are a place without weather: [`Core`] takes bytes, the time and requests, and gives bytes, [`Incoming`] and
//! the moment it wants to be called again. [`Session`] is the thin driver around it: no task is spawned, the caller's
//! `await` is what moves it.
//!
//! | question | file |
//! |---|---|
//! | what goes over the link first? | `core/handshake.rs` |
//! | what happens when a message comes? | `core/receive.rs` |
//! | what is sent again, and when? | `outbox.rs` |
//! | what has the caller seen? | `cursor.rs` |
//! | who stops a flood? | `credit.rs` |
//! | when does it reconnect, and when does it give up? | `reconnect.rs` |
//! | how does it notice a dead link? | `keepalive.rs` |
//! | what outlives the program? | `keep.rs`, `options.rs` |
//! | what does a request in JSON leave out? | `json.rs` |
//!
//! This crate will never know a terminal, a home directory, an environment variable, or where a session lives: that is its
//! [`Connect`]or's business.

mod core;
mod credit;
mod cursor;
mod eval;
mod ids;
mod inbox;
mod incoming;
pub mod json;
mod keep;
mod keepalive;
mod lanes;
mod link;
mod once;
mod options;
mod outbox;
mod reconnect;
mod requests;
mod session;

pub use crate::core::{Core, Counters};
pub use cursor::Start;
pub use eval::{EvalOptions, EvalRun, Finished, RunItem};
pub use ids::{client_id, eval_id, group_id, request_id};
pub use incoming::{Answer, Connected, Incoming, Ticket};
pub use keep::Keep;
pub use link::{Connect, Link, Linking, Through};
pub use once::{Met, ask, meet};
pub use options::{Keepalive, Options, Snapshot};
pub use outbox::{MAX_BYTES, MAX_QUERIES, MAX_REQUESTS};
pub use reconnect::Policy;
pub use rialto_protocol as protocol;
pub use rialto_transports::{Dialer, Stream};
pub use session::Session;

//! One port that speaks HTTP/1.1, with TLS or behind something that has it. What is upgraded there is a WebSocket and carries
//! a connection ([`crate::websocket`]); everything else is answered by whoever is mounted on it ([`Routes`]).
//!
//! # What somebody unproved may take
//! | | at most |
//! |---|---|
//! | connections that have shown nothing yet | [`Limits::unproved`]; one more, and the oldest of them is dropped: whoever has something to show does so in milliseconds |
//! | time for TLS, and again for a request's head | [`Limits::handshake`] |
//! | a request's head | 16 KiB, 64 headers |

mod address;
pub(crate) mod client;
mod dialer;
mod guard;
mod listener;
mod room;
mod routes;
mod stream;
pub mod tls;

pub use address::{Address, Token};
pub(crate) use client::empty;
pub use dialer::HttpDialer;
pub(crate) use guard::subprotocols;
pub use guard::{Names, TOKEN_ENTRY};
pub use listener::{Counters, Limits, Settings, WebListener};
pub use room::Room;
pub use routes::{Body, Nothing, Routes, Visitor, full, text};

//! Sessions for whoever has no library of ours: JSON over WebSockets, requests of HTTP, Server-Sent Events. A facade: each of
//! its clients is a client of the bridge, over the memory transport, with the identity that client has shown, and may do
//! no more and no less than through any other way.
//!
//! | question | file |
//! |---|---|
//! | which request is answered by whom? | `routes.rs` |
//! | what is a JSON message on a WebSocket? | `json.rs` |
//! | what does a request to a session do? | `sessions.rs` |
//! | how does `curl` follow a session? | `events.rs` |
//! | what number has an error, in HTTP and in a close frame? | `codes.rs` |
//!
//! This package will never know a home, a supervisor or a process: what only they can tell (whether the bridge is ready, what
//! it counts) is told to it by whoever mounts it, as [`Machine`].

mod codes;
mod events;
mod json;
mod routes;
mod sessions;

pub use codes::last_word;
pub use json::SUBPROTOCOL;
pub use routes::{Facade, Machine, Patience};

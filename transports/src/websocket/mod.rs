//! A connection as the binary messages of a WebSocket (RFC 6455): `ws://`, and `wss://` with TLS.
//!
//! The messages are slices of one stream of bytes, as they happen to be cut. The listener is [`crate::http::WebListener`].

mod dialer;
mod stream;
mod upgrade;
mod weighed;

pub use dialer::WebSocketDialer;
pub use stream::{Farewell, LastWord, frame};
pub use tokio_tungstenite::tungstenite::{Error as Broken, Message};
pub(crate) use upgrade::{Upgrade, accepted, accepted_for_routes, upgrade};
pub use weighed::Weighed;

/// Where a bridge's WebSocket is.
pub const PATH: &str = "/v1/ws";
/// The subprotocol whose binary messages carry the protocol.
pub const SUBPROTOCOL: &str = "rialto.v1";
/// A text message for [`crate::http::Routes`] has at most so many bytes: code of a megabyte, however it is escaped. All
/// that come at once share a [`crate::http::Room`].
pub const MAX_TEXT: usize = 8 * 1024 * 1024;

/// A WebSocket whose messages mean something to whoever is mounted on a listener.
pub type Socket = tokio_tungstenite::WebSocketStream<Weighed>;

//! The handshake, at the client's end.

use super::stream::{ByteStream, config};
use super::{PATH, SUBPROTOCOL, upgrade::has};
use crate::http::Address;
use crate::http::client::{self, empty};
use crate::{Again, Boxed, DialError, Dialer, Stream, io_error};
use futures_util::StreamExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// For all of it: the name, the connection, TLS, the answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// For the first message, which a bridge sends at once.
const MUTE: Duration = Duration::from_secs(5);

/// Dials a bridge's WebSocket.
#[derive(Debug, Clone)]
pub struct WebSocketDialer {
    address: Address,
}

impl WebSocketDialer {
    /// Dials it there.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address }
    }

    async fn connect(&self) -> io::Result<Stream> {
        let key = generate_key();
        let request = self.address.request("GET", PATH).await?;
        let request = request.header(UPGRADE, "websocket").header(CONNECTION, "upgrade").header(SEC_WEBSOCKET_VERSION, "13");
        let request = request.header(SEC_WEBSOCKET_KEY, &key).header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
        let request = request.body(empty()).map_err(io_error)?;
        let check = |response: &Response<Incoming>| {
            let headers = response.headers();
            let accept = derive_accept_key(key.as_bytes());
            let accepted = headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|value| value.as_bytes() == accept.as_bytes());
            let protocol = headers.get(SEC_WEBSOCKET_PROTOCOL).is_some_and(|value| value == SUBPROTOCOL);
            if accepted && protocol && has(headers, &UPGRADE, "websocket") {
                return Ok(());
            }
            Err(io::Error::new(io::ErrorKind::InvalidData, "it answers, and is no bridge's WebSocket"))
        };
        let io = TokioIo::new(client::upgrading(self.address.connect().await?, request, check).await?);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Client, Some(config())).await;
        let first = tokio::time::timeout(MUTE, socket.next()).await.unwrap_or(None);
        match first {
            Some(Ok(Message::Binary(bytes))) if bytes.is_empty() => Ok(Box::new(ByteStream::new(socket, |_| None))),
            _ => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "it was opened, and nothing came through it")),
        }
    }
}

impl Dialer for WebSocketDialer {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(async {
            let connected = tokio::time::timeout(PATIENCE, self.connect()).await;
            let slow = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {PATIENCE:?}"));
            connected.unwrap_or_else(|_| Err(slow())).map_err(|why| {
                let again = Again::of(&why);
                DialError::new(self.text(), why).again(again)
            })
        })
    }

    fn text(&self) -> String {
        self.address.url("ws", "wss")
    }
}

//! The handshake, at the bridge's end.

use super::stream::{ByteStream, LastWord, config};
use super::{MAX_TEXT, SUBPROTOCOL, Socket, Weighed};
use crate::http::{Body, Routes, text};
use crate::{Peer, Stream, io_error};
use bytes::Bytes;
use futures_util::SinkExt;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::io;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// A request that becomes a WebSocket once it is answered.
pub(crate) enum Upgrade {
    /// It carries bytes, for the daemon.
    Bytes { on: OnUpgrade, peer: Peer },
    /// It carries what the routes know.
    Other { on: OnUpgrade, uri: Uri, peer: Peer },
}

/// Answers a request of somebody proved.
pub(crate) fn upgrade(
    request: &mut Request<Incoming>,
    peer: Peer,
    routes: &dyn Routes,
) -> Result<(Response<Body>, Upgrade), (StatusCode, String)> {
    let headers = request.headers();
    let no = |why: &str| Err((StatusCode::BAD_REQUEST, why.to_owned()));
    if request.method() != Method::GET || !has(headers, &UPGRADE, "websocket") || !has(headers, &CONNECTION, "upgrade") {
        let why = "a WebSocket is here, and this request asks for none; a proxy on the way may have taken its Upgrade off";
        return Err((StatusCode::UPGRADE_REQUIRED, why.to_owned()));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return no("only version 13 of WebSockets is spoken here");
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else { return no("a WebSocket without a key") };
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let Ok(accept) = accept else { return no("a WebSocket with a key that is none") };
    let ours = |entry: &&str| *entry == SUBPROTOCOL || routes.speaks(entry);
    let Some(chosen) = crate::http::subprotocols(headers).find(ours).map(str::to_owned) else {
        return no("no subprotocol that is spoken here: offer rialto.v1, or rialto.json.v1");
    };
    let Ok(protocol) = HeaderValue::from_str(&chosen) else { return no("a subprotocol that is no word") };
    let (on, uri) = (hyper::upgrade::on(&mut *request), request.uri().clone());
    let mut response = text(StatusCode::SWITCHING_PROTOCOLS, "");
    *response.body_mut() = crate::http::empty();
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    let upgrade = if chosen == SUBPROTOCOL { Upgrade::Bytes { on, peer } } else { Upgrade::Other { on, uri, peer } };
    Ok((response, upgrade))
}

pub(super) fn has(headers: &HeaderMap, name: &hyper::header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// The bytes of an upgraded connection.
pub(crate) async fn accepted(on: OnUpgrade, last_word: LastWord) -> io::Result<Stream> {
    let io = TokioIo::new(on.await.map_err(io_error)?);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config())).await;
    // No bytes at all, which show that messages get through: there are proxies that let WebSockets begin, and no further.
    socket.send(Message::Binary(Bytes::new())).await.map_err(io_error)?;
    Ok(Box::new(ByteStream::new(socket, last_word)))
}

/// The same with messages that mean something.
pub(crate) async fn accepted_for_routes(on: OnUpgrade) -> io::Result<Socket> {
    let io = Weighed::new(TokioIo::new(on.await.map_err(io_error)?));
    let config = config().max_message_size(Some(MAX_TEXT)).max_frame_size(Some(MAX_TEXT)).max_write_buffer_size(usize::MAX);
    Ok(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await)
}

//! What else is served on the port of a bridge.

use crate::{Boxed, Identity, Peer, Refused};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use std::io;

/// What an answer consists of: there at once, or as it comes.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Its identity is there where it has proved itself.
    pub peer: Peer,
    /// What it lacks, where it has not.
    pub refused: Option<Refused>,
}

impl Visitor {
    /// Who it is.
    ///
    /// # Errors
    /// What it lacks.
    pub fn identity(&self) -> Result<&Identity, Refused> {
        let nothing = || self.refused.clone().unwrap_or_else(|| Refused("nothing shows who you are".to_owned()));
        self.peer.identity.as_ref().ok_or_else(nothing)
    }
}

/// Answers requests that are for no connection of bytes. The name of the machine and the page they come from are checked;
/// whether their sender had to prove itself is for each of them to say.
pub trait Routes: Send + Sync {
    /// Answers one.
    fn answer(&self, request: Request<Incoming>, visitor: Visitor) -> Boxed<'static, Response<Body>>;

    /// Whether [`Routes::converse`] is for this subprotocol.
    fn speaks(&self, subprotocol: &str) -> bool;

    /// Speaks with a WebSocket of a subprotocol of its own, whose client has proved itself, until its end. What is returned is
    /// dropped a moment after the listener ends.
    fn converse(&self, socket: crate::websocket::Socket, uri: Uri, peer: Peer) -> Boxed<'static, ()>;
}

/// Nothing else is served.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Routes for Nothing {
    fn answer(&self, _: Request<Incoming>, _: Visitor) -> Boxed<'static, Response<Body>> {
        Box::pin(async { text(StatusCode::NOT_FOUND, "nothing is here; a bridge is at /v1/ws") })
    }

    fn speaks(&self, _: &str) -> bool {
        false
    }

    fn converse(&self, _: crate::websocket::Socket, _: Uri, _: Peer) -> Boxed<'static, ()> {
        Box::pin(async {})
    }
}

/// An answer that is a sentence.
#[must_use]
pub fn text(status: StatusCode, sentence: &str) -> Response<Body> {
    full(status, "text/plain; charset=utf-8", format!("{sentence}\n"))
}

/// An answer that is there whole.
#[must_use]
pub fn full(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

//! A connection as requests of HTTP, for networks that break WebSockets: one answer that goes on for as long as the connection
//! lives carries its bytes down, numbered POSTs carry them up. The bridge's end; [`super::HttpDialer`] is the other.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /v1/stream` | begins one; its id is the answer |
//! | `GET /v1/stream/ID` | the bytes down, behind a first line that says that nothing on the way holds them back. Once |
//! | `POST /v1/stream/ID/N` | the n-th bytes up, from 0, at most 64 KiB; answered once they are taken. The last ones again: nothing |
//! | `DELETE /v1/stream/ID` | nothing more comes up |
//!
//! Each proves who sends it, as any request does. Where one fails the connection is dead, and what was on it is resumed on the
//! next, as with any other way.

use super::{Body, text};
use crate::{Identity, Peer, Stream};
use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::{BodyExt, LengthLimitError, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

/// Where they are.
pub(super) const PATH: &str = "/v1/stream";
/// The first line of the bytes down.
pub(super) const PREFACE: &[u8] = b"rialto.v1\n";
/// What one POST may carry. Bytes.
pub(super) const PIECE: usize = 64 * 1024;
/// Connections at once.
const MOST: usize = 64;
/// Bytes that wait in each direction.
const BUFFER: usize = 32 * 1024;
/// For one POST to come.
const PIECE_COMES: Duration = Duration::from_secs(20);
/// One whose bytes down nobody has asked for by then is given up.
const UNCLAIMED: Duration = Duration::from_secs(15);

/// The connections of one listener.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<String, Arc<Line>>>);

/// One of them.
struct Line {
    who: Identity,
    began: Instant,
    up: tokio::sync::Mutex<Up>,
    down: Mutex<Option<ReadHalf<DuplexStream>>>,
}

struct Up {
    to: Option<WriteHalf<DuplexStream>>,
    next: u64,
}

/// Why not.
type Not = (StatusCode, &'static str);

/// What is to be done besides answering.
pub(super) struct Begun {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
}

/// Removes a line when its bytes down end, whoever ended them.
struct Ends {
    streams: Arc<Streams>,
    id: String,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.id);
    }
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request of somebody proved.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        who: &Identity,
    ) -> (Response<Body>, Option<Begun>) {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.strip_prefix(PATH).unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
        let method = request.method().clone();
        let answer = match (&method, parts.as_slice()) {
            (&Method::POST, []) => return self.begin(peer, who),
            (&Method::GET, [id]) => self.find(id, who).and_then(|line| self.down(id, &line)),
            (&Method::POST, [id, number]) => match self.find(id, who) {
                Ok(line) => up(&line, number, request).await,
                Err(not) => Err(not),
            },
            (&Method::DELETE, [id]) => match self.find(id, who) {
                Ok(line) => Ok(end(&line).await),
                Err(not) => Err(not),
            },
            _ => Err((StatusCode::NOT_FOUND, "no such thing can be done with a connection")),
        };
        (answer.unwrap_or_else(|(status, why)| text(status, why)), None)
    }

    fn begin(&self, peer: Peer, who: &Identity) -> (Response<Body>, Option<Begun>) {
        let mut lines = self.lock();
        lines.retain(|_, line| line.claimed() || line.began.elapsed() < UNCLAIMED);
        if lines.len() >= MOST {
            let why = format!("{MOST} connections by plain HTTP are served at once, and all are taken; try again later");
            return (text(StatusCode::SERVICE_UNAVAILABLE, &why), None);
        }
        let mut random = [0; 16];
        if getrandom::fill(&mut random).is_err() {
            return (text(StatusCode::INTERNAL_SERVER_ERROR, "this system has no random numbers"), None);
        }
        let id = data_encoding::HEXLOWER.encode(&random);
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let (read, write) = tokio::io::split(ours);
        let up = tokio::sync::Mutex::new(Up { to: Some(write), next: 0 });
        let line = Line { who: who.clone(), began: Instant::now(), up, down: Mutex::new(Some(read)) };
        lines.insert(id.clone(), Arc::new(line));
        (text(StatusCode::CREATED, &id), Some(Begun { stream: Box::new(theirs), peer }))
    }

    /// Somebody else's is not there.
    fn find(&self, id: &str, who: &Identity) -> Result<Arc<Line>, Not> {
        let found = self.lock().get(id).filter(|line| line.who == *who).cloned();
        found.ok_or((StatusCode::NOT_FOUND, "no such connection; it may have ended: begin another"))
    }

    fn down(self: &Arc<Self>, id: &str, line: &Line) -> Result<Response<Body>, Not> {
        let Some(read) = line.down.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Err((StatusCode::CONFLICT, "the bytes of this connection go to another request already"));
        };
        let ends = Ends { streams: Arc::clone(self), id: id.to_owned() };
        let bytes = unfold((Some(PREFACE), read, ends), |(preface, mut read, ends)| async move {
            if let Some(preface) = preface {
                return Some((Ok(Frame::data(Bytes::from_static(preface))), (None, read, ends)));
            }
            let mut buffer = vec![0; 16 * 1024];
            match read.read(&mut buffer).await {
                Ok(0) => None,
                Ok(n) => {
                    buffer.truncate(n);
                    Some((Ok(Frame::data(Bytes::from(buffer))), (None, read, ends)))
                }
                Err(why) => Some((Err(why), (None, read, ends))),
            }
        });
        let mut response = Response::new(StreamBody::new(bytes).boxed_unsync());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        Ok(response)
    }
}

impl Line {
    fn claimed(&self) -> bool {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

async fn up(line: &Line, number: &str, request: Request<Incoming>) -> Result<Response<Body>, Not> {
    let not = |status, why| Err((status, why));
    let Ok(number) = number.parse::<u64>() else { return not(StatusCode::BAD_REQUEST, "the bytes have no number") };
    let whole = tokio::time::timeout(PIECE_COMES, Limited::new(request.into_body(), PIECE).collect());
    let Ok(whole) = whole.await else {
        return not(StatusCode::REQUEST_TIMEOUT, "the bytes did not come in time");
    };
    let bytes = match whole {
        Ok(bytes) => bytes,
        Err(why) if why.is::<LengthLimitError>() => {
            return not(StatusCode::PAYLOAD_TOO_LARGE, "more bytes than one request may carry");
        }
        Err(_) => return not(StatusCode::BAD_REQUEST, "fewer bytes than were announced"),
    };
    let mut up = line.up.lock().await;
    if number.checked_add(1) == Some(up.next) {
        // Its answer was lost on the way.
        return Ok(text(StatusCode::NO_CONTENT, ""));
    }
    if number != up.next {
        return not(StatusCode::CONFLICT, "bytes that are not the next ones");
    }
    let Some(to) = &mut up.to else { return not(StatusCode::GONE, "the connection has ended") };
    let taken = async {
        to.write_all(&bytes.to_bytes()).await?;
        to.flush().await
    };
    if taken.await.is_err() {
        up.to = None;
        return not(StatusCode::GONE, "the connection has ended");
    }
    up.next += 1;
    Ok(text(StatusCode::NO_CONTENT, ""))
}

async fn end(line: &Line) -> Response<Body> {
    let mut up = line.up.lock().await;
    if let Some(mut to) = up.to.take() {
        let _: io::Result<()> = to.shutdown().await;
    }
    text(StatusCode::NO_CONTENT, "")
}

//! Which request is answered by whom, and who may ask.

use crate::{codes, events, json, sessions};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Uri};
use rialto_client::Through;
use rialto_client::protocol::{Code, ErrorReply, Message, codec};
use rialto_transports::http::{Body, Routes, Visitor, full, text};
use rialto_transports::memory::MemoryDialer;
use rialto_transports::websocket::Socket;
use rialto_transports::{Boxed, Identity, Peer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Conversations at once: WebSockets of JSON, and streams of events. Each may hold one event in memory, whole.
const CONVERSATIONS: usize = 64;
/// Requests at once that reach a session.
const REQUESTS: usize = 64;

/// What only the bridge's own program can tell.
pub trait Machine: Send + Sync {
    /// Whether sessions can be found and made.
    fn ready(&self) -> Boxed<'static, Result<(), String>>;

    /// What is counted, as Prometheus reads it, as far as somebody may see it. It answers within a second or two.
    fn metrics(&self, who: &Identity) -> Boxed<'static, String>;
}

/// How long what a client sends may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A large message of JSON, whole.
    pub message: Duration,
    /// The body of a request: whoever sends it slowly holds one of few seats.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { message: Duration::from_secs(60), body: Duration::from_secs(20) }
    }
}

/// What is mounted on a listener.
pub struct Facade {
    bridge: MemoryDialer,
    patience: Patience,
    machine: Arc<dyn Machine>,
    conversations: Arc<Semaphore>,
    requests: Arc<Semaphore>,
}

impl std::fmt::Debug for Facade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facade").field("bridge", &self.bridge).finish_non_exhaustive()
    }
}

impl Facade {
    /// A facade of the bridge that this dialer leads to.
    #[must_use]
    pub fn new(bridge: MemoryDialer, machine: Arc<dyn Machine>) -> Self {
        let (conversations, requests) = (Arc::new(Semaphore::new(CONVERSATIONS)), Arc::new(Semaphore::new(REQUESTS)));
        Self { bridge, patience: Patience::default(), machine, conversations, requests }
    }

    /// With another patience.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The bridge, as one of its clients sees it.
    fn through(&self, peer: Peer) -> Through {
        Through { dialer: Arc::new(self.bridge.of(peer)), local: true }
    }
}

fn seat(seats: &Arc<Semaphore>, most: usize) -> Result<OwnedSemaphorePermit, ErrorReply> {
    let busy =
        || ErrorReply::new(0, Code::TooBusy, format!("{most} of these are served at once, and all are taken; try again later"));
    Arc::clone(seats).try_acquire_owned().map_err(|_| busy())
}

impl Routes for Facade {
    fn answer(&self, request: Request<Incoming>, visitor: Visitor) -> Boxed<'static, Response<Body>> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match (request.method(), parts.as_slice()) {
            // They say one word, and to everybody: whoever looks after machines has no token.
            (&Method::GET, ["healthz"]) => there(text(StatusCode::OK, "ok")),
            (&Method::GET, ["readyz"]) => {
                let ready = self.machine.ready();
                Box::pin(async move {
                    match ready.await {
                        Ok(()) => text(StatusCode::OK, "ready"),
                        Err(why) => {
                            // The reason may name a folder, which is nobody else's business.
                            tracing::warn!(%why, "not ready");
                            text(StatusCode::SERVICE_UNAVAILABLE, "not ready; the bridge's log says why")
                        }
                    }
                })
            }
            (&Method::GET, ["metrics"]) => match visitor.identity() {
                Ok(who) => {
                    let metrics = self.machine.metrics(who);
                    Box::pin(async move { full(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics.await) })
                }
                Err(why) => there(text(StatusCode::UNAUTHORIZED, &why.0)),
            },
            (method, ["v1", "sessions", rest @ ..]) => {
                if let Err(why) = visitor.identity() {
                    return there(text(StatusCode::UNAUTHORIZED, &why.0));
                }
                let rest: Vec<String> = rest.iter().map(|part| decoded(part)).collect();
                let through = self.through(visitor.peer);
                if let (&Method::GET, [session, "events"]) =
                    (method, rest.iter().map(String::as_str).collect::<Vec<_>>().as_slice())
                {
                    let seat = match seat(&self.conversations, CONVERSATIONS) {
                        Ok(seat) => seat,
                        Err(why) => return there(refusal(&why)),
                    };
                    let session = (*session).to_owned();
                    return Box::pin(async move { events::follow(through, &session, &request, seat).await });
                }
                let seat = match seat(&self.requests, REQUESTS) {
                    Ok(seat) => seat,
                    Err(why) => return there(refusal(&why)),
                };
                let patience = self.patience.body;
                Box::pin(async move {
                    let answer = sessions::answer(&through, &rest, request, patience).await;
                    drop(seat);
                    match answer {
                        Ok((status, message)) => reply(status, &message),
                        Err(sessions::Not::Refused(why)) => refusal(&why),
                        Err(sessions::Not::Allowed(methods)) => {
                            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &format!("only {methods} is answered here"));
                            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
                            response
                        }
                        Err(sessions::Not::Here) => text(StatusCode::NOT_FOUND, "nothing is here; see docs/http.md for what is"),
                    }
                })
            }
            _ => there(text(StatusCode::NOT_FOUND, "nothing is here; a bridge is at /v1/ws, its sessions at /v1/sessions")),
        }
    }

    fn speaks(&self, subprotocol: &str) -> bool {
        subprotocol == json::SUBPROTOCOL
    }

    fn converse(&self, socket: Socket, uri: Uri, peer: Peer) -> Boxed<'static, ()> {
        let through = self.through(peer);
        let (seat, patience) = (seat(&self.conversations, CONVERSATIONS), self.patience.message);
        Box::pin(async move {
            let _seat = match seat {
                Ok(seat) => seat,
                Err(why) => return json::refuse(socket, why).await,
            };
            json::converse(&through, socket, &uri, patience).await;
        })
    }
}

fn there(response: Response<Body>) -> Boxed<'static, Response<Body>> {
    Box::pin(async { response })
}

/// A message, as JSON.
pub(crate) fn reply(status: StatusCode, message: &Message) -> Response<Body> {
    let mut response = full(status, "application/json", format!("{}\n", codec::to_json(message)));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Why not.
pub(crate) fn refusal(why: &ErrorReply) -> Response<Body> {
    let mut response = reply(codes::status(why), &Message::Error(why.clone()));
    if why.retryable {
        let seconds = why.after_ms.unwrap_or(1000).div_ceil(1000);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// `%20` is a space, in a path.
fn decoded(part: &str) -> String {
    // As in a query, but for the plus, which is one.
    let escaped = part.replace('+', "%2B");
    form_urlencoded::parse(escaped.as_bytes()).next().map_or_else(String::new, |(name, value)| {
        if value.is_empty() && !part.contains('=') { name.into_owned() } else { format!("{name}={value}") }
    })
}

/// A word of an address behind its question mark.
pub(crate) fn query(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

//! Accepts TCP connections, lets nobody hold one up, and sorts what they ask for.

use super::guard::{self, Denied, Names};
use super::routes::{Body, Routes, Visitor, text};
use super::stream::{self, Streams};
use crate::tcp::Port;
use crate::websocket::{self, LastWord, Upgrade};
use crate::{Authenticator, Boxed, How, Identity, Listener, Peer, Stream};
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderValue, ORIGIN, VARY, WWW_AUTHENTICATE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Accepted and not yet taken by the daemon.
const BACKLOG: usize = 16;
/// For what is being answered when the listener ends.
const GOODBYE: Duration = Duration::from_secs(2);
/// A request's head. Bytes. (The parser's own buffer, and so all that somebody unproved can fill.)
const HEAD: usize = 16 * 1024;
/// Lines of it.
const HEADERS: usize = 64;

/// Ceilings of a listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections that have not shown who they are.
    pub unproved: usize,
    /// Connections whose sender has, and that are answered here.
    pub proved: usize,
    /// Those of one principal.
    pub of_one: usize,
    /// For TLS, and again for the head of a request.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unproved: 64, proved: 128, of_one: 64, handshake: Duration::from_secs(10) }
    }
}

/// What a listener is made with.
pub struct Settings {
    /// Who decides who somebody is.
    pub authenticator: Arc<dyn Authenticator>,
    /// TLS of our own. Without it something in front of us has it, or nobody.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Our names, and pages that may come.
    pub names: Names,
    /// Whoever comes from there says for whom, in `X-Forwarded-For`, and is believed.
    pub proxies: Vec<IpAddr>,
    /// What else is served.
    pub routes: Arc<dyn Routes>,
    /// What the last bytes of a connection said.
    pub last_word: LastWord,
    /// Ceilings.
    pub limits: Limits,
    /// Where it is counted what happens.
    pub counters: Arc<Counters>,
}

/// What was counted at the door.
#[derive(Debug, Default)]
pub struct Counters {
    /// Accepted.
    pub accepted: AtomicU64,
    /// Refused, for want of a proof or of a right name.
    pub refused: AtomicU64,
    /// Dropped, for want of a seat before they had shown anything.
    pub dropped: AtomicU64,
}

/// A port. What runs for its connections ends with it or a moment later, but for what the daemon has taken.
pub struct WebListener {
    socket: Port,
    shared: Arc<Shared>,
    ready: mpsc::Receiver<(Stream, Peer)>,
    connections: JoinSet<()>,
    /// Who has shown nothing yet, oldest first.
    unproved: VecDeque<(Arc<AtomicBool>, AbortHandle)>,
    text: String,
}

struct Shared {
    settings: Settings,
    ready: mpsc::Sender<(Stream, Peer)>,
    proved: Mutex<Proved>,
    streams: Arc<Streams>,
    over: watch::Sender<bool>,
}

/// Connections whose sender is known, by who that is.
#[derive(Default)]
struct Proved {
    all: usize,
    by: HashMap<String, usize>,
}

impl Shared {
    fn proved(&self) -> MutexGuard<'_, Proved> {
        self.proved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a connection of somebody known; or why there is none.
    fn seat(self: &Arc<Self>, principal: &str) -> Result<Seat, String> {
        let Limits { proved: most, of_one, .. } = self.settings.limits;
        let mut proved = self.proved();
        if proved.all >= most {
            return Err(format!("this port answers {most} connections at once, and all are taken; try again"));
        }
        let theirs = proved.by.entry(principal.to_owned()).or_default();
        if *theirs >= of_one {
            return Err(format!("this port answers {of_one} connections of one principal at once; close one, or try again"));
        }
        *theirs += 1;
        proved.all += 1;
        Ok(Seat { shared: Arc::clone(self), principal: principal.to_owned() })
    }
}

/// One of them, given back when it is dropped.
struct Seat {
    shared: Arc<Shared>,
    principal: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut proved = self.shared.proved();
        proved.all = proved.all.saturating_sub(1);
        if let Some(theirs) = proved.by.get_mut(&self.principal) {
            *theirs = theirs.saturating_sub(1);
            if *theirs == 0 {
                proved.by.remove(&self.principal);
            }
        }
    }
}

impl Drop for WebListener {
    /// What is being answered has a moment to say goodbye in: whoever it is a facade of says so by itself.
    fn drop(&mut self) {
        self.shared.over.send_replace(true);
        self.connections.detach_all();
    }
}

impl std::fmt::Debug for WebListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebListener").field("on", &self.text).finish_non_exhaustive()
    }
}

impl WebListener {
    /// Listens on an address.
    ///
    /// # Errors
    /// Where the system does not allow it. Needs a runtime.
    pub async fn bind(address: SocketAddr, settings: Settings) -> io::Result<Self> {
        let socket = Port::bind(address, Arc::clone(&settings.authenticator)).await?;
        let scheme = if settings.tls.is_some() { "wss" } else { "ws" };
        let text = format!("{scheme}://{}", socket.local_addr()?);
        let (to, ready) = mpsc::channel(BACKLOG);
        let shared =
            Shared { settings, ready: to, proved: Mutex::default(), streams: Arc::default(), over: watch::channel(false).0 };
        let (connections, unproved) = (JoinSet::new(), VecDeque::new());
        Ok(Self { socket, shared: Arc::new(shared), ready, connections, unproved, text })
    }

    /// Where it listens: the port is known now.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn begin(&mut self, stream: TcpStream, from: SocketAddr) {
        let counters = &self.shared.settings.counters;
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        self.unproved.retain(|(proved, task)| !proved.load(Ordering::Relaxed) && !task.is_finished());
        if self.unproved.len() >= self.shared.settings.limits.unproved
            && let Some((_, oldest)) = self.unproved.pop_front()
        {
            counters.dropped.fetch_add(1, Ordering::Relaxed);
            oldest.abort();
        }
        let proved = Arc::new(AtomicBool::new(false));
        let visit = Visit {
            shared: Arc::clone(&self.shared),
            from,
            proved: Arc::clone(&proved),
            seat: Mutex::new(None),
            certificate: None,
        };
        let task = self.connections.spawn(visit.serve(stream));
        self.unproved.push_back((proved, task));
    }
}

impl Listener for WebListener {
    fn accept(&mut self) -> Boxed<'_, (Stream, Peer)> {
        Box::pin(async {
            loop {
                tokio::select! {
                    Some(ready) = self.ready.recv() => return ready,
                    (stream, from) = self.socket.accept() => self.begin(stream, from),
                    Some(_) = self.connections.join_next() => {}
                }
            }
        })
    }

    fn text(&self) -> String {
        self.text.clone()
    }
}

/// One TCP connection, until it ends or is the daemon's.
struct Visit {
    shared: Arc<Shared>,
    from: SocketAddr,
    proved: Arc<AtomicBool>,
    /// Once it is proved.
    seat: Mutex<Option<Seat>>,
    certificate: Option<Vec<u8>>,
}

/// What came of a request besides its answer.
type Upgraded = Mutex<Option<Upgrade>>;

impl Visit {
    async fn serve(mut self, stream: TcpStream) {
        let from = self.from;
        let mut over = self.shared.over.subscribe();
        tokio::select! {
            ended = self.converse(stream) => if let Err(why) = ended {
                // Anybody can send nonsense to a port; it is no news.
                tracing::debug!(%from, %why, "a connection of the port ended");
            },
            () = async {
                let _ = over.wait_for(|over| *over).await;
                tokio::time::sleep(GOODBYE).await;
            } => {}
        }
    }

    async fn converse(&mut self, stream: TcpStream) -> io::Result<()> {
        let limits = self.shared.settings.limits.clone();
        let stream: Stream = match &self.shared.settings.tls {
            None => Box::new(stream),
            Some(config) => {
                let accepting = TlsAcceptor::from(Arc::clone(config)).accept(stream);
                let stream = timeout(limits.handshake, accepting).await.map_err(|_| io::ErrorKind::TimedOut)??;
                self.certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(|der| der.to_vec());
                Box::new(stream)
            }
        };
        let upgraded: Upgraded = Mutex::new(None);
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.handshake).max_buf_size(HEAD).max_headers(HEADERS);
        let service = service_fn(async |request| Ok::<_, Infallible>(self.answer(request, &upgraded).await));
        builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await.map_err(io::Error::other)?;
        let Some(upgrade) = upgraded.into_inner().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        match upgrade {
            Upgrade::Bytes { on, peer } => {
                let stream = websocket::accepted(on, self.shared.settings.last_word).await?;
                let _ = self.shared.ready.send((stream, peer)).await;
            }
            Upgrade::Other { on, uri, peer } => {
                let socket = websocket::accepted_for_routes(on).await?;
                self.shared.settings.routes.converse(socket, uri, peer).await;
            }
        }
        Ok(())
    }

    async fn answer(&self, request: Request<Incoming>, upgraded: &Upgraded) -> Response<Body> {
        let origin = request.headers().get(ORIGIN).cloned();
        // It goes into the log, where what turns a line around or hides in it has no place.
        let asked = format!("{} {}", request.method(), request.uri().path().escape_debug());
        let from = guard::client(request.headers(), self.from, &self.shared.settings.proxies);
        if from != self.from
            && let Err(why) = self.shared.settings.authenticator.admits(from.ip())
        {
            // Who comes by itself is sent away before it has said anything; of a proxy's clients one is known only now.
            self.shared.settings.counters.refused.fetch_add(1, Ordering::Relaxed);
            return text(StatusCode::TOO_MANY_REQUESTS, &why.0);
        }
        let mut response = match self.shared.settings.names.check(request.headers()) {
            Err(Denied(status, why)) => {
                tracing::info!(%from, %asked, %why, "refused");
                self.shared.settings.counters.refused.fetch_add(1, Ordering::Relaxed);
                return text(status, &why);
            }
            Ok(()) if request.method() == Method::OPTIONS => preflight(),
            Ok(()) => self.checked(request, from, upgraded).await,
        };
        // A page that may come may also read.
        if let Some(origin) = origin {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            tracing::info!(%from, %asked, "refused: unproved");
            self.shared.settings.counters.refused.fetch_add(1, Ordering::Relaxed);
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rialto\""));
        }
        response
    }

    async fn checked(&self, mut request: Request<Incoming>, from: SocketAddr, upgraded: &Upgraded) -> Response<Body> {
        let settings = &self.shared.settings;
        let certificate = self.certificate.as_deref();
        let who = guard::prove(&*settings.authenticator, request.headers(), request.uri(), certificate, from);
        if let Ok(who) = &who
            && !self.proved.load(Ordering::Relaxed)
        {
            match self.shared.seat(&who.principal) {
                Ok(seat) => *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat),
                Err(why) => return text(StatusCode::SERVICE_UNAVAILABLE, &why),
            }
            self.proved.store(true, Ordering::Relaxed);
        }
        if request.uri().path().starts_with(stream::PATH) {
            let who = match &who {
                Ok(who) => who,
                Err(why) => return text(StatusCode::UNAUTHORIZED, &why.0),
            };
            let peer = peer(How::Http, from, Some(who.clone()));
            let (response, begun) = self.shared.streams.answer(request, peer, who).await;
            if let Some(begun) = begun {
                let _ = self.shared.ready.send((begun.stream, begun.peer)).await;
            }
            return response;
        }
        if request.uri().path() != websocket::PATH {
            let (identity, refused) = who.map_or_else(|why| (None, Some(why)), |who| (Some(who), None));
            let visitor = Visitor { peer: peer(How::Http, from, identity), refused };
            return settings.routes.answer(request, visitor).await;
        }
        let who = match who {
            Ok(who) => who,
            Err(why) => return text(StatusCode::UNAUTHORIZED, &why.0),
        };
        match websocket::upgrade(&mut request, peer(How::WebSocket, from, Some(who)), &*settings.routes) {
            Ok((response, upgrade)) => {
                *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
                response
            }
            Err((status, why)) => text(status, &why),
        }
    }
}

fn peer(how: How, from: SocketAddr, identity: Option<Identity>) -> Peer {
    let by = identity.as_ref().and_then(|who| who.credential.as_deref()).map_or_else(String::new, |by| format!(" by {by}"));
    let way = if how == How::Http { "http" } else { "ws" };
    Peer { how, uid: None, pid: None, identity, text: format!("{way} {from}{by}") }
}

/// A browser asks before it sends a header of ours.
fn preflight() -> Response<Body> {
    let mut response = text(StatusCode::NO_CONTENT, "");
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, last-event-id"));
    // Nothing here is a cookie.
    headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    response
}

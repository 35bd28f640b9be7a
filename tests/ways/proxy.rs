//! A bad link: everything between a client and whoever listens goes through it, and it cuts, delays, tears apart, falls silent
//! and says things twice, as its plan for each link wants it.
#![allow(clippy::disallowed_methods)] // Its tasks end with the runtime of their test.

use rialto_client::{Dialer, Through};
use rialto_transports::unix::UnixDialer;
use rialto_transports::{Boxed, DialError, Stream};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

/// Bytes between a client and a proxy that is in its own process.
const BETWEEN: usize = 64 * 1024;

/// What becomes of one link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Bytes that pass towards the bridge, and towards the client. Whichever is used up first ends the link.
    pub(crate) up: u64,
    pub(crate) down: u64,
    pub(crate) end: End,
    /// Bytes that pass in one piece.
    pub(crate) piece: usize,
    /// How often others have their turn before each piece passes.
    pub(crate) delay: u64,
    /// How long each piece is on its way. A piece and this make a slow link, or a thin one.
    pub(crate) pause: Duration,
    /// All that the client says is said to the bridge on a second connection as well, whose answers nobody reads.
    pub(crate) twice: bool,
}

/// How a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides hear that it has.
    Cut,
    /// The client hears of it; to the bridge the link looks alive, and says nothing more.
    HalfOpen,
    /// Nobody hears of it: both see a link that says nothing more.
    Silence,
}

impl Default for Plan {
    /// A good link.
    fn default() -> Self {
        Self { up: u64::MAX, down: u64::MAX, end: End::Cut, piece: 64 * 1024, delay: 0, pause: Duration::ZERO, twice: false }
    }
}

/// What all links of one proxy came to.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) links: AtomicU64,
    pub(crate) cuts: AtomicU64,
    /// Bytes towards the bridge, and towards the client.
    pub(crate) up: AtomicU64,
    pub(crate) down: AtomicU64,
}

/// Reaches whoever the links are meant for.
type Target = Arc<dyn Fn() -> Boxed<'static, io::Result<Stream>> + Send + Sync>;
type Plans = Arc<Mutex<dyn FnMut() -> Plan + Send>>;

#[derive(Clone)]
pub(crate) struct Proxy {
    /// Where it listens, where that is a socket.
    pub(crate) socket: PathBuf,
    /// Where it listens, where that is a port.
    pub(crate) port: u16,
    pub(crate) counted: Arc<Counted>,
    target: Target,
    plans: Plans,
    kept: Kept,
    /// What became of all links that there were then.
    fate: Arc<watch::Sender<(u64, End)>>,
    /// Bytes in both directions after which everything is cut at once.
    most: Arc<AtomicU64>,
}

/// Links that nobody may hear the end of stay open for as long as the proxy is there.
type Kept = Arc<Mutex<Vec<Box<dyn Send>>>>;

impl Proxy {
    fn to(target: Target, plan: impl FnMut() -> Plan + Send + 'static) -> Self {
        let (counted, kept) = (Arc::default(), Kept::default());
        let (plans, fate) = (Arc::new(Mutex::new(plan)), Arc::new(watch::channel((0, End::Cut)).0));
        let most = Arc::new(AtomicU64::new(u64::MAX));
        Self { socket: PathBuf::new(), port: 0, counted, target, plans, kept, fate, most }
    }

    /// Listens at `socket` for what is meant for `target`.
    pub(crate) fn new(socket: PathBuf, target: PathBuf, plan: impl FnMut() -> Plan + Send + 'static) -> Self {
        let listener = UnixListener::bind(&socket).unwrap();
        let target: Target = Arc::new(move || {
            let target = target.clone();
            Box::pin(async move { Ok(Box::new(UnixStream::connect(target).await?) as Stream) })
        });
        let proxy = Self { socket, ..Self::to(target, plan) };
        let serving = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                serving.begin(Box::new(client));
            }
        });
        proxy
    }

    /// Listens at a port for what is meant for another one of this machine.
    pub(crate) async fn of_port(target: u16, plan: impl FnMut() -> Plan + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target: Target = Arc::new(move || {
            Box::pin(async move {
                let stream = TcpStream::connect(("127.0.0.1", target)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream) as Stream)
            })
        });
        let proxy = Self { port, ..Self::to(target, plan) };
        let serving = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                client.set_nodelay(true).unwrap();
                serving.begin(Box::new(client));
            }
        });
        proxy
    }

    /// Stands in this process, before a dialer whose bytes are the link itself.
    pub(crate) fn around(dialer: Arc<dyn Dialer>, plan: impl FnMut() -> Plan + Send + 'static) -> Self {
        let target: Target = Arc::new(move || {
            let dialer = Arc::clone(&dialer);
            Box::pin(async move { dialer.dial().await.map_err(io::Error::other) })
        });
        Self::to(target, plan)
    }

    fn begin(&self, client: Stream) {
        self.counted.links.fetch_add(1, Ordering::Relaxed);
        let plan = self.plans.lock().unwrap()();
        tokio::spawn(link(client, self.clone(), plan));
    }

    pub(crate) fn through(&self) -> Through {
        let dialer: Arc<dyn Dialer> = Arc::new(UnixDialer::new(&self.socket));
        Through { dialer, local: true }
    }

    /// Ends all links there are, in this way.
    pub(crate) fn ends(&self, end: End) {
        self.fate.send_modify(|fate| *fate = (fate.0 + 1, end));
    }

    /// Cuts all links once so many bytes more have passed in either direction.
    pub(crate) fn cut_after(&self, bytes: u64) {
        let (up, down) = self.bytes();
        self.most.store(up + down + bytes, Ordering::Relaxed);
    }

    /// Links that looked alive to somebody do not any more.
    pub(crate) fn lets_go(&self) {
        self.kept.lock().unwrap().clear();
    }

    /// Bytes that may still pass.
    fn left(&self) -> u64 {
        let (up, down) = self.bytes();
        self.most.load(Ordering::Relaxed).saturating_sub(up + down)
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.counted.cuts.load(Ordering::Relaxed)
    }

    /// Bytes so far, towards the bridge and towards the client.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.counted.up.load(Ordering::Relaxed), self.counted.down.load(Ordering::Relaxed))
    }

    pub(crate) fn links(&self) -> u64 {
        self.counted.links.load(Ordering::Relaxed)
    }
}

/// For whoever is in the same process.
impl Dialer for Proxy {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        let (ours, theirs) = tokio::io::duplex(BETWEEN);
        self.begin(Box::new(theirs));
        Box::pin(async { Ok(Box::new(ours) as Stream) })
    }

    fn text(&self) -> String {
        "a bad link".to_owned()
    }
}

/// Whether a way was used up, or one side closed it.
#[derive(PartialEq, Eq)]
enum Over {
    Budget,
    Closed,
    /// Something became of all links at once.
    Fate,
}

async fn link(client: Stream, proxy: Proxy, plan: Plan) {
    let mut fate = proxy.fate.subscribe();
    let Ok(bridge) = (proxy.target)().await else { return };
    let second = if plan.twice { silent(&proxy).await } else { None };
    let (from_client, to_client) = tokio::io::split(client);
    let (from_bridge, to_bridge) = tokio::io::split(bridge);
    let mut up = Way { from: from_client, to: to_bridge, second, left: plan.up };
    let mut down = Way { from: from_bridge, to: to_client, second: None, left: plan.down };
    let over = tokio::select! {
        over = up.runs(&plan, &proxy, &proxy.counted.up) => over,
        over = down.runs(&plan, &proxy, &proxy.counted.down) => over,
        _ = fate.changed() => Over::Fate,
    };
    let end = match over {
        Over::Closed => return,
        Over::Budget => plan.end,
        Over::Fate => fate.borrow().1,
    };
    proxy.counted.cuts.fetch_add(1, Ordering::Relaxed);
    match end {
        End::Cut => {}
        End::HalfOpen => proxy.kept.lock().unwrap().push(Box::new((up.to, down.from))),
        End::Silence => proxy.kept.lock().unwrap().push(Box::new((up, down))),
    }
}

/// A connection whose answers go nowhere.
async fn silent(proxy: &Proxy) -> Option<WriteHalf<Stream>> {
    let (mut from, to) = tokio::io::split((proxy.target)().await.ok()?);
    tokio::spawn(async move { tokio::io::copy(&mut from, &mut tokio::io::sink()).await });
    Some(to)
}

/// One direction of a link.
struct Way {
    from: ReadHalf<Stream>,
    to: WriteHalf<Stream>,
    second: Option<WriteHalf<Stream>>,
    left: u64,
}

impl Way {
    async fn runs(&mut self, plan: &Plan, proxy: &Proxy, counted: &AtomicU64) -> Over {
        let mut piece = vec![0; plan.piece];
        loop {
            if self.left == 0 {
                return Over::Budget;
            }
            let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(plan.piece);
            let Ok(read @ 1..) = self.from.read(&mut piece[..most]).await else { return Over::Closed };
            for _ in 0..plan.delay {
                tokio::task::yield_now().await;
            }
            if !plan.pause.is_zero() {
                tokio::time::sleep(plan.pause).await;
            }
            let pass = usize::try_from(proxy.left()).unwrap_or(usize::MAX).min(read);
            let written = async {
                self.to.write_all(&piece[..pass]).await?;
                self.to.flush().await
            };
            if written.await.is_err() {
                return Over::Closed;
            }
            if let Some(second) = &mut self.second {
                // It may have been refused: then that is that.
                let _ = second.write_all(&piece[..read]).await;
            }
            self.left -= read as u64;
            counted.fetch_add(pass as u64, Ordering::Relaxed);
            if proxy.left() == 0 {
                proxy.most.store(u64::MAX, Ordering::Relaxed);
                proxy.ends(End::Cut);
                return Over::Fate;
            }
            if pass < read {
                // The rest is lost, so nothing may come after it: somebody else has just cut all links.
                return Over::Fate;
            }
        }
    }
}

//! A bad link: everything between a client and whoever listens goes through it, and it cuts, delays, tears apart, falls silent
//! and says things twice, as its plan for each link wants it.
#![allow(clippy::disallowed_methods)] // Its tasks end with the runtime of their test.

use rialto_client::{Dialer, Through};
use rialto_transports::unix::UnixDialer;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

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
        Self { up: u64::MAX, down: u64::MAX, end: End::Cut, piece: 64 * 1024, delay: 0, twice: false }
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

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) socket: PathBuf,
    pub(crate) counted: Arc<Counted>,
}

/// Links that nobody may hear the end of stay open for as long as the proxy is there.
type Kept = Arc<Mutex<Vec<Box<dyn Send>>>>;

impl Proxy {
    /// Listens at `socket` for what is meant for `target`.
    pub(crate) fn new(socket: PathBuf, target: PathBuf, mut plan: impl FnMut() -> Plan + Send + 'static) -> Self {
        let listener = UnixListener::bind(&socket).unwrap();
        let counted = Arc::new(Counted::default());
        let counting = Arc::clone(&counted);
        tokio::spawn(async move {
            let kept = Kept::default();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                counting.links.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(link(client, target.clone(), plan(), Arc::clone(&counting), Arc::clone(&kept)));
            }
        });
        Self { socket, counted }
    }

    pub(crate) fn through(&self) -> Through {
        let dialer: Arc<dyn Dialer> = Arc::new(UnixDialer::new(&self.socket));
        Through { dialer, local: true }
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

/// Whether a way was used up, or one side closed it.
#[derive(PartialEq, Eq)]
enum Over {
    Budget,
    Closed,
}

async fn link(client: UnixStream, target: PathBuf, plan: Plan, counted: Arc<Counted>, kept: Kept) {
    let Ok(bridge) = UnixStream::connect(&target).await else { return };
    let second = if plan.twice { silent(&target).await } else { None };
    let (from_client, to_client) = client.into_split();
    let (from_bridge, to_bridge) = bridge.into_split();
    let mut up = Way { from: from_client, to: to_bridge, second, left: plan.up };
    let mut down = Way { from: from_bridge, to: to_client, second: None, left: plan.down };
    let over = tokio::select! { over = up.runs(&plan, &counted.up) => over, over = down.runs(&plan, &counted.down) => over };
    if over == Over::Closed {
        return;
    }
    counted.cuts.fetch_add(1, Ordering::Relaxed);
    match plan.end {
        End::Cut => {}
        End::HalfOpen => kept.lock().unwrap().push(Box::new((up.to, down.from))),
        End::Silence => kept.lock().unwrap().push(Box::new((up, down))),
    }
}

/// A connection whose answers go nowhere.
async fn silent(target: &Path) -> Option<OwnedWriteHalf> {
    let (mut from, to) = UnixStream::connect(target).await.ok()?.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from, &mut tokio::io::sink()).await });
    Some(to)
}

/// One direction of a link.
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    second: Option<OwnedWriteHalf>,
    left: u64,
}

impl Way {
    async fn runs(&mut self, plan: &Plan, counted: &AtomicU64) -> Over {
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
            if self.to.write_all(&piece[..read]).await.is_err() {
                return Over::Closed;
            }
            if let Some(second) = &mut self.second {
                // It may have been refused: then that is that.
                let _ = second.write_all(&piece[..read]).await;
            }
            self.left -= read as u64;
            counted.fetch_add(read as u64, Ordering::Relaxed);
        }
    }
}

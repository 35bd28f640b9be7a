//! Listens, shows who is there, and carries frames between clients and supervisors. It keeps no session state at all: that it
//! dies costs sockets, and that it is upgraded costs nothing.
//!
//! What it answers itself is what stands on channel 0: hello, ping, list, open. Everything else it carries by header alone, so
//! an old daemon carries what newer clients and supervisors say to each other.
//!
//! # What one connection may take
//! | | at most |
//! |---|---|
//! | frames on their way to supervisors | 72 KiB, all channels together |
//! | frames on their way to the client | the same again |
//! | a request of the connection's own, in pieces | 64 KiB |
//! | its own replies that wait | 8, of some hundred bytes |
//! | a listing | one at a time, 32 KiB of statuses and some 200 bytes a session |
//! | each channel | a read buffer of 2 KiB and its task |
//!
//! When one of these is used up, reading stops at the side that filled it; nothing is dropped and nothing is queued beyond.
//! A frame is in memory once: it is read into its place, and written from there.

mod channel;
mod connection;
mod handover;
mod lanes;
mod quota;

pub use quota::{Each, Quotas};

use crate::auth::audit::{Line, What};
use crate::auth::{Audit, Authenticator, Identity, SameUser};
use crate::home::Home;
use crate::observe::Counters;
use crate::router::Spawn;
use crate::tasks::{Stopping, TaskKind, Tasks};
use rialto_protocol::{Code, ErrorReply, Message, codec, limits};
use rialto_transports::{Listener, Peer, Stream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

/// How long a connection has to say goodbye in when the daemon ends.
const GOODBYE: Duration = Duration::from_secs(3);

/// Ceilings of a daemon.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// How long a peer has for its hello.
    pub handshake: Duration,
    /// How long a supervisor may leave a frame untaken before its channel is closed.
    pub stall: Duration,
    /// Of one principal.
    pub each: Each,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, handshake: Duration::from_secs(10), stall: Duration::from_secs(30), each: Each::default() }
    }
}

/// What every connection of one daemon shares.
pub struct Daemon {
    home: Home,
    spawn: Spawn,
    authenticator: Arc<dyn Authenticator>,
    audit: Audit,
    quotas: Arc<Quotas>,
    limits: Limits,
    seats: Arc<Semaphore>,
    counters: Arc<Counters>,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon").field("home", &self.home).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Daemon {
    /// A daemon of this home that lets in its own user.
    #[must_use]
    pub fn new(home: Home, spawn: Spawn) -> Self {
        Self::with(home, spawn, Arc::new(SameUser::new()), Limits::default())
    }

    /// A daemon with another doorkeeper and other ceilings.
    #[must_use]
    pub fn with(home: Home, spawn: Spawn, authenticator: Arc<dyn Authenticator>, limits: Limits) -> Self {
        let seats = Arc::new(Semaphore::new(limits.connections));
        let audit = Audit::of(&home);
        let quotas = Arc::new(Quotas::new(limits.each.clone()));
        Self { home, spawn, authenticator, audit, quotas, limits, seats, counters: Arc::default() }
    }

    /// For the record. Of our own user by a Unix socket, which may do everything, there is nothing to record here.
    fn note(&self, what: What, who: Option<&Identity>, peer: &Peer, text: String) {
        let line = Line::new(what, text).from(peer.to_string());
        self.audit.note(who.map_or_else(|| line.clone(), |who| line.clone().by(who)));
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Serves every listener until `shutdown`; then says `goaway` to all clients and ends. What runs in sessions runs on.
    pub async fn serve(self, listeners: Vec<Box<dyn Listener>>, shutdown: impl Future<Output = ()>) {
        let daemon = Arc::new(self);
        let mut tasks = Tasks::new();
        for listener in listeners {
            tracing::info!(on = listener.text(), "listening");
            tasks.spawn(TaskKind::Accept, accept(Arc::clone(&daemon), listener, tasks.stopping()));
        }
        shutdown.await;
        tasks.end(GOODBYE + Duration::from_secs(1)).await;
    }

    /// Serves the one connection that our stdin and stdout are, until the client leaves or `shutdown`.
    pub async fn stdio(self, shutdown: impl Future<Output = ()>) {
        let (stream, peer, ends) = rialto_transports::stdio::stream();
        let mut tasks = Tasks::new();
        let stopping = tasks.stopping();
        tasks.spawn(TaskKind::Connection, connection::serve(Arc::new(self), stream, peer, ends, None, stopping));
        tokio::select! {
            _ = tasks.next() => {}
            () = shutdown => tasks.end(GOODBYE).await,
        }
    }
}

async fn accept(daemon: Arc<Daemon>, mut listener: Box<dyn Listener>, mut stopping: Stopping) {
    let mut connections = Tasks::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.wait() => break,
        };
        match Arc::clone(&daemon.seats).try_acquire_owned() {
            Ok(seat) => {
                let serving = connection::serve(Arc::clone(&daemon), stream, peer, None, Some(seat), connections.stopping());
                connections.spawn(TaskKind::Connection, serving);
            }
            Err(_) => {
                daemon.counters.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%peer, most = daemon.limits.connections, "too many connections");
                turn_away(stream, &daemon.limits).await;
            }
        }
    }
    // Nobody new finds us from here on.
    drop(listener);
    connections.end(GOODBYE).await;
}

/// Says why there is no seat. What is written fits any socket's empty buffer, so nobody can hold this up.
async fn turn_away(mut stream: Stream, most: &Limits) {
    let text = format!("this bridge serves {} connections at once, and all are taken; try again later", most.connections);
    let mut bytes = Vec::new();
    let error = Message::Error(ErrorReply::new(0, Code::TooBusy, text));
    codec::encode(&mut bytes, 0, &error, limits::DEFAULT_MAX_FRAME);
    let say = async {
        stream.write_all(&bytes).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_millis(100), say).await;
}

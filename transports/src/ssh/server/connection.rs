//! One SSH connection: who it is, how long it may stay, and which channels it opens.

use super::channel::{self, Ready};
use super::deaf::Heard;
use super::{Owner, Seat, Shared};
use crate::ssh::channel::gathered;
use crate::{Credential, Identity, Refused};
use nix::sys::socket::{Shutdown, shutdown};
use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, Pty};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// For the peer to hang up once it was told to, and for programs to go once theirs has.
const GOING: Duration = Duration::from_secs(8);
/// For a last word to be written.
const LAST_WORD: Duration = Duration::from_secs(2);
/// The variables a peer may set: how it reads and what its terminal can. Others change what programs do.
const VARIABLES: [&str; 4] = ["LANG", "LANGUAGE", "TERM", "COLORTERM"];
/// So many of them, and none longer than that.
const MOST_VARIABLES: usize = 24;
const LONGEST_VARIABLE: usize = 256;

/// What a connection and its channels share.
pub(super) struct Conn {
    pub(super) shared: Arc<Shared>,
    pub(super) from: SocketAddr,
    pub(super) at: SocketAddr,
    /// Channels that are open.
    pub(super) open: AtomicUsize,
    /// Nobody reads what the client gets any more.
    pub(super) deaf: Arc<Notify>,
    known: Mutex<Option<Known>>,
    shown: Notify,
}

/// A key that was shown, and who that makes of the peer.
#[derive(Clone)]
struct Known {
    key: String,
    user: String,
    identity: Identity,
}

impl Conn {
    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who it is. None: that was not shown yet.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.lock().as_ref().map(|known| known.identity.clone())
    }

    fn verify(&self, key: &str, user: &str) -> Result<Identity, Refused> {
        self.shared.doorkeeper.verify(&Credential::SshKey { key, user }, Some(self.from.ip().to_canonical()))
    }

    /// Why it may not stay, where it may not.
    fn doubt(&self) -> Option<String> {
        let known = self.lock().clone()?;
        if known.identity.expires.is_some_and(|at| at <= SystemTime::now()) {
            return Some("its time is over".to_owned());
        }
        match self.verify(&known.key, &known.user) {
            Err(why) => Some(why.to_string()),
            Ok(identity) if identity != known.identity => Some("what its key may do has changed; connect again".to_owned()),
            Ok(_) => None,
        }
    }
}

/// Shuts the socket when it is dropped: the library's own task, which nobody else can end, ends with that.
struct Cut(OwnedFd);

impl Drop for Cut {
    fn drop(&mut self) {
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, from: SocketAddr, seat: Seat) {
    let _ = stream.set_nodelay(true);
    let (Ok(at), Ok(fd)) = (stream.local_addr(), stream.as_fd().try_clone_to_owned()) else { return };
    let _cut = Cut(fd);
    let jobs = Arc::new(Owner::default());
    let conn = Arc::new(Conn {
        shared: Arc::clone(&shared),
        from,
        at,
        open: AtomicUsize::new(0),
        deaf: Arc::default(),
        known: Mutex::new(None),
        shown: Notify::new(),
    });
    let config = Arc::clone(&shared.config);
    let grace = tokio::time::sleep(shared.limits.grace);
    tokio::pin!(grace);
    let handler = Peer { conn: Arc::clone(&conn), jobs: Arc::clone(&jobs), begun: HashMap::new(), heard: Heard::default() };
    let running = tokio::select! {
        running = run_stream(config, gathered(stream), handler) => running,
        () = &mut grace => return tracing::info!(%from, "ssh: said nothing in time"),
        () = seat.away.notified() => return tracing::info!(%from, "ssh: made room for others"),
    };
    let mut running = match running {
        Ok(running) => running,
        Err(why) => return tracing::debug!(%from, %why, "ssh: no SSH"),
    };
    let handle = running.handle();
    tokio::select! {
        ended = &mut running => return tracing::debug!(%from, ?ended, "ssh: left before it showed a key"),
        () = &mut grace => return tracing::info!(%from, "ssh: showed no key in time"),
        () = seat.away.notified() => return tracing::info!(%from, "ssh: made room for others"),
        () = conn.shown.notified() => seat.known(),
    }
    let principal = conn.identity().map(|identity| identity.principal).unwrap_or_default();
    tracing::info!(%from, principal, "ssh: came in");
    loop {
        tokio::select! {
            ended = &mut running => {
                tracing::info!(%from, principal, why = ended.err().map(|why| why.to_string()), "ssh: left");
                break;
            }
            () = tokio::time::sleep(shared.limits.doubt) => if let Some(why) = conn.doubt() {
                tracing::warn!(%from, principal, why, "ssh: sent away");
                let bye = handle.disconnect(Disconnect::ByApplication, why, "en".to_owned());
                let _ = tokio::time::timeout(LAST_WORD, bye).await;
                let _ = tokio::time::timeout(LAST_WORD, &mut running).await;
                break;
            }
        }
    }
    drop(_cut);
    // Its programs hear that their terminal has gone, and have a moment to go as well.
    jobs.ended(GOING).await;
}

impl Owner {
    /// Waits until all tasks have ended, and no longer than that.
    async fn ended(&self, patience: Duration) {
        let mut set = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while set.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(patience, all).await;
    }
}

/// What the library asks about this peer.
struct Peer {
    conn: Arc<Conn>,
    jobs: Arc<Owner>,
    /// Channels, by whether something runs on them.
    begun: HashMap<ChannelId, Begun>,
    heard: Heard,
}

#[derive(Default)]
struct Begun {
    runs: bool,
    variables: usize,
}

impl Peer {
    fn judge(&self, user: &str, key: &PublicKey, shown: bool) -> Auth {
        let Ok(key) = key.to_openssh() else { return Auth::reject() };
        match self.conn.verify(&key, user) {
            Ok(identity) => {
                if shown {
                    *self.conn.lock() = Some(Known { key, user: user.to_owned(), identity });
                }
                Auth::Accept
            }
            Err(why) => {
                // Clients offer all the keys they have: nothing is wrong with that.
                tracing::debug!(from = %self.conn.from, user, %why, "ssh: refused a key");
                Auth::reject()
            }
        }
    }

    fn begin(&mut self, id: ChannelId, session: &mut Session, fits: bool) -> Result<(), russh::Error> {
        match self.begun.get_mut(&id) {
            Some(begun) if fits && !begun.runs => {
                begun.runs = true;
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    fn refuse(&self, what: &str, text: &str) {
        tracing::warn!(from = %self.conn.from, what, to = %text.escape_debug(), "ssh: refused; this server forwards nothing");
    }
}

/// Whether a peer may set this variable.
pub(super) fn may_set(name: &str, value: &str) -> bool {
    let named = VARIABLES.contains(&name)
        || name.strip_prefix("LC_").is_some_and(|rest| {
            !rest.is_empty() && rest.len() <= 32 && rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
        });
    named && value.len() <= LONGEST_VARIABLE && value.chars().all(|c| !c.is_control())
}

impl Handler for Peer {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, offer.public_key, false))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, key.public_key, true))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Self::Error> {
        self.heard = Heard::here(&self.conn.deaf);
        self.conn.shown.notify_one();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.conn.open.load(Ordering::Relaxed) >= self.conn.shared.limits.channels {
            tracing::warn!(from = %self.conn.from, "ssh: refused a channel: it has as many as a connection may have");
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.conn.open.fetch_add(1, Ordering::Relaxed);
        self.begun.insert(channel.id(), Begun::default());
        reply.accept().await;
        let handle: Handle = session.handle();
        self.jobs.spawn(channel::serve(Arc::clone(&self.conn), channel, handle));
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.begun.remove(&id);
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.begun.get(&id) {
            Some(Begun { runs: false, .. }) => session.channel_success(id),
            _ => session.channel_failure(id),
        }
    }

    async fn env_request(&mut self, id: ChannelId, name: &str, value: &str, session: &mut Session) -> Result<(), Self::Error> {
        match self.begun.get_mut(&id) {
            Some(begun) if !begun.runs && begun.variables < MOST_VARIABLES && may_set(name, value) => {
                begun.variables += 1;
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.begin(id, session, true)
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        self.begin(id, session, Ready::line(line).is_some())
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        if name != channel::SUBSYSTEM {
            tracing::info!(from = %self.conn.from, name = %name.escape_debug(), "ssh: refused a subsystem");
        }
        self.begin(id, session, name == channel::SUBSYSTEM)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse("X11", "");
        session.channel_failure(id)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Result<bool, Self::Error> {
        self.refuse("agent forwarding", "");
        Ok(false)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse("a connection to elsewhere", &format!("{host}:{port}"));
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse("a connection to a socket", path);
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    async fn tcpip_forward(&mut self, address: &str, port: &mut u32, _: &mut Session) -> Result<bool, Self::Error> {
        self.refuse("listening for others", &format!("{address}:{port}"));
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, path: &str, _: &mut Session) -> Result<bool, Self::Error> {
        self.refuse("listening for others", path);
        Ok(false)
    }
}

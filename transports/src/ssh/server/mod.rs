//! An SSH server: what clients of ours need (the subsystem `rialto`), and what a stock `ssh` can use, which is run by
//! [`Programs`]. Nothing is forwarded.
//!
//! # And when full?
//! | what | at most | then |
//! |---|---|---|
//! | connections | [`Limits::connections`] | the new one is closed |
//! | connections of one address | [`Limits::of_one_address`] | the new one is closed |
//! | connections that have not shown a key | [`Limits::strangers`] | the one that has waited longest is closed |
//! | time to show a key | [`Limits::grace`] | closed |
//! | attempts to show one | 3 wrong signatures; keys that are only offered cost time | closed |
//! | silence | 3 unanswered keepalives, 15 s apart | closed |
//! | channels of a connection | [`Limits::channels`] | the new one is refused |
//! | input that a program does not read | 256 KiB in memory, and as much on the way; 256 MiB in a file without a name | the connection is not read: its other channels wait, too |
//! | the same in the files of all programs together | [`Limits::unread`] | as before; said in the log |
//! | ... for a minute | | that channel is closed, the others go on |
//! | output that a client does not read | its own window, and three pieces of 22 KiB beside what is being written | the program waits |

mod channel;
mod config;
mod connection;
mod deaf;
mod host_key;
mod input;

pub use host_key::HostKey;

use crate::tcp::Port;
use crate::{Authenticator, Boxed, Listener, Peer, Programs, Stream};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// Streams that wait for the daemon to take them.
const BACKLOG: usize = 16;

/// Ceilings of a server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address at once.
    pub of_one_address: usize,
    /// Connections at once that have not shown a key.
    pub strangers: usize,
    /// How long a connection has to show a key.
    pub grace: Duration,
    /// Channels of one connection at once.
    pub channels: usize,
    /// Input that programs have not read yet, in files, all together. Bytes.
    pub unread: u64,
    /// How long a program may leave its input unread while more of it waits than is kept.
    pub stall: Duration,
    /// Only key exchanges that hold against quantum computers; OpenSSH before 9.9 has none of these.
    pub post_quantum: bool,
    /// A peer that says nothing for so long is asked for a sign of life; three that do not come, and it is left.
    pub keepalive: Duration,
    /// How often it is asked again whether who came in may still be here.
    pub doubt: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            of_one_address: 64,
            strangers: 32,
            grace: Duration::from_secs(20),
            channels: 10,
            unread: 1 << 30,
            stall: Duration::from_secs(60),
            post_quantum: false,
            keepalive: Duration::from_secs(15),
            doubt: Duration::from_secs(2),
        }
    }
}

/// What all connections share.
struct Shared {
    config: Arc<russh::server::Config>,
    doorkeeper: Arc<dyn Authenticator>,
    programs: Arc<dyn Programs>,
    limits: Limits,
    seats: Mutex<Seats>,
    spilled: Arc<input::Spilled>,
    /// Streams on their way to the daemon.
    found: mpsc::Sender<(Stream, Peer)>,
    /// Kept alive by the listener and by each stream that it has handed out: when the last of them goes, so do the connections.
    owner: std::sync::Weak<Owner>,
}

/// The tasks of the connections, which end with it.
#[derive(Default)]
struct Owner(Mutex<JoinSet<()>>);

/// Who is here.
#[derive(Default)]
struct Seats {
    taken: usize,
    by_address: HashMap<IpAddr, usize>,
    /// Those that have shown nothing yet, the oldest first, and how to send each away.
    strangers: VecDeque<(u64, Arc<Notify>)>,
    last: u64,
}

/// One connection's seat, given back when it is dropped.
struct Seat {
    shared: Arc<Shared>,
    address: IpAddr,
    number: u64,
    away: Arc<Notify>,
}

impl Shared {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(self: &Arc<Self>, from: SocketAddr) -> Result<Seat, &'static str> {
        let mut seats = self.seats();
        let address = from.ip().to_canonical();
        if seats.taken >= self.limits.connections {
            return Err("all connections are taken");
        }
        if seats.by_address.get(&address).is_some_and(|taken| *taken >= self.limits.of_one_address) {
            return Err("its address has all the connections that one may have");
        }
        if seats.strangers.len() >= self.limits.strangers
            && let Some((_, away)) = seats.strangers.pop_front()
        {
            // Whoever has a key shows it in a moment: the crowd that only waits makes room for it.
            away.notify_one();
        }
        seats.taken += 1;
        *seats.by_address.entry(address).or_default() += 1;
        seats.last += 1;
        let (number, away) = (seats.last, Arc::new(Notify::new()));
        seats.strangers.push_back((number, Arc::clone(&away)));
        Ok(Seat { shared: Arc::clone(self), address, number, away })
    }
}

impl Seat {
    /// It has shown a key.
    fn known(&self) {
        self.shared.seats().strangers.retain(|(number, _)| *number != self.number);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.known();
        let mut seats = self.shared.seats();
        seats.taken = seats.taken.saturating_sub(1);
        if let Some(taken) = seats.by_address.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                seats.by_address.remove(&self.address);
            }
        }
    }
}

/// Listens for SSH.
pub struct SshListener {
    socket: Port,
    at: SocketAddr,
    shared: Arc<Shared>,
    streams: mpsc::Receiver<(Stream, Peer)>,
    owner: Arc<Owner>,
}

impl SshListener {
    /// Listens on `address`, as whoever has `key`; `doorkeeper` says who has which key, `programs` runs what a stock client asks for.
    ///
    /// # Errors
    /// Where the address cannot be had. Needs a runtime.
    pub async fn bind(
        address: SocketAddr,
        key: HostKey,
        doorkeeper: Arc<dyn Authenticator>,
        programs: Arc<dyn Programs>,
        limits: Limits,
    ) -> io::Result<Self> {
        let socket = Port::bind(address, Arc::clone(&doorkeeper)).await?;
        let at = socket.local_addr()?;
        deaf::listen();
        let (found, streams) = mpsc::channel(BACKLOG);
        let owner = Arc::new(Owner::default());
        let shared = Arc::new(Shared {
            config: Arc::new(config::config(key, &limits)),
            doorkeeper,
            programs,
            spilled: Arc::new(input::Spilled::at_most(limits.unread)),
            limits,
            seats: Mutex::default(),
            found,
            owner: Arc::downgrade(&owner),
        });
        Ok(Self { socket, at, shared, streams, owner })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    fn take(&self, stream: TcpStream, from: SocketAddr) {
        match self.shared.seat(from) {
            Ok(seat) => self.owner.spawn(connection::serve(Arc::clone(&self.shared), stream, from, seat)),
            Err(why) => tracing::warn!(%from, why, "ssh: sent away"),
        }
    }
}

impl Owner {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An owner that lives long must not keep the remains of what ended.
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }
}

impl Listener for SshListener {
    fn accept(&mut self) -> Boxed<'_, (Stream, Peer)> {
        Box::pin(async {
            loop {
                tokio::select! {
                    // Never none: we hold a sender.
                    Some(stream) = self.streams.recv() => return stream,
                    (stream, from) = self.socket.accept() => self.take(stream, from),
                }
            }
        })
    }

    fn text(&self) -> String {
        format!("ssh {}", self.at)
    }
}

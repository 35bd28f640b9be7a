//! Ways to carry bytes between a Rialto client and a bridge. Each file is one way: something that listens, something that
//! dials, or both, and what comes out is always the same: an ordered stream of bytes in both directions and who is at the
//! other end of it.
//!
//! This crate will never know a frame, a message or a session: all of that sits above and is written once. (`exec` and
//! `stdio` together are how `ssh` and `docker exec` carry a bridge, so neither of them appears here.)

mod authenticate;
mod beside;
pub mod ends;
pub mod exec;
pub mod fallback;
pub mod http;
pub mod memory;
mod programs;
pub mod quiet;
pub mod ssh;
pub mod stdio;
pub mod tcp;
mod through;
pub mod unix;
pub mod websocket;

pub use authenticate::{Authenticator, Credential, Identity, Refused, refused};
pub use programs::{Asked, Control, Exit, Programs, Terminal, What, Wires};
/// Whoever names an [`Identity`] names how much it may do.
pub use rialto_protocol::Scope;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// One live connection, whatever carries it. Dropping it ends it.
pub type Stream = Box<dyn Duplex>;

/// A future that a trait object can hand out.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where connections come from.
pub trait Listener: Send {
    /// The next connection. It cannot fail: whoever listens knows best which faults pass, so waiting and trying again are
    /// the listener's duty and not that of every loop that accepts.
    ///
    /// Dropping the future loses no connection.
    fn accept(&mut self) -> Boxed<'_, (Stream, Peer)>;

    /// What it listens on, for people.
    fn text(&self) -> String;
}

/// How to reach a bridge, again and again.
pub trait Dialer: Send + Sync {
    /// A new connection.
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>>;

    /// Where it leads, for people.
    fn text(&self) -> String;
}

/// The other end could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {to}: {why}")]
pub struct DialError {
    /// What was dialled.
    pub to: String,
    /// What came of it.
    #[source]
    pub why: io::Error,
    /// Whether trying again may help.
    pub again: Again,
}

/// Whether trying again may help, where nobody changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Again {
    /// It may: what is missing now may be there soon.
    Soon,
    /// It may, and not before that: whoever was asked counts failures.
    After(std::time::Duration),
    /// It will not: a person has to do something first.
    Never,
}

impl Again {
    /// What was refused, or a file that cannot be read, stays so until a person has done something.
    fn of(why: &io::Error) -> Self {
        use io::ErrorKind::{InvalidInput, NotFound, PermissionDenied};
        if matches!(why.kind(), PermissionDenied | InvalidInput | NotFound) { Self::Never } else { Self::Soon }
    }
}

impl DialError {
    fn new(to: impl Into<String>, why: io::Error) -> Self {
        Self { to: to.into(), why, again: Again::Soon }
    }

    /// One that says whether to try again.
    #[must_use]
    pub fn again(self, again: Again) -> Self {
        Self { again, ..self }
    }
}

/// Somebody else's error as one of the system's, which is what streams know.
fn io_error(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(why)
}

/// By which way a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum How {
    /// A Unix socket: the kernel vouches for the uid.
    Unix,
    /// Our own stdin and stdout: whoever started us.
    Stdio,
    /// Inside this process.
    Memory,
    /// SSH: a key was shown during its handshake.
    Ssh,
    /// A WebSocket, with TLS or behind something that has it: a token or a certificate was shown during its handshake.
    WebSocket,
    /// Requests of HTTP, each with its proof.
    Http,
}

/// Who is at the other end, as far as the way itself can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The way.
    pub how: How,
    /// The user, where the way proves it.
    pub uid: Option<u32>,
    /// The process, where the way knows it. For people: a process number proves nothing.
    pub pid: Option<i32>,
    /// Who it is, where the way has had that [verified](Authenticator::verify) during its handshake.
    pub identity: Option<Identity>,
    /// One line for logs.
    pub text: String,
}

impl Peer {
    /// A peer that can only be us: started us, or is in this process.
    fn ourselves(how: How, text: &str) -> Self {
        Self { how, uid: Some(nix::unistd::Uid::effective().as_raw()), pid: None, identity: None, text: text.to_owned() }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

//! What a peer that has no client of ours may have instead: a program run for it at the other end of a channel, with or
//! without a terminal. A way that can offer that (SSH) asks; whoever knows which programs there are answers.

use crate::{Boxed, Identity};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// Whatever one gets who says nothing.
    Shell,
    /// A line of words, as the peer wrote them.
    Line(String),
    /// Our own protocol, on its input and output.
    Protocol,
}

/// The terminal that a peer sits at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terminal {
    /// Its kind: `xterm-256color`.
    pub kind: String,
    /// Its size.
    pub columns: u16,
    /// Its size.
    pub rows: u16,
}

impl Terminal {
    /// A terminal.
    #[must_use]
    pub fn new(kind: impl Into<String>, columns: u16, rows: u16) -> Self {
        Self { kind: kind.into(), columns, rows }
    }
}

/// A request of a peer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Asked {
    /// Who asks. What is run does no more than this may.
    pub identity: Identity,
    /// Where from.
    pub from: SocketAddr,
    /// Where it came in.
    pub at: SocketAddr,
    /// What.
    pub what: What,
    /// Where it sits at one.
    pub terminal: Option<Terminal>,
    /// The variables that it may set.
    pub environment: Vec<(String, String)>,
}

impl Asked {
    /// A request for that, without a terminal.
    #[must_use]
    pub fn new(identity: Identity, from: SocketAddr, at: SocketAddr, what: What) -> Self {
        Self { identity, from, at, what, terminal: None, environment: Vec::new() }
    }
}

/// What a peer tells the program besides its input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// A signal, by its name without `SIG`.
    Signal(String),
}

/// What a program is connected to. That `controls` ends is the peer hanging up.
#[non_exhaustive]
pub struct Wires {
    /// What the peer writes. It ends where the peer says so.
    pub input: Box<dyn AsyncRead + Send + Unpin>,
    /// What the program writes.
    pub output: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it complains about. With a terminal nobody uses it.
    pub errors: Box<dyn AsyncWrite + Send + Unpin>,
    /// What else the peer says.
    pub controls: mpsc::Receiver<Control>,
}

impl Wires {
    /// These.
    #[must_use]
    pub fn new(
        input: Box<dyn AsyncRead + Send + Unpin>,
        output: Box<dyn AsyncWrite + Send + Unpin>,
        errors: Box<dyn AsyncWrite + Send + Unpin>,
        controls: mpsc::Receiver<Control>,
    ) -> Self {
        Self { input, output, errors, controls }
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Status(u8),
    /// By a signal, by its name without `SIG`.
    Signal(String),
}

/// Runs programs for peers.
pub trait Programs: Send + Sync {
    /// Runs what is asked for, to its end. Dropping the future ends the program at once; the end of `controls` asks it to go.
    fn run(&self, asked: Asked, wires: Wires) -> Boxed<'static, Exit>;

    /// Whether somebody else than us has this one's sessions, so that even our own protocol is spoken by a program.
    fn elsewhere(&self, identity: &Identity) -> bool {
        let _ = identity;
        false
    }
}

//! What a caller may choose.

use crate::cursor::Start;
use crate::reconnect::Policy;
use rialto_protocol::limits::{CEILING_MAX_FRAME, DEFAULT_CREDIT, DEFAULT_MAX_FRAME, FLOOR_MAX_FRAME};
use rialto_protocol::{ClientId, Cursor, Message, SessionId};

/// When to ask a silent link whether it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keepalive {
    /// On links to other machines.
    #[default]
    Remote,
    /// On all.
    Always,
    /// On none.
    Never,
}

/// What a session's handle is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// This client; the same over reconnects, and over restarts of a program that keeps a [`Snapshot`].
    pub client: ClientId,
    /// What it calls itself: `terminal`, `exec`.
    pub label: String,
    /// The program and its version, for people.
    pub app: String,
    /// Which events to begin with.
    pub start: Start,
    /// Bytes of events that may wait here unread.
    pub window: u64,
    /// The longest frame body to take. The default is small against the window, so that a bridge that never splits a
    /// frame to fit the credit still always has room for one.
    pub max_frame: u32,
    /// When to ping.
    pub keepalive: Keepalive,
    /// How to reconnect.
    pub reconnect: Policy,
    /// What jitter is made of.
    pub seed: u64,
}

impl Options {
    /// The defaults, for this client.
    #[must_use]
    pub fn new(client: ClientId, label: impl Into<String>) -> Self {
        Self {
            client,
            label: label.into(),
            app: concat!("rialto ", env!("CARGO_PKG_VERSION")).to_owned(),
            start: Start::default(),
            window: DEFAULT_CREDIT,
            max_frame: DEFAULT_MAX_FRAME,
            keepalive: Keepalive::default(),
            reconnect: Policy::default(),
            seed: crate::ids::seed(),
        }
    }

    /// Brings numbers into the ranges in which the protocol can work at all.
    pub(crate) fn clamped(mut self) -> Self {
        self.max_frame = self.max_frame.clamp(FLOOR_MAX_FRAME, CEILING_MAX_FRAME);
        // Half of the window must hold one frame: credit is renewed by halves, and a bridge may wait until a whole frame fits.
        self.window = self.window.max(2 * (u64::from(self.max_frame) + rialto_protocol::frame::HEADER as u64));
        self
    }
}

/// What a program keeps on disk to go on after its own death.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The session the rest belongs to. Never sent to another one.
    pub session: Option<SessionId>,
    /// The last event handed out.
    pub cursor: Option<Cursor>,
    /// Requests without an answer, in order. Each carries its own id, so sending it again is safe.
    pub requests: Vec<Message>,
}

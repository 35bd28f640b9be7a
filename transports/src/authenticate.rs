//! From what a way can tell about a peer to who that is. The bridge implements it; a transport only asks.

use crate::Peer;
use rialto_protocol::Scope;

/// Who a peer was shown to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The principal, `uid:1000`.
    pub principal: String,
    /// The most it may do.
    pub scope: Scope,
}

/// A peer that is not let in. The text goes to that peer: it says what was missing and nothing about others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Decides who a peer is.
pub trait Authenticator: Send + Sync {
    /// Who it is.
    ///
    /// # Errors
    /// [`Refused`] where that was not shown. There is no guest.
    fn identify(&self, peer: &Peer) -> Result<Identity, Refused>;
}

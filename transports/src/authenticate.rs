//! From what a way can tell about a peer to who that is. The bridge implements it; a transport only asks.

use crate::Peer;
use rialto_protocol::Scope;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// How often what was shown is looked at again, while a connection lives that came by it.
const LOOK: Duration = Duration::from_millis(500);

/// Who a peer was shown to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The principal: `uid:1000`, or `uid:1000/laptop` for the credential `laptop` of that user. What is before the slash owns
    /// sessions and is shared with; what is after it says by which credential.
    pub principal: String,
    /// The most it may do.
    pub scope: Scope,
    /// Which sessions it sees, as a glob of their names. `None`: all that its principal may.
    pub sessions: Option<String>,
    /// The session it means where it names none.
    pub session: Option<String>,
    /// From when on it is refused. What is open then is closed.
    pub expires: Option<SystemTime>,
    /// The credential it came by, as whoever may revoke it names it: `token:7f3a9c`.
    pub credential: Option<String>,
}

impl Identity {
    /// A principal that may do so much, in all its sessions, until it is told otherwise.
    #[must_use]
    pub fn new(principal: impl Into<String>, scope: Scope) -> Self {
        Self { principal: principal.into(), scope, sessions: None, session: None, expires: None, credential: None }
    }

    /// Whether its time is not over.
    ///
    /// # Errors
    /// [`Refused`] once it is.
    pub fn in_time(&self) -> Result<(), Refused> {
        match self.expires {
            Some(at) if at <= SystemTime::now() => {
                Err(Refused("what you came in with has expired; ask for a new one".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// What a peer shows during the handshake of a way that has one. Whether it holds the key that belongs to it has been
/// checked by the way; whether it means anything here has not.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// A secret that was made here and shown once.
    Token(&'a str),
    /// An SSH public key, as one line of an `authorized_keys` file without options, and the user name that was asked for.
    SshKey {
        /// `ssh-ed25519 AAAA...`
        key: &'a str,
        /// As whom it wants in.
        user: &'a str,
    },
    /// The client's certificate (DER), which the way has verified against the authorities it was given.
    Certificate(&'a [u8]),
}

/// A secret is no text for a log.
impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "a token",
            Self::SshKey { .. } => "an SSH key",
            Self::Certificate(_) => "a certificate",
        })
    }
}

/// A peer that is not let in. The text goes to that peer: it says what was missing and nothing about others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Decides who a peer is.
pub trait Authenticator: Send + Sync {
    /// Who it is, when its connection begins to speak.
    ///
    /// # Errors
    /// [`Refused`] where that was not shown. There is no guest.
    fn identify(&self, peer: &Peer) -> Result<Identity, Refused>;

    /// Who comes with this, asked by a way during its own handshake. What it says goes into [`Peer::identity`].
    ///
    /// # Errors
    /// [`Refused`] where it means nothing here.
    fn verify(&self, credential: &Credential<'_>, from: Option<IpAddr>) -> Result<Identity, Refused> {
        let _ = from;
        Err(Refused(format!("{credential:?} opens nothing here")))
    }

    /// Whether somebody from there may try at all, asked before any handshake: each costs us more than it costs them.
    ///
    /// # Errors
    /// [`Refused`] after too many failures. It need not be told so.
    fn admits(&self, from: IpAddr) -> Result<(), Refused> {
        let _ = from;
        Ok(())
    }

    /// Whether what was shown is good still: asked again and again while a connection lives that came by it, so it must be
    /// quick.
    ///
    /// # Errors
    /// [`Refused`] once it has expired or was revoked.
    fn still(&self, who: &Identity) -> Result<(), Refused> {
        who.in_time()
    }
}

/// Waits until what somebody has shown is good no longer, and says why. It is for every connection and every stream that
/// came by a credential; for whoever the system itself vouches it never returns, and costs nothing.
pub async fn refused(authenticator: &dyn Authenticator, who: &Identity) -> Refused {
    if who.credential.is_none() && who.expires.is_none() {
        return std::future::pending().await;
    }
    loop {
        if let Err(why) = authenticator.still(who) {
            return why;
        }
        tokio::time::sleep(LOOK).await;
    }
}

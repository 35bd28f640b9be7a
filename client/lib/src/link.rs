//! How a session gets its bytes: the connector decides where the session is, this crate only talks.

use rialto_protocol::message::Open;
use rialto_protocol::{Code, ErrorReply};
use rialto_transports::{Again, Boxed, DialError, Dialer, Stream};
use std::sync::Arc;

/// One connection to whoever serves the session.
pub struct Link {
    /// Its bytes.
    pub stream: Stream,
    /// The supervisor's cookie, where it is dialled directly.
    pub cookie: Option<Vec<u8>>,
    /// What to ask the other side to open: as it was asked for, or made more exact (the id instead of the name).
    pub open: Open,
    /// The other side is a process of this machine, whose death the stream itself reports: nothing need be pinged.
    pub local: bool,
}

impl std::fmt::Debug for Link {
    /// The cookie is a secret and stays out of traces.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("open", &self.open).field("local", &self.local).finish_non_exhaustive()
    }
}

/// A connection being made. It borrows nothing, so that the session can keep it while its caller does something else: a
/// caller that looks away every 100 ms would otherwise never finish an SSH handshake.
pub type Linking = Boxed<'static, Result<Link, ErrorReply>>;

/// Finds a session and connects to it.
pub trait Connect: Send {
    /// Connects for `open`. Once the session answered, `open` names it by id and has no `create`.
    ///
    /// An error with `retryable` is tried again after a while, any other one ends the session's handle.
    fn connect(&self, open: Open) -> Linking;
}

impl<F: Fn(Open) -> Linking + Send> Connect for F {
    fn connect(&self, open: Open) -> Linking {
        self(open)
    }
}

/// Asks whoever a dialer reaches: a daemon, which finds the session itself.
#[derive(Clone)]
pub struct Through {
    /// The way.
    pub dialer: Arc<dyn Dialer>,
    /// As [`Link::local`].
    pub local: bool,
}

impl std::fmt::Debug for Through {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Through").field(&self.dialer.text()).finish()
    }
}

/// What to tell a session of a way that could not be gone.
fn unreached(why: &DialError) -> ErrorReply {
    let reply = ErrorReply::new(0, Code::Unreachable, why.to_string());
    match why.again {
        Again::After(pause) => {
            let after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            ErrorReply { after_ms: Some(after_ms), ..reply }
        }
        // The bridge was not asked: what is refused there has other codes.
        Again::Never => ErrorReply { retryable: false, ..reply },
        _ => reply,
    }
}

impl Connect for Through {
    fn connect(&self, open: Open) -> Linking {
        let Self { dialer, local } = self.clone();
        Box::pin(async move {
            match dialer.dial().await {
                Ok(stream) => Ok(Link { stream, cookie: None, open, local }),
                Err(why) => Err(unreached(&why)),
            }
        })
    }
}

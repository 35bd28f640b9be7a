//! What one principal may take of a daemon: connections, sessions, bytes. Each ceiling names itself when it is reached, and says
//! when to try again.
//!
//! Our own user, for whom the system vouches, has only the ceilings that hold for everybody: nobody is kept out of their own
//! machine by what their tokens do.

use super::connection::encoded;
use crate::auth::{Identity, ourselves};
use rialto_protocol::message::Goaway;
use rialto_protocol::{Code, ErrorReply, Message, limits};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Ceilings of one principal, all its connections together.
#[derive(Debug, Clone)]
pub struct Each {
    /// Connections at once.
    pub connections: usize,
    /// Sessions that it made and that have not ended.
    pub sessions: usize,
    /// Bytes that it may send in a minute. (What it is sent, it asks for itself, and one supervisor's memory bounds it.)
    pub bytes: u64,
}

impl Default for Each {
    fn default() -> Self {
        Self { connections: 32, sessions: 64, bytes: 1024 * 1024 * 1024 }
    }
}

/// When to try again where a place must become free first. Milliseconds.
const FREE: u64 = 2_000;
/// When to try again where a session must end first. Milliseconds.
const ENDS: u64 = 60_000;

/// What each principal has taken.
#[derive(Debug)]
pub struct Quotas {
    each: Each,
    taken: Mutex<HashMap<String, Taken>>,
    /// Held while sessions are counted and one is made.
    pub(crate) making: Mutex<()>,
}

#[derive(Debug)]
struct Taken {
    connections: usize,
    /// Bytes sent and not yet forgotten, when that was reckoned.
    bytes: f64,
    at: Instant,
}

impl Taken {
    fn left(&self, each: &Each, now: Instant) -> f64 {
        let forgotten = now.saturating_duration_since(self.at).as_secs_f64() / 60.0 * each.bytes as f64;
        (self.bytes - forgotten).max(0.0)
    }
}

impl Quotas {
    pub(crate) fn new(each: Each) -> Self {
        Self { each, taken: Mutex::default(), making: Mutex::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of somebody comes.
    pub(super) fn enter(this: &Arc<Self>, who: &Identity) -> Result<Share, ErrorReply> {
        if !is_limited(who) {
            return Ok(Share { quotas: Arc::clone(this), principal: None });
        }
        let now = Instant::now();
        let mut taken = this.lock();
        // Whoever is gone and has no bytes against its name is forgotten: as many are kept as were here within a minute.
        taken.retain(|_, taken| taken.connections > 0 || taken.left(&this.each, now) > 0.0);
        let theirs = taken.entry(who.principal.clone()).or_insert(Taken { connections: 0, bytes: 0.0, at: now });
        if theirs.connections >= this.each.connections {
            let text = format!(
                "{} has {} connections here, the most that one principal may have; close one, or try again later",
                who.principal, theirs.connections
            );
            return Err(busy(text, FREE));
        }
        theirs.connections += 1;
        Ok(Share { quotas: Arc::clone(this), principal: Some(who.principal.clone()) })
    }

    /// Whether somebody who has made `made` sessions that live may make one more.
    pub(crate) fn may_make(&self, who: &Identity, made: impl FnOnce() -> usize) -> Result<(), ErrorReply> {
        if !is_limited(who) {
            return Ok(());
        }
        let made = made();
        if made < self.each.sessions {
            return Ok(());
        }
        let text = format!(
            "{} has made {made} sessions that have not ended, the most that one principal may have; end one (rialto kill)",
            who.principal
        );
        Err(busy(text, ENDS))
    }
}

fn is_limited(who: &Identity) -> bool {
    who.credential.is_some() || who.principal != ourselves()
}

fn busy(text: String, after_ms: u64) -> ErrorReply {
    ErrorReply { after_ms: Some(after_ms), ..ErrorReply::new(0, Code::TooBusy, text) }
}

/// One connection's share, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    quotas: Arc<Quotas>,
    principal: Option<String>,
}

impl Share {
    /// Its peer has sent so much. An error: too much for now, and the connection is to be closed with it.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), ErrorReply> {
        let Some(principal) = &self.principal else { return Ok(()) };
        let (now, each) = (Instant::now(), &self.quotas.each);
        let mut taken = self.quotas.lock();
        let Some(theirs) = taken.get_mut(principal) else { return Ok(()) };
        let left = theirs.left(each, now);
        // Checked before it is added: a large frame is a large debt and no dead end.
        if left >= each.bytes as f64 {
            let text = format!(
                "{principal} has sent {} bytes within a minute, the most that one principal may; it goes on in a while",
                each.bytes
            );
            return Err(busy(text, 10_000));
        }
        (theirs.bytes, theirs.at) = (left + bytes as f64, now);
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(principal) = &self.principal
            && let Some(theirs) = self.quotas.lock().get_mut(principal)
        {
            theirs.connections = theirs.connections.saturating_sub(1);
        }
    }
}

/// The last words to somebody over a ceiling: what it is, and when to come back.
pub(super) fn last_words(error: &ErrorReply) -> Vec<u8> {
    let goaway = Goaway { reason: "limit".to_owned(), retry_after_ms: error.after_ms };
    let mut bytes = encoded(0, &Message::Error(error.clone()), limits::FLOOR_MAX_FRAME);
    bytes.extend(encoded(0, &Message::Goaway(goaway), limits::FLOOR_MAX_FRAME));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::Scope;
    use std::time::Duration;

    fn who(name: &str) -> Identity {
        let mut who = Identity::new(format!("{}/{name}", ourselves()), Scope::Eval);
        who.credential = Some(format!("token:{name}"));
        who
    }

    #[test]
    fn each_principal_has_its_own_and_our_own_user_has_no_end() {
        let quotas = Arc::new(Quotas::new(Each { connections: 2, sessions: 1, bytes: 1000 }));
        let held: Vec<_> = (0..2).map(|_| Quotas::enter(&quotas, &who("a")).unwrap()).collect();
        let error = Quotas::enter(&quotas, &who("a")).unwrap_err();
        assert!(error.text.contains("2 connections") && error.after_ms.is_some() && error.retryable, "{error}");
        assert!(Quotas::enter(&quotas, &who("b")).is_ok());
        drop(held);
        assert!(Quotas::enter(&quotas, &who("a")).is_ok());
        let own = Identity::new(ourselves(), Scope::Admin);
        let many: Vec<_> = (0..50).map(|_| Quotas::enter(&quotas, &own).unwrap()).collect();
        assert!(many.iter().all(|share| share.spend(1_000_000).is_ok()) && quotas.may_make(&own, || 50).is_ok());
        assert!(quotas.may_make(&who("a"), || 0).is_ok());
        assert!(quotas.may_make(&who("a"), || 1).unwrap_err().text.contains("1 sessions"));
    }

    #[test]
    fn bytes_are_counted_over_all_connections_and_outlive_them() {
        let quotas = Arc::new(Quotas::new(Each { bytes: 1000, ..Each::default() }));
        let (one, two) = (Quotas::enter(&quotas, &who("a")).unwrap(), Quotas::enter(&quotas, &who("a")).unwrap());
        assert!(one.spend(900).is_ok() && two.spend(900).is_ok());
        let error = one.spend(1).unwrap_err();
        assert!(error.text.contains("1000 bytes within a minute") && error.after_ms.is_some(), "{error}");
        drop((one, two));
        let again = Quotas::enter(&quotas, &who("a")).unwrap();
        assert!(again.spend(1).is_err(), "who comes back is who left");
        quotas.lock().get_mut(&who("a").principal).unwrap().at -= Duration::from_secs(120);
        assert!(again.spend(1).is_ok());
        drop(again);
        quotas.lock().get_mut(&who("a").principal).unwrap().at -= Duration::from_secs(120);
        drop(Quotas::enter(&quotas, &who("b")).unwrap());
        assert_eq!(quotas.lock().len(), 1, "nobody is remembered for nothing");
    }
}

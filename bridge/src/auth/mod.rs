//! Who a peer is, what it may do, and whose sessions it sees: decided here and nowhere else.
//!
//! This module will never know a frame's body: what a message needs is in its number.

pub mod audit;
pub mod certificates;
mod failures;
pub mod glob;
pub mod keys;
mod network;
pub mod tokens;

pub use audit::Audit;
pub use network::{Known, Network};
pub use rialto_transports::{Authenticator, Identity, Refused};

use crate::home::{SessionHome, Spec};
use rialto_protocol::Scope;
use rialto_session::{Access, user};
use rialto_transports::Peer;
use std::collections::BTreeMap;

/// Lets in the user we run as, by what the kernel says of the other end of a socket.
#[derive(Debug, Clone, Copy)]
pub struct SameUser {
    uid: u32,
}

impl SameUser {
    /// For the user we run as.
    #[must_use]
    pub fn new() -> Self {
        Self { uid: nix::unistd::Uid::effective().as_raw() }
    }
}

impl Default for SameUser {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator for SameUser {
    fn identify(&self, peer: &Peer) -> Result<Identity, Refused> {
        match peer.uid {
            // Whoever is this user can do all of it without us, with a debugger and a kill.
            Some(uid) if uid == self.uid => Ok(Identity::new(principal(uid), Scope::Admin)),
            Some(uid) => {
                Err(Refused(format!("you are user {uid}, and this bridge serves user {}; start one of your own", self.uid)))
            }
            None => Err(Refused("nothing shows who you are; this bridge serves its own user alone".to_owned())),
        }
    }
}

/// Lets in every user of this machine, each as who the kernel says they are: our own user as ever, all others to what is
/// shared with them and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnyUser;

impl Authenticator for AnyUser {
    fn identify(&self, peer: &Peer) -> Result<Identity, Refused> {
        match peer.uid {
            Some(uid) if uid == nix::unistd::Uid::effective().as_raw() => SameUser::new().identify(peer),
            // The most a session can be shared with; what it is shared with is the session's to say.
            Some(uid) => Ok(Identity::new(principal(uid), Scope::Eval)),
            None => Err(Refused("nothing shows who you are; this bridge serves users of its own machine".to_owned())),
        }
    }
}

/// The principal of a user of this machine.
#[must_use]
pub fn principal(uid: u32) -> String {
    format!("uid:{uid}")
}

/// The principal we are: the owner of what is made here without a daemon.
#[must_use]
pub fn ourselves() -> String {
    principal(nix::unistd::Uid::effective().as_raw())
}

/// Who we are here without a daemon: nobody stands between us and what is ours.
#[must_use]
pub fn ourself() -> Identity {
    Identity::new(ourselves(), Scope::Admin)
}

/// Whether a holder of `scope` may send a message of this kind.
#[must_use]
pub fn permits(scope: Scope, kind: u8) -> bool {
    scope.permits(kind)
}

/// Whether somebody may make a session here, which starts a program as the user we run as. Another user of this machine who
/// was let in to see what is shared has a bridge of their own for that.
#[must_use]
pub fn may_create(who: &Identity) -> bool {
    let user = user(&who.principal);
    who.scope >= Scope::Eval && !(user.starts_with("uid:") && user != ourselves())
}

/// What somebody may do in a session: nothing where none of it is shared or the credential does not reach it, and then it is
/// not there for them at all. The rules of the session decide what is shared, in [`rialto_session::share`]; this only brings
/// them what is known of it outside.
#[must_use]
pub fn may(who: &Identity, spec: &Spec, session: &SessionHome) -> Option<Scope> {
    if !glob::takes_in(who.sessions.as_deref(), spec.name.as_ref(), &spec.id) {
        return None;
    }
    let shares = if user(&who.principal) == spec.owner { BTreeMap::new() } else { session.shares() };
    Access { owner: spec.owner.clone(), shares }.scope_of(&who.principal).map(|scope| scope.min(who.scope))
}

/// Whether somebody's credential reaches a session of this name that is yet to be made. One without a name is reached by its
/// id, which nobody can know before.
#[must_use]
pub fn may_name(who: &Identity, name: &str) -> bool {
    who.sessions.as_deref().is_none_or(|glob| !name.is_empty() && glob::matches(glob, name))
}

/// Compares without telling by the time it takes where the difference is.
#[must_use]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_transports::{How, memory};

    #[test]
    fn our_user_is_let_in_and_nobody_else() {
        let us = SameUser::new();
        let known = us.identify(&memory::peer()).unwrap();
        assert_eq!((known.principal, known.scope), (ourselves(), Scope::Admin));
        let stranger = Peer { how: How::Unix, uid: Some(us.uid + 1), pid: None, identity: None, text: String::new() };
        assert!(us.identify(&stranger).unwrap_err().to_string().contains("start one of your own"));
        assert!(us.identify(&Peer { uid: None, ..stranger }).is_err());
    }

    #[test]
    fn other_users_are_let_in_as_themselves_and_make_nothing() {
        let us = ourselves();
        let uid = nix::unistd::Uid::effective().as_raw();
        let peer = |uid| Peer { how: How::Unix, uid, pid: None, identity: None, text: String::new() };
        let other = AnyUser.identify(&peer(Some(uid + 1))).unwrap();
        assert_eq!((other.principal.as_str(), other.scope), (principal(uid + 1).as_str(), Scope::Eval));
        assert!(!may_create(&other));
        let own = AnyUser.identify(&peer(Some(uid))).unwrap();
        assert_eq!((own.principal, own.scope), (us, Scope::Admin));
        assert!(AnyUser.identify(&peer(None)).is_err());
    }

    #[test]
    fn a_session_is_its_owners_until_it_is_shared_and_within_what_a_credential_reaches() {
        let (_temp, home) = crate::home::testing::home();
        let session = home.session(&home.claim(None, &crate::home::testing::create(1), "uid:1").unwrap().id);
        let spec = session.spec().unwrap();
        let may = |who: &str, scope| may(&Identity::new(who, scope), &spec, &session);
        assert_eq!(
            (may("uid:1", Scope::Admin), may("uid:10", Scope::Eval), may("", Scope::Admin)),
            (Some(Scope::Admin), None, None)
        );
        assert_eq!((may("uid:1/laptop", Scope::Eval), may("uid:10/laptop", Scope::Eval)), (Some(Scope::Eval), None));
        session.write_shares(&[("uid:10".to_owned(), Scope::Observe)].into()).unwrap();
        assert_eq!((may("uid:1", Scope::Admin), may("uid:10", Scope::Eval)), (Some(Scope::Admin), Some(Scope::Observe)));
        assert_eq!((may("uid:10/key", Scope::Eval), may("uid:100", Scope::Eval)), (Some(Scope::Observe), None));
        let id = spec.id.as_str();
        let within = |glob: &str| {
            let mut who = Identity::new("uid:1", Scope::Admin);
            who.sessions = Some(glob.to_owned());
            super::may(&who, &spec, &session)
        };
        assert_eq!((within("ml-*"), within("*"), within(id)), (None, Some(Scope::Admin), Some(Scope::Admin)));
    }

    #[test]
    fn a_credential_makes_only_sessions_that_it_reaches() {
        let who = |glob: Option<&str>| {
            let mut who = Identity::new(format!("{}/laptop", ourselves()), Scope::Eval);
            who.sessions = glob.map(str::to_owned);
            who
        };
        assert!(may_create(&who(None)) && may_name(&who(None), "") && may_name(&who(Some("ml-*")), "ml-1"));
        assert!(!may_name(&who(Some("ml-*")), "web") && !may_name(&who(Some("*")), ""));
        assert!(!may_create(&Identity::new(ourselves(), Scope::Observe)));
    }
}

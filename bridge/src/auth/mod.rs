//! Who a peer is, what it may do, and whose sessions it sees: decided here and nowhere else.
//!
//! This module will never know a frame's body: what a message needs is in its number.

pub use rialto_transports::{Authenticator, Identity, Refused};

use rialto_protocol::Scope;
use rialto_transports::Peer;

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
            Some(uid) if uid == self.uid => Ok(Identity { principal: principal(uid), scope: Scope::Admin }),
            Some(uid) => {
                Err(Refused(format!("you are user {uid}, and this bridge serves user {}; start one of your own", self.uid)))
            }
            None => Err(Refused("nothing shows who you are; this bridge serves its own user alone".to_owned())),
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

/// Whether a holder of `scope` may send a message of this kind.
#[must_use]
pub fn permits(scope: Scope, kind: u8) -> bool {
    scope.permits(kind)
}

/// Whether somebody may make a session, which starts a program. (To open one that is there needs no scope.)
#[must_use]
pub fn may_create(who: &Identity) -> bool {
    who.scope >= Scope::Eval
}

/// Whether a principal sees a session at all: to everybody else it is not there. (Sharing will be asked here, too.)
#[must_use]
pub fn sees(principal: &str, owner: &str) -> bool {
    principal == owner
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
        let stranger = Peer { how: How::Unix, uid: Some(us.uid + 1), pid: None, text: String::new() };
        assert!(us.identify(&stranger).unwrap_err().to_string().contains("start one of your own"));
        assert!(us.identify(&Peer { uid: None, ..stranger }).is_err());
    }

    #[test]
    fn a_session_is_its_owners_until_it_is_shared() {
        assert!(sees("uid:1", "uid:1") && !sees("uid:1", "uid:10") && !sees("", "uid:1"));
    }
}

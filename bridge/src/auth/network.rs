//! Who comes in over a network: by a token, an SSH key or a certificate, each of which is somebody's with a scope. And, by the
//! same doorkeeper, who comes by a Unix socket.

use super::audit::{Audit, Line, What};
use super::failures::Failures;
use super::tokens::Tokens;
use super::{Authenticator, Identity, Refused, SameUser};
use crate::home::Home;
use rialto_transports::{Credential, Peer};
use std::net::IpAddr;
use std::time::Instant;

/// Who comes with a credential of one kind that this build has been given a list for: SSH keys, certificates.
pub trait Known: Send + Sync {
    /// Who that is. None: this list is not about credentials of that kind.
    fn who(&self, credential: &Credential<'_>, from: Option<IpAddr>) -> Option<Result<Identity, Refused>>;

    /// Whether whoever came by a credential of that name may stay. None: it is not of this list.
    fn still(&self, credential: &str) -> Option<Result<(), Refused>>;
}

/// Lets in whoever shows a credential that is good here, and our own user by a Unix socket.
pub struct Network {
    tokens: Tokens,
    known: Vec<Box<dyn Known>>,
    failures: Failures,
    audit: Audit,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl Network {
    /// For the tokens of a home.
    #[must_use]
    pub fn new(home: &Home) -> Self {
        Self { tokens: Tokens::of(home), known: Vec::new(), failures: Failures::default(), audit: Audit::of(home) }
    }

    /// And for whoever this list knows.
    #[must_use]
    pub fn with(mut self, known: Box<dyn Known>) -> Self {
        self.known.push(known);
        self
    }

    fn look_up(&self, credential: &Credential<'_>, from: Option<IpAddr>) -> Result<Identity, Refused> {
        if let Credential::Token(secret) = credential {
            return self.tokens.verify(secret);
        }
        let found = self.known.iter().find_map(|known| known.who(credential, from));
        let who = found.unwrap_or_else(|| Err(Refused(format!("{credential:?} opens nothing here"))))?;
        who.in_time()?;
        Ok(who)
    }
}

impl Authenticator for Network {
    fn identify(&self, peer: &Peer) -> Result<Identity, Refused> {
        match &peer.identity {
            Some(who) => self.still(who).map(|()| who.clone()),
            None => SameUser::new().identify(peer),
        }
    }

    fn verify(&self, credential: &Credential<'_>, from: Option<IpAddr>) -> Result<Identity, Refused> {
        match self.look_up(credential, from) {
            Ok(who) => {
                self.failures.clear(from);
                Ok(who)
            }
            Err(why) => match self.failures.note(from, Instant::now()) {
                None => {
                    let text = format!("{credential:?}: {why}");
                    self.audit.note(Line::new(What::Refused, text).from_address(from));
                    Err(why)
                }
                Some(wait) => {
                    let seconds = wait.as_secs() + 1;
                    Err(Refused(format!("too much that opens nothing came from your address; try again in {seconds} s")))
                }
            },
        }
    }

    fn admits(&self, from: IpAddr) -> Result<(), Refused> {
        match self.failures.over(from, Instant::now()) {
            Some(wait) if !from.to_canonical().is_loopback() => {
                Err(Refused(format!("too much that opens nothing came from your address; try again in {} s", wait.as_secs() + 1)))
            }
            _ => Ok(()),
        }
    }

    fn still(&self, who: &Identity) -> Result<(), Refused> {
        who.in_time()?;
        let Some(credential) = &who.credential else { return Ok(()) };
        let known = self.tokens.still(credential);
        let known = known.or_else(|| self.known.iter().find_map(|known| known.still(credential)));
        // A credential that nobody can revoke is none.
        known.unwrap_or_else(|| Err(Refused("what you came in with is not known here any more".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::Wish;
    use super::*;
    use crate::auth::ourselves;
    use rialto_protocol::Scope;
    use rialto_transports::How;

    struct Drawer;

    impl Known for Drawer {
        fn who(&self, credential: &Credential<'_>, _: Option<IpAddr>) -> Option<Result<Identity, Refused>> {
            let Credential::SshKey { key, .. } = credential else { return None };
            let mut who = Identity::new("uid:1/key", Scope::Eval);
            who.credential = Some(format!("key:{key}"));
            Some(if *key == "good" { Ok(who) } else { Err(Refused("no such key".into())) })
        }

        fn still(&self, credential: &str) -> Option<Result<(), Refused>> {
            credential.strip_prefix("key:").map(|key| if key == "good" { Ok(()) } else { Err(Refused("removed".into())) })
        }
    }

    fn peer(identity: Option<Identity>, uid: Option<u32>) -> Peer {
        Peer { how: How::WebSocket, uid, pid: None, identity, text: "test".to_owned() }
    }

    #[test]
    fn each_kind_of_credential_is_looked_up_where_it_is_known() {
        let (_temp, home) = crate::home::testing::home();
        let network = Network::new(&home).with(Box::new(Drawer));
        let wish = Wish { name: Some("laptop".into()), scope: Scope::Observe, sessions: None, ttl: None };
        let (_, secret) = Tokens::of(&home).create(&wish).unwrap();
        let who = network.verify(&Credential::Token(&secret), None).unwrap();
        assert_eq!((who.principal.clone(), who.scope), (format!("{}/laptop", ourselves()), Scope::Observe));
        assert_eq!(network.identify(&peer(Some(who.clone()), None)), Ok(who.clone()));
        let key = |key| network.verify(&Credential::SshKey { key, user: "x" }, None);
        assert!(key("good").is_ok() && key("bad").is_err());
        assert!(network.verify(&Credential::Certificate(&[1]), None).unwrap_err().to_string().contains("opens nothing"));
        // Revoked between the handshake and the first word.
        Tokens::of(&home).revoke("laptop").unwrap();
        assert!(network.identify(&peer(Some(who.clone()), None)).is_err() && network.still(&who).is_err());
        let mut stranger = who;
        stranger.credential = Some("badge:1".into());
        assert!(network.still(&stranger).is_err(), "nobody could take it back");
    }

    #[test]
    fn who_shows_nothing_is_our_own_user_by_a_unix_socket_or_nobody() {
        let (_temp, home) = crate::home::testing::home();
        let network = Network::new(&home);
        assert!(network.identify(&peer(None, None)).is_err());
        let us = nix::unistd::Uid::effective().as_raw();
        assert!(network.identify(&peer(None, Some(us + 1))).is_err());
        assert_eq!(network.identify(&peer(None, Some(us))).unwrap().scope, Scope::Admin);
    }

    #[test]
    fn failures_are_bounded_by_address_and_what_is_right_is_let_in_all_the_same() {
        let (_temp, home) = crate::home::testing::home();
        let network = Network::new(&home);
        let (_, secret) = Tokens::of(&home).create(&Wish { name: None, scope: Scope::Eval, sessions: None, ttl: None }).unwrap();
        let from: IpAddr = "192.0.2.7".parse().unwrap();
        let near = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..100 {
            assert!(network.verify(&Credential::Token("rlt_wrong"), Some(from)).is_err());
            assert!(network.verify(&Credential::Token("rlt_wrong"), Some(near)).is_err());
        }
        assert!(network.admits(from).unwrap_err().to_string().contains("try again in"));
        assert!(network.admits(near).is_ok(), "a proxy brings everybody from there");
        let lines = Audit::of(&home).read().unwrap();
        assert!(lines.len() <= 60 && lines.iter().all(|line| line.what == What::Refused), "{}", lines.len());
        assert!(lines.iter().any(|line| line.from == "192.0.2.7" && line.text.contains("not known here")));
        assert!(
            !std::fs::read_to_string(home.state().join("audit.log")).unwrap().contains("rlt_"),
            "a try may be a secret with a slip"
        );
        assert!(network.verify(&Credential::Token(&secret), Some(from)).is_ok() && network.admits(from).is_ok());
    }
}

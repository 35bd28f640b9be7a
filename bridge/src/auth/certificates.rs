//! Client certificates: whoever has one of the authority that the listener was given is let in. The listener has verified it;
//! an authority for this is one of its own, which signs nobody else.

use super::network::Known;
use super::{Identity, Refused, ourselves};
use rialto_protocol::Scope;
use rialto_transports::Credential;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// Letters of a certificate's fingerprint that name it.
const NAME: usize = 16;

/// Whoever has a certificate of the listener's authority.
#[derive(Debug, Clone, Copy)]
pub struct Certificates {
    /// What each of them may do.
    pub scope: Scope,
}

impl Known for Certificates {
    fn who(&self, credential: &Credential<'_>, _: Option<IpAddr>) -> Option<Result<Identity, Refused>> {
        let Credential::Certificate(der) = credential else { return None };
        let fingerprint = data_encoding::HEXLOWER.encode(&Sha256::digest(der));
        let name = fingerprint.get(..NAME).unwrap_or_default();
        let mut who = Identity::new(format!("{}/certificate-{name}", ourselves()), self.scope);
        who.credential = Some(format!("certificate:{name}"));
        Some(Ok(who))
    }

    fn still(&self, credential: &str) -> Option<Result<(), Refused>> {
        // To take one back is to listen with another authority.
        credential.starts_with("certificate:").then_some(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_its_fingerprint() {
        let list = Certificates { scope: Scope::Eval };
        let who = list.who(&Credential::Certificate(b"der"), None).unwrap().unwrap();
        let other = list.who(&Credential::Certificate(b"other"), None).unwrap().unwrap();
        assert_ne!(who.principal, other.principal);
        assert!(who.principal.starts_with(&format!("{}/certificate-", ourselves())) && who.scope == Scope::Eval);
        assert_eq!(list.still(who.credential.as_deref().unwrap()), Some(Ok(())));
        assert!(list.who(&Credential::Token("x"), None).is_none() && list.still("token:x").is_none());
    }
}

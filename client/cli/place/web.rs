//! The way to `rialto serve --ws`: what a URL, a place's settings and the environment say of it.

use super::Known;
use super::kept;
use super::url::Machine;
use crate::exit::Failure;
use rialto_transports::http::tls::{Trust, pin};
use rialto_transports::http::{Address, Token};
use std::path::PathBuf;
use std::sync::Arc;

/// The address, whom to believe there, and what to show.
pub(super) fn address(known: &Known, secure: bool, machine: &Machine, path: &str) -> Result<Address, Failure> {
    let text = &known.at;
    if machine.user.is_some() {
        return Err(Failure::usage(format!(
            "{text} names a user; who you are is said by a token, in RIALTO_TOKEN or the place's settings"
        )));
    }
    let (path, fragment) = path.split_once('#').unwrap_or((path, ""));
    if let Some((_, query)) = path.split_once('?') {
        // A token there would be in every log on the way.
        let word = query.split('=').next().unwrap_or_default();
        return Err(Failure::usage(format!("{word:?} means nothing in a place; after `?` come session=NAME and kernel=NAME")));
    }
    let kept = &known.kept;
    let pinned = match fragment {
        "" => kept.get("pin").map(|text| text.strip_prefix("sha256=").unwrap_or(text)),
        other => Some(other.strip_prefix("sha256=").ok_or_else(|| {
            Failure::usage(format!("#{other} means nothing in a place; #sha256=FINGERPRINT says which certificate to believe"))
        })?),
    };
    let trust = match (pinned, kept.path("ca").or_else(|| from_environment("RIALTO_TLS_CA"))) {
        (Some(text), _) => Trust::Pinned(pin(text).ok_or_else(|| {
            Failure::usage(format!(
                "{text:?} is no fingerprint: 64 hexadecimal digits, as `rialto serve --tls-self-signed` prints them"
            ))
        })?),
        (None, Some(ca)) => Trust::Authorities(ca),
        (None, None) => Trust::System,
    };
    if !secure && (pinned.is_some() || kept.get("ca").is_some()) {
        return Err(Failure::usage(format!("{text} has no TLS, so there is no certificate to look at; write wss://")));
    }
    let own = |key, variable| kept.path(key).or_else(|| from_environment(variable));
    let certificate = match (own("cert", "RIALTO_TLS_CERT"), own("key", "RIALTO_TLS_KEY")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(Failure::usage("a certificate needs its key, and a key its certificate: say both or none")),
    };
    let settings = kept.clone();
    let token = Token::Asked(Arc::new(move || Ok(kept::token(&settings)?.map(|token| token.0))));
    let port = machine.port.unwrap_or(if secure { 443 } else { 80 });
    let prefix = path.trim_end_matches('/').to_owned();
    Ok(Address { secure, host: machine.host.clone(), port, prefix, trust, certificate, token })
}

fn from_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

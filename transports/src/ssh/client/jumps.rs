//! Which machines are on the way, as the configuration says.

use super::super::config::Settings;
use super::super::fail::Fail;
use super::super::known_hosts::Known;
use super::super::paths::Paths;

/// Jumps through machines that need jumps themselves: so many at most.
const MOST_JUMPS: usize = 8;

pub(super) enum Gathered {
    Beyond(String),
    Fail(Fail),
}

/// The machines on the way, the nearest first.
pub(super) fn gather(settings: Settings, paths: &Paths, chain: &mut Vec<Settings>) -> Result<(), Gathered> {
    if chain.len() > MOST_JUMPS {
        return Err(Gathered::Fail(Fail::never("the configuration jumps from machine to machine without end (ProxyJump)")));
    }
    if let Some(why) = &settings.beyond {
        return Err(Gathered::Beyond(why.clone()));
    }
    if let Some(why) = super::super::auth::beyond(&settings.identities) {
        return Err(Gathered::Beyond(why));
    }
    let known = read_known(&settings).map_err(|why| Gathered::Fail(Fail::never(why.to_string())))?;
    if let (Some(line), None) = (&known.authority, known.kinds().next()) {
        return Err(Gathered::Beyond(format!("@cert-authority ({line})")));
    }
    for (n, jump) in settings.jumps.iter().enumerate() {
        let (user, host, port) = machine(jump);
        let mut hop = Settings::of(host, user, port, paths).map_err(|why| Gathered::Fail(Fail::never(why.to_string())))?;
        // The first one may need a way of its own; the others are behind it.
        if n > 0 {
            hop.jumps.clear();
        }
        // One that jumps through itself would do so for ever.
        if hop.jumps.iter().any(|name| machine(name).1 == hop.alias) {
            hop.jumps.clear();
        }
        gather(hop, paths, chain)?;
    }
    chain.push(settings);
    Ok(())
}

/// `me@machine:22`, or the same as a URL.
fn machine(text: &str) -> (Option<&str>, &str, Option<u16>) {
    let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
    let (user, rest) = text.rsplit_once('@').map_or((None, text), |(user, rest)| (Some(user), rest));
    if let Some((host, port)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (user, host, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match rest.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) if !host.contains(':') => (user, host, Some(port)),
        _ => (user, rest, None),
    }
}

pub(super) fn read_known(settings: &Settings) -> std::io::Result<Known> {
    let name = settings.key_alias.as_deref().unwrap_or(&settings.host);
    Known::read(settings.known_hosts.iter().chain(&settings.known_hosts_of_all), name, settings.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_read_as_ssh_reads_them() {
        assert_eq!(machine("me@m:1"), (Some("me"), "m", Some(1)));
        assert_eq!(machine("ssh://m"), (None, "m", None));
        assert_eq!(machine("[::1]:7"), (None, "::1", Some(7)));
        assert_eq!(machine("::1"), (None, "::1", None));
    }
}

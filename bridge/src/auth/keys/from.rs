//! `from=`: which addresses a key comes in from. Addresses and networks only: a name would be what the owner of an address says.

use std::net::IpAddr;

/// Patterns; one that is negated and fits refuses, whatever else fits.
#[derive(Debug)]
pub(super) struct From(Vec<(bool, Pattern)>);

#[derive(Debug)]
enum Pattern {
    Network(IpAddr, u8),
    /// Text with `*` and `?`.
    Text(String),
}

impl From {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut all = Vec::new();
        for word in text.split(',').map(str::trim) {
            let (not, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
            all.push((
                not,
                pattern(word)
                    .ok_or_else(|| format!("from={word}: an address, a network as 10.0.0.0/8 or a pattern as 10.* is wanted"))?,
            ));
        }
        Ok(Self(all))
    }

    pub(super) fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let fits = |not: bool| self.0.iter().any(|(negated, pattern)| *negated == not && pattern.fits(address));
        fits(false) && !fits(true)
    }
}

fn pattern(word: &str) -> Option<Pattern> {
    if let Some((network, bits)) = word.split_once('/') {
        let network: IpAddr = network.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        return (bits <= most).then_some(Pattern::Network(network, bits));
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(Pattern::Network(address, if address.is_ipv4() { 32 } else { 128 }));
    }
    let letters = |c: char| c.is_ascii_hexdigit() || ".:*?".contains(c);
    (word.contains(['*', '?']) && word.chars().all(letters)).then(|| Pattern::Text(word.to_ascii_lowercase()))
}

impl Pattern {
    fn fits(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Network(IpAddr::V4(net), bits), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(*bits);
                u32::from(*net).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (Self::Network(IpAddr::V6(net), bits), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(*bits);
                u128::from(*net).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            (Self::Network(..), _) => false,
            (Self::Text(pattern), address) => wild(pattern.as_bytes(), address.to_string().as_bytes()),
        }
    }
}

fn wild(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => wild(rest, text),
        (Some((b'*', rest)), Some((_, later))) => wild(rest, text) || wild(pattern, later),
        (Some((b'?', rest)), Some((_, later))) => wild(rest, later),
        (Some((p, rest)), Some((t, later))) => p == t && wild(rest, later),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_patterns() {
        let admits = |text: &str, address: &str| From::parse(text).unwrap().admits(address.parse().unwrap());
        assert!(admits("10.0.0.0/8", "10.200.0.1") && !admits("10.0.0.0/8", "11.0.0.1"));
        assert!(admits("0.0.0.0/0", "8.8.8.8") && !admits("0.0.0.0/0", "::1"));
        assert!(admits("::/0", "::1") && admits("2001:db8::/32", "2001:db8:1::1"));
        assert!(admits("127.0.0.1", "::ffff:127.0.0.1") && !admits("127.0.0.1", "127.0.0.2"));
        assert!(admits("192.168.?.*", "192.168.7.20") && !admits("192.168.?.*", "192.168.17.20"));
        assert!(!admits("!10.0.0.1", "10.0.0.2"), "nothing is admitted by what is refused");
        assert!(admits("*,!10.0.0.1", "10.0.0.2") && !admits("*,!10.0.0.1", "10.0.0.1"));
        for bad in ["", "example.org", "10.0.0.0/33", "10.0.0", "*.example.org"] {
            assert!(From::parse(bad).is_err(), "{bad}");
        }
    }
}

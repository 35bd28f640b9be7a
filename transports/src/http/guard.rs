//! What is looked at before anything is answered: for which machine a request is meant, from which page it comes, and what
//! proof of itself it brings.

use crate::{Authenticator, Credential, Identity, Refused};
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use hyper::{StatusCode, Uri};
use std::net::{IpAddr, SocketAddr};

/// A token among the subprotocols of a WebSocket stands behind this. Browsers can send no other header.
pub const TOKEN_ENTRY: &str = "rialto.token.";

/// Which names a request may be meant for, and which pages may send one.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Names of this machine, besides `localhost` and its addresses.
    pub hosts: Vec<String>,
    /// Origins whose pages may come: `https://app.example.org`. `*`: any.
    pub origins: Vec<String>,
}

/// A request that is not answered as it wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied(pub(crate) StatusCode, pub(crate) String);

impl Names {
    /// Whether a request is meant for us. A page that had its own name lead here (DNS rebinding) says that name.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Denied(StatusCode::BAD_REQUEST, "a request names one Host".to_owned()));
        };
        let host = host.to_str().unwrap_or_default();
        let name = bare(host);
        let known = name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name));
        if !known {
            let text = format!("{name:?} is not a name of this bridge; `rialto serve --host {name}` makes it one");
            return Err(Denied(StatusCode::FORBIDDEN, text));
        }
        match headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
            Some(origin) if !self.allows(origin) => {
                let text = format!("pages of {origin:?} may not come here; `rialto serve --allow-origin {origin}` lets them");
                Err(Denied(StatusCode::FORBIDDEN, text))
            }
            Some(_) => Ok(()),
            // A page's picture or link has no Origin, and brings the client certificate of whoever looks at it all the same.
            None => match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
                None | Some(b"none" | b"same-origin") => Ok(()),
                Some(_) => Err(Denied(
                    StatusCode::FORBIDDEN,
                    "pages of elsewhere may not come here without saying whose they are".to_owned(),
                )),
            },
        }
    }

    fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == "*" || known.trim_end_matches('/').eq_ignore_ascii_case(origin))
    }
}

/// From where a request comes: from a proxy that is believed, the last address it names that is none of such a proxy's own.
/// What stands before that anybody may have written.
pub(crate) fn client(headers: &HeaderMap, from: SocketAddr, proxies: &[IpAddr]) -> SocketAddr {
    let believed = |address: IpAddr| proxies.iter().any(|proxy| proxy.to_canonical() == address.to_canonical());
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    let mut last = from;
    for said in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !believed(last.ip()) {
            break;
        }
        let said = said.trim();
        let Some(address) = said.parse().ok().or_else(|| bare(said).parse().ok()) else { break };
        last = SocketAddr::new(address, 0);
    }
    last
}

/// A host without its port.
fn bare(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') => name,
        _ => host,
    }
}

/// Who sent this, by the token it brings or by the certificate of its connection.
pub(crate) fn prove(
    authenticator: &dyn Authenticator,
    headers: &HeaderMap,
    uri: &Uri,
    certificate: Option<&[u8]>,
    from: SocketAddr,
) -> Result<Identity, Refused> {
    // Addresses are written into logs on the way. Whoever sent it so has made it known, so it opens nothing here.
    let query = uri.query().unwrap_or_default();
    if query.split('&').any(|part| matches!(part.split('=').next(), Some("token" | "access_token"))) {
        let text = "a token in an address is read by everybody on the way; make another, and send it as `Authorization: Bearer`";
        return Err(Refused(text.to_owned()));
    }
    if let Some(token) = token(headers)? {
        return authenticator.verify(&Credential::Token(token), Some(from.ip()));
    }
    match certificate {
        Some(certificate) => authenticator.verify(&Credential::Certificate(certificate), Some(from.ip())),
        None => {
            let text =
                "nothing shows who you are: send a token (`rialto token create` makes one) as `Authorization: Bearer TOKEN`";
            Err(Refused(text.to_owned()))
        }
    }
}

fn token(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let value = value.to_str().unwrap_or_default();
        return match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
            _ => Err(Refused("an Authorization that is no `Bearer TOKEN`".to_owned())),
        };
    }
    Ok(subprotocols(headers).find_map(|entry| entry.strip_prefix(TOKEN_ENTRY)))
}

/// The subprotocols that a WebSocket's client offers.
pub(crate) fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Peer;
    use hyper::header::HeaderValue;
    use rialto_protocol::Scope;

    struct Knows;

    impl Authenticator for Knows {
        fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
            Err(Refused(String::new()))
        }

        fn verify(&self, credential: &Credential<'_>, _: Option<IpAddr>) -> Result<Identity, Refused> {
            match credential {
                Credential::Token("good") => Ok(Identity::new("uid:1/token", Scope::Eval)),
                Credential::Certificate(_) => Ok(Identity::new("uid:1/certificate", Scope::Eval)),
                _ => Err(Refused("no".to_owned())),
            }
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused() {
        let names = Names { hosts: vec!["Bridge.example".to_owned()], origins: vec!["https://app.example/".to_owned()] };
        for fine in ["127.0.0.1:80", "[::1]:443", "[::1]", "localhost", "LOCALHOST:1", "bridge.EXAMPLE:8443", "10.0.0.7"] {
            assert_eq!(names.check(&headers(&[("host", fine)])), Ok(()), "{fine}");
        }
        for bad in ["evil.example", "localhost.evil.example", "bridge.example.evil:80", "", "127.0.0.1.evil.example:80"] {
            assert_eq!(names.check(&headers(&[("host", bad)])).unwrap_err().0, StatusCode::FORBIDDEN, "{bad}");
        }
        assert_eq!(names.check(&headers(&[])).unwrap_err().0, StatusCode::BAD_REQUEST);
        assert!(names.check(&headers(&[("host", "localhost"), ("host", "evil.example")])).is_err());
    }

    #[test]
    fn a_page_comes_from_where_it_may() {
        let names = Names { hosts: Vec::new(), origins: vec!["https://app.example/".to_owned()] };
        let from = |origin| names.check(&headers(&[("host", "localhost"), ("origin", origin)]));
        assert_eq!(from("https://app.example"), Ok(()));
        for bad in ["http://app.example", "null", "https://app.example.evil", "http://localhost", ""] {
            assert_eq!(from(bad).unwrap_err().0, StatusCode::FORBIDDEN, "{bad}");
        }
        let any = Names { hosts: Vec::new(), origins: vec!["*".to_owned()] };
        assert_eq!(any.check(&headers(&[("host", "localhost"), ("origin", "null")])), Ok(()));
    }

    #[test]
    fn a_proxy_that_is_believed_says_for_whom_it_comes() {
        let proxies = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let from = |from: &str, said: &[(&'static str, &str)]| {
            client(&headers(said), SocketAddr::new(from.parse().unwrap(), 1), &proxies).ip().to_string()
        };
        let forwarded = "x-forwarded-for";
        assert_eq!(from("127.0.0.1", &[(forwarded, "192.0.2.7")]), "192.0.2.7");
        assert_eq!(
            from("127.0.0.1", &[(forwarded, "6.6.6.6, 192.0.2.7, 10.0.0.1")]),
            "192.0.2.7",
            "what comes before is its own"
        );
        assert_eq!(from("127.0.0.1", &[(forwarded, "6.6.6.6"), (forwarded, "[2001:db8::1]:80")]), "2001:db8::1");
        assert_eq!(from("192.0.2.9", &[(forwarded, "192.0.2.7")]), "192.0.2.9", "anybody can say so");
        assert_eq!(from("127.0.0.1", &[(forwarded, "192.0.2.7, unknown")]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn a_picture_in_a_page_of_elsewhere_is_no_request_of_its_reader() {
        let from = |site| Names::default().check(&headers(&[("host", "localhost"), ("sec-fetch-site", site)]));
        assert_eq!((from("none"), from("same-origin")), (Ok(()), Ok(())));
        for bad in ["cross-site", "same-site", "", "x"] {
            assert_eq!(from(bad).unwrap_err().0, StatusCode::FORBIDDEN, "{bad}");
        }
        let names = Names { hosts: Vec::new(), origins: vec!["https://app.example".to_owned()] };
        let said = headers(&[("host", "localhost"), ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")]);
        assert_eq!(names.check(&said), Ok(()));
    }

    #[test]
    fn a_token_comes_in_a_header_and_nowhere_else() {
        let prove = |pairs: &[(&'static str, &str)], uri: &'static str, certificate: Option<&[u8]>| {
            let from = SocketAddr::from(([127, 0, 0, 1], 1));
            prove(&Knows, &headers(pairs), &Uri::from_static(uri), certificate, from).map(|who| who.principal)
        };
        assert_eq!(prove(&[("authorization", "Bearer good")], "/", None).unwrap(), "uid:1/token");
        assert_eq!(prove(&[("authorization", "bearer  good")], "/", None).unwrap(), "uid:1/token");
        let offered = [("sec-websocket-protocol", "rialto.v1, rialto.token.good")];
        assert_eq!(prove(&offered, "/", None).unwrap(), "uid:1/token");
        assert_eq!(prove(&[], "/", Some(b"der")).unwrap(), "uid:1/certificate");
        assert!(prove(&[("authorization", "Bearer bad")], "/", Some(b"der")).is_err(), "a wrong token is not passed over");
        assert!(prove(&[("authorization", "Basic Z29vZA==")], "/", None).is_err());
        assert!(prove(&[], "/?token=good", None).unwrap_err().0.contains("everybody on the way"));
        assert!(prove(&[("authorization", "Bearer good")], "/?x=1&access_token=good", None).is_err());
        assert!(prove(&[], "/", None).unwrap_err().0.contains("rialto token create"));
    }
}

//! What `--at` says, taken apart: `ssh://me@machine:2222/work?kernel=node`. Nothing is looked up here.

use crate::exit::Failure;
use std::path::PathBuf;

/// The way to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// A daemon's socket.
    Unix(PathBuf),
    /// Another user of this machine.
    User(String),
    /// A command that speaks as `rialto stdio` does.
    Exec(String),
    /// Any sshd, or `rialto serve --ssh`.
    Ssh(Machine),
    /// `rialto serve --ws`.
    WebSocket {
        /// With TLS.
        tls: bool,
        /// By plain requests at once: a WebSocket is not tried.
        plain: bool,
        machine: Machine,
        /// From its first slash on, with what is asked after it.
        path: String,
    },
}

/// A machine, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

/// A way, and what is meant there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) way: Way,
    pub(crate) session: Option<String>,
    pub(crate) kernel: Option<String>,
}

/// The beginnings of what is a URL and no name.
const SCHEMES: &[&str] = &["unix://", "ssh://", "ws://", "wss://", "http://", "https://", "user:", "exec:"];

/// Whether this is a URL. Otherwise it is the name of a place, or a mistake.
pub(crate) fn is_url(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme)) || text.contains("://")
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let plain = |way| Self { way, session: None, kernel: None };
        if let Some(command) = text.strip_prefix("exec:") {
            if command.trim().is_empty() {
                return Err(Failure::usage("exec: needs a command: exec:'docker exec -i web rialto stdio'"));
            }
            return Ok(plain(Way::Exec(command.to_owned())));
        }
        if let Some(name) = text.strip_prefix("user:") {
            return Ok(plain(Way::User(name.to_owned())));
        }
        if let Some(path) = text.strip_prefix("unix://") {
            // A socket's path may hold a question mark; one of ours is followed by a word that is known.
            let asks = path.rsplit_once('?').filter(|(_, query)| query.starts_with("session=") || query.starts_with("kernel="));
            let (path, query) = asks.unwrap_or((path, ""));
            let (said, _) = Said::read(query, text)?;
            return Ok(Self { way: Way::Unix(path.into()), session: said.session, kernel: said.kernel });
        }
        if let Some(rest) = text.strip_prefix("ssh://") {
            let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
            let (machine, session) = rest.split_once('/').unwrap_or((rest, ""));
            let (said, unknown) = Said::read(query, text)?;
            if let Some(word) = unknown.first() {
                return Err(Failure::usage(format!(
                    "{word:?} means nothing in {text}; after `?` come session=NAME and kernel=NAME"
                )));
            }
            let session = Some(session.trim_end_matches('/')).filter(|name| !name.is_empty()).map(str::to_owned);
            let way = Way::Ssh(Machine::parse(machine, text)?);
            return Ok(Self { way, session: said.session.or(session), kernel: said.kernel });
        }
        for (scheme, tls, plain) in
            [("wss://", true, false), ("ws://", false, false), ("https://", true, true), ("http://", false, true)]
        {
            let Some(rest) = text.strip_prefix(scheme) else { continue };
            // What is behind a # says which certificate to believe, and stays behind the path.
            let (rest, fragment) = rest.find('#').map_or((rest, ""), |at| rest.split_at(at));
            let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
            let (machine, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let (said, others) = Said::read(query, text)?;
            let path = if others.is_empty() { path.to_owned() } else { format!("{path}?{}", others.join("&")) };
            let path = path + fragment;
            let way = Way::WebSocket { tls, plain, machine: Machine::parse(machine, text)?, path };
            return Ok(Self { way, session: said.session, kernel: said.kernel });
        }
        Err(Failure::usage(format!("{text:?} is no place: {USE}")))
    }
}

/// What may stand there.
pub(crate) const USE: &str = "use ssh://machine, wss://machine (or https://machine, by plain requests alone), unix:///path/of/a/daemon.sock, user:NAME, exec:COMMAND, or a name from `rialto places list`";

/// What comes after the question mark.
#[derive(Default)]
struct Said {
    session: Option<String>,
    kernel: Option<String>,
}

impl Said {
    /// What is ours, and the rest.
    fn read<'a>(query: &'a str, all: &str) -> Result<(Self, Vec<&'a str>), Failure> {
        let mut said = Self::default();
        let mut others = Vec::new();
        for word in query.split('&').filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some(("session" | "kernel", "")) => {
                    return Err(Failure::usage(format!("{word} in {all} names nothing")));
                }
                Some(("session", name)) => said.session = Some(name.to_owned()),
                Some(("kernel", name)) => said.kernel = Some(name.to_owned()),
                _ => others.push(word),
            }
        }
        Ok((said, others))
    }
}

impl Machine {
    fn parse(text: &str, all: &str) -> Result<Self, Failure> {
        let (user, rest) = text.rsplit_once('@').map_or((None, text), |(user, rest)| (Some(user), rest));
        if user.is_some_and(|user| user.contains(':')) {
            // Whoever lists processes would read it, and a shell keeps it.
            return Err(Failure::usage("a place has no password in it, others would see it; leave it out, and you are asked"));
        }
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map(str::parse::<u16>).transpose();
        let (Ok(port), false) = (port, host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace)) else {
            return Err(Failure::usage(format!("{all:?} names no machine; as in ssh://me@machine:22 or wss://[::1]:8443")));
        };
        let user = user.filter(|user| !user.is_empty() && !user.starts_with('-')).map(str::to_owned);
        Ok(Self { user, host: host.to_owned(), port })
    }

    /// As a URL has it.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        format!("{user}{host}{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_url_says_the_way_the_session_and_the_kernel() {
        let Url { way: Way::Ssh(machine), session, kernel } = url("ssh://me@gpu.example.org:2222/work?kernel=node") else {
            panic!()
        };
        assert_eq!((machine.user.as_deref(), machine.host.as_str(), machine.port), (Some("me"), "gpu.example.org", Some(2222)));
        assert_eq!((session.as_deref(), kernel.as_deref()), (Some("work"), Some("node")));
        assert_eq!(machine.text(), "me@gpu.example.org:2222");
        let Url { way: Way::Ssh(machine), session: None, .. } = url("ssh://[fe80::1]/") else { panic!() };
        assert_eq!((machine.host.as_str(), machine.port), ("fe80::1", None));
    }

    #[test]
    fn a_websockets_path_is_its_own() {
        let Url { way: Way::WebSocket { tls, machine, path, .. }, session, .. } = url("wss://m/r/ws?x=1&session=work&y=2") else {
            panic!()
        };
        assert_eq!((tls, machine.host.as_str(), path.as_str(), session.as_deref()), (true, "m", "/r/ws?x=1&y=2", Some("work")));
        let Url { way: Way::WebSocket { tls: false, plain: false, path, .. }, .. } = url("ws://127.0.0.1:80") else { panic!() };
        assert_eq!(path, "");
        let Url { way: Way::WebSocket { tls: true, plain: true, .. }, session, .. } = url("https://m/r?session=w") else {
            panic!()
        };
        assert_eq!(session.as_deref(), Some("w"));
        let Url { way: Way::WebSocket { machine, path, .. }, session, .. } = url("wss://m:1?session=work#sha256=ab") else {
            panic!()
        };
        assert_eq!((machine.host.as_str(), path.as_str(), session.as_deref()), ("m", "#sha256=ab", Some("work")));
    }

    #[test]
    fn sockets_and_commands_are_taken_as_they_are() {
        assert_eq!(url("unix:///a?b#c").way, Way::Unix("/a?b#c".into()));
        assert_eq!(
            (url("unix:///a?session=w").way, url("unix:///a?session=w").session),
            (Way::Unix("/a".into()), Some("w".into()))
        );
        assert_eq!(url("exec:a ?session=x").way, Way::Exec("a ?session=x".into()));
        assert_eq!(url("user:ada").way, Way::User("ada".into()));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "ssh://",
            "ssh://m:x",
            "ssh://me:secret@m",
            "ssh://-oProxyCommand=x",
            "ssh://m?x=1",
            "ftp://m",
            "http://",
            "wss:///p",
            "exec:",
            "ssh://m?session=",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        assert!(is_url("ftp://m") && is_url("user:x") && !is_url("gpu"));
    }
}

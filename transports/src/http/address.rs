//! How a client reaches a bridge's port: the address, what it believes, and what it shows.

use super::tls::{self, Trust};
use crate::Stream;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use hyper::http::request::Builder;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What a client shows of itself.
#[derive(Clone, Default)]
pub enum Token {
    /// No token: a certificate, perhaps.
    #[default]
    None,
    /// This one.
    Text(String),
    /// What this says each time: tokens are replaced. It may read a file or run a program.
    Asked(Arc<dyn Fn() -> io::Result<Option<String>> + Send + Sync>),
}

/// A secret is no text for a log.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::None) { "no token" } else { "a token" })
    }
}

/// A bridge's port, and how to be let in there.
#[derive(Debug, Clone, Default)]
pub struct Address {
    /// With TLS.
    pub secure: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What stands before `/v1` behind a proxy that gives us a part of its paths: `/rialto`, or nothing.
    pub prefix: String,
    /// Whom to believe.
    pub trust: Trust,
    /// A certificate and its key, where the bridge asks for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// What to show.
    pub token: Token,
}

impl Address {
    /// The port, for people and for the Host of a request.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// With this scheme.
    #[must_use]
    pub fn url(&self, plain: &str, secure: &str) -> String {
        format!("{}://{}{}", if self.secure { secure } else { plain }, self.authority(), self.prefix)
    }

    /// A request to it.
    pub(crate) async fn request(&self, method: &str, path: &str) -> io::Result<Builder> {
        let builder = Builder::new().method(method).uri(format!("{}{path}", self.prefix));
        let builder = builder.header(HOST, self.authority());
        let builder = builder.header(USER_AGENT, concat!("rialto/", env!("CARGO_PKG_VERSION")));
        let Some(token) = self.token().await? else { return Ok(builder) };
        let mut value =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| bad("the token has characters that no token has"))?;
        value.set_sensitive(true);
        Ok(builder.header(AUTHORIZATION, value))
    }

    async fn token(&self) -> io::Result<Option<String>> {
        match &self.token {
            Token::None => Ok(None),
            Token::Text(text) => Ok(Some(text.trim().to_owned())),
            Token::Asked(ask) => {
                let ask = Arc::clone(ask);
                // Bounded by what it does: a file that is read, a command that ends.
                tokio::task::spawn_blocking(move || ask()).await.map_err(io::Error::other)?
            }
        }
    }

    /// Bytes to it, through TLS where that is wanted.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        if !self.secure {
            return Ok(Box::new(stream));
        }
        let config = tls::client(&self.trust, self.certificate.as_ref())?;
        let name = rustls::pki_types::ServerName::try_from(self.host.clone())
            .map_err(|_| bad("no name that a certificate could have"))?;
        let connected = TlsConnector::from(Arc::clone(&config)).connect(name, stream).await;
        Ok(Box::new(connected.map_err(explained)?))
    }
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// A certificate that is not believed stays so, however often it is shown.
fn explained(why: io::Error) -> io::Error {
    match why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            let text = format!("{why}; for a certificate of its own, pin it (#sha256=...) or name its authority (--tls-ca)");
            io::Error::new(io::ErrorKind::PermissionDenied, text)
        }
        Some(rustls::Error::General(text)) => io::Error::new(io::ErrorKind::PermissionDenied, text.clone()),
        _ => why,
    }
}

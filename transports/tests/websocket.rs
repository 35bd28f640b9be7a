//! A bridge's port and a client that dials it, in one process: who is let in, what is said to who is not, and the bytes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rialto_protocol::Scope;
use rialto_transports::http::tls::{self, Trust};
use rialto_transports::http::{Address, Counters, Limits, Names, Nothing, Settings, Token, WebListener};
use rialto_transports::websocket::WebSocketDialer;
use rialto_transports::{Again, Authenticator, Credential, DialError, Dialer, How, Identity, Listener, Peer, Refused, Stream};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Knows one token and every certificate.
struct One;

impl Authenticator for One {
    fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
        Err(Refused("not here".to_owned()))
    }

    fn verify(&self, credential: &Credential<'_>, _: Option<IpAddr>) -> Result<Identity, Refused> {
        match credential {
            Credential::Token("good") => Ok(Identity::new("uid:1/token", Scope::Eval)),
            Credential::Certificate(_) => Ok(Identity::new("uid:1/certificate", Scope::Eval)),
            _ => Err(Refused("this token opens nothing here".to_owned())),
        }
    }
}

fn settings() -> Settings {
    Settings {
        authenticator: Arc::new(One),
        tls: None,
        names: Names::default(),
        proxies: Vec::new(),
        routes: Arc::new(Nothing),
        last_word: |_| None,
        limits: Limits::default(),
        counters: Arc::default(),
    }
}

/// A listener that accepts, where it listens, and what comes of it.
struct Bridge {
    address: Address,
    came: mpsc::Receiver<(Stream, Peer)>,
    counters: Arc<Counters>,
    _accepts: JoinSet<()>,
}

async fn bridge(settings: Settings) -> Bridge {
    let counters = Arc::clone(&settings.counters);
    let mut listener = WebListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await.unwrap();
    let port = listener.address().unwrap().port();
    let (to, came) = mpsc::channel(16);
    let mut accepts = JoinSet::new();
    accepts.spawn(async move {
        loop {
            let _ = to.send(listener.accept().await).await;
        }
    });
    let token = Token::Text("good".to_owned());
    Bridge {
        address: Address { host: "127.0.0.1".to_owned(), port, token, ..Address::default() },
        came,
        counters,
        _accepts: accepts,
    }
}

impl Bridge {
    async fn meet(&mut self, address: &Address) -> (Stream, Stream, Peer) {
        let client = WebSocketDialer::new(address.clone()).dial().await.unwrap();
        let (server, peer) = self.came.recv().await.unwrap();
        (client, server, peer)
    }

    async fn refuses(&self, address: &Address) -> DialError {
        let Err(why) = WebSocketDialer::new(address.clone()).dial().await else { panic!("it was let in") };
        why
    }
}

/// A third of a megabyte in both directions at once.
async fn flood(client: Stream, server: Stream) {
    let data: Vec<u8> = (0..300_000_u32).map(|n| (n % 253) as u8).collect();
    let both = async |stream: Stream| {
        let (mut read, mut write) = tokio::io::split(stream);
        let mut got = vec![0; data.len()];
        let writes = async {
            write.write_all(&data).await.unwrap();
            write.flush().await.unwrap();
        };
        let (_, read) = tokio::join!(writes, read.read_exact(&mut got));
        read.unwrap();
        assert!(got == data);
    };
    tokio::join!(both(client), both(server));
}

/// What comes back for these bytes, to the end.
async fn says(address: &Address, request: &str) -> String {
    let mut stream = TcpStream::connect((address.host.as_str(), address.port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn who_has_a_token_is_let_in_and_known() {
    let mut bridge = bridge(settings()).await;
    let (client, server, peer) = bridge.meet(&bridge.address.clone()).await;
    assert_eq!(peer.how, How::WebSocket);
    assert_eq!(peer.identity.as_ref().unwrap().principal, "uid:1/token");
    flood(client, server).await;
    let wrong = Address { token: Token::Text("bad".to_owned()), ..bridge.address.clone() };
    let why = bridge.refuses(&wrong).await;
    assert!(why.to_string().contains("401: this token opens nothing here") && !why.to_string().contains("bad"), "{why}");
    assert_eq!(why.again, Again::Never);
    let none = Address { token: Token::None, ..bridge.address.clone() };
    assert!(bridge.refuses(&none).await.to_string().contains("nothing shows who you are"));
    assert_eq!(bridge.counters.refused.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_token_that_is_kept_elsewhere_is_asked_for_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let mut bridge = bridge(settings()).await;
    let read = file.clone();
    let token = Token::Asked(Arc::new(move || std::fs::read_to_string(&read).map(Some)));
    let address = Address { token, ..bridge.address.clone() };
    assert_eq!(bridge.refuses(&address).await.again, Again::Never);
    std::fs::write(&file, "good").unwrap();
    bridge.meet(&address).await;
}

#[tokio::test]
async fn a_page_and_a_name_that_are_not_ours_are_refused() {
    let bridge = bridge(settings()).await;
    let ask = async |more: &str| {
        let head = "GET /v1/ws HTTP/1.1\r\nSec-WebSocket-Protocol: rialto.v1, rialto.token.good\r\n";
        says(&bridge.address, &format!("{head}{UPGRADE}{more}\r\n")).await
    };
    let rebound = ask("Host: evil.example\r\n").await;
    assert!(rebound.starts_with("HTTP/1.1 403") && rebound.contains("not a name of this bridge"), "{rebound}");
    let page = ask("Host: localhost\r\nOrigin: https://evil.example\r\n").await;
    assert!(page.starts_with("HTTP/1.1 403") && page.contains("--allow-origin"), "{page}");
    let plain = says(&bridge.address, "GET /v1/ws HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer good\r\n\r\n").await;
    assert!(plain.starts_with("HTTP/1.0 426") || plain.starts_with("HTTP/1.1 426"), "{plain}");
    let other = "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: chat, rialto.token.good\r\n";
    let other = says(&bridge.address, &format!("{other}{UPGRADE}\r\n")).await;
    assert!(other.starts_with("HTTP/1.1 400") && other.contains("rialto.v1"), "{other}");
    let query = "GET /v1/ws?token=good HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: rialto.v1\r\n";
    let query = says(&bridge.address, &format!("{query}{UPGRADE}\r\n")).await;
    assert!(query.starts_with("HTTP/1.1 401") && query.contains("www-authenticate"), "{query}");
}

#[tokio::test]
async fn a_browser_shows_its_token_as_a_subprotocol_and_never_gets_it_back() {
    let mut bridge = bridge(settings()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", bridge.address.port)).await.unwrap();
    let head = "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: rialto.token.good, rialto.v1\r\n";
    stream.write_all(format!("{head}{}\r\n", UPGRADE.replace(", close", "")).as_bytes()).await.unwrap();
    let mut head = vec![0; 1024];
    let n = stream.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..n]).into_owned();
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("sec-websocket-protocol: rialto.v1\r\n"), "{head}");
    // As RFC 6455 works it out for this key.
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") && !head.contains("good"), "{head}");
    assert!(bridge.came.recv().await.is_some());
}

#[tokio::test]
async fn tls_is_believed_by_its_authority_or_by_its_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let own = tls::self_signed(folder.path(), &["bridge.example".to_owned()]).unwrap();
    let config = tls::server(&own.certificate, &own.key, None).unwrap();
    let mut bridge = bridge(Settings { tls: Some(config), ..settings() }).await;
    let plain = bridge.address.clone();
    let with = |trust| Address { secure: true, trust, ..plain.clone() };
    let pinned = with(Trust::Pinned(tls::pin(&own.fingerprint).unwrap()));
    let authority = with(Trust::Authorities(own.certificate.clone()));
    let other = with(Trust::Pinned([7; 32]));
    let (client, server, _) = bridge.meet(&pinned).await;
    flood(client, server).await;
    bridge.meet(&authority).await;
    let why = bridge.refuses(&other).await;
    assert!(why.to_string().contains("another certificate than the pinned one") && why.again == Again::Never, "{why}");
    // A machine that believes nobody is told what to do; one that believes the usual ones does not believe this.
    let why = bridge.refuses(&with(Trust::System)).await;
    assert!(why.to_string().contains("--tls-ca") && why.again == Again::Never, "{why}");
}

#[tokio::test]
async fn a_client_may_show_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let own = tls::self_signed(&folder.path().join("bridge"), &[]).unwrap();
    let theirs = tls::self_signed(&folder.path().join("client"), &[]).unwrap();
    let strange = tls::self_signed(&folder.path().join("stranger"), &[]).unwrap();
    let config = tls::server(&own.certificate, &own.key, Some(&theirs.certificate)).unwrap();
    let mut bridge = bridge(Settings { tls: Some(config), ..settings() }).await;
    let trust = Trust::Pinned(tls::pin(&own.fingerprint).unwrap());
    let with = |own: &tls::SelfSigned| Address {
        secure: true,
        trust: trust.clone(),
        certificate: Some((own.certificate.clone(), own.key.clone())),
        token: Token::None,
        ..bridge.address.clone()
    };
    let (ours, stranger) = (with(&theirs), with(&strange));
    let (client, server, peer) = bridge.meet(&ours).await;
    assert_eq!(peer.identity.unwrap().principal, "uid:1/certificate");
    flood(client, server).await;
    bridge.refuses(&stranger).await;
    // Without one, a token does.
    bridge.meet(&Address { certificate: None, token: Token::Text("good".to_owned()), ..ours }).await;
}

#[tokio::test]
async fn a_crowd_that_shows_nothing_keeps_nobody_out() {
    let limits = Limits { unproved: 8, ..Limits::default() };
    let mut bridge = bridge(Settings { limits, ..settings() }).await;
    let mut crowd = Vec::new();
    for n in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", bridge.address.port)).await.unwrap();
        if n % 2 == 0 {
            stream.write_all(b"GET /v1/ws HTT").await.unwrap();
        }
        crowd.push(stream);
    }
    let (client, server, _) = bridge.meet(&bridge.address.clone()).await;
    flood(client, server).await;
    assert!(bridge.counters.dropped.load(Ordering::Relaxed) >= 92);
    // Whoever was dropped hears of it.
    assert!(matches!(crowd[0].read(&mut [0; 16]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_head_without_end_ends() {
    let limits = Limits { handshake: Duration::from_millis(50), ..Limits::default() };
    let bridge = bridge(Settings { limits, ..settings() }).await;
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(64 * 1024));
    assert!(says(&bridge.address, &large).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert!(says(&bridge.address, &many).await.starts_with("HTTP/1.1 431"));
    // It ends although nothing more comes.
    let _ = says(&bridge.address, "GET / HTTP/1.1\r\nHost: ").await;
    let _ = says(&bridge.address, "").await;
}

//! What is sent slowly, or not to its end: what its sender is told, by JSON and by HTTP.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rialto_http::{Facade, Machine, Patience, last_word};
use rialto_transports::http::{Counters, Limits, Names, Settings, WebListener};
use rialto_transports::{Authenticator, Boxed, Credential, Identity, Listener, Peer, Refused, Scope, memory};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

struct Everybody;

impl Authenticator for Everybody {
    fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
        Err(Refused("not here".to_owned()))
    }

    fn verify(&self, _: &Credential<'_>, _: Option<IpAddr>) -> Result<Identity, Refused> {
        Ok(Identity::new("uid:1/token", Scope::Eval))
    }
}

struct Nowhere;

impl Machine for Nowhere {
    fn ready(&self) -> Boxed<'static, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn metrics(&self, _: &Identity) -> Boxed<'static, String> {
        Box::pin(async { String::new() })
    }
}

/// A port whose bridge takes everything and says nothing.
async fn port(patience: Patience) -> (SocketAddr, JoinSet<()>) {
    let (dialer, mut bridge) = memory::pair();
    let settings = Settings {
        authenticator: Arc::new(Everybody),
        tls: None,
        names: Names::default(),
        proxies: Vec::new(),
        routes: Arc::new(Facade::new(dialer, Arc::new(Nowhere)).patient(patience)),
        last_word,
        limits: Limits::default(),
        counters: Arc::new(Counters::default()),
    };
    let mut listener = WebListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await.unwrap();
    let at = listener.address().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            listener.accept().await;
        }
    });
    tasks.spawn(async move {
        let mut taken = JoinSet::new();
        loop {
            let (mut stream, _) = bridge.accept().await;
            taken.spawn(async move {
                let mut sink = [0; 4096];
                while stream.read(&mut sink).await.is_ok_and(|n| n > 0) {}
            });
        }
    });
    (at, tasks)
}

const SOON: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(3600);

/// A WebSocket of JSON.
async fn json(at: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = BufReader::new(TcpStream::connect(at).await.unwrap());
    let head = format!(
        "GET /v1/ws?session=lab HTTP/1.1\r\nHost: {at}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: rialto.json.v1\r\nAuthorization: Bearer x\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.contains(" 101 "), "{line}");
    while line.trim() != "" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    stream
}

/// The beginning of a text message of so many bytes.
async fn begin(stream: &mut BufReader<TcpStream>, all: u64, bytes: usize) {
    let mut frame = vec![0x81, 0xff];
    frame.extend_from_slice(&all.to_be_bytes());
    // Masked by nothing but zeros.
    frame.extend_from_slice(&[0; 4]);
    frame.resize(frame.len() + bytes, b' ');
    stream.write_all(&frame).await.unwrap();
}

/// What is said until it is closed: the last message, the close code, the reason. Pings are passed over.
async fn closed(stream: &mut BufReader<TcpStream>) -> (Value, u16, String) {
    let mut last = Value::Null;
    loop {
        let (kind, size) = (stream.read_u8().await.unwrap() & 15, stream.read_u8().await.unwrap());
        let size = if size == 126 { usize::from(stream.read_u16().await.unwrap()) } else { usize::from(size) };
        let mut body = vec![0; size];
        stream.read_exact(&mut body).await.unwrap();
        match kind {
            1 => last = serde_json::from_slice(&body).unwrap(),
            8 => return (last, u16::from_be_bytes([body[0], body[1]]), String::from_utf8(body[2..].to_vec()).unwrap()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_large_message_that_does_not_come_is_too_slow() {
    let (at, _tasks) = port(Patience { message: SOON, body: NEVER }).await;
    let mut stream = json(at).await;
    begin(&mut stream, 1_000_000, 200_000).await;
    let (said, code, reason) = closed(&mut stream).await;
    assert_eq!((&said["code"], &said["name"], &said["retryable"]), (&10.into(), &"too_slow".into(), &true.into()), "{said}");
    assert!(code == 4408 && reason.contains("did not come within"), "{code} {reason}");
}

#[tokio::test]
async fn what_takes_no_room_from_others_may_take_its_time() {
    let (at, _tasks) = port(Patience { message: SOON, body: NEVER }).await;
    let mut small = json(at).await;
    begin(&mut small, 50_000, 20_000).await;
    // As long as it took another one to be left, and that twice.
    for _ in 0..2 {
        let mut large = json(at).await;
        begin(&mut large, 1_000_000, 200_000).await;
        closed(&mut large).await;
    }
    small.write_all(&[b' '; 30_000]).await.unwrap();
    small.write_all(&[0x88, 0x82, 0, 0, 0, 0, 3, 232]).await.unwrap();
    // It has come, whole, and is nothing that can be read; which is said, and no end.
    let (said, code, _) = closed(&mut small).await;
    assert_eq!((&said["name"], code), (&"bad_message".into(), 1000), "{said}");
}

/// What is answered to this body, of which so much is announced.
async fn answered(at: SocketAddr, announced: usize, body: &[u8], ends: bool) -> (String, Value) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "POST /v1/sessions/lab/evals HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer x\r\nContent-Length: {announced}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    if ends {
        stream.shutdown().await.unwrap();
    }
    let mut stream = BufReader::new(stream);
    let (mut status, mut line) = (String::new(), String::from("-"));
    stream.read_line(&mut status).await.unwrap();
    let mut length = 0;
    while !line.trim().is_empty() {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
    }
    let mut said = vec![0; length];
    stream.read_exact(&mut said).await.unwrap();
    (status.split(' ').nth(1).unwrap_or_default().to_owned(), serde_json::from_slice(&said).unwrap())
}

#[tokio::test]
async fn a_body_that_does_not_come_is_too_slow_and_neither_too_large_nor_wrong() {
    let (at, _tasks) = port(Patience { message: NEVER, body: SOON }).await;
    let (status, said) = answered(at, 100, b"{\"code\":", false).await;
    assert_eq!((status.as_str(), &said["code"], &said["name"]), ("408", &10.into(), &"too_slow".into()), "{said}");
    assert_eq!(said["retryable"], true, "{said}");
}

#[tokio::test]
async fn a_body_is_too_large_only_where_it_is() {
    let (at, _tasks) = port(Patience { message: NEVER, body: NEVER }).await;
    let (status, said) = answered(at, 9_000_000, &vec![b' '; 8_500_000], false).await;
    assert_eq!((status.as_str(), &said["name"]), ("413", &"oversize".into()), "{said}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_message() {
    let (at, _tasks) = port(Patience { message: NEVER, body: NEVER }).await;
    let (status, said) = answered(at, 100, b"{\"code\":", true).await;
    assert_eq!((status.as_str(), &said["name"]), ("400", &"bad_message".into()), "{said}");
}

//! Hostile streams at a port of HTTP and WebSockets, each made from its seed: no HTTP, HTTP that is wrong, HTTP that smuggles;
//! WebSockets whose frames are wrong, whose JSON is wrong, whose bytes are no frames of ours; and TLS that is none.
#![allow(clippy::disallowed_methods)] // Its tasks end with the runtime of their test.

use super::words::{hostile, mutate};
use crate::dice::Dice;
use crate::hostile::stream::{self, Door, Known};
use crate::raw::Raw;
use rialto_transports::Stream;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// The bystander's.
pub(crate) const SESSION: &str = "work";

/// Believes everybody: what is tested is the other end.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A port, and how one comes in.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) number: u16,
    tls: Option<TlsConnector>,
}

impl Port {
    pub(crate) fn new(number: u16, secure: bool) -> Self {
        let tls = secure.then(|| {
            let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
            let builder = builder.with_safe_default_protocol_versions().unwrap().dangerous();
            TlsConnector::from(Arc::new(builder.with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth()))
        });
        Self { number, tls }
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.number)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Nothing: the port has dropped us before TLS was agreed on.
    pub(crate) async fn dial(&self) -> Option<Stream> {
        let stream = self.tcp().await;
        match &self.tls {
            None => Some(Box::new(stream)),
            Some(tls) => Some(Box::new(tls.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?)),
        }
    }

    /// A WebSocket whose handshake is over.
    pub(crate) async fn upgraded(&self, token: &str, subprotocol: &str, query: &str) -> Option<Stream> {
        let mut stream = self.dial().await?;
        let head = format!(
            "GET /v1/ws{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {subprotocol}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.ok()?);
        }
        answer.starts_with(b"HTTP/1.1 101").then_some(stream)
    }
}

/// A frame of a WebSocket, whatever its head says.
pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match body.len() {
        n @ 0..126 => bytes.push(0x80 | u8::try_from(n).unwrap()),
        n @ 126..0x1_0000 => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(n).unwrap().to_be_bytes());
        }
        n => {
            bytes.push(0xff);
            bytes.extend((n as u64).to_be_bytes());
        }
    }
    // A mask of nothing leaves the bytes as they are.
    bytes.extend([0; 4]);
    bytes.extend_from_slice(body);
    bytes
}

/// Plays the stream of a seed to its end. Gives what came back, by name: statuses, close codes, errors.
pub(crate) async fn play(seed: u64, port: Port, token: String, known: Known) -> BTreeSet<String> {
    let mut dice = Dice(seed);
    let mut answers = BTreeSet::new();
    match dice.below(8) {
        0 => raw_bytes(&mut dice, &port, &mut answers).await,
        1 => requests(&mut dice, &port, None, &mut answers).await,
        2 | 3 => requests(&mut dice, &port, Some(&token), &mut answers).await,
        4 => frames(&mut dice, &port, &token, "rialto.v1", &mut answers).await,
        5 => frames(&mut dice, &port, &token, "rialto.json.v1", &mut answers).await,
        6 => json(&mut dice, &port, &token, &mut answers).await,
        _ => {
            if let Some(stream) = port.upgraded(&token, "rialto.v1", "").await {
                let inner = Inner::of(stream);
                answers = stream::play_on(Raw::over(inner), dice, Door::Daemon, known).await;
            }
        }
    }
    answers
}

/// Binary messages as a stream of bytes: cut where they happen to be cut.
pub(crate) struct Inner;

impl Inner {
    pub(crate) fn of(outer: Stream) -> Stream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let (mut from, mut to) = tokio::io::split(outer);
            let (mut read, mut write) = tokio::io::split(theirs);
            let up = async {
                let mut chunk = vec![0; 8 * 1024];
                while let Ok(n @ 1..) = read.read(&mut chunk).await {
                    if to.write_all(&frame(0x82, &chunk[..n])).await.is_err() || to.flush().await.is_err() {
                        return;
                    }
                }
                let _ = to.write_all(&frame(0x88, &1000_u16.to_be_bytes())).await;
                let _ = to.flush().await;
                let _ = to.shutdown().await;
            };
            let down = async {
                while let Some((first, body)) = message(&mut from).await {
                    if first & 0x0f == 2 && write.write_all(&body).await.is_err() {
                        return;
                    }
                }
                let _ = write.shutdown().await;
            };
            tokio::join!(up, down)
        });
        Box::new(ours)
    }
}

/// The next frame of a server, which masks nothing.
pub(crate) async fn message(from: &mut (impl AsyncReadExt + Unpin)) -> Option<(u8, Vec<u8>)> {
    let first = from.read_u8().await.ok()?;
    let size = match from.read_u8().await.ok()? {
        126 => u64::from(from.read_u16().await.ok()?),
        127 => from.read_u64().await.ok()?,
        n => u64::from(n),
    };
    let mut body = vec![0; usize::try_from(size).unwrap()];
    from.read_exact(&mut body).await.ok()?;
    Some((first, body))
}

/// Writes it, maybe in pieces; some are gone without a word, the others listen to the end.
async fn send(dice: &mut Dice, mut stream: Stream, bytes: &[u8], answers: &mut BTreeSet<String>) {
    let piece = [usize::MAX, 7, 1000][usize::try_from(dice.below(3)).unwrap()].min(bytes.len().max(1));
    // A byte at a time is for the slow ones, and takes its time.
    let piece = if bytes.len() > 4096 { bytes.len() } else { piece };
    let (mut from, mut to) = tokio::io::split(&mut stream);
    let write = async |to: &mut WriteHalf<&mut Stream>| {
        for part in bytes.chunks(piece) {
            if to.write_all(part).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
    };
    if dice.below(4) == 0 {
        return write(&mut to).await;
    }
    // Whoever says at once that nothing more comes may have hung up, and is not answered.
    let patience = Duration::from_millis(if dice.below(2) == 0 { 0 } else { 100 });
    let mut said = Vec::new();
    let read = async {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut chunk).await {
            // An event stream never ends by itself.
            if said.len() < 64 * 1024 {
                said.extend_from_slice(&chunk[..n]);
            }
        }
    };
    let over = async {
        write(&mut to).await;
        super::slow::is_slow(patience).await;
        let _ = to.shutdown().await;
    };
    tokio::join!(over, read);
    let text = String::from_utf8_lossy(&said);
    let after = |part: &str, words: &str| {
        part.split(words).nth(1).map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
    };
    for line in text.split("HTTP/1.1 ").skip(1) {
        answers.insert(line.chars().take(3).collect());
    }
    for part in text.split("\"type\":\"error\"").skip(1) {
        answers.extend(after(part, "\"name\":\""));
    }
    if let [.., 0x88, _, a, b] = said.as_slice() {
        answers.insert(format!("close {}", u16::from_be_bytes([*a, *b])));
    } else if let Some(at) = said.windows(2).position(|pair| pair[0] == 0x88 && pair[1] < 126)
        && let Some(code) = said.get(at + 2..at + 4)
    {
        answers.insert(format!("close {}", u16::from_be_bytes([code[0], code[1]])));
    }
}

/// Below HTTP: nonsense, and records of TLS that are wrong.
async fn raw_bytes(dice: &mut Dice, port: &Port, answers: &mut BTreeSet<String>) {
    let garbage: Vec<u8> = (0..dice.below(3000)).map(|_| dice.bytes::<1>()[0]).collect();
    let bytes = match dice.below(4) {
        0 => garbage,
        // A record of TLS that announces as much as there can be, or a hello that is cut and changed.
        1 => [&[0x16, 3, 1, 0xff, 0xff, 1, 0, 0xff, 0xff][..], &garbage].concat(),
        2 => {
            let mut hello = HELLO.to_vec();
            mutate(dice, &mut hello);
            hello
        }
        _ => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".iter().copied().chain(garbage).collect(),
    };
    let stream: Stream = if dice.below(2) == 0 {
        Box::new(port.tcp().await)
    } else {
        match port.dial().await {
            Some(stream) => stream,
            None => return,
        }
    };
    send(dice, stream, &bytes, answers).await;
}

/// The beginning of a client's hello, TLS 1.3, as OpenSSL sends one; enough for the parser to go in.
const HELLO: &[u8] = b"\x16\x03\x01\x00\x7a\x01\x00\x00\x76\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x20bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\x00\x06\x13\x01\x13\x02\x13\x03\x01\x00\x00\x27\x00\x2b\x00\x03\x02\x03\x04\x00\x0a\x00\x04\x00\x02\x00\x1d\x00\x0d\x00\x04\x00\x02\x08\x04\x00\x33\x00\x02\x00\x00\x00\x00\x00\x06\x00\x04\x00\x00\x01a";

/// One to four requests on one connection, right and wrong.
async fn requests(dice: &mut Dice, port: &Port, token: Option<&str>, answers: &mut BTreeSet<String>) {
    let Some(stream) = port.dial().await else { return };
    let mut bytes = Vec::new();
    let temper = dice.below(3);
    for _ in 0..1 + dice.below(4) {
        let mut one = request(dice, token);
        if temper == 0 {
            mutate(dice, &mut one);
        }
        bytes.extend(one);
    }
    send(dice, stream, &bytes, answers).await;
}

fn pick<'a>(dice: &mut Dice, of: &[&'a str]) -> &'a str {
    of[usize::try_from(dice.below(of.len() as u64)).unwrap()]
}

fn request(dice: &mut Dice, token: Option<&str>) -> Vec<u8> {
    let word = hostile(dice);
    let escaped: String = word
        .iter()
        .take(3000)
        .map(|b| if b.is_ascii_alphanumeric() { char::from(*b).to_string() } else { format!("%{b:02X}") })
        .collect();
    // Wrong in one way at most, or the first one hides the others; mutated on top of it, sometimes.
    let wrong = dice.below(8);
    let mut method = pick(dice, &["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "CONNECT", "TRACE", "get", "G\u{e9}T"]);
    if wrong != 0 {
        method = pick(dice, &["GET", "POST"]);
    }
    let path = match dice.below(11) {
        0 => format!("/v1/sessions/{escaped}"),
        1 => format!("/v1/sessions/{escaped}/evals"),
        2 => format!("/v1/sessions/{SESSION}/evals/{escaped}"),
        // Not of the bystander's: whoever may do everything may interrupt it.
        3 => format!("/v1/sessions/{escaped}/requests?kernel={escaped}"),
        4 => format!("/v1/sessions/{SESSION}/events?after={escaped}&tail={escaped}"),
        5 => format!("/v1/stream/{escaped}/{}", dice.next()),
        6 => format!("/v1/ws?session={escaped}&kernel={escaped}"),
        7 => pick(
            dice,
            &[
                "/metrics",
                "/healthz",
                "/readyz",
                "/v1/sessions",
                "/v1/stream",
                "*",
                "/",
                "//v1//sessions",
                "/../../etc/passwd",
                "/%2e%2e/%2e%2e/etc/passwd",
                "http://evil.example/v1/sessions",
                "evil.example:443",
            ],
        )
        .to_owned(),
        8 => format!("/{}", String::from_utf8_lossy(&word)),
        9 => "/v1/sessions".to_owned(),
        _ => format!("/{}", "a".repeat(usize::try_from(dice.below(20_000)).unwrap())),
    };
    let body: Vec<u8> = match dice.below(6) {
        0 => Vec::new(),
        1 => word.clone(),
        2 => b"[".repeat(usize::try_from(dice.below(5_000)).unwrap()),
        3 => format!(
            "{{\"code\":{0},\"eval\":{0},\"re\":{1},\"re\":-1}}",
            serde_json::to_string(&String::from_utf8_lossy(&word)).unwrap(),
            dice.next()
        )
        .into_bytes(),
        4 => b"{\"type\":\"get_status\"}".to_vec(),
        _ => b"{\"a\":1e999999,\"b\":-0,\"c\":\"\\ud800\"}".to_vec(),
    };
    let framing = match if wrong == 1 { dice.below(6) } else { 9 } {
        0 => format!("Content-Length: {}\r\nContent-Length: {}\r\n", body.len(), body.len() + 5),
        1 => format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", body.len()),
        2 => "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
        3 => "Content-Length: 18446744073709551615\r\n".to_owned(),
        4 => format!("Content-Length: +{}\r\n", body.len()),
        5 => "Transfer-Encoding: xchunked\r\n".to_owned(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let hosts = [
        "127.0.0.1",
        "evil.example",
        "localhost.evil.example",
        "",
        "localhost\r\nHost: evil",
        "[::1",
        "a@localhost",
        "x:99999999",
    ];
    let host = if wrong == 2 { pick(dice, &hosts) } else { "localhost" };
    let more = match if wrong == 3 { dice.below(10) } else { 9 } {
        0 => format!("X: {}\r\n", "y".repeat(usize::try_from(dice.below(40_000)).unwrap())),
        1 => "A: b\r\n".repeat(usize::try_from(dice.below(200)).unwrap()),
        2 => "Origin: https://evil.example\r\n".to_owned(),
        3 => format!("Last-Event-ID: {escaped}\r\n"),
        4 => format!("Sec-WebSocket-Protocol: rialto.token.{escaped}, {escaped}\r\n"),
        5 => " folded: x\r\n\tand more\r\n".to_owned(),
        6 => "Name : value\r\nNoColon\r\n".to_owned(),
        7 => "Expect: 100-continue\r\nUpgrade: h2c\r\nConnection: upgrade\r\n".to_owned(),
        8 => "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: localhost\r\nForwarded: for=127.0.0.1\r\n".to_owned(),
        _ => String::new(),
    };
    let proof = match (token, u64::from(wrong != 4)) {
        (Some(token), 1..) => format!("Authorization: Bearer {token}\r\n"),
        (_, 0) => format!("Authorization: Bearer {escaped}\r\nAuthorization: Basic {escaped}\r\n"),
        _ => "Authorization: Bearer rlt_wrong\r\n".to_owned(),
    };
    let ends = if wrong == 5 { "\n" } else { "\r\n" };
    let head = format!(
        "{method} {path} HTTP/{}\r\nHost: {host}\r\n{proof}{more}{framing}\r\n",
        if wrong == 6 { pick(dice, &["1.0", "0.9", "9.9", ""]) } else { "1.1" }
    );
    [head.replace("\r\n", ends).into_bytes(), body].concat()
}

/// Frames of a WebSocket that are wrong.
async fn frames(dice: &mut Dice, port: &Port, token: &str, subprotocol: &str, answers: &mut BTreeSet<String>) {
    let query = if subprotocol == "rialto.v1" { "" } else { "?session=work&observe=1" };
    let Some(stream) = port.upgraded(token, subprotocol, query).await else { return };
    let mut bytes = Vec::new();
    for _ in 0..1 + dice.below(8) {
        let word = hostile(dice);
        match dice.below(12) {
            0 => bytes.extend([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
            1 => bytes.extend([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
            // Not masked.
            2 => bytes.extend([&[0x82, 4][..], b"abcd"].concat()),
            3 => bytes.extend(frame(0x83 + dice.bytes::<1>()[0] % 5, b"reserved")),
            4 => bytes.extend(frame(0xf2, b"reserved bits")),
            5 => bytes.extend(frame(0x89, &[b'p'; 200])),
            6 => bytes.extend([frame(0x02, b"begun"), frame(0x80, b"more"), frame(0x80, b"of nothing")].concat()),
            7 => bytes.extend(frame(0x81, &[0xff, 0xfe, 0xc0, 0x80])),
            8 => bytes.extend(frame(0x88, &[3])),
            9 => bytes.extend(frame(0x88, &[0, 5, 0xff])),
            10 => (0..200).for_each(|_| bytes.extend(frame(0x89, b"ping"))),
            _ => bytes.extend(frame(0x82, &word)),
        }
        if dice.below(4) == 0 {
            mutate(dice, &mut bytes);
        }
    }
    send(dice, stream, &bytes, answers).await;
}

/// JSON that is wrong, or right at the wrong time.
async fn json(dice: &mut Dice, port: &Port, token: &str, answers: &mut BTreeSet<String>) {
    let word = hostile(dice);
    let quoted = serde_json::to_string(&String::from_utf8_lossy(&word)).unwrap();
    let Some(stream) = port.upgraded(token, "rialto.json.v1", "?session=work").await else { return };
    let mut bytes = Vec::new();
    for _ in 0..1 + dice.below(10) {
        // What would end the bystander's work by right is left out.
        let kind = pick(
            dice,
            &[
                "submit",
                "attach",
                "detach",
                "credit",
                "get_eval",
                "get_status",
                "ping",
                "list",
                "hello",
                "welcome",
                "open",
                "greet",
                "close",
                "complete",
                "inspect",
                "input_reply",
                "event",
                "output",
                "no_such",
            ],
        );
        let mut text = match dice.below(8) {
            0 => "[".repeat(usize::try_from(dice.below(20_000)).unwrap()).into_bytes(),
            1 => format!("{{\"type\":\"{kind}\",\"re\":{},\"code\":{quoted},\"eval\":{quoted}}}", dice.next()).into_bytes(),
            2 => {
                format!("{{\"type\":\"{kind}\",\"re\":4294967296,\"after\":{quoted},\"tail\":-1,\"credit\":1e400}}").into_bytes()
            }
            3 => format!("{{\"type\":\"{kind}\",\"type\":\"hello\",\"channel\":0,\"max_frame\":0}}").into_bytes(),
            4 => word.clone(),
            5 => format!("{{\"type\":\"submit\",\"code\":\"1\",\"argv\":{}}}", "[\"x\",".repeat(200)).into_bytes(),
            6 => format!("{{\"type\":\"credit\",\"bytes\":{}}}", u64::MAX).into_bytes(),
            _ => format!("{{\"type\":\"{kind}\"}}").into_bytes(),
        };
        if dice.below(3) == 0 {
            mutate(dice, &mut text);
        }
        bytes.extend(frame(if dice.below(8) == 0 { 0x82 } else { 0x81 }, &text));
    }
    send(dice, stream, &bytes, answers).await;
}

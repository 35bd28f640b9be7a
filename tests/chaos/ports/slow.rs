//! Peers that say it a byte at a time, and never come to an end: at every point before they have shown who they are, and behind
//! a credential where somebody else could be kept waiting by it. The daemon leaves them; nobody else notices.

use super::machine::{Machine, Way, works};
use super::peer::{BANNER, Peer, offer};
use super::web::{self, Port, frame};
use crate::dice::Dice;
use crate::hostile::stream::Door;
use crate::world::play;
use rialto_protocol::frame::Header;
use rialto_transports::Stream;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

/// Between two bytes: no silence that anybody would notice by itself.
const DRIP: Duration = Duration::from_millis(200);
/// Of each kind at once.
const EACH: u64 = 4;

/// Somebody is slow.
pub(crate) async fn is_slow(stretch: Duration) {
    tokio::time::sleep(stretch).await;
}

/// Says these, and the last of them again and again, until the other side has hung up. Gives how many it took.
async fn drip(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, bytes: &[u8]) -> u64 {
    let mut said = 0;
    let mut chunk = [0; 4096];
    let last = bytes.last().copied().unwrap_or(b'a');
    let mut all = bytes.iter().copied().chain(std::iter::repeat(last));
    loop {
        let byte = all.next().unwrap();
        if stream.write_all(&[byte]).await.is_err() || stream.flush().await.is_err() {
            return said;
        }
        said += 1;
        tokio::select! {
            read = stream.read(&mut chunk) => if !matches!(read, Ok(1..)) { return said },
            () = is_slow(DRIP) => {}
        }
    }
}

async fn ssh(port: u16, stage: u64, seed: u64) -> u64 {
    let mut peer = Peer::dial(port, Dice(seed)).await;
    let bytes = match stage {
        0 => BANNER.to_vec(),
        1 => {
            let _ = peer.greet().await;
            let offer = offer(&mut peer.dice);
            peer.packet(&offer)
        }
        _ => {
            if peer.greet().await.is_none() || peer.agree().await.is_none() || peer.service().await.is_none() {
                return 0;
            }
            let proof = peer.proof(b"slow", &super::peer::key());
            peer.packet(&[proof, vec![0; 20_000]].concat())
        }
    };
    drip(peer.stream, &bytes).await
}

async fn web(port: Port, token: String, stage: u64) -> u64 {
    let head = format!("POST /v1/sessions/{}/evals HTTP/1.1\r\nHost: localhost\r\n", web::SESSION);
    match stage {
        // TLS itself, or a request's head where there is none.
        0 => drip(port.tcp().await, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaa").await,
        1 => match port.dial().await {
            Some(stream) => drip(stream, format!("{head}X: aaaa").as_bytes()).await,
            None => 0,
        },
        // Whoever has a token holds one of few seats while its code is read.
        2 => match port.dial().await {
            Some(mut stream) => {
                let all = format!("{head}Authorization: Bearer {token}\r\nContent-Length: 8000000\r\n\r\n");
                let _ = stream.write_all(all.as_bytes()).await;
                drip(stream, b"{\"code\":\"aaaa").await
            }
            None => 0,
        },
        // The first frame of ours, in a frame of a WebSocket.
        3 => match port.upgraded(&token, "rialto.v1", "").await {
            Some(stream) => drip(stream, &frame(0x82, &[7; 20_000])).await,
            None => 0,
        },
        // The first frame of ours, each of its bytes in a whole frame of a WebSocket.
        _ => match port.upgraded(&token, "rialto.v1", "").await {
            Some(stream) => slow_hello(web::Inner::of(stream)).await,
            None => 0,
        },
    }
}

/// A hello that announces twenty thousand bytes.
async fn slow_hello(stream: Stream) -> u64 {
    let header = Header { len: 20_000, kind: 1, flags: 0, channel: 0 }.encode();
    drip(stream, &header).await
}

async fn unix(socket: &Path) -> u64 {
    slow_hello(Box::new(UnixStream::connect(socket).await.unwrap())).await
}

#[test]
fn the_slow_are_left_and_nobody_waits_for_them() {
    play(async {
        let (mut plain, mut secure) = (Machine::new(Way::Ws).await, Machine::new(Way::Wss).await);
        let mut running = JoinSet::new();
        for machine in [&plain, &secure] {
            for n in 0..EACH {
                for stage in 0..3 {
                    running.spawn(ssh(machine.ssh, stage, n));
                }
                for stage in 0..5 {
                    running.spawn(web(machine.web.clone(), machine.token.clone(), stage));
                }
                for door in [Door::Daemon, Door::Stranger] {
                    let socket = machine.by.socket(door);
                    running.spawn(async move { unix(&socket).await });
                }
            }
        }
        let (mut left, mut bytes) = (0, 0);
        loop {
            tokio::select! {
                ended = running.join_next() => match ended {
                    Some(ended) => { left += 1; bytes += ended.unwrap(); }
                    None => break,
                },
                () = works(&mut plain.by) => {}
                () = works(&mut secure.by) => {}
            }
        }
        assert!(bytes > left * 10, "nobody was slow: {bytes} bytes of {left}");
        plain.close(left, "slow peers, ssh, ws, http", super::CEILING).await;
        secure.close(left, "slow peers, wss, https", super::CEILING).await;
    });
}

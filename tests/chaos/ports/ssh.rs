//! Hostile streams at the port of SSH, each made from its seed: at the greeting, before keys are agreed on, after that and before
//! anything is shown, and behind a key that opens.
#![allow(clippy::disallowed_methods)] // Its tasks end with the runtime of their test.

use super::peer::{self, BANNER, Peer, open, request, string};
use super::words::{hostile, mutate};
use crate::dice::Dice;
use crate::hostile::stream::{self, Door, Known};
use crate::raw::Raw;
use rialto_transports::Stream;
use ring::signature::Ed25519KeyPair;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Plays the stream of a seed to its end. Gives how far it came and what it was answered.
pub(crate) async fn play(seed: u64, port: u16, key: Arc<Ed25519KeyPair>, known: Known) -> BTreeSet<String> {
    let mut peer = Peer::dial(port, Dice(seed)).await;
    let stage = peer.dice.below(8);
    let mut answers = BTreeSet::new();
    let far = match stage {
        0 => greeting(&mut peer).await,
        1 | 2 => plain(&mut peer).await,
        3 | 4 => unproved(&mut peer, &key, &mut answers).await,
        5 | 6 => inside(&mut peer, &key, &mut answers).await,
        _ => {
            if let Some(stream) = subsystem(peer, &key).await {
                answers = stream::play_on(Raw::over(stream), Dice(seed ^ 0xabcd), Door::Daemon, known).await;
                answers.insert("was inside the subsystem".to_owned());
            }
            return answers;
        }
    };
    answers.insert(format!("stage {stage} {}", if far.is_some() { "to its end" } else { "was cut" }));
    if peer.dice.below(4) > 0 {
        // What is half written is no packet of ours to understand either: only its end counts.
        let _ = peer.stream.shutdown().await;
        let mut rest = Vec::new();
        let _ = peer.stream.read_to_end(&mut rest).await;
    }
    answers
}

async fn greeting(peer: &mut Peer) -> Option<()> {
    let word = hostile(&mut peer.dice);
    let bytes = match peer.dice.below(8) {
        0 => word,
        1 => [b"SSH-2.0-", &word[..], b"\r\n"].concat(),
        2 => b"SSH-1.99-old\r\n".to_vec(),
        3 => [b"SSH-2.0-".to_vec(), vec![b'x'; 100_000], b"\r\n".to_vec()].concat(),
        4 => b"before it\r\n".repeat(5_000),
        5 => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        6 => vec![0; 70_000],
        _ => [&[0x16, 3, 1, 2, 0][..], &word].concat(),
    };
    peer.bytes(&bytes).await
}

/// Packets that nobody has sealed yet.
async fn plain(peer: &mut Peer) -> Option<()> {
    if peer.dice.below(2) == 0 {
        peer.greet().await?
    } else {
        peer.bytes(&[BANNER, b"\r\n"].concat()).await?
    }
    for _ in 0..1 + peer.dice.below(6) {
        let word = hostile(&mut peer.dice);
        let offer = peer::offer(&mut peer.dice);
        let payload = match peer.dice.below(14) {
            0 => offer,
            1 | 2 => {
                let mut offer = offer;
                mutate(&mut peer.dice, &mut offer);
                offer
            }
            // Lists of thirty thousand names.
            3 => [&offer[..17], &(0..10).flat_map(|_| string(&b"a,".repeat(1_700))).collect::<Vec<_>>(), &[0; 5]].concat(),
            4 => [&[30][..], &string(&[0; 32])].concat(),
            5 => [&[30][..], &string(&[0xff; 32])].concat(),
            6 => [&[30][..], &string(&word)].concat(),
            7 => vec![21],
            8 => peer.proof(b"root", &peer::key()),
            9 => open(0, u32::MAX, u32::MAX),
            10 => [&[1, 0, 0, 0, 2][..], &string(&word), &string(b"")].concat(),
            11 => [&[2][..], &string(&word)].concat(),
            12 => Vec::new(),
            _ => [&[peer.dice.bytes::<1>()[0]][..], &word].concat(),
        };
        let mut packet = peer.packet(&payload[..payload.len().min(34_000)]);
        match peer.dice.below(8) {
            // A length that is announced and never comes; padding that is more than all of it.
            0 => packet[..4].copy_from_slice(
                &[[0xff; 4], [0x7f, 0xff, 0xff, 0xff], [0, 1, 0, 0], [0; 4]][usize::try_from(peer.dice.below(4)).unwrap()],
            ),
            1 => packet[4] = 0xff,
            2 => mutate(&mut peer.dice, &mut packet),
            _ => {}
        }
        peer.bytes(&packet).await?;
    }
    Some(())
}

/// Sealed, and nothing shown.
async fn unproved(peer: &mut Peer, key: &Ed25519KeyPair, answers: &mut BTreeSet<String>) -> Option<()> {
    peer.greet().await?;
    peer.agree().await?;
    if peer.dice.below(8) > 0 {
        peer.service().await?;
    }
    for _ in 0..1 + peer.dice.below(8) {
        let word = hostile(&mut peer.dice);
        let way = [&b"none"[..], b"password", b"keyboard-interactive", b"hostbased", b"gssapi-with-mic", &word]
            [usize::try_from(peer.dice.below(6)).unwrap()]
        .to_vec();
        let ask = |user: &[u8], way: &[u8], rest: &[u8]| {
            [&[50][..], &string(user), &string(b"ssh-connection"), &string(way), rest].concat()
        };
        let mut payload = match peer.dice.below(14) {
            0 | 1 => ask(&word, &way, &[&[0][..], &string(&word)].concat()),
            // Offered, and not proved.
            2 => ask(b"u", b"publickey", &[&[0][..], &string(b"ssh-ed25519"), &string(&peer::blob(key))].concat()),
            3 => ask(b"u", b"publickey", &[&[0][..], &string(&word), &string(&word)].concat()),
            4 => {
                let huge = [string(b"ssh-rsa"), string(&[1, 0, 1]), string(&[0x7f; 20_000])].concat();
                ask(b"u", b"publickey", &[&[1][..], &string(b"rsa-sha2-512"), &string(&huge), &string(&word)].concat())
            }
            5 => {
                let nothing = [string(b"ssh-rsa"), string(&[0]), string(&[0])].concat();
                ask(b"u", b"publickey", &[&[1][..], &string(b"rsa-sha2-256"), &string(&nothing), &string(&[0; 64])].concat())
            }
            6 => ask(b"u", b"publickey", &[&[0][..], &string(b"ssh-ed25519-cert-v01@openssh.com"), &string(&word)].concat()),
            // By the right key, but of another connection.
            7 => {
                let mut proof = peer.proof(b"u", key);
                let at = proof.len() - 1;
                proof[at] ^= 1;
                proof
            }
            8 => open(1, 0, 0),
            9 => [&[80][..], &string(b"tcpip-forward"), &[1], &string(b""), &[0; 4]].concat(),
            10 => request(0, b"exec", true, &string(b"id")),
            11 => peer::offer(&mut peer.dice),
            12 => [&[61, 0xff, 0xff, 0xff, 0xff][..], &word].concat(),
            _ => [&[peer.dice.bytes::<1>()[0]][..], &word].concat(),
        };
        if peer.dice.below(4) == 0 {
            mutate(&mut peer.dice, &mut payload);
        }
        let mut packet = peer.packet(&payload[..payload.len().min(34_000)]);
        if peer.dice.below(20) == 0 {
            mutate(&mut peer.dice, &mut packet);
        }
        peer.bytes(&packet).await?;
    }
    answers.extend(peer.leave().await.into_iter().map(|kind| format!("unproved: {kind}")));
    Some(())
}

/// Our number of a channel that is opened last.
const LAST: u32 = 0x4c41_5354;

/// Behind a key that opens: channels, and what is asked of them.
async fn inside(peer: &mut Peer, key: &Ed25519KeyPair, answers: &mut BTreeSet<String>) -> Option<()> {
    peer.enter(key).await?;
    answers.insert("was let in".to_owned());
    let channel = peer.channel().await?;
    // Half of them say nothing but what is well made, where it may be said.
    let temper = peer.dice.below(2);
    for _ in 0..1 + peer.dice.below(14) {
        let word = hostile(&mut peer.dice);
        let short = word[..word.len().min(3_000)].to_vec();
        let which = if temper == 0 && peer.dice.below(6) == 0 { u32::from_be_bytes(peer.dice.bytes()) } else { channel };
        let size: [u8; 8] = peer.dice.bytes();
        let mut payload = match peer.dice.below(if temper == 0 { 24 } else { 17 }) {
            0 => open(u32::from_be_bytes(peer.dice.bytes()), 0, if temper == 0 { 0 } else { 1 }),
            1 => open(1, u32::MAX, u32::MAX),
            2 => [&[90][..], &string(b"direct-tcpip"), &[0; 12], &string(&word), &size[..4], &string(&word), &size[4..]].concat(),
            3 => {
                [&[90][..], &string(b"direct-streamlocal@openssh.com"), &[0; 12], &string(&word), &string(b""), &[0; 4]].concat()
            }
            4 => [&[90][..], &string(&word), &[0; 12]].concat(),
            5 => request(which, b"env", true, &[string(b"LANG"), string(&word)].concat()),
            6 => request(which, b"env", true, &[string(&word), string(b"x")].concat()),
            7 => request(which, b"pty-req", true, &[&string(&short)[..], &size, &size, &string(&word)].concat()),
            8 => request(which, b"window-change", false, &[&size[..], &size].concat()),
            9 => request(which, b"signal", false, &string(&word)),
            // What would be started for each of these takes its time: an unclosed quote is refused before.
            10 => request(which, b"exec", true, &string(&[b"exec 'never closed ", &short[..]].concat())),
            11 => request(which, b"exec", true, &string(&vec![b'x'; 30_000])),
            12 => request(which, b"exec", true, &string(b"\xff\xfe\0")),
            13 => request(which, b"subsystem", true, &string(&word)),
            14 => request(which, &word, true, &word),
            21 => [&[93][..], &which.to_be_bytes(), &[0xff; 4]].concat(),
            22 => [&[94][..], &which.to_be_bytes(), &string(&vec![7; 30_000])].concat(),
            17 => [&[94][..], &which.to_be_bytes(), &[0xff; 4], b"short"].concat(),
            18 => [&[95][..], &which.to_be_bytes(), &size[..4], &string(&word)].concat(),
            19 => [&[96][..], &which.to_be_bytes()].concat(),
            20 => [&[97][..], &which.to_be_bytes()].concat(),
            15 => [&[80][..], &string(&word), &[1], &word].concat(),
            16 => [&[80][..], &string(b"tcpip-forward"), &[1], &string(&word), &size[..4]].concat(),
            _ => [&[peer.dice.bytes::<1>()[0]][..], &word].concat(),
        };
        if temper == 0 && peer.dice.below(4) == 0 {
            mutate(&mut peer.dice, &mut payload);
        }
        if peer.dice.below(16) == 0 {
            // New keys in the middle of it, or what looks like that.
            if temper > 0 { peer.agree().await? } else { peer.say(&[20, 1, 2, 3]).await? }
        }
        peer.say(&payload[..payload.len().min(34_000)]).await?;
    }
    // What the server has not answered when the connection ends it drops: the answer to this comes after all others.
    peer.say(&open(LAST, 1 << 20, 32 * 1024)).await?;
    while let Some(packet) = peer.hear().await {
        answers.insert(format!("inside: {}", packet.first().copied().unwrap_or_default()));
        if matches!(packet[..], [91 | 92, a, b, c, d, ..] if u32::from_be_bytes([a, b, c, d]) == LAST) {
            answers.insert("was answered to the last".to_owned());
            break;
        }
    }
    Some(())
}

/// The subsystem that carries our own protocol, as a stream of bytes.
pub(crate) async fn subsystem(peer: Peer, key: &Ed25519KeyPair) -> Option<Stream> {
    subsystem_of(peer, key, 1 << 20, 32 * 1024).await
}

/// The same, with a window and packets of these sizes. Whoever does not read it stops reading the socket.
pub(crate) async fn subsystem_of(mut peer: Peer, key: &Ed25519KeyPair, window: u32, packet: u32) -> Option<Stream> {
    peer.enter(key).await?;
    let channel = peer.channel_of(window, packet).await?;
    peer.say(&request(channel, b"subsystem", true, &string(b"rialto"))).await?;
    peer.expect(99).await?;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(theirs);
        let mut chunk = vec![0; 8 * 1024];
        let (mut said, mut heard) = (false, false);
        // Reading a packet must not be given up half way: the two directions are turns of one loop, a packet at a time.
        while !heard {
            let ready = async {
                let mut one = [0];
                peer.stream.peek(&mut one).await
            };
            tokio::select! {
                n = read.read(&mut chunk), if !said => match n {
                    Ok(n @ 1..) => {
                        let data = [&[94][..], &channel.to_be_bytes(), &string(&chunk[..n])].concat();
                        if peer.say(&data).await.is_none() { return }
                    }
                    _ => {
                        said = true;
                        if peer.say(&[&[96][..], &channel.to_be_bytes()].concat()).await.is_none() { return }
                    }
                },
                there = ready => {
                    if !matches!(there, Ok(1..)) { return }
                    let Some(packet) = peer.hear().await else { return };
                    match packet.first() {
                        Some(94) => {
                            if write.write_all(&packet[9..]).await.is_err() { return }
                            let more = u32::try_from(packet.len() - 9).unwrap().to_be_bytes();
                            if peer.say(&[&[93][..], &channel.to_be_bytes(), &more].concat()).await.is_none() { return }
                        }
                        Some(96 | 97 | 1) => heard = true,
                        _ => {}
                    }
                }
            }
        }
    });
    Some(Box::new(ours))
}

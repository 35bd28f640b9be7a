//! What one end writes the other reads, however the bytes come; and what nobody should write does no harm.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use rialto_jupyter_wire::zmtp::{self, NotZmtp, Reader, Received};

/// All that is received where the bytes come in pieces of these sizes, over and over.
fn received(reader: &mut Reader, bytes: &[u8], pieces: &[usize]) -> Result<Vec<Received>, NotZmtp> {
    let (mut all, mut rest, mut sizes) = (Vec::new(), bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let (mut piece, more) = rest.split_at((*sizes.next().unwrap()).clamp(1, rest.len()));
        rest = more;
        while let Some(one) = reader.read(&mut piece)? {
            all.push(one);
        }
        assert!(piece.is_empty());
    }
    Ok(all)
}

fn message(frames: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    zmtp::put(&mut out, frames);
    out
}

#[test]
fn a_hello_is_as_the_specification_has_it() {
    let hello = zmtp::hello("DEALER", b"me");
    assert_eq!(hello[..12], [0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 3, 0]);
    assert_eq!(&hello[12..17], b"NULL\0");
    assert_eq!(hello[64..66], [4, hello.len() as u8 - 66]);
    assert_eq!(&hello[66..], b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x02me");
    assert_eq!(received(&mut Reader::default(), &hello, &[1]).unwrap(), [Received::Ready("DEALER".to_owned())]);
}

#[test]
fn what_a_peer_may_announce_takes_no_memory() {
    let mut reader = Reader::default();
    received(&mut reader, &zmtp::hello("PUB", b""), &[64]).unwrap();
    // A frame of 2^63 bytes, of which nothing comes.
    assert_eq!(received(&mut reader, &[2, 0x7F, 255, 255, 255, 255, 255, 255, 255], &[9]).unwrap(), []);
    assert_eq!(received(&mut reader, &[7; 1000], &[100]).unwrap(), []);
}

#[test]
fn what_is_too_long_is_passed_over_and_said() {
    let mut reader = Reader::new(100);
    received(&mut reader, &zmtp::hello("PUB", b""), &[64]).unwrap();
    let long = message(&[b"a", b"bc", &[1; 99], b"d"]);
    let bytes = [long, message(&[b"next"])].concat();
    let wanted = [Received::TooLong(vec![b"a".to_vec(), b"bc".to_vec()], 103), Received::Message(vec![b"next".to_vec()])];
    for piece in [1, 7, 1000] {
        assert_eq!(received(&mut reader, &bytes, &[piece]).unwrap(), wanted);
    }
}

#[test]
fn what_is_no_zmtp_is_refused_and_stays_refused() {
    let refused = |bytes: &[u8]| received(&mut Reader::default(), bytes, &[1000]).unwrap_err().to_string();
    assert!(refused(&[b'G'; 64]).contains("ZMTP"));
    let mut greeting = zmtp::hello("PUB", b"");
    greeting[12..17].copy_from_slice(b"CURVE");
    assert!(refused(&greeting).contains("encryption"));
    let mut hello = zmtp::hello("PUB", b"");
    hello.extend([0x80, 0]);
    assert!(refused(&hello).contains("flags"));
    let mut hello = zmtp::hello("PUB", b"");
    hello.extend([6, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert!(refused(&hello).contains("command"));
    let mut reader = Reader::default();
    assert!(received(&mut reader, &[0; 64], &[64]).is_err());
    assert!(received(&mut reader, &zmtp::hello("PUB", b""), &[64]).is_err());
    let mut many = Reader::default();
    received(&mut many, &zmtp::hello("PUB", b""), &[64]).unwrap();
    assert!(
        received(&mut many, &message(&[[].as_slice(); zmtp::MAX_FRAMES + 1]), &[64]).unwrap_err().to_string().contains("frames")
    );
}

#[test]
fn a_ping_is_answered_with_what_it_brought() {
    let mut reader = Reader::default();
    received(&mut reader, &zmtp::hello("PUB", b""), &[64]).unwrap();
    let ping = b"\x04\x0b\x04PING\x00\x64word";
    let ping = &[&ping[..1], &[11], &ping[2..]].concat();
    assert_eq!(received(&mut reader, ping, &[3]).unwrap(), [Received::Ping(b"word".to_vec())]);
    let mut out = Vec::new();
    zmtp::pong(&mut out, b"word");
    assert_eq!(out, b"\x04\x09\x04PONGword");
}

proptest! {
    #[test]
    fn messages_come_back_however_they_are_cut(
        messages in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..5), 0..6),
        pieces in prop::collection::vec(1_usize..300, 1..8),
    ) {
        let mut bytes = zmtp::hello("ROUTER", b"x");
        for frames in &messages {
            zmtp::put(&mut bytes, &frames.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        let all = received(&mut Reader::default(), &bytes, &pieces).unwrap();
        let mut wanted = vec![Received::Ready("ROUTER".to_owned())];
        wanted.extend(messages.into_iter().map(Received::Message));
        prop_assert_eq!(all, wanted);
    }

    #[test]
    fn random_bytes_are_an_error_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..2000), after_hello in any::<bool>()) {
        let mut reader = Reader::new(1000);
        if after_hello {
            received(&mut reader, &zmtp::hello("PUB", b""), &[64]).unwrap();
        }
        let _ = received(&mut reader, &bytes, &[50]);
    }
}

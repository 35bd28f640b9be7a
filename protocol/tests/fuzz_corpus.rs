//! The function of the fuzz target `frames` over seeds, on stable: so that it cannot rot, and so that no crash it found comes back.
//!
//! `SEEDS=fuzz/corpus/frames cargo test -p rialto-protocol --test fuzz_corpus` writes the seeds there (from the root), to begin with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::consume::{Read, consume};
use common::recording;
use rialto_protocol::frame::{Header, IGNORABLE, MORE};
use rialto_protocol::{Code, Message};

/// As the fuzz target cuts and bounds.
const CEILING: usize = 1024 * 1024;

fn frame(kind: u8, flags: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    [Header { len: body.len() as u32, kind, flags, channel }.encode().as_slice(), body].concat()
}

/// Bytes that once were thought of, or found, to be dangerous; and what must come of them.
fn evil() -> Vec<(&'static str, Vec<u8>, Expected)> {
    use Expected::{Closed, Good, Refused};
    let list_of = |tag: u8, count: u32| [&[0x81, 0xa4][..], b"argv", &[tag], &count.to_be_bytes()].concat();
    vec![
        ("nothing", vec![], Good(0)),
        ("half a header", vec![1, 0, 0], Good(0)),
        ("a length of four gigabytes", vec![255, 255, 255, 255, 0x80, 0, 1, 0], Closed(Code::Oversize)),
        ("one byte over the default", vec![1, 0, 1, 0, 0x80, 0, 1, 0], Closed(Code::Oversize)),
        ("another protocol", b"GET / HTTP/1.1\r\nHost: example\r\n\r\n".to_vec(), Closed(Code::Oversize)),
        ("an empty submit", frame(0x80, 0, 1, b""), Refused(0x80)),
        ("a ping of seven bytes", frame(0x03, 0, 0, b"1234567"), Refused(0x03)),
        ("a kind of the future", frame(0x3f, IGNORABLE, 0, b"\xc1\xc1"), Good(1)),
        ("an event of the future", frame(0x7f, IGNORABLE, 1, &[0x94, 1, 2, 3, 0x80]), Good(1)),
        ("an event without a number", frame(0x7f, IGNORABLE, 1, &[0x90]), Refused(0x7f)),
        ("nesting without end", frame(0x80, 0, 1, &[0x91; 60_000]), Refused(0x80)),
        (
            "nesting in a field nobody knows",
            frame(0x0d, 0, 1, &[&[0x82, 0xa1, b'x'][..], &[0x91; 9_000], &[0xc0]].concat()),
            Refused(0x0d),
        ),
        ("a list of four billion", frame(0x80, 0, 1, &list_of(0xdd, u32::MAX)), Refused(0x80)),
        ("a text of four gigabytes", frame(0x80, 0, 1, &list_of(0xdb, u32::MAX)), Refused(0x80)),
        ("runs of four billion", frame(0x66, 0, 1, &[0x96, 1, 2, 3, 4, 0xc2, 0xdd, 255, 255, 255, 255]), Refused(0x66)),
        ("the same field twice", frame(0x0d, 0, 1, b"\x82\xa5bytes\x01\xa5bytes\x02"), Refused(0x0d)),
        ("a text that is no UTF-8", frame(0x05, 0, 0, b"\x81\xa6reason\xa2\xff\xfe"), Refused(0x05)),
        ("chunks that never end", frame(0x80, MORE, 1, &[0; 60_000]).repeat(20), Closed(Code::Oversize)),
        ("a chunk inside another's", [frame(0x80, MORE, 1, b"a"), frame(0x81, 0, 1, b"b")].concat(), Closed(Code::BadFrame)),
        (
            "empty chunks on every channel",
            (0..=u16::MAX).flat_map(|n| frame(0x80, MORE, n, b"")).collect(),
            Closed(Code::Oversize),
        ),
    ]
}

/// What must come of a seed.
#[derive(Debug)]
enum Expected {
    Good(usize),
    Refused(u8),
    Closed(Code),
}

fn as_expected(read: &Read, expected: &Expected) -> bool {
    match expected {
        Expected::Good(messages) => read.messages.len() == *messages && read.bad.is_empty() && read.closed.is_none(),
        Expected::Refused(kind) => read.bad == [(*kind, Code::BadMessage)] && read.messages.is_empty() && read.closed.is_none(),
        Expected::Closed(code) => read.closed == Some(*code) && read.messages.is_empty(),
    }
}

#[test]
fn what_was_dangerous_once_is_named_and_survived() {
    for (what, bytes, expected) in evil() {
        for piece in [1, 7, 4096, usize::MAX] {
            let read = consume(&bytes, &[piece; 1], CEILING);
            assert!(as_expected(&read, &expected), "{what}, cut every {piece}: wanted {expected:?}, came {read:?}");
        }
    }
}

#[test]
fn recorded_frames_are_all_read() {
    let all: Vec<u8> = recording::all().iter().flat_map(|r| r.frame.clone()).collect();
    for piece in 1..=255 {
        let read = consume(&all, &[piece], CEILING);
        assert_eq!((read.messages.len(), read.bad.len(), read.closed), (recording::all().len(), 0, None), "cut every {piece}");
        assert!(!read.messages.iter().any(|(_, message)| matches!(message, Message::Unknown { .. })));
    }
}

#[test]
fn the_seeds_can_be_written_for_the_fuzzer() {
    let kept = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("SEEDS").map_or_else(
        || kept.path().to_owned(),
        |folder| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder),
    );
    std::fs::create_dir_all(&folder).unwrap();
    let recorded = recording::all().into_iter().map(|r| (format!("{:02x}-{}", r.kind, r.case.replace(' ', "-")), r.frame));
    let evil = evil().into_iter().map(|(what, bytes, _)| (what.replace(' ', "-"), bytes));
    let seeds: Vec<_> = recorded.chain(evil).collect();
    for (name, bytes) in &seeds {
        // The first byte says how the target cuts the rest.
        std::fs::write(folder.join(name), [&[64], bytes.as_slice()].concat()).unwrap();
    }
    let names: std::collections::BTreeSet<_> = seeds.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), seeds.len(), "two seeds of one name");
}

//! Recorded bytes of contract 1. They are the promise to every client and bridge that was ever built: what they wrote is read as
//! they meant it, and what they read is written as they expect it.
//!
//! `RECORD=1 cargo test -p rialto-protocol --test recorded` writes the files of kinds that have none, from the examples in
//! `common/samples.rs`. It never changes a file that is there: where one of these tests fails, the code is wrong and not the file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{recording, samples};
use rialto_protocol::frame::{Decoder, Header};
use rialto_protocol::{Message, codec, kind};
use std::collections::BTreeSet;

fn decode(frame: &[u8]) -> (Header, Message) {
    let mut decoder = Decoder::default();
    decoder.push(frame);
    let (header, message) = {
        let (header, body) = decoder.next().unwrap().expect("a whole frame");
        (header, codec::decode(header, body).unwrap_or_else(|bad| panic!("{bad}")))
    };
    assert_eq!(decoder.pending(), 0, "more than one frame");
    (header, message)
}

/// What is recorded, after what is missing was written where that is asked for.
fn recorded() -> Vec<recording::Recorded> {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("RECORD").is_some() {
            record_what_is_missing();
        }
    });
    recording::all()
}

#[test]
fn every_kind_has_recorded_bytes() {
    let recorded: BTreeSet<(u8, String)> = recorded().into_iter().map(|r| (r.kind, r.name)).collect();
    let known: BTreeSet<(u8, String)> =
        Message::KINDS.iter().chain(kind::EVENTS).map(|(number, name)| (*number, (*name).to_owned())).collect();
    let missing: Vec<_> = known.difference(&recorded).collect();
    assert!(missing.is_empty(), "no recorded bytes; add an example to common/samples.rs and run with RECORD=1: {missing:?}");
    let gone: Vec<_> = recorded.difference(&known).collect();
    assert!(gone.is_empty(), "a number or name of contract 1 was taken back, and it was given for ever: {gone:?}");
}

fn record_what_is_missing() {
    let examples = samples::all();
    for (number, name) in Message::KINDS.iter().chain(kind::EVENTS) {
        let cases: Vec<_> = examples.iter().filter(|(of, ..)| of == name).map(|(_, _, case, message)| (*case, message)).collect();
        if !cases.is_empty() {
            // Refuses where the file is there: create_new is the promise.
            let path = recording::folder().join(format!("{number:02x}-{name}.txt"));
            if let Ok(mut file) = std::fs::File::create_new(path) {
                std::io::Write::write_all(&mut file, recording::write(name, *number, &cases).as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn recorded_bytes_read_as_they_were_meant() {
    for r in recorded() {
        let (header, message) = decode(&r.frame);
        assert_eq!(header.kind, r.kind, "{}: {}", r.file, r.case);
        assert_eq!(codec::to_json(&message), r.json, "{}: {}", r.file, r.case);
    }
}

#[test]
fn what_is_written_now_is_what_was_recorded() {
    for r in recorded() {
        let (header, message) = decode(&r.frame);
        let again = if kind::is_event(r.kind) { message } else { codec::from_json(r.json.clone()).unwrap() };
        let mut wire = Vec::new();
        codec::encode(&mut wire, header.channel, &again, 64 * 1024);
        assert_eq!(wire, r.frame, "{}: {}: the same message is written otherwise now", r.file, r.case);
    }
}

/// A full example names every field, so that a field that is renamed or reordered is seen.
#[test]
fn the_examples_are_what_is_recorded() {
    let recorded = recorded();
    for (name, _, case, message) in samples::all() {
        let r = recorded.iter().find(|r| r.name == name && r.case == case).unwrap_or_else(|| panic!("{name}: {case}"));
        assert_eq!(r.json, codec::to_json(&message), "{name}: {case}");
    }
}

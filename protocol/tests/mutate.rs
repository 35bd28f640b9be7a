//! What a hostile or broken peer can send: recorded dialogues, changed in their frames and inside their bodies, and arbitrary messages.
//! `common/consume.rs` reads them as a connection does and checks the ceilings along the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::consume::consume;
use common::pack::{Pack, wrong};
use common::{arbitrary, recording};
use proptest::prelude::*;
use rialto_protocol::frame::{self, HEADER, Header, MORE};
use rialto_protocol::{Code, Message, codec, kind, limits};
use std::collections::BTreeSet;

/// One session's day, all its frames small.
const DAY: &[&str] = &[
    "hello",
    "welcome",
    "open",
    "opened",
    "greet",
    "greeted",
    "attach",
    "attached",
    "created",
    "epoch_started",
    "life_started",
    "submit",
    "accepted",
    "output",
    "ping",
    "pong",
    "display",
    "asked",
    "input",
    "answered",
    "interrupt",
    "interrupting",
    "ended",
    "interrupt_answer",
    "credit",
    "gap",
    "submit",
    "eval_info",
    "status",
    "kill",
    "carried",
    "session_ended",
    "goaway",
];

/// How often each property is tried.
fn config() -> ProptestConfig {
    let cases = if std::env::var_os("RIALTO_LONG").is_some() { 20_000 } else { 600 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// One change to a list of frames. Places are taken modulo what is there.
#[derive(Debug, Clone)]
enum Change {
    Flip { frame: usize, bit: usize },
    Cut { frame: usize, at: usize },
    Twice { frame: usize },
    Swap { frame: usize, with: usize },
    Length { frame: usize, len: u32 },
    Kind { frame: usize, kind: u8 },
    More { frame: usize },
    Channel { frame: usize, channel: u16 },
    Junk { frame: usize, bytes: Vec<u8> },
}

fn change() -> impl Strategy<Value = Change> {
    let frame = any::<u16>().prop_map(usize::from);
    let lengths = prop_oneof![Just(0), Just(u32::MAX), Just(65_536), Just(65_537), any::<u32>(), 0u32..200];
    prop_oneof![
        (frame.clone(), any::<u16>()).prop_map(|(frame, bit)| Change::Flip { frame, bit: bit.into() }),
        (frame.clone(), any::<u16>()).prop_map(|(frame, at)| Change::Cut { frame, at: at.into() }),
        frame.clone().prop_map(|frame| Change::Twice { frame }),
        (frame.clone(), any::<u16>()).prop_map(|(frame, with)| Change::Swap { frame, with: with.into() }),
        (frame.clone(), lengths).prop_map(|(frame, len)| Change::Length { frame, len }),
        (frame.clone(), any::<u8>()).prop_map(|(frame, kind)| Change::Kind { frame, kind }),
        frame.clone().prop_map(|frame| Change::More { frame }),
        (frame.clone(), any::<u16>()).prop_map(|(frame, channel)| Change::Channel { frame, channel }),
        (frame, prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(frame, bytes)| Change::Junk { frame, bytes }),
    ]
}

/// Makes the change; gives the first frame that is not what it was.
fn apply(frames: &mut Vec<Vec<u8>>, change: Change) -> usize {
    let there = frames.len();
    // A frame that an earlier change cut to nothing has no byte to change.
    let byte = |frame: &mut Vec<u8>, at: usize, to: u8| {
        if let Some(place) = frame.get_mut(at) {
            *place = to;
        }
    };
    match change {
        Change::Flip { frame, bit } => {
            let (n, frame) = (frame % there, &mut frames[frame % there]);
            if !frame.is_empty() {
                let at = (bit / 8) % frame.len();
                frame[at] ^= 1 << (bit % 8);
            }
            n
        }
        Change::Cut { frame, at } => {
            let (n, frame) = (frame % there, &mut frames[frame % there]);
            frame.truncate(at % frame.len().max(1));
            n
        }
        Change::Twice { frame } => {
            let n = frame % there;
            frames.insert(n, frames[n].clone());
            n + 1
        }
        Change::Swap { frame, with } => {
            frames.swap(frame % there, with % there);
            (frame % there).min(with % there)
        }
        Change::Length { frame, len } => {
            len.to_le_bytes().into_iter().enumerate().for_each(|(at, to)| byte(&mut frames[frame % there], at, to));
            frame % there
        }
        Change::Kind { frame, kind } => {
            byte(&mut frames[frame % there], 4, kind);
            frame % there
        }
        Change::More { frame } => {
            byte(&mut frames[frame % there], 5, MORE);
            frame % there
        }
        Change::Channel { frame, channel } => {
            channel.to_le_bytes().into_iter().enumerate().for_each(|(at, to)| byte(&mut frames[frame % there], 6 + at, to));
            frame % there
        }
        Change::Junk { frame, bytes } => {
            frames.insert(frame % there, bytes);
            frame % there
        }
    }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever is done to frames: what came before is read as it was, how the bytes are cut makes no difference, the ceilings hold,
    /// and the connection closes with one of two codes or not at all.
    #[test]
    fn changed_frames_harm_nothing_before_them(
        changes in prop::collection::vec(change(), 1..8),
        pieces in prop::collection::vec(1usize..300, 0..40),
        ceiling in prop_oneof![Just(limits::MAX_EVENT), 0usize..2_000],
    ) {
        let whole = recording::dialogue(DAY);
        let before = consume(&whole.concat(), &[], ceiling);
        prop_assert_eq!((before.messages.len(), &before.closed), (DAY.len(), &None));
        let mut frames = whole;
        let untouched = changes.into_iter().map(|change| apply(&mut frames, change)).min().unwrap();
        let bytes = frames.concat();
        let read = consume(&bytes, &pieces, ceiling);
        prop_assert_eq!(&read.messages[..untouched], &before.messages[..untouched]);
        prop_assert!(matches!(read.closed, None | Some(Code::Oversize | Code::BadFrame)), "{:?}", read.closed);
        let at_once = consume(&bytes, &[], ceiling);
        prop_assert_eq!((&read.messages, &read.bad, read.closed), (&at_once.messages, &at_once.bad, at_once.closed));
    }

    /// Whatever is done inside one body: it is read as something, or refused under the name of its kind; the next frame never suffers.
    #[test]
    fn a_changed_body_is_read_or_refused_and_the_connection_lives(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), wrong()), 1..4),
    ) {
        let all = recording::all();
        let packed: Vec<_> = all.iter().filter(|r| r.kind != kind::PING && r.kind != kind::PONG).collect();
        let recorded = packed[which.index(packed.len())];
        let mut body = Pack::read(&recorded.frame[HEADER..]);
        for (place, wrong) in changes {
            let place = place.index(body.size());
            *body.at(place) = wrong;
        }
        let mut wire = Vec::new();
        frame::write(&mut wire, recorded.kind, 0, 1, &body.bytes(), limits::DEFAULT_MAX_FRAME);
        codec::encode(&mut wire, 2, &Message::Ping(*b"bystands"), limits::DEFAULT_MAX_FRAME);
        let read = consume(&wire, &[], limits::MAX_EVENT);
        prop_assert_eq!(read.closed, None);
        prop_assert_eq!(read.messages.last(), Some(&(2, Message::Ping(*b"bystands"))));
        prop_assert_eq!(read.messages.len() + read.bad.len(), 2);
        prop_assert!(read.bad.iter().all(|bad| *bad == (recorded.kind, Code::BadMessage)));
    }

    /// A newer build's fields, in any order, change nothing of what this one reads.
    #[test]
    fn unknown_fields_and_another_order_change_nothing(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        turn in any::<prop::sample::Index>(),
        deep in 0usize..8,
    ) {
        let all = recording::all();
        let packed: Vec<_> = all.iter().filter(|r| !matches!(r.kind, kind::PING | kind::PONG | kind::OUTPUT)).collect();
        let recorded = packed[which.index(packed.len())];
        let mut body = Pack::read(&recorded.frame[HEADER..]);
        if let Pack::List(items) = &mut body {
            items.push(Pack::text("newer"));
        }
        // An event's map is the fourth of its list, after three numbers.
        let Pack::Map(pairs) = body.at(if kind::is_event(recorded.kind) { 4 } else { 0 }) else { panic!("no map in {recorded:?}") };
        let newer = (0..deep).fold(Pack::text("green"), |inner, _| Pack::List(vec![inner]));
        pairs.insert(place.index(pairs.len() + 1), (Pack::text("a_newer_field"), newer));
        let by = turn.index(pairs.len());
        pairs.rotate_left(by);
        let header = Header { len: 0, kind: recorded.kind, flags: 0, channel: 1 };
        let read = codec::decode(header, &body.bytes()).unwrap();
        prop_assert_eq!(codec::to_json(&read), recorded.json.clone());
    }

    /// Every message comes back from the wire as it went, in frames of any size and however they are cut.
    #[test]
    fn what_is_written_is_what_is_read(
        sent in arbitrary::message(),
        max_frame in prop_oneof![limits::FLOOR_MAX_FRAME..=limits::DEFAULT_MAX_FRAME, Just(limits::DEFAULT_MAX_FRAME)],
        channel in any::<u16>(),
        pieces in prop::collection::vec(1usize..5_000, 0..20),
    ) {
        let mut wire = Vec::new();
        codec::encode(&mut wire, channel, &sent, max_frame);
        let read = consume(&wire, &pieces, limits::MAX_EVENT);
        prop_assert_eq!((&read.bad, read.closed), (&vec![], None));
        prop_assert_eq!(read.messages, vec![(channel, sent)]);
    }

    /// The JSON form of everything but events comes back too.
    #[test]
    fn the_json_form_comes_back(sent in arbitrary::message()) {
        let json = codec::to_json(&sent);
        if !matches!(sent, Message::Event(_)) {
            let text = serde_json::to_string(&json).unwrap();
            prop_assert_eq!(codec::from_json(serde_json::from_str(&text).unwrap()), Ok(sent));
        }
    }

    /// Any object as a request: a message or a sentence.
    #[test]
    fn any_json_is_a_message_or_a_sentence(
        which in any::<prop::sample::Index>(),
        field in any::<prop::sample::Index>(),
        wrong in prop_oneof![
            Just(serde_json::json!(null)), Just(serde_json::json!(-1)), Just(serde_json::json!([1])), Just(serde_json::json!({"a": {}})),
            Just(serde_json::json!("x".repeat(100_000))), Just(serde_json::json!(1e300)),
        ],
    ) {
        let all = recording::all();
        let mut json = all[which.index(all.len())].json.clone();
        let fields: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
        json[&fields[field.index(fields.len())]] = wrong;
        if let Err(why) = codec::from_json(json) {
            prop_assert!(!why.is_empty() && why.len() < 1_000, "{}", why);
        }
    }
}

/// The connection that ends in the middle of anything: what was whole is read, and nothing else.
#[test]
fn cut_at_every_byte_the_whole_frames_are_read() {
    let frames = recording::dialogue(&["hello", "greet", "submit", "accepted", "output", "ended", "goaway"]);
    let bytes = frames.concat();
    let ends: Vec<usize> = frames
        .iter()
        .scan(0, |end, frame| {
            *end += frame.len();
            Some(*end)
        })
        .collect();
    for cut in 0..bytes.len() {
        let read = consume(&bytes[..cut], &[], limits::MAX_EVENT);
        assert_eq!(read.messages.len(), ends.iter().filter(|end| **end <= cut).count(), "cut after {cut}");
        assert_eq!((read.bad.len(), read.closed), (0, None), "cut after {cut}");
    }
}

/// A connection that lives long: what is done with is let go of, in the decoder and in the assembler.
#[test]
fn a_long_connection_holds_no_more_than_a_short_one() {
    let mut wire = Vec::new();
    let submit = recording::dialogue(&["submit"]).concat();
    for n in 0..2_000u16 {
        frame::write(&mut wire, 0x80, 0, 1 + n % 3, &submit[HEADER..], 64);
    }
    // Every piece ends a byte before a message does, so that there is always a rest.
    let message = wire.len() / 2_000;
    let read = consume(&wire, &[message - 1, 5 * message], 4 * submit.len());
    assert_eq!((read.messages.len(), read.bad.len(), read.closed), (2_000, 0, None));
}

/// The strategies leave no kind out.
#[test]
fn every_kind_has_its_turn() {
    let rolled: BTreeSet<u8> = (0..=u8::MAX).map(|pick| arbitrary::any_message(pick, &mut arbitrary::Dice(&[])).kind()).collect();
    let left_out: Vec<_> = Message::KINDS.iter().chain(kind::EVENTS).filter(|(number, _)| !rolled.contains(number)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

/// The tree reads and writes what the codec does, or the changes above would prove nothing.
#[test]
fn the_tree_is_faithful() {
    for recorded in recording::all().iter().filter(|r| r.kind != kind::PING && r.kind != kind::PONG) {
        let tree = Pack::read(&recorded.frame[HEADER..]);
        let header = Header { len: 0, kind: recorded.kind, flags: 0, channel: 1 };
        assert_eq!(codec::to_json(&codec::decode(header, &tree.bytes()).unwrap()), recorded.json, "{}", recorded.file);
    }
}

//! The link breaks at every byte of a dialogue, and nobody notices.

use crate::world::{World, eval_id, interrupt, request_id, submit};
use proptest::prelude::*;
use rialto_client::protocol::event::Event;
use rialto_client::protocol::message::{Input, Mutate, Redact};
use rialto_client::protocol::{Bytes, Message};
use rialto_client::{Core, Incoming, Start};
use std::collections::BTreeMap;

/// Two evals, one with code and a display too long for a frame; when the first ends, an input, an interrupt and a redact;
/// when the second ends, a third.
fn react(core: &mut Core, incoming: &Incoming) {
    let Incoming::Event(record) = incoming else { return };
    let Event::Ended(ended) = &record.event else { return };
    if ended.n == 1 {
        let input = Input { re: 0, id: request_id(1), life: None, ask: 1, data: Bytes::from("yes"), eof: false };
        core.send(Message::Input(input)).unwrap();
        core.send(interrupt(2, 2)).unwrap();
        core.send(Message::Redact(Redact { re: 0, id: request_id(3), eval: eval_id(1) })).unwrap();
        core.send(Message::Restart(Mutate { re: 0, id: request_id(4) })).unwrap();
    } else if ended.n == 2 {
        core.send(submit(3, "three")).unwrap();
    }
}

fn dialogue(cuts: Vec<usize>, piece: usize) -> World {
    let mut world = World::new(Start::After(None));
    world.bridge.display = 9_000;
    world.cuts = cuts;
    world.piece = piece;
    world.react = react;
    world.send(submit(1, "one"));
    world.send(submit(2, &"two".repeat(1_800)));
    world.run();
    world
}

/// Everything that must hold however often the link broke.
fn check(world: &World) {
    assert_eq!(world.events(), world.bridge.journal, "each event once, in order, whole");
    assert_eq!(world.bridge.ran, vec![eval_id(1), eval_id(2), eval_id(3)], "each eval ran once");
    let mut answers = BTreeMap::new();
    for (ticket, answer) in world.answers() {
        assert!(answer.is_ok(), "{answer:?}");
        assert!(answers.insert(ticket, answer).is_none(), "answered twice");
    }
    assert_eq!(answers.len(), 7, "every request was answered");
    assert!(world.core.snapshot().requests.is_empty());
    assert_eq!(world.core.cursor().map(|c| c.seq), Some(world.bridge.head()));
    assert_eq!(world.core.counters().faults, 0);
}

#[test]
fn a_cut_at_any_byte_loses_nothing_and_repeats_nothing() {
    let whole = dialogue(vec![], usize::MAX);
    check(&whole);
    assert_eq!(whole.reconnects(), 0);
    assert!(whole.moved > 15_000, "the dialogue is too short to prove anything: {} bytes", whole.moved);
    for at in 0..whole.moved {
        let world = dialogue(vec![at], usize::MAX);
        assert_eq!(world.reconnects(), 1, "cut at {at}");
        check(&world);
    }
}

#[test]
fn a_cut_behind_the_last_byte_changes_nothing() {
    let whole = dialogue(vec![], usize::MAX);
    let world = dialogue(vec![whole.moved], usize::MAX);
    assert_eq!(world.seen, whole.seen);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_number_of_cuts_in_any_pieces(cuts in prop::collection::vec(0usize..12_000, 0..12), piece in 1usize..5_000) {
        let world = dialogue(cuts, piece);
        check(&world);
    }

    #[test]
    fn a_caller_that_reads_now_and_then_sees_the_same(
        cuts in prop::collection::vec(0usize..12_000, 0..6),
        reads in prop::collection::vec(any::<bool>(), 1..50),
    ) {
        let mut world = World::new(Start::After(None));
        world.bridge.display = 20_000;
        world.react = react;
        world.cuts = cuts;
        world.send(submit(1, "one"));
        world.send(submit(2, &"two".repeat(1_800)));
        for reads in reads {
            world.reads = reads;
            world.step();
        }
        world.reads = true;
        world.run();
        check(&world);
    }
}

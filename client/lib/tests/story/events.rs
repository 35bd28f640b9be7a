//! What the caller sees of events: each once, in order, and every hole by its name.

use crate::world::{World, eval_id, options, submit};
use rialto_client::protocol::event::{EpochStarted, Event};
use rialto_client::protocol::message::{Gap, Rewound};
use rialto_client::protocol::{Code, Cursor, Message};
use rialto_client::{Incoming, Start};

fn world_with(events: u64) -> World {
    let mut world = World::new(Start::After(None));
    for n in 0..events {
        world.bridge.output(&format!("line {n}"));
    }
    world
}

#[test]
fn an_event_that_comes_twice_is_seen_once() {
    let mut world = world_with(3);
    world.run();
    let again = Message::Event(world.bridge.journal[1].clone());
    world.say(1, &again);
    world.run();
    assert_eq!(world.seqs(), [1, 2, 3]);
    assert_eq!(world.core.counters().duplicates, 1);
    assert_eq!(world.reconnects(), 0);
}

#[test]
fn a_hole_nobody_announced_is_mended_by_asking_again() {
    let mut world = world_with(3);
    world.run();
    for n in 0..3 {
        world.bridge.output(&format!("later {n}"));
    }
    let early = Message::Event(world.bridge.journal[5].clone());
    world.say(1, &early);
    world.run();
    assert_eq!(world.seqs(), [1, 2, 3, 4, 5, 6]);
    assert_eq!((world.core.counters().faults, world.reconnects()), (1, 1));
}

#[test]
fn a_bridge_that_skips_again_and_again_is_left() {
    let mut world = world_with(3);
    world.run();
    world.bridge.output("4");
    world.bridge.output("5");
    let skipping = Message::Event(world.bridge.journal[4].clone());
    world.bridge.journal.truncate(3);
    for _ in 0..20 {
        world.say(1, &skipping);
        world.run();
    }
    assert_eq!(world.closed_with(), Some(Code::WrongState));
    assert_eq!(world.seqs(), [1, 2, 3]);
}

#[test]
fn what_retention_trimmed_is_said_once_and_then_it_goes_on() {
    let mut world = world_with(10);
    world.bridge.trimmed = 6;
    world.run();
    assert!(world.seen.contains(&Incoming::Gap(Gap { from: 1, to: 6 })));
    assert_eq!(world.seqs(), [7, 8, 9, 10]);
    world.cut();
    world.run();
    assert_eq!(world.seen.iter().filter(|i| matches!(i, Incoming::Gap(_))).count(), 1);
}

#[test]
fn a_future_that_was_lost_is_said_and_what_replaced_it_is_seen() {
    for silent in [false, true] {
        let mut world = world_with(10);
        world.run();
        world.conn = None;
        world.core.lost(world.now, rialto_client::protocol::ErrorReply::new(0, Code::Disconnected, "power"));
        world.bridge.journal.truncate(6);
        world.bridge.epoch = 4;
        world.bridge.common = 6;
        world.bridge.silent_rewind = silent;
        world.bridge.record(Event::EpochStarted(EpochStarted { epoch: 4 }));
        world.bridge.output("other");
        world.run();
        assert_eq!(world.seqs(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 7, 8], "silent: {silent}");
        let said = world.seen.iter().position(|i| *i == Incoming::Rewound(Rewound { epoch: 4, seq: 6 }));
        let first = world.seen.iter().rposition(|i| matches!(i, Incoming::Event(r) if r.seq == 7));
        assert!(said.is_some() && said < first, "silent: {silent}");
        assert_eq!(world.core.cursor(), Some(Cursor { epoch: 4, seq: 8 }));
    }
}

#[test]
fn the_cursor_takes_the_new_epoch_with_its_first_event() {
    let mut world = world_with(2);
    world.run();
    assert_eq!(world.core.cursor(), Some(Cursor { epoch: 1, seq: 2 }));
    world.cut();
    world.bridge.epoch = 2;
    world.run();
    assert_eq!(world.core.cursor(), Some(Cursor { epoch: 1, seq: 2 }), "nothing happened in it yet");
    world.bridge.record(Event::EpochStarted(EpochStarted { epoch: 2 }));
    world.run();
    assert_eq!(world.core.cursor(), Some(Cursor { epoch: 2, seq: 3 }));
}

#[test]
fn an_event_of_a_newer_contract_is_counted() {
    let mut world = world_with(1);
    world.bridge.record(Event::Unknown(0x7f));
    world.bridge.output("after");
    world.run();
    assert_eq!(world.seqs(), [1, 2, 3]);
}

#[test]
fn a_start_at_the_tail_or_at_an_eval_sees_only_that_also_after_a_cut() {
    let mut world = World::new(Start::Tail(2));
    for n in 0..5 {
        world.bridge.output(&format!("{n}"));
    }
    world.run();
    assert_eq!(world.seqs(), [4, 5]);
    world.cut();
    world.bridge.output("live");
    world.run();
    assert_eq!(world.seqs(), [4, 5, 6]);

    let mut first = World::new(Start::After(None));
    first.send(submit(1, "one"));
    first.send(submit(2, "two"));
    first.run();
    let mut world = World::with(options(Start::Eval(eval_id(2))));
    world.bridge = first.bridge;
    world.run();
    assert_eq!(world.seqs(), [4, 5, 6]);
}

#[test]
fn a_value_far_larger_than_the_window_arrives_whole() {
    let mut world = World::new(Start::After(None));
    world.bridge.display = 3_000_000;
    world.send(submit(1, &"x".repeat(200)));
    world.send(submit(2, &"y".repeat(200)));
    world.run();
    assert_eq!(world.events(), world.bridge.journal);
}

#[test]
fn a_caller_that_does_not_read_stops_the_events_and_nothing_else() {
    let mut world = world_with(0);
    for n in 0..2_000 {
        world.bridge.output(&format!("a line that is long enough to fill a window sooner or later: {n}"));
    }
    world.reads = false;
    world.run();
    let sent_unread = world.moved;
    assert!(sent_unread < 20_000, "the window is 8 KiB, and {sent_unread} bytes came");
    let ticket =
        world.send(Message::IsComplete(rialto_client::protocol::message::At { re: 0, code: "x".into(), cursor: 1, detail: 0 }));
    world.core.claim(ticket);
    world.run();
    assert!(matches!(world.core.take_answer(ticket), Some(Ok(Message::Completeness(_)))));
    world.reads = true;
    world.run();
    assert_eq!(world.events(), world.bridge.journal);
}

#[test]
fn a_bridge_that_ignores_credit_is_left() {
    let mut world = world_with(0);
    world.reads = false;
    world.run();
    for n in 0..1_000 {
        world.bridge.output(&format!("a flood, and nobody asked for it: {n}"));
    }
    world.conn.as_mut().unwrap().credit = 1_000_000;
    world.step();
    assert_eq!(world.core.counters().faults, 1);
}

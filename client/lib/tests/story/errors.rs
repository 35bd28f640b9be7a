//! A bridge that is none, is broken, or says no.

use crate::world::{World, eval_id, open, options, request_id, submit};
use rialto_client::protocol::frame::Header;
use rialto_client::protocol::message::{Create, Hello, Notice, Open, Welcome};
use rialto_client::protocol::{Code, ErrorReply, Message};
use rialto_client::{Incoming, Keepalive, Options, Policy, Start};
use std::time::Duration;

/// A link is there, and nothing was said on it.
fn fresh() -> World {
    linked(options(Start::After(None)))
}

fn linked(options: Options) -> World {
    let mut world = World::with(options);
    let open = world.core.wants_link(world.now).unwrap();
    world.core.linked(world.now, None, open, false);
    world
}

#[test]
fn what_an_old_bridge_would_pass_over_is_not_asked_of_it() {
    let with_venv = || {
        let mut create = Create::new(request_id(1), "python".to_owned());
        create.setup.venv = Some("/v".to_owned());
        Open { create: Some(create), ..open() }
    };
    let mut old = World::opening(with_venv(), options(Start::After(None)));
    old.send(submit(2, "must not run"));
    old.run();
    let why = old.core.closed().expect("it is over").text.clone();
    assert!(why.contains("too old for --venv"), "{why}");
    assert!(old.bridge.opens.is_empty() && old.bridge.ran.is_empty(), "nothing was begun");
    let mut new = World::opening(with_venv(), options(Start::After(None)));
    new.bridge.features = vec!["setup".to_owned()];
    new.send(submit(2, "runs"));
    new.run();
    assert_eq!(new.bridge.ran, [eval_id(2)]);
    assert_eq!(new.conn.as_ref().unwrap().hello.as_ref().unwrap().features, ["setup"]);
    // What was made is only looked for when the link is lost.
    new.bridge.features.clear();
    new.cut();
    new.send(submit(3, "runs as well"));
    new.run();
    assert_eq!(new.bridge.ran, [eval_id(2), eval_id(3)]);
}

#[test]
fn a_web_server_is_recognised_as_no_bridge() {
    let mut world = fresh();
    let ticket = world.send(submit(1, "x"));
    world.core.received(world.now, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let why = world.core.closed().unwrap();
    assert_eq!(why.known(), Some(Code::Oversize));
    assert!(why.text.contains("does not speak Rialto"), "{why}");
    world.run();
    assert!(matches!(&world.answers()[..], [(t, Err(_))] if *t == ticket));
    assert!(world.core.send(submit(2, "y")).is_err(), "it is over");
    assert_eq!(world.core.next_incoming(), world.seen.last().cloned(), "and says so for ever");
}

#[test]
fn a_side_that_begins_with_anything_but_a_welcome_is_no_bridge() {
    let mut world = fresh();
    world.say(0, &Message::Hello(Hello::default()));
    assert_eq!(world.closed_with(), Some(Code::BadFrame));
    assert!(world.core.closed().unwrap().text.contains("hello"));
}

#[test]
fn no_contract_in_common_is_final_whoever_finds_out() {
    let mut world = fresh();
    world.say(0, &Message::Welcome(Welcome { contract: 9, ..Welcome::default() }));
    assert_eq!(world.closed_with(), Some(Code::NoCommonContract));
    let mut world = fresh();
    world.say(0, &Message::Error(ErrorReply::new(0, Code::NoCommonContract, "too old")));
    assert_eq!(world.closed_with(), Some(Code::NoCommonContract));
}

#[test]
fn garbage_after_the_welcome_costs_the_link_and_at_last_the_handle() {
    let mut world = World::new(Start::After(None));
    world.bridge.output("one");
    world.run();
    for garbage in [&[0xff; 8][..], &Header { len: 2, kind: 0x6c, flags: 0, channel: 1 }.encode()] {
        world.core.received(world.now, garbage);
        world.core.received(world.now, b"zz");
        assert!(!world.core.has_link() && world.core.closed().is_none());
        world.conn = None;
        world.run();
    }
    assert_eq!(world.seqs(), [1], "and nothing was lost or repeated");
    while world.core.closed().is_none() {
        world.core.received(world.now, &[0xff; 8]);
        world.conn = None;
        world.run();
    }
    assert_eq!((world.closed_with(), world.core.counters().faults), (Some(Code::Oversize), 5));
}

#[test]
fn an_error_page_of_something_in_between_is_survived() {
    let mut world = World::new(Start::After(None));
    world.run();
    world.cut();
    let at = world.core.deadline().unwrap();
    let open = world.core.wants_link(at).unwrap();
    world.core.linked(at, None, open, true);
    world.core.received(at, b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
    assert!(world.core.closed().is_none());
    world.bridge.output("still there");
    world.run();
    assert_eq!(world.seqs(), [1]);
}

#[test]
fn an_answer_of_the_wrong_kind_is_a_fault() {
    let mut world = World::new(Start::After(None));
    world.bridge.mute = true;
    world.send(submit(1, "x"));
    world.run();
    let re = crate::bridge::re_of(&world.bridge.heard[0]);
    world.say(1, &Message::Carried(rialto_client::protocol::message::Carried { re, seq: 1 }));
    assert_eq!(world.core.counters().faults, 1);
    world.bridge.mute = false;
    world.run();
    assert_eq!(world.answers().len(), 1);
}

#[test]
fn an_unknown_message_is_answered_by_name_and_the_link_lives() {
    let mut world = World::new(Start::After(None));
    world.run();
    world.say(1, &Message::Unknown { kind: 0x3f, ignorable: false });
    world.say(1, &Message::Unknown { kind: 0x3e, ignorable: true });
    world.say(1, &Message::Notice(Notice { what: "stalled".into(), text: "disk full".into(), events: 0 }));
    world.run();
    let errors: Vec<_> = world.bridge.heard.iter().filter(|m| matches!(m, Message::Error(_))).collect();
    assert!(matches!(errors[..], [Message::Error(e)] if e.text.contains("0x3f") && e.known() == Some(Code::UnknownMessage)));
    assert!(matches!(world.seen.last(), Some(Incoming::Notice(_))));
    assert_eq!(world.reconnects(), 0);
}

#[test]
fn a_session_that_cannot_be_reached_now_is_tried_again_and_one_that_is_not_there_is_not() {
    let mut world = World::new(Start::After(None));
    world.bridge.shut = Some(ErrorReply::new(0, Code::Unreachable, "starting"));
    world.send(submit(1, "x"));
    for _ in 0..10 {
        world.step();
    }
    assert!(world.reconnects() > 2 && world.core.closed().is_none());
    world.bridge.shut = None;
    world.run();
    assert_eq!(world.answers().len(), 1);

    let mut world = World::new(Start::After(None));
    world.bridge.shut = Some(ErrorReply::new(0, Code::UnknownSession, "no session \"work\""));
    world.send(submit(1, "x"));
    world.run();
    assert_eq!(world.closed_with(), Some(Code::UnknownSession));
    assert!(matches!(&world.answers()[..], [(_, Err(why))] if why.known() == Some(Code::UnknownSession)));
}

#[test]
fn it_gives_up_after_the_time_that_was_set() {
    let reconnect = Policy { give_up: Some(Duration::from_secs(20)), ..Policy::default() };
    let mut world = World::with(Options { reconnect, ..options(Start::After(None)) });
    world.send(submit(1, "x"));
    while world.core.closed().is_none() {
        world.now = world.now.max(world.core.deadline().unwrap());
        if world.core.wants_link(world.now).is_some() {
            world.core.unlinked(world.now, ErrorReply::new(0, Code::Unreachable, "no route"));
        }
    }
    world.read();
    assert_eq!(world.closed_with(), Some(Code::Unreachable));
    assert!(world.now <= Duration::from_secs(20) && world.now > Duration::from_secs(10), "{:?}", world.now);
    assert_eq!(world.answers().len(), 1);
    assert_eq!(world.core.snapshot().requests.len(), 1, "a program that keeps it may send it again");
}

#[test]
fn a_connection_that_never_comes_is_given_up_too() {
    let reconnect = Policy { give_up: Some(Duration::from_secs(20)), ..Policy::default() };
    let mut world = World::with(Options { reconnect, ..options(Start::After(None)) });
    assert!(world.core.wants_link(world.now).is_some());
    assert_eq!(world.core.deadline(), Some(Duration::from_secs(20)));
    world.core.tick(Duration::from_secs(20));
    assert!(world.core.closed().is_some() && !world.core.has_link());
}

#[test]
fn a_side_that_accepts_and_says_nothing_is_left() {
    let mut world = fresh();
    while world.core.has_link() {
        world.now = world.core.deadline().unwrap();
        world.core.tick(world.now);
    }
    assert!(world.core.closed().is_none());
    world.run();
    assert!(world.core.connected().is_some());
}

#[test]
fn a_silent_link_is_asked_and_then_left() {
    let mut world = World::with(Options { keepalive: Keepalive::Always, ..options(Start::After(None)) });
    world.run();
    for _ in 0..3 {
        world.now = world.core.deadline().unwrap();
        world.core.tick(world.now);
        world.run();
    }
    assert_eq!(world.reconnects(), 0, "it answers");
    let silent_from = world.now;
    while world.core.has_link() {
        world.now = world.core.deadline().unwrap();
        world.core.tick(world.now);
    }
    assert_eq!(world.now - silent_from, Duration::from_secs(30));
    world.conn = None;
    world.run();
    assert_eq!(world.reconnects(), 1);
}

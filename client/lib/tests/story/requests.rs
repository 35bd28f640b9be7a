//! What is sent again, in which order, and to whom.

use crate::world::{World, eval_id, interrupt, request_id, submit};
use rialto_client::protocol::data::CommMessage;
use rialto_client::protocol::event::Event;
use rialto_client::protocol::message::{Comm, EvalInfo, Goaway, Mutate, Plain, Redact};
use rialto_client::protocol::{Code, ErrorReply, Message};
use rialto_client::{Incoming, Keep, MAX_QUERIES, MAX_REQUESTS, Start};
use std::time::Duration;

fn kill(id: u8) -> Message {
    Message::Kill(Mutate { re: 0, id: request_id(id) })
}

#[test]
fn what_was_not_answered_is_sent_again_in_order() {
    let mut world = World::new(Start::After(None));
    world.bridge.mute = true;
    for n in 1..=5 {
        world.send(submit(n, &format!("eval {n}")));
    }
    world.run();
    world.bridge.mute = false;
    world.bridge.heard.clear();
    world.cut();
    world.run();
    let ids: Vec<_> = (1..=5).map(eval_id).collect();
    assert_eq!(world.heard_submits(), ids);
    assert_eq!(world.bridge.ran, ids);
    world.bridge.heard.clear();
    world.cut();
    world.run();
    assert_eq!(world.heard_submits(), [], "what is answered is not sent again");
}

#[test]
fn what_is_said_to_a_comm_without_a_link_arrives_once_and_in_its_place() {
    let comm = |id: u8| {
        let message = CommMessage { comm: "c".to_owned(), ..CommMessage::default() };
        Message::Comm(Comm { re: 0, id: request_id(id), life: Some(1), message })
    };
    let mut world = World::new(Start::After(None));
    world.run();
    world.cut();
    world.send(comm(1));
    world.send(submit(2, "between"));
    world.send(comm(3));
    // The same once more is the same.
    world.send(comm(1));
    world.bridge.mute = true;
    world.run();
    world.bridge.mute = false;
    world.bridge.heard.clear();
    world.cut();
    world.run();
    let heard = |m: &Message| match m {
        Message::Comm(m) => Some(m.id.0[0]),
        Message::Submit(m) => Some(m.eval.0[0]),
        _ => None,
    };
    assert_eq!(world.bridge.heard.iter().filter_map(heard).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_submit_that_is_refused_for_now_keeps_its_place() {
    let mut world = World::new(Start::After(None));
    let busy = ErrorReply { after_ms: Some(700), ..ErrorReply::new(0, Code::QueueFull, "full") };
    world.bridge.refuse.push_back(busy);
    let first = world.send(submit(1, "one"));
    world.step();
    world.send(submit(2, "two"));
    world.send(interrupt(9, 7));
    world.run();
    assert_eq!(world.bridge.ran, [], "the second does not pass the first");
    assert!(matches!(world.bridge.heard.last(), Some(Message::Interrupt(_))), "an interrupt does");
    assert!(world.seen.iter().any(|i| matches!(i, Incoming::Delayed { ticket, in_ms: 700, .. } if *ticket == first)));
    assert_eq!(world.core.deadline(), Some(world.now + Duration::from_millis(700)));
    world.now += Duration::from_millis(700);
    world.run();
    assert_eq!(world.bridge.ran, [eval_id(1), eval_id(2)]);
    assert_eq!(world.answers().len(), 3);
}

#[test]
fn an_interrupt_passes_what_waits_to_be_sent_but_not_its_own_submit() {
    let mut world = World::new(Start::After(None));
    world.send(submit(1, &"long".repeat(100)));
    world.send(interrupt(8, 1));
    world.send(interrupt(9, 7));
    world.run();
    let kinds: Vec<_> = world.bridge.heard.iter().map(Message::kind).collect();
    assert_eq!(kinds, [0x81, 0x80, 0x81]);
    assert!(matches!(&world.bridge.heard[0], Message::Interrupt(i) if i.eval == eval_id(7)));
}

#[test]
fn a_refusal_for_good_is_the_answer() {
    let mut world = World::new(Start::After(None));
    let ticket = world.send(submit(1, "one"));
    world.run();
    world.send(submit(2, "two"));
    world.bridge.refuse.push_back(ErrorReply::new(0, Code::SessionEnded, "over"));
    world.run();
    let answers = world.answers();
    assert_eq!(answers[0].0, ticket);
    assert!(matches!(&answers[1].1, Err(why) if why.known() == Some(Code::SessionEnded)));
}

#[test]
fn a_question_goes_down_with_its_link_and_an_unsent_one_waits_for_the_next() {
    let mut world = World::new(Start::After(None));
    world.bridge.mute = true;
    let lost = world.send(Message::GetStatus(Plain::default()));
    world.run();
    world.cut();
    let at = rialto_client::protocol::message::At { re: 0, code: "x".into(), cursor: 0, detail: 0 };
    let waits = world.send(Message::IsComplete(at));
    world.bridge.mute = false;
    world.run();
    let answers = world.answers();
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().any(|(t, a)| *t == lost && matches!(a, Err(why) if why.retryable && why.name == "disconnected")));
    assert!(answers.iter().any(|(t, a)| *t == waits && a.is_ok()));
}

#[test]
fn the_session_is_bound_by_its_id() {
    let mut world = World::new(Start::After(None));
    world.run();
    assert_eq!(world.bridge.opens[0].session, "work");
    world.bridge.mute = true;
    let ticket = world.send(submit(1, "yesterday's code"));
    world.run();
    // Deleted, and made again under the same name.
    world.bridge = crate::bridge::Bridge { id: "bbbbbbbbbb".parse().unwrap(), ..Default::default() };
    world.cut();
    world.run();
    assert_eq!(world.bridge.opens[0].session, "aaaaaaaaaa");
    assert!(world.bridge.opens.iter().all(|o| o.create.is_none()));
    assert_eq!(world.bridge.ran, []);
    assert_eq!(world.closed_with(), Some(Code::SessionGone));
    let answers = world.answers();
    assert_eq!(answers.len(), 1);
    assert!(matches!(&answers[0], (t, Err(why)) if *t == ticket && why.known() == Some(Code::SessionGone)));
    assert!(matches!(world.seen.last(), Some(Incoming::Closed(_))));
}

#[test]
fn a_bridge_that_opens_another_session_is_not_believed() {
    let mut world = World::new(Start::After(None));
    world.run();
    world.cut();
    world.send(submit(1, "mine"));
    // It takes any id for its own.
    world.bridge.id = "bbbbbbbbbb".parse().unwrap();
    let open = world.core.wants_link(Duration::from_secs(9)).unwrap();
    assert_eq!(open.session, "aaaaaaaaaa");
    world.core.linked(Duration::from_secs(9), None, crate::world::open(), true);
    world.conn = Some(crate::bridge::Conn::default());
    world.run();
    assert_eq!(world.closed_with(), Some(Code::SessionGone));
}

#[test]
fn the_outbox_is_bounded_and_says_so() {
    let mut world = World::new(Start::After(None));
    for n in 0..MAX_REQUESTS {
        let id = rialto_client::protocol::RequestId((n as u128 + 1).to_le_bytes());
        world.send(Message::Redact(Redact { re: 0, id, eval: eval_id(1) }));
    }
    assert_eq!(world.core.send(submit(1, "x")).unwrap_err().name, "outbox_full");
    for _ in 0..MAX_QUERIES {
        world.send(Message::GetStatus(Plain::default()));
    }
    assert_eq!(world.core.send(Message::GetStatus(Plain::default())).unwrap_err().name, "outbox_full");

    let mut world = World::new(Start::After(None));
    let big = "x".repeat(12 << 20);
    world.send(submit(1, &big));
    world.send(submit(2, &big));
    assert_eq!(world.core.send(submit(3, &big)).unwrap_err().name, "outbox_full");
    assert_eq!(world.core.send(submit(3, &"x".repeat(17 << 20))).unwrap_err().name, "code_too_large");
    world.run();
    world.send(submit(3, &big));
}

#[test]
fn one_id_is_one_request() {
    let mut world = World::new(Start::After(None));
    let ticket = world.send(submit(1, "one"));
    assert_eq!(world.send(submit(1, "one")), ticket);
    assert_eq!(world.core.send(submit(1, "two")).unwrap_err().name, "id_reused");
    assert_eq!(world.core.send(Message::List(Plain::default())).unwrap_err().name, "wrong_state");
    world.run();
    assert_eq!(world.answers().len(), 1);
}

#[test]
fn an_accepted_event_with_other_code_answers_nothing() {
    let mut world = World::new(Start::After(None));
    world.bridge.mute = true;
    world.send(submit(1, "mine"));
    let foreign = crate::bridge::accepted(1, eval_id(1));
    let foreign = rialto_client::protocol::event::Accepted { code: Some("theirs".into()), ..foreign };
    world.bridge.record(Event::Accepted(foreign));
    world.run();
    assert_eq!(world.answers(), []);
    let own = crate::bridge::accepted(2, eval_id(1));
    world.bridge.record(Event::Accepted(own));
    world.run();
    assert!(matches!(&world.answers()[..], [(_, Ok(Message::EvalInfo(EvalInfo { n: 2, .. })))]));
}

#[test]
fn a_kill_is_answered_by_the_end_it_made() {
    let mut world = World::new(Start::After(None));
    let ticket = world.send(kill(1));
    world.bridge.mute = true;
    world.run();
    let id = Some(request_id(1));
    world.bridge.record(Event::SessionEnded(rialto_client::protocol::event::SessionEnded { by: None, id, why: None }));
    world.run();
    assert!(matches!(&world.answers()[..], [(t, Ok(Message::Carried(c)))] if *t == ticket && c.seq == 1));
    world.cut();
    world.run();
    assert_eq!(world.closed_with(), Some(Code::SessionEnded), "nothing more can come");
}

#[test]
fn a_goodbye_is_honoured() {
    let mut world = World::new(Start::After(None));
    world.run();
    world.say(0, &Message::Goaway(Goaway { reason: "upgrade".into(), retry_after_ms: Some(2_000) }));
    world.send(submit(1, "one"));
    let left = world.now;
    world.conn = None;
    world.core.lost(world.now, ErrorReply::new(0, Code::Disconnected, "closed"));
    let again = world.core.deadline().unwrap();
    assert!(again >= left + Duration::from_secs(2) && again <= left + Duration::from_secs(3), "{again:?}");
    world.run();
    assert_eq!(world.bridge.ran, [eval_id(1)]);
}

#[test]
fn a_side_that_says_goodbye_and_stays_is_left() {
    let mut world = World::new(Start::After(None));
    world.run();
    world.say(0, &Message::Goaway(Goaway { reason: "restart".into(), retry_after_ms: None }));
    world.now = world.core.deadline().unwrap();
    world.core.tick(world.now);
    assert!(!world.core.has_link());
    world.conn = None;
    world.run();
    assert_eq!(world.reconnects(), 1);
    assert!(world.core.connected().is_some_and(|c| c.again));
}

#[test]
fn another_program_goes_on_from_a_snapshot() {
    let mut world = World::new(Start::After(None));
    world.send(submit(1, "one"));
    world.run();
    world.bridge.mute = true;
    world.send(submit(2, "two"));
    world.run();
    let snapshot = world.core.snapshot();
    assert_eq!(snapshot.requests, [submit(2, "two")]);

    let mut next = World::new(Start::After(None));
    next.bridge = world.bridge;
    next.bridge.mute = false;
    next.bridge.opens.clear();
    next.core.restore(snapshot).unwrap();
    next.run();
    assert_eq!(next.bridge.opens[0].session, "aaaaaaaaaa");
    assert_eq!(next.bridge.ran, [eval_id(1), eval_id(2)]);
    assert_eq!(next.seqs(), [4, 5, 6]);
    assert_eq!(next.answers().len(), 1);
}

#[test]
fn an_upload_that_is_cut_begins_anew_on_the_next_link() {
    let code = "upload ".repeat(60_000);
    for at in (1_000..400_000).step_by(37_113) {
        let mut world = World::new(Start::After(None));
        world.cuts = vec![at];
        world.send(submit(1, &code));
        world.run();
        assert_eq!((world.bridge.ran.len(), world.reconnects()), (1, 1), "cut at {at}");
        assert_eq!(world.bridge.evals[&eval_id(1)].code, code);
    }
}

#[test]
fn a_channel_that_is_not_open_says_nothing_about_what_was_sent_on_it() {
    let mut world = World::new(Start::After(None));
    let ticket = world.send(submit(1, "one"));
    let open = world.core.wants_link(world.now).unwrap();
    world.core.linked(world.now, None, open, true);
    let mut out = Vec::new();
    world.core.transmit(world.now, &mut out);
    world.say(0, &Message::Welcome(rialto_client::protocol::message::Welcome { contract: 1, ..Default::default() }));
    let Message::Submit(sent) = &world.core.snapshot().requests[0] else { panic!("it waits") };
    assert_eq!(sent.eval, eval_id(1));
    for re in 10..100 {
        world.say(1, &Message::Error(ErrorReply::new(re, Code::WrongState, "not open")));
    }
    assert!(!world.core.has_link());
    world.core.claim(ticket);
    assert_eq!(world.core.take_answer(ticket), None);
}

#[test]
fn what_was_given_to_no_link_can_be_taken_back_and_nothing_else() {
    let mut world = World::new(Start::After(None));
    world.run();
    world.bridge.mute = true;
    let sent = world.send(submit(1, "sent"));
    world.run();
    world.cut();
    let waiting = world.send(submit(2, "waits for a link"));
    assert!(!world.core.take_back(sent), "it may have arrived before the link broke");
    assert!(world.core.take_back(waiting));
    assert!(!world.core.take_back(waiting), "once");
    world.bridge.mute = false;
    world.run();
    assert_eq!(world.bridge.ran, [eval_id(1)]);
}

#[test]
fn what_a_program_that_died_left_may_have_been_sent() {
    let mut world = World::new(Start::After(None));
    world.send(submit(1, "one"));
    let left = world.core.snapshot();
    let mut again = World::new(Start::After(None));
    let tickets = again.core.restore(left).unwrap();
    assert!(!again.core.take_back(tickets[0]));
}

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Notes(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, what: &str, request: &Message) {
        let Message::Submit(submit) = request else { panic!("{request:?} is not kept") };
        self.0.lock().unwrap().push(format!("{what} {}", submit.code));
    }
}

impl Keep for Notes {
    fn asked(&mut self, request: &Message) {
        self.note("asked", request);
    }

    fn answered(&mut self, request: &Message, answer: &rialto_client::Answer) {
        self.note(if answer.is_ok() { "carried out" } else { "refused" }, request);
    }

    fn taken_back(&mut self, request: &Message) {
        self.note("taken back", request);
    }
}

#[test]
fn whoever_keeps_requests_is_told_of_each_before_it_is_sent_and_of_its_end() {
    let mut world = World::new(Start::After(None));
    let notes = Notes::default();
    world.core.set_keep(Box::new(notes.clone()));
    world.run();
    world.bridge.mute = true;
    world.send(submit(1, "one"));
    assert_eq!((notes.0.lock().unwrap().join(", ").as_str(), world.heard_submits().len()), ("asked one", 0));
    world.run();
    world.cut();
    let waiting = world.send(submit(2, "two"));
    world.core.take_back(waiting);
    world.core.take_back(waiting);
    world.bridge.mute = false;
    world.run();
    assert_eq!(notes.0.lock().unwrap().join(", "), "asked one, asked two, taken back two, carried out one");
}

use super::*;
use rialto_client::protocol::RequestId;
use rialto_client::protocol::event::{Accepted, Ended, Record, Stamp};
use rialto_client::protocol::message::{Attached, Carried, EvalInfo, Greeted, Mutate, Submit};

fn submit(re: u32) -> Message {
    let eval = EvalId([7; 16]);
    let code = "1".into();
    Message::Submit(Submit {
        re,
        eval,
        code,
        group: None,
        on_error: Default::default(),
        show: Default::default(),
        argv: None,
        trace: None,
    })
}

fn event(event: Event) -> Message {
    Message::Event(Record { seq: 3, at: Stamp::default(), event })
}

fn info(re: u32, state: EvalState) -> Message {
    Message::EvalInfo(EvalInfo {
        re,
        eval: EvalId([7; 16]),
        n: 4,
        state,
        known: false,
        first: 3,
        last: None,
        outcome: None,
        code: None,
    })
}

fn track() -> Track {
    let mut track = Track::default();
    let greeted = Greeted {
        contract: 1,
        features: vec![],
        session: "abcdefghij".parse().unwrap(),
        name: None,
        kernel: "python".into(),
        epoch: 1,
        head: 2,
        app: String::new(),
    };
    track.heard(&Message::Greeted(greeted));
    track
}

#[test]
fn the_end_waits_for_answers_and_for_ends() {
    let mut track = track();
    track.asked(&submit(5)).unwrap();
    track.no_more();
    assert!(!track.done(false));
    assert!(track.heard(&info(5, EvalState::Running)));
    assert!(!track.done(false) && track.looks());
    let question = track.question().unwrap();
    assert!(!track.looks() && matches!(question, Message::GetEval(_)));
    assert!(!track.heard(&info(OURS, EvalState::Running)), "our own question is nobody's business");
    assert!(track.looks());
    track.heard(&event(Event::Ended(Ended { n: 4, ..Ended::default() })));
    assert!(track.done(false));
}

#[test]
fn an_eval_that_is_refused_is_not_waited_for() {
    let mut track = track();
    track.asked(&submit(5)).unwrap();
    track.no_more();
    track.heard(&Message::Error(ErrorReply::new(5, Code::IdReused, "other code")));
    assert!(track.done(false));
}

#[test]
fn what_an_attached_client_is_to_see_is_waited_for() {
    let mut track = track();
    track.asked(&submit(5)).unwrap();
    track.heard(&Message::Attached(Attached { re: 9, epoch: 1, after: 0, head: 2 }));
    track.no_more();
    assert!(!track.looks());
    let accepted = Accepted {
        n: 4,
        eval: EvalId([7; 16]),
        started: true,
        by: None,
        code: None,
        hash: None,
        group: None,
        on_error: Default::default(),
        show: Default::default(),
        argv: None,
        trace: None,
    };
    track.heard(&event(Event::Accepted(accepted)));
    assert!(!track.done(false));
    track.heard(&event(Event::Ended(Ended { n: 4, ..Ended::default() })));
    assert!(track.done(false));
}

#[test]
fn a_kill_is_the_end_of_waiting() {
    let mut track = track();
    track.asked(&submit(5)).unwrap();
    track.asked(&Message::Kill(Mutate { re: 6, id: RequestId([1; 16]) })).unwrap();
    track.no_more();
    assert!(!track.done(false) && track.ended());
    track.heard(&Message::Carried(Carried { re: 6, seq: 9 }));
    assert!(track.done(false));
}

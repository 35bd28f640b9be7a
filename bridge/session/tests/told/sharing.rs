//! A session and others than its owner.

use super::{Story, carried, interrupt, refusal, runs, share, submit, unshare};
use rialto_protocol::event::{Event, Who};
use rialto_protocol::message::{Attach, Plain};
use rialto_protocol::{ClientId, Code, Message, Scope, limits};
use rialto_session::{Input, Output};

const ADA: &str = "uid:7";

/// Somebody comes on channel 9, whose connection may do what `scope` says.
fn comes(story: &mut Story, principal: &str, scope: Scope) -> Vec<Output> {
    let who = Who { principal: principal.to_owned(), client: Some(ClientId([9; 16])), label: String::new() };
    story.happens(Input::Joined { conn: 9, who, scope })
}

fn turned_away(out: &[Output]) -> Vec<u64> {
    out.iter().filter_map(|o| if let Output::TurnAway(conn, _) = o { Some(*conn) } else { None }).collect()
}

fn attach() -> Message {
    Message::Attach(Attach { re: 1, ..Attach::default() })
}

#[test]
fn what_is_not_shared_is_not_there() {
    let mut story = Story::begin();
    let out = comes(&mut story, ADA, Scope::Admin);
    assert_eq!(turned_away(&out), [9]);
    assert!(matches!(&out[0], Output::TurnAway(_, e) if e.known() == Some(Code::UnknownSession)));
    // What it had sent ahead finds nobody.
    let out = story.asks(9, attach());
    assert!(matches!(&out[..], [Output::Odd(_)]), "{out:?}");
}

#[test]
fn who_is_let_in_does_what_was_shared_and_no_more() {
    let mut story = Story::begin();
    assert!(carried(&story.asks(1, share(50, ADA, Scope::Observe))));
    comes(&mut story, ADA, Scope::Admin);
    assert_eq!(refusal(&story.asks(9, attach())), None);
    assert_eq!(refusal(&story.asks(9, submit(1, "1", None))), Some(Code::Forbidden));
    assert_eq!(refusal(&story.asks(9, interrupt(2, 51, 1))), Some(Code::Forbidden));
    // More, at once, on the channel that is open; and still nothing that is the owner's.
    story.asks(1, share(52, ADA, Scope::Eval));
    assert_eq!(runs(&story.asks(9, submit(1, "1", None))), [1]);
    assert_eq!(refusal(&story.asks(9, share(53, "uid:8", Scope::Eval))), Some(Code::Forbidden));
    assert_eq!(refusal(&story.asks(9, unshare(54, ADA))), Some(Code::Forbidden));
    // Less, at once.
    story.asks(1, share(55, ADA, Scope::Observe));
    assert_eq!(refusal(&story.asks(9, submit(2, "2", None))), Some(Code::Forbidden));
}

#[test]
fn what_is_taken_back_closes_what_is_open_and_ends_no_eval() {
    let mut story = Story::begin();
    story.asks(1, share(50, ADA, Scope::Eval));
    comes(&mut story, ADA, Scope::Eval);
    story.asks(9, attach());
    story.asks(9, submit(1, "long", None));
    let out = story.asks(1, unshare(51, ADA));
    assert_eq!(turned_away(&out), [9]);
    assert!(carried(&out) && story.outcome(1).is_none());
    assert!(matches!(&out[0], Output::Record(r, _) if matches!(&r.event, Event::Unshared(e) if e.with == ADA)));
    assert!(story.s.audience().next(None, story.s.head()).is_none_or(|due| due.conn != 9), "it is sent nothing more");
    assert_eq!(turned_away(&comes(&mut story, ADA, Scope::Eval)), [9]);
}

#[test]
fn a_channel_that_asked_for_less_never_has_more() {
    let mut story = Story::begin();
    // The owner's own, opened to look.
    comes(&mut story, "uid:1", Scope::Observe);
    assert_eq!(refusal(&story.asks(9, submit(1, "1", None))), Some(Code::Forbidden));
    // A guest's, and what is shared grows.
    story.asks(1, share(50, ADA, Scope::Observe));
    comes(&mut story, ADA, Scope::Observe);
    story.asks(1, share(51, ADA, Scope::Eval));
    assert_eq!(refusal(&story.asks(9, submit(1, "1", None))), Some(Code::Forbidden));
}

#[test]
fn a_share_is_carried_out_once_and_survives() {
    let mut story = Story::begin();
    story.asks(1, share(50, ADA, Scope::Eval));
    story.asks(1, unshare(51, ADA));
    let head = story.s.head();
    // Sent again after it was taken back, it must not let anybody in.
    assert!(carried(&story.asks(1, share(50, ADA, Scope::Eval))));
    assert_eq!((story.s.head(), story.s.access().scope_of(ADA)), (head, None));
    story.asks(1, share(52, ADA, Scope::Observe));
    story.supervisor_dies(20);
    assert_eq!(story.s.access().scope_of(ADA), Some(Scope::Observe));
    let out = story.asks(1, Message::GetStatus(Plain { re: 1 }));
    let shares = out.iter().find_map(|o| if let Output::Reply(_, Message::Status(s)) = o { Some(s.shares.len()) } else { None });
    assert_eq!(shares, Some(1));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let mut story = Story::begin();
    assert_eq!(refusal(&story.asks(1, share(50, ADA, Scope::Admin))), Some(Code::WrongState));
    assert_eq!(refusal(&story.asks(1, share(50, "uid:1", Scope::Eval))), Some(Code::WrongState));
    assert_eq!(refusal(&story.asks(1, share(50, "", Scope::Eval))), Some(Code::BadName));
    assert_eq!(refusal(&story.asks(1, share(50, "a\nb", Scope::Eval))), Some(Code::BadName));
    assert_eq!(refusal(&story.asks(1, unshare(50, ADA))), Some(Code::WrongState));
    for n in 0..256 {
        story.asks(
            1,
            Message::Share(rialto_protocol::message::Share {
                re: 0,
                id: rialto_protocol::RequestId([
                    u8::try_from(n % 200).unwrap(),
                    u8::try_from(n / 200).unwrap(),
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                    9,
                ]),
                with: format!("uid:{}", n + 100),
                scope: Scope::Observe,
            }),
        );
    }
    assert_eq!(refusal(&story.asks(1, share(50, ADA, Scope::Eval))), Some(Code::TooBusy));
    assert_eq!(refusal(&story.asks(1, share(51, "uid:100", Scope::Eval))), None, "who is in may be given more");
}

#[test]
fn a_credential_is_its_user_with_less_and_is_on_record() {
    let mut story = Story::begin();
    let owner = "uid:1";
    // A channel whose connection came by a credential for `eval`.
    comes(&mut story, &format!("{owner}/laptop"), Scope::Eval);
    assert_eq!(refusal(&story.asks(9, attach())), None);
    let out = story.asks(9, submit(1, "1", None));
    let by = out.iter().find_map(|o| match o {
        Output::Record(record, _) => match &record.event {
            Event::Accepted(accepted) => accepted.by.clone(),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(by.unwrap().principal, format!("{owner}/laptop"));
    assert_eq!(refusal(&story.asks(9, share(53, ADA, Scope::Eval))), Some(Code::Forbidden), "it is admin's");
    // Shared with a user is shared with all that it comes by, and taken back from all of them.
    story.asks(1, share(54, ADA, Scope::Observe));
    comes(&mut story, &format!("{ADA}/phone"), Scope::Admin);
    assert_eq!(refusal(&story.asks(9, submit(2, "1", None))), Some(Code::Forbidden));
    assert_eq!(turned_away(&story.asks(1, unshare(55, ADA))), [9]);
}

#[test]
fn who_is_let_in_does_not_fill_the_queue() {
    let mut story = Story::begin();
    let owner = "uid:1";
    story.asks(1, share(50, ADA, Scope::Eval));
    comes(&mut story, ADA, Scope::Eval);
    let most = limits::MAX_QUEUE_OF_ONE;
    let id = |n: usize| {
        let mut submit = submit(1, "1", None);
        if let Message::Submit(m) = &mut submit {
            m.eval.0[..8].copy_from_slice(&(n as u64).to_be_bytes());
        }
        submit
    };
    // One of them runs.
    for n in 0..=most {
        assert_eq!(refusal(&story.asks(9, id(n))), None, "{n}");
    }
    let out = story.asks(9, id(most + 1));
    let Some(error) = out.iter().find_map(|o| if let Output::Reply(9, Message::Error(e)) = o { Some(e) } else { None }) else {
        panic!("{out:?}")
    };
    assert_eq!((error.known(), error.after_ms.is_some(), error.retryable), (Some(Code::QueueFull), true, true));
    assert!(error.text.contains(ADA), "{error}");
    assert_eq!(refusal(&story.asks(9, id(7))), None, "what it had said before is answered as ever");
    assert_eq!(refusal(&story.asks(1, id(most + 2))), None, "and the owner goes on");
    comes(&mut story, &format!("{owner}/laptop"), Scope::Eval);
    assert_eq!(refusal(&story.asks(9, id(most + 3))), None, "each has its own");
}

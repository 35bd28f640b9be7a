//! A session that nobody uses.

use super::{Story, runs};
use rialto_protocol::Message;
use rialto_protocol::event::Event;
use rialto_protocol::kernel::{Death, DoneHow, KernelCommand, KernelEvent};
use rialto_protocol::message::{Attach, Plain};
use rialto_session::{Input, Output, Timer};

fn cull(story: &mut Story) -> bool {
    story.happens(Input::Timer(Timer::Cull)).contains(&Output::Kernel(KernelCommand::Shutdown))
}

fn everybody_leaves(story: &mut Story) -> Vec<Output> {
    (1..=3).flat_map(|conn| story.happens(Input::Left(conn))).collect()
}

#[test]
fn it_ends_after_its_time_and_says_why() {
    let mut story = Story::begin_with(Some(7_200_000));
    story.submits(1, 1, "quick", None);
    story.ends(1, 1, DoneHow::Ok);
    // Who has done something keeps it until he leaves.
    story.passes(7_200_001);
    assert!(!cull(&mut story));
    let out = everybody_leaves(&mut story);
    assert!(out.iter().any(|o| matches!(o, Output::SetTimer(Timer::Cull, _))), "{out:?}");
    story.passes(7_200_001);
    assert!(cull(&mut story));
    let out = story.kernel(1, KernelEvent::Died(Death::default()));
    let why = out.iter().find_map(|o| match o {
        Output::Record(r, _) => {
            if let Event::SessionEnded(e) = &r.event {
                e.why.clone()
            } else {
                None
            }
        }
        _ => None,
    });
    assert_eq!(why.as_deref(), Some("culled after 2 h without use"));
    assert!(out.contains(&Output::Exit { ended: true }));
}

#[test]
fn nobody_asked_for_it_and_it_stays() {
    let mut story = Story::begin();
    let out = everybody_leaves(&mut story);
    assert!(!out.iter().any(|o| matches!(o, Output::SetTimer(Timer::Cull, _))));
    story.passes(1_000_000_000);
    assert!(!cull(&mut story));
}

#[test]
fn an_eval_keeps_it_and_its_end_begins_the_time() {
    let mut story = Story::begin_with(Some(1_000));
    assert_eq!(runs(&story.submits(2, 1, "long", None)), [1]);
    everybody_leaves(&mut story);
    story.passes(5_000);
    assert!(!cull(&mut story));
    story.ends(1, 1, DoneHow::Ok);
    story.passes(500);
    assert!(!cull(&mut story), "half of the time is left");
    story.passes(501);
    assert!(cull(&mut story));
}

#[test]
fn who_is_attached_keeps_it_who_only_asks_does_not() {
    let mut story = Story::begin_with(Some(1_000));
    story.asks(3, Message::Attach(Attach { re: 1, ..Attach::default() }));
    story.passes(5_000);
    assert!(!cull(&mut story));
    story.asks(3, Message::Detach(Plain { re: 2 }));
    story.asks(1, Message::GetStatus(Plain { re: 3 }));
    story.passes(1_001);
    assert!(cull(&mut story));
}

#[test]
fn what_is_printed_in_the_background_is_use() {
    let mut story = Story::begin_with(Some(1_000));
    everybody_leaves(&mut story);
    story.passes(900);
    story.kernel(1, KernelEvent::Output { n: 0, background: true, runs: Vec::new() });
    story.passes(900);
    assert!(!cull(&mut story));
    story.passes(101);
    assert!(cull(&mut story));
}

#[test]
fn somebody_who_comes_as_it_ends_is_told_that_it_has() {
    let mut story = Story::begin_with(Some(1_000));
    everybody_leaves(&mut story);
    story.passes(1_001);
    assert!(cull(&mut story));
    story.people();
    assert_eq!(super::refusal(&story.submits(2, 1, "1", None)), Some(rialto_protocol::Code::SessionEnded));
}

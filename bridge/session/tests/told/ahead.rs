//! What a kernel may be handed beside the eval that runs.

use super::{Story, ask, interrupt, submit};
use rialto_protocol::event::Event;
use rialto_protocol::kernel::{Death, Done, DoneHow, KernelEvent, Step};
use rialto_protocol::message::Submit;
use rialto_protocol::{EvalNumber, Message, OnError};
use rialto_session::{Input, Timer};

fn ahead(story: &Story) -> Vec<EvalNumber> {
    ahead_but(story, 0, u64::MAX)
}

fn ahead_but(story: &Story, skip: usize, safe: u64) -> Vec<EvalNumber> {
    story.s.ahead(skip, 3, safe).iter().map(|exec| exec.n).collect()
}

/// One eval runs, and four of the same client wait.
fn five() -> Story {
    let mut story = Story::begin();
    for n in 1..=5 {
        story.submits(1, n, "quick", None);
    }
    story
}

#[test]
fn those_that_wait_in_their_order_and_no_more_than_asked_for() {
    let story = five();
    assert_eq!(ahead(&story), [2, 3, 4]);
    assert_eq!(ahead_but(&story, 2, u64::MAX), [4, 5]);
}

#[test]
fn none_that_is_not_safe_yet() {
    let story = five();
    let third = story.past.0.iter().filter(|r| matches!(r.event, Event::Accepted(_))).nth(2).unwrap().seq;
    assert_eq!(ahead_but(&story, 0, third), [2, 3]);
    assert_eq!(ahead_but(&story, 0, third - 1), [2]);
}

#[test]
fn none_of_another_client_and_none_behind_it() {
    let mut story = Story::begin();
    story.submits(1, 1, "quick", None);
    story.submits(1, 2, "quick", None);
    story.submits(2, 3, "somebody else's", None);
    story.submits(1, 4, "quick", None);
    assert_eq!(ahead(&story), [2]);
}

#[test]
fn none_that_an_earlier_one_may_stop() {
    let mut story = Story::begin();
    story.submits(1, 1, "quick", None);
    story.submits(1, 2, "may fail", Some(1));
    story.submits(1, 3, "another group", Some(2));
    story.submits(1, 4, "runs only if the second went well", Some(1));
    assert_eq!(ahead(&story), [2, 3]);
    let mut story = Story::begin();
    for n in 1..=3 {
        let Message::Submit(submit) = submit(n, "goes on", Some(1)) else { unreachable!() };
        story.asks(1, Message::Submit(Submit { on_error: OnError::Continue, ..submit }));
    }
    assert_eq!(ahead(&story), [2, 3]);
}

#[test]
fn none_while_something_is_asked_of_the_one_that_runs() {
    let mut story = five();
    story.asks(1, interrupt(1, 50, 1));
    assert_eq!(ahead(&story), [0; 0]);
    let mut story = five();
    story.kernel(1, ask(1, 1, false));
    assert_eq!(ahead(&story), [0; 0]);
    let mut story = five();
    story.happens(Input::Stalled("full".to_owned()));
    assert_eq!(ahead(&story), [0; 0]);
}

#[test]
fn whatever_may_change_what_runs_next_needs_all_back() {
    let mut story = five();
    let done = KernelEvent::Done(Done { n: 1, how: DoneHow::Ok, result: None, idle_guess: false });
    for (input, needs) in [
        (Input::Request(1, interrupt(1, 50, 2)), true),
        (Input::Request(1, submit(9, "one more", None)), false),
        (Input::Request(1, Message::Ping([0; 8])), false),
        (Input::Kernel(1, KernelEvent::Died(Death::default())), true),
        (Input::Kernel(1, done), false),
        (Input::Timer(Timer::Escalate(1, Step::Kill)), true),
        (Input::Timer(Timer::Linger), false),
        (Input::Stalled("full".to_owned()), true),
        (Input::EndSession, true),
    ] {
        assert_eq!(input.needs_all_back(), needs, "{input:?}");
        // What does not need it leaves the order as it was.
        if !needs {
            let before = ahead(&story);
            let runs = story.s.running();
            story.happens(input.clone());
            let now: Vec<_> = story.s.running().into_iter().chain(ahead(&story)).collect();
            let before: Vec<_> = runs.into_iter().chain(before).collect();
            assert!(now.starts_with(&before) || now.starts_with(&before[1..]), "{input:?}: {before:?}, then {now:?}");
        }
    }
}

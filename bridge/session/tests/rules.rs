//! The rules that read better as a story than as an invariant: a session, a few inputs, and what comes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod told;

use rialto_protocol::event::Event;
use rialto_protocol::kernel::{Answer, Completeness, Death, DoneHow, KernelCommand, KernelEvent, KernelInfo, Step};
use rialto_protocol::message as m;
use rialto_protocol::{ClientId, Code, Cursor, EvalId, Failure, Message, Outcome, Record, Scope, Who, limits};
use rialto_session::{Input, Output, Timer};
use told::{Past, Story, answer, ask, carried, interrupt, mutate, refusal, runs, share, submit, verdict};

#[test]
fn an_interrupt_that_overtakes_its_submit_is_remembered() {
    let mut story = Story::begin();
    assert_eq!(verdict(&story.asks(1, interrupt(1, 50, 1))), Some(m::Verdict::Pending));
    assert_eq!(runs(&story.submits(1, 1, "late", None)), [0; 0]);
    assert_eq!(story.outcome(1), Some(Outcome::Cancelled));
    assert_eq!(runs(&story.submits(1, 2, "another", None)), [2]);
}

#[test]
fn nothing_starts_between_an_interrupt_and_its_fence() {
    let mut story = Story::begin();
    assert_eq!(runs(&story.submits(1, 1, "loop", None)), [1]);
    story.submits(2, 2, "next", None);
    let out = story.asks(1, interrupt(1, 50, 1));
    assert!(out.contains(&Output::Kernel(KernelCommand::Interrupt(Step::Interrupt))));
    assert_eq!(verdict(&out), None, "the answer waits for the truth");
    let out = story.ends(1, 1, DoneHow::Interrupted(Failure::default()));
    assert_eq!(verdict(&out), Some(m::Verdict::Interrupted));
    assert!(out.contains(&Output::Kernel(KernelCommand::Fence(1))));
    assert_eq!(runs(&out), [0; 0]);
    assert_eq!(runs(&story.kernel(1, KernelEvent::Fenced(1))), [2]);
}

#[test]
fn a_fence_that_its_kernel_never_answered_holds_up_no_later_kernel() {
    let mut story = Story::begin();
    story.submits(1, 1, "loop", None);
    story.asks(1, interrupt(1, 50, 1));
    story.ends(1, 1, DoneHow::Interrupted(Failure::default()));
    story.kernel(1, KernelEvent::Died(Death::default()));
    assert!(story.submits(1, 2, "next", None).contains(&Output::StartKernel(2)));
    assert_eq!(runs(&story.kernel(2, KernelEvent::Ready(KernelInfo::default()))), [2]);
}

#[test]
fn an_answer_meant_for_another_life_reaches_nobody() {
    let mut story = Story::begin();
    story.submits(1, 1, "input()", None);
    story.kernel(1, KernelEvent::Died(Death::default()));
    story.submits(1, 2, "input()", None);
    story.kernel(2, KernelEvent::Ready(KernelInfo::default()));
    story.kernel(2, ask(2, 1, false));
    assert_eq!(refusal(&story.asks(1, answer(50, 1, "said to life 1"))), Some(Code::NoSuchAsk));
}

#[test]
fn an_interrupt_that_comes_too_late_hits_nobody_and_says_so() {
    let mut story = Story::begin();
    story.submits(1, 1, "quick", None);
    story.submits(1, 2, "slow", None);
    story.ends(1, 1, DoneHow::Ok);
    let out = story.asks(1, interrupt(1, 50, 1));
    assert_eq!(verdict(&out), Some(m::Verdict::Finished));
    assert!(!out.iter().any(|o| matches!(o, Output::Kernel(_))));
}

#[test]
fn a_failure_stops_its_group_also_what_comes_later_and_nobody_else() {
    let mut story = Story::begin();
    story.submits(1, 1, "1/0", Some(1));
    story.submits(1, 2, "same group", Some(1));
    story.submits(2, 3, "somebody else's", Some(2));
    let out = story.ends(1, 1, DoneHow::Error(Failure::default()));
    assert_eq!(story.outcome(2), Some(Outcome::NotRun));
    assert_eq!(runs(&out), [3]);
    story.submits(1, 4, "late, same group", Some(1));
    assert_eq!(story.outcome(4), Some(Outcome::NotRun));
}

#[test]
fn exit_with_zero_is_a_good_end() {
    let mut story = Story::begin();
    story.submits(1, 1, "exit()", Some(1));
    story.submits(1, 2, "next", Some(1));
    assert_eq!(runs(&story.ends(1, 1, DoneHow::Exit { code: 0, message: None })), [2]);
    story.submits(1, 3, "after", Some(1));
    story.ends(1, 2, DoneHow::Exit { code: 3, message: None });
    assert_eq!(story.outcome(3), Some(Outcome::NotRun));
}

#[test]
fn the_same_id_runs_once_and_other_code_under_it_is_refused() {
    let mut story = Story::begin();
    assert_eq!(runs(&story.submits(1, 1, "x", None)), [1]);
    let again = story.submits(2, 1, "x", None);
    assert!(matches!(&again[..], [Output::Reply(2, Message::EvalInfo(i))] if i.known && i.state == m::EvalState::Running));
    assert_eq!(refusal(&story.submits(1, 1, "y", None)), Some(Code::IdReused));
    story.supervisor_dies(20);
    let again = story.submits(1, 1, "x", None);
    assert!(matches!(&again[..], [Output::Reply(1, Message::EvalInfo(i))] if i.outcome == Some(Outcome::Lost)));
}

#[test]
fn what_waits_when_a_restart_is_asked_for_goes_and_what_comes_after_it_runs() {
    let mut story = Story::begin();
    story.submits(1, 1, "runs", None);
    story.submits(1, 2, "waits", None);
    let out = story.asks(1, Message::Restart(mutate(9, 60)));
    assert!(out.contains(&Output::Kernel(KernelCommand::Interrupt(Step::Kill))));
    assert_eq!(story.outcome(2), Some(Outcome::NotRun));
    story.submits(1, 3, "for the next life", None);
    let out = story.kernel(1, KernelEvent::Died(Death::default()));
    assert!(carried(&out) && out.contains(&Output::StartKernel(2)));
    assert_eq!(story.outcome(1), Some(Outcome::Died));
    assert_eq!(runs(&story.kernel(2, KernelEvent::Ready(KernelInfo::default()))), [3]);
    story.ends(2, 3, DoneHow::Ok);
    assert!(story.past.0.iter().any(|r| matches!(&r.event, Event::Ended(e) if e.n == 3 && e.fresh_state)));
    assert!(carried(&story.asks(2, Message::Restart(mutate(10, 60)))), "the same restart is not carried out again");
}

#[test]
fn a_restart_that_a_kill_overtakes_is_answered() {
    let mut story = Story::begin();
    story.submits(1, 1, "runs", None);
    story.asks(2, Message::Restart(mutate(9, 60)));
    let out = story.asks(1, Message::Kill(mutate(10, 61)));
    assert!(matches!(&out[..], [Output::Reply(2, Message::Error(e))] if e.re == 9 && e.known() == Some(Code::SessionEnded)));
    assert_eq!(refusal(&story.asks(2, Message::Kill(mutate(11, 62)))), Some(Code::Forbidden));
    assert_eq!(refusal(&story.asks(1, Message::Kill(mutate(12, 63)))), Some(Code::TooBusy), "the first is answered at the end");
    assert!(carried(&story.kernel(1, KernelEvent::Died(Death::default()))));
}

#[test]
fn an_ended_session_is_read_and_not_run() {
    let mut story = Story::begin();
    story.asks(1, Message::Kill(mutate(9, 60)));
    story.kernel(1, KernelEvent::Died(Death::default()));
    assert!(story.s.ended());
    assert_eq!(refusal(&story.submits(1, 1, "x", None)), Some(Code::SessionEnded));
    assert_eq!(refusal(&story.asks(1, Message::Restart(mutate(10, 61)))), Some(Code::SessionEnded));
    let head = story.s.head();
    assert_eq!(verdict(&story.asks(1, interrupt(11, 62, 5))), Some(m::Verdict::Cancelled));
    assert_eq!(story.s.head(), head, "nothing is recorded after the end");
    // Who comes back later finds it there, and not gone before the door opened.
    let left = |out: &[Output]| out.iter().any(|o| matches!(o, Output::Exit { ended: true }));
    assert!(!left(&story.supervisor_dies(20)));
    let out = story.asks(3, Message::Attach(m::Attach { re: 1, ..m::Attach::default() }));
    assert!(matches!(&out[..], [Output::Reply(3, Message::Attached(a))] if a.after == 0));
    assert_eq!([1, 2, 3].map(|conn| left(&story.happens(Input::Left(conn)))), [false, false, true]);
}

#[test]
fn a_supervisor_that_nobody_comes_to_leaves_by_its_timer() {
    let mut story = Story::begin();
    let out = story.supervisor_dies_alone(20);
    assert!(out.iter().any(|o| matches!(o, Output::SetTimer(Timer::Linger, _))));
    assert!(story.happens(Input::Timer(Timer::Linger)).contains(&Output::Exit { ended: false }));
}

#[test]
fn whoever_reads_nothing_more_does_not_keep_a_session_that_has_ended() {
    let mut story = Story::begin();
    story.asks(1, Message::Attach(m::Attach { re: 1, ..m::Attach::default() }));
    story.asks(1, Message::Kill(mutate(9, 60)));
    let out = story.kernel(1, KernelEvent::Died(Death::default()));
    assert!(out.iter().any(|o| matches!(o, Output::SetTimer(Timer::Linger, _))));
    let looks = |story: &mut Story| story.happens(Input::Timer(Timer::Linger)).contains(&Output::Exit { ended: true });
    assert!(!looks(&mut story));
    story.s.audience_mut().sent(1, 3, 100);
    assert!(!looks(&mut story), "it reads");
    story.s.audience_mut().sent(1, 0, 100);
    assert!(!looks(&mut story), "a large event, which takes longer than the time between two looks");
    assert!(looks(&mut story), "and then no more");
}

#[test]
fn a_secret_is_answered_by_its_own_client_and_recorded_as_a_length() {
    let mut story = Story::begin();
    story.submits(2, 1, "getpass()", None);
    story.kernel(1, ask(1, 1, true));
    story.happens(Input::Left(2));
    assert_eq!(refusal(&story.asks(1, answer(50, 1, "guess"))), Some(Code::NotYourAsk), "although its client is gone");
    story.people();
    let out = story.asks(2, answer(51, 1, "hunter2"));
    assert!(matches!(&out[0], Output::Record(Record { event: Event::Answered(a), .. }, _) if a.data.is_none() && a.len == 7));
    assert!(carried(&out) && carried(&story.asks(2, answer(51, 1, "hunter2"))), "the same answer again is known");
}

#[test]
fn somebody_elses_client_id_answers_no_secret() {
    let mut story = Story::begin();
    story.submits(2, 1, "getpass()", None);
    story.kernel(1, ask(1, 1, true));
    story.happens(Input::Left(2));
    story.asks(1, share(60, "uid:666", Scope::Eval));
    let who = Who { principal: "uid:666".to_owned(), client: Some(ClientId([2; 16])), label: String::new() };
    story.happens(Input::Joined { conn: 2, who, scope: Scope::Eval });
    assert_eq!(refusal(&story.asks(2, answer(50, 1, "guess"))), Some(Code::NotYourAsk));
}

#[test]
fn more_patience_does_not_take_back_what_was_asked_for_first() {
    let mut story = Story::begin();
    story.submits(1, 1, "loop()", None);
    let kill_at = |out: &[Output]| {
        out.iter().find_map(|o| match o {
            Output::SetTimer(Timer::Escalate(1, Step::Kill), at) => Some(*at),
            _ => None,
        })
    };
    let hard = |id, ms| {
        let Message::Interrupt(plain) = interrupt(1, id, 1) else { unreachable!() };
        Message::Interrupt(m::Interrupt { escalate: Some(m::Escalate { kill_ms: Some(ms), ..Default::default() }), ..plain })
    };
    let first = kill_at(&story.asks(1, hard(60, 1_000)));
    let later = kill_at(&story.asks(2, hard(61, 60_000)));
    assert!(first.is_some() && later == first, "{first:?} {later:?}");
}

#[test]
fn an_open_question_is_for_its_client_while_that_is_here() {
    let mut story = Story::begin();
    story.submits(2, 1, "input()", None);
    story.kernel(1, ask(1, 1, false));
    assert_eq!(refusal(&story.asks(1, answer(50, 1, "me!"))), Some(Code::NotYourAsk));
    story.happens(Input::Left(2));
    assert!(carried(&story.asks(1, answer(50, 1, "me!"))));
    assert_eq!(refusal(&story.asks(1, answer(52, 1, "again"))), Some(Code::NoSuchAsk));
}

#[test]
fn a_seventeenth_question_reads_the_end_of_the_file() {
    let mut story = Story::begin();
    story.submits(1, 1, "threads", None);
    for number in 1..=16 {
        assert!(!story.kernel(1, ask(1, number, false)).iter().any(|o| matches!(o, Output::Kernel(_))));
    }
    let out = story.kernel(1, ask(1, 17, false));
    assert_eq!(out, [Output::Kernel(KernelCommand::Input { ask: 17, data: Vec::new(), eof: true })]);
}

#[test]
fn a_cursor_from_a_lost_future_is_told_so() {
    let mut story = Story::begin();
    story.supervisor_dies(20);
    let head = story.s.head();
    let mut rewound = |epoch, seq| {
        let attach = m::Attach { re: 1, after: Some(Cursor { epoch, seq }), ..m::Attach::default() };
        let out = story.asks(1, Message::Attach(attach));
        out.iter().find_map(|o| if let Output::Reply(_, Message::Rewound(r)) = o { Some(r.seq) } else { None })
    };
    assert_eq!(rewound(20, head), None);
    assert_eq!(rewound(20, head + 1), Some(head));
    assert_eq!(rewound(10, 3), None);
    assert_eq!(rewound(10, 9), Some(3), "epoch 10 ended there");
    assert_eq!(rewound(15, 9), Some(3), "nobody here knows an epoch 15");
}

#[test]
fn a_dead_kernel_takes_its_queue_along_and_a_new_eval_starts_the_next() {
    let mut story = Story::begin();
    story.submits(1, 1, "segfault", None);
    story.submits(1, 2, "waits", None);
    let out = story.kernel(1, KernelEvent::Died(Death { signal: Some("SIGSEGV".to_owned()), ..Death::default() }));
    assert_eq!((story.outcome(1), story.outcome(2)), (Some(Outcome::Died), Some(Outcome::NotRun)));
    assert!(!out.iter().any(|o| matches!(o, Output::StartKernel(_))), "nothing runs in a fresh namespace unasked");
    assert!(story.submits(1, 3, "asked", None).contains(&Output::StartKernel(2)));
    let odd = story.kernel(1, KernelEvent::Died(Death::default()));
    assert!(matches!(&odd[..], [Output::Odd(_)]), "the first life is over");
}

#[test]
fn a_full_queue_refuses_and_says_so() {
    let mut story = Story::begin();
    story.submits(1, 1, "runs", None);
    // The archive of this file looks everything up by hand; ten thousand evals must not be searched.
    let (empty, mut out) = (Past::default(), Vec::new());
    for i in 0..=limits::MAX_QUEUE as u64 {
        out.clear();
        let mut eval = [9; 16];
        eval[..8].copy_from_slice(&i.to_le_bytes());
        let Message::Submit(one) = submit(2, "waits", None) else { panic!() };
        let input = Input::Request(1, Message::Submit(m::Submit { eval: EvalId(eval), ..one }));
        story.s.handle(story.at(), input, &empty, &mut out);
        assert_eq!(refusal(&out).is_some(), i == limits::MAX_QUEUE as u64);
    }
    assert_eq!(refusal(&out), Some(Code::QueueFull));
}

#[test]
fn a_question_about_code_never_holds_up_an_eval_for_long() {
    let mut story = Story::begin();
    let at = m::At { re: 4, code: "f(".to_owned(), cursor: 2, detail: 0 };
    let out = story.asks(1, Message::IsComplete(at.clone()));
    assert!(matches!(&out[..], [Output::SetTimer(Timer::Query(0), _), Output::Kernel(KernelCommand::Query(0, _))]));
    assert_eq!(runs(&story.submits(1, 1, "x", None)), [0; 0], "it waits for the answer");
    let out = story.happens(Input::Timer(Timer::Query(0)));
    assert!(out.contains(&Output::Kernel(KernelCommand::Interrupt(Step::Interrupt))));
    let out = story.kernel(1, KernelEvent::Fenced(1));
    assert_eq!((refusal(&out), runs(&out)), (Some(Code::QueryFailed), vec![1]));
    assert_eq!(refusal(&story.asks(1, Message::IsComplete(at))), Some(Code::KernelBusy));
    assert!(story.kernel(1, KernelEvent::Answer(0, Answer::Completeness(Completeness::Complete))).is_empty(), "too late");
}

#[test]
fn a_question_that_holds_up_nobody_may_take_its_time() {
    let mut story = Story::begin();
    let at = m::At { re: 4, code: "kep".to_owned(), cursor: 3, detail: 0 };
    story.asks(1, Message::Complete(at.clone()));
    for _ in 1..10 {
        story.passes(2_000);
        let out = story.happens(Input::Timer(Timer::Query(0)));
        assert!(matches!(&out[..], [Output::SetTimer(Timer::Query(0), _)]), "{out:?}");
    }
    // But not for ever.
    story.passes(2_000);
    let out = story.happens(Input::Timer(Timer::Query(0)));
    assert!(out.contains(&Output::Kernel(KernelCommand::Interrupt(Step::Interrupt))));
    assert_eq!(refusal(&story.kernel(1, KernelEvent::Fenced(1))), Some(Code::QueryFailed));
    // An eval that comes later waits no longer than one that came first.
    story.asks(1, Message::Complete(at));
    story.passes(2_000);
    story.happens(Input::Timer(Timer::Query(1)));
    story.submits(1, 1, "x", None);
    story.passes(2_000);
    let out = story.happens(Input::Timer(Timer::Query(1)));
    assert!(out.contains(&Output::Kernel(KernelCommand::Interrupt(Step::Interrupt))));
}

/// The answers to submits among what came out.
fn infos(out: &[Output]) -> Vec<u32> {
    let info = |o: &Output| if let Output::Reply(_, Message::EvalInfo(i)) = o { Some(i.re) } else { None };
    out.iter().filter_map(info).collect()
}

fn numbered(re: u32, eval: u8) -> Message {
    let Message::Submit(submit) = submit(eval, "x", None) else { unreachable!() };
    Message::Submit(m::Submit { re, ..submit })
}

fn attach(credit: u64) -> Message {
    Message::Attach(m::Attach { tail: Some(0), credit: Some(credit), ..m::Attach::default() })
}

#[test]
fn who_hears_the_event_is_not_answered_twice() {
    let mut story = Story::begin();
    assert_eq!(infos(&story.asks(1, numbered(7, 1))), [7], "not attached");
    story.asks(1, attach(1_000));
    assert_eq!(infos(&story.asks(1, numbered(8, 2))), [] as [u32; 0]);
    assert_eq!(infos(&story.asks(1, numbered(9, 2))), [9], "known already");
    let head = story.s.head();
    story.s.audience_mut().sent(1, head, 100);
    assert_eq!(story.s.audience().overdue(), None);
}

#[test]
fn who_cannot_be_sent_the_event_is_answered_by_a_reply() {
    let mut story = Story::begin();
    let settled = |story: &mut Story| {
        let mut out = Vec::new();
        story.s.settle(&story.past, &mut out);
        infos(&out)
    };
    // Its credit is used up by what comes before.
    story.asks(1, attach(50));
    let before = story.s.head();
    story.asks(1, numbered(7, 1));
    assert_eq!(settled(&mut story), [] as [u32; 0]);
    story.s.audience_mut().sent(1, before, 100);
    assert_eq!(settled(&mut story), [7]);
    assert_eq!(settled(&mut story), [] as [u32; 0], "once");
    assert_eq!(infos(&story.asks(1, numbered(8, 2))), [8], "no credit to begin with");
    // Retention is faster.
    story.asks(1, attach(1_000));
    story.asks(1, numbered(9, 3));
    let head = story.s.head();
    story.s.audience_mut().skipped(1, head, 10);
    assert_eq!(settled(&mut story), [9]);
    // Also where something behind the hole is still there.
    story.asks(1, attach(1_000));
    story.asks(1, numbered(12, 6));
    let hidden = story.s.head();
    story.asks(1, numbered(13, 7));
    story.s.audience_mut().skipped(1, hidden, 10);
    let head = story.s.head();
    story.s.audience_mut().sent(1, head, 10);
    assert_eq!(settled(&mut story), [12], "and 13 has heard its event");
    // It goes elsewhere first.
    story.asks(1, numbered(10, 4));
    assert_eq!(infos(&story.asks(1, attach(1_000))), [10]);
    story.asks(1, numbered(11, 5));
    assert_eq!(infos(&story.asks(1, Message::Detach(m::Plain { re: 0 }))), [11]);
}

//! The terminal of a program: who sees it, who types into it, and how large it is.

use super::{Story, refusal};
use rialto_protocol::kernel::{Death, KernelCommand, KernelEvent, Shown, ToTerminal};
use rialto_protocol::message::{Keys, Plain, Resize, Unwatched, Watch};
use rialto_protocol::{Bytes, Code, Message};
use rialto_session::{Input, Output, Timer, Watcher};

fn watch(story: &mut Story, conn: u64) -> Vec<Output> {
    story.asks(conn, Message::Watch(Watch { re: 5 }))
}

fn keys(from: Option<u64>, text: &str) -> Message {
    Message::Keys(Keys { re: 6, from, data: Bytes::from(text) })
}

fn size(rows: u16, columns: u16) -> Message {
    Message::Resize(Resize { re: 7, rows, columns })
}

/// What the terminal is told.
fn told(out: &[Output]) -> Vec<ToTerminal> {
    out.iter().filter_map(|o| if let Output::Kernel(KernelCommand::Terminal(t)) = o { Some(t.clone()) } else { None }).collect()
}

fn typed(out: &[Output]) -> Option<u64> {
    out.iter().find_map(|o| if let Output::Reply(_, Message::Typed(t)) = o { Some(t.typed) } else { None })
}

#[test]
fn whoever_may_look_sees_and_only_whoever_may_run_types() {
    let mut story = Story::begin();
    assert_eq!(watch(&mut story, 3), [Output::Watcher(3, Watcher::Begins { re: 5, typed: 0 })]);
    assert_eq!(refusal(&story.asks(3, keys(None, "x"))), Some(Code::Forbidden));
    assert_eq!(refusal(&story.asks(3, size(5, 5))), Some(Code::Forbidden));
    let out = story.asks(2, keys(None, "x\u{3}"));
    assert_eq!((told(&out), typed(&out)), (vec![ToTerminal::Keys(b"x\x03".to_vec())], Some(2)));
    assert!(!out.iter().any(|o| matches!(o, Output::Record(..))), "what is typed is not recorded");
    let large = "x".repeat(33 * 1024);
    assert_eq!(refusal(&story.asks(2, keys(None, &large))), Some(Code::CodeTooLarge));
}

#[test]
fn keys_that_come_twice_are_typed_once() {
    let mut story = Story::begin();
    assert_eq!(typed(&story.asks(2, keys(Some(0), "abc"))), Some(3));
    // The answer was lost with the link: they come again, with what was typed since.
    let out = story.asks(2, keys(Some(1), "bcd"));
    assert_eq!((told(&out), typed(&out)), (vec![ToTerminal::Keys(b"d".to_vec())], Some(4)));
    let out = story.asks(2, keys(Some(0), "abcd"));
    assert_eq!((told(&out), typed(&out)), (vec![], Some(4)));
    assert_eq!(refusal(&story.asks(2, keys(Some(9), "z"))), Some(Code::WrongState), "something is missing between");
    // Another client counts for itself, and whoever watches hears where it stands.
    assert_eq!(typed(&story.asks(1, keys(Some(0), "q"))), Some(1));
    assert_eq!(watch(&mut story, 2), [Output::Watcher(2, Watcher::Begins { re: 5, typed: 4 })]);
}

#[test]
fn the_terminal_is_as_large_as_the_smallest_of_those_who_look() {
    let mut story = Story::begin();
    assert_eq!(told(&story.asks(1, size(50, 200))), [], "who does not look has no say");
    assert_eq!(told(&watch(&mut story, 1)), [ToTerminal::Resize { rows: 50, columns: 200 }]);
    story.asks(2, size(60, 100));
    assert_eq!(told(&watch(&mut story, 2)), [ToTerminal::Resize { rows: 50, columns: 100 }]);
    assert_eq!(told(&story.asks(2, size(60, 100))), []);
    assert_eq!(told(&story.asks(2, size(u16::MAX, u16::MAX))), [ToTerminal::Resize { rows: 50, columns: 200 }]);
    assert_eq!(refusal(&story.asks(2, size(0, 10))), Some(Code::WrongState));
    // One that leaves gives its place back; with the last one it stays as it is.
    assert_eq!(told(&story.happens(Input::Left(1))), [ToTerminal::Resize { rows: 256, columns: 512 }]);
    assert_eq!(told(&story.asks(2, Message::Unwatch(Plain { re: 8 }))), [ToTerminal::Hide]);
}

#[test]
fn whoever_watches_is_told_why_there_is_nothing_to_see() {
    let mut story = Story::begin();
    watch(&mut story, 2);
    let out = story.kernel(1, KernelEvent::Terminal(Shown::Nothing));
    assert_eq!(refusal(&out), Some(Code::WrongState));
    watch(&mut story, 2);
    story.asks(2, keys(Some(0), "exit"));
    let out = story.kernel(1, KernelEvent::Died(Death { code: Some(3), ..Death::default() }));
    let reason = "the program exited with code 3".to_owned();
    assert!(out.contains(&Output::Watcher(2, Watcher::Ends(Unwatched { re: 0, reason }))), "{out:?}");
    assert_eq!(refusal(&watch(&mut story, 2)), Some(Code::NoKernel));
    assert_eq!(refusal(&story.asks(2, keys(None, "x"))), Some(Code::NoKernel));
    // The next program has had none of the keys.
    story.asks(1, Message::Restart(super::mutate(9, 9)));
    assert_eq!(watch(&mut story, 2), [Output::Watcher(2, Watcher::Begins { re: 5, typed: 0 })]);
}

#[test]
fn a_session_that_somebody_looks_at_is_in_use() {
    let mut story = Story::begin_with(Some(1_000));
    watch(&mut story, 3);
    for conn in [1, 2] {
        story.happens(Input::Left(conn));
    }
    story.passes(2_000);
    assert!(!story.happens(Input::Timer(Timer::Cull)).iter().any(|o| matches!(o, Output::Kernel(_))));
    let out = story.happens(Input::Left(3));
    assert!(out.iter().any(|o| matches!(o, Output::SetTimer(Timer::Cull, _))), "{out:?}");
}

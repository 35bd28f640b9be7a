//! What the code asks the person, and what the person asks about code.

use crate::driver::Outcome;
use crate::{python, start};
use rialto_protocol::kernel::{Answer, Completeness, DoneHow, Query};

#[test]
fn input_asks_and_a_password_is_a_secret() {
    let mut d = python();
    d.submit("print('hello', input('who? '))\nimport getpass; len(getpass.getpass('word: '))");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), ask.secret, ask.line, ask.n), ("who? ", false, true, 1));
    d.reply(&ask, "ada é😀", false);
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), ask.secret), ("word: ", true));
    d.reply(&ask, "12345", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.out(), "hello ada é😀\n");
    assert_eq!(outcome.result().as_deref(), Some("5"));
}

#[test]
fn the_end_of_input_and_an_interrupt_reach_who_reads() {
    let mut d = python();
    d.submit("input()");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "", true);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.failure().name, "EOFError");

    d.submit("input()");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.interrupt();
    d.finish_into(&mut outcome);
    assert!(matches!(outcome.how(), DoneHow::Interrupted(_)), "{:?}", outcome.how());
    d.fence();
    // An answer that comes too late is nobody's.
    d.reply(&ask, "late", false);
    d.submit("input()");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "now", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.result().as_deref(), Some("'now'"));
}

#[test]
fn names_are_completed_and_explained_and_code_is_judged() {
    let mut d = python();
    d.exec("é😀kept = 1\nkept = 42").err();
    d.exec("kept = 42").ok();
    let code = "'é😀'; kep";
    let Answer::Completions(found) = d.query(Query::Complete { code: code.into(), cursor: code.len() }) else { panic!() };
    assert_eq!((found.start, found.end), (code.len() - 3, code.len()));
    assert!(found.items.iter().any(|item| item.text == "kept"), "{found:?}");
    let Answer::Inspected(Some(about)) = d.query(Query::Inspect { code: "len".into(), cursor: 3, detail: 0 }) else { panic!() };
    assert!(about["text/plain"].lossy().contains("Return the number of items"));
    assert_eq!(d.query(Query::Inspect { code: "no_such_name".into(), cursor: 4, detail: 0 }), Answer::Inspected(None));
    let mut judged = |code: &str| d.query(Query::IsComplete { code: code.into() });
    assert_eq!(judged("x = 1"), Answer::Completeness(Completeness::Complete));
    assert_eq!(judged("def f():"), Answer::Completeness(Completeness::Incomplete { indent: "    ".into() }));
    assert_eq!(judged("x = = 1"), Answer::Completeness(Completeness::Invalid));
}

#[test]
fn r_asks_and_answers() {
    let mut d = start("ir");
    d.submit("x <- readline('who? '); cat(nchar(x))");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!(ask.prompt, "who? ");
    d.reply(&ask, "ada", false);
    d.finish_into(&mut outcome);
    assert!(outcome.out().ends_with('3'), "{:?}", outcome.out());
    let Answer::Completions(found) = d.query(Query::Complete { code: "nch".into(), cursor: 3 }) else { panic!() };
    assert!(found.items.iter().any(|item| item.text == "nchar"), "{found:?}");
    assert_eq!(
        d.query(Query::IsComplete { code: "f <- function() {".into() }),
        Answer::Completeness(Completeness::Incomplete { indent: String::new() })
    );
}

//! What an eval's end says: results, errors, exits.

use crate::driver::{Driver, Outcome};
use rialto_protocol::data::Show;
use rialto_protocol::kernel::{DoneHow, KernelCommand, KernelEvent, Query};

#[test]
fn the_last_expression_is_the_result() {
    let mut d = Driver::start();
    for (code, result) in [
        ("1+1", Some("2")),
        ("'a'", Some("'a'")),
        ("None", None),
        ("x = 5", None),
        ("x", Some("5")),
        ("_", Some("5")),
        ("y = 2\nx * y", Some("10")),
        ("y = 2\nx * y;", Some("10")),
        ("for i in range(3):\n    pass", None),
        ("", None),
        ("# nothing", None),
        ("'\u{e9}\u{1f600}'", Some("'\u{e9}\u{1f600}'")),
        ("'\\ud800'", Some("'\\ud800'")),
        ("__name__", Some("'__main__'")),
        ("import sys; sys.argv", Some("['']")),
        ("sys.path[0]", Some("''")),
        ("sys.modules['__main__'].__dict__ is globals()", Some("True")),
        ("[k for k in globals() if not k.startswith('__')]", Some("['x', 'y', 'i', 'sys']")),
    ] {
        assert_eq!(d.exec(code).ok().result().as_deref(), result, "{code:?}");
    }
    d.submit_as("1+1", Show::Nothing, None);
    assert_eq!(d.finish().ok().bundle(), None);
}

#[test]
fn an_exception_is_a_result_with_its_source() {
    let mut d = Driver::start();
    d.exec("def f(x):\n    return 1 / x\n").ok();
    let failure = d.exec("f(0)").failure().clone();
    assert_eq!((failure.name.as_str(), failure.value.as_str()), ("ZeroDivisionError", "division by zero"));
    assert!(failure.traceback.contains("<cell 1>\", line 2, in f"), "{}", failure.traceback);
    assert!(failure.traceback.contains("return 1 / x"), "{}", failure.traceback);
    assert!(failure.traceback.contains("<cell 2>"), "{}", failure.traceback);
    assert!(!failure.traceback.contains("<rialto>"), "{}", failure.traceback);
    let failure = d.exec("x = 1\nif x\n  2").failure().clone();
    assert_eq!(failure.name, "SyntaxError");
    assert!(failure.traceback.contains("    if x\n") && failure.traceback.contains('^'), "{}", failure.traceback);
    assert!(!failure.traceback.contains("Traceback"), "{}", failure.traceback);
    // Raised inside an eval, a SyntaxError must not make it run again.
    let outcome = d.exec("eval((print('once'), '1 +')[1])");
    assert_eq!((outcome.out().as_str(), outcome.failure().name.as_str()), ("once\n", "SyntaxError"));
}

#[test]
fn source_lines_are_there_for_whoever_asks() {
    let mut d = Driver::start();
    d.exec("def f(x):\n    return 1 / x  # here").ok();
    d.exec("import inspect, traceback, linecache").ok();
    assert_eq!(d.exec("print(inspect.getsource(f))").ok().out(), "def f(x):\n    return 1 / x  # here\n\n");
    let outcome = d.exec("try: f(0)\nexcept ZeroDivisionError: traceback.print_exc()").ok();
    assert!(outcome.err().contains("return 1 / x  # here"), "{}", outcome.err());
    // A file that has changed between two runs.
    for text in ["1/0  # first", "1/0  # then"] {
        d.submit_as(text, Show::Nothing, Some(&["/nowhere/tool.py"]));
        let failure = d.finish().failure().clone();
        assert!(failure.traceback.contains(text), "{}", failure.traceback);
    }
    // The oldest are let go.
    d.exec("def old(): 1/0").ok();
    for _ in 0..2100 {
        d.exec("1").ok();
    }
    assert!(!d.exec("old()").failure().traceback.contains("def old"));
    let outcome = d.exec("f(0)");
    assert!(outcome.failure().traceback.contains("return 1 / x  # here"), "linecache has read it: {:?}", outcome.failure());
}

#[test]
fn code_far_larger_than_a_pipe_arrives_whole_and_what_is_said_next_comes_after_it() {
    let mut d = Driver::start();
    for size in [65_000, 65_536, 200_000, 16 * 1024 * 1024 - 20] {
        d.submit(&format!("len('{}')", "x".repeat(size)));
        // Said while most of the code is still here: it waits its turn.
        d.send(KernelCommand::Fence(7));
        assert_eq!(d.finish().ok().result(), Some(size.to_string()));
        assert!(matches!(d.next(), KernelEvent::Fenced(7)));
        assert_eq!(d.exec("1").ok().result().as_deref(), Some("1"));
    }
    // A kernel that dies with most of it unread.
    d.submit("import os; print('up'); input(); os._exit(3)");
    let mut outcome = Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "", false);
    d.send(KernelCommand::Query(7, Query::IsComplete { code: "x".repeat(10_000_000) }));
    assert_eq!(d.until_death().1.code, Some(3));
}

#[test]
fn exit_ends_the_eval_and_not_the_interpreter() {
    let mut d = Driver::start();
    for (code, number, message) in [
        ("import sys; sys.exit(3)", 3, None),
        ("sys.exit()", 0, None),
        ("sys.exit('no such file')", 1, Some("no such file")),
        ("raise SystemExit(-1)", 255, None),
        ("exit(2)", 2, None),
    ] {
        let expected = DoneHow::Exit { code: number, message: message.map(str::to_owned) };
        assert_eq!(*d.exec(code).how(), expected, "{code}");
    }
    assert_eq!(d.exec("1").ok().result().as_deref(), Some("1"));
}

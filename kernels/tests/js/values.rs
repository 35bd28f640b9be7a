//! What code evaluates to, prints and throws.

use crate::start;
use rialto_protocol::data::Stream;
use rialto_protocol::kernel::{DoneHow, KernelEvent};

#[test]
fn values_are_shown_as_a_person_reads_them() {
    let mut d = start();
    for (code, shown) in [
        ("1 + 1", "2"),
        ("-0", "-0"),
        ("10n ** 20n", "100000000000000000000n"),
        ("'it\\'s'", "\"it's\""),
        ("'a\\nb'", "'a\\nb'"),
        ("null", "null"),
        ("Symbol('s')", "Symbol(s)"),
        ("[1, , 3]", "[ 1, <1 empty item>, 3 ]"),
        ("({a: {b: {c: {d: {e: 1}}}}})", "{ a: { b: { c: { d: [Object] } } } }"),
        ("{a: 1, 'b c': [true]}", "{ a: 1, 'b c': [ true ] }"),
        ("{}", "{}"),
        ("let o = {}; o.self = o; o", "{ self: [Circular] }"),
        ("new Map([['k', new Set([1])]])", "Map(1) { 'k' => Set(1) { 1 } }"),
        ("(function named() {})", "[Function: named]"),
        ("async () => 1", "[AsyncFunction (anonymous)]"),
        ("class P { x = 1 }; class Q extends P {}; new Q", "Q { x: 1 }"),
        ("Q", "[class Q extends P]"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("/a+/gi", "/a+/gi"),
        ("new Uint8Array([1, 2])", "Uint8Array(2) [ 1, 2 ]"),
        ("({get x() { throw 1 }})", "{ x: [Getter] }"),
        ("Object.create(null)", "[Object: null prototype] {}"),
        ("Promise.resolve(1)", "Promise { ... }"),
        ("_ instanceof Promise", "true"),
        ("await new Promise(done => setTimeout(done, 1, 'later'))", "'later'"),
        ("é = 'ü𝄞'", "'ü𝄞'"),
    ] {
        assert_eq!(d.exec(code).ok().result().as_deref(), Some(shown), "{code}");
    }
    assert_eq!(d.exec("undefined").ok().result(), None);
    assert_eq!(d.exec("let unseen = 1").ok().result(), None);
    let many = d.exec("Array.from({length: 1000}, (_, i) => 'item ' + i)").ok().result().unwrap();
    assert!(many.ends_with("... 900 more\n]"), "{many}");
    let long = d.exec("Array.from({length: 100}, () => 'y'.repeat(9000))").ok().result().unwrap();
    assert!(long.len() < 60_000 && long.ends_with(" bytes more"), "{}", long.len());
}

#[test]
fn names_are_declared_as_often_as_they_are_typed() {
    let mut d = start();
    d.exec("let a = 1; const b = 2; class C {}").ok();
    d.exec("let a = 10; const b = 20; class C { static x = 1 }\nfunction f() { let inner = 1; return inner }").ok();
    assert_eq!(d.exec("a + b + C.x + f()").ok().result().as_deref(), Some("32"));
}

#[test]
fn output_keeps_its_order_and_comes_before_the_end() {
    let mut d = start();
    let code = "for (let i = 0; i < 3; i++) { console.log('out', i); console.error('err', i) }";
    let runs = d.exec(code).ok().runs();
    let texts: Vec<_> = runs.iter().map(|(stream, data)| (*stream, String::from_utf8_lossy(data))).collect();
    assert_eq!(texts.len(), 6);
    assert_eq!(
        (texts[2].0, texts[2].1.as_ref(), texts[3].0, texts[3].1.as_ref()),
        (Stream::Stdout, "out 1\n", Stream::Stderr, "err 1\n")
    );
    let out = d.exec("console.log('%s is %d%%', 'x', 5, {a: 1}); console.group('g'); console.log('in\\nside'); console.groupEnd(); console.table([{a: 1}, {a: 22}])");
    assert_eq!(out.out(), "x is 5% { a: 1 }\ng\n  in\n  side\n(index)  a\n-------  --\n0        1\n1        22\n");
    let flood = d.exec("for (let i = 0; i < 200000; i++) console.log('0123456789'.repeat(10))").ok();
    assert_eq!(flood.bytes(Stream::Stdout).len(), 200_000 * 101);
    let once = d.exec("print('é'.repeat(5_000_000))").ok();
    assert_eq!(once.bytes(Stream::Stdout).len(), 10_000_001);
}

#[test]
fn what_timers_say_after_the_end_is_background() {
    let mut d = start();
    d.exec("let ticks = 0; let beat = setInterval(() => { print('tick', ++ticks); if (ticks === 2) clearInterval(beat) }, 5)")
        .ok();
    let mut heard = String::new();
    while !heard.ends_with("tick 2\n") {
        let KernelEvent::Output { n: 1, background: true, runs } = d.next() else { panic!("something else") };
        runs.iter().for_each(|run| heard.push_str(&run.data.lossy()));
    }
    d.exec("setTimeout(() => { throw new Error('in a timer') }, 1)").ok();
    let KernelEvent::Output { background: true, runs, .. } = d.next() else { panic!("something else") };
    assert!(runs[0].stream == Stream::Stderr && runs[0].data.lossy().contains("Error: in a timer"));
    assert_eq!(d.exec("ticks").ok().result().as_deref(), Some("2"));
}

#[test]
fn errors_say_where() {
    let mut d = start();
    let thrown = d.exec("function deep() { null.x }\ndeep()");
    let failure = thrown.failure();
    assert_eq!(failure.name, "TypeError");
    assert!(
        failure.traceback.contains("at deep (<cell 1>:1:") && failure.traceback.contains("<cell 1>:2:"),
        "{}",
        failure.traceback
    );
    assert!(!failure.traceback.contains("prelude"), "{}", failure.traceback);
    assert_eq!(d.exec("throw {code: 7}").failure().value, "{ code: 7 }");
    assert_eq!(d.exec("let = = 1").failure().name, "SyntaxError");
    assert_eq!(d.exec("await Promise.reject(new RangeError('r'))").failure().name, "RangeError");
    let caused = d.exec("throw new Error('outer', {cause: new Error('inner')})");
    assert!(caused.failure().traceback.contains("Caused by Error: inner"));
    let lost = d.exec("Promise.reject(new Error('nobody looks')); 1");
    assert_eq!(lost.result().as_deref(), Some("1"));
    assert!(lost.err().starts_with("Uncaught (in promise) Error: nobody looks"), "{}", lost.err());
    assert_eq!(d.exec("Promise.reject(1).catch(() => 2)").err(), "");
    assert_eq!(d.exec("Error = null; TypeError = null; undefinedName").failure().name, "ReferenceError");
}

#[test]
fn to_exit_ends_the_eval_and_not_the_kernel() {
    let mut d = start();
    assert_eq!(*d.exec("let kept = 1; exit(3); kept = 2").how(), DoneHow::Exit { code: 3, message: None });
    assert_eq!(d.exec("kept").ok().result().as_deref(), Some("1"));
    assert_eq!(*d.exec("try { exit() } finally { while (true); }").how(), DoneHow::Exit { code: 0, message: None });
}

#[test]
fn what_is_asked_is_answered() {
    let mut d = start();
    d.submit("print('before'); const name = prompt('name? '); `hello ${name}`");
    let mut outcome = crate::driver::Outcome::default();
    let ask = d.until_ask(&mut outcome);
    assert_eq!((ask.prompt.as_str(), outcome.out().as_str(), ask.line, ask.secret), ("name? ", "before\n", true, false));
    d.reply(&ask, "ada", false);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.result().as_deref(), Some("'hello ada'"));
    d.submit("prompt()");
    let mut outcome = crate::driver::Outcome::default();
    let ask = d.until_ask(&mut outcome);
    d.reply(&ask, "", true);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.result().as_deref(), Some("null"));
}

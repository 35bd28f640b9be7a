//! Code that means harm: it gets no further than an error.

use crate::{js, start, start_with};
use rialto_kernels::launch;
use rialto_protocol::kernel::{DoneHow, Launch};

#[test]
fn memory_stack_and_time_have_an_end_and_the_kernel_lives_on() {
    let mut d = start_with(&[("RIALTO_JS_MEMORY", "16"), ("RIALTO_JS_TIME", "1")]);
    d.exec("let kept = 1").ok();
    for code in [
        "let all = []; while (true) all.push(new Array(1000).fill(1.5))",
        "'x'.repeat(2 ** 29)",
        "let s = 'x'; while (true) s += s",
        "new ArrayBuffer(2 ** 31)",
        "function f() { f() } f()",
        "let o = {}; for (let i = 0; i < 1e6; i++) o = {o}; JSON.stringify(o)",
        "'('.repeat(1e6) |> 1",
        "eval('('.repeat(1e6))",
        "JSON.parse('['.repeat(1e6))",
        "new RegExp('('.repeat(1e5))",
        "for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e9)",
        "2n ** 100000000n",
    ] {
        let outcome = d.exec(code);
        assert!(matches!(outcome.how(), DoneHow::Error(_)), "{code}: {:?}", outcome.how());
        assert_eq!(d.exec("all = s = o = null; kept").ok().result().as_deref(), Some("1"), "{code}");
    }
    let mut d = start_with(&[("RIALTO_JS_TIME", "1")]);
    for code in [
        "while (true) {}",
        "setTimeout(() => { while (true) {} }); await new Promise(() => {})",
        "({toString() { while (true) {} }}) + ''",
    ] {
        let outcome = d.exec(code);
        assert_eq!(outcome.failure().name, "TimeLimit", "{code}");
    }
    // Waiting is not computing.
    assert_eq!(d.exec("await new Promise(done => setTimeout(done, 1200, 'rested'))").ok().result().as_deref(), Some("'rested'"));
}

#[test]
fn there_is_no_way_out() {
    let mut d = start();
    for name in [
        "require",
        "process",
        "std",
        "os",
        "fetch",
        "XMLHttpRequest",
        "WebSocket",
        "Deno",
        "module",
        "load",
        "Worker",
        "WebAssembly",
    ] {
        assert_eq!(d.exec(&format!("typeof {name}")).ok().result().as_deref(), Some("'undefined'"), "{name}");
    }
    for specifier in ["fs", "os", "std", "/etc/passwd", "./x.js", "data:text/javascript,1"] {
        assert!(matches!(d.exec(&format!("await import('{specifier}')")).how(), DoneHow::Error(_)), "{specifier}");
    }
    let shared = d.exec("Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)");
    assert!(matches!(shared.how(), DoneHow::Error(_)));
}

#[test]
fn what_we_need_cannot_be_taken_away() {
    let mut d = start();
    let vandal = "for (const o of [Object, Array.prototype, String.prototype, Function.prototype, JSON, Map.prototype, Reflect, Promise, Promise.prototype])
        for (const k of Reflect.ownKeys(o)) try { o[k] = () => { throw 'gone' } } catch {}
        delete globalThis.console; delete globalThis.setTimeout; undefined";
    d.exec(vandal);
    let left = d.exec("1 + 1");
    assert_eq!(left.result().as_deref(), Some("2"));
    // Errors are told, if in other words.
    assert!(matches!(d.exec("nowhere").how(), DoneHow::Error(_)));
}

#[test]
fn a_value_that_fights_back_is_shown_or_not() {
    let mut d = start_with(&[("RIALTO_JS_TIME", "1")]);
    for code in [
        "new Proxy({}, { ownKeys() { throw new Error('no') } })",
        "Object.defineProperty(new Error('x'), 'stack', { get() { throw 1 } })",
        "({ constructor: { get name() { throw 1 } } })",
        "let p = new Proxy({}, { get() { while (true) {} }, has() { return true } }); p",
    ] {
        let outcome = d.exec(code);
        assert!(outcome.done.is_some(), "{code}");
        assert_eq!(d.exec("1").ok().result().as_deref(), Some("1"), "{code}");
    }
    let thrown = d.exec("throw new Proxy(new Error('x'), { get() { throw new Error('twice') } })");
    assert!(matches!(thrown.how(), DoneHow::Error(_)));
}

#[test]
fn limits_that_mean_nothing_are_said() {
    let env = [("RIALTO_JS_MEMORY".to_owned(), "lots".to_owned())].into();
    let why = launch(&Launch { env, ..js() }).err().unwrap().to_string();
    assert!(why.contains("RIALTO_JS_MEMORY is \"lots\""), "{why}");
}

//! Questions about code, answered without changing anything.

use crate::start;
use rialto_protocol::kernel::{Answer, Completeness, Query};

#[test]
fn open_constructs_ask_for_more() {
    let mut d = start();
    let mut judge = |code| d.judge(code);
    for code in [
        "1 + 1",
        "await fetch",
        "let x = 5",
        "{ a: 1 }",
        "import fs from 'fs'",
        "for await (const x of y) {}",
        "",
        "// x",
        "a\n.b",
        "`${1}`",
    ] {
        assert_eq!(judge(code), Completeness::Complete, "{code}");
    }
    for code in [
        "function f() {",
        "foo(1,",
        "foo(1",
        "[1, 2",
        "({ a: 1",
        "`abc",
        "/* abc",
        "x = 3 +",
        "if (x) {} else",
        "class A { m() {",
        "a.",
        "async function f() {\n  await g(",
        "() =>",
        "try {}",
        "'abc\\",
        "switch (x) {",
        "await f(",
        "`a${",
        "`a${b",
    ] {
        assert!(matches!(judge(code), Completeness::Incomplete { .. }), "{code}: {:?}", judge(code));
    }
    for code in ["let = = 5", "1 2", ")", "'abc", "@", "foo(1 2)", "}", "function f() {}}", "if (x y"] {
        assert_eq!(judge(code), Completeness::Invalid, "{code}");
    }
    assert_eq!(judge("function f() {"), Completeness::Incomplete { indent: "  ".into() });
}

#[test]
fn completion_knows_names_properties_and_modules_and_runs_nothing() {
    let mut d = start();
    d.exec("let counter = 0; const o = { alpha: 1, get beta() { counter++; return {} }, gamma() {} }; function myFunction() {}")
        .ok();
    let mut complete = |code| d.complete(code);
    assert_eq!(complete("o.").1[..3], ["alpha", "beta", "gamma"]);
    assert_eq!(complete("é = o.al"), (7, vec!["alpha".to_owned()]));
    assert_eq!(complete("myF").1, ["myFunction"]);
    assert_eq!(complete("count").1, ["counter"]);
    assert_eq!(complete("o.beta.").1, Vec::<String>::new());
    assert_eq!(complete("'abc'.toUpper").1, ["toUpperCase"]);
    assert_eq!(complete("[1].fla").1, Vec::<String>::new());
    assert!(complete("require('chil").1.contains(&"child_process".to_owned()));
    assert!(complete("process.std").1.contains(&"stdout".to_owned()));
    assert!(complete("awa").1.contains(&"await".to_owned()));
    assert_eq!(d.exec("counter").ok().result().as_deref(), Some("0"));
}

#[test]
fn inspection_shows_signature_comment_and_source() {
    let mut d = start();
    d.exec("/**\n * Adds.\n * @param a one\n */\nfunction add(a, b = 2) {\n  return a + b;\n}\nlet list = [1, 2]").ok();
    let mut inspect = |code: &str, detail| match d.query(Query::Inspect { code: code.into(), cursor: code.len(), detail }) {
        Answer::Inspected(found) => found.map(|b| b.get("text/plain").unwrap().lossy().into_owned()),
        other => panic!("{other:?}"),
    };
    let told = inspect("add", 0).unwrap();
    assert!(
        told.contains("function add(a, b = 2)") && told.contains("Adds.\n@param a one") && !told.contains("return"),
        "{told}"
    );
    assert!(inspect("add(", 1).unwrap().contains("return a + b"));
    assert!(inspect("list", 0).unwrap().contains("[ 1, 2 ]"));
    assert!(inspect("Math.max", 0).unwrap().contains("max("));
    assert_eq!(inspect("nowhere", 0), None);
}

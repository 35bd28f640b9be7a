//! Completion, inspection, and whether code is complete.

use crate::start;
use rialto_protocol::kernel::{Answer, Completeness, Query};

#[test]
fn names_and_properties_are_completed_and_no_getter_is_called() {
    let mut d = start();
    d.exec("const basket = {apple: 1, pear(a, b = 2) {}, get trap() { print('called'); return 1 }}; class Fruit { constructor(kind, {ripe} = {}) {} }").ok();
    for (code, start, text, kind, signature) in [
        ("bask", 0, "basket", "object", ""),
        ("x = basket.p", 11, "pear", "function", "(a, b = 2)"),
        ("é + basket.app", 12, "apple", "number", ""),
        ("basket.tr", 7, "trap", "property", ""),
        ("Frui", 0, "Fruit", "class", "(kind, {ripe} = {})"),
        ("'a'.toUpperC", 4, "toUpperCase", "function", ""),
        ("[].fla", 3, "flat", "function", ""),
        ("retur", 0, "return", "keyword", ""),
        ("console.lo", 8, "log", "function", "(...what)"),
    ] {
        match d.query(Query::Complete { code: code.into(), cursor: code.len() }) {
            Answer::Completions(found) => {
                assert_eq!((found.start, found.end), (start, code.len()), "{code}");
                let item = found.items.iter().find(|item| item.text == text).unwrap_or_else(|| panic!("{code}: {found:?}"));
                assert_eq!((item.kind.as_str(), item.signature.as_str()), (kind, signature), "{code}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(d.is_silent());
}

#[test]
fn names_are_explained() {
    let mut d = start();
    d.exec("function area(w, h = 1) { return w * h }; const box = {w: 2}").ok();
    let mut about = |code: &str, cursor, detail| match d.query(Query::Inspect { code: code.into(), cursor, detail }) {
        Answer::Inspected(found) => found.map(|bundle| bundle["text/plain"].lossy().into_owned()),
        other => panic!("{other:?}"),
    };
    assert_eq!(about("1 + area(2)", 6, 0).unwrap(), "area(w, h = 1): function");
    assert!(about("area", 4, 1).unwrap().ends_with("function area(w, h = 1) { return w * h }"));
    assert_eq!(about("box.w", 5, 0).unwrap(), "box.w: number\n2");
    assert_eq!(about("nowhere", 3, 0), None);
}

#[test]
fn what_is_not_finished_is_known() {
    let mut d = start();
    let mut judge = |code| d.judge(code);
    let more = |indent: &str| Completeness::Incomplete { indent: indent.into() };
    for (code, expected) in [
        ("1 + 1", Completeness::Complete),
        ("await f()", Completeness::Complete),
        ("function f() {", more("  ")),
        ("f({a: [", more("      ")),
        ("`a", more("")),
        ("1 +", more("  ")),
        ("x =>", more("  ")),
        ("if (x)", more("  ")),
        ("let = =", Completeness::Invalid),
        ("'a", Completeness::Invalid),
        ("f)", Completeness::Invalid),
        ("", Completeness::Complete),
        ("let x = 1; let y", Completeness::Complete),
    ] {
        assert_eq!(judge(code), expected, "{code}");
    }
}

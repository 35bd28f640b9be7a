//! Completion, inspection, and whether code is complete.

use crate::driver::Driver;
use rialto_protocol::kernel::{Answer, Completeness, Query};

fn complete(d: &mut Driver, code: &str) -> (usize, Vec<(String, String)>, bool) {
    match d.query(Query::Complete { code: code.into(), cursor: code.len() }) {
        Answer::Completions(c) => {
            assert_eq!(c.end, code.len());
            (c.start, c.items.into_iter().map(|i| (i.text, i.kind)).collect(), c.more)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_could_stand_at_the_cursor() {
    let mut d = Driver::start();
    d.exec("import os, sys\nclass Nasty:\n    def __getattr__(self, name): raise RuntimeError\n    def __dir__(self): raise RuntimeError\n    def method(self): pass\n    @property\n    def prop(self): print('evaluated')\nnasty = Nasty()\ntable = {'key one': 1, 'key two': 2}\nvalue_1 = 1\ndef \u{e9}t\u{e9}(): pass").ok();
    for (code, start, text, kind) in [
        ("val", 0, "value_1", "instance"),
        ("x = val", 4, "value_1", "instance"),
        ("pri", 0, "print", "function"),
        ("whi", 0, "while", "keyword"),
        ("ValueE", 0, "ValueError", "class"),
        ("os.pat", 3, "path", "module"),
        ("os.path.joi", 8, "join", "function"),
        ("nasty.met", 6, "method", "function"),
        ("nasty.pr", 6, "prop", "property"),
        ("import collec", 7, "collections", "module"),
        ("import collections.ab", 19, "abc", "module"),
        ("from os import getc", 15, "getcwd", "function"),
        ("table['key o", 7, "key one", "key"),
        ("'\u{e9}'; \u{e9}t", 6, "\u{e9}t\u{e9}", "function"),
    ] {
        let (at, items, _) = complete(&mut d, code);
        assert_eq!(at, start, "{code}");
        assert!(items.contains(&(text.into(), kind.into())), "{code}: {items:?}");
    }
    for code in ["no_such.thing", "1.re", "os.path.", "nasty.absent."] {
        let (_, items, _) = complete(&mut d, code);
        assert_eq!(items.is_empty(), code != "os.path.", "{code}: {items:?}");
    }
    d.exec("for i in range(600): globals()[f'many_{i}'] = i").ok();
    let (_, items, more) = complete(&mut d, "many_");
    assert_eq!((items.len(), more), (500, true));
    assert_eq!(d.exec("1").ok().out(), "", "no property was evaluated");
}

#[test]
fn what_is_known_of_a_name() {
    let mut d = Driver::start();
    d.exec("def f(a, b=2):\n    'Adds.\\n\\nAt length.'\n    return a + b").ok();
    let mut ask = |code: &str, cursor: usize, detail: u8| match d.query(Query::Inspect { code: code.into(), cursor, detail }) {
        Answer::Inspected(found) => found.map(|bundle| bundle["text/plain"].lossy().into_owned()),
        other => panic!("{other:?}"),
    };
    assert_eq!(ask("f", 1, 0).as_deref(), Some("f(a, b=2)\n\nAdds."));
    assert_eq!(ask("x = f(1, ", 9, 0).as_deref(), Some("f(a, b=2)\n\nAdds."), "inside the call");
    let all = ask("f", 0, 1).unwrap();
    assert!(all.contains("At length.") && all.contains("return a + b"), "{all}");
    assert!(ask("print", 3, 0).unwrap().starts_with("print"), "in the middle of the name");
    assert_eq!(ask("nothing_of_this_name", 4, 0), None);
    assert_eq!(ask("", 0, 0), None);
}

#[test]
fn whether_the_repl_would_run_it() {
    let mut d = Driver::start();
    let more = |indent: &str| Completeness::Incomplete { indent: indent.into() };
    for (code, expected) in [
        ("1+1", Completeness::Complete),
        ("", Completeness::Complete),
        ("x = 1\ny = 2", Completeness::Complete),
        ("await f()", Completeness::Complete),
        ("def f():", more("    ")),
        ("def f():\n    if x:", more("        ")),
        ("def f():\n    x = 1", more("    ")),
        ("def f():\n    return 1", more("")),
        ("def f():\n    return 1\n", Completeness::Complete),
        ("if x: pass", more("")),
        ("f(1,", more("")),
        ("f(", more("    ")),
        ("'''text", more("")),
        ("x = \\", more("")),
        ("1 +* 2", Completeness::Invalid),
        ("  x", Completeness::Invalid),
    ] {
        assert_eq!(d.query(Query::IsComplete { code: code.into() }), Answer::Completeness(expected), "{code:?}");
    }
}

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

/// What it is called with is told as far as that runs nobody's code.
#[test]
fn signatures_stand_beside_completions() {
    let mut d = Driver::start();
    d.exec(
        "class A:\n    def __init__(self, name, *, loud=False): pass\n    def go(self, a, b=1, *c, d='x', **e): pass\n    \
         @staticmethod\n    def of(z, /, y): pass\n    @classmethod\n    def make(cls, q=[1]): pass\nit = A('x')",
    )
    .ok();
    let mut signature = |code: &str| match d.query(Query::Complete { code: code.into(), cursor: code.len() }) {
        Answer::Completions(found) => found.items.first().map(|item| item.signature.clone()).unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    let expected = [
        ("it.go", "(a, b=1, *c, d='x', **e)"),
        ("A.go", "(self, a, b=1, *c, d='x', **e)"),
        ("it.of", "(z, /, y)"),
        ("it.mak", "(q=...)"),
        ("A", "(name, *, loud=False)"),
        ("len", "(obj, /)"),
        ("it", ""),
    ];
    for (code, wanted) in expected {
        assert_eq!(signature(code), wanted, "{code}");
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
    // What begins with an underscore is for those who type one.
    let texts = |items: Vec<(String, String)>| items.into_iter().map(|(text, _)| text).collect::<Vec<_>>();
    assert_eq!(texts(complete(&mut d, "nasty.").1), ["method", "prop"]);
    assert!(texts(complete(&mut d, "nasty.__").1).contains(&"__getattr__".to_owned()));
    d.exec("for i in range(600): globals()[f'many_{i}'] = i").ok();
    let (_, items, more) = complete(&mut d, "many_");
    assert_eq!((items.len(), more), (500, true));
    assert_eq!(d.exec("1").ok().out(), "", "no property was evaluated");
}

#[test]
fn arguments_keys_and_files() {
    let mut d = Driver::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    for file in ["data/one.csv", "data/two.csv", "dates.txt", ".hidden"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    let code = "import functools, os, dataclasses\n\
                def f(key, /, kept=1, *args, kilo, **rest): pass\n\
                class C:\n    def __init__(self, kind): pass\n    def method(self, kin): pass\n    @property\n    def p(self): print('evaluated')\n\
                @functools.wraps(f)\ndef g(*a): pass\n\
                @dataclasses.dataclass\nclass D:\n    kiss: int\n\
                class Nasty(dict):\n    def __iter__(self): print('evaluated')\n    def keys(self): print('evaluated')\n    def __missing__(self, key): print('evaluated')\n    @property\n    def __signature__(self): print('evaluated')\n\
                c = C(1); n = Nasty(kind=1); t = {'ka': 1, \"k'b\": 2, 3: 4}\n";
    d.exec(code).ok();
    d.exec(&format!("os.chdir({:?})", folder.path())).ok();
    let mut check = |code: &str, word: &str, expected: &[&str]| {
        let (start, items, _) = complete(&mut d, code);
        let texts: Vec<&str> = items.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!((code.get(start..), texts.as_slice()), (Some(word), expected), "{code}");
    };
    check("f(1, ki", "ki", &["kilo="]);
    check("f(", "", &["kept=", "kilo="]);
    check("f(kept=3, k", "k", &["kilo="]);
    check("x = g(\n  2, kil", "kil", &["kilo="]);
    check("C(ki", "ki", &["kind="]);
    check("c.method(k", "k", &["kin="]);
    check("D(k", "k", &["kiss="]);
    check("f([k", "k", &[]);
    check("n(ki", "ki", &[]);
    check("t['", "", &["ka"]);
    check("t[\"k'", "k'", &["k'b"]);
    check("t[", "", &["\"k'b\"", "'ka'", "3"]);
    check("n['", "", &["kind"]);
    check("open('da", "da", &["data/", "dates.txt"]);
    check("open('data/", "", &["one.csv", "two.csv"]);
    check("x = [f(1), \"./data/t", "t", &["two.csv"]);
    check("open('.h", ".h", &[".hidden"]);
    check("open('absent/", "", &[]);
    check("# open('da", "", &[]);
    check("\"\"\"\nopen da", "", &[]);
    check("f'{c.me", "me", &["method"]);
    check("f'{{c.me", "{{c.me", &[]);
    check("'abc'.isalp", "isalp", &["isalpha"]);
    check("x = 'it'; c.me", "me", &["method"]);
    assert_eq!(d.exec("1").ok().out(), "", "nobody's code was run");
}

#[test]
fn the_source_of_what_was_typed() {
    let mut d = Driver::start();
    d.exec("import functools\n@functools.total_ordering\nclass A:\n    x = 1\n    class B:\n        y = 2\n    def __lt__(self, other): pass\n").ok();
    d.exec("def make():\n    class L:\n        z = 3\n    return L\nL = make()\n").ok();
    let mut ask = |code: &str| match d.query(Query::Inspect { code: code.into(), cursor: code.len(), detail: 1 }) {
        Answer::Inspected(found) => found.map(|bundle| bundle["text/plain"].lossy().into_owned()).unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    let found = ask("A");
    assert!(found.contains("@functools.total_ordering\nclass A:\n    x = 1"), "{found}");
    assert!(found.ends_with("def __lt__(self, other): pass"), "{found}");
    assert!(ask("A.B").ends_with("    class B:\n        y = 2"), "{}", ask("A.B"));
    assert!(ask("L").ends_with("    class L:\n        z = 3"), "{}", ask("L"));
    assert!(ask("make").contains("File: <cell 2>\n\ndef make():"), "{}", ask("make"));
    assert!(ask("functools.partial").contains("class partial"), "{}", ask("functools.partial"));
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

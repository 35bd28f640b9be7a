//! What an eval is worth: its value, its error, its exit.

use crate::start;
use rialto_protocol::data::Show;
use rialto_protocol::kernel::DoneHow;

#[test]
fn names_live_on_and_may_be_declared_again() {
    let mut d = start();
    assert_eq!(d.info.language, "javascript");
    d.exec("let a = 1; const b = 2; class C { x() { return 3 } }").ok();
    d.exec("let a = 10; const b = 20; class C { x() { return 30 } }").ok();
    assert_eq!(d.exec("a + b + new C().x()").ok().result().as_deref(), Some("60"));
    assert_eq!(d.exec("_ + 1").ok().result().as_deref(), Some("61"));
    assert_eq!(d.exec("let nothing = 1").ok().result(), None);
}

#[test]
fn values_look_as_in_the_repl() {
    let mut d = start();
    for (code, text) in [
        ("'a' + 'b'", "'ab'"),
        ("-0", "-0"),
        ("10n ** 20n", "100000000000000000000n"),
        ("NaN", "NaN"),
        ("null", "null"),
        ("{ a: 1, b: [1, 2] }", "{ a: 1, b: [ 1, 2 ] }"),
        ("{ let x = 5; x }", "5"),
        ("Promise.resolve(5)", "Promise { 5 }"),
        ("await Promise.resolve(5)", "5"),
        ("new Map([[1, { a: 'é' }]])", "Map(1) { 1 => { a: 'é' } }"),
        ("Symbol('s')", "Symbol(s)"),
        ("(function f() {})", "[Function: f]"),
        ("`${[1, 2].map(x => `<${x}>`)}`", "'<1>,<2>'"),
    ] {
        assert_eq!(d.exec(code).ok().result().as_deref(), Some(text), "{code}");
    }
    d.submit_as("5", Show::Nothing, None);
    assert_eq!(d.finish().ok().result(), None);
}

#[test]
fn an_error_shows_the_users_lines_and_no_others() {
    let mut d = start();
    d.exec("function f() {\n  throw new TypeError('bad');\n}").ok();
    let outcome = d.exec("\n  f()");
    let failure = outcome.failure();
    assert_eq!((failure.name.as_str(), failure.value.as_str()), ("TypeError", "bad"));
    assert_eq!(
        failure.traceback,
        "<cell-1>:2\n  throw new TypeError('bad');\n        ^\n\nTypeError: bad\n    at f (<cell-1>:2:9)\n    at <cell-2>:2:3\n"
    );
    let outcome = d.exec("const x = 1 +* 2");
    assert_eq!(
        outcome.failure().traceback,
        "<cell-3>:1\nconst x = 1 +* 2\n             ^\n\nSyntaxError: Unexpected token '*'\n"
    );
    let outcome = d.exec("await 1; fs.readFileSync('/no/such')");
    assert!(outcome.failure().traceback.contains("at <cell-4>:1:"), "{}", outcome.failure().traceback);
    assert!(outcome.failure().traceback.contains("code: 'ENOENT'"), "{}", outcome.failure().traceback);
    assert!(!outcome.failure().traceback.contains("rialto"), "{}", outcome.failure().traceback);
    assert_eq!(d.exec("throw 5").failure().traceback, "Uncaught 5\n");
    assert_eq!(d.exec("_error").ok().result().as_deref(), Some("5"));
}

#[test]
fn exit_ends_the_eval_and_not_the_interpreter() {
    let mut d = start();
    for (code, exit) in [
        ("let kept = 7; process.exit(3); kept = 8", 3),
        ("try { process.exit(4) } finally { kept = 9 }", 4),
        ("await 1; process.exit(5)", 5),
        ("setTimeout(() => process.exit(6), 1); await new Promise(() => {})", 6),
        ("process.exit()", 0),
    ] {
        assert_eq!(*d.exec(code).how(), DoneHow::Exit { code: exit, message: None }, "{code}");
    }
    assert_eq!(d.exec("kept").ok().result().as_deref(), Some("7"));
}

#[test]
fn modules_come_from_the_sessions_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.js"), "module.exports = { a: 1 }").unwrap();
    std::fs::write(folder.path().join("new.mjs"), "export const b = 2; export default 3").unwrap();
    std::fs::create_dir_all(folder.path().join("node_modules/pack")).unwrap();
    std::fs::write(folder.path().join("node_modules/pack/index.js"), "module.exports = 'packed'").unwrap();
    let mut d =
        crate::Driver::start_with(&rialto_protocol::kernel::Launch { cwd: folder.path().display().to_string(), ..crate::node() });
    for (code, text) in [
        ("require('./old').a", "1"),
        ("(await import('./new.mjs')).b", "2"),
        ("import three, { b as two } from './new.mjs'\n[two, three]", "[ 2, 3 ]"),
        ("import * as all from './new.mjs'; all.b", "2"),
        ("require('pack')", "'packed'"),
        ("(await import('pack')).default", "'packed'"),
        ("'import x from y' // import z from 'w'", "'import x from y'"),
        ("path.basename('/a/b')", "'b'"),
        ("typeof (await import('node:fs')).readFileSync", "'function'"),
    ] {
        assert_eq!(d.exec(code).ok().result().as_deref(), Some(text), "{code}");
    }
}

#[test]
fn rich_forms_are_shown_along_the_way_and_as_a_result() {
    let mut d = start();
    let outcome =
        d.exec("display({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>x</b>', 'text/plain': 'x' }) }); 1").ok();
    let displays = outcome.displays();
    assert_eq!(displays[0].1.get("text/html").unwrap().lossy(), "<b>x</b>");
    let outcome = d.exec("({ [Symbol.for('Jupyter.display')]: () => ({ 'image/png': 'aGV5' }) })").ok();
    assert_eq!(outcome.bundle().unwrap().get("image/png").unwrap().lossy(), "hey");
    let outcome = d.exec("'x'.repeat(300000)").ok();
    assert_eq!(outcome.result().unwrap().len(), 300_002);
}

//! The kernel that needs nothing: JavaScript, built in.

use crate::common::{Running, Terminal, World};

#[test]
fn where_nothing_is_installed_there_is_javascript() {
    let world = World::new();
    let mut command = world.rialto(&["exec", "-c", "[1, 2].map(x => x * 2)"]);
    command.env("PATH", "/nowhere");
    let said = Running::start(command).end().exits(0);
    assert_eq!(said.out(), "[ 2, 4 ]\n");
    assert!(said.err().contains("no Python was found: this runs as JavaScript"), "{said}");
    // Where there is a Python, nothing has changed.
    world.run(&["exec", "-c", "[x * 2 for x in (1, 2)]"]).says(0, "[2, 4]\n", "");
    let said = world.run(&["exec", "-k", "js", "-c", "throw new RangeError('no')"]).exits(1);
    assert!(said.err().contains("RangeError: no\n    at <eval> (<cell 1>:1:"), "{said}");
    world.run(&["exec", "-k", "js", "-c", "exit(7)"]).says(7, "", "");
    world.run_with(&["exec", "-k", "js", "-"], "let a = 4\nprint(a * 2)").says(0, "8\n", "");
}

#[test]
fn javascript_is_typed_interrupted_and_restarted() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto js");
    t.wait_for("64 MiB; nothing of it outlives this session");
    t.type_line("const greet = (name) => {");
    t.shows(&[">>> const greet = (name) => {", "..."]);
    t.type_line("return `hi ${name}`");
    t.type_line("}");
    t.type_line("greet('you')");
    t.shows(&["'hi you'", ">>>"]);
    t.type_line("print('on'); for (;;) {}");
    t.shows(&["on"]);
    t.keys(&["C-c"]);
    t.shows(&["Interrupted: the eval was interrupted", ">>>"]);
    t.type_line("greet(await new Promise(done => setTimeout(done, 1, 'again')))");
    t.shows(&["'hi again'", ">>>"]);
    t.type_line("let answer = prompt('who? ')");
    t.shows(&["who?"]);
    t.type_line("me");
    t.shows(&["who? me", ">>>"]);
    t.type_line("answer");
    t.shows(&["'me'", ">>>"]);
    t.type_line(":restart");
    t.wait_for("the kernel was restarted");
    t.type_line("typeof greet");
    t.shows(&["'undefined'", "this ran in a fresh kernel: what earlier evals made is gone", ">>>"]);
}

/// A thread that nobody can stop is given up, and the session lives.
#[test]
fn code_that_looks_at_no_interrupt_is_ended_by_force() {
    let world = World::new();
    let stuck = "'a'.repeat(2e7).indexOf('a'.repeat(1e7) + 'b')";
    let said = world.run(&["exec", "-k", "js", "-s", "work", "--timeout", "0.2", "-c", stuck]).exits(124);
    assert!(said.err().contains("stopped after 0.2 s"), "{said}");
    let said = world.run(&["exec", "-s", "work", "-c", "1 + 1"]).exits(0);
    assert_eq!(said.out(), "2\n");
    assert!(said.err().contains("fresh kernel"), "{said}");
}

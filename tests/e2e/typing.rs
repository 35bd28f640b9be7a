//! What is typed at the prompt, and what a program reads.

use crate::common::{Terminal, World};

fn prompt(world: &World) -> Terminal<'_> {
    let t = Terminal::open(world, "clear; rialto work");
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t
}

#[test]
fn a_block_goes_on_until_it_is_complete() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("def double(n):");
    t.shows(&[">>> def double(n):", "..."]);
    t.type_line("return n * 2");
    t.shows(&["...     return n * 2", "..."]);
    t.type_line("");
    t.shows(&[">>>"]);
    t.type_line("double(21)");
    t.shows(&[">>> double(21)", "42", ">>>"]);
    t.type_line("(1 +");
    t.shows(&[">>> (1 +", "..."]);
    t.type_line("2)");
    t.shows(&["... 2)", "3", ">>>"]);
    // What can never be complete is said at once.
    t.type_line("1 +* 2");
    t.shows(&["SyntaxError: invalid syntax", ">>>"]);
}

#[test]
fn a_block_typed_while_another_eval_runs_stays_a_block() {
    let world = World::new();
    let t = prompt(&world);
    let other = "import os; os.mkfifo('go'); print('busy'); open('go').read()";
    let busy = world.start(&["exec", "-s", "work", "-q", "-c", other]);
    busy.wait_for_out("busy\n");
    t.shows(&["busy", ">>>"]);
    t.type_line("def five():");
    t.shows(&[">>> def five():", "..."]);
    t.type_line("return 5");
    t.shows(&["...     return 5", "..."]);
    t.type_line("");
    std::fs::write(world.project().join("go"), "x").unwrap();
    busy.end().exits(0);
    t.shows(&[">>>"]);
    t.type_line("five()");
    t.shows(&[">>> five()", "5", ">>>"]);
}

#[test]
fn what_is_pasted_arrives_as_one() {
    let world = World::new();
    let t = prompt(&world);
    t.paste("def f():\n    a = 1\n\n    return a + 1\n\nf()");
    t.keys(&["Enter"]);
    t.shows(&["2", ">>>"]);
    assert_eq!(world.run(&["exec", "-s", "work", "-c", "f() + 1"]).ok(), "3\n");
}

#[test]
fn ctrl_c_clears_the_line_and_interrupts_what_runs() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("x = 'kept'");
    t.shows(&[">>> x = 'kept'", ">>>"]);
    t.type_text("this is never run");
    t.shows(&[">>> this is never run"]);
    t.keys(&["C-c"]);
    t.shows(&[">>> x = 'kept'", ">>>"]);
    t.keys(&["C-c"]);
    t.shows(&[">>> x = 'kept'", ">>>"]);
    t.keys(&["C-y"]);
    t.shows(&[">>> x = 'kept'", ">>> this is never run"]);
    t.keys(&["C-c"]);
    t.type_line("import time; print('be' + 'gun'); time.sleep(60)");
    t.shows(&["begun"]);
    t.keys(&["C-c"]);
    t.shows(&["KeyboardInterrupt", ">>>"]);
    t.type_line("while True: pass");
    t.shows(&["..."]);
    t.type_line("");
    // The spinning loop has begun when the session says so.
    crate::common::until("the loop to run", || {
        let list = world.ls(false);
        (list[0]["status"]["state"] == "running").then_some(())
    });
    t.keys(&["C-c"]);
    t.shows(&["KeyboardInterrupt", ">>>"]);
    t.type_line("x");
    t.shows(&[">>> x", "'kept'", ">>>"]);
}

#[test]
fn programs_ask_and_are_answered() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("name = input('who? ')");
    t.shows(&["who?"]);
    t.type_line("Ann");
    t.shows(&["who? Ann", ">>>"]);
    t.type_line("name");
    t.shows(&["'Ann'", ">>>"]);
    t.type_line("input('more? ')");
    t.shows(&["more?"]);
    t.keys(&["C-d"]);
    t.shows(&["EOFError: EOF when reading a line", ">>>"]);
    t.type_line("input('stuck? ')");
    t.shows(&["stuck?"]);
    t.keys(&["C-c"]);
    t.shows(&["KeyboardInterrupt", ">>>"]);
}

#[test]
fn a_password_is_on_no_screen_and_in_no_record() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("import getpass; p = getpass.getpass('Password: ')");
    t.wait_for("Password:");
    t.shows(&["Password:"]);
    t.type_line("hunter2 and more");
    t.shows(&[">>>"]);
    assert!(!t.screen().contains("hunter2"), "{}", t.screen());
    t.type_line("len(p)");
    t.shows(&["16", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    t.type_line("clear; rialto exec -c 'import getpass; len(getpass.getpass())'");
    t.shows(&["Password:"]);
    t.type_line("hunter2");
    t.shows(&["Password:", "7", "$"]);
    drop(t);
    // Nowhere in its files either: not in the journal, not in the history of what was typed.
    world.run(&["kill", "work"]).exits(0);
    world.quiet();
    let found = world.sh("grep -rl hunter2 \"$RIALTO_STATE_DIR\"").exits(1);
    assert_eq!(found.out(), "");
}

#[test]
fn tab_completes_from_what_the_kernel_knows() {
    let world = World::new();
    world.session("work", "a_long_name_of_mine = 'completed'");
    let t = prompt(&world);
    t.type_text("a_long_na");
    t.keys(&["Tab"]);
    t.shows(&[">>> a_long_name_of_mine"]);
    t.keys(&["Enter"]);
    t.shows(&[">>> a_long_name_of_mine", "'completed'", ">>>"]);
}

#[test]
fn what_was_typed_is_remembered_across_terminals() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("40 + 2");
    t.shows(&["42", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    let other = prompt(&world);
    other.keys(&["Up"]);
    other.shows(&[">>> 40 + 2"]);
    other.keys(&["Enter"]);
    other.shows(&[">>> 40 + 2", "42", ">>>"]);
}

#[test]
fn a_window_that_changes_its_size_loses_no_text() {
    let world = World::new();
    let t = prompt(&world);
    t.type_text("'0123456789 0123456789 0123456789 0123456789 0123456789'");
    t.shows(&[">>> '0123456789 0123456789 0123456789 0123456789 0123456789'"]);
    t.resize(40, 20);
    t.type_text("[:5]");
    t.keys(&["Enter"]);
    t.shows(&["'01234'", ">>>"]);
    t.resize(120, 20);
    t.type_line("print('-' * 110)");
    t.shows(&[&"-".repeat(110), ">>>"]);
}

#[test]
fn what_begins_with_a_colon_is_for_the_terminal() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("x = 1");
    t.shows(&[">>> x = 1", ">>>"]);
    t.type_line(":help");
    t.wait_for("end the session and its kernel");
    t.type_line(":nothing");
    t.shows(&[":nothing is no command; :help lists them", ">>>"]);
    t.type_line(":restart");
    t.wait_for("the kernel was restarted: what earlier evals made is gone");
    t.type_line("x");
    t.wait_for("NameError: name 'x' is not defined");
    t.type_line(":detach");
    t.shows(&["$"]);
    assert_eq!(world.ls(false).len(), 1);
}

#[test]
fn an_exit_of_the_code_does_not_end_the_session() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("import sys; x = 7; sys.exit(3)");
    t.wait_for("the code asked to exit with 3; the session lives on. Ctrl-D detaches, :quit! ends it");
    t.type_line("x");
    t.shows(&["7", ">>>"]);
    t.type_line("import os; os.kill(os.getpid(), 11)");
    t.wait_for("SIGSEGV");
    t.type_line("x");
    t.wait_for("NameError: name 'x' is not defined");
}

#[test]
fn what_is_typed_ahead_is_not_lost() {
    let world = World::new();
    let t = prompt(&world);
    t.type_text("a = input()\nto be read\nb = 2\na * b\nb\n");
    t.shows(&["'to be readto be read'", ">>> b", "2", ">>>"]);
}

/// Runs until somebody writes into the pipe `go`, and prints before and after that.
const GATED: &str = "import os; os.path.exists('go') or os.mkfifo('go'); print('be' + 'gun'); print(open('go').read())";

#[test]
fn what_is_typed_ahead_stands_at_the_next_prompt_and_nowhere_else() {
    let world = World::new();
    let t = prompt(&world);
    t.keys(&["C-l"]);
    t.type_line(GATED);
    t.shows(&["begun"]);
    t.type_line("1 + 1");
    t.type_text("'not ru' + 'n yet'");
    std::fs::write(world.project().join("go"), "gone on").unwrap();
    t.shows(&["begun", "gone on", ">>> 1 + 1", "2", ">>> 'not ru' + 'n yet'"]);
    // What the program reads itself comes in its order: first what was typed first.
    t.keys(&["C-u", "C-l"]);
    t.type_line(&format!("{GATED}; a = input('a? '); b = input('b? ')"));
    t.shows(&["begun"]);
    t.type_text("one\ntwo\na + b\n");
    std::fs::write(world.project().join("go"), "gone on").unwrap();
    t.shows(&["begun", "gone on", "a? one", "b? two", ">>> a + b", "'onetwo'", ">>>"]);
}

#[test]
fn a_block_pasted_ahead_is_one_entry() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line(GATED);
    t.shows(&["begun"]);
    t.paste("for i in range(2):\n    for k in range(2):\n        print(i, k)");
    std::fs::write(world.project().join("go"), "gone on").unwrap();
    t.shows(&["gone on", ">>> for i in range(2):", "...     for k in range(2):", "...         print(i, k)"]);
    t.keys(&["Escape", "Enter"]);
    t.shows(&["0 0", "0 1", "1 0", "1 1", ">>>"]);
}

#[test]
fn enter_at_the_line_with_the_clock_leaves_no_trace_of_it() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; RIALTO_STATUS=on rialto work");
    t.shows(&[">>>"]);
    t.type_line(GATED);
    t.wait_for(" s · #1");
    t.keys(&["Enter", "Enter"]);
    // The clock goes on where it was.
    t.wait_for("2 s · #1");
    std::fs::write(world.project().join("go"), "gone on").unwrap();
    t.wait_for("gone on");
    t.shows(&[">>>", ">>>", ">>>"]);
    assert!(!t.screen().contains(" s · #1"), "{}", t.screen());
}

//! Several people and programs in one session, in two terminals; and coming back to it.

use crate::common::{Terminal, World};

fn prompt<'w>(world: &'w World, line: &str) -> Terminal<'w> {
    let t = Terminal::open(world, &format!("clear; {line}"));
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t
}

#[test]
fn what_others_do_stands_above_the_prompt_with_their_name() {
    let world = World::new();
    let (a, b) = (prompt(&world, "rialto work"), prompt(&world, "rialto work"));
    a.type_text("half a li");
    b.type_line("def double(n):");
    b.shows(&["..."]);
    b.type_line("return n * 2");
    b.shows(&["..."]);
    b.type_line("");
    b.shows(&[">>>"]);
    a.wait_for("▸ def double(n): … (+1 line)");
    b.type_line("print('from b'); 1 / 0");
    b.shows(&["ZeroDivisionError: division by zero", ">>>"]);
    a.wait_for("from b");
    a.wait_for("#2 ended with an error");
    a.shows(&[">>> half a li"]);
    assert!(!a.screen().contains("Traceback"), "the end of it is enough: {}", a.screen());
    // What was half typed is still there to be run.
    a.keys(&["C-u"]);
    a.type_line("double(21)");
    a.shows(&["42", ">>>"]);
}

#[test]
fn only_who_is_asked_is_asked() {
    let world = World::new();
    let (a, b) = (prompt(&world, "rialto work"), prompt(&world, "rialto work"));
    b.type_line("name = input('who? ')");
    b.shows(&["who?"]);
    a.wait_for("#1 is waiting for input by you/terminal@");
    a.shows(&[">>>"]);
    b.type_line("Ann");
    b.shows(&[">>>"]);
    a.type_line("name");
    a.shows(&["'Ann'", ">>>"]);
}

#[test]
fn what_is_printed_after_the_end_is_marked() {
    let world = World::new();
    let t = prompt(&world, "rialto work");
    let code = "import threading, os; os.mkfifo('go'); \
                threading.Thread(target=lambda: (open('go').read(), print('late'))).start(); 'started'";
    t.type_line(code);
    t.shows(&["'started'", ">>>"]);
    std::fs::write(world.project().join("go"), "x").unwrap();
    t.wait_for("#1 you, in the background:");
    t.wait_for("late");
    t.shows(&[">>>"]);
}

#[test]
fn coming_back_is_one_line_and_the_end_of_it() {
    let world = World::new();
    let t = prompt(&world, "rialto work");
    t.type_line("'seen'");
    t.shows(&["'seen'", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    world.run(&["exec", "-s", "work", "-c", "for i in range(312): print('line', i)"]).exits(0);
    world.run(&["exec", "-s", "work", "-c", "1 / 0"]).exits(1);
    let busy = world.start(&["exec", "-s", "work", "-c", "import time; print('busy', flush=True); time.sleep(600)"]);
    busy.wait_for_out("busy");
    t.type_line("clear; rialto work");
    t.wait_for("since you last looked: 3 evals by you/exec");
    t.wait_for("1 error; #4 by you/exec");
    t.wait_for("(:replay shows all)");
    t.shows(&["busy", ">>>"]);
    let screen = t.screen();
    assert!(!screen.contains("seen") && !screen.contains("line 100\n"), "{screen}");
    world.run(&["interrupt", "work"]).exits(0);
    busy.end().exits(130);
    t.wait_for("#4 was interrupted");
    // Nothing that was told is told again.
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    t.type_line("clear; rialto work");
    t.wait_for("resumed session work");
    t.shows(&[">>>"]);
    assert!(!t.screen().contains("since you last looked"), "{}", t.screen());
}

#[test]
fn a_session_never_seen_is_told_in_short_too() {
    let world = World::new();
    world.session("work", "for i in range(1000): print('line', i)");
    let t = prompt(&world, "rialto work");
    t.wait_for("so far: 1 eval by you/exec");
    t.wait_for("1,000 lines of output");
    t.shows(&["line 999", ">>>"]);
    assert!(!t.screen().contains("line 900\n"), "{}", t.screen());
}

#[test]
fn a_flood_of_others_does_not_bury_the_prompt() {
    let world = World::new();
    let t = prompt(&world, "rialto work");
    t.type_text("half a li");
    world.run(&["exec", "-s", "work", "-c", "for i in range(20000): print('flood', i)"]).exits(0);
    t.wait_for("⋯ more of #1 than can be read here; :more 1 shows it");
    t.wait_for("of #1 not shown");
    t.shows(&[">>> half a li"]);
}

#[test]
fn waiting_behind_others_says_how_many() {
    let world = World::new();
    let t = prompt(&world, "RIALTO_STATUS=on rialto work");
    let code = "import os; os.mkfifo('go'); print('busy', flush=True); open('go').read()";
    let busy = world.start(&["exec", "-s", "work", "-q", "-c", code]);
    busy.wait_for_out("busy");
    t.wait_for("▸ import os");
    t.type_line("'mine'");
    t.wait_for("waiting: 1 before #2");
    std::fs::write(world.project().join("go"), "x").unwrap();
    busy.end().exits(0);
    t.shows(&["'mine'", ">>>"]);
}

#[test]
fn a_name_is_described() {
    let world = World::new();
    let t = prompt(&world, "rialto work");
    t.type_line("len?");
    t.wait_for("Return the number of items in a container");
    t.shows(&[">>>"]);
    t.type_line("no_such_name?");
    t.wait_for("no_such_name is not known here");
    t.type_line("?");
    t.wait_for(":help COMMAND says more");
}

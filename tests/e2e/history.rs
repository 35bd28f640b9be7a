//! What was typed: for all terminals, whatever becomes of them.

use crate::common::{Terminal, World};
use crate::editing::prompt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;

#[test]
fn up_finds_what_begins_like_the_line() {
    let world = World::new();
    let t = prompt(&world);
    for entry in ["apple = 1", "pear = 2", "apple + 1", "pear"] {
        t.type_line(entry);
    }
    t.shows(&[">>> pear", "2", ">>>"]);
    t.type_text("app");
    t.keys(&["Up"]);
    t.shows(&[">>> apple + 1"]);
    t.keys(&["Up"]);
    t.shows(&[">>> apple = 1"]);
    t.keys(&["Down"]);
    t.shows(&[">>> apple + 1"]);
    t.keys(&["Down"]);
    t.type_text("x");
    t.shows(&[">>> appx"]);
    // Without a beginning, one after the other.
    t.keys(&["C-c", "Up", "Up"]);
    t.shows(&[">>> apple + 1"]);
    t.keys(&["Down", "Down"]);
    t.type_text("z");
    t.shows(&[">>> z"]);
    t.keys(&["C-c", "C-r"]);
    t.type_text("= 2");
    t.shows(&["(reverse-i-search)`= 2': pear = 2"]);
    t.keys(&["Enter"]);
    t.shows(&[">>> pear = 2", ">>>"]);
}

#[test]
fn entries_of_many_lines_are_one() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("def f():");
    t.type_line("return 5");
    t.type_line("");
    t.type_line("f()");
    t.shows(&["5", ">>>"]);
    t.keys(&["Up", "Up"]);
    t.shows(&[">>> def f():", "...     return 5"]);
    // Up goes through its lines first.
    t.keys(&["Up", "End"]);
    t.type_text("  # here");
    t.shows(&[">>> def f():  # here", "...     return 5"]);
}

#[test]
fn a_suggestion_is_taken_by_right_and_not_by_enter() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("'a long thing'.upper()");
    t.shows(&["'A LONG THING'", ">>>"]);
    t.type_text("'a l");
    t.shows(&[">>> 'a long thing'.upper()"]);
    t.keys(&["Right", "Enter"]);
    t.shows(&[">>> 'a long thing'.upper()", "'A LONG THING'", ">>>"]);
    t.type_text("'a");
    t.shows(&[">>> 'a long thing'.upper()"]);
    t.type_text("'");
    t.keys(&["Enter"]);
    t.shows(&[">>> 'a'", "'a'", ">>>"]);
}

#[test]
fn an_entry_survives_the_death_of_its_terminal() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("import os; os.mkfifo('go'); print('be' + 'gun'); x = open('go').read()");
    t.shows(&["begun"]);
    kill(Pid::from_raw(t.front("rialto")), Signal::SIGKILL).unwrap();
    t.shows(&["Killed", "$"]);
    let other = Terminal::open(&world, "clear; rialto --new other");
    other.shows(&[">>>"]);
    other.keys(&["Up"]);
    other.shows(&[">>> import os; os.mkfifo('go'); print('be' + 'gun'); x = open('go').read()"]);
    std::fs::write(world.project().join("go"), "x").unwrap();
    let mode = std::fs::metadata(world.state().join("history.sqlite")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn terminals_learn_from_one_another_and_some_things_from_nobody() {
    let world = World::new();
    let (a, b) = (prompt(&world), prompt(&world));
    a.type_line(" secret = 'with a space before it'");
    a.shows(&[">>>"]);
    a.type_line("name = input('who? ')");
    a.shows(&["who?"]);
    a.type_line("nobody's business");
    a.shows(&[">>>"]);
    a.type_line("shared = 1");
    a.shows(&[">>> shared = 1", ">>>"]);
    b.wait_for("shared = 1");
    // What others add is there when it is looked for, at the prompt that stands there already.
    b.keys(&["Up"]);
    b.shows(&[">>> shared = 1"]);
    b.keys(&["Up"]);
    b.shows(&[">>> name = input('who? ')"]);
    a.type_line("shared = 2");
    a.shows(&[">>> shared = 2", ">>>"]);
    b.wait_for("shared = 2");
    b.keys(&["C-c", "C-r"]);
    b.type_text("red");
    b.shows(&["(reverse-i-search)`red': shared = 2"]);
    b.keys(&["C-c"]);
    let found = world.sh("grep -l -e 'with a space' -e \"nobody's\" \"$RIALTO_STATE_DIR\"/history*").exits(1);
    assert_eq!(found.out(), "");
}

#[test]
fn a_history_that_cannot_be_kept_is_said_once_and_nothing_else_changes() {
    let world = World::new();
    world.session("work", "x = 6");
    std::fs::write(world.state().join("history.sqlite"), "no database, and long enough to be seen as none. ".repeat(100))
        .unwrap();
    let t = prompt(&world);
    t.wait_for("the history cannot be kept (file is not a database)");
    t.type_line("x * 7");
    t.shows(&["42", ">>>"]);
    t.keys(&["Up"]);
    t.shows(&[">>> x * 7"]);
    assert_eq!(t.screen().matches("cannot be kept").count(), 1);
}

#[test]
fn the_history_of_before_is_taken_over() {
    let world = World::new();
    world.session("work", "x = 6");
    std::fs::write(world.state().join("history"), "#V2\nif x:\\n    y = 7\n").unwrap();
    let t = prompt(&world);
    t.keys(&["Up"]);
    t.shows(&[">>> if x:", "...     y = 7"]);
}

#[test]
fn commands_are_there_for_who_begins_with_a_colon() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("6 * 7");
    t.shows(&["42", ">>>"]);
    t.type_line(":nothing");
    t.shows(&[":nothing is no command; :help lists them", ">>>"]);
    t.keys(&["Up"]);
    t.shows(&[">>> 6 * 7"]);
    t.keys(&["Down"]);
    t.type_text(":");
    t.keys(&["Up"]);
    t.shows(&[":nothing is no command; :help lists them", ">>> :nothing"]);
}

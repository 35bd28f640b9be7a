//! What a person sees while code runs: bars, floods, colours, pictures; and what a program cannot do to their terminal.

use crate::common::{Terminal, World};

/// A terminal that shows what goes on, with a session in it.
fn prompt(world: &World) -> Terminal<'_> {
    at_prompt(world, "RIALTO_STATUS=")
}

fn at_prompt<'w>(world: &'w World, environment: &str) -> Terminal<'w> {
    let t = Terminal::open(world, &format!("clear; {environment} rialto work"));
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t
}

/// A picture of 64 x 48 that shows itself as PNG, in a module of the project.
fn picture(world: &World) {
    let code = "import struct, zlib\n\
        def part(name, data): return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))\n\
        class Picture:\n    \
        def __repr__(self): return '<Picture>'\n    \
        def _repr_png_(self):\n        \
        rows = b''.join(b'\\0' + b'\\xff\\0\\0' * 64 for _ in range(48))\n        \
        head = struct.pack('>IIBBBBB', 64, 48, 8, 2, 0, 0, 0)\n        \
        return b'\\x89PNG\\r\\n\\x1a\\n' + part(b'IHDR', head) + part(b'IDAT', zlib.compress(rows)) + part(b'IEND', b'')\n";
    std::fs::write(world.project().join("picture.py"), code).unwrap();
}

#[test]
fn a_bar_stays_one_line() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("for i in range(101): print(f'\\r{i:3}% {\"#\" * (i // 5)}', end='', flush=True)\n");
    t.shows(&["...", "100% ####################", ">>>"]);
    // Nobody else's bar is more than a line either, above what is being typed.
    t.type_text("half a li");
    let bar = "for i in range(101): print(f'\\r{i:3} of 100', end='')\nprint(' done')";
    world.run(&["exec", "-s", "work", "-c", bar]).ok();
    t.shows(&["100 of 100 done", ">>> half a li"]);
    assert_eq!(t.screen().matches("100 of 100").count(), 1, "{}", t.screen());
    assert!(!t.screen().contains("99 of 100"), "{}", t.screen());
}

#[test]
fn a_flood_stops_and_says_what_is_left() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("for i in range(200_000): print('line', i)\n");
    t.shows(&["line 199998", "line 199999", ">>>"]);
    t.wait_for("lines not shown; Ctrl-O shows all of it");
    let history = t.history();
    assert!(history.contains("line 0\n") && history.contains("line 50\n"), "{history}");
    let shown = history.lines().filter(|line| line.starts_with("line ")).count();
    assert!(shown < 5 * 30, "{shown} lines were shown");
    let said = history.lines().find(|line| line.contains("not shown")).unwrap().to_owned();
    let left: usize = said.trim_start_matches('⋯').trim().split(' ').next().unwrap().replace(',', "").parse().unwrap();
    assert_eq!(shown + left, 200_000, "{said}");
    // All of it is in the session.
    assert!(world.run(&["logs", "work"]).ok().contains("line 123456\n"));
    // One long value is a flood as well, and the next eval is shown from its beginning.
    t.type_line("list(range(100_000))");
    t.wait_for("not shown; Ctrl-O");
    t.type_line("'after'");
    t.shows(&[">>> 'after'", "'after'", ">>>"]);
}

#[test]
fn a_program_cannot_reach_for_the_terminal() {
    let world = World::new();
    let t = prompt(&world);
    t.tmux(&["set-option", "-s", "set-clipboard", "on"]);
    t.tmux(&["set-buffer", "--", "mine"]);
    t.tmux(&["select-pane", "-T", "my title"]);
    let evil = [
        "\\33]52;c;cm0gLXJmIC8=\\7",
        "\\33]0;evil\\7",
        "\\33kevil\\33\\\\",
        "\\33[c\\33[6n\\33[>q",
        "\\33[?1049h",
        "\\33[?1000h",
        "\\33P$q\"p\\33\\\\",
        "\\33(0",
        "\\33[?25l",
        "\\33[1;7m",
    ];
    t.type_line(&format!("print('a' '{}' 'b')", evil.join("' '")));
    // Of a title as screen has it, which no standard knows, the text stays.
    t.shows(&["aevilb", ">>>"]);
    // What it left on ended with it, and the terminal was not asked anything: its answer would stand in the line.
    t.type_line("'text'");
    t.shows(&[">>> 'text'", "'text'", ">>>"]);
    let painted = t.painted();
    let after = painted.rsplit_once("aevil").and_then(|(_, after)| after.split_once('\n')).unwrap().1;
    assert!(!after.contains("\x1b[1") && !after.contains("\x1b[7"), "{painted:?}");
    let state =
        t.tmux(&["display-message", "-p", "#{cursor_flag} #{alternate_on} #{mouse_any_flag} #{pane_title} #{window_name}"]);
    assert!(state.starts_with("1 0 0 ") && !state.contains("evil"), "{state}");
    assert_eq!(t.tmux(&["show-buffer"]), "mine");
}

#[test]
fn errors_and_stderr_have_a_colour() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("import sys; print('a complaint', file=sys.stderr); 1/0");
    t.shows(&["ZeroDivisionError: division by zero", ">>>"]);
    let painted = t.painted();
    assert!(painted.contains("\x1b[31ma complaint"), "{painted:?}");
    assert!(painted.contains("\x1b[36m\"<cell 1>\"") && painted.contains("\x1b[33m1"), "{painted:?}");
    assert!(painted.contains("\x1b[1m\x1b[31m~^~\nZeroDivisionError: division by zero"), "{painted:?}");
    for plain in ["NO_COLOR=1", "TERM=dumb"] {
        let t = at_prompt(&world, plain);
        t.type_line("print('a complaint', file=sys.stderr); 1/0");
        t.shows(&["ZeroDivisionError: division by zero", ">>>"]);
        let painted = t.painted();
        assert!(!painted.contains("\x1b[31m") && !painted.contains("\x1b[1m"), "{plain}: {painted:?}");
        t.keys(&["C-d"]);
        t.shows(&["$"]);
    }
}

#[test]
fn a_silent_eval_says_how_long_it_has_been_at_it() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("import os; os.mkfifo('go'); x = open('go').read()");
    t.wait_for(" s · #1");
    t.type_text("y");
    std::fs::write(world.project().join("go"), "x").unwrap();
    // The line is gone, and what it took is said. What was typed meanwhile is in the next line.
    t.wait_for(">>> y");
    let screen = t.screen();
    assert!(!screen.contains("· #1"), "{screen}");
    let said = screen.lines().rev().nth(1).unwrap();
    assert!(said.ends_with(" s"), "{screen}");
}

#[test]
fn a_picture_that_cannot_be_shown_has_a_line_that_says_how_to_keep_it() {
    let world = World::new();
    picture(&world);
    let t = prompt(&world);
    t.type_line("from picture import *; Picture()");
    t.wait_for("[image/png 64x48, 1");
    t.wait_for("; :save 1 FILE keeps it]");
    t.shows(&[">>>"]);
    // The terminal was asked what it can, and its answers are in nobody's line.
    t.type_line("'next'");
    t.shows(&[">>> 'next'", "'next'", ">>>"]);
    t.type_line(":save 1 kept.png");
    t.shows(&[">>>"]);
    crate::common::until("the file", || std::fs::metadata(world.project().join("kept.png")).is_ok().then_some(()));
}

#[test]
fn a_picture_goes_past_tmux_where_that_is_allowed() {
    let world = World::new();
    picture(&world);
    let t = at_prompt(&world, "RIALTO_IMAGES=kitty");
    t.tmux(&["set-option", "-p", "allow-passthrough", "on"]);
    t.type_line("from picture import *; Picture()");
    // In each cell that it covers the picture stands for itself; how many those are depends on their size.
    t.wait_for("\u{10EEEE}");
    t.shows(&[">>>"]);
    let screen = t.screen();
    let cells: Vec<usize> = screen.lines().map(|line| line.matches('\u{10EEEE}').count()).filter(|n| *n > 0).collect();
    assert!(cells.len() > 1 && cells.iter().all(|n| *n == cells[0] && *n > 1), "{screen}");
}

#[test]
fn a_table_in_html_is_shown_as_text() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("display({'text/html': '<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>22</td></tr></table>'}, raw=True)");
    t.wait_for("1 │ 22");
    assert!(!t.screen().lines().any(|line| line.starts_with("<table>")), "{}", t.screen());
}

#[test]
fn our_own_sentences_end_their_lines_between_words() {
    let world = World::new();
    let t = prompt(&world);
    t.resize(40, 60);
    t.type_line(":help");
    t.wait_for("  :tail [LINES]\n      the last lines of output, whoever\n      made them\n");
    t.type_line("import sys; sys.exit(3)");
    t.wait_for("the code asked to exit with 3; the\nsession lives on. Ctrl-D detaches,\n:quit! ends it");
    // What a program prints is its own.
    t.type_line("print('word ' * 10)");
    t.wait_for("word word word word word word word word\nword word");
}

//! How an entry is edited: whole, however many lines it has.

use crate::common::{Terminal, World, until};

pub(crate) fn prompt(world: &World) -> Terminal<'_> {
    prompt_of(world, "")
}

fn prompt_of<'w>(world: &'w World, environment: &str) -> Terminal<'w> {
    let t = Terminal::open(world, &format!("clear; {environment} rialto work"));
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t
}

#[test]
fn lines_above_can_be_mended() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("def f(x):");
    t.shows(&[">>> def f(x):", "..."]);
    t.type_text("return x + 1");
    t.keys(&["Up", "Home"]);
    t.type_text("async ");
    t.keys(&["Down", "End"]);
    t.type_text("0");
    t.shows(&[">>> async def f(x):", "...     return x + 10"]);
    // Over the ends of lines, and out of the indent.
    t.keys(&["C-a", "Left", "C-u"]);
    t.type_text("def f(x):");
    t.keys(&["Right"]);
    t.shows(&[">>> def f(x):", "...     return x + 10"]);
    t.keys(&["Right", "Right", "Right", "Right", "BSpace", "BSpace"]);
    t.shows(&[">>> def f(x):return x + 10"]);
    t.keys(&["End", "Enter", "Enter"]);
    t.type_line("f(1)");
    t.shows(&[">>> f(1)", "11", ">>>"]);
}

#[test]
fn backspace_takes_one_step_of_the_indent() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("def f(n):");
    t.type_line("for _ in range(n):");
    t.type_line("n += 1");
    t.shows(&["...         n += 1", "..."]);
    t.keys(&["BSpace"]);
    t.type_line("return n");
    t.shows(&["...         n += 1", "...     return n", "..."]);
    t.keys(&["Enter"]);
    t.type_line("f(2)");
    t.shows(&[">>> f(2)", "4", ">>>"]);
}

#[test]
fn the_lines_of_an_entry_stand_below_one_another() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("if True:");
    t.type_text("x = 1");
    until("both lines", || t.whole_screen().trim_end().ends_with("● >>> if True:\n  ...     x = 1").then_some(()));
    // Enter before the last line is a newline there, and Shift-Tab takes a step of indent back.
    t.keys(&["Up", "End", "Enter"]);
    t.shows(&[">>> if True:", "...", "...     x = 1"]);
    t.type_text("    y = 2");
    t.shows(&[">>> if True:", "...     y = 2", "...     x = 1"]);
    t.keys(&["C-a", "Right", "Right", "Right", "Right", "BTab"]);
    t.shows(&[">>> if True:", "... y = 2", "...     x = 1"]);
    t.keys(&["Tab", "Down", "End", "Enter", "Enter"]);
    t.type_line("x, y");
    t.shows(&["(1, 2)", ">>>"]);
}

#[test]
fn alt_enter_runs_and_ctrl_o_does_not() {
    let world = World::new();
    let t = prompt(&world);
    t.type_text("1 + 1");
    t.keys(&["C-o"]);
    t.type_text("2 + 2");
    t.shows(&[">>> 1 + 1", "... 2 + 2"]);
    t.keys(&["M-Enter"]);
    t.shows(&["... 2 + 2", "4", ">>>"]);
    t.type_text("(1 +");
    t.keys(&["Escape", "Enter"]);
    t.wait_for("SyntaxError");
}

#[test]
fn a_paste_is_one_entry_and_loses_its_prompts() {
    let world = World::new();
    let t = prompt(&world);
    t.paste(">>> def g():\n...     return 7\n...\n>>> g()");
    t.shows(&[">>> def g():", "...     return 7", "...", "... g()"]);
    t.keys(&["Enter"]);
    t.shows(&["... g()", "7", ">>>"]);
    // Nothing of it runs while it is pasted, whatever it ends with; and it can be edited.
    t.paste("print('a')\nprint('b')\n");
    t.shows(&[">>> print('a')", "... print('b')", "..."]);
    t.type_text("print('c')");
    t.keys(&["Enter"]);
    t.shows(&["a", "b", "c", ">>>"]);
    t.paste("    indented = 1\n    indented + 1");
    t.keys(&["Enter"]);
    t.shows(&["2", ">>>"]);
    let entries = world.run(&["logs", "work", "--json"]).ok().matches("\"accepted\"").count();
    assert_eq!(entries, 3);
}

#[test]
fn a_transcript_is_pasted_without_what_was_printed() {
    let world = World::new();
    let t = prompt(&world);
    t.paste(">>> x = 20\n>>> for i in 'ab':\n...     print(i)\n...\na\nb\n>>> x * 2\n40\n>>> 1 / 0\nTraceback\n  File x\n>>> ");
    t.shows(&[">>> x = 20", "... for i in 'ab':", "...     print(i)", "...", "... x * 2", "... 1 / 0"]);
    t.keys(&["C-c"]);
    t.paste("In [7]: y = [\n   ...:   1,\n   ...: ]\n\nIn [8]: y\nOut[8]: [1]\n\nIn [9]: print(y, 'so')");
    t.shows(&[">>> y = [", "...   1,", "... ]", "...", "... y", "... print(y, 'so')"]);
    t.keys(&["Enter"]);
    t.shows(&["... print(y, 'so')", "[1] so", ">>>"]);
    // Code that holds an example is no transcript.
    t.paste("def f():\n    '''\n    >>> f()\n    1\n    '''\n");
    t.shows(&["...     1", "...     '''", "..."]);
    t.keys(&["Enter"]);
    t.shows(&["...     '''", "...", ">>>"]);
    t.type_line("f.__doc__.split()");
    t.shows(&["['>>>', 'f()', '1']", ">>>"]);
}

#[test]
fn a_clause_and_a_bracket_go_below_what_they_belong_to() {
    let world = World::new();
    let t = prompt(&world);
    for line in ["def f(n):", "if n:", "return 'yes'", "else:", "return [", "'no',"] {
        t.type_line(line);
    }
    t.type_line("]");
    t.shows(&[
        "...     if n:",
        "...         return 'yes'",
        "...     else:",
        "...         return [",
        "...             'no',",
        "...         ]",
        "...",
    ]);
    t.keys(&["Enter"]);
    t.type_line("f(0), f(1)");
    t.shows(&["(['no'], 'yes')", ">>>"]);
    // What stands right already stays there.
    t.type_line("for i in range(2):");
    t.type_line("if i:");
    t.type_line("pass");
    t.type_line("else:");
    t.shows(&[">>> for i in range(2):", "...     if i:", "...         pass", "...     else:", "..."]);
}

#[test]
fn an_esc_takes_no_ctrl_c_with_it() {
    let world = World::new();
    let t = prompt(&world);
    t.type_text("6 * 7");
    t.keys(&["Escape"]);
    t.keys(&["C-c"]);
    t.shows(&[">>>"]);
    t.keys(&["C-y"]);
    t.shows(&[">>> 6 * 7"]);
    t.keys(&["Enter"]);
    t.shows(&["42", ">>>"]);
}

#[test]
fn a_window_that_changes_its_width_leaves_what_stands_above() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("print('one'); print('two')");
    t.shows(&["one", "two", ">>>"]);
    let text = "'0123456789 0123456789 0123456789 0123456789 0123456789 0123456789'";
    t.type_text(text);
    let whole = format!(">>> {text}");
    t.shows(&["one", "two", &whole]);
    // What is typed after it shows that the editor has seen it.
    t.resize(40, 30);
    t.type_text("#");
    t.shows(&["one", "two", ">>> '0123456789 0123456789 0123456789", "0123456789 0123456789 0123456789'#"]);
    t.resize(100, 30);
    t.type_text("1");
    t.shows(&["one", "two", &format!("{whole}#1")]);
    // The same in an entry of several lines, with the cursor in its first.
    t.keys(&["C-o"]);
    t.type_text("+ '0123456789'");
    t.keys(&["Up", "Home"]);
    t.type_text("+");
    let whole = format!("{}#1", whole.replace(">>> ", ">>> +"));
    t.shows(&["one", "two", &whole, "... + '0123456789'"]);
    t.resize(30, 30);
    t.type_text("+");
    t.shows(&[
        "two",
        ">>> ++'0123456789 0123456789",
        " 0123456789 0123456789 0123456",
        "789 0123456789'#1",
        "... + '0123456789'",
    ]);
    t.resize(90, 30);
    t.type_text("+");
    t.shows(&["one", "two", &whole.replace(">>> ", ">>> ++"), "... + '0123456789'"]);
    t.keys(&["Down", "End", "M-Enter"]);
    t.type_line("6 * 7");
    t.shows(&["42", ">>>"]);
}

#[test]
fn what_is_typed_right_behind_a_paste_belongs_to_it() {
    let world = World::new();
    let t = prompt(&world);
    let bytes: Vec<String> = b"\x1b[200~>>> a = 6\n>>> a *\x1b[201~ 7".iter().map(|b| format!("{b:x}")).collect();
    let keys: Vec<&str> = std::iter::once("-H").chain(bytes.iter().map(String::as_str)).collect();
    t.keys(&keys);
    t.shows(&[">>> a = 6", "... a * 7"]);
    t.keys(&["Enter"]);
    t.shows(&["... a * 7", "42", ">>>"]);
}

#[test]
fn a_longer_paste_than_the_screen_arrives_whole() {
    let world = World::new();
    let t = prompt(&world);
    let lines: Vec<String> = (0..100).map(|i| format!("total = {i}")).collect();
    t.paste(&lines.join("\n"));
    t.shows(&["... total = 98", "... total = 99"]);
    t.keys(&["Enter"]);
    t.shows(&["... total = 99", ">>>"]);
    t.type_line("total");
    t.shows(&["99", ">>>"]);
}

#[test]
fn a_byte_that_is_no_text_leaves_the_entry_as_it_is() {
    let world = World::new();
    let t = prompt(&world);
    t.type_text("6 * 7 #");
    t.shows(&[">>> 6 * 7 #"]);
    t.keys(&["-H", "ff"]);
    // What arrives together with it may go with it; what is typed then does not.
    until("typing to go on", || {
        t.type_text("x");
        t.screen().ends_with('x').then_some(())
    });
    assert!(t.screen().contains(">>> 6 * 7 #x"), "{}", t.screen());
    t.keys(&["Enter"]);
    t.shows(&["42", ">>>"]);
}

#[test]
fn the_persons_own_editor_can_write_it() {
    let world = World::new();
    let script = world
        .file("editor.sh", "#!/bin/sh\ncp \"$2\" seen; ls -l \"$2\" >> seen\nprintf 'def h():\\n    return 5\\n' > \"$2\"\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let t = prompt_of(&world, "EDITOR='./editor.sh --wait'");
    t.type_text("abc");
    t.keys(&["F2"]);
    t.shows(&[">>> def h():", "...     return 5"]);
    let seen = world.wait_for_file("seen");
    assert!(seen.starts_with("abc") && seen.contains("-rw-------") && seen.trim_end().ends_with(".py"), "{seen}");
    t.keys(&["Enter", "Enter"]);
    t.type_text("h()");
    // The same by emacs' keys, and an editor that fails leaves the entry alone.
    world.file("editor.sh", "exit 3");
    t.keys(&["C-x", "C-e"]);
    t.wait_for("the entry is as it was");
    t.shows(&[">>> h()"]);
    t.keys(&["Enter"]);
    t.shows(&[">>> h()", "5", ">>>"]);
}

#[test]
fn the_keys_of_vi() {
    let world = World::new();
    let check = |t: &Terminal<'_>| {
        t.type_text("'abc def'");
        t.keys(&["Escape"]);
        t.type_text("0wdwix");
        t.keys(&["Escape", "Enter"]);
        t.shows(&[">>> 'xdef'", "'xdef'", ">>>"]);
        t.keys(&["C-d"]);
        t.shows(&["$"]);
    };
    let t = Terminal::open(&world, "clear; rialto --edit-mode vi work");
    t.shows(&[">>>"]);
    check(&t);
    t.type_line("clear; RIALTO_EDIT_MODE=vi rialto attach work");
    t.shows(&[">>>"]);
    check(&t);
    std::fs::write(world.dir().join("home/.inputrc"), "set editing-mode vi\n").unwrap();
    t.type_line("clear; rialto work");
    t.shows(&[">>>"]);
    check(&t);
}

#[test]
fn ctrl_z_suspends_and_fg_comes_back() {
    let world = World::new();
    let t = prompt(&world);
    t.type_text("6 *");
    t.keys(&["C-z"]);
    t.shows(&["$"]);
    t.wait_for("Stopped");
    t.type_line("clear; stty -a | grep -ow '.icanon' || echo cooked; fg");
    t.shows(&["cooked", "rialto work", ">>> 6 *"]);
    t.type_line(" 7");
    t.shows(&["rialto work", ">>> 6 * 7", "42", ">>>"]);
    // An entry of many lines, and what a program reads.
    t.type_line("if True:");
    t.type_text("input('who? ')");
    t.keys(&["C-z"]);
    t.shows(&["$"]);
    t.type_line("fg");
    t.shows(&[">>> if True:", "...     input('who? ')"]);
    t.keys(&["Enter", "Enter"]);
    t.shows(&["who?"]);
    t.type_text("An");
    t.keys(&["C-z"]);
    t.shows(&["$"]);
    t.type_line("fg");
    t.shows(&["who? An"]);
    t.type_line("n");
    t.shows(&["who? Ann", ">>>"]);
}

#[test]
fn ctrl_backslash_leaves_at_once_and_the_terminal_is_as_it_was() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; stty -a > before; rialto work; stty -a > after; cmp before after && echo same");
    t.shows(&[">>>"]);
    t.type_text("half");
    t.keys(&["C-\\"]);
    t.shows(&["same", "$"]);
    assert_eq!(world.ls(false).len(), 1);
}

#[test]
fn code_is_coloured_and_no_color_is_heard() {
    let world = World::new();
    let t = prompt(&world);
    t.type_text("return 'a'");
    until("colours", || t.painted().contains("\u{1b}[32m").then_some(()));
    t.keys(&["C-c", "C-d"]);
    t.shows(&["$"]);
    t.type_line("clear; NO_COLOR=1 rialto work");
    t.shows(&[">>>"]);
    t.type_line("def f():");
    t.type_line("return 'a'");
    t.type_line("");
    t.type_line("f()");
    t.shows(&["'a'", ">>>"]);
    assert!(!t.painted().contains("\u{1b}[3"), "{}", t.painted());
}

#[test]
fn where_nothing_can_be_edited_lines_are_read_as_they_come() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; TERM=dumb rialto work");
    t.shows(&[">>>"]);
    assert!(!t.whole_screen().contains('●'));
    t.type_line("def f():");
    t.shows(&[">>> def f():", "..."]);
    t.type_line("    return input('who? ')");
    t.shows(&["...     return input('who? ')", "..."]);
    t.type_line("");
    t.shows(&["...     return input('who? ')", "...", ">>>"]);
    t.type_line("f()");
    t.shows(&["who?"]);
    t.type_line("Ann");
    t.shows(&["who? Ann", "'Ann'", ">>>"]);
    // A signal where there are no keys.
    t.type_line("(1 +");
    t.shows(&[">>> (1 +", "..."]);
    t.keys(&["C-c"]);
    t.shows(&[">>>"]);
    t.type_line("2");
    t.shows(&["2", ">>>"]);
    t.type_line("import getpass; len(getpass.getpass('Password: '))");
    t.shows(&["Password:"]);
    t.type_line("hunter2");
    t.shows(&["Password:", "7", ">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("detached from work");
    assert!(!t.painted().contains('\u{1b}'), "{:?}", t.painted());
}

#[test]
fn a_script_on_stdin_is_read_entry_by_entry() {
    let world = World::new();
    let said = world.run_with(&["work"], "def f():\n    return 6\n\nx = (7 *\n  f())\nprint('x is', x)\n:who\nx + 1");
    let out = said.ok();
    assert!(out.contains("x is 42"), "{out}");
    assert!(out.contains("43"), "{out}");
    assert!(!out.contains('\u{1b}') && out.contains(">>> "), "{out:?}");
}

#[test]
fn the_prompt_counts_while_there_is_no_connection() {
    let world = World::new();
    let daemon = crate::daemon::serve(&world);
    let t = Terminal::open(&world, &format!("clear; rialto --at {} -k python work", daemon.at));
    t.shows(&[">>>"]);
    t.type_text("6 *");
    daemon.daemon.signal(nix::sys::signal::Signal::SIGKILL);
    daemon.daemon.end().exits(128 + 9);
    // The text is kept, and can be typed on.
    let seconds = |screen: String| {
        let last = screen.trim_end().lines().last()?.to_owned();
        let (count, text) = last.strip_prefix("◌")?.trim_start().split_once("s ")?;
        (text == "6 *").then(|| count.parse::<u32>().ok()).flatten()
    };
    let first = until("the prompt to count", || seconds(t.whole_screen()));
    until("it to go on", || seconds(t.whole_screen()).filter(|n| *n > first));
    t.type_text(" 7");
    let daemon = crate::daemon::serve(&world);
    until("the prompt to be back", || t.whole_screen().trim_end().ends_with("● >>> 6 * 7").then_some(()));
    t.keys(&["Enter"]);
    t.shows(&["42", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    daemon.daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.daemon.end().exits(0);
}

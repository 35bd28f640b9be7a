//! A session in the terminal: leaving it, coming back, meeting others in it.

use crate::common::{Terminal, World};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn ctrl_d_detaches_and_coming_back_finds_the_variables() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto work");
    t.wait_for("new session work. Ctrl-D detaches, :help helps.");
    t.shows(&[">>>"]);
    t.type_line("x = 41");
    t.shows(&[">>> x = 41", ">>>"]);
    t.type_line("x + 1");
    t.shows(&[">>> x + 1", "42", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["detached from work; it lives on. Come back with: rialto work", "$"]);
    t.type_line("clear; rialto work");
    t.wait_for("resumed session work, 2 evals so far");
    t.shows(&[">>>"]);
    t.type_line("x");
    t.shows(&[">>> x", "41", ">>>"]);
}

#[test]
fn coming_back_shows_what_was_printed_meanwhile() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto work");
    t.shows(&[">>>"]);
    t.type_line("'seen before'");
    t.shows(&["'seen before'", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    world.run(&["exec", "-s", "work", "-c", "print('while you were away'); 6*7"]).ok();
    t.type_line("clear; rialto work");
    t.wait_for("since you last looked: 1 eval by you/exec");
    t.wait_for("▸ print('while you were away'); 6*7");
    t.shows(&["while you were away", "42", ">>>"]);
    assert!(!t.screen().contains("seen before"), "{}", t.screen());
}

#[test]
fn a_killed_terminal_costs_nothing() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto work");
    t.shows(&[">>>"]);
    t.type_line("import os; os.mkfifo('go'); print('be' + 'gun'); f = open('go'); print('went on')");
    t.shows(&["begun"]);
    kill(Pid::from_raw(t.front("rialto")), Signal::SIGKILL).unwrap();
    t.shows(&["Killed", "$"]);
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
    t.type_line("clear; rialto work");
    t.wait_for("resumed session work");
    t.shows(&["went on", ">>>"]);
    t.type_line("f.name");
    t.shows(&["'go'", ">>>"]);
}

#[test]
fn a_closed_window_leaves_the_eval_running() {
    let world = World::new();
    {
        let t = Terminal::open(&world, "rialto work");
        t.shows(&[">>>"]);
        t.type_line("import os; os.mkfifo('go'); print('be' + 'gun'); x = open('go').read()");
        t.shows(&["begun"]);
    }
    std::fs::write(world.project().join("go"), "through the fifo").unwrap();
    world.run(&["wait", "work", "1"]).says(0, "", "");
    world.run(&["exec", "-s", "work", "-c", "x"]).says(0, "'through the fifo'\n", "");
}

#[test]
fn the_default_session_belongs_to_the_project_and_the_kernel() {
    let world = World::new();
    std::fs::create_dir_all(world.project().join("deep/er")).unwrap();
    let t = Terminal::open(&world, "rialto");
    t.wait_for("new session python-project-");
    t.shows(&[">>>"]);
    t.type_line("where = 'project'");
    t.shows(&[">>> where = 'project'", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    // From below, and by the kernel's name: the same.
    for line in ["cd deep/er; rialto", "rialto python", "rialto repl -k python"] {
        t.type_line(&format!("clear; {line}"));
        t.wait_for("resumed session python-project-");
        t.shows(&[">>>"]);
        t.type_line("where");
        t.shows(&[">>> where", "'project'", ">>>"]);
        t.keys(&["C-d"]);
        t.shows(&["$"]);
    }
    // Another project has another, and --new another one in the same.
    t.type_line("clear; cd /; rialto --new; cd; rialto");
    for _ in 0..2 {
        t.wait_for("new session");
        t.shows(&[">>>"]);
        t.type_line("where");
        t.shows(&["NameError: name 'where' is not defined", ">>>"]);
        t.keys(&["C-d"]);
        t.wait_for("detached");
    }
    t.shows(&["$"]);
    assert_eq!(world.ls(false).len(), 3);
}

#[test]
fn two_terminals_see_each_other() {
    let world = World::new();
    let a = Terminal::open(&world, "rialto work");
    a.shows(&[">>>"]);
    let b = Terminal::open(&world, "rialto work");
    b.wait_for("resumed session work, 0 evals so far; also attached: you/terminal@");
    b.shows(&[">>>"]);
    // What is being typed stays where it is.
    a.type_text("half a li");
    b.type_line("print('from b'); x = 5; x * 2");
    b.shows(&["from b", "10", ">>>"]);
    a.shows(&["from b", "10", ">>> half a li"]);
    a.keys(&["C-c"]);
    a.shows(&["10", ">>>"]);
    a.type_line("x");
    a.shows(&["5", ">>>"]);
    let tty = |t: &Terminal<'_>| t.tmux(&["display-message", "-p", "#{pane_tty}"]).trim().trim_start_matches("/dev/").to_owned();
    b.wait_for(&format!("you/terminal@{} ▸ x", tty(&a)));
    b.shows(&["5", ">>>"]);
    a.type_line(":who");
    a.wait_for(&format!("  you/terminal@{} (this terminal)\n", tty(&a)));
    a.wait_for(&format!("  you/terminal@{}\n", tty(&b)));
    // One ends it: the other is told.
    a.type_line(":quit!");
    a.shows(&["ended work", "$"]);
    b.shows(&["the session has ended; rialto logs shows what happened in it", "$"]);
}

#[test]
fn what_runs_on_can_be_stopped_after_coming_back() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto work");
    t.shows(&[">>>"]);
    t.type_line("import time; print('be' + 'gun'); time.sleep(600)");
    t.shows(&["begun"]);
    t.keys(&["C-\\"]);
    t.shows(&["$"]);
    t.type_line("clear; rialto work");
    t.wait_for("#1 by you/terminal@");
    t.wait_for("; Ctrl-C at an empty prompt, or");
    t.shows(&[">>>"]);
    // What is typed is cleared, and nothing else happens.
    t.type_text("half a line");
    t.shows(&[">>> half a line"]);
    t.keys(&["C-c"]);
    t.shows(&[">>>"]);
    assert!(!t.screen().contains("of yours runs"), "{}", t.screen());
    // Two in a row, and no sooner: on a busy machine the second may come late, which is one more first.
    let said = |t: &Terminal<'_>| {
        (t.screen().matches("#1 of yours runs; Ctrl-C once more stops it").count(), t.screen().contains("#1 was interrupted"))
    };
    for presses in 1.. {
        t.keys(&["C-c"]);
        let (_, stopped) =
            crate::common::until("an answer", || Some(said(&t)).filter(|(asked, stopped)| *stopped || *asked >= presses));
        assert!(presses > 1 || !stopped, "one is not enough: {}", t.screen());
        if stopped {
            break;
        }
        t.shows(&[">>>"]);
        if said(&t).0 == presses {
            t.keys(&["C-c"]);
            let answered = |(asked, stopped): &(usize, bool)| *stopped || *asked > presses;
            if crate::common::until("its end", || Some(said(&t)).filter(answered)).1 {
                break;
            }
        }
    }
    // Its end is told, and what became of the interrupt; nothing is left to stop.
    crate::common::until("all of it", || {
        let screen = t.screen();
        (screen.matches("#1 was interrupted").count() == 2 && screen.contains("KeyboardInterrupt")).then_some(())
    });
    t.type_line("6*7");
    t.shows(&["42", ">>>"]);
}

#[test]
fn a_supervisor_that_is_killed_is_said_and_the_history_stays() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto work");
    t.shows(&[">>>"]);
    t.type_line("x = 'before'");
    t.shows(&[">>> x = 'before'", ">>>"]);
    let supervisors = world.supervisors();
    assert_eq!(supervisors.len(), 1);
    kill(Pid::from_raw(supervisors[0]), Signal::SIGKILL).unwrap();
    t.wait_for("the session's supervisor died, and its kernel with it: what earlier evals made is gone");
    t.type_line("x");
    t.wait_for("NameError: name 'x' is not defined");
    t.wait_for("this ran in a fresh kernel");
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    assert!(world.run(&["logs", "work"]).ok().contains("x = 'before'"));
}

#[test]
fn attach_opens_what_is_there_and_makes_nothing() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto attach work; echo code $?");
    t.wait_for("no session is named \"work\" here; `rialto ls` shows those that are");
    t.shows(&["code 69", "$"]);
    world.session("work", "x = 'shared'");
    t.type_line("clear; rialto attach work");
    t.wait_for("resumed session work, 1 eval so far");
    t.type_line("x");
    t.shows(&["'shared'", ">>>"]);
}

#[test]
fn an_interpreter_that_cannot_start_is_said_in_its_own_words() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto --python /bin/false; echo code $?");
    t.wait_for("the kernel did not start: the interpreter exited with code 1 before it was ready");
    t.shows(&[">>>"]);
    t.type_line("x");
    t.shows(&[">>> x", "the interpreter exited with code 1 before it was ready, without a word", ">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    t.type_line("clear; rialto --new --python /nowhere/python");
    t.type_line("x");
    t.wait_for("/nowhere/python is no program");
}

#[test]
fn a_flood_is_stopped_by_ctrl_c() {
    let world = World::new();
    let t = Terminal::open(&world, "rialto work");
    t.shows(&[">>>"]);
    t.type_line("exec('while True: print(\\'flood\\' * 15)')");
    t.wait_for("floodfloodflood");
    t.keys(&["C-c"]);
    t.shows(&["KeyboardInterrupt", ">>>"]);
    t.type_line("6*7");
    t.shows(&[">>> 6*7", "42", ">>>"]);
}

#[test]
fn attach_begins_with_as_many_lines_as_are_asked_for() {
    let world = World::new();
    world.session("work", "for i in range(50): print('line', i)");
    let t = Terminal::open(&world, "rialto attach --tail 2 work");
    t.shows(&["line 48", "line 49", ">>>"]);
    assert!(!t.screen().contains("line 47"), "{}", t.screen());
    t.type_line("1+1");
    t.shows(&[">>> 1+1", "2", ">>>"]);
}

//! Ctrl-C, Ctrl-Z and Ctrl-\ while something runs.

use crate::common::{Terminal, World, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Code that does not stop when it is asked to.
const STUBBORN: &str = "\
import time
kept = 'before'
def stubborn():
    print('it runs')
    while True:
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            print('no')
";

fn prompt(world: &World) -> Terminal<'_> {
    let t = Terminal::open(world, "clear; rialto work");
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t
}

#[test]
fn the_second_ctrl_c_asks_and_force_ends_the_kernel_but_not_the_session() {
    let world = World::new();
    world.session("work", STUBBORN);
    let t = prompt(&world);
    t.type_line("stubborn()");
    t.shows(&["it runs"]);
    t.keys(&["C-c"]);
    // What the terminal itself shows of the key has a line of its own.
    t.shows(&["it runs", "^C", "no"]);
    t.keys(&["C-c"]);
    t.wait_for("[w]ait  [i]nterrupt again  [f]orce (variables are lost)  [d]etach");
    t.type_text("w");
    t.wait_for("[d]etach w");
    // Enter and Esc say what w does; an arrow is no answer.
    for (count, key) in [(2, "Enter"), (3, "Escape")] {
        t.keys(&["C-c"]);
        until("the question once more", || (t.screen().matches("still running after").count() == count).then_some(()));
        t.keys(&["Left"]);
        t.keys(&[key]);
        until("its answer", || (t.screen().matches("[d]etach w").count() == count).then_some(()));
    }
    t.keys(&["C-c"]);
    until("the question once more", || (t.screen().matches("still running after").count() == 4).then_some(()));
    t.type_text("f");
    t.wait_for("the kernel was ended by force: what earlier evals made is gone");
    t.shows(&[">>>"]);
    t.type_line("'alive'");
    t.wait_for("'alive'");
    t.wait_for("this ran in a fresh kernel");
    t.type_line("kept");
    t.wait_for("NameError: name 'kept' is not defined");
}

#[test]
fn at_the_question_it_is_interrupted_once_more() {
    let world = World::new();
    world.session("work", STUBBORN);
    let t = prompt(&world);
    t.type_line("stubborn()");
    t.shows(&["it runs"]);
    t.keys(&["C-c"]);
    t.wait_for("no");
    t.keys(&["C-c"]);
    t.wait_for("[i]nterrupt again");
    t.type_text("i");
    // The one that the session sends by itself after a while is another step.
    until("two interrupts of ours", || {
        let ours = |event: &&serde_json::Value| event["type"] == "interrupting" && event["step"] == "interrupt";
        (world.events("work").iter().filter(ours).count() == 2).then_some(())
    });
    world.run(&["interrupt", "work", "--force-after", "0"]).exits(0);
    t.wait_for("the kernel was ended by force");
    t.shows(&[">>>"]);
}

#[test]
fn the_third_ctrl_c_leaves_and_ends_nothing() {
    let world = World::new();
    world.session("work", STUBBORN);
    let t = prompt(&world);
    t.type_line("stubborn()");
    t.shows(&["it runs"]);
    t.keys(&["C-c"]);
    t.wait_for("no");
    t.keys(&["C-c"]);
    t.wait_for("[d]etach");
    t.keys(&["C-c"]);
    t.wait_for("detached from work; it lives on, and so does what runs in it: #2 you ▸ stubborn()");
    t.shows(&["$"]);
    assert_eq!(world.ls(false)[0]["status"]["state"], "running");
    world.run(&["interrupt", "work", "--force-after", "0"]).exits(0);
}

#[test]
fn the_question_goes_when_the_eval_does() {
    let world = World::new();
    let code = "import time, os\nos.mkfifo('go')\ndef slow():\n    print('it runs')\n    while True:\n        try:\n            \
                time.sleep(600)\n        except KeyboardInterrupt:\n            print('no')\n            open('go').read()\n            break\n";
    world.session("work", code);
    let t = prompt(&world);
    t.type_line("slow()");
    t.shows(&["it runs"]);
    t.keys(&["C-c"]);
    t.wait_for("no");
    t.keys(&["C-c"]);
    t.wait_for("[d]etach");
    std::fs::write(world.project().join("go"), "x").unwrap();
    t.shows(&[">>>"]);
    assert!(!t.screen().ends_with("[d]etach"), "{}", t.screen());
    t.type_line("6*7");
    t.shows(&["42", ">>>"]);
}

#[test]
fn a_stray_ctrl_c_after_the_end_does_nothing() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("x = 'kept'");
    t.shows(&[">>> x = 'kept'", ">>>"]);
    let pid = Pid::from_raw(t.front("rialto"));
    // At the prompt, as a signal and as a key; then right around the ends of evals that are too short to be hit.
    kill(pid, Signal::SIGINT).unwrap();
    t.keys(&["C-c", "C-c"]);
    for n in 0..20 {
        t.type_line(&format!("'short {n}'"));
        // One may hit it, one more may ask what to do about it; a third would leave, which is no accident.
        kill(pid, Signal::SIGINT).unwrap();
        t.keys(&["C-c"]);
        // It ended, one way or the other, or was given up while it was typed: the prompt is there again.
        t.shows(&[">>>"]);
    }
    t.type_line("x");
    t.shows(&[">>> x", "'kept'", ">>>"]);
    // None was stopped that was not named: what ran after the last signal ran to its end.
    let events = world.events("work");
    let last = events.iter().rev().find(|event| event["type"] == "ended").expect("an end");
    assert_eq!(last["outcome"], "ok", "{last}");
}

#[test]
fn ctrl_c_in_a_question_of_the_program_interrupts_and_answers_nothing() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("name = input('who? ')");
    t.shows(&["who?"]);
    t.type_text("half an ans");
    t.keys(&["C-c"]);
    t.shows(&["KeyboardInterrupt", ">>>"]);
    t.type_line("name");
    t.shows(&["NameError: name 'name' is not defined", ">>>"]);
    assert!(!world.events("work").iter().any(|event| event["type"] == "answered"));
}

#[test]
fn ctrl_z_stops_the_terminal_and_not_the_eval() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("import os; os.mkfifo('go'); print('begun'); print(open('go').read())");
    t.shows(&["begun"]);
    t.keys(&["C-z"]);
    t.wait_for("Stopped");
    // The shell has its terminal as it knows it.
    t.type_line("echo 'is se''en'");
    t.shows(&["$ echo 'is se''en'", "is seen", "$"]);
    std::fs::write(world.project().join("go"), "while it was stopped").unwrap();
    world.run(&["wait", "work", "1"]).says(0, "", "");
    t.type_line("clear; fg");
    t.shows(&["while it was stopped", ">>>"]);
    t.type_line("6*7");
    t.shows(&["42", ">>>"]);
}

#[test]
fn ctrl_backslash_leaves_at_once() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("import time; print('begun'); time.sleep(600)");
    t.shows(&["begun"]);
    t.keys(&["C-\\"]);
    t.shows(&["$"]);
    assert_eq!(world.ls(false)[0]["status"]["state"], "running");
    t.type_line("clear; rialto work");
    t.wait_for("has run for");
    t.shows(&[">>>"]);
    t.keys(&["C-\\"]);
    t.shows(&["$"]);
}

#[test]
fn leaving_says_what_still_runs() {
    let world = World::new();
    let t = prompt(&world);
    let other = world.start(&["exec", "-s", "work", "-c", "import time; print('busy', flush=True); time.sleep(600)"]);
    other.wait_for_out("busy");
    t.wait_for("/exec ▸ import time");
    t.keys(&["C-d"]);
    t.wait_for("detached from work; it lives on, and so does what runs in it: #1");
    t.wait_for("Come back with: rialto work");
}

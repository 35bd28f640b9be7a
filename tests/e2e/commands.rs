//! What begins with a colon, typed in a real terminal.

use crate::common::{Terminal, World};
use serde_json::Value;

fn prompt(world: &World) -> Terminal<'_> {
    let t = Terminal::open(world, "clear; rialto work");
    t.wait_for("session work");
    t.shows(&[">>>"]);
    t
}

/// Runs this at the prompt, which comes back.
fn run(t: &Terminal<'_>, line: &str) {
    t.type_line("clear_screen_first = None");
    t.keys(&["C-l"]);
    t.type_line(line);
    t.shows(&[">>>"]);
}

#[test]
fn help_lists_what_there_is_and_names_what_was_meant() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line(":help");
    for text in ["Sessions", ":export[!] FILE", ":save 12 plot.png", ":help COMMAND says more."] {
        t.wait_for(text);
    }
    t.type_line(":help attach");
    t.wait_for("It never makes a session");
    t.type_text(":att");
    t.keys(&["Tab"]);
    t.shows(&[">>> :attach"]);
    t.keys(&["C-u"]);
    t.type_line(":exprot x.md");
    t.shows(&[":exprot is no command; did you mean :export? :help lists them", ">>>"]);
    t.type_line(":quit");
    t.wait_for("Ctrl-D (or :detach) leaves and everything lives on; :quit! ends the session and its kernel");
}

#[test]
fn another_session_is_a_command_away() {
    let world = World::new();
    world.session("other", "where = 'other'");
    let t = prompt(&world);
    t.type_line("where = 'work'");
    t.shows(&[">>>"]);
    t.type_line(":sessions");
    t.wait_for("SESSION");
    t.wait_for("other");
    t.type_line(":attach nowhere");
    t.wait_for("still in work: no session is named \"nowhere\"");
    t.type_line("where");
    t.shows(&["'work'", ">>>"]);
    t.type_line(":attach other");
    t.wait_for("resumed session other, 1 eval so far");
    t.type_line("where");
    t.shows(&["'other'", ">>>"]);
    t.type_line(":attach work");
    t.wait_for("resumed session work");
    t.type_line("where");
    t.shows(&["'work'", ">>>"]);
    t.keys(&["C-d"]);
    t.wait_for("detached from work");
}

const SHOWS: &str = "class Shows:\n    def _repr_mimebundle_(self, **_):\n        return {'text/plain': 'a figure', 'image/png': b'\\x89PNG', 'text/html': '<b>a figure</b>'}\n";

#[test]
fn what_an_eval_showed_goes_into_a_file_of_the_form_its_name_says() {
    let world = World::new();
    world.session("work", SHOWS);
    let t = prompt(&world);
    t.type_line("print('first'); Shows()");
    t.shows(&[">>>"]);
    t.type_line(":save 2 plot.png");
    t.wait_for("wrote plot.png");
    t.type_line(":save 2 plot.html");
    t.wait_for("wrote plot.html");
    t.type_line(":save 2");
    t.wait_for("wrote work-2.png");
    t.type_line(":save 2 plot.html");
    t.wait_for("plot.html is there already; it is left alone");
    t.type_line(":save 2.2 x.png");
    t.wait_for("#2 has shown 1 things");
    t.type_line(":save 9");
    t.shows(&[">>>"]);
    let read = |name: &str| std::fs::read(world.project().join(name)).unwrap();
    assert_eq!(read("plot.png"), b"\x89PNG");
    assert_eq!(read("work-2.png"), b"\x89PNG");
    assert_eq!(read("plot.html"), b"<b>a figure</b>");
    assert!(!world.project().join("x.png").exists());
}

#[test]
fn a_session_becomes_a_notebook_a_page_a_program_and_a_transcript() {
    let world = World::new();
    world.session("work", SHOWS);
    world.session("work", "import sys; print('out'); print('err', file=sys.stderr); 6 * 7");
    world.session("work", "Shows()");
    world.run(&["exec", "-s", "work", "-c", "1 / 0"]).exits(1);
    let t = prompt(&world);
    for name in ["work.ipynb", "work.md", "work.py", "work.txt"] {
        t.type_line(&format!(":export {name}"));
        t.wait_for(&format!("wrote {name} (4 evals)"));
    }
    t.type_line(":export work.doc");
    t.wait_for(":export takes a file that ends in .ipynb, .md, .py, .jsonl or .txt");
    let read = |name: &str| std::fs::read_to_string(world.project().join(name)).unwrap();
    let book: Value = serde_json::from_str(&read("work.ipynb")).unwrap();
    assert_eq!((book["nbformat"].as_u64(), book["nbformat_minor"].as_u64()), (Some(4), Some(5)));
    let outputs = |at: usize| book["cells"][at]["outputs"].as_array().unwrap().clone();
    let kinds: Vec<Value> = outputs(1).iter().map(|output| output["output_type"].clone()).collect();
    assert_eq!(kinds, ["stream", "stream"], "exec -q shows no value");
    assert_eq!(outputs(3)[0]["ename"], "ZeroDivisionError");
    assert!(read("work.md").contains("```text\nout\n```"));
    assert!(read("work.py").contains("# %% #4"));
    assert!(read("work.txt").contains("ZeroDivisionError"));
    // What Python itself makes of the program.
    world.sh("python3 -m py_compile work.py").ok();
}

#[test]
fn history_tail_more_and_replay_look_back() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("for i in range(100): print('line', i)");
    t.shows(&["..."]);
    t.type_line("");
    t.wait_for("line 99");
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    world.session("work", "print('by somebody else')");
    let t = prompt(&world);
    run(&t, ":tail 2");
    t.shows(&["line 99", "by somebody else", ">>>"]);
    run(&t, ":history somebody");
    t.wait_for("print('by somebody else')");
    run(&t, ":replay");
    t.wait_for("by somebody else");
    // A pager that proves itself.
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    t.type_line("clear; export PAGER='tail -n 1; echo paged'");
    t.type_line("rialto work");
    t.wait_for("resumed");
    run(&t, ":more 1");
    t.shows(&["line 99", "paged", ">>>"]);
}

#[test]
fn a_file_is_run_and_code_is_copied() {
    let world = World::new();
    world.file("setup.py", "loaded = 6 * 7\nprint('from a file')\n");
    let t = prompt(&world);
    t.tmux(&["set-option", "-s", "set-clipboard", "on"]);
    t.type_line(":load nothing.py");
    t.wait_for("nothing.py cannot be read");
    t.type_line(":load setup.py");
    t.shows(&["from a file", ">>>"]);
    t.type_line("loaded");
    t.shows(&["42", ">>>"]);
    t.type_line(":copy 1");
    t.wait_for("sent the code of #1 to the terminal");
    crate::common::until("the clipboard", || (t.buffer().trim_end() == "loaded = 6 * 7\nprint('from a file')").then_some(()));
    t.type_line(":copy out 1");
    t.wait_for("sent the output of #1 to the terminal");
    crate::common::until("the clipboard", || (t.buffer().trim_end() == "from a file").then_some(()));
}

#[test]
fn the_text_of_an_eval_is_removed_after_a_question() {
    let world = World::new();
    let t = prompt(&world);
    t.type_line("token = 'swordfish'");
    t.shows(&[">>>"]);
    t.type_line(":redact 1");
    t.shows(&["remove the text and output of #1 for good? [y/N]"]);
    t.type_line("n");
    t.wait_for("#1 stays as it is");
    t.type_line(":redact 1");
    t.shows(&["remove the text and output of #1 for good? [y/N]"]);
    t.type_line("y");
    t.wait_for("the text of eval #1 was removed");
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    assert!(!world.run(&["logs", "work"]).ok().contains("swordfish"));
}

#[test]
fn somebody_elses_eval_is_interrupted_by_its_number() {
    let world = World::new();
    let t = prompt(&world);
    let other = world.start(&["exec", "-s", "work", "-c", "import time; print('busy', flush=True); time.sleep(600)"]);
    other.wait_for_out("busy");
    t.type_line(":stats");
    t.wait_for("an answer takes");
    t.type_line(":interrupt");
    t.wait_for("#1 was interrupted");
    other.end().exits(130);
    t.type_line(":interrupt");
    t.wait_for("nothing runs in work");
}

#[test]
fn what_would_be_lost_is_named_before_it_is() {
    let world = World::new();
    let t = prompt(&world);
    let begin = |word: &str| {
        let code = format!("import time; print('{word}', flush=True); time.sleep(600)");
        let other = world.start(&["exec", "-s", "work", "-c", &code]);
        other.wait_for_out(word);
        t.wait_for(&format!("\n{word}\n"));
        other
    };
    let other = begin("busy");
    t.type_line(":restart");
    t.wait_for("/exec ▸ import time; print('busy', flush=True); time.sleep(600): has run for");
    t.shows(&["restart the kernel, and lose that? [y/N]"]);
    t.keys(&["Enter"]);
    t.shows(&["restart the kernel, and lose that? [y/N] n", "nothing was ended", ">>>"]);
    t.type_line(":restart");
    t.shows(&["restart the kernel, and lose that? [y/N]"]);
    t.type_text("y");
    t.wait_for("the kernel was restarted: what earlier evals made is gone");
    other.end().exits(70);
    let other = begin("again");
    t.wait_for("▸ import time; print('again'");
    t.keys(&["C-l"]);
    t.type_line(":restart!");
    t.wait_for("the kernel was restarted: what earlier evals made is gone");
    other.end().exits(70);
    let other = begin("at the end");
    t.wait_for("▸ import time; print('at the end'");
    t.type_line(":quit!");
    t.shows(&["end the session, and lose that? [y/N]"]);
    t.type_text("n");
    t.shows(&["nothing was ended", ">>>"]);
    t.type_line(":quit!!");
    t.shows(&["ended work", "$"]);
    other.end().exits(70);
}

#[test]
fn a_script_is_not_asked_and_loses_nothing() {
    let world = World::new();
    let other =
        world.start(&["exec", "-s", "work", "-k", "python", "-c", "import time; print('busy', flush=True); time.sleep(600)"]);
    other.wait_for_out("busy");
    let said = world.run_with(&["work"], ":restart\n:quit!\n");
    assert!(said.out().contains("nothing was ended; :restart! does it all the same"), "{said}");
    assert!(said.out().contains("nothing was ended; :quit!! does it all the same"), "{said}");
    world.run_with(&["work"], ":quit!!\n").exits(0);
    other.end().exits(70);
}

#[test]
fn code_that_goes_on_after_an_interrupt_is_said_and_can_be_ended() {
    let world = World::new();
    let t = prompt(&world);
    let code =
        "import time\nprint('busy', flush=True)\nwhile True:\n    try: time.sleep(600)\n    except KeyboardInterrupt: pass\n";
    let other = world.start(&["exec", "-s", "work", "-c", code]);
    other.wait_for_out("busy");
    t.type_line(":interrupt");
    t.wait_for("#1 goes on 3 s after the interrupt, which was delivered: its code catches it");
    t.wait_for(":interrupt! 1 ends the kernel with it");
    t.type_line(":interrupt! 1");
    t.wait_for("the kernel was ended by force: what earlier evals made is gone");
    other.end().exits(70);
}

#[test]
fn a_file_that_is_there_is_written_over_only_where_that_is_said() {
    let world = World::new();
    world.session("work", "print('kept')");
    world.file("out.txt", "precious");
    world.file("out.md", "precious");
    let t = prompt(&world);
    t.type_line(":save 1 out.txt");
    t.shows(&["out.txt is there already; it is left alone (:save! writes over it)", ">>>"]);
    t.type_line(":export out.md");
    t.shows(&["out.md is there already; it is left alone (:export! writes over it)", ">>>"]);
    let read = |name: &str| std::fs::read_to_string(world.project().join(name)).unwrap();
    assert_eq!((read("out.txt").as_str(), read("out.md").as_str()), ("precious", "precious"));
    t.type_line(":save! 1 out.txt");
    t.shows(&["wrote out.txt (5 bytes)", ">>>"]);
    t.type_line(":export! out.md");
    t.shows(&["wrote out.md (1 eval)", ">>>"]);
    assert_eq!(read("out.txt"), "kept\n");
    assert!(read("out.md").contains("kept") && std::fs::read_dir(world.project()).unwrap().count() == 3);
}

#[test]
fn a_script_ends_as_its_last_entry_did() {
    let world = World::new();
    for (script, code) in [("1 / 0\n'fine'\n", 0), ("'fine'\n1 / 0\n", 1), ("import sys; sys.exit(7)\n", 7), ("1 / 0\n:who\n", 1)]
    {
        world.run_with(&["work"], script).exits(code);
    }
    // A person is told, and leaves without a code.
    let t = prompt(&world);
    t.type_line("1 / 0");
    t.wait_for("ZeroDivisionError");
    t.shows(&[">>>"]);
    t.keys(&["C-d"]);
    t.shows(&["$"]);
    t.type_line("echo \"code $?\"");
    t.shows(&["code 0", "$"]);
}

//! Sessions by name: looking at them, ending them, deleting them.

use crate::common::{World, until};
use nix::sys::signal::Signal;

#[test]
fn a_process_left_over_would_be_seen() {
    let world = World::new();
    let mut command = world.command("sleep");
    let mut left = command.arg("600").spawn().unwrap();
    until("it to have become sleep", || format!("{:?}", world.processes()).contains("sleep 600").then_some(()));
    left.kill().and_then(|()| left.wait()).unwrap();
    world.quiet();
}

#[test]
fn ls_says_what_lives_and_what_it_does() {
    let world = World::new();
    world.run(&["ls"]).exits(0);
    assert_eq!(world.ls(true).len(), 0);
    world.session("work", "x = 1");
    world.session("busy", "import os; os.mkfifo('go')");
    world.run(&["exec", "-s", "busy", "--detach", "-c", "open('go')"]).ok();
    let list = until("both to be seen at work", || {
        let list = world.ls(false);
        list.iter().any(|entry| entry["status"]["state"] == "running").then_some(list)
    });
    assert_eq!(list.len(), 2);
    let of = |name: &str| list.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("{name} in {list:?}"));
    assert_eq!((&of("work")["state"], &of("work")["kernel"]), (&"idle".into(), &"python".into()));
    assert_eq!(of("work")["status"]["evals"], 1);
    assert_eq!(of("work")["cwd"], world.project().to_str().unwrap());
    assert_eq!(of("busy")["status"]["running"], 2);
    let table = world.run(&["ls"]).ok();
    assert!(table.starts_with("SESSION"), "{table}");
    assert!(table.contains("work") && table.contains("idle") && table.contains("running #2"), "{table}");
}

#[test]
fn wait_ends_as_the_eval_did() {
    let world = World::new();
    world.session("work", "import os, sys; os.mkfifo('go')");
    for code in ["open('go').read()", "1/0", "sys.exit(7)"] {
        world.run(&["exec", "-s", "work", "--detach", "-c", code]).ok();
    }
    let waiting = world.start(&["wait", "work", "#2"]);
    until("the wait to be attached", || (world.ls(false)[0]["status"]["clients"].as_array()?.len() >= 2).then_some(()));
    std::fs::write(world.project().join("go"), "x").unwrap();
    waiting.end().says(0, "", "");
    let said = world.run(&["wait", "work", "3"]).exits(1);
    assert!(said.err().contains("#3 ended with an error"), "{said}");
    world.run(&["wait", "work", "4"]).exits(7);
    // Once the session has ended, too.
    world.run(&["kill", "work"]).ok();
    world.run(&["wait", "work", "4"]).exits(7);
}

#[test]
fn interrupt_stops_what_it_names_and_nothing_else() {
    let world = World::new();
    world.session("work", "import time");
    let first = world.start(&["exec", "-s", "work", "-c", "print('one', flush=True); time.sleep(60)"]);
    first.wait_for_out("one\n");
    let second = world.start(&["exec", "-s", "work", "-c", "print('two')"]);
    let third = world.start(&["exec", "-s", "work", "-c", "print('three')"]);
    until("both to wait", || (world.ls(false)[0]["status"]["queued"] == 2).then_some(()));
    // Their order is the order of arrival, which is seen in the record.
    let events = world.events("work");
    let n = |code: &str| events.iter().find(|e| e["code"] == code).and_then(|e| e["n"].as_u64()).expect(code).to_string();
    let said = world.run(&["interrupt", "work", &n("print('two')")]).exits(0);
    assert!(said.err().contains("was waiting and will not run"), "{said}");
    second.end().exits(130);
    let said = world.run(&["interrupt", "work"]).exits(0);
    assert!(said.err().contains("#2 was interrupted"), "{said}");
    assert!(first.end().exits(130).err().contains("KeyboardInterrupt"));
    third.end().says(0, "three\n", "");
    let said = world.run(&["interrupt", "work"]).exits(0);
    assert_eq!(said.err(), "nothing runs in work\n");
    let said = world.run(&["interrupt", "work", "1"]).exits(0);
    assert!(said.err().contains("ended by itself"), "{said}");
}

#[test]
fn what_ignores_an_interrupt_is_ended_by_force_alone() {
    let world = World::new();
    let stubborn = "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})\n\
                    print('deaf', flush=True)\nwhile True: time.sleep(60)";
    world.session("work", "x = 1");
    let running = world.start(&["exec", "-s", "work", "-c", stubborn]);
    running.wait_for_out("deaf\n");
    let said = world.run(&["interrupt", "work", "--wait", "0.1"]).exits(1);
    assert!(said.err().contains("--force-after"), "{said}");
    let said = world.run(&["interrupt", "work", "--force-after", "0.1"]).exits(0);
    assert!(said.err().contains("ending its kernel"), "{said}");
    assert!(running.end().exits(70).err().contains("SIGKILL"));
    let said = world.run(&["exec", "-s", "work", "-c", "x"]).exits(1);
    assert!(said.err().contains("NameError") && said.err().contains("fresh kernel"), "{said}");
}

#[test]
fn restart_begins_a_fresh_life() {
    let world = World::new();
    world.session("work", "x = 1");
    let said = world.run(&["restart", "work"]).exits(0);
    assert!(said.err().contains("session work has a fresh kernel: life 2"), "{said}");
    let said = world.run(&["exec", "-s", "work", "-c", "x"]).exits(1);
    assert!(said.err().contains("NameError: name 'x' is not defined"), "{said}");
    world.run(&["exec", "-s", "work", "-c", "2"]).says(0, "2\n", "");
}

#[test]
fn kill_ends_it_all_and_the_history_stays() {
    let world = World::new();
    world.session("work", "print('to be read later')");
    let child = "import subprocess; p = subprocess.Popen(['sleep', '600']); p.pid";
    world.run(&["exec", "-s", "work", "-c", child]).ok();
    until("supervisor, kernel and child", || (world.processes().len() == 3).then_some(()));
    world.run(&["kill", "work"]).says(0, "", "session work has ended\n");
    world.quiet();
    assert!(world.run(&["logs", "work"]).ok().contains("to be read later"));
    world.run(&["exec", "-s", "work", "-c", "1"]).complains(69, &["has ended", "rialto rm"]);
    world.run(&["kill", "work"]).says(0, "", "session work had ended before\n");
    assert_eq!((world.ls(false).len(), world.ls(true).len()), (0, 1));
}

#[test]
fn rm_deletes_what_has_ended_and_frees_the_name() {
    let world = World::new();
    world.session("work", "x = 1");
    world.run(&["rm", "work"]).complains(1, &["work", "alive", "rialto kill work"]);
    world.run(&["exec", "-s", "work", "-c", "x"]).says(0, "1\n", "");
    world.run(&["rm", "-f", "work"]).exits(0);
    world.quiet();
    assert_eq!(world.ls(true).len(), 0);
    world.run(&["exec", "-s", "work", "-c", "x"]).complains(69, &["work", "rialto ls"]);
    // The name may be used again, and is another session's then.
    world.session("work", "y = 1");
    assert_eq!(world.events("work")[0]["type"], "created");
    assert!(!world.run(&["logs", "work"]).ok().contains("x = 1"));
}

#[test]
fn gc_deletes_by_policy_and_never_what_lives() {
    let world = World::new();
    world.session("alive", "x = 1");
    for _ in 0..2 {
        world.run(&["exec", "-c", "1"]).ok();
    }
    until("both to have ended", || (world.ls(false).len() == 1).then_some(()));
    world.run(&["gc"]).exits(0);
    assert_eq!(world.ls(true).len(), 3, "a week is not over");
    world.run(&["gc", "--days", "0", "-n"]).exits(0);
    assert_eq!(world.ls(true).len(), 3, "-n only says");
    world.run(&["gc", "--days", "0"]).exits(0);
    assert_eq!(world.ls(true).len(), 1);
    world.run(&["exec", "-s", "alive", "-c", "x"]).says(0, "1\n", "");
}

#[test]
fn redact_removes_the_text_and_keeps_the_fact() {
    let world = World::new();
    world.session("work", "token = 'swordfish'; print(token)");
    world.run(&["redact", "work", "1"]).exits(0);
    let logs = world.run(&["logs", "work"]).ok();
    assert!(!logs.contains("swordfish") && logs.contains("removed"), "{logs}");
    let events = world.run(&["logs", "work", "--json"]).ok();
    assert!(!events.contains("swordfish") && events.contains("\"hash\""), "{events}");
    // The variable is not text; it lives until its kernel does not.
    world.run(&["exec", "-s", "work", "-c", "len(token)"]).says(0, "9\n", "");
    world.run(&["kill", "work"]).exits(0);
    world.quiet();
    world.sh("grep -rl swordfish \"$RIALTO_STATE_DIR\"").says(1, "", "");
}

#[test]
fn an_id_may_be_shortened_and_a_name_may_not() {
    let world = World::new();
    world.session("workshop", "x = 1");
    let id = world.ls(false)[0]["session"].as_str().unwrap().to_owned();
    world.run(&["exec", "-s", &id, "-c", "x"]).says(0, "1\n", "");
    world.run(&["exec", "-s", &id[..6], "-c", "x"]).says(0, "1\n", "");
    world.run(&["exec", "-s", "works", "-c", "x"]).complains(69, &["works"]);
}

#[test]
fn a_terminated_supervisor_says_so_and_its_session_goes_on() {
    let world = World::new();
    world.session("work", "x = 1");
    let pid = world.supervisors()[0];
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    world.quiet();
    let said = world.run(&["exec", "-s", "work", "-c", "2"]).exits(0);
    assert_eq!(said.out(), "2\n");
    assert!(said.err().contains("fresh kernel"), "{said}");
    assert!(world.run(&["logs", "work"]).ok().contains("x = 1"));
}

#[test]
fn the_machine_and_the_shell_are_helped() {
    let world = World::new();
    let kernels = world.run(&["kernels"]).ok();
    assert!(kernels.contains("python") && kernels.contains("python3"), "{kernels}");
    let doctor = world.run(&["doctor"]).ok();
    assert!(doctor.contains("python3 is Python 3."), "{doctor}");
    for shell in ["bash", "zsh", "fish"] {
        let script = world.run(&["completions", shell]).ok();
        assert!(script.contains("rialto") && script.contains("RIALTO_COMPLETE"), "{shell}: {script}");
    }
    let help = world.run(&["--help"]).ok();
    assert!(help.contains("Ctrl-D detaches"), "{help}");
    assert!(world.run(&["--version"]).ok().starts_with("rialto "));
}

/// What bash does at a Tab, with the cursor after the last word.
fn tab(world: &World, words: &str) -> String {
    let script = format!(
        "source <(rialto completions bash)
        COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9; COMP_LINE='{words}'; COMP_POINT=${{#COMP_LINE}}
        f=$(complete -p rialto | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $f rialto \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
        printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let script = world.file("tab.sh", &script);
    world.sh(&format!("bash {}", script.display())).ok()
}

#[test]
fn a_tab_in_the_shell_knows_commands_sessions_and_kernels() {
    let world = World::new();
    world.session("worksheet", "x = 1");
    assert_eq!(tab(&world, "rialto interr").trim(), "interrupt");
    assert_eq!(tab(&world, "rialto logs works").trim(), "worksheet");
    assert_eq!(tab(&world, "rialto exec -s works").trim(), "worksheet");
    assert_eq!(tab(&world, "rialto exec -k pyt").trim(), "python");
}

#[test]
fn a_wiped_folder_of_sockets_is_mended() {
    let world = World::new();
    world.session("work", "x = 'still here'");
    std::fs::remove_dir_all(world.runtime()).unwrap();
    world.run(&["exec", "-s", "work", "-c", "x"]).says(0, "'still here'\n", "");
}

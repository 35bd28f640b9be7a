//! How things end in good order, and what does not end with them.

use crate::common::{Running, Terminal, World, lines, signal, until};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;

/// Code that says that it has begun and goes on when the file is written to.
const WAITS: &str =
    "import os; os.path.exists('go') or os.mkfifo('go'); print('begun', flush=True); open('go').read(); print('went on')";

fn go_on(world: &World) {
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
}

/// It runs on in there, under the supervisor that it began under.
fn runs_on(world: &World, supervisors: &[i32]) {
    assert_eq!(world.supervisors(), supervisors, "the supervisor has gone");
    go_on(world);
    world.run(&["wait", "work", "1"]).exits(0);
    let logs = world.run(&["logs", "work"]).ok();
    assert!(logs.lines().any(|line| line == "went on"), "{logs}");
}

fn begun(world: &World) -> Vec<i32> {
    until("it to begin", || world.run(&["logs", "work"]).out().contains("\nbegun").then_some(()));
    world.supervisors()
}

#[test]
fn a_terminal_that_closes_leaves_its_session_running() {
    let world = World::new();
    world.file("waits.py", WAITS);
    let terminal = Terminal::open(&world, "rialto work");
    terminal.wait_for(">>>");
    terminal.type_line("exec(open('waits.py').read())");
    let supervisors = begun(&world);
    // The server goes, and with it every terminal: whoever is in one is hung up.
    drop(terminal);
    runs_on(&world, &supervisors);
}

#[test]
fn whoever_started_it_may_die_or_be_logged_out() {
    let world = World::new();
    // A login: a session (in the system's sense) whose leader dies, and everything in its process group is hung up.
    let mut command = world.command("setsid");
    command.args(["--wait", "sh", "-c", "rialto exec -s work -k python -c \"$0\"; true", WAITS]);
    let login = Running::start(command);
    let supervisors = begun(&world);
    let all = world.processes();
    for found in all.iter().filter(|found| !supervisors.contains(&found.pid)) {
        let text = format!("{found:?}");
        if text.contains("rialto exec") {
            signal(found.pid, Signal::SIGHUP);
            signal(found.pid, Signal::SIGKILL);
        }
    }
    login.end();
    // A hang-up that finds even the supervisor ends nothing, nor does a Ctrl-C.
    supervisors.iter().for_each(|pid| signal(*pid, Signal::SIGHUP));
    supervisors.iter().for_each(|pid| signal(*pid, Signal::SIGINT));
    runs_on(&world, &supervisors);
}

#[test]
fn a_daemon_told_to_end_says_when_to_come_back_and_evals_run_on() {
    let world = World::new();
    let socket = world.dir().join("d.sock");
    let at = format!("unix://{}", socket.display());
    let serve = || {
        let daemon = world.start(&["serve", "--socket", socket.to_str().unwrap()]);
        daemon.wait_for_err("serving this user's sessions on");
        daemon
    };
    let daemon = serve();
    let running = world.start(&["--at", &at, "exec", "-s", "work", "-k", "python", "-c", WAITS]);
    running.wait_for_out("begun");
    let supervisors = world.supervisors();
    let rpc = world.start(&["--at", &at, "rpc", "work"]);
    rpc.wait_for_out("greeted");
    daemon.signal(Signal::SIGTERM);
    rpc.wait_for_out("\"type\":\"goaway\"");
    let said = lines(&rpc.out());
    let goaway = said.iter().find(|line| line["type"] == "goaway").unwrap();
    assert_eq!((&goaway["reason"], goaway["retry_after_ms"].as_u64().is_some()), (&"shutdown".into(), true), "{goaway}");
    daemon.end().exits(0);
    assert_eq!(world.supervisors(), supervisors);
    let daemon = serve();
    go_on(&world);
    assert_eq!(running.end().exits(0).out(), "begun\nwent on\n");
    daemon.signal(Signal::SIGTERM);
    daemon.end().exits(0);
}

#[test]
fn a_supervisor_told_to_end_takes_its_kernel_and_says_so_to_the_next() {
    let world = World::new();
    let running = world.start(&["exec", "-s", "work", "-k", "python", "-c", WAITS]);
    running.wait_for_out("begun");
    let waiting = world.run(&["exec", "--detach", "-s", "work", "-c", "print('never')"]).ok();
    assert!(!waiting.is_empty());
    world.supervisors().iter().for_each(|pid| signal(*pid, Signal::SIGTERM));
    // Nobody runs it again: how far it came is not known, and that is what everybody is told.
    assert_ne!(running.end().code, 0);
    let logs = until("the end on record", || Some(world.run(&["logs", "work"]).ok()).filter(|logs| logs.contains("lost")));
    assert!(!logs.lines().any(|line| line == "went on" || line == "never"), "{logs}");
    let fresh = world.run(&["exec", "-s", "work", "-c", "6 * 7"]).exits(0);
    assert_eq!(fresh.out(), "42\n");
    assert!(fresh.err().contains("fresh kernel"), "{fresh}");
}

#[test]
fn a_session_is_culled_after_its_time_and_never_under_somebody() {
    let world = World::new();
    world.run(&["exec", "-q", "-s", "work", "-k", "python", "--cull-after", "1s", "-c", "x = 1"]).ok();
    world.run(&["exec", "-q", "-s", "kept", "-k", "python", "-c", "x = 1"]).ok();
    // Whoever only lists does not use it.
    until("the session to end", || world.ls(false).iter().all(|listed| listed["name"] != "work").then_some(()));
    assert!(world.run(&["logs", "work"]).ok().contains("culled after 1 s without use"));
    assert_eq!(world.ls(false)[0]["name"], "kept");
    // The default for all, and somebody who watches.
    let mut command = world.rialto(&["exec", "-q", "-s", "watched", "-k", "python", "-c", "x = 1"]);
    command.env("RIALTO_CULL_AFTER", "1s");
    Running::start(command).end().ok();
    let watching = world.start(&["logs", "-f", "watched"]);
    watching.wait_for_out("x = 1");
    let mut command = world.rialto(&["exec", "-q", "-s", "witness", "-k", "python", "-c", "x = 1"]);
    command.env("RIALTO_CULL_AFTER", "2s");
    Running::start(command).end().ok();
    until("a longer lived one to end", || world.ls(false).iter().all(|listed| listed["name"] != "witness").then_some(()));
    assert!(world.ls(false).iter().any(|listed| listed["name"] == "watched"), "culled under somebody who watches");
    watching.signal(Signal::SIGINT);
    watching.end();
    until("it to end, too", || world.ls(false).iter().all(|listed| listed["name"] != "watched").then_some(()));
}

#[test]
fn a_list_says_what_a_session_takes() {
    let world = World::new();
    world.session("work", "x = 1");
    let memory = &world.ls(false)[0]["memory"];
    for process in ["supervisor", "kernel"] {
        assert!(memory[process].as_u64().unwrap() > 500_000, "{memory}");
    }
    let table = world.run(&["ls"]).ok();
    assert!(table.contains("MEMORY") && table.contains("QUEUE"), "{table}");
}

#[test]
fn where_the_users_systemd_runs_a_session_gets_a_scope_of_its_own() {
    let world = World::new();
    let stand_in = world.dir().join("bin/systemd-run");
    let record = world.project().join("scopes");
    let script =
        format!("#!/bin/sh\necho \"$@\" >>{}\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n", record.display());
    std::fs::write(&stand_in, script).unwrap();
    std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Where no user's manager runs it is not asked.
    world.session("plain", "x = 1");
    assert!(!record.exists());
    // A machine of our own, on which there is one.
    let uid = nix::unistd::geteuid();
    let line = format!(
        "mount -t tmpfs none /run && mkdir -p /run/user/{uid}/systemd && rialto exec -q -s scoped -k python -c 'x = 41' && exec rialto exec -s scoped -c 'x + 1'"
    );
    let mut command = world.command("unshare");
    command.args(["--mount", "sh", "-c", &line]);
    Running::start(command).end().says(0, "42\n", "");
    let asked = std::fs::read_to_string(&record).unwrap();
    assert!(asked.starts_with("--user --scope --collect --quiet -- /proc/") && asked.contains(" supervise "), "{asked}");
    assert_eq!(asked.lines().count(), 1);
}

#[test]
fn the_first_process_of_a_container_collects_orphans_and_passes_signals_on() {
    let world = World::new();
    let socket = world.dir().join("d.sock");
    let mut command = world.command("unshare");
    command.args(["--pid", "--fork", "--mount-proc", "rialto", "serve", "--socket", socket.to_str().unwrap()]);
    let container = Running::start(command);
    container.wait_for_err("serving this user's sessions on");
    let first = children(container.pid());
    let [first] = first[..] else { panic!("{first:?}") };
    let at = format!("unix://{}", socket.display());
    // A process whose parent has gone; it ends when it is told to, and then nobody but the first process can collect it.
    let code = "import subprocess; subprocess.run(['sh', '-c', 'mkfifo go; (echo here >orphan; cat go >/dev/null; echo over >orphan) &'])";
    world.run(&["--at", &at, "exec", "-q", "-s", "work", "-k", "python", "-c", code]).exits(0);
    until("the orphan", || (world.wait_for_file("orphan") == "here\n").then_some(()));
    go_on(&world);
    until("the orphan's end", || (world.wait_for_file("orphan") == "over\n").then_some(()));
    until("its collection", || children(first).iter().all(|pid| state(*pid) != Some('Z')).then_some(()));
    world.run(&["--at", &at, "exec", "-s", "work", "-c", "6 * 7"]).says(0, "42\n", "");
    signal(first, Signal::SIGTERM);
    container.end().exits(0);
}

/// The processes that this one must collect.
fn children(pid: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn state(pid: i32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn the_shipped_unit_ends_the_daemon_and_nothing_else() {
    let unit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/rialto.service")).unwrap();
    for line in ["KillMode=process", "ExecStart=%h/.local/bin/rialto serve", "WantedBy=default.target"] {
        assert!(unit.lines().any(|found| found == line), "no {line} in\n{unit}");
    }
    assert!(!unit.contains("PrivateTmp"), "the door for other users is in /tmp");
}

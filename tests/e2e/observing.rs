//! What goes on: `rialto top`, traces from the client to the kernel and back, and logs that stay short and tell no secrets.

use crate::common::{Running, Terminal, World, lines, until};
use std::path::PathBuf;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn folder(world: &World) -> PathBuf {
    let mut found = std::fs::read_dir(world.state().join("sessions")).unwrap();
    found.next().unwrap().unwrap().path()
}

#[test]
fn a_trace_reaches_the_code_its_children_and_the_journal_and_no_other_eval() {
    let world = World::new();
    let run = |code: &str, trace: Option<&str>| {
        let mut command = world.rialto(&["exec", "-s", "work", "-k", "python", "-c", code]);
        if let Some(trace) = trace {
            command.env("TRACEPARENT", trace);
        }
        Running::start(command).end().ok()
    };
    let show = "import os, subprocess; print(os.environ.get('TRACEPARENT'), flush=True); subprocess.run('echo $TRACEPARENT', shell=True)";
    assert_eq!(run(show, Some(TRACE)).lines().take(2).collect::<Vec<_>>(), [TRACE, TRACE]);
    assert_eq!(run(show, None).lines().take(2).collect::<Vec<_>>(), ["None", ""], "whoever made the session");
    assert_eq!(run(show, Some("00-zz")).lines().next(), Some("None"), "no trace at all");
    run("os.environ['TRACEPARENT'] = 'mine'", None);
    assert_eq!(run(show, Some(TRACE)).lines().next(), Some(TRACE));
    assert_eq!(run(show, None).lines().next(), Some("mine"));
    let evals = world.events("work").into_iter().filter(|event| event["type"] == "accepted");
    let traces: Vec<Option<String>> = evals.map(|event| event["trace"].as_str().map(str::to_owned)).collect();
    let traced = || Some(TRACE.to_owned());
    assert_eq!(traces, [traced(), None, None, None, traced(), None]);
    let audit = lines(&world.run(&["logs", "--audit", "--json", "work"]).ok());
    assert_eq!(audit.iter().filter(|line| line["trace"] == TRACE).count(), 2);
}

#[test]
fn logs_name_who_and_where_and_neither_code_nor_output() {
    let world = World::new();
    let (socket, log) = (world.dir().join("d.sock"), world.dir().join("daemon.log"));
    let mut command = world.rialto(&["serve", "--socket", socket.to_str().unwrap(), "--log", log.to_str().unwrap()]);
    command.env("RIALTO_LOG", "trace");
    let daemon = Running::start(command);
    daemon.wait_for_err("serving");
    let at = format!("unix://{}", socket.display());
    let code = "secret_name = ''.join(['out', 'put-', 'marker']); print(secret_name); input('prompt-marker'); 1/0";
    let mut command = world.rialto(&["--at", &at, "exec", "-s", "work", "-k", "python", "-c", code]);
    command.env("TRACEPARENT", TRACE);
    let said = Running::start(command).end_with("typed-marker\n").exits(1);
    assert!(said.out().contains("output-marker"), "{said}");
    world.run(&["--at", &at, "kill", "work"]).exits(0);
    let logs = std::fs::read_to_string(folder(&world).join("log")).unwrap() + &std::fs::read_to_string(&log).unwrap();
    for wanted in ["eval{session=", "n=1", &format!("principal=\"uid:{}\"", nix::unistd::geteuid()), TRACE, "outcome=Error"] {
        assert!(logs.contains(wanted), "{wanted:?} in\n{logs}");
    }
    for secret in ["secret_name", "marker", "ZeroDivision"] {
        assert!(!logs.contains(secret), "{secret:?} in\n{logs}");
    }
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.end();
}

#[test]
fn a_log_that_is_long_is_put_aside_while_its_supervisor_runs() {
    let world = World::new();
    let mut command = world.rialto(&["exec", "-s", "work", "-k", "python", "-c", "1"]);
    command.env("RIALTO_LOG", "info");
    Running::start(command).end().exits(0);
    let (log, old) = (folder(&world).join("log"), folder(&world).join("log.old"));
    until("the first eval to be logged", || std::fs::read_to_string(&log).unwrap().contains("n=1").then_some(()));
    // As if a library had filled it.
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    std::io::Write::write_all(&mut file, &vec![b'x'; 2 << 20]).unwrap();
    world.run(&["exec", "-s", "work", "-c", "2"]).ok();
    until("the long one to be put aside", || old.exists().then_some(()));
    until("the second eval to be logged", || std::fs::read_to_string(&log).unwrap().contains("n=2").then_some(()));
    assert!(std::fs::metadata(&log).unwrap().len() < 1 << 20 && std::fs::read_to_string(&old).unwrap().contains("n=1"));
}

#[test]
fn top_is_a_table_in_a_pipe() {
    let world = World::new();
    world.session("work", "1");
    let running = world.start(&["exec", "-s", "busy", "-k", "python", "-c", "print('now', flush=True)\nwhile True: pass"]);
    running.wait_for_out("now");
    // A supervisor that does not answer in time is shown as such, and on a machine with much to do it happens.
    let table = until("a busy session", || Some(world.run(&["top"]).ok()).filter(|table| !table.contains("unresponsive")));
    let heads: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["SESSION", "STATE", "EVAL", "QUEUE", "CLIENTS", "MEMORY", "CPU%", "OUTPUT/S", "AGE"]);
    let second = table.lines().nth(1).unwrap();
    assert!(second.starts_with("busy") && second.contains("running") && second.contains("#1 "), "the busy one first\n{table}");
    let rows = until("what both take", || {
        let rows = lines(&world.run(&["top", "--json", "--sort", "name"]).ok());
        rows.iter().all(|row| row["cpu_percent"].is_number()).then_some(rows)
    });
    assert_eq!((&rows[0]["name"], &rows[1]["name"]), (&"busy".into(), &"work".into()));
    assert!(rows[0]["cpu_percent"].as_f64() > rows[1]["cpu_percent"].as_f64(), "{rows:?}");
    assert!(rows.iter().all(|row| row["output_bytes_per_second"].is_number() && row["queued"] == 0), "{rows:?}");
    world.run(&["interrupt", "busy"]).exits(0);
    running.end().exits(130);
}

#[test]
fn top_fits_a_narrow_terminal_and_gives_it_back() {
    let world = World::new();
    world.session("work", "1");
    let terminal = Terminal::open(&world, "stty -g > before; echo here");
    terminal.wait_for("\nhere");
    terminal.resize(40, 12);
    terminal.type_line("clear; rialto top; echo code $?; stty -g > after");
    terminal.wait_for("1 sessions, 0 running  s: cpu  q quits");
    terminal.wait_for("SESSION  STATE");
    terminal.keys(&["s"]);
    terminal.wait_for("s: memory");
    terminal.resize(100, 12);
    terminal.wait_for("OUTPUT/S  AGE");
    // What comes and goes is seen.
    world.session("other", "1");
    terminal.wait_for("2 sessions");
    terminal.keys(&["q"]);
    terminal.wait_for("code 0");
    assert!(!terminal.screen().contains("SESSION"), "the screen is what it was\n{}", terminal.screen());
    assert_eq!(world.wait_for_file("after"), world.wait_for_file("before"));
    // However it ends.
    terminal.type_line("clear; rialto top; echo code $?; stty -g > later");
    terminal.wait_for("2 sessions");
    let pid = terminal.front("rialto");
    crate::common::signal(pid, nix::sys::signal::Signal::SIGTERM);
    terminal.wait_for("code 130");
    assert_eq!(world.wait_for_file("later"), world.wait_for_file("before"));
}

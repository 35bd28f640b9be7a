//! Kernels that Jupyter starts: found, listed, used like any other, and gone with their supervisor.

use crate::common::{Terminal, World, signal, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::Path;

/// A project with a virtual environment that has `ipykernel`: that of `scripts/setup`.
fn project() -> World {
    let world = World::new();
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/target/jupyter"), world.project().join(".venv")).unwrap();
    world
}

const PYTHON: &str = "jupyter:python3";

#[test]
fn every_kernelspec_is_listed_with_where_it_is() {
    let world = project();
    let listed = world.run(&["kernels", "--json"]).ok();
    let specs: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| specs.iter().find(|spec| spec["name"] == name).unwrap_or_else(|| panic!("{name} in {listed}"));
    let venv = world.project().join(".venv");
    assert_eq!(of(PYTHON)["found"], venv.join("share/jupyter/kernels/python3").to_str().unwrap());
    assert_eq!(of(PYTHON)["program"], venv.join("bin/python").to_str().unwrap());
    assert_eq!(
        (&of("jupyter:ir")["language"], &of("jupyter:ir")["found"]),
        (&"r".into(), &"/usr/share/jupyter/kernels/ir".into())
    );
    assert_eq!(of("python")["found"], Value::Null);
    let table = world.run(&["kernels"]).ok();
    assert!(table.contains("KERNELSPEC") && table.contains("/usr/share/jupyter/kernels/ir"), "{table}");
    let said = world.run(&["exec", "-k", "jupyter:nothing", "-c", "1"]).exits(64);
    assert!(said.err().contains("there is no kernel \"jupyter:nothing\"; known are:"), "{said}");
}

#[test]
fn a_plain_name_is_a_kernel_and_code_is_typed_into_it() {
    let world = project();
    let t = Terminal::open(&world, "clear; rialto ir");
    t.shows(&[">>>"]);
    t.type_line("f <- function(x) x * 2");
    t.type_line("f(21)");
    // Where the kernel was found is said as soon as it is ready: before this or after.
    t.wait_for("[1] 42");
    t.wait_for("kernelspec /usr/share/jupyter/kernels/ir");
    t.type_line("x <- readline('who? ')");
    t.shows(&["who?"]);
    t.type_line("ada");
    t.type_line("cat(toupper(x), '\\n')");
    t.shows(&["ADA", ">>>"]);
}

#[test]
fn what_only_programs_understand_is_not_shown() {
    let world = project();
    let code = "from IPython.display import clear_output\nprint('a'); clear_output(wait=True)\nh = display('b', display_id=True); h.update('c')";
    let run = |words: &[&str]| world.run(&[&["exec", "-s", "work", "-k", PYTHON], words].concat());
    assert_eq!(run(&["-c", code]).ok(), "a\n'b'\n'c'\n");
    let logs = world.run(&["logs", "work"]).ok();
    assert!(!logs.contains("vnd.jupyter"), "{logs}");
    let book = world.run(&["export", "work", "--format", "ipynb"]).ok();
    assert!(!book.contains("clear_output\\\"}"), "{book}");
}

#[test]
fn it_goes_with_its_supervisor() {
    let world = project();
    for (kernel, pid) in [(PYTHON, "import os; print(os.getpid())"), ("ir", "cat(Sys.getpid())")] {
        let pid = world.run(&["exec", "-s", kernel.trim_start_matches("jupyter:"), "-k", kernel, "-c", pid]).ok();
        let kernel = format!("/proc/{}", pid.trim());
        assert!(Path::new(&kernel).exists());
        for supervisor in world.supervisors() {
            signal(supervisor, Signal::SIGKILL);
        }
        until("the kernel's end", || (!Path::new(&kernel).exists()).then_some(()));
    }
}

#[test]
fn a_client_that_stalls_loses_nothing_and_holds_up_nobody() {
    let world = project();
    let code = "for i in range(250_000): print(i, 'x' * 75)";
    let client = world.start(&["exec", "-s", "work", "-k", PYTHON, "-c", code]);
    client.wait_for_out("0 x");
    client.signal(Signal::SIGSTOP);
    // The eval ends, and others are served, although nobody reads it.
    assert_eq!(world.run(&["exec", "-s", "work", "-c", "6 * 7"]).ok(), "42\n");
    client.signal(Signal::SIGCONT);
    let said = client.end().exits(0);
    let lines: Vec<_> = said.out().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 250_000);
    assert!(lines.iter().enumerate().all(|(i, line)| line.starts_with(&format!("{i} x"))));
}

/// A comm target that writes down what it hears, and answers.
const TARGET: &str = "
import comm
heard = []
def target(opened, message):
    @opened.on_msg
    def told(message):
        heard.append(message['content']['data']['x'])
        opened.send({'answer': heard}, buffers=[bytes(b) + b'!' for b in message['buffers']])
comm.get_comm_manager().register_target('test', target)
";

#[test]
fn what_programs_say_to_comms_arrives_once_and_is_answered() {
    let world = project();
    world.run(&["exec", "-s", "work", "-k", PYTHON, "-c", TARGET]).ok();
    let served = crate::daemon::serve(&world);
    let comm = |id: &str, message: &str| {
        format!("{{\"type\":\"comm\",\"id\":\"{}\",\"life\":1,\"message\":{message}}}\n", id.repeat(32))
    };
    let open = comm("1", r#"{"what":"open","comm":"c","target":"test"}"#);
    let say = |x: &str| comm(x, &format!(r#"{{"what":"msg","comm":"c","data":{{"x":{x}}},"buffers":["b{x}"]}}"#));
    let mut rpc = world.start(&["--at", &served.at, "rpc", "work"]);
    rpc.write(format!("{{\"type\":\"attach\",\"tail\":0}}\n{open}{}", say("2")));
    rpc.wait_for_out("b2!");
    // The link is cut, and whoever does not know what arrived says all of it again.
    served.daemon.signal(Signal::SIGKILL);
    served.daemon.end().exits(128 + 9);
    rpc.end();
    let served = crate::daemon::serve(&world);
    let mut rpc = world.start(&["--at", &served.at, "rpc", "work"]);
    rpc.write(format!("{{\"type\":\"attach\",\"tail\":0}}\n{open}{}{}", say("2"), say("3")));
    rpc.wait_for_out("b3!");
    let said = rpc.end().ok();
    assert_eq!(said.matches("\"type\":\"comm_sent\"").count(), 1, "{said}");
    assert_eq!(said.matches("\"type\":\"carried\"").count(), 3, "{said}");
    // The same by somebody else, by another way.
    let again = world.run_with(&["rpc", "work"], say("3")).ok();
    assert!(again.contains("\"type\":\"carried\""), "{again}");
    assert_eq!(world.run(&["exec", "-s", "work", "-c", "heard"]).ok(), "[2, 3]\n");
    let audit = world.run(&["logs", "work", "--audit"]).ok();
    assert!(audit.contains("comm") && audit.contains("open c"), "{audit}");
    // Whoever has none says so.
    world.session("plain", "1");
    let refused = world.run_with(&["rpc", "plain"], open.replace("\"life\":1,", "")).ok();
    assert!(refused.contains("this kernel has no comms"), "{refused}");
    served.daemon.signal(Signal::SIGTERM);
    served.daemon.end().exits(0);
}

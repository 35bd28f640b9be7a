//! How a kernel ends, and why one never began.

use crate::driver::Driver;
use crate::{launch_of, made, python, start};
use rialto_protocol::kernel::{KernelCommand, Launch};
use std::path::Path;

#[test]
fn exits_and_signals_are_told_with_what_was_written_before() {
    let mut d = python();
    d.submit("import os; print('last', flush=True); os.system('sleep 0.3'); os._exit(5)");
    let (outcome, death) = d.until_death();
    assert_eq!((death.code, death.signal, outcome.out().as_str()), (Some(5), None, "last\n"));
    let mut r = start("ir");
    r.submit("tools::pskill(Sys.getpid(), 9)");
    assert_eq!(r.until_death().1.signal.as_deref(), Some("SIGKILL"));
}

#[test]
fn a_shutdown_is_orderly_and_leaves_no_folder() {
    for kernel in ["jupyter:python3", "ir", "jupyter:bash"] {
        let mut d = start(kernel);
        let pid = d.info.pid;
        d.send(KernelCommand::Shutdown);
        let (_, death) = d.until_death();
        assert_eq!((death.code, death.signal), (Some(0), None), "{kernel}");
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(d.is_silent());
    }
}

#[test]
fn its_folder_goes_with_it() {
    let mut d = python();
    let folder = d.exec("import sys; from ipykernel import get_connection_file; get_connection_file()").ok().result().unwrap();
    let file = Path::new(folder.trim_matches('\''));
    assert!(file.exists());
    let folder = file.parent().unwrap().to_owned();
    drop(d);
    assert!(!folder.exists());
}

fn fails(launch: &Launch) -> String {
    let death = Driver::try_start(launch).err().expect("it does not start");
    death.failed_start.expect("it is told why")
}

#[test]
fn one_that_does_not_start_is_told_in_its_own_words() {
    let (_temp, launch) = made(r#"{"argv": ["sh", "-c", "echo no such luck >&2; exit 3", "{connection_file}"]}"#);
    let why = fails(&launch);
    assert!(why.contains("exited with 3") && why.contains("no such luck"), "{why}");
    // One that hangs is ended.
    let (_temp, mut launch) = made(r#"{"argv": ["sh", "-c", "echo thinking; exec sleep 1000", "{connection_file}"]}"#);
    launch.env.insert("RIALTO_START_SECONDS".into(), "1".into());
    let why = fails(&launch);
    assert!(why.contains("within 1 s") && why.contains("thinking"), "{why}");
    // What listens there speaks something else.
    let serve = "import json,sys,socket,time\nc=json.load(open(sys.argv[1]))\nall=[socket.create_server(('127.0.0.1',c[n])) for n in \
        ('shell_port','iopub_port','stdin_port','control_port','hb_port')]\nfor s in all: s.accept()[0].send(b'HTTP/1.1 400 Bad Request\\r\\n'*9)\ntime.sleep(1000)";
    let spec = serde_json::json!({ "argv": ["/usr/bin/env", "python3", "-c", serve, "{connection_file}"] });
    let (_temp, launch) = made(&spec.to_string());
    let why = fails(&launch);
    assert!(why.contains("closed its sockets"), "{why}");
}

#[test]
fn what_is_not_installed_is_said() {
    let (_temp, launch) = made(r#"{"argv": ["/no/such/program", "{connection_file}"]}"#);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let why = rialto_kernels::launch(&launch).err().unwrap().to_string();
    assert!(why.contains("/no/such/program") && why.contains("kernel.json"), "{why}");
    let why = rialto_kernels::launch(&launch_of("jupyter:nothing")).err().unwrap().to_string();
    assert!(why.contains("no kernel"), "{why}");
}

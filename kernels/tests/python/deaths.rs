//! How a kernel ends, and how one that cannot start says so.

use crate::driver::{Driver, Outcome, python};
use rialto_kernels::{LaunchError, known, launch};
use rialto_protocol::kernel::{Death, KernelCommand, KernelEvent, Launch, Step};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_death_is_named_and_what_was_printed_before_it_is_kept() {
    for (code, code_, signal, out) in [
        ("import os\nprint('before')\nos._exit(3)", Some(3), None, "before\n"),
        ("import os\nprint('before')\nos.kill(os.getpid(), 11)", None, Some("SIGSEGV"), "before\n"),
        ("import ctypes\nprint('before')\nctypes.string_at(0)", None, Some("SIGSEGV"), "before\n"),
        ("import os\nprint('before')\nos.abort()", None, Some("SIGABRT"), "before\n"),
        ("import os\nprint('before')\nos.execlp('echo', 'echo', 'another program')", Some(0), None, "before\nanother program\n"),
        ("import os, subprocess\nsubprocess.Popen(['sleep', '1000'])\nprint('before')\nos._exit(4)", Some(4), None, "before\n"),
        ("import os, subprocess\nsubprocess.Popen('yes', stderr=subprocess.DEVNULL, shell=True)\nos._exit(5)", Some(5), None, ""),
    ] {
        let mut d = Driver::start();
        d.submit(code);
        let (outcome, death) = d.until_death();
        let expected = Death { code: code_, signal: signal.map(str::to_owned), failed_start: None };
        assert_eq!(death, expected, "{code}");
        if !out.is_empty() {
            assert_eq!(outcome.out(), out, "{code}");
        }
        assert!(d.is_silent() && d.kernel.pid().is_none(), "nothing after the death");
        d.send(KernelCommand::Fence(1));
        d.interrupt();
        assert!(d.is_silent());
    }
}

#[test]
fn the_harder_steps_end_the_process() {
    for (step, name) in [(Step::Terminate, "SIGTERM"), (Step::Kill, "SIGKILL")] {
        let mut d = Driver::start();
        d.submit("print('up')\nwhile True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass");
        d.until_out(&mut Outcome::default(), "up");
        d.send(KernelCommand::Interrupt(step));
        assert_eq!(d.until_death().1.signal.as_deref(), Some(name));
    }
}

#[test]
fn a_shutdown_runs_the_exit_handlers() {
    let mut d = Driver::start();
    d.exec("import atexit\natexit.register(lambda: print('bye'))").ok();
    d.send(KernelCommand::Shutdown);
    let (outcome, death) = d.until_death();
    assert_eq!((outcome.out().as_str(), death.code), ("bye\n", Some(0)));
}

/// Whether the process exists and is no zombie.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z')
}

#[test]
fn dropping_the_kernel_ends_the_whole_group() {
    let mut d = Driver::start();
    let child = d.exec("import subprocess\nsubprocess.Popen(['sleep', '1000']).pid").result().unwrap();
    let kernel = d.info.pid.to_string();
    assert!(lives(&child) && lives(&kernel));
    drop(d);
    while lives(&child) || lives(&kernel) {
        std::thread::yield_now();
    }
}

/// A supervisor that is killed: it starts a kernel, says its number, and never comes back.
#[test]
fn a_kernel_dies_with_its_supervisor() {
    if std::env::var("RIALTO_TEST_SUPERVISOR").is_ok() {
        let mut d = Driver::start();
        let child = d.exec("import subprocess\nsubprocess.Popen(['sleep', '1000']).pid").result().unwrap();
        d.submit("print('up')\nwhile True: pass");
        d.until_out(&mut Outcome::default(), "up");
        println!("\npids {} {child}", d.info.pid);
        std::io::stdout().flush().unwrap();
        loop {
            d.next();
        }
    }
    let mut supervisor = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["deaths::a_kernel_dies_with_its_supervisor", "--exact", "--nocapture"])
        .env("RIALTO_TEST_SUPERVISOR", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(supervisor.stdout.take().unwrap());
    let line = std::io::BufRead::lines(output).map(Result::unwrap).find(|l| l.starts_with("pids ")).unwrap();
    let pids: Vec<_> = line.split(' ').skip(1).collect();
    assert!(pids.iter().all(|pid| lives(pid)));
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    while pids.iter().any(|pid| lives(pid)) {
        std::thread::yield_now();
    }
}

#[test]
fn a_kernel_that_cannot_start_says_why_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    };
    let fail = |launch_: &Launch| launch(launch_).err().map(|e| e.to_string()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let inside = runtime.enter();
    let unknown = fail(&Launch { kernel: "cobol".into(), ..python() });
    assert!(unknown.starts_with("there is no kernel \"cobol\"; known are: python, "), "{unknown}");
    assert_eq!(
        fail(&Launch { program: Some("/no/such/python".into()), ..python() }),
        "no Python interpreter was found: /no/such/python is no program"
    );
    assert_eq!(
        fail(&Launch { program: Some("nopython".into()), ..python() }),
        "no Python interpreter was found: nopython is not on the PATH"
    );
    assert_eq!(
        fail(&Launch { cwd: "/no/such/folder".into(), ..python() }),
        "the folder \"/no/such/folder\" to start in does not exist"
    );
    let env = [("PATH".to_owned(), "/nowhere".to_owned())].into();
    assert!(matches!(launch(&Launch { program: None, env, ..python() }), Err(LaunchError::NoInterpreter { .. })));
    drop(inside);
    for (text, expected) in [
        ("#!/bin/sh\necho 'python: cannot find libpython' >&2\nexit 127\n", "python: cannot find libpython"),
        ("#!/bin/sh\nexit 9\n", "the interpreter exited with code 9 before it was ready, without a word"),
        ("#!/bin/sh\nkill -9 $$\n", "the interpreter was ended by SIGKILL before it was ready"),
    ] {
        let death = Driver::try_start(&Launch { program: Some(script("broken", text)), ..python() }).map(|_| ()).unwrap_err();
        assert_eq!(death.failed_start.as_deref(), Some(expected));
    }
    // An interpreter of another age, as far as the bootstrap can tell; none of these runs any more where tests do.
    let real = python().program.unwrap();
    for (version, expected) in [
        ("2, 7, 18", "Python 2.7 is too old for Rialto: it needs Python 3.8 or newer (/old/python)"),
        ("3, 7, 17", "Python 3.7 is too old for Rialto: it needs Python 3.8 or newer (/old/python)"),
    ] {
        let text = format!(
            "#!/usr/bin/env {real}\nimport sys\nsys.version_info = {version}\nsys.executable = '/old/python'\nassert sys.argv[1] == '-c'\nexec(sys.argv[2])\n"
        );
        let death = Driver::try_start(&Launch { program: Some(script("old", &text)), ..python() }).map(|_| ()).unwrap_err();
        assert_eq!((death.failed_start.as_deref(), death.code), (Some(expected), Some(1)));
    }
    let long = script("long", "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x >&2\necho end >&2\nexit 1\n");
    let death = Driver::try_start(&Launch { program: Some(long), ..python() }).map(|_| ()).unwrap_err();
    let said = death.failed_start.unwrap();
    assert!(said.len() <= 4096 && said.ends_with("xend"), "{}", said.len());
}

#[test]
fn words_before_it_is_ready_come_after_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sitecustomize.py"), "print('hello from site', flush=True)").unwrap();
    let env = [("PYTHONPATH".to_owned(), folder.path().display().to_string())].into();
    let mut d = Driver::start_with(&Launch { env, ..python() });
    match d.next() {
        KernelEvent::Output { n: 0, background: true, runs } => assert_eq!(runs[0].data.lossy(), "hello from site\n"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_virtual_environment_is_found_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(folder.path()).unwrap();
    let made = std::process::Command::new(python().program.unwrap())
        .args(["-m", "venv", "--without-pip"])
        .arg(root.join(".venv"))
        .status();
    assert!(made.unwrap().success());
    std::fs::create_dir_all(root.join("src/deep")).unwrap();
    std::fs::write(root.join("pyproject.toml"), "").unwrap();
    let cwd = root.join("src/deep").display().to_string();
    let env = [("VIRTUAL_ENV".to_owned(), String::new())].into();
    let mut d = Driver::start_with(&Launch { program: None, cwd: cwd.clone(), env, ..python() });
    let venv = root.join(".venv").display().to_string();
    assert_eq!(d.info.note.as_deref(), Some(format!("virtual environment {venv}").as_str()));
    assert_eq!(d.exec("import sys, os; (sys.prefix, os.getcwd())").result(), Some(format!("('{venv}', '{cwd}')")));
    // Above the project's root it is somebody else's.
    std::fs::write(root.join("src/pyproject.toml"), "").unwrap();
    let env = [("VIRTUAL_ENV".to_owned(), String::new())].into();
    assert_eq!(Driver::start_with(&Launch { program: None, cwd: cwd.clone(), env, ..python() }).info.note, None);
    let env = [("VIRTUAL_ENV".to_owned(), venv.clone())].into();
    let d = Driver::start_with(&Launch { program: None, cwd, env, ..python() });
    assert_eq!(d.info.note.as_deref(), Some(format!("virtual environment {venv}").as_str()));
}

#[test]
fn what_could_be_started_is_known_without_starting_it() {
    let python = &known()[0];
    assert_eq!((python.name.as_str(), python.language.as_str()), ("python", "python"));
    assert!(python.program.as_deref().is_some_and(|p| std::path::Path::new(p).is_file()), "{python:?}");
}

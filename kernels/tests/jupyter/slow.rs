//! A kernel that is slow in a chosen place (`slow.py`): what must come after something waits for it, however long that takes.

use crate::driver::Driver;
use crate::{installed, launch_of};
use rialto_protocol::kernel::{Answer, Completeness, DoneHow, KernelCommand, KernelEvent, Query};
use std::path::Path;

struct Slow {
    d: Driver,
    folder: tempfile::TempDir,
}

/// `mode`: how it is interrupted. `heart`: after how many seconds it is said that its heart does not beat.
fn slow(mode: &str, heart: Option<&str>) -> Slow {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jupyter/slow.py");
    let python = installed().join("../../bin/python");
    let argv = [&python.display().to_string(), &script.display().to_string(), "{connection_file}", "{resource_dir}"];
    let spec = serde_json::json!({ "argv": argv, "language": "python", "interrupt_mode": mode });
    std::fs::write(folder.path().join("kernel.json"), spec.to_string()).unwrap();
    let mut launch = launch_of(&format!("jupyter:{}", folder.path().display()));
    launch.env.extend(heart.map(|seconds| ("RIALTO_HEART_SECONDS".to_owned(), seconds.to_owned())));
    Slow { d: Driver::start_with(&launch), folder }
}

impl Slow {
    /// What waits goes on. Comes back once it does.
    fn go(&self) {
        std::fs::write(self.folder.path().join("go"), "x").unwrap();
    }

    /// The next event that is not output.
    fn next(&mut self) -> KernelEvent {
        loop {
            match self.d.next() {
                KernelEvent::Output { .. } => {}
                event => return event,
            }
        }
    }

    fn until_said(&mut self, what: &str) {
        let mut said = Vec::new();
        loop {
            match self.d.next() {
                KernelEvent::Output { runs, .. } => said.extend(runs.into_iter().flat_map(|run| run.data.0)),
                other => panic!("before it said {what:?} came {other:?}"),
            }
            if String::from_utf8_lossy(&said).contains(what) {
                return;
            }
        }
    }
}

#[test]
fn a_fence_is_told_after_its_probe_was_served() {
    for mode in ["signal", "message"] {
        let mut slow = slow(mode, None);
        slow.d.submit("taken hold");
        slow.until_said("up\n");
        slow.d.interrupt();
        assert_eq!(*slow.d.finish().how(), DoneHow::Ok, "{mode}");
        slow.d.send(KernelCommand::Fence(7));
        // The probe has reached the kernel, which does not serve it.
        slow.until_said("still here\n");
        assert!(slow.d.is_silent(), "{mode}");
        slow.go();
        assert_eq!(slow.next(), KernelEvent::Fenced(7), "{mode}");
        slow.d.exec("go").ok();
    }
}

#[test]
fn a_fence_is_told_after_the_interrupt_was_carried_out() {
    let mut slow = slow("message", None);
    slow.d.exec("late").ok();
    slow.d.submit("taken");
    slow.until_said("up\n");
    slow.d.interrupt();
    slow.until_said("late\n");
    assert_eq!(*slow.d.finish().how(), DoneHow::Ok);
    slow.d.send(KernelCommand::Fence(7));
    // What is asked after a probe is answered after it: no probe that counts was sent so far.
    let answer = slow.d.query(Query::IsComplete { code: String::new() });
    assert_eq!(answer, Answer::Completeness(Completeness::Complete));
    slow.go();
    assert_eq!(slow.next(), KernelEvent::Fenced(7));
    slow.d.exec("go").ok();
}

#[test]
fn an_interrupt_that_is_late_ends_what_it_was_for() {
    let mut slow = slow("message", None);
    slow.d.exec("late").ok();
    slow.d.submit("hit");
    slow.until_said("up\n");
    slow.d.interrupt();
    slow.d.send(KernelCommand::Fence(7));
    slow.until_said("late\n");
    slow.go();
    // What was said of both comes by two ways.
    let (mut ended, mut fenced) = (None, false);
    while ended.is_none() || !fenced {
        match slow.next() {
            KernelEvent::Done(done) => ended = Some(done.how),
            KernelEvent::Fenced(7) => fenced = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(ended, Some(DoneHow::Interrupted(_))), "{ended:?}");
    slow.d.exec("go").ok();
}

#[test]
fn a_kernel_that_is_stopped_is_told_of_and_goes_on() {
    let mut slow = slow("signal", Some("1"));
    slow.d.submit("beaten stop beaten");
    slow.until_said("[the kernel's heart has not beaten for 1 s: its process is stopped or stuck]\n");
    // Nothing was ended: the process is there, and goes on where it was.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(slow.d.info.pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT).unwrap();
    slow.until_said("[the kernel's heart beats again]\n");
    slow.d.finish().ok();
    slow.d.exec("go").ok();
}

#[test]
fn a_heart_that_waits_for_the_code_is_no_sign_of_anything() {
    let mut slow = slow("signal", Some("1"));
    slow.d.exec("heartless").ok();
    // Longer than a heart may be silent.
    assert_eq!(slow.d.exec("compute").ok().err(), "");
}

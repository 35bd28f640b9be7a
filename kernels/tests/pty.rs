//! Programs in terminals of their own, driven through the trait: the real programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
// A binary's modules are reached from nowhere else, and of the driver each language uses a part.
#![allow(unreachable_pub, dead_code)]

#[path = "python/driver.rs"]
mod driver;
#[path = "pty/evals.rs"]
mod evals;
#[path = "pty/interrupts.rs"]
mod interrupts;
#[path = "pty/learning.rs"]
mod learning;
#[path = "pty/questions.rs"]
mod questions;
#[path = "pty/shown.rs"]
mod shown;

use driver::Driver;
use rialto_protocol::kernel::Launch;

pub(crate) fn how(command: &str) -> Launch {
    let env = [("HOME".to_owned(), "/nonexistent".to_owned()), ("LC_ALL".to_owned(), "C.UTF-8".to_owned())].into();
    Launch { kernel: format!("pty:{command}"), cwd: std::env::temp_dir().display().to_string(), env, ..Launch::default() }
}

pub(crate) fn start(command: &str) -> Driver {
    let mut d = Driver::start_with(&how(command));
    // What it says first is nobody's.
    while !d.is_silent() {}
    d
}

/// Each command, and what comes of it.
#[track_caller]
pub(crate) fn says(command: &str, evals: &[(&str, &str)]) -> Driver {
    let mut d = start(command);
    for (code, out) in evals {
        let outcome = d.exec(code);
        assert_eq!((outcome.out().as_str(), outcome.done.as_ref().unwrap().idle_guess), (*out, false), "{command}: {code}");
    }
    d
}

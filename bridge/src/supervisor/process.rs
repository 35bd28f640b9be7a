//! The process around a supervisor, from its first instruction to its exit code. It is here, beside what it starts, and not with the
//! commands: what a program does lies together in memory where it is compiled together, and there is one of these for each session.

use super::supervise;
use crate::observe::log::{self, More};
use crate::router::{self, Readiness};
use crate::runtime;
use std::io;
use std::path::Path;

/// How the process ends.
#[derive(Debug)]
pub enum Left {
    /// Its session has nothing left to do.
    Well,
    /// The session's folder cannot be entered, so there is nowhere to say more.
    NoFolder(io::Error),
    /// It could not start, or not go on. The log says why, and so was whoever started it.
    Died,
}

/// Runs the supervisor of the session in `dir`. What it has to say goes to stderr, which is the session's log; `more` hears of it too.
pub fn run(dir: &Path, more: impl FnOnce() -> Option<More>) -> Left {
    if let Err(e) = router::detach(dir) {
        return Left::NoFolder(e);
    }
    log::of_supervisor(dir, more());
    own(dir)
}

fn own(dir: &Path) -> Left {
    // Nobody holds a supervisor's terminal, and one that writes to a closed pipe must not die of it: its kernel would.
    let runtime = match runtime::build() {
        Ok(runtime) => runtime,
        Err(e) => {
            tracing::error!(error = %e, "the runtime could not be built");
            return Left::Died;
        }
    };
    let mut said = false;
    let outcome = runtime.block_on(supervise(dir, &mut |socket| {
        said = true;
        if let Err(e) = Readiness::ready(socket).say() {
            tracing::warn!(error = %e, "readiness could not be said");
        }
    }));
    match outcome {
        Ok(_) => Left::Well,
        Err(e) => {
            tracing::error!(error = %e, "the supervisor ends");
            if !said {
                let _ = Readiness::failed(e.reply()).say();
            }
            Left::Died
        }
    }
}

//! `rialto supervise DIR`: the process that owns one session. Started by the router, never by a person.

use crate::args::SuperviseArgs;
use rialto_bridge::router::{self, Readiness};
use rialto_bridge::supervisor;
use std::ffi::OsString;
use std::process::ExitCode;

/// `supervise DIR` and nothing else, as the router says it.
pub(crate) fn plain(mut words: impl Iterator<Item = OsString>) -> Option<SuperviseArgs> {
    let (command, dir, rest) = (words.nth(1)?, words.next()?, words.next());
    (command == "supervise" && rest.is_none() && std::path::Path::new(&dir).is_absolute())
        .then(|| SuperviseArgs { dir: dir.into() })
}

pub(crate) fn run(args: &SuperviseArgs) -> ExitCode {
    if let Err(e) = router::detach(&args.dir) {
        crate::paint::complain(&format!("the session's folder {} cannot be entered: {e}", args.dir.display()));
        return crate::exit::IO.into();
    }
    // stderr is the session's log.
    crate::log::of_supervisor(&args.dir);
    // Nobody holds a supervisor's terminal, and one that writes to a closed pipe must not die of it: its kernel would.
    let runtime = match crate::runtime::build() {
        Ok(runtime) => runtime,
        Err(e) => {
            tracing::error!(error = %e, "the runtime could not be built");
            return crate::exit::DIED.into();
        }
    };
    let mut said = false;
    let outcome = runtime.block_on(supervisor::supervise(&args.dir, &mut |socket| {
        said = true;
        if let Err(e) = Readiness::ready(socket).say() {
            tracing::warn!(error = %e, "readiness could not be said");
        }
    }));
    crate::log::end();
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!(error = %e, "the supervisor ends");
            if !said {
                let _ = Readiness::failed(e.reply()).say();
            }
            crate::exit::DIED.into()
        }
    }
}

//! `rialto supervise DIR`: the process that owns one session. Started by the router, never by a person.

use crate::args::SuperviseArgs;
use rialto_bridge::supervisor::process::{self, Left};
use std::ffi::OsString;
use std::process::ExitCode;

/// `supervise DIR` and nothing else, as the router says it.
pub(crate) fn plain(mut words: impl Iterator<Item = OsString>) -> Option<SuperviseArgs> {
    let (command, dir, rest) = (words.nth(1)?, words.next()?, words.next());
    (command == "supervise" && rest.is_none() && std::path::Path::new(&dir).is_absolute())
        .then(|| SuperviseArgs { dir: dir.into() })
}

pub(crate) fn run(args: &SuperviseArgs) -> ExitCode {
    let left = process::run(&args.dir, crate::more);
    #[cfg(feature = "otlp")]
    crate::otlp::end();
    match left {
        Left::Well => ExitCode::SUCCESS,
        Left::NoFolder(e) => {
            crate::paint::complain(&format!("the session's folder {} cannot be entered: {e}", args.dir.display()));
            crate::exit::IO.into()
        }
        Left::Died => crate::exit::DIED.into(),
    }
}

//! `rialto kernels --check NAME`: whether a kernel does what every kernel must, tried in a session of its own through this very
//! program. `tests/conformance` runs the same, and `docs/kernels.md` is written by that.

mod codes;
mod live;
mod programs;
mod rows;
mod session;

use crate::exit::{self, Failure};
use crate::ls;
use serde_json::json;
use session::Session;
use std::io::Write;

pub(crate) fn run(kernels: &[String], at: Option<&str>, as_json: bool) -> Result<u8, Failure> {
    let mut failed = false;
    for kernel in kernels {
        let codes = codes::of(kernel).ok_or_else(|| {
            let known = "python, node, bash, js, live, kernelspecs of Jupyter for Python, Bash and R, and pty: with sqlite3, psql, gdb, lua, \
                         python3, node and bash";
            Failure::usage(format!("there is nothing to check {kernel:?} with; it is known of {known}"))
        })?;
        let session = Session::new(kernel, at)?;
        session.exec(codes.keep, "")?;
        let mut table = ls::table(&["KERNEL", "CHECK", "PROMISE", "SEEN"]);
        for row in rows::ROWS {
            let told = (row.run)(&session, codes)?;
            let (seen, said) = match &told {
                None => ("-", ""),
                Some(Ok(())) => ("ok", ""),
                Some(Err(said)) => ("FAILED", said.as_str()),
            };
            failed |= seen == "FAILED";
            if as_json {
                let line = json!({ "kernel": kernel, "check": row.name, "promise": row.promise, "seen": seen, "said": said });
                writeln!(std::io::stdout().lock(), "{line}")?;
            } else {
                let seen = if said.is_empty() { seen.to_owned() } else { format!("{seen}: {said}") };
                table.add_row([kernel, row.name, row.promise, &seen].map(ls::plain));
            }
        }
        if !as_json {
            ls::print(&table)?;
        }
    }
    Ok(if failed { exit::ERROR } else { 0 })
}

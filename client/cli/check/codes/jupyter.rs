//! The same for kernels that Jupyter starts, by their language.

use super::Codes;

pub(super) fn of(kernel: &str) -> Option<&'static Codes> {
    let plain = kernel.strip_prefix("jupyter:").unwrap_or(kernel);
    let known = rialto_kernels::known();
    let spec =
        known.iter().find(|spec| spec.found.is_some() && (spec.name == kernel || spec.name == format!("jupyter:{plain}")))?;
    match spec.language.as_str() {
        "python" => Some(&IPYTHON),
        "bash" => Some(&BASH_KERNEL),
        "r" => Some(&R),
        _ => None,
    }
}

/// What it prints is sent by another thread: a process that ends at once takes its last words along.
const IPYTHON: Codes = Codes {
    dies: Some("import os, time; print('last', flush=True); time.sleep(0.3); os._exit(5)"),
    killed: Some("import os, time; print('last', flush=True); time.sleep(0.3); os.kill(os.getpid(), 9)"),
    // Its stdout takes text alone.
    bytes: None,
    ..super::PYTHON
};

/// Everything comes by one terminal: there is no stderr, nothing can be read, and a failing command has no words of its own.
const BASH_KERNEL: Codes = Codes {
    streams: None,
    error: None,
    input: None,
    reads: None,
    inspect: None,
    judged: None,
    exit: None,
    dies: None,
    killed: Some("echo last; sleep 0.3; kill -KILL $PPID"),
    bytes: None,
    // Each line is a message: these take it minutes.
    much: None,
    floods: None,
    background: None,
    ..super::BASH
};

const R: Codes = Codes {
    streams: Some("cat('out\\n'); write('err', stderr())"),
    // What is written to stderr comes by its pipe.
    order: None,
    result: Some(("c(1, 2)", "[1] 1 2")),
    error: Some("stop('boom')"),
    error_code: 1,
    input: Some("cat(sprintf('hello %s\\n', readline('who? ')))"),
    keep: "kept <- 42",
    kept: "cat(kept, '\\n', sep = '')",
    busy: Some("cat('up\\n'); repeat {}"),
    waits: Some("cat('up\\n'); Sys.sleep(1000)"),
    // R goes on after a program that was interrupted.
    child: None,
    floods: Some("cat('up\\n')\nrepeat cat('x\\n')"),
    reads: Some("cat('up\\n'); readline()"),
    complete: Some(("kep", "kept")),
    inspect: Some(("mean", "Arithmetic Mean")),
    judged: Some(["x <- 1", "f <- function() {", "x <- <- 1"]),
    // It ends the kernel in an orderly way, whatever the status.
    exit: None,
    dies: None,
    killed: Some("cat('last\\n'); Sys.sleep(0.3); tools::pskill(Sys.getpid(), 9)"),
    unicode: "cat('aé😀\\n')",
    bytes: None,
    much: Some("for (i in 1:50) cat(strrep('x', 999999), '\\n', sep = '')"),
    background: None,
    fresh: true,
};

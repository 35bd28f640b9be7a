//! Commands for a shell: each is a line, or a few, that the shell runs as it reads them.

use super::shell_input::ShellInput;
use rialto_protocol::kernel::{Exec, Query};
use std::fmt::Write;

/// A word that the shell reads as exactly these bytes. (No shell can hold a null character; it ends the word.)
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    out.push_str("$'");
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'.' | b'/' | b'-' | b'_' | b'=' | b',' | b':' | b'+' => {
                out.push(char::from(*byte))
            }
            other => {
                let _ = write!(out, "\\{other:03o}");
            }
        }
    }
    out.push('\'');
    out
}

/// The source, and what it must know.
pub(super) fn put_setup(out: &mut Vec<u8>, source: &str, input: &ShellInput, frames: i32) {
    let (stdin, life) = (input.theirs(), input.life());
    out.extend_from_slice(format!("__rialto_out={frames} __rialto_in={stdin} __rialto_life={life}\n").as_bytes());
    out.extend_from_slice(source.as_bytes());
}

pub(super) fn put_exec(out: &mut Vec<u8>, exec: &Exec, input: &ShellInput) {
    let (n, code, stdin) = (exec.n, quoted(exec.code.as_bytes()), input.theirs());
    let mut line = format!("__rialto_code={code}; __rialto_begin {n}");
    if let Some(trace) = &exec.trace {
        let _ = write!(line, "; export TRACEPARENT={}; __rialto_trace=1", quoted(trace.as_bytes()));
    }
    match exec.argv.as_deref() {
        Some([name, words @ ..]) => {
            let words: Vec<_> = words.iter().map(|word| quoted(word.as_bytes())).collect();
            let _ = write!(line, "; BASH_ARGV0={}; builtin set -- {}", quoted(name.as_bytes()), words.join(" "));
        }
        _ => line.push_str("; builtin set --"),
    }
    // An interrupt that came before its time is for this eval. Options that the runner had to put aside stay the user's.
    line.push_str(
        "\nbuiltin eval \"$__rialto_int\"; [[ $__rialto_due ]] && builtin kill -INT $$; [[ $__rialto_set ]] || __rialto_status; ",
    );
    let _ = writeln!(line, "builtin eval \"${{__rialto_set:+set -$__rialto_set; }}$__rialto_code\" <&{stdin}");
    line.push_str(END);
    out.extend_from_slice(line.as_bytes());
}

/// Told once more after an interrupt, with a line's end before it: one that came while a line was being read has cut it.
pub(super) fn put_end(out: &mut Vec<u8>) {
    out.push(b'\n');
    out.extend_from_slice(END.as_bytes());
}

const END: &str = "{ __rialto_end \"$?\"; } 2>/dev/null\n";

pub(super) fn put_fence(out: &mut Vec<u8>, k: u32) {
    out.extend_from_slice(format!("\n{{ __rialto_fence {k}; }} 2>/dev/null\n").as_bytes());
}

pub(super) fn put_query(out: &mut Vec<u8>, id: u64, query: &Query) {
    let until = |code: &str, cursor: usize| quoted(code.as_bytes().get(..cursor.min(code.len())).unwrap_or_default());
    let line = match query {
        Query::Complete { code, cursor } => format!("__rialto_completions {id} {}", until(code, *cursor)),
        Query::Inspect { code, cursor, detail } => {
            // The whole name, where the cursor is in the middle of it.
            let rest = code.as_bytes().get(*cursor..).unwrap_or_default();
            let more = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
            format!("__rialto_inspect {id} {} {detail}", until(code, cursor + more))
        }
        Query::IsComplete { code } => format!("__rialto_complete_p {id} {}", quoted(code.as_bytes())),
    };
    out.extend_from_slice(format!("{{ {line}; }} 2>/dev/null\n").as_bytes());
}

pub(super) fn put_shutdown(out: &mut Vec<u8>) {
    out.extend_from_slice(b"builtin exit 0\n");
}

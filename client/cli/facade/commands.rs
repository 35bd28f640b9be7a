//! What can be said to a machine by `ssh machine WORDS`: a list of our own, and nothing of the machine's.

use super::{guest, is_on, sound};
use crate::{exit, paint};
use rialto_bridge::auth::Identity;
use rialto_client::protocol::Scope;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// A word that means nothing here, as a shell has it.
const UNKNOWN: u8 = 127;

/// What is meant: a command line for this program, or an answer and an exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    Words(Vec<String>),
    /// To stdout.
    Help,
    /// To stderr.
    No(u8, String),
}

/// Command, what it takes and does, and the least scope it needs.
const COMMANDS: &[(&str, &str, &str, Scope)] = &[
    ("attach", "NAME", "a session that is there, in the terminal; Ctrl-D leaves and ends nothing", Scope::Observe),
    ("ls", "", "what lives, and what it is doing", Scope::Observe),
    ("logs", "[-f] NAME", "everything that happened in it; -f follows", Scope::Observe),
    ("history", "[-g TEXT]", "what was run, in all sessions", Scope::Observe),
    ("export", "NAME --format md", "as prose, as a program (py), a notebook (ipynb), JSON lines (jsonl)", Scope::Observe),
    ("wait", "NAME N", "until eval N ends, and end as it did", Scope::Observe),
    ("top", "", "what all sessions are doing", Scope::Observe),
    ("kernels", "", "the interpreters a new session can have", Scope::Observe),
    ("repl", "NAME [-k KERNEL]", "that session in the terminal, made where it is not there", Scope::Eval),
    ("exec", "[-s NAME] -c CODE", "run code, or what a pipe says; ends with its exit code", Scope::Eval),
    ("interrupt", "NAME [N]", "stop what runs, or eval N", Scope::Eval),
    ("restart", "NAME", "a fresh kernel", Scope::Eval),
    ("fork", "NAME NEW", "a session with its state, by running its inputs again", Scope::Eval),
    ("replay", "NAME", "run its inputs again in a fresh kernel, and compare", Scope::Eval),
    ("kill", "NAME", "end it; what happened in it stays readable", Scope::Admin),
    ("redact", "NAME N", "remove the text of eval N", Scope::Admin),
    ("share", "NAME [--with WHO]", "let somebody else in, or show who is", Scope::Admin),
    ("unshare", "NAME WHO", "let them in no longer", Scope::Admin),
    ("rpc", "NAME", "JSON lines, for programs", Scope::Observe),
    ("stdio", "", "the protocol itself, for programs", Scope::Observe),
];

/// What was said to this process, as a command line that may be carried out. None: it runs for nobody else.
pub(crate) fn words() -> Result<Option<Vec<String>>, ExitCode> {
    if !is_on() {
        return Ok(None);
    }
    sound().map_err(|failure| exit::code(Err(failure)))?;
    let Some(guest) = guest() else { return Err(ExitCode::from(exit::FORBIDDEN)) };
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let kernels: Vec<String> = rialto_kernels::known().iter().map(|kernel| kernel.name.to_string()).collect();
    match meant(&words, guest, &kernels, std::io::stdin().is_terminal()) {
        Meant::Words(words) => Ok(Some(std::iter::once("rialto".to_owned()).chain(words).collect())),
        Meant::Help => {
            let said = std::io::stdout().write_all(help(guest, &kernels).as_bytes());
            Err(exit::code(said.map(|()| 0).map_err(Into::into)))
        }
        Meant::No(code, text) => {
            paint::complain(&text);
            Err(ExitCode::from(code))
        }
    }
}

/// What somebody means by these words.
pub(crate) fn meant(words: &[String], guest: &Identity, kernels: &[String], terminal: bool) -> Meant {
    let words = if words.first().is_some_and(|word| word == "rialto") { words.get(1..).unwrap_or_default() } else { words };
    let Some((first, rest)) = words.split_first() else { return nothing(guest, terminal) };
    if ["help", "--help", "-h", "?"].contains(&first.as_str()) {
        return Meant::Help;
    }
    if kernels.contains(first) {
        return kernel(first, rest, guest, terminal);
    }
    let Some((name, _, _, needs)) = COMMANDS.iter().find(|(name, ..)| name == first) else {
        let text = format!("there is no command {first:?} here; `help` lists them, `attach NAME` opens a session");
        return Meant::No(UNKNOWN, text);
    };
    if guest.scope < *needs {
        return Meant::No(exit::FORBIDDEN, too_little(name, *needs, guest.scope));
    }
    let mut words = words.to_vec();
    if guest.scope < Scope::Eval && ["attach", "rpc"].contains(name) && !words.iter().any(|word| word == "--observe") {
        words.push("--observe".to_owned());
    }
    Meant::Words(words)
}

fn too_little(what: &str, needs: Scope, has: Scope) -> String {
    format!("{what} needs the scope {needs}, and your key has {has}")
}

/// `ssh machine` and no more.
fn nothing(guest: &Identity, terminal: bool) -> Meant {
    let words = |words: &[&str]| Meant::Words(words.iter().map(|word| (*word).to_owned()).collect());
    match (&guest.session, guest.scope < Scope::Eval, terminal) {
        (Some(session), true, _) => words(&["attach", session, "--observe"]),
        (None, true, _) => words(&["ls"]),
        (_, _, true) => words(&["repl"]),
        (Some(session), _, false) => words(&["exec", "-s", session, "-k", crate::target::DEFAULT_KERNEL, "-"]),
        (None, _, false) => words(&["exec", "-"]),
    }
}

/// `ssh machine python`: that interpreter. On a terminal it stays when one leaves; in a pipe it ends with its input.
fn kernel(kernel: &str, rest: &[String], guest: &Identity, terminal: bool) -> Meant {
    if guest.scope < Scope::Eval {
        return Meant::No(exit::FORBIDDEN, too_little(kernel, Scope::Eval, guest.scope));
    }
    let mut words: Vec<String> = if terminal && rest.is_empty() {
        vec!["repl".to_owned()]
    } else {
        let mut words = vec!["exec".to_owned()];
        if let Some(session) = &guest.session {
            words.extend(["-s".to_owned(), session.clone()]);
        }
        words
    };
    words.extend(["-k".to_owned(), kernel.to_owned()]);
    if rest.is_empty() && !terminal {
        words.push("-".to_owned());
    }
    words.extend(rest.iter().cloned());
    Meant::Words(words)
}

/// The list, for who may do so much.
pub(crate) fn help(guest: &Identity, kernels: &[String]) -> String {
    let mut text = String::from("What this server runs; no shell reads any of it.\n\n");
    let mut line = |left: &str, right: &str| text.push_str(&format!("  {left:<28}{right}\n"));
    if guest.scope >= Scope::Eval {
        line("", "with `ssh -t`: your session, in the terminal. In a pipe: runs what it says");
        for kernel in kernels {
            line(kernel, &format!("the same with {kernel}; `{kernel} -c CODE` runs CODE"));
        }
    }
    for (name, takes, what, needs) in COMMANDS {
        if guest.scope >= *needs {
            line(format!("{name} {takes}").trim(), what);
        }
    }
    text.push_str(&format!("\nYou are {}, with the scope {}", guest.principal, guest.scope));
    match &guest.sessions {
        Some(glob) => text.push_str(&format!(", in sessions that are called {glob}.\n")),
        None => text.push_str(".\n"),
    }
    text.push_str("`COMMAND --help` says more. `ssh -t` gives a terminal to commands that want one.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(line: &str, scope: Scope, session: Option<&str>, terminal: bool) -> Meant {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut guest = Identity::new("uid:1/x", scope);
        guest.session = session.map(str::to_owned);
        meant(&words, &guest, &["python".to_owned()], terminal)
    }

    fn words(meant: Meant) -> String {
        match meant {
            Meant::Words(words) => words.join(" "),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_kernel_is_a_repl_on_a_terminal_and_an_interpreter_in_a_pipe() {
        assert_eq!(words(means("python", Scope::Eval, None, true)), "repl -k python");
        assert_eq!(words(means("python", Scope::Eval, None, false)), "exec -k python -");
        assert_eq!(words(means("python -c 1", Scope::Eval, None, true)), "exec -k python -c 1");
        assert_eq!(words(means("python", Scope::Eval, Some("work"), false)), "exec -s work -k python -");
        assert_eq!(words(means("", Scope::Eval, None, true)), "repl");
        assert_eq!(words(means("", Scope::Eval, None, false)), "exec -");
        assert_eq!(words(means("rialto ls --json", Scope::Eval, None, false)), "ls --json");
    }

    #[test]
    fn who_looks_on_runs_nothing() {
        for line in ["python", "exec -c 1", "repl x", "kill x", "restart x", "interrupt x", "share x", "python -c 1"] {
            assert!(matches!(means(line, Scope::Observe, None, true), Meant::No(exit::FORBIDDEN, _)), "{line}");
        }
        assert_eq!(words(means("attach work", Scope::Observe, None, true)), "attach work --observe");
        assert_eq!(words(means("rpc work", Scope::Observe, None, true)), "rpc work --observe");
        assert_eq!(words(means("", Scope::Observe, Some("work"), true)), "attach work --observe");
        assert_eq!(words(means("", Scope::Observe, None, true)), "ls");
        assert!(matches!(means("kill x", Scope::Eval, None, true), Meant::No(exit::FORBIDDEN, _)));
    }

    #[test]
    fn what_is_not_on_the_list_is_not_run() {
        for line in [
            "serve --ssh :22",
            "supervise /",
            "gc",
            "doctor",
            "verify x",
            "completions bash",
            "places",
            "token",
            "sh",
            "/bin/sh",
            "--at x ls",
            "-c 1",
            "scp -t /",
        ] {
            assert!(matches!(means(line, Scope::Admin, None, true), Meant::No(UNKNOWN, _)), "{line}");
        }
        assert_eq!(means("help", Scope::Observe, None, false), Meant::Help);
    }
}

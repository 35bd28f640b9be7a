//! What code that runs for users never does: panic on a surprise, start what nobody owns, queue without a ceiling, print.

use crate::none;
use crate::source::{File, files, lines_with};

/// Word, where it may stand all the same (a path's beginning), and why it may not stand elsewhere.
const RULES: &[(&str, &[&str], &str)] = &[
    (".unwrap()", &[], "a surprise ends the process: say in an error what happened"),
    (".expect(", &[], "a surprise ends the process: say in an error what happened"),
    (".unwrap_err()", &[], "a surprise ends the process: say in an error what happened"),
    ("tokio::spawn", &["bridge/src/tasks.rs"], "everything that runs has a name, an owner and an end: bridge/src/tasks.rs"),
    ("unbounded_channel", &[], "every queue has a ceiling"),
    ("UnboundedSender", &[], "every queue has a ceiling"),
    ("mpsc::unbounded", &[], "every queue has a ceiling"),
    ("mpsc::channel()", &[], "every queue has a ceiling: sync_channel"),
    ("println!", &["client/cli/"], "only the command line prints"),
    ("eprintln!", &["client/cli/"], "only the command line prints"),
    ("print!", &["client/cli/"], "only the command line prints"),
    ("eprint!", &["client/cli/"], "only the command line prints"),
    ("process::exit", &[], "main returns an ExitCode: destructors run, output is flushed"),
];

fn found(file: &File) -> Vec<String> {
    if file.is_test() || file.path.ends_with("build.rs") {
        return Vec::new();
    }
    let live = file.live();
    RULES
        .iter()
        .filter(|(_, may, _)| !may.iter().any(|begin| file.path.starts_with(begin)))
        .flat_map(|(word, _, why)| lines_with(&file.path, &live, word, &format!("{word} {why}")))
        .collect()
}

#[test]
fn live_code_keeps_its_promises() {
    none("in code that runs for users", &files(&[".rs"]).iter().flat_map(found).collect::<Vec<_>>());
}

#[test]
fn what_live_code_never_does_is_seen() {
    for (word, may, _) in RULES {
        let text = format!("fn f() {{ a{}{word}; }}\n", if word.starts_with('.') { "" } else { "::" });
        assert_eq!(found(&File::planted("bridge/src/x.rs", &text)).len(), 1, "{word}");
        for begin in *may {
            assert_eq!(found(&File::planted(begin, &text)).len(), 0, "{word} in {begin}");
        }
        assert_eq!(found(&File::planted("bridge/tests/x.rs", &text)).len(), 0, "{word} in a test");
    }
}

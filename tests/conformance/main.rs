//! Every kernel does what every kernel must, by every way it can be reached, in the real binary with real supervisors. The rows are
//! `rialto kernels --check`'s own (`client/cli/check/`), so that a user can ask the same of any machine.
//!
//! `docs/kernels.md` says what came of it; `UPDATE_KERNELS=1` writes that.
//!
//! What must hold of each way, whatever the kernel, is in `links/`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod links;
mod place;
#[path = "../ways/mod.rs"]
mod ways;

/// What real processes are judged by when they die: the same holds of links.
#[path = "../chaos/client.rs"]
#[allow(dead_code, reason = "the chaos tests use the rest")]
mod client;
#[path = "../chaos/dice.rs"]
mod dice;
#[path = "../chaos/processes.rs"]
#[allow(dead_code, reason = "the chaos tests use the rest")]
mod processes;
#[path = "../chaos/promises.rs"]
#[allow(dead_code, reason = "the chaos tests use the rest")]
mod promises;
#[path = "../chaos/raw.rs"]
#[allow(dead_code, reason = "the chaos tests use the rest")]
mod raw;
#[path = "../chaos/table.rs"]
#[allow(dead_code, reason = "the chaos tests print it")]
mod table;
#[path = "../chaos/world.rs"]
#[allow(dead_code, reason = "the chaos tests use the rest")]
mod world;

use place::Place;
use serde_json::Value;
use std::path::Path;
use ways::Way;

/// Larger amounts.
fn long() -> bool {
    std::env::var_os("RIALTO_LONG").is_some()
}

/// The columns of the table.
const KERNELS: [&str; 9] =
    ["python", "node", "bash", "js", "live", "pty:sqlite3", "pty:python3 -i", "jupyter:python3", "jupyter:ir"];

/// [kernel, check, promise, seen, said]...
fn checked(kernel: &str, place: &Place) -> Vec<[String; 5]> {
    let said = place.rialto().args(["kernels", "--json", "--check", kernel]).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let rows: Vec<_> = text
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            ["kernel", "check", "promise", "seen", "said"].map(|name| row[name].as_str().unwrap().to_owned())
        })
        .collect();
    assert!(rows.len() > 15, "{text} {}", String::from_utf8_lossy(&said.stderr));
    rows
}

#[track_caller]
fn conforms(kernel: &str, way: Way) {
    let place = Place::new(way);
    let rows = checked(kernel, &place);
    for [_, check, promise, seen, said] in &rows {
        assert_ne!(seen, "FAILED", "{kernel} over {place}: {check} ({promise}): {said}");
        let line = written().into_iter().find(|row| row[0] == *check && row[1] == *promise);
        let column = KERNELS.iter().position(|name| *name == kernel).unwrap();
        if std::env::var_os("UPDATE_KERNELS").is_none() {
            assert_eq!(
                line.map(|row| row[2 + column].clone()).as_deref(),
                Some(seen.as_str()),
                "docs/kernels.md is old: {check}"
            );
        }
    }
}

fn page() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kernels.md")
}

/// The rows of the document's table.
fn written() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(page()).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| check"));
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// A test for each kernel by each way.
macro_rules! each {
    ($($kernel:ident),*) => {
        $(mod $kernel {
            use super::{Way, conforms};

            #[test]
            fn conforms_directly() {
                conforms(stringify!($kernel), Way::Direct);
            }
            #[test]
            fn conforms_inside_a_process() {
                conforms(stringify!($kernel), Way::Memory);
            }
            #[test]
            fn conforms_through_a_daemon() {
                conforms(stringify!($kernel), Way::Unix);
            }
            #[test]
            fn conforms_through_a_command() {
                conforms(stringify!($kernel), Way::Exec);
            }
            #[test]
            fn conforms_over_a_websocket() {
                conforms(stringify!($kernel), Way::Ws);
            }
            #[test]
            fn conforms_over_a_websocket_with_tls() {
                conforms(stringify!($kernel), Way::Wss);
            }
            #[test]
            fn conforms_over_requests_of_http() {
                conforms(stringify!($kernel), Way::Http);
            }
            #[test]
            fn conforms_over_ssh() {
                conforms(stringify!($kernel), Way::Ssh);
            }
            #[test]
            fn conforms_over_the_stock_sshd() {
                conforms(stringify!($kernel), Way::Sshd);
            }
        })*
    };
}

each!(python, node, bash, js);

/// The same of programs with prompts. What a way does to bytes is seen by the others: two ways do.
macro_rules! programs {
    ($($name:ident: $kernel:literal),*) => {
        $(mod $name {
            use super::{Way, conforms};

            #[test]
            fn conforms_directly() {
                conforms($kernel, Way::Direct);
            }
            #[test]
            fn conforms_over_ssh() {
                conforms($kernel, Way::Ssh);
            }
        })*
    };
}

programs!(sqlite3: "pty:sqlite3", python_in_a_terminal: "pty:python3 -i");

/// A program that runs already is on this machine, and the ways from elsewhere end at its session as at any other.
#[test]
fn a_running_program_conforms() {
    conforms("live", Way::Direct);
}

/// What Jupyter starts takes its time: the ways do not see which kernel it is.
mod jupyter {
    use super::{Way, conforms};

    #[test]
    fn conforms_directly() {
        conforms("jupyter:python3", Way::Direct);
    }
    #[test]
    fn conforms_through_a_daemon() {
        conforms("jupyter:python3", Way::Unix);
    }
    #[test]
    fn r_conforms_directly() {
        conforms("jupyter:ir", Way::Direct);
    }
}

#[test]
fn the_document_can_be_written_anew() {
    if std::env::var_os("UPDATE_KERNELS").is_none() {
        assert!(written().len() > 15, "docs/kernels.md has the table");
        return;
    }
    let all: Vec<_> = KERNELS.iter().map(|kernel| checked(kernel, &Place::new(Way::Direct))).collect();
    let mut table = format!("| check | promise | {} |\n|---|---|{}\n", KERNELS.join(" | "), "---|".repeat(KERNELS.len()));
    for (i, row) in all[0].iter().enumerate() {
        let seen: Vec<_> = all.iter().map(|rows| rows[i][3].as_str()).collect();
        assert!(!seen.contains(&"FAILED"), "{row:?}: {seen:?}");
        table.push_str(&format!("| {} | {} | {} |\n", row[1], row[2], seen.join(" | ")));
    }
    let text = std::fs::read_to_string(page()).unwrap();
    let (head, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- end -->").unwrap();
    std::fs::write(page(), format!("{head}<!-- table -->\n{table}<!-- end -->{tail}")).unwrap();
}

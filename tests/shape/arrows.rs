//! Dependencies point down: the contract knows nobody, the rules know the contract, and only the binary knows everything.

use crate::none;
use serde_json::Value;
use std::process::Command;

/// Which of our packages each may depend on. A new package needs a line here and a place in docs/architecture.md.
const ALLOWED: &[(&str, &[&str])] = &[
    ("rialto-protocol", &[]),
    ("rialto-session", &["rialto-protocol"]),
    ("rialto-transports", &["rialto-protocol"]),
    ("rialto-jupyter-wire", &[]),
    ("rialto-kernels", &["rialto-protocol", "rialto-jupyter-wire"]),
    ("rialto-bridge", &["rialto-protocol", "rialto-session", "rialto-transports", "rialto-kernels"]),
    ("rialto-client", &["rialto-protocol", "rialto-transports"]),
    ("rialto-terminal", &["rialto-transports"]),
    ("rialto-http", &["rialto-transports", "rialto-client"]),
    // On top of all: it mounts what the others are.
    (
        "rialto",
        &[
            "rialto-protocol",
            "rialto-session",
            "rialto-transports",
            "rialto-kernels",
            "rialto-bridge",
            "rialto-client",
            "rialto-terminal",
            "rialto-http",
        ],
    ),
];

/// Packages of others that few of ours may depend on.
const ONLY: &[(&str, &[&str], &str)] = &[
    ("rusqlite", &["rialto-bridge", "rialto"], "one package writes journals, one the history of a terminal"),
    ("rustyline", &["rialto"], "one package talks to a terminal"),
    ("syntect", &["rialto"], "one package talks to a terminal"),
    ("clap", &["rialto"], "one package reads command lines"),
];

/// A dependency: who, on whom, and whether only its tests need it.
type Arrow = (String, String, bool);

/// What cargo says of the workspace.
pub(crate) fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--offline", "--format-version", "1", "--no-deps"])
        .current_dir(crate::source::root())
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("cargo metadata writes JSON")
}

/// Every dependency of every package of the workspace.
pub(crate) fn arrows(metadata: &Value) -> Vec<Arrow> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut arrows = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for on in package["dependencies"].as_array().unwrap() {
            arrows.push((text(&package["name"]), text(&on["name"]), on["kind"] == "dev"));
        }
    }
    arrows
}

fn wrong(names: &[String], arrows: &[Arrow]) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in names {
        if !ALLOWED.iter().any(|(of, _)| of == name) {
            wrong.push(format!("{name} is not in the table of tests/shape/arrows.rs"));
        }
    }
    for (of, on, _) in arrows.iter().filter(|(_, on, _)| names.contains(on)) {
        let allowed = ALLOWED.iter().find(|(name, _)| name == of).map_or(&[][..], |(_, allowed)| *allowed);
        if !allowed.contains(&on.as_str()) && of != on {
            wrong.push(format!("{of} depends on {on}"));
        }
    }
    for (of, on, dev) in arrows {
        if let Some((_, only, why)) = ONLY.iter().find(|(name, only, _)| name == on && !only.contains(&of.as_str()) && !dev) {
            wrong.push(format!("{of} depends on {on}, which only {} may: {why}", only.join(" and ")));
        }
    }
    wrong
}

#[test]
fn arrows_only_point_down() {
    let metadata = metadata();
    let names: Vec<String> =
        metadata["packages"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    for (name, _) in ALLOWED {
        assert!(names.iter().any(|n| n == name), "{name} is in the table and not in the workspace");
    }
    none("a package may depend only on those below it", &wrong(&names, &arrows(&metadata)));
}

#[test]
fn an_arrow_that_points_up_is_seen() {
    let names = ["rialto-protocol", "rialto-session", "rialto-client", "rialto-bridge", "rialto-new"].map(str::to_owned);
    let arrow = |of: &str, on: &str, dev| (of.to_owned(), on.to_owned(), dev);
    let planted = [
        arrow("rialto-protocol", "rialto-session", false),
        arrow("rialto-client", "rialto-bridge", true),
        arrow("rialto-session", "rialto-protocol", false),
        arrow("rialto-client", "rusqlite", false),
        arrow("rialto-bridge", "rusqlite", false),
    ];
    let found = wrong(&names, &planted);
    assert_eq!(found.len(), 4, "{found:?}");
}

//! The contract and the rules have no clock, socket, file, thread, process or dice. What they need is an argument.

use crate::arrows::{arrows, metadata};
use crate::none;
use crate::source::{File, files, lines_with};

/// Package, folder, and what of others it may depend on.
const PURE: &[(&str, &str, &[&str])] = &[
    ("rialto-protocol", "protocol/src/", &["serde", "serde_bytes", "rmp-serde", "serde_json", "data-encoding", "thiserror"]),
    ("rialto-session", "bridge/session/src/", &["rialto-protocol", "serde", "sha2", "thiserror"]),
    ("rialto-jupyter-wire", "kernels/jupyter-wire/src/", &["serde", "serde_json", "hmac", "sha2", "data-encoding", "thiserror"]),
];

/// What of the standard library and of other packages brings the world in.
const WORLD: &[&str] = &[
    "tokio",
    "rusqlite",
    "nix",
    "rustix",
    "libc",
    "getrandom",
    "rand",
    "Instant",
    "SystemTime",
    "thread_rng",
    "RandomState",
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::os",
];
/// The same, where they come in a group: `use std::{fs, io}`.
const WORLD_OF_STD: &[&str] = &["net", "fs", "thread", "process", "env", "os"];

fn impure(file: &File) -> Vec<String> {
    let live = file.live();
    let mut found: Vec<String> =
        WORLD.iter().flat_map(|word| lines_with(&file.path, &live, word, &format!("{word} in a pure package"))).collect();
    for (at, _) in live.match_indices("std::{") {
        let group = &live[at + 6..];
        let group = &group[..group.find("};").unwrap_or(group.len())];
        for word in WORLD_OF_STD {
            if !lines_with("", group, word, "").is_empty() {
                found.push(format!("{}: std::{word} in a pure package", file.path));
            }
        }
    }
    found
}

/// Mutants outside the pure packages could not be told from weather: there a test may fail for another reason.
fn stray_mutants(file: &File) -> Vec<String> {
    if PURE.iter().any(|(_, folder, _)| file.path.starts_with(folder)) {
        return Vec::new();
    }
    lines_with(&file.path, &crate::source::code(&file.text), "mutant", "a mutant outside the pure packages")
        .into_iter()
        .filter(|line| {
            let n: usize = line[file.path.len() + 1..].split(':').next().unwrap().parse().unwrap();
            file.text.lines().nth(n - 1).is_some_and(|line| line.contains("cfg"))
        })
        .collect()
}

#[test]
fn pure_packages_do_not_touch_the_world() {
    let all = files(&[".rs"]);
    for (name, folder, _) in PURE {
        let own: Vec<_> = all.iter().filter(|file| file.path.starts_with(folder)).collect();
        assert!(!own.is_empty(), "{name} has no source in {folder}");
        none("pure packages take time, dice and bytes as arguments", &own.into_iter().flat_map(impure).collect::<Vec<_>>());
    }
}

#[test]
fn pure_packages_depend_on_nothing_that_does() {
    let found: Vec<String> = arrows(&metadata())
        .into_iter()
        .filter(|(of, on, dev)| !dev && PURE.iter().any(|(name, _, may)| name == of && !may.contains(&on.as_str())))
        .map(|(of, on, _)| format!("{of} depends on {on}"))
        .collect();
    none("a pure package's dependencies are listed in tests/shape/purity.rs, so that a new one is looked at", &found);
}

#[test]
fn mutants_live_in_pure_packages() {
    none(
        "a mutant must be caught by a test that nothing else can fail",
        &files(&[".rs"]).iter().flat_map(stray_mutants).collect::<Vec<_>>(),
    );
}

#[test]
fn impurity_is_seen() {
    let planted = File::planted(
        "protocol/src/x.rs",
        "//! tokio is only named\nuse std::time::Instant;\nuse std::{\n    fs,\n    io,\n};\nfn f() { std::process::id(); }\n\
         fn g(instant: u64, os: u8) {}\n#[cfg(test)]\nmod tests { use std::thread; }\n",
    );
    assert_eq!(impure(&planted).len(), 3, "{:?}", impure(&planted));
    let text = "#[cfg(mutant = \"x\")]\nfn f() {}\n";
    assert_eq!(stray_mutants(&File::planted("bridge/src/x.rs", text)).len(), 1);
    assert_eq!(stray_mutants(&File::planted("bridge/session/src/x.rs", text)).len(), 0);
}

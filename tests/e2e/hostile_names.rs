//! Names that are none: of sessions, kernels, tokens, places, evals. Each is refused by a sentence or not there; nothing of it is
//! opened, made, run or passed on to the terminal.

use crate::common::World;

const NAMES: [&str; 13] = [
    "",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\nERROR a line of a log",
    "a\u{1b}]0;title\u{7}\u{1b}[31mb",
    "\u{202e}drowssap",
    "$(touch made)`touch made`",
    "a b",
    "%2e%2e%2f%s%n",
    "--at=exec:touch made",
    "\u{1f980}",
];

fn too_long() -> String {
    "x".repeat(10_000)
}

/// Every file and folder below this one.
fn below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| [vec![path.clone()], if path.is_dir() { below(&path) } else { Vec::new() }].concat()).collect()
}

#[test]
fn nothing_is_opened_made_or_run_by_a_name_that_is_none() {
    let world = World::new();
    let long = too_long();
    // `NAME` stands for each of them.
    let commands: [&[&str]; 10] = [
        &["exec", "-c", "1", "-s", "NAME"],
        &["exec", "-c", "1", "-k", "NAME"],
        &["logs", "NAME"],
        &["kill", "NAME"],
        &["rm", "NAME"],
        &["attach", "NAME"],
        &["token", "create", "NAME"],
        &["places", "test", "NAME"],
        &["redact", "NAME", "1"],
        &["share", "NAME", "--with", "uid:1", "--scope", "observe"],
    ];
    for command in commands {
        for name in NAMES.iter().copied().chain([long.as_str()]) {
            let arguments: Vec<&str> = command.iter().map(|word| if *word == "NAME" { name } else { word }).collect();
            let said = world.run(&arguments);
            assert_ne!(said.code, 0, "{command:?} {name:.40?}: {said}");
            let all = said.out() + &said.err();
            assert!(all.chars().all(|c| c == '\n' || !c.is_control()), "{command:?} {name:.40?}: {said}");
        }
    }
    assert!(world.ls(true).is_empty());
    let made = below(world.dir()).into_iter().filter(|path| path.ends_with("made")).count();
    let passwd = below(&world.state()).into_iter().filter(|path| path.to_string_lossy().contains("passwd")).count();
    assert_eq!((made, passwd), (0, 0));
}

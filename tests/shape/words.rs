//! Words in places: no sleeps in tests, nothing of the machine it was written on, and each crate says what it will never know.

use crate::none;
use crate::source::{File, code, files, lines_with};

/// Tests that sleep, and why a signal or a moved clock would not do. An entry that is not needed any more fails.
const SLEEPERS: &[(&str, &str)] = &[
    ("client/lib/tests/story/driver.rs", "a connection that takes its time, on a clock that only the test moves"),
    ("kernels/tests/jupyter/floods.rs", "not to read takes a stretch of real time"),
    ("kernels/tests/python/programs.rs", "measures over a window that an idle kernel does nothing"),
    ("benches/wait.rs", "looks at what other processes do; and not to read, or to be idle, takes a stretch of real time"),
    ("tests/e2e/common/wait.rs", "screens, files and processes of other programs tell nobody that they changed"),
    ("tests/chaos/ports/slow.rs", "peers that are slow on purpose: to be slow takes a stretch of real time"),
    (
        "tests/chaos/processes.rs",
        "looks at what other processes do and nobody announces; and measures over a window what did not happen in it",
    ),
    ("tests/ways/sshd.rs", "a server that is not ours tells nobody that it listens"),
    ("tests/ways/proxy.rs", "a slow link is one on which everything takes its time"),
];

fn sleeps(file: &File) -> Vec<String> {
    let all = code(&file.text);
    // In a test file every line counts, in others what only tests compile.
    let live = if file.is_test() { String::new() } else { file.live() };
    let found = |code: &str| lines_with(&file.path, code, "sleep(", "wait for a signal, or move a clock");
    let in_live = found(&live);
    found(&all).into_iter().filter(|line| !in_live.contains(line)).collect()
}

#[test]
fn tests_wait_for_signals_and_not_for_time() {
    let mut unused: Vec<&str> = SLEEPERS.iter().map(|(path, _)| *path).collect();
    let mut found = Vec::new();
    for file in files(&[".rs"]) {
        let here = sleeps(&file);
        if SLEEPERS.iter().any(|(path, _)| *path == file.path) {
            if !here.is_empty() {
                unused.retain(|path| *path != file.path);
            }
        } else {
            found.extend(here);
        }
    }
    none("a sleep in a test is either too short or too long; exceptions stand in tests/shape/words.rs with their reason", &found);
    assert!(unused.is_empty(), "these do not sleep any more: {unused:?}");
}

/// Paths that exist where somebody worked and nowhere else. In two parts, so that this file does not hold them.
const WORKPLACES: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/runner")];

fn workplaces(file: &File) -> Vec<String> {
    let names = |line: &str| WORKPLACES.iter().any(|path| line.contains(path));
    let lines = file.text.lines().enumerate().filter(|(_, line)| names(line));
    lines.map(|(n, line)| format!("{}:{}: {}", file.path, n + 1, line.trim())).collect()
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let all =
        files(&[".rs", ".toml", ".md", ".py", ".mjs", ".js", ".sh", ".yml", ".yaml", ".txt", "test", "setup", "run", "mutants"]);
    none("paths of one machine", &all.iter().flat_map(workplaces).collect::<Vec<_>>());
}

/// The crate's own words are the `//!` lines at its head.
fn says_what_it_never_knows(file: &File) -> Vec<String> {
    let head: Vec<&str> = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
    let text = head.iter().map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>().join(" ");
    if text.contains("will never know") {
        Vec::new()
    } else {
        vec![format!("{} does not say what it \"will never know\"", file.path)]
    }
}

#[test]
fn every_crate_says_what_it_will_never_know() {
    let libs: Vec<File> = files(&["lib.rs"])
        .into_iter()
        .filter(|file| file.path.ends_with("src/lib.rs") && !file.path.starts_with("fuzz/"))
        .collect();
    assert!(libs.len() >= 6, "{} crates", libs.len());
    let found: Vec<String> = libs.iter().flat_map(says_what_it_never_knows).collect();
    none("absences cannot be seen in code, so the crate's first words say them", &found);
}

#[test]
fn wrong_words_are_seen() {
    let planted = "async fn f() { sleep(a).await }\n#[cfg(test)]\nmod tests { fn g() { std::thread::sleep(b) } }\n";
    assert_eq!(sleeps(&File::planted("bridge/src/x.rs", planted)), ["bridge/src/x.rs:3: wait for a signal, or move a clock"]);
    assert_eq!(sleeps(&File::planted("tests/e2e/x.rs", planted)).len(), 2);
    assert_eq!(sleeps(&File::planted("tests/e2e/x.rs", "run(\"import time; time.sleep(30)\")")).len(), 0);
    for path in WORKPLACES {
        assert_eq!(workplaces(&File::planted("README.md", &format!("cd {path}x"))).len(), 1);
    }
    assert_eq!(says_what_it_never_knows(&File::planted("x/src/lib.rs", "//! Does things.\nfn f() {}\n")).len(), 1);
    let two = "//! Does.\n//!\n//! It will never\n//! know why.\n";
    assert_eq!(says_what_it_never_knows(&File::planted("x/src/lib.rs", two)).len(), 0);
    let late = "//! Does.\n\nfn f() {}\n//! It will never know why.\n";
    assert_eq!(says_what_it_never_knows(&File::planted("x/src/lib.rs", late)).len(), 1);
    assert_eq!(says_what_it_never_knows(&File::planted("x/src/lib.rs", "//! Does. It will never know why.\n")).len(), 0);
}

//! Files are short: a reader knows from the name what to expect inside.

use crate::none;
use crate::source::{File, files};

/// Never longer. Lines.
const MOST: usize = 800;
/// From here on it is said.
const HINT: usize = 500;

const SOURCES: &[&str] = &[".rs", ".py", ".mjs", ".js", ".sh", ".bash", ".R"];

fn longer(files: &[File], than: usize) -> Vec<String> {
    let lines = |file: &File| file.text.lines().count();
    let mut long: Vec<_> = files.iter().filter(|file| lines(file) > than).collect();
    long.sort_by_key(|file| std::cmp::Reverse(lines(file)));
    long.into_iter().map(|file| format!("{} {}", lines(file), file.path)).collect()
}

#[test]
fn no_file_is_long() {
    let all = files(SOURCES);
    let long = longer(&all, HINT);
    if !long.is_empty() {
        eprintln!("over {HINT} lines, could they be two files?\n  {}", long.join("\n  "));
    }
    none(&format!("no file has more than {MOST} lines"), &longer(&all, MOST));
}

#[test]
fn a_long_file_is_seen() {
    let planted = [File::planted("a.rs", &"\n".repeat(MOST)), File::planted("b.rs", &"\n".repeat(MOST + 1))];
    assert_eq!(longer(&planted, MOST), ["801 b.rs"]);
}

//! The tree as text: its files, and a file without what is no code.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file, by its path from the root with forward slashes.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// A file that is not there, for planted examples.
    pub(crate) fn planted(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it is a test: a file of tests, or one that only tests include.
    pub(crate) fn is_test(&self) -> bool {
        let first = self.path.split('/').next().unwrap_or_default();
        self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || ["tests", "benches", "fuzz"].contains(&first)
            || self.path.contains("/benches/")
    }

    /// Its code without comments, the contents of texts, and what only tests compile. Lines keep their numbers.
    pub(crate) fn live(&self) -> String {
        without_tests(&code(&self.text))
    }
}

/// Every file of the tree whose name ends so. Hidden folders and what tools produce are left out.
pub(crate) fn files(endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                let made = name.starts_with("target")
                    || ["corpus", "artifacts", "node_modules", "__pycache__", ".git"].contains(&name.as_str());
                if !made {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(read(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no file ends in {endings:?}: is {} the root?", root().display());
    found
}

fn read(path: &PathBuf) -> File {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    File { path, text }
}

/// One file by its path from the root.
pub(crate) fn file(path: &str) -> File {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
    File { path: path.to_owned(), text }
}

/// Rust source with comments and the insides of texts blanked.
pub(crate) fn code(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut i = 0;
    while i < bytes.len() {
        let rest = &bytes[i..];
        let skip = if rest.starts_with(&['/', '/']) {
            rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())
        } else if rest.starts_with(&['/', '*']) {
            block_comment(rest)
        } else if let Some(hashes) = raw_text(&bytes, i) {
            let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let from = 2 + hashes;
            (from..rest.len()).find(|at| rest[*at..].starts_with(&end)).map_or(rest.len(), |at| at + end.len())
        } else if rest[0] == '"' {
            quoted(rest, '"')
        } else if rest[0] == '\'' && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'')) {
            quoted(rest, '\'')
        } else {
            out.push(rest[0]);
            i += 1;
            continue;
        };
        let text = matches!(rest[0], '"' | 'r');
        out.extend(
            rest[..skip].iter().enumerate().map(|(at, c)| if text && (at == 0 || at + 1 == skip) { '"' } else { blank(*c) }),
        );
        i += skip;
    }
    out
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(&['*', '/']) {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The number of `#` where a raw text begins here.
fn raw_text(all: &[char], at: usize) -> Option<usize> {
    let word_before = at > 0 && (all[at - 1].is_alphanumeric() || all[at - 1] == '_') && all[at - 1] != 'b';
    if all[at] != 'r' || word_before {
        return None;
    }
    let hashes = all[at + 1..].iter().take_while(|c| **c == '#').count();
    (all.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn quoted(rest: &[char], end: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != end {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Blanks each item that only tests compile: `#[cfg(test)]`, `#[cfg(all(test, unix))]`.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(") {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        let condition = &here[..here.find(']').map_or(here.len(), |at| at + 1)];
        let only_tests = !lines_with("", condition, "test", "").is_empty() && !condition.contains("not(test");
        let end = if only_tests { end_of_item(here, condition.len()) } else { condition.len() };
        out.extend(here[..end].chars().map(|c| if only_tests && c != '\n' { ' ' } else { c }));
        rest = &here[end..];
    }
    out + rest
}

/// Where the item ends whose attributes are over at `from`: at its closing brace, or at its semicolon.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut depth = 0;
    for (n, c) in code[from..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return from + n + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return from + n + 1,
            _ => {}
        }
    }
    code.len()
}

/// `path:line: what` for each line of the code where the word stands by itself.
pub(crate) fn lines_with(path: &str, code: &str, word: &str, what: &str) -> Vec<String> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let stands = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = word.starts_with(|c: char| c.is_alphanumeric()) && part(line[..at].chars().next_back());
            let after = word.ends_with(|c: char| c.is_alphanumeric()) && part(line[at + word.len()..].chars().next());
            !before && !after
        })
    };
    code.lines().enumerate().filter(|(_, line)| stands(line)).map(|(n, _)| format!("{path}:{}: {what}", n + 1)).collect()
}

#[test]
fn comments_texts_and_tests_are_no_code() {
    let file = File::planted(
        "x/src/lib.rs",
        "// a.unwrap()\nlet b = \"c.unwrap()\"; /* /* */ d.unwrap() */\nlet c = r#\"\"e.unwrap()\"#; let q = '\"'; f::<'a>();\n\
         #[cfg(test)]\n#[allow(x)]\nmod tests {\n  fn g() { h.unwrap() }\n}\ni.unwrap();\n\
         #[cfg(all(test, unix))]\nfn j() { k.unwrap() }\n#[cfg(not(test))]\nfn l() { m.unwrap() }\n",
    );
    let live = file.live();
    assert_eq!(lines_with("p", &live, ".unwrap()", "!"), ["p:9: !", "p:13: !"], "{live}");
    assert_eq!(live.lines().count(), file.text.lines().count());
    assert!(live.contains("f::<'a>()"), "{live}");
}

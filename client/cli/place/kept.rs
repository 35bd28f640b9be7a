//! Places with names: `~/.config/rialto/places.toml`, written by hand or by `rialto places`.

use crate::exit::{self, Failure};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, value};

/// A file of places is no longer than this.
const LONGEST: u64 = 1 << 20;

/// What may be said of a place.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("at", "its URL"),
    ("session", "the session that is meant where none is named"),
    ("kernel", "the kernel of a new session"),
    ("command", "ssh: what runs rialto there, where it is not on the path"),
    ("token-file", "a file with the token; nobody else may read it"),
    ("token-env", "the environment variable that holds the token"),
    ("token-command", "a command that prints the token"),
    ("pin", "wss: the SHA-256 of that machine's certificate, believed whoever signed it"),
    ("ca", "wss: a file with the certificate authority of that machine"),
    ("cert", "wss: a file with our certificate"),
    ("key", "wss: a file with its key"),
];

/// What is kept of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    entries: Vec<(String, String)>,
}

impl Kept {
    /// One of [`KEYS`].
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Says it for this once, whatever is kept.
    pub(crate) fn set(&mut self, key: &str, value: String) {
        self.entries.retain(|(name, _)| name != key);
        self.entries.push((key.to_owned(), value));
    }

    /// A path that may begin with `~/`.
    pub(crate) fn path(&self, key: &str) -> Option<PathBuf> {
        self.get(key).map(expand)
    }

    pub(crate) fn entries(&self) -> &[(String, String)] {
        &self.entries
    }

    pub(crate) fn of(entries: Vec<(String, String)>) -> Self {
        Self { entries }
    }
}

/// `~/x` is in the home folder, whoever's shell did not say so.
pub(crate) fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}

/// Whether this can be a place's name: nothing that could be taken for a URL, a path or an option.
pub(crate) fn is_name(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    first && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The file, whether it is there or not.
pub(crate) fn file() -> Result<PathBuf, Failure> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = config.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    let folder = folder.ok_or_else(|| Failure::usage("there is no home folder ($HOME), so no place has a name"))?;
    Ok(folder.join("rialto/places.toml"))
}

/// The places there are, in the order of the file.
pub(crate) fn all() -> Result<Vec<(String, Kept)>, Failure> {
    let path = file()?;
    let (document, _) = read(&path)?;
    document.iter().map(|(name, item)| Ok((name.to_owned(), kept(name, item, &path)?))).collect()
}

/// The place of this name.
pub(crate) fn named(name: &str) -> Result<Option<Kept>, Failure> {
    let path = file()?;
    let (document, _) = read(&path)?;
    document.get(name).map(|item| kept(name, item, &path)).transpose()
}

/// Adds one, or changes it where `replace` says so.
pub(crate) fn add(name: &str, place: &Kept, replace: bool) -> Result<PathBuf, Failure> {
    let path = file()?;
    let (mut document, _) = read(&path)?;
    if document.contains_key(name) && !replace {
        return Err(Failure::new(
            exit::ERROR,
            format!("{name} is there already; `rialto places add --replace {name} ...` changes it"),
        ));
    }
    let mut table = Table::new();
    for (key, text) in &place.entries {
        table.insert(key, value(text));
    }
    document.insert(name, Item::Table(table));
    write(&path, &document.to_string())?;
    Ok(path)
}

/// Removes one.
pub(crate) fn remove(name: &str) -> Result<PathBuf, Failure> {
    let path = file()?;
    let (mut document, _) = read(&path)?;
    if document.remove(name).is_none() {
        return Err(unknown(name));
    }
    write(&path, &document.to_string())?;
    Ok(path)
}

/// Nobody knows a place of this name.
pub(crate) fn unknown(name: &str) -> Failure {
    let names: Vec<String> = all().unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let near = names
        .iter()
        .filter(|other| strsim::damerau_levenshtein(name, other) <= 2)
        .min_by_key(|other| strsim::damerau_levenshtein(name, other));
    let next = match near {
        Some(other) => format!("did you mean {other}?"),
        None => format!("`rialto places add {name} ssh://machine` makes one, `rialto places list` shows what there is"),
    };
    Failure::usage(format!("no place is called {name}; {next}"))
}

fn read(path: &Path) -> Result<(DocumentMut, bool), Failure> {
    let cannot = |why: String| Failure::usage(format!("{} cannot be read: {why}", path.display()));
    let text = match std::fs::metadata(path) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok((DocumentMut::new(), false)),
        Ok(about) if about.len() > LONGEST => return Err(cannot("it is longer than any list of places".to_owned())),
        _ => std::fs::read_to_string(path).map_err(|why| cannot(why.to_string()))?,
    };
    let document = text.parse::<DocumentMut>().map_err(|why| cannot(why.to_string().trim_end().replace('\n', " ")))?;
    Ok((document, true))
}

/// Whole or not at all, and for nobody else to read: what a place is reached by may say much.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    // Where it is a link, to a folder of settings that is kept elsewhere, it stays one.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let cannot = |why: std::io::Error| Failure::new(exit::IO, format!("{} cannot be written: {why}", path.display()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot)?;
    let draft = path.with_extension(format!("toml.{}", std::process::id()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(cannot)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&draft, &path));
    written.inspect_err(|_| drop(std::fs::remove_file(&draft))).map_err(cannot)
}

fn kept(name: &str, item: &Item, path: &Path) -> Result<Kept, Failure> {
    let wrong = |what: String| Failure::usage(format!("{}: {what}", path.display()));
    if !is_name(name) {
        return Err(wrong(format!("{name:?} is no name for a place: letters, digits, . _ and - make one")));
    }
    let table = item
        .as_table_like()
        .ok_or_else(|| wrong(format!("{name} is no table; write [{name}] and below it at = \"ssh://machine\"")))?;
    let mut entries = Vec::new();
    for (key, item) in table.iter() {
        if !KEYS.iter().any(|(known, _)| *known == key) {
            let known: Vec<&str> = KEYS.iter().map(|(known, _)| *known).collect();
            return Err(wrong(format!("{name} has {key:?}, which means nothing; what may be said is {}", known.join(", "))));
        }
        let text = item.as_str().ok_or_else(|| wrong(format!("{key} of {name} is no text; write it in quotes")))?;
        entries.push((key.to_owned(), text.to_owned()));
    }
    if !entries.iter().any(|(key, _)| key == "at") {
        return Err(wrong(format!("{name} has no `at = \"...\"`, so it is nowhere")));
    }
    Ok(Kept { entries })
}

/// The secret of a place, read anew each time: it may have been changed meanwhile.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a token")
    }
}

/// The token of a place: from the file, the variable or the command that its settings name, else from `RIALTO_TOKEN`.
///
/// # Errors
/// Where it should be there and is not, or others could read it.
pub(crate) fn token(place: &Kept) -> std::io::Result<Option<Token>> {
    let wrong = |text: String| Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, text));
    let text = if let Some(path) = place.path("token-file") {
        let about = std::fs::metadata(&path)
            .map_err(|why| std::io::Error::new(why.kind(), format!("token-file {}: {why}", path.display())))?;
        if about.mode() & 0o077 != 0 {
            return wrong(format!("others may read {0}, so it is not used; `chmod 600 {0}`", path.display()));
        }
        std::fs::read_to_string(&path)?
    } else if let Some(name) = place.get("token-env") {
        match std::env::var(name) {
            Ok(text) => text,
            Err(_) => return wrong(format!("the environment variable {name} holds no token")),
        }
    } else if let Some(command) = place.get("token-command") {
        let output = std::process::Command::new("/bin/sh").arg("-c").arg(command).stdin(std::process::Stdio::null()).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return wrong(format!("token-command failed ({}): {}", output.status, said.lines().next().unwrap_or_default()));
        }
        String::from_utf8_lossy(&output.stdout).into_owned()
    } else {
        match std::env::var("RIALTO_TOKEN") {
            Ok(text) => text,
            Err(_) => return Ok(None),
        }
    };
    let token = text.trim();
    if token.is_empty() || token.len() > 4096 || token.contains(|c: char| !c.is_ascii_graphic()) {
        return wrong("what should be a token is none: it is one line of letters and digits".to_owned());
    }
    Ok(Some(Token(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_taken_for_anything_else() {
        assert!(is_name("gpu") && is_name("a.b-c_1"));
        for text in ["", "-x", "a/b", "a:b", ".x", "a b", "~"] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let path = Path::new("places.toml");
        let read = |text: &str| {
            let document: DocumentMut = text.parse().unwrap();
            document.iter().map(|(name, item)| kept(name, item, path)).collect::<Result<Vec<_>, _>>()
        };
        assert_eq!(read("[gpu]\nat = 'ssh://m'\nkernel='node'").unwrap()[0].get("kernel"), Some("node"));
        for (text, word) in [
            ("[gpu]\nat='x'\ntok='y'", "tok"),
            ("[gpu]\nkernel='node'", "at"),
            ("[gpu]\nat=3", "no text"),
            ("gpu='ssh://m'", "[gpu]"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.text().contains(word), "{}", why.text());
        }
    }
}

//! `docs/protocol.md` is the contract in words. Each number is in it under its name, and it carries a hash of the sources it
//! describes, so that nobody changes one and forgets the other.

use crate::none;
use crate::source::{File, code, file, files, root};
use rialto_protocol::{Code, Message, kind};
use sha2::{Digest, Sha256};

const DOCUMENT: &str = "docs/protocol.md";
const SOURCES: &[&str] =
    &["protocol/src/kind.rs", MESSAGES, "protocol/src/event.rs", "protocol/src/error.rs", "protocol/src/frame.rs"];
/// A folder.
const MESSAGES: &str = "protocol/src/message/";
/// The beginning of the line that carries the hash.
const MARK: &str = "<!-- contract sources: sha256 ";

/// A row of a table that has both, each in a cell of its own.
fn has_row(document: &str, number: &str, name: &str) -> bool {
    let cell = |text: &str| format!("| `{text}` ");
    document.lines().any(|line| line.starts_with(&cell(number)) && line.contains(&cell(name)))
}

fn undescribed(document: &str) -> Vec<String> {
    let kinds = Message::KINDS.iter().chain(kind::EVENTS).map(|(number, name)| (format!("{number:#04x}"), *name));
    let codes = Code::ALL.iter().map(|code| (code.number().to_string(), code.name()));
    kinds
        .chain(codes)
        .filter(|(number, name)| !has_row(document, number, name))
        .map(|(number, name)| format!("{DOCUMENT} has no row that begins with | `{number}` | `{name}` |"))
        .collect()
}

/// Names of public fields of a source that stand nowhere in the document as `name`.
fn unnamed_fields(source: &File, document: &str) -> Vec<String> {
    let live = code(&source.text);
    // The Rust form of an event; on the wire it is the array that section 5 shows.
    const NOT_ON_THE_WIRE: &[&str] = &["at", "event"];
    let fields = live.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':').map(|(name, _)| name.trim()));
    let mut unnamed: Vec<String> = fields
        .filter(|name| !NOT_ON_THE_WIRE.contains(name))
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !document.contains(&format!("`{name}`")))
        .map(|name| format!("{DOCUMENT} does not name the field `{name}` of {}", source.path))
        .collect();
    unnamed.dedup();
    unnamed
}

/// The sources under these names.
fn sources(names: &[&str]) -> Vec<File> {
    let all = files(&[".rs"]);
    let found = |name: &str| {
        all.iter().filter(|file| file.path == *name || name.ends_with('/') && file.path.starts_with(name)).collect::<Vec<_>>()
    };
    let mut sources = Vec::new();
    for name in names {
        let here = found(name);
        assert!(!here.is_empty(), "there is no {name}");
        sources.extend(here.into_iter().map(|file| File::planted(&file.path, &file.text)));
    }
    sources
}

fn hash(sources: &[File]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(source.path.as_bytes());
        hash.update([0]);
        hash.update(source.text.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn with_hash(document: &str, hash: &str) -> String {
    document
        .lines()
        .map(|line| if line.starts_with(MARK) { format!("{MARK}{hash} -->\n") } else { format!("{line}\n") })
        .collect()
}

fn carries(document: &str, hash: &str) -> bool {
    document.lines().any(|line| line == format!("{MARK}{hash} -->"))
}

#[test]
fn every_number_is_described_by_name() {
    none("every message, event and error code has a row", &undescribed(&file(DOCUMENT).text));
}

#[test]
fn every_field_is_named() {
    let document = file(DOCUMENT).text;
    let found: Vec<String> =
        sources(&[MESSAGES, "protocol/src/event.rs"]).iter().flat_map(|file| unnamed_fields(file, &document)).collect();
    none("every field of a message or event is described", &found);
}

#[test]
fn the_document_was_read_after_the_sources_were_changed() {
    let now = hash(&sources(SOURCES));
    let document = file(DOCUMENT).text;
    if std::env::var_os("UPDATE_SHAPE").is_some() {
        std::fs::write(root().join(DOCUMENT), with_hash(&document, &now)).unwrap();
    }
    assert!(
        carries(&file(DOCUMENT).text, &now),
        "the contract's sources changed since {DOCUMENT} was last held against them ({}).\n\
         Read what changed, make the document say it, then: UPDATE_SHAPE=1 cargo test --test shape",
        SOURCES.join(", ")
    );
}

#[test]
fn a_document_that_lags_behind_is_seen() {
    let document = file(DOCUMENT).text;
    assert_eq!(undescribed("").len(), Message::KINDS.len() + kind::EVENTS.len() + Code::ALL.len());
    let without: String =
        document.lines().filter(|line| !line.starts_with("| `0x80` ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(undescribed(&without).len(), 1, "a row that is missing");
    let renamed = document.replace("| `queue_full` ", "| `queue_filled` ");
    assert_eq!(undescribed(&renamed).len(), 1, "a row under another name");
    let source = File::planted("x.rs", "pub struct X {\n    /// doc\n    pub a_new_field: u8,\n}\npub fn f() {}\n");
    assert_eq!(unnamed_fields(&source, &document).len(), 1);

    let sources = [File::planted("a", "one"), File::planted("b", "two")];
    let moved = [File::planted("a", "onet"), File::planted("b", "wo")];
    assert_ne!(hash(&sources), hash(&moved));
    let marked = with_hash(&format!("x\n{MARK}0 -->\ny\n"), &hash(&sources));
    assert!(carries(&marked, &hash(&sources)) && !carries(&marked, &hash(&moved)), "{marked}");
}

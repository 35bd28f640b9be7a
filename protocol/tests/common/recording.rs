//! The files of `contract1/`: for each kind its number and name, then per case the JSON form and the frame in hex.

use rialto_protocol::{Message, codec};
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

/// One case of one file.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The file, for a failing test.
    pub file: String,
    /// The kind's number, as the file's head says.
    pub kind: u8,
    /// The kind's name.
    pub name: String,
    /// The case.
    pub case: String,
    /// The JSON form.
    pub json: Value,
    /// The frame.
    pub frame: Vec<u8>,
}

/// Where they are.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract1")
}

/// All of them, by file name.
pub fn all() -> Vec<Recorded> {
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| read(&path.file_name().unwrap().to_string_lossy(), &std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// Reads one file.
pub fn read(file: &str, text: &str) -> Vec<Recorded> {
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    let (head, cases) = lines.split_first().unwrap_or_else(|| panic!("{file} is empty"));
    let (number, name) = head.split_once(' ').unwrap_or_else(|| panic!("{file}: a number and a name first"));
    let kind = u8::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
    let mut all = Vec::new();
    for line in cases {
        if let Some(case) = line.strip_prefix("case ") {
            let case = case.to_owned();
            all.push(Recorded { file: file.into(), kind, name: name.into(), case, json: Value::Null, frame: Vec::new() });
        } else if let Some(json) = line.strip_prefix("json ") {
            all.last_mut().unwrap().json = serde_json::from_str(json).unwrap();
        } else {
            let hex = line.trim();
            let bytes = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
            all.last_mut().unwrap().frame.extend(bytes);
        }
    }
    all
}

/// Writes one file's text.
pub fn write(name: &str, kind: u8, cases: &[(&str, &Message)]) -> String {
    let mut text = format!("# Recorded bytes of contract 1: never changed, see ../recorded.rs.\n{kind:#04x} {name}\n");
    for (case, message) in cases {
        write!(text, "\ncase {case}\njson {}\n", codec::to_json(message)).unwrap();
        for line in frame(message).chunks(32) {
            text.extend(line.iter().map(|byte| format!("{byte:02x}")));
            text.push('\n');
        }
    }
    text
}

/// The frame of a message: channel 1, or 0 where the message belongs to the connection.
pub fn frame(message: &Message) -> Vec<u8> {
    let mut wire = Vec::new();
    let of_the_connection = matches!(message.kind(), 0x01..=0x08 | 0x29 | 0x44);
    codec::encode(&mut wire, u16::from(!of_the_connection), message, 64 * 1024);
    wire
}

/// Their frames one after the other, as a connection might carry them.
pub fn dialogue(names: &[&str]) -> Vec<Vec<u8>> {
    let all = all();
    names.iter().map(|name| all.iter().find(|r| r.name == *name).unwrap_or_else(|| panic!("{name}")).frame.clone()).collect()
}

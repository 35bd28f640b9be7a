//! What a kernel shows, in our forms; and what is larger than one event, in pieces.

use data_encoding::BASE64;
use rialto_protocol::data::{Bundle, Bytes, Run, Stream};
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::{DisplayRole, KernelEvent, MAX_DISPLAY, OUTPUT_CHUNK};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// A form that tells programs what a message of Jupyter's said besides; people are shown the others.
pub(super) const MESSAGE: &str = "application/vnd.jupyter.message+json";
/// Buffers of such a message, by their place.
pub(super) const BUFFER: &str = "application/vnd.jupyter.buffer;n=";
/// What a form costs in an event besides its bytes.
const FORM: usize = 64;
/// Forms of one value.
const FORMS: usize = 1_000;

/// The forms of a value. Bytes come as base64 and are kept as bytes.
pub(super) fn bundle(data: BTreeMap<String, Value>) -> Bundle {
    data.into_iter()
        .filter(|(mime, _)| mime.len() <= FORMS)
        .map(|(mime, value)| {
            let bytes = form(&mime, value);
            (mime, Bytes(bytes))
        })
        .collect()
}

fn form(mime: &str, value: Value) -> Vec<u8> {
    let text = match value {
        Value::String(text) => text,
        // As notebooks have texts of several lines.
        Value::Array(lines) if !mime.ends_with("json") && lines.iter().all(Value::is_string) => {
            lines.iter().filter_map(Value::as_str).collect()
        }
        other => return serde_json::to_vec(&other).unwrap_or_default(),
    };
    if is_binary(mime) {
        let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return BASE64.decode(&packed).unwrap_or_else(|_| text.into_bytes());
    }
    text.into_bytes()
}

fn is_binary(mime: &str) -> bool {
    let kind = mime.split(['/', ';']).next().unwrap_or_default();
    (["image", "audio", "video", "font"].contains(&kind) && !mime.contains("xml")) || mime.starts_with("application/pdf")
}

/// Text without the colours of a terminal.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\x1b' {
            out.push(c);
        } else if rest.as_str().starts_with('[') {
            // Up to the letter that ends it.
            rest.by_ref().skip(1).find(|c| ('@'..='~').contains(c));
        }
    }
    out
}

/// What is decided and not yet told.
#[derive(Debug, Default)]
pub(super) struct Told(VecDeque<One>);

#[derive(Debug)]
enum One {
    Event(KernelEvent),
    /// Text from `at` on.
    Text {
        n: EvalNumber,
        background: bool,
        stream: Stream,
        text: String,
        at: usize,
    },
    /// The forms of a display that has begun, and how much of the first is told.
    Forms(VecDeque<Vec<u8>>, usize),
}

impl Told {
    pub(super) fn event(&mut self, event: KernelEvent) {
        self.0.push_back(One::Event(event));
    }

    pub(super) fn text(&mut self, n: EvalNumber, background: bool, stream: Stream, text: String) {
        if !text.is_empty() {
            self.0.push_back(One::Text { n, background, stream, text, at: 0 });
        }
    }

    pub(super) fn display(&mut self, n: EvalNumber, role: DisplayRole, mut data: Bundle) {
        let size = |data: &Bundle| data.iter().fold(0, |sum, (mime, bytes)| sum + FORM + mime.len() + bytes.0.len());
        if size(&data) as u64 > MAX_DISPLAY || data.len() > FORMS {
            data = too_large(size(&data) as u64);
        }
        if size(&data) <= OUTPUT_CHUNK {
            return self.event(KernelEvent::Display { n, role, data });
        }
        let forms = data.iter().map(|(mime, bytes)| (mime.clone(), bytes.0.len() as u64)).collect();
        self.event(KernelEvent::DisplayStart { n, role, forms });
        self.0.push_back(One::Forms(data.into_values().map(|bytes| bytes.0).collect(), 0));
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Option<KernelEvent> {
        loop {
            match self.0.front_mut()? {
                One::Event(_) => match self.0.pop_front() {
                    Some(One::Event(event)) => return Some(event),
                    _ => return None,
                },
                One::Text { n, background, stream, text, at } => {
                    let rest = text.get(*at..).unwrap_or_default();
                    if rest.is_empty() {
                        self.0.pop_front();
                        continue;
                    }
                    let most = rest.len().min(OUTPUT_CHUNK);
                    let end = (most.saturating_sub(3)..=most).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
                    let data = rest.get(..end).unwrap_or(rest);
                    *at += data.len();
                    let runs = vec![Run { stream: *stream, data: data.into() }];
                    return Some(KernelEvent::Output { n: *n, background: *background, runs });
                }
                One::Forms(forms, at) => match forms.front() {
                    None => drop(self.0.pop_front()),
                    Some(form) if *at >= form.len() => {
                        forms.pop_front();
                        *at = 0;
                    }
                    Some(form) => {
                        let piece = form.get(*at..form.len().min(*at + OUTPUT_CHUNK)).unwrap_or_default().to_vec();
                        *at += piece.len();
                        return Some(KernelEvent::DisplayData(piece));
                    }
                },
            }
        }
    }
}

/// Stands for a value that is too large to be shown.
pub(super) fn too_large(size: u64) -> Bundle {
    let text = format!("<a value of {size} bytes is not shown: the limit is {MAX_DISPLAY} bytes>");
    [("text/plain".to_owned(), text.as_str().into())].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn all(mut told: Told) -> Vec<KernelEvent> {
        std::iter::from_fn(|| told.next()).collect()
    }

    #[test]
    fn pictures_are_bytes_and_texts_are_texts() {
        let data = json!({
            "image/png": "iVBO\nRw==\n", "image/svg+xml": "<svg/>", "text/plain": ["a\n", "b"],
            "application/json": [1, "x"], "image/jpeg": "not base64!",
        });
        let shown = bundle(serde_json::from_value(data).unwrap());
        assert_eq!(shown["image/png"].0, [0x89, b'P', b'N', b'G']);
        assert_eq!(shown["image/svg+xml"].0, b"<svg/>");
        assert_eq!(shown["text/plain"].0, b"a\nb");
        assert_eq!(shown["application/json"].0, b"[1,\"x\"]");
        assert_eq!(shown["image/jpeg"].0, b"not base64!");
    }

    #[test]
    fn colours_are_taken_away() {
        assert_eq!(plain("\x1b[0;31mValueError\x1b[0m: \x1b[38;5;1mé\x1b["), "ValueError: é");
    }

    #[test]
    fn long_text_comes_in_pieces_of_whole_characters() {
        let text = "😀é".repeat(50_000);
        let mut told = Told::default();
        told.text(3, false, Stream::Stderr, text.clone());
        let mut whole = Vec::new();
        for event in all(told) {
            let KernelEvent::Output { n: 3, background: false, runs } = event else { panic!("{event:?}") };
            assert!(runs[0].data.0.len() <= OUTPUT_CHUNK && std::str::from_utf8(&runs[0].data.0).is_ok());
            whole.extend_from_slice(&runs[0].data.0);
        }
        assert_eq!(whole, text.as_bytes());
    }

    #[test]
    fn a_large_display_comes_whole_and_one_too_large_is_named() {
        let data: Bundle = [("a/a".to_owned(), Bytes(vec![1; 100_000])), ("b/b".to_owned(), Bytes(Vec::new()))].into();
        let mut told = Told::default();
        told.display(1, DisplayRole::Display, data);
        let events = all(told);
        let KernelEvent::DisplayStart { forms, .. } = &events[0] else { panic!("{events:?}") };
        assert_eq!(forms, &[("a/a".to_owned(), 100_000), ("b/b".to_owned(), 0)]);
        let sizes: Vec<_> = events[1..].iter().map(|e| if let KernelEvent::DisplayData(d) = e { d.len() } else { 0 }).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 100_000);
        assert!(sizes.iter().all(|size| (1..=OUTPUT_CHUNK).contains(size)));

        let mut told = Told::default();
        told.display(1, DisplayRole::Display, [("a/a".to_owned(), Bytes(vec![0; 65 * 1024 * 1024]))].into());
        assert!(
            matches!(&all(told)[..], [KernelEvent::Display { data, .. }] if data["text/plain"].lossy().contains("not shown"))
        );
    }
}

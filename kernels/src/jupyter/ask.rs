//! Questions about code.

use super::Jupyter;
use super::due;
use super::forms::{self, plain};
use super::link::Socket;
use rialto_protocol::kernel::{Answer, Completeness, Completion, Completions, KernelEvent, Query};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most possibilities that are told.
const POSSIBILITIES: usize = 500;

/// A question that was asked.
pub(super) struct Open {
    number: u64,
    query: Query,
    /// No answer has come so far: the first probe after that was seen.
    doubt: Option<u64>,
}

/// Characters in so many bytes of a text: what kernels count.
fn characters(code: &str, bytes: usize) -> usize {
    code.get(..bytes).unwrap_or(code).chars().count()
}

/// The other way round.
fn bytes(code: &str, characters: u64) -> usize {
    let at = usize::try_from(characters).unwrap_or(usize::MAX);
    code.char_indices().nth(at).map_or(code.len(), |(at, _)| at)
}

impl Jupyter {
    pub(super) fn query(&mut self, number: u64, query: Query) {
        let (kind, content) = match &query {
            Query::Complete { code, cursor } => {
                ("complete_request", json!({ "code": code, "cursor_pos": characters(code, *cursor) }))
            }
            Query::Inspect { code, cursor, detail } => {
                let content = json!({ "code": code, "cursor_pos": characters(code, *cursor), "detail_level": detail });
                ("inspect_request", content)
            }
            Query::IsComplete { code } => ("is_complete_request", json!({ "code": code })),
        };
        self.send(Socket::Shell, kind, ('q', number), &content);
        self.queries.push(Open { number, query, doubt: None });
        self.due.look_soon(due::PATIENCE);
    }

    pub(super) fn answered(&mut self, number: u64, content: &Value) {
        let Some(at) = self.queries.iter().position(|open| open.number == number) else { return };
        let Open { query, .. } = self.queries.swap_remove(at);
        let answer = match query {
            Query::Complete { code, .. } => Answer::Completions(completions(&code, content)),
            Query::Inspect { .. } => {
                let found = content.get("found").and_then(Value::as_bool).unwrap_or_default();
                let data: BTreeMap<String, Value> =
                    content.get("data").and_then(|data| serde_json::from_value(data.clone()).ok()).unwrap_or_default();
                let mut data = forms::bundle(data);
                if let Some(text) = data.get_mut("text/plain") {
                    *text = plain(&text.lossy()).as_str().into();
                }
                Answer::Inspected((found && !data.is_empty()).then_some(data))
            }
            Query::IsComplete { .. } => Answer::Completeness(match content.get("status").and_then(Value::as_str) {
                Some("complete") => Completeness::Complete,
                Some("incomplete") => {
                    let indent = content.get("indent").and_then(Value::as_str).unwrap_or_default();
                    Completeness::Incomplete { indent: indent.to_owned() }
                }
                Some("invalid") => Completeness::Invalid,
                _ => Completeness::Unknown,
            }),
        };
        self.told.event(KernelEvent::Answer(number, answer));
    }

    /// What is not answered when a probe after it is will not be.
    pub(super) fn give_up_queries(&mut self, replied: u64) {
        while let Some(at) = self.queries.iter().position(|open| open.doubt.is_some_and(|probe| replied >= probe)) {
            let Open { number, .. } = self.queries.swap_remove(at);
            let why = "it does not answer such questions".to_owned();
            self.told.event(KernelEvent::Answer(number, Answer::Unable(why)));
        }
    }

    pub(super) fn doubt_queries(&mut self, probe: u64) {
        for open in &mut self.queries {
            open.doubt.get_or_insert(probe);
        }
    }
}

fn completions(code: &str, content: &Value) -> Completions {
    let place = |name: &str, or: usize| content.get(name).and_then(Value::as_u64).map_or(or, |at| bytes(code, at));
    let end = place("cursor_end", code.len());
    let start = place("cursor_start", end).min(end);
    let texts = content.get("matches").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    // ipykernel says there what they are.
    let types = content.pointer("/metadata/_jupyter_types_experimental").and_then(Value::as_array);
    let about = |text: &str| types.into_iter().flatten().find(|one| one.get("text").and_then(Value::as_str) == Some(text));
    let item = |text: &str| {
        let known = |name: &str| about(text).and_then(|one| one.get(name)?.as_str()).unwrap_or_default().to_owned();
        let kind = known("type");
        let kind = if kind == "<unknown>" { String::new() } else { kind };
        Completion { text: text.to_owned(), kind, signature: known("signature") }
    };
    let mut items: Vec<Completion> = texts.take(POSSIBILITIES + 1).map(item).collect();
    let more = items.len() > POSSIBILITIES;
    items.truncate(POSSIBILITIES);
    Completions { start, end, items, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_there_and_in_bytes_here() {
        assert_eq!(characters("é😀x", "é😀".len()), 2);
        assert_eq!((bytes("é😀x", 2), bytes("é", 9)), ("é😀".len(), 2));
        let said = json!({ "matches": ["😀xy"], "cursor_start": 1, "cursor_end": 3, "status": "ok", "metadata": {
            "_jupyter_types_experimental": [{ "text": "😀xy", "type": "instance", "signature": "" }] } });
        let found = completions("é😀x", &said);
        assert_eq!((found.start, found.end, found.items[0].kind.as_str()), (2, 7, "instance"));
        let many: Vec<_> = (0..600).map(|n| n.to_string()).collect();
        let found = completions("", &json!({ "matches": many }));
        assert!(found.more && found.items.len() == POSSIBILITIES);
    }
}

//! Questions about code.

use super::Engine;
use rialto_protocol::data::Bundle;
use rialto_protocol::kernel::{Answer, Completeness, Completion, Completions};
use rquickjs::{Ctx, Function};

/// Looked at before the cursor; nobody types a longer path. Bytes.
const BEFORE: usize = 2_000;

fn unable(ctx: &Ctx<'_>) -> Answer {
    ctx.catch();
    Answer::Unable("the engine could not tell".to_owned())
}

/// The end of a text, at a border of characters.
fn tail(text: &str, most: usize) -> &str {
    let from = (text.len().saturating_sub(most)..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text.get(from..).unwrap_or_default()
}

pub(super) fn complete(engine: &Engine, ctx: &Ctx<'_>, code: &str, cursor: usize) -> Answer {
    let before = tail(code.get(..cursor).unwrap_or(code), BEFORE);
    let found = engine.own(ctx, "complete").and_then(|f: Function<'_>| f.call::<_, String>((before,)));
    let Ok(json) = found else { return unable(ctx) };
    let Ok((word, more, items)) = serde_json::from_str::<(String, bool, Vec<(String, String, String)>)>(&json) else {
        return Answer::Unable("the engine could not tell".to_owned());
    };
    let items = items.into_iter().map(|(text, kind, signature)| Completion { text, kind, signature }).collect();
    Answer::Completions(Completions { start: cursor.saturating_sub(word.len()), end: cursor, items, more })
}

pub(super) fn inspect(engine: &Engine, ctx: &Ctx<'_>, code: &str, cursor: usize, detail: u8) -> Answer {
    let (before, after) = code.split_at_checked(cursor).unwrap_or((code, ""));
    let before = tail(before, BEFORE);
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '$').take(BEFORE).collect();
    // In the engine's own units: it counts halves of what lies beyond the first 65,536 characters.
    let at = before.encode_utf16().count() as f64;
    let asked = engine.own(ctx, "describe");
    let found = asked.and_then(|f: Function<'_>| f.call::<_, Option<String>>((format!("{before}{name}"), at, detail > 0)));
    match found {
        Ok(text) => {
            Answer::Inspected(text.map(|text| Bundle::from([("text/plain".to_owned(), super::cut(text).into_bytes().into())])))
        }
        Err(_) => unable(ctx),
    }
}

/// Code that leaves no bracket open.
pub(super) fn completeness(code: &str, judged: Option<i32>) -> Completeness {
    match judged {
        Some(0) => Completeness::Complete,
        // An empty line is the word of somebody who will not write on.
        Some(1) if !code.ends_with('\n') => Completeness::Incomplete { indent: "  ".to_owned() },
        Some(_) => Completeness::Invalid,
        None => Completeness::Unknown,
    }
}

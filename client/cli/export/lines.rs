//! A JSON line for each eval, for programs: its code, how it ended and what it showed, as it was written. Events, with their
//! numbers and times, are what `rialto logs --json` prints.

use super::cells::{Cell, Part};
use super::{About, Form};
use rialto_client::protocol::kernel::DisplayRole;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

#[derive(Debug, Default)]
pub(super) struct Lines {
    session: String,
}

impl Form for Lines {
    fn begin(&mut self, _: &mut dyn Write, about: &About) -> io::Result<()> {
        self.session.clone_from(&about.session);
        Ok(())
    }

    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &line(&self.session, cell))?;
        out.write_all(b"\n")
    }

    fn end(&mut self, _: &mut dyn Write, _: &About) -> io::Result<()> {
        Ok(())
    }
}

fn line(session: &str, cell: &Cell) -> Value {
    let ended = cell.ended.as_ref();
    let took = cell.started_us.zip(cell.ended_us).and_then(|(from, to)| to.checked_sub(from));
    let mut line = json!({
        "session": session,
        "n": cell.accepted.n,
        "eval": cell.accepted.eval,
        "wall_ms": cell.wall_ms,
        "code": cell.accepted.code,
        "outcome": ended.map(|ended| ended.outcome),
    });
    // The value is what a program looks for first: it has a place of its own.
    let (values, others): (Vec<&Part>, Vec<&Part>) =
        cell.parts.iter().partition(|part| matches!(part, Part::Value(DisplayRole::Result, _)));
    let value = values.first().and_then(|part| if let Part::Value(_, data) = part { Some(json!(data)) } else { None });
    let outputs: Vec<Value> = others.into_iter().map(output).collect();
    let more: [(&str, Option<Value>); 9] = [
        ("by", cell.accepted.by.as_ref().map(|by| json!(by))),
        ("argv", cell.accepted.argv.as_ref().map(|argv| json!(argv))),
        ("exit_code", ended.and_then(|ended| ended.code).map(Value::from)),
        ("why", ended.and_then(|ended| ended.why.clone()).map(Value::from)),
        ("took_us", took.map(Value::from)),
        ("outputs", (!outputs.is_empty()).then(|| Value::from(outputs))),
        ("result", value),
        ("left_out_bytes", (cell.left_out > 0).then(|| Value::from(cell.left_out))),
        ("trimmed_events", (cell.trimmed > 0).then(|| Value::from(cell.trimmed))),
    ];
    if let Some(map) = line.as_object_mut() {
        map.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>());
    }
    line
}

fn output(part: &Part) -> Value {
    match part {
        Part::Text(stream, text) => json!({ "stream": stream, "text": text }),
        Part::Value(_, data) => json!({ "display": data }),
        Part::Failure(failure) => json!({ "failure": failure }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::Keep;
    use super::super::cells::tests::{accepted, ended, printed, told};
    use super::*;
    use rialto_client::protocol::{Failure, Outcome, Stream};

    #[test]
    fn a_line_has_what_an_eval_was() {
        let failure = Failure { name: "ValueError".into(), value: "no".into(), traceback: "Traceback".into() };
        let cells = told(
            Keep::Raw,
            vec![
                accepted(1, true, "f()"),
                printed(1, Stream::Stdout, "\x1b[31mred"),
                ended(1, Outcome::Ok, Some([("text/plain".to_owned(), "1".into())].into()), None),
                accepted(2, true, "raise ValueError('no')"),
                ended(2, Outcome::Error, None, Some(failure)),
                accepted(3, true, "sleep"),
            ],
        );
        let lines: Vec<Value> = cells.iter().map(|cell| line("work", cell)).collect();
        assert_eq!((&lines[0]["n"], &lines[0]["outcome"], &lines[0]["code"]), (&json!(1), &json!("ok"), &json!("f()")));
        assert_eq!(lines[0]["outputs"], json!([{ "stream": "stdout", "text": "\x1b[31mred" }]));
        assert_eq!(lines[0]["result"], json!({ "text/plain": "1" }));
        assert_eq!(lines[1]["outputs"][0]["failure"]["name"], "ValueError");
        assert_eq!((&lines[2]["outcome"], lines[2].get("outputs")), (&Value::Null, None));
    }
}

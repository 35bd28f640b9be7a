//! A Jupyter notebook, format 4.5.

use super::cells::{Cell, Part};
use super::{About, Form};
use data_encoding::BASE64;
use rialto_client::protocol::kernel::DisplayRole;
use rialto_client::protocol::{Bundle, Stream};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

#[derive(Debug, Default)]
pub(super) struct Notebook {
    any: bool,
}

impl Form for Notebook {
    fn begin(&mut self, out: &mut dyn Write, _: &About) -> io::Result<()> {
        out.write_all(b"{\n\"cells\": [\n")
    }

    fn cell(&mut self, out: &mut dyn Write, cell: &Cell) -> io::Result<()> {
        if std::mem::replace(&mut self.any, true) {
            out.write_all(b",\n")?;
        }
        serde_json::to_writer(out, &value(cell)).map_err(io::Error::from)
    }

    fn end(&mut self, out: &mut dyn Write, about: &About) -> io::Result<()> {
        // The name that Jupyter gives its own Python kernel, so that the notebook opens with one.
        let kernelspec = if about.language == "python" { "python3" } else { &about.language };
        let metadata = json!({
            "kernelspec": { "name": kernelspec, "display_name": about.language, "language": about.language },
            "language_info": { "name": about.language, "version": about.version },
            "rialto": { "session": about.session },
        });
        write!(out, "\n],\n\"metadata\": {metadata},\n\"nbformat\": 4,\n\"nbformat_minor\": 5\n}}\n")
    }
}

fn value(cell: &Cell) -> Value {
    let n = cell.accepted.n;
    let mut outputs: Vec<Value> = cell.parts.iter().map(|part| output(part, n)).collect();
    if let Some(missing) = cell.missing() {
        let text = format!("[{missing}]\n");
        outputs.push(json!({ "output_type": "stream", "name": "stderr", "text": text }));
    }
    let ran = cell.ended.as_ref().is_none_or(|ended| {
        use rialto_client::protocol::Outcome::{Cancelled, NotRun};
        !matches!(ended.outcome, Cancelled | NotRun)
    });
    let mut about = json!({ "eval": format!("#{n}"), "wall_ms": cell.wall_ms });
    if let (Some(map), Some(by)) = (about.as_object_mut(), &cell.accepted.by) {
        map.insert("principal".to_owned(), by.principal.clone().into());
        map.insert("client".to_owned(), by.label.clone().into());
    }
    if let (Some(map), Some(end)) = (about.as_object_mut(), cell.end_in_words()) {
        map.insert("end".to_owned(), end.into());
    }
    json!({
        "cell_type": "code",
        "id": cell.accepted.eval.to_string(),
        "execution_count": if ran { json!(n) } else { Value::Null },
        "metadata": { "rialto": about },
        "source": cell.code(),
        "outputs": outputs,
    })
}

fn output(part: &Part, n: u64) -> Value {
    match part {
        Part::Text(stream, text) => {
            let name = if *stream == Stream::Stdout { "stdout" } else { "stderr" };
            json!({ "output_type": "stream", "name": name, "text": text })
        }
        Part::Value(DisplayRole::Result, bundle) => {
            json!({ "output_type": "execute_result", "execution_count": n, "data": data(bundle), "metadata": {} })
        }
        Part::Value(DisplayRole::Display, bundle) => {
            json!({ "output_type": "display_data", "data": data(bundle), "metadata": {} })
        }
        Part::Failure(failure) => {
            let traceback: Vec<&str> = failure.traceback.lines().collect();
            json!({ "output_type": "error", "ename": failure.name, "evalue": failure.value, "traceback": traceback })
        }
    }
}

/// As the format wants it: text as text, JSON as JSON, everything else in base64.
fn data(bundle: &Bundle) -> Map<String, Value> {
    let is_json = |mime: &str| mime == "application/json" || mime.ends_with("+json");
    let is_text = |mime: &str| mime.starts_with("text/") || mime.ends_with("+xml") || mime == "application/javascript";
    let form = |mime: &str, bytes: &rialto_client::protocol::Bytes| match std::str::from_utf8(&bytes.0) {
        Ok(text) if is_json(mime) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        Ok(text) if is_text(mime) => Value::from(text),
        _ if is_text(mime) => Value::from(bytes.lossy().into_owned()),
        _ => Value::from(BASE64.encode(&bytes.0)),
    };
    bundle.iter().map(|(mime, bytes)| (mime.clone(), form(mime, bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cells::tests::{accepted, cells, ended, printed};
    use super::*;
    use rialto_client::protocol::{Bytes, Failure, Outcome};

    fn written(cells: &[Cell]) -> Value {
        let (mut out, mut notebook) = (Vec::new(), Notebook::default());
        let about = About { session: "work".into(), language: "python".into(), version: "3.12.1".into() };
        notebook.begin(&mut out, &about).unwrap();
        cells.iter().for_each(|cell| notebook.cell(&mut out, cell).unwrap());
        notebook.end(&mut out, &about).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_notebook_has_what_the_format_asks_for() {
        let image: Bundle =
            [("image/png".to_owned(), Bytes(vec![0x89, 0x50])), ("text/plain".to_owned(), "<Figure>".into())].into();
        let failure =
            Failure { name: "ValueError".into(), value: "no".into(), traceback: "Traceback:\n  x\nValueError: no".into() };
        let book = written(&cells(vec![
            accepted(1, true, "print(1)\nfig"),
            printed(1, Stream::Stdout, "1\n"),
            printed(1, Stream::Stderr, "careful\n"),
            ended(1, Outcome::Ok, Some(image), None),
            accepted(2, true, "raise ValueError('no')"),
            ended(2, Outcome::Error, None, Some(failure)),
            accepted(3, false, "never"),
            ended(3, Outcome::Cancelled, None, None),
        ]));
        assert_eq!((book["nbformat"].as_u64(), book["nbformat_minor"].as_u64()), (Some(4), Some(5)));
        assert_eq!(book["metadata"]["kernelspec"]["name"], "python3");
        let cells = book["cells"].as_array().unwrap();
        let ids: std::collections::BTreeSet<&str> = cells.iter().map(|cell| cell["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())));
        assert!(cells.iter().all(|cell| cell["cell_type"] == "code" && cell["metadata"].is_object()));
        let first = cells.iter().find(|cell| cell["execution_count"] == 1).unwrap();
        let kinds: Vec<&str> = first["outputs"].as_array().unwrap().iter().map(|o| o["output_type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["stream", "stream", "execute_result"]);
        assert_eq!(first["outputs"][2]["data"]["image/png"], "iVA=");
        assert_eq!(first["outputs"][2]["data"]["text/plain"], "<Figure>");
        let second = cells.iter().find(|cell| cell["execution_count"] == 2).unwrap();
        assert_eq!(second["outputs"][0]["ename"], "ValueError");
        assert_eq!(second["outputs"][0]["traceback"].as_array().unwrap().len(), 3);
        assert!(cells.iter().any(|cell| cell["execution_count"].is_null() && cell["source"] == "never"));
    }

    #[test]
    fn an_empty_session_is_a_notebook_too() {
        assert_eq!(written(&[])["cells"], json!([]));
    }
}

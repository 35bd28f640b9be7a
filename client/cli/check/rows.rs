//! What every kernel must do, a row each. A row says nothing where all is well, else what was seen.

use super::codes::Codes;
use super::session::Session;
use crate::exit;
use serde_json::{Value, json};
use std::io;

/// None: this kernel's language has no such thing.
type Told = Option<Result<(), String>>;

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    pub(super) run: fn(&Session, &Codes) -> io::Result<Told>,
}

fn expect(holds: bool, seen: impl FnOnce() -> String) -> io::Result<Told> {
    Ok(Some(if holds { Ok(()) } else { Err(seen().chars().take(300).collect()) }))
}

macro_rules! or_skip {
    ($code:expr) => {
        match $code {
            Some(code) => code,
            None => return Ok(None),
        }
    };
}

fn interrupt(s: &Session, c: &Codes, code: Option<&str>) -> io::Result<Told> {
    let (ended, said) = s.interrupted(or_skip!(code))?;
    let kept = s.exec(c.kept, "")?;
    expect(ended == i32::from(exit::INTERRUPTED) && kept.text() == "42\n", || {
        format!("exit code {ended}, {said:?}, then {kept:?}")
    })
}

fn dies(s: &Session, c: &Codes, code: Option<&str>, why: &str) -> io::Result<Told> {
    let said = s.exec(or_skip!(code), "")?;
    // A new life, and what was kept is gone with the old one.
    let after = s.exec(c.kept, "")?;
    let again = s.exec(c.keep, "")?;
    let holds = said.code == i32::from(exit::DIED) && said.text() == "last\n" && said.err.contains(why);
    expect(holds && after.text() != "42\n" && again.code == 0, || format!("{said:?}, then {after:?}, {again:?}"))
}

fn ask(s: &Session, question: &Value, name: &str) -> io::Result<Value> {
    let said = s.run(&["rpc"], &format!("{question}\n"))?;
    let all = said.text();
    let found =
        all.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|m| m.get("type") == Some(&json!(name)));
    Ok(found.unwrap_or_else(|| json!({ "instead": all })))
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "streams",
        promise: "stdout and stderr come apart",
        run: |s, c| {
            let said = s.exec(or_skip!(c.streams), "")?;
            expect(said.text() == "out\n" && said.err == "err\n" && said.code == 0, || format!("{said:?}"))
        },
    },
    Row {
        name: "order",
        promise: "stdout and stderr keep their mutual order",
        run: |s, c| {
            let said = s.exec_both(or_skip!(c.order))?;
            let wanted: String = (0..100).map(|i| format!("o{i}\ne{i}\n")).collect();
            expect(said == wanted, || said)
        },
    },
    Row {
        name: "result",
        promise: "the last value is shown",
        run: |s, c| {
            let (code, shown) = or_skip!(c.result);
            let said = s.exec(code, "")?;
            expect(said.text() == format!("{shown}\n"), || format!("{said:?}"))
        },
    },
    Row {
        name: "error",
        promise: "an error is shown, and is one to the caller",
        run: |s, c| {
            let said = s.exec(or_skip!(c.error), "")?;
            expect(said.code == c.error_code && said.err.contains("boom"), || format!("{said:?}"))
        },
    },
    Row {
        name: "exit",
        promise: "exit(3) ends the eval with 3, and the state stays",
        run: |s, c| {
            s.exec(c.keep, "")?;
            let said = s.exec(or_skip!(c.exit), "")?;
            let kept = s.exec(c.kept, "")?;
            expect(said.code == 3 && kept.text() == "42\n", || format!("{said:?}, then {kept:?}"))
        },
    },
    Row {
        name: "input",
        promise: "what the code reads is asked for",
        run: |s, c| {
            let said = s.exec(or_skip!(c.input), "ada\n")?;
            expect(said.text().ends_with("hello ada\n"), || format!("{said:?}"))
        },
    },
    Row { name: "interrupt: busy", promise: "an endless loop ends, and the state stays", run: |s, c| interrupt(s, c, c.busy) },
    Row { name: "interrupt: waiting", promise: "so does waiting", run: |s, c| interrupt(s, c, c.waits) },
    Row { name: "interrupt: child", promise: "so does another program", run: |s, c| interrupt(s, c, c.child) },
    Row { name: "interrupt: flood", promise: "so does endless output", run: |s, c| interrupt(s, c, c.floods) },
    Row { name: "interrupt: input", promise: "so does waiting for input", run: |s, c| interrupt(s, c, c.reads) },
    Row {
        name: "completion",
        promise: "a name of the session is completed",
        run: |s, c| {
            let (code, wanted) = or_skip!(c.complete);
            let told = ask(s, &json!({ "type": "complete", "code": code, "cursor": code.len() }), "completions")?;
            expect(told.to_string().contains(&format!("\"{wanted}\"")), || told.to_string())
        },
    },
    Row {
        name: "inspect",
        promise: "what is known of a name is told",
        run: |s, c| {
            let (code, wanted) = or_skip!(c.inspect);
            let told = ask(s, &json!({ "type": "inspect", "code": code, "cursor": code.len() }), "inspected")?;
            expect(told.to_string().contains(wanted), || told.to_string())
        },
    },
    Row {
        name: "is-complete",
        promise: "whole, open and wrong code are told apart",
        run: |s, c| {
            for (code, wanted) in or_skip!(c.judged).iter().zip(["complete", "incomplete", "invalid"]) {
                let told = ask(s, &json!({ "type": "is_complete", "code": code }), "completeness")?;
                if told.get("status") != Some(&json!(wanted)) {
                    return expect(false, || format!("{code}: {told}"));
                }
            }
            expect(true, String::new)
        },
    },
    Row {
        name: "unicode",
        promise: "characters of any length come whole",
        run: |s, c| {
            let said = s.exec(c.unicode, "")?;
            expect(said.text() == "aé😀\n", || format!("{said:?}"))
        },
    },
    Row {
        name: "bytes",
        promise: "bytes that are no text come as they are",
        run: |s, c| {
            let said = s.exec(or_skip!(c.bytes), "")?;
            expect(said.out == [255, 0, 254], || format!("{:?}", said.out))
        },
    },
    Row {
        name: "50 MB",
        promise: "nothing of much output is lost",
        run: |s, c| {
            let said = s.exec(or_skip!(c.much), "")?;
            expect(said.out.len() == 50_000_000, || format!("{} bytes", said.out.len()))
        },
    },
    Row {
        name: "background",
        promise: "what is written after the end is kept",
        run: |s, c| {
            let (code, lasts) = or_skip!(c.background);
            s.exec(code, "")?;
            s.exec(lasts, "")?;
            let said = s.run(&["logs"], "")?;
            // The code does not have the word as it is printed.
            expect(said.text().lines().any(|line| line.contains("late")), || said.text())
        },
    },
    Row {
        name: "restart",
        promise: "a restart gives a fresh kernel",
        run: |s, c| {
            or_skip!(c.fresh.then_some(()));
            s.exec(c.keep, "")?;
            let said = s.run(&["restart"], "")?;
            let after = s.exec(c.kept, "")?;
            expect(said.code == 0 && after.text() != "42\n", || format!("{said:?}, then {after:?}"))
        },
    },
    Row { name: "death: exit", promise: "a process that exits is told of", run: |s, c| dies(s, c, c.dies, "5") },
    Row {
        name: "death: signal",
        promise: "so is one that is killed, with the signal",
        run: |s, c| dies(s, c, c.killed, "SIGKILL"),
    },
];

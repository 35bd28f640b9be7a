//! `rialto history`: what was run, by anybody and from anywhere, in all sessions that this user sees. It comes from the sessions
//! themselves: what was typed at this user's terminals is a file of its own (`repl/editor/history.rs`, `:history -g`).
//!
//! The newest are kept while the sessions are read one after the other, so that memory is bounded by what is shown.

mod matching;

use crate::args::{HistoryArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::logs::{Item, clock};
use crate::paint::{self, paint};
use crate::past::Past;
use crate::place::Place;
use crate::{people, reach};
use matching::Matching;
use rialto_bridge::journal::{Journal, JournalError};
use rialto_client::Start;
use rialto_client::protocol::event::{Accepted, Event, Record};
use rialto_client::protocol::message::{GetEval, Listed};
use rialto_client::protocol::{Cursor, EvalNumber};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use tokio::signal::unix::{SignalKind, signal};

/// The most that can be asked for.
pub(crate) const MOST: i64 = 10_000;
/// Kept of the code of each. Bytes.
const CODE: usize = 4 * 1024;
/// Lines shown beside the first one because they match.
const LINES: usize = 3;

pub(crate) async fn run(place: &PlaceArgs, args: &HistoryArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let mut stop = signal(SignalKind::interrupt())?;
    let mut found = Found::new(args);
    let outcome = tokio::select! {
        biased;
        _ = stop.recv() => return Err(Failure::new(exit::INTERRUPTED, "stopped")),
        outcome = found.read(&place, args) => outcome?,
    };
    let entries = found.newest.into_sorted_vec();
    // The greatest of reversed ones is the oldest.
    let entries: Vec<&Entry> = entries.iter().rev().map(|Reverse(entry)| entry).collect();
    if args.json {
        as_json(&entries)?;
    } else {
        as_text(&entries, &found.matching)?;
        if entries.is_empty() {
            paint::talk(if args.grep.is_some() { "no eval contains that" } else { "nothing has run here yet" });
        }
    }
    outcome
}

/// One eval of the past. The time comes first: that is their order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    wall_ms: u64,
    session: String,
    n: EvalNumber,
    id: String,
    kernel: String,
    eval: String,
    author: String,
    /// None: redacted, or trimmed.
    code: Option<String>,
    /// Of all of it.
    bytes: usize,
    lines: usize,
    /// Lines after the first that match.
    further: Vec<String>,
}

struct Found {
    matching: Matching,
    most: usize,
    newest: BinaryHeap<Reverse<Entry>>,
}

impl Found {
    fn new(args: &HistoryArgs) -> Self {
        let most = usize::try_from(args.number).unwrap_or(1);
        Self { matching: Matching::new(args.grep.as_deref()), most, newest: BinaryHeap::new() }
    }

    /// One session that cannot be read hides no other; the exit code says that there was one.
    async fn read(&mut self, place: &Place, args: &HistoryArgs) -> Result<Result<u8, Failure>, Failure> {
        let mut outcome = Ok(0);
        let only = match (&args.session, place.home()) {
            (Some(session), Some(home)) => Some(home.resolve(session)?.to_string()),
            (session, _) => session.clone(),
        };
        let mut any = false;
        for listed in place.list().await?.sessions {
            let named =
                |name: &String| *name == listed.session.as_str() || listed.name.as_ref().is_some_and(|n| n.as_str() == name);
            if !only.as_ref().is_none_or(named) || args.kernel.as_ref().is_some_and(|kernel| *kernel != listed.kernel) {
                continue;
            }
            any = true;
            if let Err(why) = self.session(place, &listed).await {
                let name = called(&listed);
                let why = Failure::new(exit::UNAVAILABLE, format!("{name} cannot be read: {}", why.text()));
                match outcome {
                    Ok(_) => outcome = Err(why),
                    Err(_) => drop(exit::code(Err(why))),
                }
            }
        }
        match (any, &args.session) {
            (false, Some(session)) => {
                Err(Failure::new(exit::UNAVAILABLE, format!("no session here is called {session}; `rialto ls -a` lists them")))
            }
            _ => Ok(outcome),
        }
    }

    async fn session(&mut self, place: &Place, listed: &Listed) -> Result<(), Failure> {
        if let Some(home) = place.home() {
            let here = home.session(&listed.session);
            if !here.lives()? {
                // What was printed is in another table, which is not looked at.
                let read = Journal::open_read_only(&here.journal())
                    .and_then(|journal| journal.replay(&mut |record| self.record(listed, record)));
                match read {
                    // Deleted meanwhile, or never begun.
                    Ok(()) | Err(JournalError::Missing(_)) => return Ok(()),
                    // Its supervisor is back: it is asked.
                    Err(JournalError::InUse(_)) => {}
                    Err(why) => return Err(Failure::new(exit::UNAVAILABLE, why.to_string())),
                }
            }
        }
        if listed.state == "unresponsive" && self.still_silent(place, listed).await? {
            return Err(Failure::new(exit::UNAVAILABLE, "its supervisor does not answer"));
        }
        let mut past = Past::of(place, listed.session.as_str(), "history")?;
        if !self.matching.any() {
            past = self.newest_of(place, listed, past).await?;
        }
        while let Some(item) = past.next().await? {
            if let Item::Event(record) = item {
                self.record(listed, *record);
            }
        }
        past.close().await;
        Ok(())
    }

    /// Looks once more: one that was about to begin or to end when all were listed was only busy with that.
    async fn still_silent(&self, place: &Place, listed: &Listed) -> Result<bool, Failure> {
        let again = place.list().await?.sessions;
        Ok(again.iter().any(|found| found.session == listed.session && found.state == "unresponsive"))
    }

    /// Where any eval will do, the last ones do: what was printed before them need not be read.
    async fn newest_of(&self, place: &Place, listed: &Listed, past: Past) -> Result<Past, Failure> {
        let mut reached = reach::observed(place, listed.session.as_str(), "history", Start::Detached).await?;
        let status = reached.session.status().await?;
        let from = status.evals.saturating_sub(self.most as u64) + 1;
        let info = reached.session.get_eval(GetEval { n: Some(from), ..GetEval::default() }).await;
        reached.session.leave().await;
        Ok(match info {
            Ok(info) if from > 1 => {
                let cursor = Cursor { epoch: status.epoch, seq: info.first.saturating_sub(1) };
                past.between(Some(cursor), status.head)
            }
            // All of it, then.
            _ => past,
        })
    }

    fn record(&mut self, listed: &Listed, record: Record) {
        let Event::Accepted(accepted) = record.event else { return };
        let older = |Reverse(oldest): &Reverse<Entry>| record.at.wall_ms < oldest.wall_ms;
        if self.newest.len() >= self.most && self.newest.peek().is_some_and(older) {
            return;
        }
        let code = accepted.code.as_deref();
        if self.matching.any() && !code.is_some_and(|code| self.matching.is_in(code)) {
            return;
        }
        self.newest.push(Reverse(self.entry(listed, &accepted, record.at.wall_ms)));
        if self.newest.len() > self.most {
            self.newest.pop();
        }
    }

    fn entry(&self, listed: &Listed, accepted: &Accepted, wall_ms: u64) -> Entry {
        let code = accepted.code.as_deref().map(|code| code.trim_start_matches(['\r', '\n']).trim_end());
        let lines = code.unwrap_or_default().lines();
        let further = lines.clone().skip(1).filter(|line| self.matching.any() && self.matching.is_in(line));
        Entry {
            wall_ms,
            session: called(listed),
            n: accepted.n,
            id: listed.session.to_string(),
            kernel: listed.kernel.clone(),
            eval: accepted.eval.to_string(),
            author: accepted.by.as_ref().map_or_else(String::new, people::named),
            bytes: code.map_or(0, str::len),
            lines: lines.count(),
            further: further.take(LINES).map(|line| head(line.trim_start(), 200).to_owned()).collect(),
            code: code.map(|code| head(code, CODE).to_owned()),
        }
    }
}

/// A session's name, else its id.
fn called(listed: &Listed) -> String {
    listed.name.as_ref().map_or_else(|| listed.session.to_string(), ToString::to_string)
}

/// The beginning of a text, at most so many bytes, in whole characters.
fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn as_json(entries: &[&Entry]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for entry in entries {
        let mut line = json!({
            "session": entry.session,
            "session_id": entry.id,
            "kernel": entry.kernel,
            "n": entry.n,
            "eval": entry.eval,
            "wall_ms": entry.wall_ms,
            "by": entry.author,
            "code": entry.code,
        });
        let cut = entry.code.as_ref().is_some_and(|code| code.len() < entry.bytes);
        if let (true, Some(map)) = (cut, line.as_object_mut()) {
            map.insert("code_bytes".to_owned(), entry.bytes.into());
        }
        serde_json::to_writer(&mut out, &line).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn as_text(entries: &[&Entry], matching: &Matching) -> Result<(), Failure> {
    let name = |entry: &Entry| crate::ls::plain(&format!("{}#{}", entry.session, entry.n));
    let width = |of: &dyn Fn(&Entry) -> usize| entries.iter().map(|entry| of(entry)).max().unwrap_or(0).min(40);
    let (names, authors) = (width(&|e| name(e).chars().count()), width(&|e| e.author.chars().count()));
    let mut out = anstream::stdout().lock();
    for entry in entries {
        let when = paint(paint::DIM, format!("{} {}", clock::date(entry.wall_ms), clock::time(entry.wall_ms)));
        let author = paint(paint::DIM, format!("{:authors$}", entry.author));
        let code = match &entry.code {
            None => paint(paint::DIM, "(its text is no longer kept)"),
            Some(code) => {
                let first = code.lines().next().unwrap_or_default();
                let more = match entry.lines {
                    0 | 1 => String::new(),
                    2 => " … (+1 line)".to_owned(),
                    lines => format!(" … (+{} lines)", lines - 1),
                };
                format!("{}{}", matching.shown(head(first, 200)), paint(paint::DIM, more))
            }
        };
        writeln!(out, "{when}  {:names$}  {author}  {code}", name(entry))?;
        for line in &entry.further {
            writeln!(out, "    {}", matching.shown(line))?;
        }
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(grep: Option<&str>, number: i64) -> HistoryArgs {
        HistoryArgs { grep: grep.map(str::to_owned), session: None, kernel: None, number, json: false }
    }

    fn listed() -> Listed {
        serde_json::from_value(json!({ "session": "abcdefghij", "kernel": "python", "state": "idle" })).unwrap()
    }

    fn accepted(n: EvalNumber, wall_ms: u64, code: &str) -> Record {
        let event = json!({ "n": n, "eval": rialto_client::protocol::EvalId([1; 16]), "code": code });
        let event = Event::Accepted(serde_json::from_value(event).unwrap());
        Record { seq: n, at: rialto_client::protocol::event::Stamp { wall_ms, mono_us: 0 }, event }
    }

    #[test]
    fn only_the_newest_are_kept_whatever_the_order_they_come_in() {
        let mut found = Found::new(&args(None, 3));
        for (n, at) in [(1, 50), (2, 10), (3, 40), (4, 20), (5, 30), (6, 60)] {
            found.record(&listed(), accepted(n, at, "x"));
            assert!(found.newest.len() <= 3);
        }
        let mut kept: Vec<u64> = found.newest.iter().map(|Reverse(entry)| entry.wall_ms).collect();
        kept.sort_unstable();
        assert_eq!(kept, [40, 50, 60]);
    }

    #[test]
    fn of_long_code_the_beginning_is_kept_and_the_lines_that_match() {
        let mut found = Found::new(&args(Some("needle"), 3));
        let code = format!("first\n{}\n    needle here\n{}", "ü".repeat(CODE), "needle\n".repeat(10));
        found.record(&listed(), accepted(1, 1, &code));
        found.record(&listed(), accepted(2, 2, "hay"));
        let Reverse(entry) = found.newest.pop().unwrap();
        assert!(found.newest.is_empty());
        assert!(entry.code.as_ref().unwrap().len() <= CODE && entry.bytes > CODE);
        assert_eq!((entry.further.len(), entry.further[0].as_str()), (LINES, "needle here"));
    }
}

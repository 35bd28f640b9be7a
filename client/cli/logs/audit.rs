//! `rialto logs --audit`: who did what, when, and how it ended. Neither code nor output: what is printed here may be kept where
//! those may not go.

use super::Item;
use super::clock::when;
use crate::ls;
use rialto_client::protocol::event::{Accepted, Ended, Event, Record};
use rialto_client::protocol::{EvalNumber, Outcome, Who};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{BufWriter, Stdout, Write};

/// Digits of a hash that are shown to people.
const DIGITS: usize = 12;

/// Prints one line for each eval, when it is over, and one for each request that changed something.
pub(super) struct Audit {
    session: String,
    json: bool,
    /// Only what happened at or after this. Milliseconds since 1970.
    since: u64,
    /// Evals that are not over: as many as wait.
    open: BTreeMap<EvalNumber, (u64, Box<Accepted>)>,
    /// The last eval that was accepted: numbers have no holes, unless retention made one.
    last: EvalNumber,
    out: BufWriter<Stdout>,
}

/// What one line says, beside when and in which session.
struct Line<'a> {
    at: u64,
    what: &'a str,
    n: Option<EvalNumber>,
    by: Option<&'a Who>,
    /// For people.
    said: String,
    /// For programs.
    more: Value,
}

impl Audit {
    pub(super) fn new(session: String, json: bool, since: u64) -> Self {
        let out = BufWriter::with_capacity(64 * 1024, std::io::stdout());
        Self { session, json, since, open: BTreeMap::new(), last: 0, out }
    }

    pub(super) fn item(&mut self, item: &Item) -> std::io::Result<()> {
        let Item::Event(record) = item else { return Ok(()) };
        self.record(record)
    }

    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }

    /// What is not over yet is told at the end.
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        for (n, (at, accepted)) in std::mem::take(&mut self.open) {
            self.eval(n, at, &accepted, None)?;
        }
        self.out.flush()
    }

    fn record(&mut self, record: &Record) -> std::io::Result<()> {
        let at = record.at.wall_ms;
        let request = |what, n, by, said: String, more| Line { at, what, n, by, said, more };
        let line = match &record.event {
            Event::Accepted(accepted) => {
                if accepted.n > self.last + 1 {
                    self.trimmed(at, self.last + 1, accepted.n - 1)?;
                }
                self.last = self.last.max(accepted.n);
                self.open.insert(accepted.n, (at, Box::new(accepted.clone())));
                return Ok(());
            }
            Event::Ended(ended) => {
                if let Some((began, accepted)) = self.open.remove(&ended.n) {
                    self.eval(ended.n, began, &accepted, Some((at, ended)))?;
                }
                return Ok(());
            }
            Event::Created(e) => request("create", None, Some(&e.by), e.kernel.clone(), json!({ "kernel": e.kernel })),
            Event::LifeEnded(e) if e.by.is_some() => {
                request("restart", None, e.by.as_ref(), format!("life {} ended", e.life), json!({ "life": e.life, "why": e.why }))
            }
            Event::LifeStarted(e) if e.by.is_some() => {
                request("start", None, e.by.as_ref(), format!("life {}", e.life), json!({ "life": e.life }))
            }
            Event::Answered(e) => {
                let said = if e.eof { "end of input".to_owned() } else { format!("{} bytes", e.len) };
                request("input", Some(e.n), Some(&e.by), said, json!({ "bytes": e.len, "eof": e.eof }))
            }
            Event::Interrupting(e) => {
                let step = serde_json::to_value(e.step).unwrap_or_default();
                let said = step.as_str().unwrap_or_default().to_owned();
                request("interrupt", Some(e.n), Some(&e.by), said, json!({ "step": step }))
            }
            Event::InterruptNoted(e) => {
                let said = format!("before eval {} came", e.eval);
                request("interrupt", None, Some(&e.by), said, json!({ "eval": e.eval.to_string() }))
            }
            Event::Redacted(e) => request("redact", Some(e.n), Some(&e.by), String::new(), json!({})),
            Event::Shared(e) => {
                let said = format!("with {} ({})", ls::plain(&e.with), e.scope);
                request("share", None, Some(&e.by), said, json!({ "with": e.with, "scope": e.scope }))
            }
            Event::Unshared(e) => {
                request("unshare", None, Some(&e.by), format!("with {}", ls::plain(&e.with)), json!({ "with": e.with }))
            }
            Event::CommSent(e) => {
                let what = serde_json::to_value(e.message.what).unwrap_or_default();
                let said = format!("{} {}", what.as_str().unwrap_or_default(), ls::plain(&e.message.comm));
                request("comm", None, Some(&e.by), said, json!({ "what": what, "comm": e.message.comm, "life": e.life }))
            }
            Event::SessionEnded(e) => {
                let what = if e.by.is_some() { "kill" } else { "end" };
                request(what, None, e.by.as_ref(), e.why.clone().unwrap_or_default(), json!({ "why": e.why }))
            }
            _ => return Ok(()),
        };
        self.line(line)
    }

    fn eval(&mut self, n: EvalNumber, at: u64, accepted: &Accepted, end: Option<(u64, &Ended)>) -> std::io::Result<()> {
        let hash = accepted.hash.as_ref().map(|hash| data_encoding::HEXLOWER.encode(&hash.0)).unwrap_or_default();
        let (outcome, took) = match end {
            Some((ended, end)) => (word(end.outcome), Some(ended.saturating_sub(at))),
            None => ("not over".to_owned(), None),
        };
        let code = end.and_then(|(_, end)| end.code).map(|code| format!(" {code}")).unwrap_or_default();
        let took_text = took.map(|ms| format!(" {}.{:03}s", ms / 1000, ms % 1000)).unwrap_or_default();
        let said = format!("{}  {outcome}{code}{took_text}", hash.get(..DIGITS).unwrap_or(&hash));
        let more = json!({
            "eval": accepted.eval.to_string(),
            "hash": hash,
            "outcome": end.map(|(_, end)| word(end.outcome)),
            "code": end.and_then(|(_, end)| end.code),
            "took_ms": took,
            "ended_by": end.and_then(|(_, end)| end.by.as_ref()).map(|who| &who.principal),
            "trace": accepted.trace,
        });
        self.line(Line { at, what: "eval", n: Some(n), by: accepted.by.as_ref(), said, more })
    }

    /// Evals of which retention kept no record.
    fn trimmed(&mut self, at: u64, from: EvalNumber, to: EvalNumber) -> std::io::Result<()> {
        let said = format!("#{from} to #{to}: retention kept no record of them");
        self.line(Line { at, what: "trimmed", n: None, by: None, said, more: json!({ "from": from, "to": to }) })
    }

    fn line(&mut self, line: Line<'_>) -> std::io::Result<()> {
        if line.at < self.since {
            return Ok(());
        }
        if self.json {
            let mut all = Map::new();
            all.insert("session".to_owned(), self.session.clone().into());
            all.insert("at_ms".to_owned(), line.at.into());
            all.insert("what".to_owned(), line.what.into());
            if let Some(n) = line.n {
                all.insert("n".to_owned(), n.into());
            }
            if let Some(by) = line.by {
                all.insert("principal".to_owned(), by.principal.clone().into());
                all.insert("client".to_owned(), by.client.map(|client| client.to_string()).into());
                all.insert("label".to_owned(), by.label.clone().into());
            }
            if let Value::Object(more) = line.more {
                all.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
            }
            serde_json::to_writer(&mut self.out, &all)?;
            return self.out.write_all(b"\n");
        }
        let who = match line.by {
            Some(by) if by.label.is_empty() => by.principal.clone(),
            Some(by) => format!("{} ({})", by.principal, by.label),
            None => "-".to_owned(),
        };
        let n = line.n.map(|n| format!("#{n}")).unwrap_or_default();
        let (session, who) = (ls::plain(&self.session), ls::plain(&who));
        let text = format!("{}  {session:<12}  {:<9}  {n:<5}  {who:<20}  {}", when(line.at), line.what, ls::plain(&line.said));
        writeln!(self.out, "{}", text.trim_end())
    }
}

fn word(outcome: Outcome) -> String {
    serde_json::to_value(outcome).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Since when: `2h`, `7d` ago, or a date or time such as `2026-11-20` or `2026-11-20T08:00`.
pub(crate) fn since(text: &str) -> Result<u64, String> {
    if let Ok(ago) = crate::args::span(text) {
        return Ok(ls::now_ms().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)));
    }
    let wanted = || "a time is wanted: 2h or 7d ago, 2026-11-20, 2026-11-20T08:00, 2026-11-20T08:00:00Z".to_owned();
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let local = text.parse::<jiff::civil::DateTime>().map_err(|_| wanted())?;
            local.to_zoned(jiff::tz::TimeZone::system()).map_err(|_| wanted())?.timestamp()
        }
    };
    Ok(u64::try_from(at.as_millisecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::since;

    #[test]
    fn a_time_is_a_span_a_date_or_an_instant() {
        assert_eq!(since("2026-09-21T14:13:20Z"), Ok(1_790_000_000_000));
        assert!(since("2026-09-21").unwrap().abs_diff(1_789_948_800_000) <= 14 * 3_600_000);
        assert!(since("2026-09-21T08:00").is_ok() && since("2h").unwrap() < crate::ls::now_ms());
        assert!(since("yesterday").is_err());
    }
}

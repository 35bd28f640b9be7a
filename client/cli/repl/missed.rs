//! What happened while this user did not look: counted, and the last lines of it kept. Pure: events in, words out.

use super::commands::text::{LastLines, Text};
use super::headline::headline;
use super::names::{is_terminal, name_of};
use crate::paint::{self, paint};
use rialto_client::protocol::event::{EndOfLife, Event, Who};
use rialto_client::protocol::{EvalNumber, Outcome, Record};
use std::collections::BTreeMap;

/// Authors told apart; the rest are "others".
const AUTHORS: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Missed {
    /// Whose terminals are "you".
    principal: String,
    evals: u64,
    by: BTreeMap<String, u64>,
    errors: u64,
    /// Kernels that ended without this user's knowing.
    kernels: u64,
    lines: u64,
    /// Output that has no newline yet.
    open: bool,
    text: Text,
    last: LastLines,
    authors: BTreeMap<EvalNumber, String>,
    /// Events that are not kept any more.
    gone: u64,
    rewound: bool,
    /// There was more than was looked at.
    pub(super) cut: bool,
}

impl Missed {
    /// Keeps the last `tail` lines.
    pub(super) fn new(principal: &str, tail: usize) -> Self {
        Self {
            principal: principal.to_owned(),
            evals: 0,
            by: BTreeMap::new(),
            errors: 0,
            kernels: 0,
            lines: 0,
            open: false,
            text: Text::default(),
            last: LastLines::new(tail),
            authors: BTreeMap::new(),
            gone: 0,
            rewound: false,
            cut: false,
        }
    }

    /// This happened.
    pub(super) fn event(&mut self, record: &Record) {
        match &record.event {
            Event::Accepted(a) => {
                let author = a.by.as_ref().map_or_else(|| "you".to_owned(), |by| self.author(by));
                self.evals += 1;
                let known = self.by.contains_key(&author) || self.by.len() < AUTHORS;
                *self.by.entry(if known { author.clone() } else { "others".to_owned() }).or_default() += 1;
                let line = headline(a.n, &author, a.code.as_deref());
                self.authors.insert(a.n, author);
                while self.authors.len() > 1_000 {
                    self.authors.pop_first();
                }
                let newline = if self.text.fresh_line() { "\n" } else { "" };
                self.lines += u64::from(std::mem::take(&mut self.open));
                self.last.push(&format!("{newline}{}\n", paint(paint::DIM, line)));
            }
            Event::Ended(ended) => {
                self.errors += u64::from(matches!(ended.outcome, Outcome::Error | Outcome::Died | Outcome::Lost));
                self.shown(&record.event);
            }
            Event::LifeEnded(e) => self.kernels += u64::from(!matches!(e.why, EndOfLife::SessionEnded | EndOfLife::FailedStart)),
            other => self.shown(other),
        }
    }

    fn shown(&mut self, event: &Event) {
        let text = self.text.of(event);
        if let Some(last) = text.bytes().next_back() {
            self.lines += text.bytes().filter(|b| *b == b'\n').count() as u64;
            self.open = last != b'\n';
            self.last.push(&text);
        }
    }

    /// These are not kept any more.
    pub(super) const fn gap(&mut self, events: u64) {
        self.gone += events;
    }

    /// What was seen before is not in the journal any more.
    pub(super) const fn rewound(&mut self) {
        self.rewound = true;
    }

    fn author(&self, who: &Who) -> String {
        if who.principal == self.principal && is_terminal(&who.label) { "you".to_owned() } else { name_of(who, &self.principal) }
    }

    /// Who sent this eval, where that was seen.
    pub(super) fn author_of(&self, n: EvalNumber) -> Option<&str> {
        self.authors.get(&n).map(String::as_str)
    }

    pub(super) fn lines(&self) -> u64 {
        self.lines + u64::from(self.open)
    }

    /// One line about it; nothing where nothing happened.
    pub(super) fn summary(&self) -> Option<String> {
        let mut parts = Vec::new();
        let more = if self.cut { "more than " } else { "" };
        if self.evals > 0 {
            let by = match self.by.iter().next() {
                Some((author, _)) if self.by.len() == 1 => format!(" by {author}"),
                _ => {
                    let each: Vec<String> = self.by.iter().map(|(author, n)| format!("{n} by {author}")).collect();
                    format!(" ({})", each.join(", "))
                }
            };
            parts.push(format!("{more}{}{by}", count(self.evals, "eval", "evals")));
        }
        if self.lines() > 0 {
            parts.push(format!("{more}{} of output", count(self.lines(), "line", "lines")));
        }
        if self.errors > 0 {
            parts.push(count(self.errors, "error", "errors"));
        }
        if self.kernels > 0 {
            parts.push("the kernel was started afresh: what evals before that made is gone".to_owned());
        }
        if self.gone > 0 {
            parts.push(format!("{} no longer kept", count(self.gone, "event is", "events are")));
        }
        if self.rewound {
            parts.push("the journal has lost events that were shown here".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The last lines.
    pub(super) fn tail(&mut self) -> Vec<String> {
        self.last.take()
    }
}

/// `1 line`, `2 lines`.
pub(super) fn count(n: u64, one: &str, many: &str) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::data::Run;
    use rialto_client::protocol::event::{Accepted, Ended, Output, Stamp};
    use rialto_client::protocol::{EvalId, Failure, Stream};

    fn accepted(n: EvalNumber, principal: &str, label: &str, code: &str) -> Event {
        let by = Some(Who { principal: principal.into(), client: None, label: label.into() });
        Event::Accepted(Accepted {
            n,
            eval: EvalId([1; 16]),
            started: true,
            by,
            code: Some(code.into()),
            hash: None,
            group: None,
            on_error: Default::default(),
            show: Default::default(),
            argv: None,
            trace: None,
        })
    }

    fn printed(n: EvalNumber, text: &str) -> Event {
        Event::Output(Output { n, background: false, runs: vec![Run { stream: Stream::Stdout, data: text.into() }] })
    }

    fn failed(n: EvalNumber) -> Event {
        let failure = Some(Failure { name: "ValueError".into(), value: "no".into(), traceback: String::new() });
        Event::Ended(Ended { n, outcome: Outcome::Error, failure, ..Ended::default() })
    }

    fn missed(events: Vec<Event>) -> Missed {
        let mut missed = Missed::new("uid:1", 4);
        for (at, event) in events.into_iter().enumerate() {
            missed.event(&Record { seq: at as u64 + 1, at: Stamp::default(), event });
        }
        missed
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(missed(vec![]).summary(), None);
    }

    #[test]
    fn who_did_what_is_one_line_and_the_tail_has_whose_it_is() {
        let mut missed = missed(vec![
            accepted(7, "uid:1", "terminal", "mine()"),
            printed(7, "a\nb\n"),
            accepted(8, "anna", "mcp", "train()\nplot()"),
            printed(8, "no newline"),
            accepted(9, "anna", "mcp", "oops"),
            failed(9),
        ]);
        let summary = missed.summary().unwrap();
        assert_eq!(summary, "3 evals (2 by anna/mcp, 1 by you), 4 lines of output, 1 error");
        let tail: Vec<String> = missed.tail().iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(tail, ["#8 anna/mcp ▸ train() … (+1 line)", "no newline", "#9 anna/mcp ▸ oops", "ValueError: no"]);
        assert_eq!((missed.author_of(8), missed.author_of(1)), (Some("anna/mcp"), None));
    }

    #[test]
    fn many_authors_and_large_numbers_stay_one_line() {
        let mut all: Vec<Event> = (0..9).map(|n| accepted(n, &format!("p{n}"), "", "x")).collect();
        all.push(printed(8, &"x\n".repeat(12_345)));
        let mut missed = missed(all);
        missed.gap(1);
        missed.cut = true;
        let summary = missed.summary().unwrap();
        assert!(summary.contains("5 by others") && summary.contains("more than 12,345 lines"), "{summary}");
        assert!(summary.ends_with("1 event is no longer kept"), "{summary}");
    }
}

//! Events gathered into cells: one eval with all it showed. A cell is done when the next eval starts, because what an eval's
//! threads print after its end still belongs to it.

use crate::sanitise::Strip;
use rialto_client::protocol::event::{Accepted, Ended, Event, Record, Stamp};
use rialto_client::protocol::kernel::DisplayRole;
use rialto_client::protocol::message::Gap;
use rialto_client::protocol::{Bundle, EvalNumber, Failure, Outcome, Stream};
use std::collections::BTreeMap;

/// Output and displays kept of one eval. Bytes; what is more is counted.
const MOST: usize = 32 * 1024 * 1024;

/// What is kept of an eval's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Keep {
    /// All of it, as text that is safe to show.
    #[default]
    Safe,
    /// All of it, as it was written.
    Raw,
    /// Nothing.
    Nothing,
}

/// One thing an eval showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(Stream, String),
    Value(DisplayRole, Bundle),
    Failure(Failure),
}

/// One eval.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(super) accepted: Accepted,
    pub(super) wall_ms: u64,
    pub(super) parts: Vec<Part>,
    pub(super) ended: Option<Ended>,
    /// When it started and ended, by the clock that is never set.
    pub(super) started_us: Option<u64>,
    pub(super) ended_us: Option<u64>,
    /// Bytes that were too many.
    pub(super) left_out: usize,
    /// Events that retention has removed.
    pub(super) trimmed: u64,
    /// The interpreter could not read it: no program may have it as it is.
    pub(super) unreadable: bool,
    keep: Keep,
    taken: usize,
    strips: [Strip; 2],
}

impl Cell {
    fn new(accepted: Accepted, at: Stamp, keep: Keep) -> Self {
        Self {
            started_us: accepted.started.then_some(at.mono_us),
            accepted,
            wall_ms: at.wall_ms,
            parts: Vec::new(),
            ended: None,
            ended_us: None,
            left_out: 0,
            trimmed: 0,
            unreadable: false,
            keep,
            taken: 0,
            strips: Default::default(),
        }
    }

    pub(super) const fn number(&self) -> EvalNumber {
        self.accepted.n
    }

    pub(super) fn code(&self) -> &str {
        self.accepted.code.as_deref().unwrap_or_default()
    }

    /// What cannot be shown of it, in words.
    pub(super) fn missing(&self) -> Option<String> {
        let mut missing = Vec::new();
        if self.accepted.code.is_none() {
            missing.push("its code is no longer kept".to_owned());
        }
        if self.left_out > 0 && self.keep != Keep::Nothing {
            missing.push(format!("{} more bytes are not in this file; `rialto logs` has them", self.left_out));
        }
        if self.trimmed > 0 && self.keep != Keep::Nothing {
            missing.push(format!("{} events of it are no longer kept", self.trimmed));
        }
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    /// What to say of its end, where that is not simply its end.
    pub(super) fn end_in_words(&self) -> Option<String> {
        match &self.ended {
            None => Some("still ran when this was written".to_owned()),
            Some(ended) if ended.outcome == Outcome::Ok => None,
            Some(ended) => Some(crate::wait::outcome(ended)),
        }
    }

    fn room(&mut self, bytes: usize) -> bool {
        let fits = self.taken + bytes <= MOST;
        if fits {
            self.taken += bytes
        } else {
            self.left_out += bytes
        }
        fits
    }

    fn text(&mut self, stream: Stream, bytes: &rialto_client::protocol::Bytes) {
        if self.keep == Keep::Nothing || !self.room(bytes.0.len()) {
            return;
        }
        if self.keep == Keep::Raw {
            return match self.parts.last_mut() {
                Some(Part::Text(of, text)) if *of == stream => text.push_str(&bytes.lossy()),
                _ => self.parts.push(Part::Text(stream, bytes.lossy().into_owned())),
            };
        }
        let [out, err] = &mut self.strips;
        let strip = if stream == Stream::Stdout { out } else { err };
        match self.parts.last_mut() {
            Some(Part::Text(of, text)) if *of == stream => strip.clean(&bytes.lossy(), text),
            _ => {
                let mut text = String::new();
                strip.clean(&bytes.lossy(), &mut text);
                self.parts.push(Part::Text(stream, text));
            }
        }
    }

    fn value(&mut self, role: DisplayRole, data: Bundle) {
        if self.keep != Keep::Nothing && self.room(data.values().map(|form| form.0.len()).sum()) {
            self.parts.push(Part::Value(role, data));
        }
    }
}

/// Cells as they come to be.
#[derive(Debug, Default)]
pub(super) struct Cells {
    keep: Keep,
    /// Accepted and not started: as many as a session's queue takes.
    waiting: BTreeMap<EvalNumber, Cell>,
    current: Option<Cell>,
}

impl Cells {
    pub(super) fn new(keep: Keep) -> Self {
        Self { keep, ..Self::default() }
    }

    /// These events are gone: of the eval that runs, where one does.
    pub(super) const fn gap(&mut self, gap: Gap) {
        if let Some(cell) = &mut self.current {
            cell.trimmed += gap.to.saturating_sub(gap.from) + 1;
        }
    }

    /// Takes an event; gives the cell that is done by it.
    pub(super) fn event(&mut self, record: Record) -> Option<Cell> {
        match record.event {
            Event::Accepted(accepted) if accepted.started => self.current.replace(Cell::new(accepted, record.at, self.keep)),
            Event::Accepted(accepted) => {
                self.waiting.insert(accepted.n, Cell::new(accepted, record.at, self.keep));
                None
            }
            Event::Started(started) => {
                let mut cell = self.waiting.remove(&started.n)?;
                cell.started_us = Some(record.at.mono_us);
                self.current.replace(cell)
            }
            Event::Output(output) => {
                let cell = self.of(output.n)?;
                output.runs.iter().for_each(|run| cell.text(run.stream, &run.data));
                None
            }
            Event::Display(display) if crate::render::is_for_programs(&display.data) => None,
            Event::Display(display) => {
                self.of(display.n)?.value(display.role, display.data);
                None
            }
            Event::Ended(mut ended) => {
                // One that never started has nothing to come.
                if let Some(mut cell) = self.waiting.remove(&ended.n) {
                    cell.ended = Some(ended);
                    return Some(cell);
                }
                let cell = self.of(ended.n)?;
                cell.ended_us = Some(record.at.mono_us);
                if let Some(result) = ended.result.take() {
                    cell.value(DisplayRole::Result, result);
                }
                if let Some(failure) = ended.failure.take() {
                    cell.unreadable = matches!(failure.name.as_str(), "SyntaxError" | "IndentationError" | "TabError");
                    if cell.keep != Keep::Nothing {
                        cell.parts.push(Part::Failure(failure));
                    }
                }
                cell.ended = Some(ended);
                None
            }
            _ => None,
        }
    }

    /// The eval that runs, or that ran last.
    pub(super) fn runs(&self) -> Option<EvalNumber> {
        self.current.as_ref().map(Cell::number)
    }

    /// What has not ended.
    pub(super) fn rest(self) -> impl Iterator<Item = Cell> {
        self.current.into_iter().chain(self.waiting.into_values())
    }

    fn of(&mut self, n: EvalNumber) -> Option<&mut Cell> {
        self.current.as_mut().filter(|cell| cell.accepted.n == n)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rialto_client::protocol::EvalId;
    use rialto_client::protocol::data::Run;
    use rialto_client::protocol::event::{Output, Started};

    pub(crate) fn accepted(n: EvalNumber, started: bool, code: &str) -> Event {
        let (eval, code) = (EvalId([u8::try_from(n).unwrap(); 16]), Some(code.into()));
        Event::Accepted(Accepted {
            n,
            eval,
            started,
            by: None,
            code,
            hash: None,
            group: None,
            on_error: Default::default(),
            show: Default::default(),
            argv: None,
            trace: None,
        })
    }

    pub(crate) fn printed(n: EvalNumber, stream: Stream, text: &str) -> Event {
        Event::Output(Output { n, background: false, runs: vec![Run { stream, data: text.into() }] })
    }

    pub(crate) fn ended(n: EvalNumber, outcome: Outcome, result: Option<Bundle>, failure: Option<Failure>) -> Event {
        Event::Ended(Ended { n, outcome, result, failure, ..Ended::default() })
    }

    pub(crate) fn cells(events: Vec<Event>) -> Vec<Cell> {
        told(Keep::Safe, events)
    }

    pub(crate) fn told(keep: Keep, events: Vec<Event>) -> Vec<Cell> {
        let mut cells = Cells::new(keep);
        let mut done: Vec<Cell> = Vec::new();
        for (at, event) in events.into_iter().enumerate() {
            let record = Record { seq: at as u64 + 1, at: Stamp { wall_ms: 1_790_000_000_000, mono_us: 0 }, event };
            done.extend(cells.event(record));
        }
        done.extend(cells.rest());
        done
    }

    #[test]
    fn what_is_printed_after_the_end_still_belongs_to_its_eval() {
        let cells = cells(vec![
            accepted(1, true, "a"),
            accepted(2, false, "b"),
            accepted(3, false, "c"),
            printed(1, Stream::Stdout, "one "),
            printed(1, Stream::Stdout, "line\n"),
            ended(1, Outcome::Ok, None, None),
            printed(1, Stream::Stdout, "late\n"),
            ended(3, Outcome::Cancelled, None, None),
            Event::Started(Started { n: 2 }),
            printed(2, Stream::Stderr, "\x1b]0;title\x07two\n"),
        ]);
        let order: Vec<_> = cells.iter().map(|cell| cell.accepted.n).collect();
        assert_eq!(order, [3, 1, 2]);
        assert_eq!(cells[1].parts, [Part::Text(Stream::Stdout, "one line\nlate\n".into())]);
        assert_eq!(cells[2].parts, [Part::Text(Stream::Stderr, "two\n".into())]);
        assert_eq!(cells[2].end_in_words().as_deref(), Some("still ran when this was written"));
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let flood = "x".repeat(MOST / 4);
        let mut events = vec![accepted(1, true, "flood()")];
        events.extend((0..6).map(|_| printed(1, Stream::Stdout, &flood)));
        let cells = cells(events);
        assert_eq!(cells[0].left_out, MOST / 2);
    }
}

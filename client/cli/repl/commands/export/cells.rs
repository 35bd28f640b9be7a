//! Events gathered into cells: one eval with all it showed. A cell is done when the next eval starts, because what an eval's
//! threads print after its end still belongs to it.

use crate::sanitise::Strip;
use rialto_client::protocol::event::{Accepted, Ended, Event, Record};
use rialto_client::protocol::kernel::DisplayRole;
use rialto_client::protocol::{Bundle, EvalNumber, Failure, Outcome, Stream};
use std::collections::BTreeMap;

/// Output and displays kept of one eval. Bytes; what is more is counted.
const MOST: usize = 32 * 1024 * 1024;

/// One thing an eval showed.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::repl::commands) enum Part {
    Text(Stream, String),
    Value(DisplayRole, Bundle),
    Failure(Failure),
}

/// One eval.
#[derive(Debug)]
pub(in crate::repl::commands) struct Cell {
    pub(super) accepted: Accepted,
    pub(super) wall_ms: u64,
    pub(super) parts: Vec<Part>,
    pub(super) ended: Option<Ended>,
    /// Bytes that were too many.
    pub(super) left_out: usize,
    taken: usize,
    strips: [Strip; 2],
}

impl Cell {
    fn new(accepted: Accepted, wall_ms: u64) -> Self {
        Self { accepted, wall_ms, parts: Vec::new(), ended: None, left_out: 0, taken: 0, strips: Default::default() }
    }

    pub(super) fn code(&self) -> &str {
        self.accepted.code.as_deref().unwrap_or_default()
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
        if !self.room(bytes.0.len()) {
            return;
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
        if self.room(data.values().map(|form| form.0.len()).sum()) {
            self.parts.push(Part::Value(role, data));
        }
    }
}

/// Cells as they come to be.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Accepted and not started: as many as a session's queue takes.
    waiting: BTreeMap<EvalNumber, Cell>,
    current: Option<Cell>,
}

impl Cells {
    /// Takes an event; gives the cell that is done by it.
    pub(super) fn event(&mut self, record: Record) -> Option<Cell> {
        match record.event {
            Event::Accepted(accepted) if accepted.started => self.current.replace(Cell::new(accepted, record.at.wall_ms)),
            Event::Accepted(accepted) => {
                self.waiting.insert(accepted.n, Cell::new(accepted, record.at.wall_ms));
                None
            }
            Event::Started(started) => {
                let cell = self.waiting.remove(&started.n)?;
                self.current.replace(cell)
            }
            Event::Output(output) => {
                let cell = self.of(output.n)?;
                output.runs.iter().for_each(|run| cell.text(run.stream, &run.data));
                None
            }
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
                if let Some(result) = ended.result.take() {
                    cell.value(DisplayRole::Result, result);
                }
                if let Some(failure) = ended.failure.take() {
                    cell.parts.push(Part::Failure(failure));
                }
                cell.ended = Some(ended);
                None
            }
            _ => None,
        }
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
    use rialto_client::protocol::event::{Output, Stamp, Started};

    pub(in super::super) fn accepted(n: EvalNumber, started: bool, code: &str) -> Event {
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

    pub(in super::super) fn printed(n: EvalNumber, stream: Stream, text: &str) -> Event {
        Event::Output(Output { n, background: false, runs: vec![Run { stream, data: text.into() }] })
    }

    pub(in super::super) fn ended(n: EvalNumber, outcome: Outcome, result: Option<Bundle>, failure: Option<Failure>) -> Event {
        Event::Ended(Ended { n, outcome, result, failure, ..Ended::default() })
    }

    pub(in super::super) fn cells(events: Vec<Event>) -> Vec<Cell> {
        let mut cells = Cells::default();
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

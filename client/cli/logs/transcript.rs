//! A history as a person reads it: what was typed, what came of it, and what else happened, dimmed.

use super::{Item, clock};
use crate::paint;
use crate::render::size;
use crate::sanitise::{Filter, Pen, Rule};
use crate::wait;
use anstyle::Style;
use rialto_client::protocol::event::{Accepted, Answered, EndOfLife, Ended, Event, LifeEnded, LifeStarted, Output, Record, Who};
use rialto_client::protocol::kernel::Step;
use rialto_client::protocol::{Bundle, EvalNumber, Outcome, Stream};
use std::collections::BTreeMap;
use std::io::{BufWriter, Result, Write};

pub(crate) struct Transcript<W: Write> {
    out: BufWriter<W>,
    terminal: bool,
    colour: bool,
    /// The last line written has no end.
    midline: bool,
    /// Accepted and not started. As many as a session's queue takes.
    waiting: BTreeMap<EvalNumber, (Accepted, u64)>,
    /// The day of the last line that has a time.
    date: String,
    /// What the program's escape sequences have come to, by stream.
    streams: [Filter; 2],
    /// What they have left on.
    pen: Pen,
    /// Whose background output was shown last.
    behind: Option<EvalNumber>,
}

impl<W: Write> Transcript<W> {
    pub(crate) fn new(terminal: bool, colour: bool, out: W) -> Self {
        let out = BufWriter::with_capacity(64 * 1024, out);
        let (waiting, date) = (BTreeMap::new(), String::new());
        Self {
            out,
            terminal,
            colour,
            midline: false,
            waiting,
            date,
            streams: Default::default(),
            pen: Pen::default(),
            behind: None,
        }
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }

    /// Shows what still waits.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.fresh_line()?;
        for (_, (accepted, wall_ms)) in std::mem::take(&mut self.waiting) {
            self.header(&accepted, wall_ms, " (waits)")?;
        }
        self.flush()
    }

    pub(crate) fn item(&mut self, item: &Item) -> Result<()> {
        match item {
            Item::Event(record) => self.event(record),
            Item::Gap(gap) if gap.from == gap.to => self.note(&format!("... event {} is no longer kept", gap.from)),
            Item::Gap(gap) => self.note(&format!("... events {} to {} are no longer kept", gap.from, gap.to)),
            Item::Rewound(to) => {
                self.note(&format!("... the journal was rewound: what followed event {} never happened as it was shown", to.seq))
            }
        }
    }

    fn event(&mut self, record: &Record) -> Result<()> {
        let wall_ms = record.at.wall_ms;
        if !matches!(record.event, Event::Output(_)) {
            self.behind = None;
        }
        match &record.event {
            Event::Created(e) => {
                let name = e.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
                let text = format!("session{name} ({}), {}, made by {} in {}", e.session, e.kernel, who(&e.by), e.cwd);
                self.timed(wall_ms, &text)
            }
            Event::EpochStarted(_) if record.seq <= 2 => Ok(()),
            Event::EpochStarted(_) => self.timed(wall_ms, "a new supervisor took over"),
            Event::LifeStarted(e) => self.timed(wall_ms, &life_started(e)),
            Event::LifeEnded(e) => self.timed(wall_ms, &life_ended(e)),
            Event::Accepted(e) if e.started => self.header(e, wall_ms, ""),
            Event::Accepted(e) => {
                self.waiting.insert(e.n, (e.clone(), wall_ms));
                Ok(())
            }
            Event::Started(e) => match self.waiting.remove(&e.n) {
                Some((accepted, _)) => self.header(&accepted, wall_ms, ""),
                None => self.timed(wall_ms, &format!("#{} started", e.n)),
            },
            Event::Output(e) => self.output(e),
            Event::Display(e) if crate::render::is_for_programs(&e.data) => Ok(()),
            Event::Display(e) => self.value(&e.data),
            Event::Asked(e) => {
                let prompt = e.prompt.clone();
                self.text(None, prompt.as_bytes())
            }
            Event::Answered(e) => self.answered(e),
            Event::Interrupting(e) => {
                let how = match e.step {
                    Step::Interrupt => "interrupt",
                    Step::Again => "interrupt again",
                    Step::Terminate => "its kernel is asked to end",
                    Step::Kill => "its kernel is ended by force",
                };
                self.timed(wall_ms, &format!("#{}: {how}, by {}", e.n, who(&e.by)))
            }
            Event::InterruptNoted(e) => {
                self.timed(wall_ms, &format!("eval {} was interrupted before it came, by {}", e.eval, who(&e.by)))
            }
            Event::Ended(e) => self.ended(e, wall_ms),
            Event::Redacted(e) => self.timed(wall_ms, &format!("the text of #{} was removed by {}", e.n, who(&e.by))),
            Event::SessionEnded(e) => {
                let by = e.by.as_ref().map(|by| format!(", by {}", who(by))).unwrap_or_default();
                let why = e.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                self.timed(wall_ms, &format!("the session ended{by}{why}"))
            }
            Event::Shared(e) => self.timed(wall_ms, &format!("shared with {} (scope {}) by {}", e.with, e.scope, who(&e.by))),
            Event::Unshared(e) => self.timed(wall_ms, &format!("no longer shared with {}, by {}", e.with, who(&e.by))),
            // For programs, like what a kernel says to them.
            Event::CommSent(_) => Ok(()),
            Event::Unknown(kind) => self.note(&format!("(event {}: of a newer kind, {kind:#04x})", record.seq)),
        }
    }

    /// `#12 uid:1000/exec 14:03:22`, and the code.
    fn header(&mut self, accepted: &Accepted, wall_ms: u64, more: &str) -> Result<()> {
        let by = accepted.by.as_ref().map(|by| format!(" {}", who(by))).unwrap_or_default();
        self.day(wall_ms)?;
        self.note(&format!("#{}{by} {}{more}", accepted.n, clock::time(wall_ms)))?;
        let Some(code) = &accepted.code else { return self.note("(its code is no longer kept)") };
        for (at, line) in code.trim_end().lines().enumerate() {
            let prompt = if at == 0 { ">>> " } else { "... " };
            self.styled(paint::DIM, prompt)?;
            self.text(None, line.as_bytes())?;
            self.fresh_line()?;
        }
        Ok(())
    }

    fn output(&mut self, output: &Output) -> Result<()> {
        if output.background && self.behind != Some(output.n) {
            self.behind = Some(output.n);
            let whose = if output.n == 0 { String::new() } else { format!("#{} ", output.n) };
            self.note(&format!("{whose}in the background:"))?;
        }
        output.runs.iter().try_for_each(|run| self.text(Some(run.stream), &run.data.0))
    }

    fn value(&mut self, data: &Bundle) -> Result<()> {
        self.fresh_line()?;
        match data.get("text/plain").or_else(|| data.get("text/markdown")) {
            Some(text) => self.text(None, &text.0)?,
            None => {
                let forms: Vec<String> =
                    data.iter().map(|(mime, bytes)| format!("{mime}, {}", size(bytes.0.len() as u64))).collect();
                self.text(None, format!("[{}]", forms.join("; ")).as_bytes())?;
            }
        }
        self.fresh_line()
    }

    fn answered(&mut self, answered: &Answered) -> Result<()> {
        match &answered.data {
            Some(data) => self.text(None, &data.0)?,
            None if answered.eof => self.styled(paint::DIM, "(end of input)")?,
            None => self.styled(paint::DIM, &format!("({} bytes that are not kept)", answered.len))?,
        }
        self.midline = true;
        self.fresh_line()
    }

    fn ended(&mut self, ended: &Ended, wall_ms: u64) -> Result<()> {
        if let Some((accepted, _)) = self.waiting.remove(&ended.n) {
            self.header(&accepted, wall_ms, "")?;
        }
        if let Some(result) = &ended.result {
            self.value(result)?;
        }
        if let Some(failure) = &ended.failure {
            let text = if failure.traceback.is_empty() {
                format!("{}: {}", failure.name, failure.value)
            } else {
                failure.traceback.trim_end().to_owned()
            };
            self.fresh_line()?;
            self.text(Some(Stream::Stderr), text.as_bytes())?;
        }
        self.put_back()?;
        self.fresh_line()?;
        if ended.outcome != Outcome::Ok {
            let by = ended.by.as_ref().map(|by| format!(", by {}", who(by))).unwrap_or_default();
            // Of a cancelled one and a lost one the outcome says it all.
            let why = ended.why.as_ref().filter(|_| !matches!(ended.outcome, Outcome::Cancelled | Outcome::Lost));
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            self.timed(wall_ms, &format!("#{} {}{by}{why}", ended.n, wait::outcome(ended)))?;
        }
        if ended.fresh_state {
            self.note(&format!("#{} was the first in a fresh kernel: what earlier evals made was gone", ended.n))?;
        }
        Ok(())
    }

    /// What a program or a person wrote: as it was in a pipe, made safe on a terminal.
    fn text(&mut self, stream: Option<Stream>, bytes: &[u8]) -> Result<()> {
        let Some(last) = bytes.last() else { return Ok(()) };
        self.midline = *last != b'\n';
        if !self.terminal {
            return self.out.write_all(bytes);
        }
        let mut clean = String::with_capacity(bytes.len() + 16);
        let [stdout, stderr] = &mut self.streams;
        let (mut whole, mut own) = (Filter::default(), Pen::default());
        let (filter, pen) = match stream {
            Some(Stream::Stdout) => (stdout, &mut self.pen),
            Some(Stream::Stderr) => (stderr, &mut self.pen),
            None => (&mut whole, &mut own),
        };
        let rule = if self.colour { Rule::Line } else { Rule::Plain };
        pen.redden(self.colour && stream == Some(Stream::Stderr), &mut clean);
        filter.clean(bytes, rule, pen, &mut clean);
        pen.redden(false, &mut clean);
        own.put_back(&mut clean);
        self.out.write_all(clean.as_bytes())
    }

    /// What a program left on ends with its eval.
    fn put_back(&mut self) -> Result<()> {
        self.streams = Default::default();
        let mut out = String::new();
        self.pen.put_back(&mut out);
        self.out.write_all(out.as_bytes())
    }

    /// Says something of our own that has a time.
    fn timed(&mut self, wall_ms: u64, text: &str) -> Result<()> {
        self.day(wall_ms)?;
        self.note(&format!("{text} {}", clock::time(wall_ms)))
    }

    fn day(&mut self, wall_ms: u64) -> Result<()> {
        let date = clock::date(wall_ms);
        if date != self.date {
            self.note(&format!("--- {date}"))?;
            self.date = date;
        }
        Ok(())
    }

    /// Says something of our own.
    fn note(&mut self, text: &str) -> Result<()> {
        self.fresh_line()?;
        self.styled(paint::DIM, text)?;
        self.out.write_all(b"\n")
    }

    /// Names and folders in it are a stranger's: without control characters, in a pipe too.
    fn styled(&mut self, style: Style, text: &str) -> Result<()> {
        let text = crate::ls::plain(text);
        if self.colour { write!(self.out, "{style}{text}{style:#}") } else { self.out.write_all(text.as_bytes()) }
    }

    fn fresh_line(&mut self) -> Result<()> {
        if std::mem::take(&mut self.midline) { self.out.write_all(b"\n") } else { Ok(()) }
    }
}

impl Transcript<Vec<u8>> {
    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Result<Vec<u8>> {
        self.out.flush()?;
        Ok(std::mem::take(self.out.get_mut()))
    }
}

fn who(who: &Who) -> String {
    if who.label.is_empty() { who.principal.clone() } else { format!("{}/{}", who.principal, who.label) }
}

fn life_started(e: &LifeStarted) -> String {
    let note = e.kernel.note.as_ref().map(|note| format!(", {note}")).unwrap_or_default();
    format!("life {}: {} {} ({}){note}", e.life, e.kernel.language, e.kernel.version, e.kernel.executable)
}

fn life_ended(e: &LifeEnded) -> String {
    let why = match e.why {
        EndOfLife::Died => "its kernel died",
        EndOfLife::FailedStart => "its kernel did not start",
        EndOfLife::Restarted => "restarted",
        EndOfLife::Interrupted => "ended by an interrupt",
        EndOfLife::SupervisorDied => "its supervisor died",
        EndOfLife::SessionEnded => "the session ends",
        EndOfLife::Unknown => "for a reason this version does not know",
    };
    let by = e.by.as_ref().map(|by| format!(", by {}", who(by))).unwrap_or_default();
    let how = match (&e.death.failed_start, &e.death.signal, e.death.code) {
        (Some(said), ..) => format!(" ({})", said.trim_end()),
        (None, Some(signal), _) => format!(" ({signal})"),
        (None, None, Some(code)) => format!(" (exit code {code})"),
        (None, None, None) => String::new(),
    };
    format!("life {} ended: {why}{by}{how}", e.life)
}

#[cfg(test)]
mod tests;

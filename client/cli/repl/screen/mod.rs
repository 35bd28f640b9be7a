//! Everything that is shown. It knows nothing of the session and nothing of the editor: it is told what happened, and what the
//! time is.
//!
//! All that a program wrote goes through [`crate::sanitise`] on its way to a terminal. Into a pipe bytes go as they are.

mod above;
mod flood;
mod forms;
mod html;
mod images;
mod look;
mod status;
mod title;
mod traceback;
mod wrap;

pub(crate) use above::Above;
pub(crate) use flood::Left;
pub(crate) use status::Busy;
pub(crate) use wrap::wrapped;

use crate::paint::{self, paint};
use crate::sanitise::{self, Filter, Pen, Rule};
use flood::Flood;
use forms::Form;
use look::{Kind, Look, Size};
use rialto_client::protocol::event::{Display, Output};
use rialto_client::protocol::{Bundle, EvalNumber, Failure, Seq, Stream};
use status::Status;
use std::io::{self, BufWriter, Write};
use std::time::{Duration, Instant};

/// Both streams of this program.
pub(crate) struct Terminal {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    look: Look,
    size: fn() -> Size,
    streams: [Filter; 2],
    pen: Pen,
    /// Our eval, while it runs.
    eval: Option<Eval>,
    /// When the line that says what goes on was drawn, while it stands there.
    drawn: Option<Instant>,
    images: images::Images,
    /// Somebody reads from the terminal: it cannot be asked anything.
    read: bool,
    title: title::Title,
    /// The session's.
    name: String,
}

/// What is known of our eval.
struct Eval {
    status: Status,
    flood: Flood,
    /// The time that it runs was counted on the screen.
    counted: bool,
    /// The window's title names it.
    titled: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let out = Box::new(BufWriter::with_capacity(64 * 1024, io::stdout()));
        Self::on(out, Box::new(io::stderr()), Look::new(), Size::now)
    }

    fn on(out: Box<dyn Write>, err: Box<dyn Write>, look: Look, size: fn() -> Size) -> Self {
        let streams = Default::default();
        let title = title::Title::new(look.title);
        let images = images::Images::new(look.out == Kind::Terminal);
        Self {
            out,
            err,
            look,
            images,
            read: false,
            size,
            streams,
            pen: Pen::default(),
            eval: None,
            drawn: None,
            title,
            name: String::new(),
        }
    }

    /// What puts together the lines that are shown above the prompt.
    pub(crate) fn above(&self) -> Above {
        Above::new(self.paints(), self.look.out == Kind::Terminal)
    }

    fn paints(&self) -> bool {
        self.look.colour && self.look.out == Kind::Terminal
    }

    /// An eval of ours begins: it was sent.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.read = false;
        self.eval =
            Some(Eval { status: Status::new(now), flood: Flood::new((self.size)().rows, now), counted: false, titled: false });
    }

    /// What it does.
    pub(crate) fn busy(&mut self, busy: Busy) {
        if let Some(eval) = &mut self.eval {
            eval.status.busy(busy);
        }
    }

    /// The connection is back: it does what it did.
    pub(crate) fn online(&mut self) {
        if let Some(eval) = &mut self.eval {
            eval.status.online();
        }
    }

    /// It is over, and all that it said was shown. What was left out of it is in the journal.
    pub(crate) fn end(&mut self, now: Instant) -> io::Result<Option<Left>> {
        self.settle(now)?;
        let Some(eval) = self.eval.take() else { return Ok(None) };
        // Who saw it counted is told what it came to, however short: it may have waited for longer than it ran.
        let long = |took: &Duration| eval.counted || self.look.patience.is_some_and(|p| *took > p);
        if let Some(took) = eval.status.took(now).filter(long) {
            self.note(&status::took(took))?;
        }
        if eval.titled {
            self.titled(None)?;
        }
        Ok(eval.flood.left())
    }

    /// Before something that must be seen: the end of a flood, and everything that was left on.
    pub(crate) fn settle(&mut self, now: Instant) -> io::Result<()> {
        self.erase()?;
        self.release(now)?;
        let mut out = String::new();
        let rule = self.rule();
        for filter in &mut self.streams {
            filter.finish(rule, &mut self.pen, &mut out);
        }
        self.pen.put_back(&mut out);
        if self.look.out == Kind::Terminal || self.look.err == Kind::Terminal {
            self.out.write_all(out.as_bytes())?;
        }
        Ok(())
    }

    /// What the code wrote.
    pub(crate) fn output(&mut self, output: &Output, seq: Seq, now: Instant) -> io::Result<()> {
        for run in &output.runs {
            self.written(run.stream, &run.data.0, (output.n, seq), now)?;
        }
        Ok(())
    }

    fn written(&mut self, stream: Stream, bytes: &[u8], from: (EvalNumber, Seq), now: Instant) -> io::Result<()> {
        let Some(eval) = self.eval.as_mut().filter(|_| self.look.out == Kind::Terminal) else {
            return self.put(stream, bytes);
        };
        let Size { columns, rows, .. } = (self.size)();
        let was_hiding = eval.flood.hiding().is_some();
        let shown = eval.flood.admit((stream, bytes), from, (columns, rows), now);
        if !was_hiding {
            eval.status.spoke(now);
        }
        if shown > 0 {
            self.put(stream, bytes.get(..shown).unwrap_or_default())?;
        }
        if shown < bytes.len() && !was_hiding {
            // Its line is left as it is; what follows is counted on the next one.
            let mut out = String::new();
            self.pen.put_back(&mut out);
            self.out.write_all(out.as_bytes())?;
            self.fresh_line()?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// To the terminal, or the pipe.
    fn put(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        self.erase()?;
        let kind = if stream == Stream::Stderr { self.look.err } else { self.look.out };
        if kind == Kind::Pipe {
            self.pen.place(bytes.last().is_some_and(|last| *last != b'\n'));
            return self.raw(stream, bytes);
        }
        let mut clean = String::with_capacity(bytes.len() + 16);
        let [stdout, stderr] = &mut self.streams;
        let (filter, is_err) = if stream == Stream::Stderr { (stderr, true) } else { (stdout, false) };
        let rule = if kind == Kind::Dumb { Rule::Plain } else { Rule::Live };
        if self.look.colour && kind == Kind::Terminal {
            self.pen.redden(is_err, &mut clean);
        }
        filter.clean(bytes, rule, &mut self.pen, &mut clean);
        // Where both go to the terminal there is one order, and one buffer.
        let stream = if self.look.out == Kind::Pipe { stream } else { Stream::Stdout };
        self.raw(stream, clean.as_bytes())
    }

    fn raw(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if stream == Stream::Stdout {
            return self.out.write_all(bytes);
        }
        self.out.flush()?;
        self.err.write_all(bytes)
    }

    fn rule(&self) -> Rule {
        if self.look.out == Kind::Dumb { Rule::Plain } else { Rule::Live }
    }

    /// A rich value that the code showed.
    pub(crate) fn display(&mut self, display: &Display, seq: Seq, now: Instant) -> io::Result<()> {
        self.rich(&display.data, (display.n, seq), now)
    }

    /// A value, as the language's REPL shows it.
    pub(crate) fn value(&mut self, data: &Bundle, n: EvalNumber, seq: Seq, now: Instant) -> io::Result<()> {
        self.settle(now)?;
        self.fresh_line()?;
        self.rich(data, (n, seq), now)
    }

    /// Its best form, on lines of its own.
    fn rich(&mut self, data: &Bundle, from: (EvalNumber, Seq), now: Instant) -> io::Result<()> {
        let window = (self.size)();
        let text = match forms::best(data, from.0, window.columns) {
            Form::Text(text) => text,
            Form::Image { drawable: None, instead } => instead,
            Form::Image { drawable: Some(data), instead } => {
                // Of a flood's pictures none is shown: each is worth many lines.
                let flooding = self.eval.as_ref().is_some_and(|eval| eval.flood.hiding().is_some());
                if !flooding && let Some(drawn) = self.drawn(data, window)? {
                    self.fresh_line()?;
                    self.out.write_all(drawn.as_bytes())?;
                    if let Some(eval) = &mut self.eval {
                        eval.status.spoke(now);
                        eval.flood.drew(window.rows, now);
                    }
                    return Ok(());
                }
                instead
            }
        };
        self.written(Stream::Stdout, (text + "\n").as_bytes(), from, now)
    }

    fn drawn(&mut self, data: &[u8], window: Size) -> io::Result<Option<String>> {
        self.erase()?;
        self.out.flush()?;
        Ok(self.images.show(data, window, !self.read))
    }

    /// An exception, as the language prints it.
    pub(crate) fn failure(&mut self, failure: &Failure, now: Instant) -> io::Result<()> {
        self.settle(now)?;
        self.fresh_line()?;
        let text = if failure.traceback.is_empty() {
            format!("{}: {}", failure.name, failure.value)
        } else {
            failure.traceback.trim_end().to_owned()
        };
        let paints = self.look.colour && self.look.err == Kind::Terminal;
        let text = if paints { traceback::paint(&text) } else { text } + "\n";
        let kept = std::mem::replace(&mut self.look.colour, false);
        let shown = self.put(Stream::Stderr, text.as_bytes());
        self.look.colour = kept;
        shown?;
        self.settle(now)
    }

    /// Something that is not the program's, on a line of its own.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        self.fresh_line()?;
        let text = self.wrapped(&sanitise::text(text.trim_end_matches('\n')));
        // Into a pipe go the program's bytes and no words of ours.
        let (stream, kind) = match self.look.out {
            Kind::Pipe => (Stream::Stderr, self.look.err),
            kind => (Stream::Stdout, kind),
        };
        let text = if self.look.colour && kind == Kind::Terminal { paint(paint::DIM, text) } else { text };
        self.raw(stream, (text + "\n").as_bytes())
    }

    /// A line of what was asked for.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.fresh_line()?;
        let text = self.suited(text);
        writeln!(self.out, "{text}")
    }

    /// A sentence of ours, its lines no longer than the terminal's.
    pub(crate) fn wrapped(&self, text: &str) -> String {
        if self.look.out == Kind::Terminal { wrapped(text, self.columns()) } else { text.to_owned() }
    }

    /// How wide a line may be.
    pub(crate) fn columns(&self) -> usize {
        if self.look.out == Kind::Terminal { (self.size)().columns } else { usize::MAX }
    }

    /// Text of ours, without the colours where there are none.
    pub(crate) fn suited(&self, text: &str) -> String {
        if self.paints() { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
    }

    /// Begins a new line where the last one is unfinished.
    pub(crate) fn fresh_line(&mut self) -> io::Result<()> {
        self.erase()?;
        if self.pen.midline() {
            self.pen.place(false);
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// A key that is a signal was pressed. It is shown as a terminal does, or was by the terminal itself: what comes next begins
    /// below it, or in the place of the live line.
    pub(crate) fn echoed(&mut self, key: Option<&str>) -> io::Result<()> {
        let live = self.drawn.is_some();
        self.erase()?;
        if self.look.out == Kind::Terminal && !live {
            self.pen.place(false);
            writeln!(self.out, "{}", key.unwrap_or_default())?;
        }
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The editor is about to read: everything is shown, and the line is empty.
    pub(crate) fn before_read(&mut self) -> io::Result<()> {
        self.fresh_line()?;
        self.flush()?;
        self.read = true;
        self.images.before_read();
        Ok(())
    }

    /// What was typed while the terminal was asked what it can: it belongs into the line that is read next.
    pub(crate) fn typed(&mut self) -> String {
        self.images.typed()
    }

    /// The question was answered; our eval goes on.
    pub(crate) fn after_question(&mut self, now: Instant) {
        self.read = false;
        if let Some(eval) = &mut self.eval {
            eval.status.spoke(now);
        }
    }

    /// A program is about to ask: what led there is shown, and the cursor stays where it is.
    pub(crate) fn before_question(&mut self, now: Instant) -> io::Result<()> {
        self.settle(now)?;
        // Its answer ends the line.
        self.pen.place(false);
        self.read = true;
        self.flush()?;
        self.images.before_read();
        Ok(())
    }

    /// A value in words, for where no picture can stand.
    pub(crate) fn as_text(&self, data: &Bundle, n: EvalNumber) -> String {
        let (Form::Text(text) | Form::Image { instead: text, .. }) = forms::best(data, n, (self.size)().columns);
        let (mut filter, mut pen, mut out) = (Filter::default(), Pen::default(), String::new());
        let rule = if self.look.out == Kind::Terminal { Rule::Colours } else { Rule::Plain };
        filter.clean(text.as_bytes(), rule, &mut pen, &mut out);
        filter.finish(rule, &mut pen, &mut out);
        pen.put_back(&mut out);
        out
    }

    /// The session's name, for the window's title.
    pub(crate) fn name(&mut self, name: &str) -> io::Result<()> {
        name.clone_into(&mut self.name);
        self.titled(None)
    }

    /// The window's title: the session's name, and which eval of ours runs in it.
    fn titled(&mut self, n: Option<EvalNumber>) -> io::Result<()> {
        let text = n.map_or_else(|| self.name.clone(), |n| format!("{} · #{n}", self.name));
        let text = self.title.set(&text);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Leaves the terminal as it was found.
    pub(crate) fn leave(&mut self, now: Instant) -> io::Result<()> {
        self.settle(now)?;
        self.fresh_line()?;
        let title = self.title.put_back();
        self.out.write_all(title.as_bytes())?;
        self.out.flush()
    }

    /// Ends a flood: what was left out is said, and its last lines are shown.
    fn release(&mut self, now: Instant) -> io::Result<()> {
        let rows = (self.size)().rows;
        let Some((lines, bytes, tail)) = self.eval.as_mut().and_then(|eval| eval.flood.release(rows, now)) else {
            return Ok(());
        };
        self.streams = Default::default();
        if bytes > 0 {
            let what = if lines > 0 { format!("{} lines", status::grouped(lines)) } else { crate::render::size(bytes) };
            self.note(&format!("⋯ {what} not shown; Ctrl-O shows all of it"))?;
        }
        tail.iter().try_for_each(|(stream, text)| self.put(*stream, text))
    }

    /// When the loop should call again, if nothing happens.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let (eval, patience) = (self.eval.as_ref()?, self.look.patience?);
        let calm = eval.flood.calm_at();
        let drawing = match self.drawn {
            Some(drawn) => Some(Status::next_frame(drawn)),
            None if self.pen.midline() || self.read => None,
            None => Some(eval.status.due(patience, calm.is_some())),
        };
        match (calm, drawing) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) -> io::Result<()> {
        let (Some(eval), Some(patience)) = (&mut self.eval, self.look.patience) else { return Ok(()) };
        if eval.flood.calm_at().is_some_and(|calm| calm <= now) {
            eval.status.spoke(now);
            self.erase()?;
            self.release(now)?;
            return self.flush();
        }
        let hidden = eval.flood.hiding();
        let due = eval.status.due(patience, hidden.is_some()) <= now;
        if self.read || !due || self.pen.midline() || self.drawn.is_some_and(|drawn| Status::next_frame(drawn) > now) {
            return Ok(());
        }
        let text: String = eval.status.text(hidden, now).chars().take((self.size)().columns.saturating_sub(1)).collect();
        let text = sanitise::text(&text);
        let text = if self.look.colour { paint(paint::DIM, text) } else { text };
        let running = match eval.status.what() {
            Busy::Running { n, .. } | Busy::Interrupting { n, .. } | Busy::Queued { n, .. } => *n,
            Busy::Offline { .. } => None,
        };
        eval.counted |= hidden.is_none() && matches!(eval.status.what(), Busy::Running { .. });
        eval.titled = true;
        self.titled(running)?;
        self.drawn = Some(now);
        write!(self.out, "\r\x1b[2K{text}")?;
        self.out.flush()
    }

    /// Takes the line away that says what goes on.
    fn erase(&mut self) -> io::Result<()> {
        if self.drawn.take().is_some() { self.out.write_all(b"\r\x1b[2K") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;

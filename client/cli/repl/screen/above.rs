//! Output of others on its way above the prompt: there only whole lines can stand, and each for itself. A bar that is drawn again
//! and again comes as it last was; half a line comes when it is whole, when its eval ends, or when nothing has come for a while.

use crate::sanitise::{Filter, Pen, Rule};
use rialto_client::protocol::{Run, Stream};
use std::time::{Duration, Instant};

/// Half a line is shown after this long.
const IDLE: Duration = Duration::from_millis(200);
/// A line longer than this is broken.
const LONGEST: usize = 8 * 1024;
/// Colours kept from one line to the next.
const COLOURS: usize = 256;

#[derive(Default)]
pub(crate) struct Above {
    streams: [Filter; 2],
    pen: Pen,
    /// The line so far, clean.
    line: String,
    /// Where its last escape ends: what can be taken back begins there.
    floor: usize,
    /// The cursor was sent back: what comes next stands there instead.
    again: bool,
    /// The colours that are on where the line begins, and where it has got to.
    before: String,
    colours: String,
    /// When half a line is due.
    due: Option<Instant>,
    colour: bool,
    escapes: bool,
}

impl Above {
    pub(crate) fn new(colour: bool, escapes: bool) -> Self {
        Self { colour, escapes, ..Self::default() }
    }

    /// Takes output in; the lines that are whole come out, each with its end.
    pub(crate) fn push(&mut self, runs: &[Run], now: Instant) -> Option<String> {
        let mut out = String::new();
        for run in runs {
            let mut clean = String::with_capacity(run.data.0.len() + 16);
            let [stdout, stderr] = &mut self.streams;
            let filter = if run.stream == Stream::Stderr { stderr } else { stdout };
            let rule = if self.escapes { Rule::Colours } else { Rule::Plain };
            if self.colour && self.escapes {
                self.pen.redden(run.stream == Stream::Stderr, &mut clean);
            }
            filter.clean(&run.data.0, rule, &mut self.pen, &mut clean);
            self.assemble(&clean, &mut out);
        }
        self.due = (!self.line.is_empty()).then(|| now + IDLE);
        (!out.is_empty()).then_some(out)
    }

    fn assemble(&mut self, clean: &str, out: &mut String) {
        let mut rest = clean;
        while let Some(at) = rest.find(['\n', '\r', '\x08', '\x1b']) {
            let (text, special) = rest.split_at(at);
            self.text(text, out);
            let mut length = 1;
            match special.as_bytes().first() {
                Some(b'\n') => self.line_over(out),
                Some(b'\r') => self.again = true,
                Some(b'\x08') => {
                    if self.line.len() > self.floor {
                        self.line.pop();
                    }
                }
                _ => {
                    length = sequence(special);
                    self.escape(special.get(..length).unwrap_or_default());
                }
            }
            rest = special.get(length..).unwrap_or_default();
        }
        self.text(rest, out);
    }

    fn text(&mut self, text: &str, out: &mut String) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.again) {
            self.line.clear();
            self.before.clone_from(&self.colours);
        }
        if self.line.is_empty() {
            self.line.push_str(&self.before);
            self.floor = self.line.len();
        }
        self.line.push_str(text);
        if self.line.len() > LONGEST {
            self.line_over(out);
        }
    }

    /// A colour, or a link.
    fn escape(&mut self, sequence: &str) {
        if !self.line.is_empty() || sequence.starts_with("\x1b]") {
            self.line.push_str(sequence);
            self.floor = self.line.len();
        }
        if sequence.ends_with('m') {
            let reset = matches!(sequence, "\x1b[m" | "\x1b[0m");
            if reset || (sequence == "\x1b[39m" && self.colours == "\x1b[31m") || self.colours.len() > COLOURS {
                self.colours.clear();
            } else {
                self.colours.push_str(sequence);
            }
            if self.line.is_empty() {
                self.before.clone_from(&self.colours);
            }
        }
    }

    fn line_over(&mut self, out: &mut String) {
        out.push_str(&std::mem::take(&mut self.line));
        if !self.colours.is_empty() {
            out.push_str("\x1b[0m");
        }
        out.push('\n');
        self.before.clone_from(&self.colours);
        self.again = false;
        self.due = None;
    }

    /// When half a line is to be shown, if one waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The half line, where it has waited long enough.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<String> {
        self.due.filter(|due| *due <= now)?;
        self.flush()
    }

    /// The half line, now.
    fn flush(&mut self) -> Option<String> {
        self.due = None;
        let mut out = String::new();
        if !self.line.is_empty() {
            self.line_over(&mut out);
        }
        (!out.is_empty()).then_some(out)
    }

    /// The eval is over: what is left of it.
    pub(crate) fn end(&mut self) -> Option<String> {
        let mut clean = String::new();
        for filter in &mut self.streams {
            filter.finish(Rule::Colours, &mut self.pen, &mut clean);
        }
        let mut out = String::new();
        self.assemble(&clean, &mut out);
        out.push_str(&self.flush().unwrap_or_default());
        *self = Self::new(self.colour, self.escapes);
        (!out.is_empty()).then_some(out)
    }
}

/// The length of the escape sequence this begins with: one of those that the filter lets through.
fn sequence(text: &str) -> usize {
    if text.starts_with("\x1b]") {
        text.find("\x1b\\").map_or(text.len(), |at| at + 2)
    } else {
        text.find('m').map_or(text.len(), |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::Bytes;

    fn run(stream: Stream, text: &str) -> Run {
        Run { stream, data: Bytes(text.as_bytes().to_vec()) }
    }

    fn all(parts: &[&str]) -> String {
        let (mut above, now) = (Above::new(true, true), Instant::now());
        let mut out: String = parts.iter().filter_map(|part| above.push(&[run(Stream::Stdout, part)], now)).collect();
        out.push_str(&above.end().unwrap_or_default());
        out
    }

    #[test]
    fn only_whole_lines_come_out() {
        let (mut above, now) = (Above::new(true, true), Instant::now());
        assert_eq!(above.push(&[run(Stream::Stdout, "half")], now), None);
        assert_eq!(above.push(&[run(Stream::Stdout, " a line\nand")], now).as_deref(), Some("half a line\n"));
        // Half a line comes when nothing else has for a while.
        assert_eq!(above.due(), Some(now + IDLE));
        assert_eq!(above.tick(now), None);
        assert_eq!(above.tick(now + IDLE).as_deref(), Some("and\n"));
        assert_eq!((above.due(), above.tick(now + IDLE * 9)), (None, None));
        above.push(&[run(Stream::Stdout, "the rest")], now);
        assert_eq!(above.end().as_deref(), Some("the rest\n"));
        assert_eq!(above.end(), None);
    }

    #[test]
    fn a_bar_comes_as_it_last_was() {
        assert_eq!(all(&["\r 10%", "\r 50%", "\r100%\n", "done\n"]), "100%\ndone\n");
        assert_eq!(all(&["-", "\x08\\", "\x08|", "\n"]), "|\n");
        assert_eq!(all(&["dos\r\nlines\r\n"]), "dos\nlines\n");
        assert_eq!(all(&["bar\r"]), "bar\n");
    }

    #[test]
    fn each_line_has_its_own_colours() {
        assert_eq!(all(&["\x1b[32mgreen\nstill\x1b[0m not\nplain\n"]), "\x1b[32mgreen\x1b[0m\n\x1b[32mstill\x1b[m not\nplain\n");
        let (mut above, now) = (Above::new(true, true), Instant::now());
        let runs = [run(Stream::Stdout, "out "), run(Stream::Stderr, "err\n"), run(Stream::Stdout, "out\n")];
        assert_eq!(above.push(&runs, now).as_deref(), Some("out \x1b[31merr\x1b[0m\nout\n"));
        let mut plain = Above::new(false, true);
        assert_eq!(plain.push(&runs, now).as_deref(), Some("out err\nout\n"));
        let mut dumb = Above::new(true, false);
        assert_eq!(dumb.push(&[run(Stream::Stderr, "\x1b[32mx\x1b[0m\n")], now).as_deref(), Some("x\n"));
    }

    #[test]
    fn what_moves_about_does_not_come_through() {
        assert_eq!(all(&["a\x1b[2Ab\x1b[2J\x1b]0;t\x07\x1b[Kc\n"]), "abc\n");
    }

    #[test]
    fn a_line_without_an_end_is_broken() {
        let text = "x".repeat(100_000);
        let out = all(&[&text]);
        assert_eq!(out.matches('x').count(), 100_000);
        let one = all(&text.as_bytes().chunks(100).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>());
        assert!(one.lines().all(|line| line.len() <= LONGEST + 100), "{}", one.lines().map(str::len).max().unwrap());
    }
}

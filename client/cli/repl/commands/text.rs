//! What an eval showed, as text that is safe on a terminal; and the last lines of it.

pub(in crate::repl) use crate::render::{failed, value};
use crate::sanitise::Strip;
use rialto_client::protocol::event::Event;
use std::collections::VecDeque;

/// A line longer than this is cut: nobody reads it, and a program that never ends one must not fill the memory. Bytes.
const LONGEST: usize = 8 * 1024;

/// Events in, text out.
#[derive(Debug, Default)]
pub(in crate::repl) struct Text {
    strip: Strip,
    /// The last text that went out ended within a line.
    midline: bool,
}

impl Text {
    /// What this event shows, as it goes on from the last one.
    pub(in crate::repl) fn of(&mut self, event: &Event) -> String {
        let mut out = String::new();
        match event {
            Event::Output(output) => {
                for run in &output.runs {
                    self.strip.clean(&run.data.lossy(), &mut out);
                }
                if let Some(last) = out.chars().next_back() {
                    self.midline = last != '\n';
                }
            }
            Event::Display(display) if crate::render::is_for_programs(&display.data) => {}
            Event::Display(display) => self.block(&value(&display.data), &mut out),
            Event::Ended(ended) => {
                if let Some(result) = &ended.result {
                    self.block(&value(result), &mut out);
                }
                if let Some(failure) = &ended.failure {
                    self.block(&failed(failure), &mut out);
                }
            }
            _ => {}
        }
        out
    }

    /// Begins a new line. True where that takes a newline.
    pub(in crate::repl) const fn fresh_line(&mut self) -> bool {
        std::mem::replace(&mut self.midline, false)
    }

    /// Text that has lines of its own.
    fn block(&mut self, text: &str, out: &mut String) {
        if std::mem::take(&mut self.midline) {
            out.push('\n');
        }
        Strip::default().clean(text.trim_end_matches('\n'), out);
        out.push('\n');
    }
}

/// Text that is safe on a terminal.
pub(in crate::repl) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    Strip::default().clean(text, &mut out);
    out
}

/// The last lines of a text, and how many there were. When full, the oldest goes.
#[derive(Debug)]
pub(in crate::repl) struct LastLines {
    most: usize,
    lines: VecDeque<String>,
    open: String,
    count: u64,
}

impl LastLines {
    pub(in crate::repl) const fn new(most: usize) -> Self {
        Self { most, lines: VecDeque::new(), open: String::new(), count: 0 }
    }

    pub(in crate::repl) fn push(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            let room = LONGEST.saturating_sub(self.open.len());
            match piece.strip_suffix('\n') {
                Some(end) => {
                    self.open.push_str(head(end, room));
                    self.close();
                }
                None => self.open.push_str(head(piece, room)),
            }
            // A progress bar writes one line again and again: only its last state counts.
            if self.open.len() >= LONGEST
                && let Some(at) = self.open.rfind('\r')
            {
                self.open.drain(..=at);
            }
        }
    }

    fn close(&mut self) {
        let line = std::mem::take(&mut self.open);
        self.count += 1;
        if self.lines.len() >= self.most {
            self.lines.pop_front();
        }
        if self.most > 0 {
            self.lines.push_back(visible(&line).to_owned());
        }
    }

    /// Lines so far, an unfinished one too.
    pub(in crate::repl) fn count(&self) -> u64 {
        self.count + u64::from(!self.open.is_empty())
    }

    /// The last ones, oldest first.
    pub(in crate::repl) fn take(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = std::mem::take(&mut self.lines).into();
        let open = visible(&self.open);
        if !open.is_empty() {
            lines.push(open.to_owned());
        }
        let from = lines.len().saturating_sub(self.most);
        lines.split_off(from)
    }
}

/// What is seen of a line that was written over.
fn visible(line: &str) -> &str {
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.rsplit('\r').next().unwrap_or(line)
}

/// The beginning of a text, at most so many bytes, in whole characters.
pub(in crate::repl) fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_all_are_counted() {
        let mut last = LastLines::new(2);
        last.push("one\ntwo\nth");
        last.push("ree\n10%\r20%\r");
        assert_eq!(last.count(), 4);
        assert_eq!(last.take(), ["three", "20%"]);
        let mut endless = LastLines::new(3);
        for _ in 0..1000 {
            endless.push(&"ü".repeat(100));
        }
        assert!(endless.open.len() <= LONGEST && endless.count() == 1);
    }

    #[test]
    fn a_long_progress_bar_keeps_moving() {
        let mut last = LastLines::new(1);
        for i in 0..10_000 {
            last.push(&format!("\rstep {i}"));
        }
        last.push("\n");
        assert_eq!((last.take(), last.count()), (vec!["step 9999".to_owned()], 1));
    }
}

//! A program that prints faster than anybody reads: the first screenfuls are shown, then its lines are counted, and its last
//! ones shown when it is through. Nothing is lost, for the journal has all of it.
//!
//! What was shown long ago does not count: a program that prints a line now and then is shown to its end.

use rialto_client::protocol::{EvalNumber, Seq, Stream};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Screenfuls shown at once.
const SCREENFULS: usize = 3;
/// Screenfuls that are forgiven in a second.
const FORGIVEN: f64 = 1.0;
/// A program that was silent for this long has stopped flooding.
const CALM: Duration = Duration::from_secs(1);
/// Lines shown of the end.
const TAIL_LINES: usize = 8;
/// Bytes kept for them.
const TAIL_BYTES: usize = 8 * 1024;

/// What was not shown of an eval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) n: EvalNumber,
    /// The events it is in.
    pub(crate) first: Seq,
    pub(crate) last: Seq,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

/// A piece of output: where it goes, and what it is.
pub(super) type Piece = (Stream, Vec<u8>);

#[derive(Debug)]
pub(super) struct Flood {
    /// Rows that may still be shown.
    rows: f64,
    filled: Instant,
    /// Characters since the line began, or began again.
    column: usize,
    hiding: Option<Hiding>,
    left: Option<Left>,
}

/// What is not shown, since when.
#[derive(Debug)]
struct Hiding {
    lines: u64,
    bytes: u64,
    last: Instant,
    tail: VecDeque<Piece>,
    kept: usize,
}

impl Flood {
    pub(super) fn new(rows: usize, now: Instant) -> Self {
        Self { rows: (rows * SCREENFULS) as f64, filled: now, column: 0, hiding: None, left: None }
    }

    /// How much of this is shown. The rest is counted.
    pub(super) fn admit(
        &mut self,
        piece: (Stream, &[u8]),
        from: (EvalNumber, Seq),
        window: (usize, usize),
        now: Instant,
    ) -> usize {
        let (stream, bytes) = piece;
        let shown = if self.hiding.is_some() { 0 } else { self.room(bytes, window, now) };
        if let Some(hidden) = bytes.get(shown..).filter(|hidden| !hidden.is_empty()) {
            self.hide((stream, hidden), from, now);
        }
        shown
    }

    fn room(&mut self, bytes: &[u8], (columns, rows): (usize, usize), now: Instant) -> usize {
        self.forgive(rows, now);
        let columns = columns.max(1);
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => {
                    self.rows -= 1.0;
                    self.column = 0;
                }
                b'\r' => self.column = 0,
                // Within a character nothing is counted, and nothing is cut.
                0x80..=0xbf => continue,
                _ => {
                    self.column += 1;
                    // A full line is wrapped by the character after it.
                    if self.column > 1 && (self.column - 1).is_multiple_of(columns) {
                        self.rows -= 1.0;
                    }
                }
            }
            if self.rows < 0.0 {
                return if *byte == b'\n' { at + 1 } else { at };
            }
        }
        bytes.len()
    }

    /// A picture was shown: for the quota it is a screenful.
    pub(super) fn drew(&mut self, rows: usize, now: Instant) {
        self.forgive(rows, now);
        self.rows -= rows as f64;
        self.column = 0;
    }

    fn forgive(&mut self, rows: usize, now: Instant) {
        let forgiven = now.saturating_duration_since(self.filled).as_secs_f64() * FORGIVEN * rows as f64;
        self.rows = (self.rows + forgiven).min((rows * SCREENFULS) as f64);
        self.filled = now;
    }

    fn hide(&mut self, (stream, bytes): (Stream, &[u8]), (n, seq): (EvalNumber, Seq), now: Instant) {
        let fresh = || Hiding { lines: 0, bytes: 0, last: now, tail: VecDeque::new(), kept: 0 };
        let hiding = self.hiding.get_or_insert_with(fresh);
        hiding.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        hiding.bytes += bytes.len() as u64;
        hiding.last = now;
        hiding.keep(stream, bytes);
        let left = self.left.get_or_insert(Left { n, first: seq, last: seq, lines: 0, bytes: 0 });
        left.last = seq;
    }

    /// Lines and bytes that are being hidden.
    pub(super) fn hiding(&self) -> Option<(u64, u64)> {
        self.hiding.as_ref().map(|h| (h.lines, h.bytes))
    }

    /// When the flood will be over if nothing more comes.
    pub(super) fn calm_at(&self) -> Option<Instant> {
        self.hiding.as_ref().map(|h| h.last + CALM)
    }

    /// Shows again: how many lines and bytes stay out, and the last ones, which do not.
    pub(super) fn release(&mut self, rows: usize, now: Instant) -> Option<(u64, u64, Vec<Piece>)> {
        let hiding = self.hiding.take()?;
        (self.rows, self.filled, self.column) = ((rows * SCREENFULS) as f64, now, 0);
        let (lines, bytes) = (hiding.lines, hiding.bytes);
        let (tail, shown_lines, shown_bytes) = hiding.last_lines(TAIL_LINES.min(rows / 3));
        let out = (lines.saturating_sub(shown_lines), bytes.saturating_sub(shown_bytes));
        if let Some(left) = &mut self.left {
            left.lines += out.0;
            left.bytes += out.1;
        }
        Some((out.0, out.1, tail))
    }

    pub(super) fn left(&self) -> Option<Left> {
        self.left.filter(|left| left.bytes > 0)
    }
}

impl Hiding {
    fn keep(&mut self, stream: Stream, bytes: &[u8]) {
        let bytes = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        match self.tail.back_mut() {
            Some((last, text)) if *last == stream && text.len() + bytes.len() <= TAIL_BYTES => text.extend_from_slice(bytes),
            _ => self.tail.push_back((stream, bytes.to_vec())),
        }
        self.kept += bytes.len();
        while let Some((_, oldest)) = self.tail.front()
            && self.kept - oldest.len() >= TAIL_BYTES
        {
            self.kept -= oldest.len();
            self.tail.pop_front();
        }
    }

    /// The last lines, how many they are, and how many bytes.
    fn last_lines(mut self, most: usize) -> (Vec<Piece>, u64, u64) {
        let (mut newlines, mut shown) = (0, Vec::new());
        let mut bytes = 0;
        while let Some((stream, text)) = self.tail.pop_back() {
            let mut from = 0;
            for at in memchr::memrchr_iter(b'\n', &text) {
                newlines += 1;
                // The newline before the first line that is shown is not of them.
                if newlines > most {
                    from = at + 1;
                    break;
                }
            }
            let text = text.get(from..).unwrap_or_default().to_vec();
            bytes += text.len() as u64;
            shown.push((stream, text));
            if newlines > most {
                break;
            }
        }
        shown.reverse();
        // Cut somewhere in its first line: begin with the next one.
        if newlines <= most && self.kept >= TAIL_BYTES {
            cut_first_line(&mut shown, &mut bytes);
        }
        (shown, newlines.min(most) as u64, bytes)
    }
}

fn cut_first_line(shown: &mut [Piece], bytes: &mut u64) {
    if let Some((_, text)) = shown.first_mut() {
        let from = memchr::memchr(b'\n', text).map_or_else(|| char_start(text), |at| at + 1);
        *bytes = bytes.saturating_sub(from as u64);
        text.drain(..from);
    }
}

/// Where the first whole character begins.
fn char_start(text: &[u8]) -> usize {
    text.iter().position(|b| !(0x80..0xc0).contains(b)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: (usize, usize) = (10, 4);

    struct Story {
        flood: Flood,
        now: Instant,
        shown: Vec<u8>,
        seq: Seq,
    }

    impl Story {
        fn new() -> Self {
            let now = Instant::now();
            Self { flood: Flood::new(WINDOW.1, now), now, shown: Vec::new(), seq: 0 }
        }

        fn print(&mut self, text: &str) {
            self.seq += 1;
            let shown = self.flood.admit((Stream::Stdout, text.as_bytes()), (7, self.seq), WINDOW, self.now);
            self.shown.extend_from_slice(&text.as_bytes()[..shown]);
        }

        fn release(&mut self) -> (u64, u64, String) {
            let (lines, bytes, tail) = self.flood.release(WINDOW.1, self.now).unwrap();
            (lines, bytes, tail.iter().map(|(_, text)| String::from_utf8_lossy(text)).collect())
        }
    }

    #[test]
    fn the_first_screenfuls_are_shown_and_the_last_lines() {
        let mut s = Story::new();
        (0..100).for_each(|i| s.print(&format!("{i}\n")));
        let text = String::from_utf8(s.shown.clone()).unwrap();
        assert_eq!((text.lines().count(), text.lines().last()), (13, Some("12")), "{text}");
        assert_eq!(s.flood.hiding().unwrap().0, 87);
        // Of four rows one is the end's.
        let (lines, _, tail) = s.release();
        assert_eq!((lines, tail.as_str()), (86, "99\n"));
        let left = s.flood.left().unwrap();
        assert_eq!((left.n, left.first, left.last, left.lines), (7, 14, 100, 86));
    }

    #[test]
    fn a_bar_that_is_drawn_again_and_again_is_no_flood() {
        let mut s = Story::new();
        (0..10_000).for_each(|i| s.print(&format!("\r{i:4} #####")));
        assert_eq!((s.flood.hiding(), s.flood.left()), (None, None));
    }

    #[test]
    fn a_program_that_prints_slowly_is_shown_to_its_end() {
        let mut s = Story::new();
        for _ in 0..1000 {
            s.print("an epoch\n");
            s.now += Duration::from_millis(300);
        }
        assert_eq!(s.flood.left(), None);
    }

    #[test]
    fn one_long_line_is_a_flood_too() {
        let mut s = Story::new();
        s.print(&"ä".repeat(1_000));
        assert_eq!(String::from_utf8(s.shown.clone()).unwrap().chars().count(), 130, "what is cut is cut between characters");
        assert_eq!(s.release().0, 0);
        assert!(s.flood.left().is_none() || s.flood.left().unwrap().bytes > 0);
    }

    #[test]
    fn after_a_silence_it_is_shown_again() {
        let mut s = Story::new();
        (0..100).for_each(|i| s.print(&format!("{i}\n")));
        assert_eq!(s.flood.calm_at(), Some(s.now + CALM));
        s.release();
        s.shown.clear();
        s.print("calm\n");
        assert_eq!(s.shown, b"calm\n");
        assert!(s.flood.left().is_some());
    }

    #[test]
    fn of_a_gigabyte_little_is_kept() {
        let mut s = Story::new();
        let line = format!("{}\n", "x".repeat(99));
        (0..1_000).for_each(|_| s.print(&line.repeat(100)));
        (0..100_000).for_each(|_| s.print("y\n"));
        let hiding = s.flood.hiding.as_ref().unwrap();
        let kept: usize = hiding.tail.iter().map(|(_, text)| text.capacity()).sum();
        assert!(kept < 6 * TAIL_BYTES, "{kept}");
        assert_eq!(s.release().2, "y\n");
    }
}

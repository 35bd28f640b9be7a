//! Standard output, or only the last lines that were to go there.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Result, Stdout, Write};
use std::rc::Rc;

/// What is kept of them. When there is more the oldest goes, as if fewer had been asked for; of one long line, its beginning. Bytes.
const CEILING: usize = 16 * 1024 * 1024;

/// One output; all clones are the same.
pub(super) struct Last<W = Stdout>(Rc<RefCell<State<W>>>);

impl<W> Clone for Last<W> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

struct State<W> {
    out: W,
    /// None: all of it is written at once.
    kept: Option<Kept>,
}

struct Kept {
    most: usize,
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Last {
    /// The last `most` lines, or all of it.
    pub(super) fn new(most: Option<usize>) -> Self {
        Self::to(std::io::stdout(), most)
    }
}

impl<W: Write> Last<W> {
    fn to(out: W, most: Option<usize>) -> Self {
        let kept = most.map(|most| Kept { most, lines: VecDeque::new(), bytes: 0 });
        Self(Rc::new(RefCell::new(State { out, kept })))
    }

    /// Writes what is kept; from here on all of it is written.
    pub(super) fn release(&self) -> Result<()> {
        let mut state = self.0.borrow_mut();
        for line in state.kept.take().map(|kept| kept.lines).unwrap_or_default() {
            state.out.write_all(&line)?;
        }
        state.out.flush()
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match self.lines.back_mut().filter(|line| !line.ends_with(b"\n")) {
                Some(line) => line.extend_from_slice(piece),
                None => self.lines.push_back(piece.to_owned()),
            }
            self.bytes += piece.len();
            while self.lines.len() > self.most || self.bytes > CEILING && self.lines.len() > 1 {
                self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
            }
            if self.bytes > CEILING
                && let Some(line) = self.lines.front_mut()
            {
                // Half of it, or each piece of a line without an end would move all of it.
                line.drain(..CEILING / 2);
                self.bytes = line.len();
            }
        }
    }
}

impl<W: Write> Write for Last<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut state = self.0.borrow_mut();
        match &mut state.kept {
            Some(kept) => {
                kept.push(bytes);
                Ok(bytes.len())
            }
            None => state.out.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.0.borrow_mut().out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(out: &Last<Vec<u8>>) -> String {
        String::from_utf8(out.0.borrow().out.clone()).unwrap()
    }

    #[test]
    fn the_last_lines_are_written_however_they_came_and_then_all() {
        let mut out = Last::to(Vec::new(), Some(2));
        for piece in ["one\ntw", "o\nthr", "ee\n", "fo", "ur"] {
            out.write_all(piece.as_bytes()).unwrap();
        }
        assert_eq!(written(&out), "");
        out.release().unwrap();
        assert_eq!(written(&out), "three\nfour");
        out.write_all(b"!\nfive\nsix\n").unwrap();
        assert_eq!(written(&out), "three\nfour!\nfive\nsix\n");
        let mut none = Last::to(Vec::new(), Some(0));
        none.write_all(b"one\ntwo").unwrap();
        none.release().unwrap();
        assert_eq!(written(&none), "");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut out = Last::to(Vec::new(), Some(usize::MAX));
        for _ in 0..40 {
            out.write_all(&[b'x'; 1_000_000]).unwrap();
        }
        out.write_all(b"end\n").unwrap();
        out.release().unwrap();
        let all = written(&out);
        assert!(all.len() <= CEILING && all.ends_with("xend\n"), "{}", all.len());
    }
}

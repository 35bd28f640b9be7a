//! Text as a person sees it: without what steers a terminal.

use std::borrow::Cow;

/// What a line of output looks like, and where each of its bytes stood.
pub(super) struct Plain {
    pub(super) text: Vec<u8>,
    at: Vec<usize>,
    len: usize,
}

impl Plain {
    pub(super) fn of(line: &[u8]) -> Self {
        let mut plain = Self { text: Vec::new(), at: Vec::new(), len: line.len() };
        let mut state = State::Text;
        for (at, &byte) in line.iter().enumerate() {
            state = match (state, byte) {
                (State::Text, 0x1b) => State::Escape,
                // Readline's own brackets around what takes no room, where a program prints its prompt unread.
                (State::Text, 1 | 2) => State::Text,
                (State::Text, byte) => {
                    plain.text.push(byte);
                    plain.at.push(at);
                    State::Text
                }
                (State::Escape, b'[') => State::Sequence,
                (State::Escape, b']') => State::Title,
                (State::Escape, b'(' | b')' | b'#' | b'%' | b' ') => State::One,
                (State::Escape | State::One, _) => State::Text,
                (State::Sequence, 0x40..=0x7e) => State::Text,
                (State::Sequence, _) => State::Sequence,
                (State::Title, 7) => State::Text,
                (State::Title, 0x1b) => State::One,
                (State::Title, _) => State::Title,
            };
        }
        plain
    }

    /// Where in the line the byte of this number stands, with the sequences before it that belong to it.
    pub(super) fn place(&self, n: usize) -> usize {
        match n.checked_sub(1) {
            None => 0,
            Some(before) => self.at.get(before).map_or(self.len, |at| at + 1),
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    Text,
    Escape,
    Sequence,
    Title,
    One,
}

/// By this a line editor says that it reads, and that it does not: how a terminal is to mark what is pasted.
const PASTE: &[u8] = b"\x1b[?2004";

/// Output without what the program's line editor says to its terminal around each line that it reads. It is no output of an eval,
/// and whoever is shown the terminal itself gets it another way.
pub(super) fn without_pasting(bytes: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| rest.windows(PASTE.len()).position(|here| here == PASTE);
    if !bytes.contains(&0x1b) || next(bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let (mut kept, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some(at) = next(rest) {
        let (before, from) = rest.split_at(at);
        kept.extend_from_slice(before);
        let after = from.get(PASTE.len()..).unwrap_or_default();
        rest = match after {
            [b'l', b'\r', after @ ..] | [b'h' | b'l', after @ ..] => after,
            _ => {
                kept.extend_from_slice(PASTE);
                after
            }
        };
    }
    kept.extend_from_slice(rest);
    Cow::Owned(kept)
}

/// What is shorter than this is never scrolled sideways. Bytes.
const SCROLLED: usize = 32;

/// Whether a line that came back is what was typed: its letters and digits are at the end of it. Long lines come back in pieces,
/// scrolled sideways, and characters that steer in another form. Of a short one only all of it is an echo: where the program shows
/// nothing of what is typed, `echo hidden` writes a piece of it as well, and that is output.
pub(super) fn is_echo(line: &[u8], typed: &str) -> bool {
    let words = |bytes: &[u8]| bytes.iter().rev().copied().filter(u8::is_ascii_alphanumeric).take(12).collect::<Vec<_>>();
    let (back, last) = (words(&Plain::of(line).text), words(typed.as_bytes()));
    back.starts_with(&last) || typed.len() > SCROLLED && back.len() >= 6 && last.starts_with(&back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_titles_are_no_text() {
        let plain = Plain::of(b"\x1b]0;me: ~\x07\x1b[1;32mme\x1b[0m$ ");
        assert_eq!(plain.text, b"me$ ");
        let plain = Plain::of(b"ab\x1b[1mcd");
        assert_eq!((plain.text.as_slice(), plain.place(2), plain.place(0), plain.place(3)), (&b"abcd"[..], 2, 0, 7));
    }

    #[test]
    fn what_a_line_editor_says_is_no_output() {
        let told = |bytes: &'static [u8]| without_pasting(bytes).into_owned();
        assert_eq!(told(b"\x1b[?2004l\rhello\n\x1b[?2004h"), b"hello\n");
        assert_eq!(told(b"a\x1b[?2004l\x1b[1mb\r\n"), b"a\x1b[1mb\r\n");
        assert_eq!(told(b"\x1b[?2004x\x1b[?2004"), b"\x1b[?2004x\x1b[?2004");
    }

    #[test]
    fn what_was_typed_is_known_again() {
        assert!(is_echo(b"select 1;", "select 1;"));
        assert!(is_echo(b"\r<aaaaaaaaaaaaa';", "select 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa';"));
        assert!(is_echo(b"print('   x')", "print('\tx')"));
        assert!(is_echo(b"", ""));
        assert!(is_echo(b"sqlite> select 1", "select 1"));
        assert!(!is_echo(b"[1]+  Done      sleep 1", "echo hello"));
        assert!(!is_echo(b"hidden", "echo hidden"));
    }
}

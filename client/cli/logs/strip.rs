//! What a program printed, made safe for a terminal of somebody who only reads about it later: colours stay; what would set the
//! title, the clipboard or a mode, ask the terminal for an answer (which it would type into the reader's shell), or paint over
//! other lines of the transcript does not.

/// One stream's place in an escape sequence, kept from one run of output to the next.
#[derive(Debug, Default)]
pub(crate) struct Strip {
    state: State,
    /// A sequence that may turn out to be harmless.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and a byte that announces one more.
    Skip,
    /// After `ESC [`: parameters until a final byte.
    Control,
    /// In a string (OSC, DCS, SOS, PM, APC) that ends with BEL or `ESC \`.
    String,
    /// In a string, after ESC.
    StringEscape,
}

/// A control sequence longer than this is nobody's colour.
const LONGEST: usize = 64;

impl Strip {
    /// Appends what is safe of `text`.
    pub(crate) fn clean(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            self.state = match (self.state, c) {
                // A sequence is broken off by these, wherever it is.
                (State::Escape | State::Control | State::Skip, '\x18' | '\x1a') => State::Text,
                (State::String, '\x07' | '\x18' | '\x1a' | '\u{9c}') | (State::StringEscape, '\\') => State::Text,
                (State::String | State::StringEscape, '\x1b') => State::StringEscape,
                (State::String | State::StringEscape, _) => State::String,
                (_, '\x1b') => {
                    self.held.clear();
                    State::Escape
                }
                // The same as ESC [, ESC ] and their like in one character.
                (_, '\u{9b}') => {
                    self.held.clear();
                    State::Control
                }
                (_, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => State::String,
                (State::Escape, '[') => State::Control,
                (State::Escape, 'P' | 'X' | ']' | '^' | '_') => State::String,
                (State::Escape, ' '..='/') => State::Skip,
                (State::Escape | State::Skip, _) => State::Text,
                (State::Control, '@'..='~') => {
                    if harmless(c, &self.held) {
                        out.push_str("\x1b[");
                        out.push_str(&self.held);
                        out.push(c);
                    }
                    State::Text
                }
                (State::Control, _) => {
                    if self.held.len() < LONGEST {
                        self.held.push(c);
                    }
                    State::Control
                }
                (State::Text, _) => {
                    if !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x08') {
                        out.push(c);
                    }
                    State::Text
                }
            };
        }
    }
}

/// Colours, and what a progress bar does within its own line.
fn harmless(last: char, parameters: &str) -> bool {
    matches!(last, 'm' | 'K' | 'C' | 'D' | 'G')
        && parameters.len() < LONGEST
        && parameters.bytes().all(|b| b.is_ascii_digit() || b == b';' || b == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(parts: &[&str]) -> String {
        let (mut strip, mut out) = (Strip::default(), String::new());
        parts.iter().for_each(|part| strip.clean(part, &mut out));
        out
    }

    #[test]
    fn colours_and_progress_bars_stay() {
        let text = "\x1b[31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[m 50%\r\x1b[K100%\tdone ü\n";
        assert_eq!(clean(&[text]), text);
    }

    #[test]
    fn what_acts_on_the_terminal_goes() {
        for evil in [
            "\x1b]52;c;cm0gLXJmIC8K\x07",
            "\x1b]0;title\x1b\\",
            "\x1bP$q\"p\x1b\\",
            "\x1b[6n",
            "\x1b[c",
            "\x1b[?1049h",
            "\x1b[2J",
            "\x1b[5A",
            "\x1b[21t",
            "\x1bc",
            "\x1b(0",
            "\u{9b}6n",
            "\u{9d}52;c;eA==\u{9c}",
            "\x1b_x\x1b\\",
            "\x07",
            "\x1b[31\x1b]0;x\x07",
        ] {
            assert_eq!(clean(&["a", evil, "b"]), "ab", "{evil:?}");
        }
    }

    #[test]
    fn a_sequence_that_is_cut_is_the_same_sequence() {
        assert_eq!(clean(&["a\x1b", "[3", "1mb\x1b]52;", "c;eA==", "\x1b", "\\c"]), "a\x1b[31mbc");
    }
}

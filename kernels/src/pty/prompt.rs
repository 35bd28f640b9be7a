//! Prompts: given, or learnt from what stands at the end of the output when a program falls quiet.

use super::plain::Plain;
use regex::bytes::{Regex, RegexBuilder};

/// The longest pattern that may be given. Bytes.
const LONGEST: usize = 1_000;
/// What a pattern may take when it is compiled. Bytes.
const COMPILED: usize = 256 * 1024;
/// The longest text that is taken for a prompt. Bytes.
const LONGEST_LEARNT: usize = 200;
/// Continuation prompts that are learnt beside what was given.
const LEARNT: usize = 8;

/// Which prompt it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// It wants the next thing.
    Main,
    /// It wants more of this one.
    More,
}

#[derive(Debug, Default)]
pub(super) struct Prompts {
    main: Option<Regex>,
    more: Vec<Regex>,
}

impl Prompts {
    /// From patterns.
    pub(super) fn given(main: Option<&str>, more: Option<&str>) -> Result<Self, String> {
        let main = main.map(compile).transpose()?;
        Ok(Self { main, more: more.map(compile).transpose()?.into_iter().collect() })
    }

    pub(super) const fn known(&self) -> bool {
        self.main.is_some()
    }

    /// Which prompt stands at the end of this line, and where it begins. Where both do it is the longer one: `>> ` ends as `> ` does.
    pub(super) fn at_end(&self, line: &[u8]) -> Option<(Which, usize)> {
        let plain = Plain::of(line);
        let starts = |pattern: &Regex| pattern.find(&plain.text).map(|found| found.start());
        let main = self.main.as_ref().and_then(starts).map(|at| (at, Which::Main));
        let more = self.more.iter().filter_map(starts).min().map(|at| (at, Which::More));
        let (at, which) = main.into_iter().chain(more).min_by_key(|(at, _)| *at)?;
        Some((which, plain.place(at)))
    }

    pub(super) fn learn(&mut self, line: &[u8]) -> bool {
        self.main = pattern_of(line).and_then(|pattern| compile(&pattern).ok());
        self.main.is_some()
    }

    /// A line that came where more was to be typed, and looks like a prompt.
    pub(super) fn learn_more(&mut self, line: &[u8]) -> bool {
        let text = Plain::of(line).text;
        let looks = [&b"> "[..], b">", b"... ", b"...", b"| ", b"* ", b"- "].iter().any(|end| text.ends_with(end));
        if !looks || is_question(line) || self.more.len() >= LEARNT {
            return false;
        }
        let learnt = pattern_of(line).and_then(|pattern| compile(&format!("^{pattern}")).ok());
        self.more.extend(learnt.clone());
        learnt.is_some()
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > LONGEST {
        return Err(format!("a pattern for a prompt has at most {LONGEST} bytes"));
    }
    let whole = format!("(?:{})\\z", pattern.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(pattern));
    let built = RegexBuilder::new(&whole).size_limit(COMPILED).dfa_size_limit(COMPILED).build();
    // What it says spans lines, with the place marked; the last one says what is wrong.
    built.map_err(|why| format!("{pattern:?} is no pattern: {}", why.to_string().lines().last().unwrap_or_default().trim()))
}

/// The pattern of a prompt: the same text, with any numbers.
pub(super) fn pattern_of(line: &[u8]) -> Option<String> {
    let text = String::from_utf8(Plain::of(line).text).ok()?;
    if text.trim().is_empty() || text.len() > LONGEST_LEARNT || text.contains(|c: char| c.is_control()) {
        return None;
    }
    let mut pattern = String::new();
    let mut in_number = false;
    for c in text.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                pattern.push_str("\\d+");
            }
        } else {
            pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        }
        in_number = c.is_ascii_digit();
    }
    Some(pattern)
}

/// It asks something, and Enter might be an answer.
pub(super) fn is_question(line: &[u8]) -> bool {
    let text = Plain::of(line).text;
    let text = text.trim_ascii_end();
    let asks = |end: &[u8]| text.to_ascii_lowercase().ends_with(end);
    text.contains(&b'?') || [&b":"[..], b"]", b"y/n)", b"y or n)", b"yes/no)"].iter().any(|end| asks(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learnt_prompt_has_any_numbers() {
        let mut prompts = Prompts::default();
        assert!(prompts.learn(b"irb(main):001:0> "));
        assert_eq!(prompts.at_end(b"=> 3irb(main):012:1> "), Some((Which::Main, 4)));
        assert_eq!(prompts.at_end(b"irb(main):012:1> x"), None);
        assert!(!prompts.learn(b"   "));
    }

    #[test]
    fn the_longer_prompt_is_the_one() {
        let prompts = Prompts::given(Some("> $"), Some(">> ")).unwrap();
        assert_eq!(prompts.at_end(b">> "), Some((Which::More, 0)));
        assert_eq!(prompts.at_end(b"x> "), Some((Which::Main, 1)));
        assert_eq!(prompts.at_end(b"\x1b[1m> \x1b[0m"), Some((Which::Main, 0)));
    }

    #[test]
    fn a_pattern_is_bounded() {
        assert!(Prompts::given(Some(&"x".repeat(2_000)), None).unwrap_err().contains("1000 bytes"));
        assert!(Prompts::given(Some("(a{1000}){1000}"), None).is_err());
        assert!(Prompts::given(Some("a("), None).unwrap_err().contains("unclosed"));
    }

    #[test]
    fn questions_are_not_taken_for_prompts() {
        for question in ["Password: ", "Continue? ", "Overwrite [Y/n] ", "Really? (y or n) "] {
            assert!(is_question(question.as_bytes()), "{question}");
        }
        for prompt in ["(gdb) ", "> ", "user@host:~$ ", "iex(1)> "] {
            assert!(!is_question(prompt.as_bytes()), "{prompt}");
        }
    }
}

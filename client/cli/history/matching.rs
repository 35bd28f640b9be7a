//! Which code is looked for, and where in a line it stands.

use crate::paint;
use crate::sanitise;
use anstyle::{AnsiColor, Style};

/// As grep shows what it found.
const FOUND: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).bold();

/// A text that is looked for as it stands: code is full of what a pattern language would want escaped. Without a capital letter
/// in it, letters of either case match.
#[derive(Debug)]
pub(super) struct Matching {
    wanted: String,
    exactly: bool,
}

impl Matching {
    pub(super) fn new(pattern: Option<&str>) -> Self {
        let wanted = pattern.unwrap_or_default().to_owned();
        let exactly = wanted.chars().any(char::is_uppercase);
        Self { wanted, exactly }
    }

    /// Whether anything is looked for.
    pub(super) const fn any(&self) -> bool {
        !self.wanted.is_empty()
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    /// Letters beyond ASCII are compared as they are: then places in both texts are the same.
    fn find(&self, text: &str) -> Option<usize> {
        if self.exactly { text.find(&self.wanted) } else { text.to_ascii_lowercase().find(&self.wanted.to_ascii_lowercase()) }
    }

    /// A line for a terminal: nothing in it acts, and what was looked for is coloured.
    pub(super) fn shown(&self, line: &str) -> String {
        let clean = sanitise::text(line);
        let mut rest = clean.as_str();
        let mut out = String::with_capacity(clean.len());
        while self.any()
            && let Some(at) = self.find(rest)
            && let (Some(before), Some(found), Some(after)) =
                (rest.get(..at), rest.get(at..at + self.wanted.len()), rest.get(at + self.wanted.len()..))
        {
            out.push_str(before);
            out.push_str(&paint::paint(FOUND, found));
            rest = after;
        }
        out + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_matters_where_it_was_typed() {
        let is_in = |pattern: &str, text: &str| Matching::new(Some(pattern)).is_in(text);
        assert!(is_in("dataframe", "pd.DataFrame(") && is_in("DataFrame", "pd.DataFrame("));
        assert!(!is_in("DATAFRAME", "pd.DataFrame(") && is_in("f(", "f(x)") && is_in("ü", "für"));
    }

    #[test]
    fn what_is_found_is_coloured_and_nothing_acts() {
        let shown = Matching::new(Some("ab")).shown("xABy\x1b]0;t\x07ab");
        assert_eq!(anstream::adapter::strip_str(&shown).to_string(), "xAByab");
        assert_eq!(shown.matches("\x1b[31m").count(), 2, "{shown:?}");
        assert_eq!(Matching::new(None).shown("ab"), "ab");
        assert_eq!(Matching::new(Some("É")).shown("aÉb").matches("\x1b[31m").count(), 1);
    }
}

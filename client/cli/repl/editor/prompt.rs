//! The prompt: a cell that says how the session is reached, then the language's own.

use super::state::State;
use rustyline::Prompt;
use std::sync::Arc;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// How the session is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkState {
    Connected,
    /// Since then there is no connection; it is being made again.
    Reconnecting(std::time::Instant),
    /// What is shown lags behind what happens.
    #[allow(dead_code)]
    Behind,
}

/// Seconds, then minutes, then hours that are counted; then it stays.
const COUNTED: usize = 100;
const FIRST_AWAY: usize = 2;

impl LinkState {
    /// Which of the texts says so.
    pub(super) fn text(self) -> usize {
        match self {
            Self::Connected => 0,
            Self::Behind => 1,
            Self::Reconnecting(since) => away(since.elapsed()),
        }
    }
}

fn away(for_: Duration) -> usize {
    let seconds = usize::try_from(for_.as_secs()).unwrap_or(usize::MAX);
    let index = if seconds < COUNTED {
        seconds
    } else if seconds / 60 < COUNTED {
        COUNTED + seconds / 60
    } else {
        2 * COUNTED + (seconds / 3600).min(COUNTED - 1)
    };
    FIRST_AWAY + index
}

/// How prompts are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    pub(super) colours: bool,
    pub(super) unicode: bool,
}

impl Looks {
    /// What this terminal and its user want.
    pub(super) fn here() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default().to_lowercase();
        Self { colours: set("NO_COLOR").is_none(), unicode: locale.contains("utf-8") || locale.contains("utf8") }
    }
}

/// All texts of one prompt, equally wide: the library measures the first and draws whichever is due.
#[derive(Debug, Clone)]
pub(super) struct Face {
    texts: Vec<(String, String)>,
    state: Arc<State>,
}

impl Face {
    /// A prompt for code.
    pub(super) fn of_code(prompt: &str, looks: Looks, state: Arc<State>) -> Self {
        let [good, gone, behind] = if looks.unicode { ["●", "◌", "⏸"] } else { ["*", "~", "="] };
        let paint = |code: &str, cell: &str| if looks.colours { format!("\x1b[{code}m{cell}\x1b[0m") } else { cell.to_owned() };
        let text = |code: &str, cell: &str, rest: &str| (format!("{cell} {rest}"), format!("{} {rest}", paint(code, cell)));
        let mut texts = vec![text("32", good, prompt), text("33", behind, prompt)];
        let width = prompt.trim_end().width();
        for unit in ["s", "m", "h"] {
            for n in 0..COUNTED {
                let count = format!("{n}{unit}");
                let rest = if width >= 3 { format!("{count:>width$} ") } else { prompt.to_owned() };
                texts.push(text("33", gone, &rest));
            }
        }
        Self { texts, state }
    }

    /// A prompt that is as it is.
    pub(super) fn plain(prompt: &str, state: Arc<State>) -> Self {
        let prompt: String = prompt.chars().filter(|c| !c.is_control()).collect();
        Self { texts: vec![(prompt.clone(), prompt)], state }
    }

    pub(super) fn width(&self) -> usize {
        self.texts.first().map_or(0, |(raw, _)| raw.width())
    }

    fn now(&self) -> Option<&(String, String)> {
        self.texts.get(self.state.link()).or_else(|| self.texts.first())
    }
}

/// What stands before the lines after the first: as wide as the prompt with its cell.
pub(super) fn continuation(prompt: &str) -> String {
    format!("  {}", continuation_alone(prompt))
}

/// The same for a prompt without a cell.
pub(super) fn continuation_alone(prompt: &str) -> String {
    let bare = prompt.trim_end().width();
    format!("{}{}", ".".repeat(bare), " ".repeat(prompt.width() - bare))
}

impl Prompt for Face {
    fn raw(&self) -> &str {
        self.now().map_or("", |(raw, _)| raw)
    }

    fn styled(&self) -> &str {
        // Asked at each drawing, on the thread that reads: the one place where a read can be given up from outside.
        self.state.leave_if_cancelled();
        self.now().map_or("", |(_, styled)| styled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_as_wide_as_the_first() {
        for (unicode, prompt) in [(true, ">>> "), (false, ">>> "), (true, "> "), (true, "postgres=# ")] {
            let face = Face::of_code(prompt, Looks { colours: true, unicode }, Arc::default());
            for (raw, _) in &face.texts {
                assert_eq!(raw.width(), prompt.width() + 2, "{raw:?}");
            }
            assert_eq!(continuation(prompt).width(), face.width());
        }
    }

    #[test]
    fn the_time_without_a_connection_is_counted() {
        let face = Face::of_code(">>> ", Looks { colours: false, unicode: true }, Arc::default());
        let text = |seconds| face.texts.get(away(Duration::from_secs(seconds))).unwrap().0.as_str();
        assert_eq!((text(3), text(12), text(99)), ("◌  3s ", "◌ 12s ", "◌ 99s "));
        assert_eq!((text(120), text(5999), text(6000)), ("◌  2m ", "◌ 99m ", "◌  1h "));
        assert_eq!(text(10_000_000), "◌ 99h ");
    }
}

//! Colour on a terminal, plain text in a pipe; complaints always on stderr.

use anstyle::{AnsiColor, Style};
use std::fmt::Display;
use std::io::Write;

pub(crate) const ERROR: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).bold();
pub(crate) const STDERR: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));

/// Text in a style; the stream it goes to strips the style where it is no terminal.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Says what went wrong.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}: {text}", paint(ERROR, "rialto"));
}

/// Says something about what is being done.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", paint(DIM, text));
}

//! Text that may be longer than the screen: printed where it fits, else through the user's pager.

use std::env;
use std::io::{IsTerminal, Write};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A screen of this many lines where nobody says how many it has.
const ROWS: usize = 24;

enum Out {
    /// Nothing is shown yet: it may fit.
    Held(String),
    Pager(Child),
    Plain,
}

/// Takes text piece by piece, and never holds more than a screen of it.
pub(in crate::repl) struct Pager {
    out: Out,
    rows: usize,
    columns: usize,
}

impl Pager {
    pub(in crate::repl) fn new() -> Self {
        let (rows, columns) = screen();
        let out = if std::io::stdout().is_terminal() { Out::Held(String::new()) } else { Out::Plain };
        Self { out, rows, columns }
    }

    /// Shows this next. False where the reader has seen enough.
    pub(in crate::repl) async fn write(&mut self, text: &str) -> std::io::Result<bool> {
        match &mut self.out {
            Out::Held(held) => {
                held.push_str(text);
                if lines(held, self.columns) < self.rows {
                    return Ok(true);
                }
                let held = std::mem::take(held);
                crate::repl::editor::lend();
                self.out = start().map_or(Out::Plain, Out::Pager);
                Box::pin(self.write(&held)).await
            }
            Out::Pager(child) => {
                let Some(pipe) = &mut child.stdin else { return Ok(false) };
                Ok(pipe.write_all(text.as_bytes()).await.is_ok())
            }
            Out::Plain => {
                std::io::stdout().write_all(text.as_bytes())?;
                Ok(true)
            }
        }
    }

    /// All was said. Returns when the reader is done, too.
    pub(in crate::repl) async fn end(self) -> std::io::Result<()> {
        let mut out = std::io::stdout();
        match self.out {
            Out::Held(held) => {
                out.write_all(held.as_bytes())?;
                if !held.is_empty() && !held.ends_with('\n') {
                    out.write_all(b"\n")?;
                }
            }
            Out::Pager(mut child) => {
                drop(child.stdin.take());
                child.wait().await?;
            }
            Out::Plain => {}
        }
        out.flush()
    }
}

/// Rows and columns of the terminal.
pub(in crate::repl) fn screen() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let or = |n: Option<u16>, otherwise| n.map(usize::from).filter(|n| *n > 1).unwrap_or(otherwise);
    (or(size.as_ref().map(|s| s.ws_row), ROWS), or(size.as_ref().map(|s| s.ws_col), 80))
}

/// The user's pager; nothing where none can be started.
fn start() -> Option<Child> {
    crate::facade::may_touch("a pager").ok()?;
    let chosen = env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let mut command = match &chosen {
        Some(pager) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", pager]);
            shell
        }
        None => {
            let mut less = Command::new("less");
            less.arg("-R");
            less
        }
    };
    if env::var_os("LESS").is_none() {
        // As git does: colours pass, and the text stays on the screen afterwards.
        command.env("LESS", "FRX");
    }
    command.stdin(Stdio::piped()).spawn().ok()
}

/// Lines of the screen that text takes, roughly: escape sequences are counted as if they were seen.
fn lines(text: &str, columns: usize) -> usize {
    text.lines().map(|line| line.chars().count().div_ceil(columns).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_take_more_than_one() {
        assert_eq!((lines("", 80), lines("a\nb\n", 80), lines(&"x".repeat(81), 80), lines("\n\n", 80)), (0, 2, 2, 2));
    }
}

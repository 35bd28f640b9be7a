//! `rialto doctor`: is this machine fit to keep sessions, and what would end them? Each check is a sentence; what is wrong says
//! what to do about it.

mod logout;
mod machine;

use crate::exit::{self, Failure};
use crate::paint::{self, paint};
use anstyle::{AnsiColor, Color, Style};
use rialto_bridge::home::Home;
use std::io::Write;

const WARN: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Yellow)));

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Ok,
    Warn,
    Fail,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    mark: Mark,
    /// What was looked at.
    what: &'static str,
    /// What was found.
    text: String,
}

impl Check {
    fn ok(what: &'static str, text: impl Into<String>) -> Self {
        Self { mark: Mark::Ok, what, text: text.into() }
    }

    fn warn(what: &'static str, text: impl Into<String>) -> Self {
        Self { mark: Mark::Warn, what, text: text.into() }
    }

    fn fail(what: &'static str, text: impl Into<String>) -> Self {
        Self { mark: Mark::Fail, what, text: text.into() }
    }
}

pub(crate) fn run() -> Result<u8, Failure> {
    let mut worst = Mark::Ok;
    let mut out = anstream::stdout();
    let mut show = |check: Check| -> std::io::Result<()> {
        worst = worst.max(check.mark);
        let mark = match check.mark {
            Mark::Ok => paint(paint::GOOD, "ok  "),
            Mark::Warn => paint(WARN, "warn"),
            Mark::Fail => paint(paint::ERROR, "fail"),
        };
        // Each one as it is found: the next may take seconds.
        writeln!(out, "{mark}  {:<9}  {}", check.what, check.text)?;
        out.flush()
    };
    match Home::find() {
        Ok(home) => {
            for check in machine::folders(&home) {
                show(check)?;
            }
            show(machine::space(home.state()))?;
            for check in machine::stale(&home) {
                show(check)?;
            }
        }
        Err(why) => show(Check::fail("folders", why.to_string()))?,
    }
    for check in machine::kernels() {
        show(check)?;
    }
    show(logout::check())?;
    show(machine::descriptors())?;
    show(machine::terminal())?;
    Ok(if worst == Mark::Fail { exit::ERROR } else { 0 })
}

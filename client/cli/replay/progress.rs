//! How far it has come, in one line of the terminal that is gone before anything else is written.

use crate::ls::duration;
use rialto_client::protocol::EvalNumber;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// An eval that runs for longer is named with its time.
const LONG: Duration = Duration::from_secs(1);

pub(crate) struct Progress {
    shown: bool,
    on: bool,
    verb: &'static str,
    done: u64,
    of: u64,
    since: Instant,
}

impl Progress {
    pub(crate) fn new(verb: &'static str, of: u64) -> Self {
        let variable = |name: &str, is: &str| std::env::var_os(name).is_some_and(|value| value == is);
        let on = std::io::stderr().is_terminal() && !variable("TERM", "dumb") && !variable("RIALTO_STATUS", "off");
        Self { shown: false, on, verb, done: 0, of, since: Instant::now() }
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.on
    }

    /// One more is over.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        self.since = Instant::now();
    }

    /// Draws the line.
    pub(crate) fn tick(&mut self, n: EvalNumber) {
        if !self.on {
            return;
        }
        let took = self.since.elapsed();
        let took = if took > LONG { format!(" for {}", duration(took.as_millis() as u64)) } else { String::new() };
        let mut err = std::io::stderr();
        let _ = write!(err, "\r\x1b[K\x1b[2m{} #{n}{took} ({} of {})\x1b[m", self.verb, self.done + 1, self.of);
        let _ = err.flush();
        self.shown = true;
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut err = std::io::stderr();
            let _ = write!(err, "\r\x1b[K");
            let _ = err.flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

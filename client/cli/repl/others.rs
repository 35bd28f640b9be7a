//! What other people's evals do, and our own that are over: above the prompt, with whose it is, and no more than a person can
//! read. While our own eval runs or waits, they are a number in the queue and their output is their own business.

use super::Repl;
use super::budget::{Hidden, Judged};
use super::commands::text::failed;
use super::link::seconds;
use super::missed::count;
use crate::paint::{self, paint};
use crate::sanitise;
use rialto_client::protocol::event::{Ended, Output};
use rialto_client::protocol::{Bundle, EvalNumber, Outcome};
use std::time::{Duration, Instant};

/// Shorter than this, how long it took is not worth a word.
const LONG: Duration = Duration::from_secs(1);

impl Repl {
    /// One of them begins.
    pub(super) fn their_start(&mut self, n: EvalNumber) {
        if let Some(line) = self.evals.headline(n) {
            self.dim(&line);
        }
    }

    pub(super) fn their_output(&mut self, output: &Output) {
        if output.background
            && let Some(line) = self.evals.background(output.n)
        {
            self.dim(&line);
        }
        if let Some(lines) = self.above.push(&output.runs, Instant::now()) {
            self.within_budget(output.n, &lines);
        }
    }

    /// As much of these lines as a person can read.
    fn within_budget(&mut self, n: EvalNumber, text: &str) {
        let lines = text.bytes().filter(|b| *b == b'\n').count().max(1);
        match self.budget.judge(n, lines, Instant::now()) {
            Judged::Show(hidden) => {
                self.say_hidden(hidden);
                self.show_above(text);
            }
            Judged::Begin(shown) => {
                let end = text.match_indices('\n').nth(shown.wrapping_sub(1)).map_or(0, |(at, _)| at + 1);
                if end > 0 {
                    self.show_above(text.get(..end).unwrap_or_default());
                }
                self.dim(&format!("⋯ more of #{n} than can be read here; :more {n} shows it"));
            }
            Judged::Hide => {}
        }
    }

    fn say_hidden(&mut self, hidden: Option<Hidden>) {
        if let Some(Hidden { n, lines }) = hidden {
            self.dim(&format!("⋯ {} of #{n} not shown", count(lines, "line", "lines")));
        }
    }

    pub(super) fn their_value(&mut self, n: EvalNumber, data: &Bundle) {
        self.half_line();
        let text = self.screen.as_text(data, n);
        self.within_budget(n, &text);
    }

    /// One of them is over. How, where that is not simply that; how long it took, where that was long.
    pub(super) fn their_end(&mut self, ended: &Ended, took: Option<Duration>, was_waiting: bool) {
        self.half_line();
        let hidden = self.budget.end();
        self.say_hidden(hidden);
        self.their_rest(ended);
        let took = took.filter(|took| *took >= LONG).map(|took| format!(" after {}", seconds(took)));
        if was_waiting {
            let line = self.evals.headline(ended.n).unwrap_or_else(|| format!("#{}", ended.n));
            self.dim(&format!("{line}: {}", crate::wait::outcome(ended)));
        } else if took.is_some() || ended.outcome != Outcome::Ok {
            let took = took.unwrap_or_default();
            self.dim(&format!("#{} {}{took}", ended.n, crate::wait::outcome(ended)));
        }
        if let Some(why) = &ended.why
            && !was_waiting
        {
            self.dim(why);
            self.told = Some(why.clone());
        }
        if ended.fresh_state {
            self.talk(if self.live {
                crate::exec::AGAIN_IN
            } else {
                "this ran in a fresh kernel: what earlier evals made is gone"
            });
        }
    }

    /// Its value and its error.
    pub(super) fn their_rest(&mut self, ended: &Ended) {
        if let Some(result) = &ended.result {
            self.their_value(ended.n, result);
        }
        if let Some(failure) = &ended.failure {
            let text = failed(failure);
            let last = sanitise::text(text.trim_end().lines().next_back().unwrap_or_default());
            self.show_above(&paint(paint::STDERR, last));
        }
    }

    /// The line that has no end yet.
    fn half_line(&mut self) {
        if let Some(half) = self.above.end() {
            self.show_above(&half);
        }
    }

    fn dim(&mut self, text: &str) {
        self.half_line();
        self.show_above(&paint(paint::DIM, sanitise::text(text)));
    }
}

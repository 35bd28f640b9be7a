//! What is looked at when it has been quiet for a moment: whether the program is at its prompt, asks, or goes on.

use super::super::prompt::{Which, is_question, pattern_of};
use super::super::tty::Modes;
use super::super::waits::Waits;
use super::{FENCE, IDLE, LAST, LOOKS_DONE, NO_ECHO, PARTIAL, SETTLE, State, Talk, View, unfinished};
use rialto_protocol::kernel::{Ask, KernelEvent};
use std::time::Duration;

impl Talk {
    /// Nothing has come for a moment.
    pub(in crate::pty) fn look(&mut self, view: &mut View<'_>) {
        match &self.state {
            State::Starting { .. } => self.look_at_start(view),
            State::Idle => self.look_between(view),
            State::Running(_) => self.look_at_eval(view),
        }
    }

    pub(super) fn look_again(&mut self, quiet: Duration) {
        self.look_in = Some(quiet.clamp(SETTLE, LAST));
    }

    fn look_between(&mut self, view: &View<'_>) {
        match self.prompts.at_end(&self.line) {
            // The prompt, drawn anew after what was told meanwhile.
            Some((Which::Main, at)) => {
                self.tell_line(at);
                self.line.clear();
                (self.at_prompt, self.by_hand) = (true, false);
            }
            _ if view.quiet >= PARTIAL => self.tell_partial(),
            _ if !self.line.is_empty() => self.look_in = Some(PARTIAL),
            _ => {}
        }
        if let Some(number) = self.fence {
            if view.quiet >= FENCE {
                self.fence = None;
                self.interrupts = 0;
                self.told.push_back(KernelEvent::Fenced(number));
            } else {
                self.look_in = Some(FENCE);
            }
        }
    }

    fn look_at_eval(&mut self, view: &mut View<'_>) {
        if self.echo.is_some() {
            if view.quiet < NO_ECHO {
                return self.look_again(view.quiet);
            }
            if (view.waits)() == Waits::No {
                return self.look_again(view.quiet);
            }
            // It does not come back: what came instead is output.
            self.echo = None;
            // An interrupt takes away what is half typed, which says nothing of the program.
            let interrupted = matches!(&self.state, State::Running(running) if running.interrupted);
            self.echoes &= view.modes.lines || interrupted;
            self.sort();
        }
        let quiet = view.quiet;
        if let Some((which, at)) = self.prompts.at_end(&self.line) {
            let waits = (view.waits)();
            if waits == Waits::No && quiet < LOOKS_DONE {
                return self.look_again(quiet);
            }
            self.tell_line(at);
            self.line.clear();
            return self.prompted(which, waits == Waits::No, view.modes);
        }
        if !self.prompts.known() {
            return self.look_without_prompt(view);
        }
        if quiet < PARTIAL {
            self.look_in = Some(PARTIAL.saturating_sub(quiet));
            return;
        }
        if self.waits_for_hand() {
            self.tell_partial();
            return self.wait_for_hand(quiet);
        }
        let waits = (view.waits)();
        // A program that reads keys itself, or reads what must not be seen, waits for somebody even where it listens to more.
        let wants = waits == Waits::Reads || waits == Waits::Perhaps && !(view.modes.lines && view.modes.shows);
        if !wants {
            self.reads = None;
        } else if self.asked.is_none() {
            if self.still_reads(quiet) {
                self.wanted(view);
            }
            return;
        }
        if self.asked.is_none() {
            self.tell_partial();
        }
        self.look_again(quiet);
    }

    /// It waits for something, and its prompt is not there.
    fn wanted(&mut self, view: &View<'_>) {
        let State::Running(running) = &mut self.state else { return };
        if running.cancelled > 0 {
            return if view.quiet < NO_ECHO { self.look_again(view.quiet) } else { self.take_back() };
        }
        if running.sent && !running.lines.is_empty() && !running.interrupted && self.prompts.learn_more(&self.line) {
            self.line.clear();
            return self.prompted(Which::More, false, view.modes);
        }
        self.ask(view.modes);
    }

    fn ask(&mut self, modes: Modes) {
        self.asks += 1;
        let secret = modes.lines && !modes.shows;
        self.asked = Some((self.asks, secret));
        let prompt = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        self.told.push_back(KernelEvent::Ask(Ask { n: self.n, ask: self.asks, prompt, secret, line: true }));
    }

    /// No prompt is known: where it reads it is done, as far as one can see.
    fn look_without_prompt(&mut self, view: &mut View<'_>) {
        let waits = (view.waits)();
        let done = match waits {
            Waits::Reads => view.quiet >= PARTIAL,
            Waits::Perhaps => view.quiet >= IDLE,
            Waits::No => false,
        };
        if !done {
            self.reads = None;
            return self.look_again(view.quiet);
        }
        if !self.still_reads(view.quiet) {
            return;
        }
        if let State::Running(running) = &self.state
            && !running.sent
            && is_question(&self.line)
        {
            if self.asked.is_none() {
                self.ask(view.modes);
            }
            return;
        }
        let modes = view.modes;
        // What stands there twice in a row is a prompt.
        let stands = pattern_of(&self.line).filter(|_| !is_question(&self.line));
        if stands.is_some() && stands == self.candidate && self.prompts.learn(&self.line) {
            self.line.clear();
        }
        self.candidate = stands;
        self.tell_partial();
        let more = if let State::Running(running) = &self.state { !running.lines.is_empty() } else { false };
        if more {
            self.next_line(modes);
        } else {
            self.end_well(true);
        }
    }

    fn prompted(&mut self, which: Which, guess: bool, modes: Modes) {
        self.at_prompt = which == Which::Main;
        self.by_hand &= !self.at_prompt;
        self.asked = None;
        let closes = self.known.language.ends_with_nothing();
        let State::Running(running) = &mut self.state else { return };
        if which == Which::Main && (running.failure.is_some() || running.interrupted || running.lines.is_empty() && running.sent)
        {
            return self.end_well(guess);
        }
        if which == Which::More && (running.cancelled > 0 || running.interrupted) {
            return self.take_back();
        }
        if !running.lines.is_empty() {
            return self.next_line(modes);
        }
        if closes && !running.closed {
            running.closed = true;
            return self.say("", modes);
        }
        running.failure = Some(unfinished());
        let code = running.code.clone();
        self.remember(&code);
        self.take_back();
    }
}

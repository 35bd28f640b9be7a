//! When a program that was started is ready, and what its prompt is.

use super::super::prompt::{Which, is_question, pattern_of};
use super::super::waits::Waits;
use super::{NO_ECHO, SETTLE, STARTED, STARTED_ANYHOW, State, Talk, View, ms};

impl Talk {
    pub(super) fn look_at_start(&mut self, view: &mut View<'_>) {
        let quiet = view.quiet;
        // Whoever draws has no prompt, and what would be typed to learn of one would be a key for it.
        self.known.draws |= view.drawn;
        let stands = matches!(self.prompts.at_end(&self.line), Some((Which::Main, _)));
        let late = view.since_start >= STARTED_ANYHOW;
        let waits = (view.waits)();
        let settled = match waits {
            Waits::Reads => quiet >= ms(60),
            Waits::Perhaps => quiet >= NO_ECHO,
            Waits::No => quiet >= STARTED && self.known.draws,
        };
        let before = self.early_pattern();
        let State::Starting { first, begun, probed, broke } = &mut self.state else { return };
        // The prompt there is now is not ours yet where its first line makes it so.
        let at_first = !*begun && !first.is_empty() && settled && !self.line.is_empty();
        if stands && waits != Waits::No || at_first {
            *begun |= !first.is_empty();
            match first.pop_front() {
                Some(line) => {
                    self.line.clear();
                    self.say(line, view.modes);
                }
                None => self.is_ready(true),
            }
            return;
        }
        if self.prompts.known() {
            if waits != Waits::No && quiet >= STARTED || late {
                return self.is_ready(false);
            }
            return self.look_again(quiet);
        }
        if self.known.draws {
            return if settled || late { self.is_ready(true) } else { self.look_again(quiet) };
        }
        if !settled && !late {
            return self.look_again(quiet);
        }
        let secret = view.modes.lines && !view.modes.shows;
        // Nor is anything typed between the keys of somebody who is there.
        if self.by_hand {
            return self.is_ready(false);
        }
        if self.line.is_empty() || secret || is_question(&self.line) || late {
            return self.is_ready(self.line.is_empty());
        }
        if *probed > 0 {
            let same = pattern_of(&self.line).is_some_and(|pattern| before == Some(pattern));
            if same || *probed > 1 {
                self.echoes = *broke;
                self.prompts.learn(&self.line);
                return self.is_ready(true);
            }
        }
        // An empty line, and what stands there afterwards.
        (*probed, *broke) = (*probed + 1, false);
        let candidate = std::mem::take(&mut self.line);
        self.early.extend_from_slice(&candidate);
        self.typed.extend_from_slice(self.eol);
        self.look_in = Some(SETTLE);
    }

    /// The pattern of what stood at the end before an empty line was typed.
    fn early_pattern(&self) -> Option<String> {
        let from = self.early.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        pattern_of(self.early.get(from..)?)
    }

    fn is_ready(&mut self, at_prompt: bool) {
        let probed = matches!(self.state, State::Starting { probed, .. } if probed > 0);
        self.at_prompt = at_prompt;
        self.state = State::Idle;
        self.look_in = None;
        let shown = String::from_utf8_lossy(&self.line).trim().to_owned();
        let note = match (self.prompts.known(), at_prompt) {
            (true, true) if probed => format!("its prompt is {shown:?}, as it seems"),
            (true, true) => String::new(),
            (true, false) => "its prompt has not come yet".to_owned(),
            (false, _) if self.known.draws => "it draws on the whole screen: `rialto attach --raw` shows that".to_owned(),
            (false, _) => "it shows no prompt: an eval is over when it falls quiet".to_owned(),
        };
        self.ready = Some(note);
        if probed {
            // The same stands there once more.
            let from = self.early.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.early.truncate(from);
        }
        if at_prompt {
            self.line.clear();
        }
    }

    /// What it said before it was ready, after `Ready`.
    pub(in crate::pty) fn tell_early(&mut self) {
        let early = std::mem::take(&mut self.early);
        self.tell(&early);
    }
}

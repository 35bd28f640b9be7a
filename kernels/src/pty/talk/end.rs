//! Where an eval ends, and how.

use super::{FENCE, LINE, State, Talk, UNFINISHED};
use rialto_protocol::data::Failure;
use rialto_protocol::kernel::{Done, DoneHow, KernelEvent};

impl Talk {
    pub(super) fn end_well(&mut self, guess: bool) {
        let State::Running(running) = &mut self.state else { return };
        let how = match running.failure.take() {
            Some(failure) => DoneHow::Error(failure),
            None if running.interrupted => DoneHow::Interrupted(Failure {
                name: "Interrupted".to_owned(),
                value: "the eval was interrupted".to_owned(),
                traceback: String::new(),
            }),
            None => DoneHow::Ok,
        };
        self.end(how, guess);
    }

    pub(super) fn end(&mut self, how: DoneHow, idle_guess: bool) {
        self.begin_turn();
        self.state = State::Idle;
        (self.at_prompt, self.by_hand) = (true, false);
        self.background = true;
        self.asked = None;
        self.told.push_back(KernelEvent::Done(Done { n: self.n, how, result: None, idle_guess }));
        self.look_in = Some(FENCE);
    }

    pub(super) fn remember(&mut self, code: &std::sync::Arc<str>) {
        if !self.unfinished.contains(code) && code.len() <= LINE {
            self.unfinished.truncate(UNFINISHED - 1);
            self.unfinished.push_front(code.clone());
        }
    }

    /// Whether code is whole. None: only running it would tell.
    pub(in crate::pty) fn is_whole(&self, code: &str) -> Option<bool> {
        let known = self.known.language.is_whole(code);
        known.or_else(|| self.unfinished.iter().any(|seen| **seen == *code).then_some(false))
    }
}

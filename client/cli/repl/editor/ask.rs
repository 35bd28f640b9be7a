//! What the editor wants to know of the kernel while somebody types.

use super::guess::guess;
use super::reply::{Reply, Waited, Waiting, question};
use super::state::State;
use super::{Question, Typed};
use rialto_client::protocol::Bundle;
use rialto_client::protocol::kernel::{Completeness, Completions};
use std::io::stdin;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the kernel may think about whether an entry is complete.
const JUDGING: Duration = Duration::from_secs(1);
/// How long somebody who presses no other key may wait for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whom to ask.
#[derive(Clone)]
pub(super) struct Asker {
    said: mpsc::Sender<Typed>,
    state: Arc<State>,
    /// The last question about completions: asked again for the same text, its answer may have come meanwhile.
    completing: Arc<Mutex<Option<Completing>>>,
    /// A question about completeness that was not answered in time. Until it is, or the link is lost, no Enter waits again.
    silent: Arc<Mutex<Option<Waiting<Completeness>>>>,
}

#[derive(Debug)]
struct Completing {
    code: String,
    cursor: usize,
    answer: Waiting<Completions>,
}

impl Asker {
    pub(super) fn new(said: mpsc::Sender<Typed>, state: Arc<State>) -> Self {
        Self { said, state, completing: Arc::default(), silent: Arc::default() }
    }

    /// Says something that the read need not end for. Where nobody listens it is not said.
    pub(super) fn say(&self, typed: Typed) {
        let _ = self.said.try_send(typed);
    }

    fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Question) -> Option<Waiting<T>> {
        if !self.state.connected() {
            return None;
        }
        let (reply, waiting) = question().ok()?;
        self.said.try_send(Typed::Ask(make(reply))).ok()?;
        Some(waiting)
    }

    /// Would the language's REPL run this? The kernel says, or we guess.
    pub(super) fn judge(&self, code: &str) -> Completeness {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if silent.as_ref().is_some_and(|waiting| waiting.wait(Duration::ZERO, None) == Waited::Late) {
            return guess(code);
        }
        let Some(waiting) = self.ask(|answer| Question::Judge { code: code.to_owned(), answer }) else { return guess(code) };
        let waited = waiting.wait(JUDGING, None);
        *silent = (waited == Waited::Late).then_some(waiting);
        match waited {
            Waited::Answer(Some(answer)) => answer,
            Waited::Answer(None) | Waited::Key | Waited::Late => guess(code),
        }
    }

    /// What could stand here. Nothing where a key was pressed first: the answer is kept for the next time.
    pub(super) fn complete(&self, code: &str, cursor: usize) -> Option<Completions> {
        let mut last = self.completing.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|last| last.code != code || last.cursor != cursor) {
            let ask = |answer| Question::Complete { code: code.to_owned(), cursor, answer };
            *last = self.ask(ask).map(|answer| Completing { code: code.to_owned(), cursor, answer });
        }
        let waited = last.as_ref().map(|last| last.answer.wait(PATIENCE, Some(stdin().as_fd())));
        match waited {
            Some(Waited::Key) => None,
            Some(Waited::Answer(found)) => {
                *last = None;
                found
            }
            Some(Waited::Late) | None => {
                *last = None;
                None
            }
        }
    }

    /// What is known of the name here.
    pub(super) fn inspect(&self, code: &str, cursor: usize) -> Option<Bundle> {
        let ask = |answer| Question::Inspect { code: code.to_owned(), cursor, detail: 0, answer };
        match self.ask(ask)?.wait(PATIENCE, Some(stdin().as_fd())) {
            Waited::Answer(found) => found,
            Waited::Key | Waited::Late => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::prompt::LinkState;
    use super::*;

    #[test]
    fn a_kernel_that_is_silent_is_asked_again_when_it_speaks() {
        let state = Arc::new(State::default());
        state.set_link(LinkState::Connected.text());
        let (said, mut asked) = mpsc::channel(8);
        let asker = Asker::new(said, state);
        // We guess, after a while; and then at once, without another question.
        assert_eq!(asker.judge("1"), guess("1"));
        let Ok(Typed::Ask(Question::Judge { answer, .. })) = asked.try_recv() else { panic!("nothing was asked") };
        assert_eq!(asker.judge("2"), guess("2"));
        assert!(asked.try_recv().is_err());
        // The answer comes after all; a lost link drops the question, which is the same.
        drop(answer);
        let answers = std::thread::spawn(move || match asked.blocking_recv() {
            Some(Typed::Ask(Question::Judge { answer, .. })) => answer.give(Completeness::Incomplete { indent: "  ".to_owned() }),
            _ => panic!("nothing was asked"),
        });
        assert_eq!(asker.judge("3"), Completeness::Incomplete { indent: "  ".to_owned() });
        answers.join().unwrap();
    }
}

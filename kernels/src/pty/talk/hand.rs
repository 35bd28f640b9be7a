//! What somebody types into the terminal by hand, past all evals. While their line stands there, or the program they started runs, an eval
//! waits: it is typed once the prompt is back.

use super::{IDLE, SETTLE, State, Talk};
use rialto_protocol::data::{Run, Stream};
use rialto_protocol::kernel::KernelEvent;
use std::time::Duration;

impl Talk {
    /// Somebody typed this.
    pub(in crate::pty) fn keys(&mut self, keys: &[u8]) {
        self.typed.extend_from_slice(keys);
        self.by_hand = true;
        self.at_prompt = false;
        self.reads = None;
        self.look_in = Some(SETTLE);
    }

    /// So many bytes were drawn on a screen of the program's own, which it has left.
    pub(in crate::pty) fn drew(&mut self, bytes: u64) {
        self.tell(format!("[{bytes} bytes were drawn on the whole screen; that is not kept]\n").as_bytes());
    }

    /// An eval that nothing was typed for yet waits for somebody's hand.
    pub(super) fn waits_for_hand(&self) -> bool {
        self.by_hand && matches!(&self.state, State::Running(running) if !running.sent)
    }

    /// The prompt is not there: whoever waits for the eval is told why.
    pub(super) fn wait_for_hand(&mut self, quiet: Duration) {
        let State::Running(running) = &mut self.state else { return };
        if quiet >= IDLE && !std::mem::replace(&mut running.noted, true) {
            let text = "[somebody types in the terminal: this runs when the prompt is back]\n";
            let runs = vec![Run { stream: Stream::Stderr, data: text.as_bytes().to_vec().into() }];
            let n = self.next.unwrap_or(self.n);
            self.told.push_back(KernelEvent::Output { n, background: false, runs });
        }
        self.look_again(quiet.max(SETTLE));
    }

    /// The eval that is interrupted never began: what somebody does by hand is not stopped for it.
    pub(super) fn give_up_waiting(&mut self) {
        if let State::Running(running) = &mut self.state {
            running.interrupted = true;
        }
        self.end_well(false);
        (self.by_hand, self.at_prompt) = (true, false);
    }

    /// What comes from here on is the eval's.
    pub(super) fn begin_turn(&mut self) {
        if let Some(n) = self.next.take() {
            (self.n, self.background) = (n, false);
        }
    }
}

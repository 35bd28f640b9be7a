//! What the editor's threads, its keys and its prompt know of one another.

use super::keypress::Standing;
use super::prompt::LinkState;
use nix::sys::signal::{Signal, raise};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Why a read was given up, where the library only says that it was interrupted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Left {
    /// To read on with this text, the cursor there: what is drawn is this one.
    Again { text: String, pos: usize, drawn: String },
    /// To write on in the person's own editor.
    External { text: String, drawn: String },
    /// The rest of a long output is wanted.
    More,
    /// Out, at once.
    Quit,
    /// The question is moot.
    Cancelled,
}

#[derive(Debug, Default)]
pub(super) struct State {
    link: AtomicUsize,
    /// The number of the read that goes on; 0 for none.
    reading: AtomicU64,
    /// The read that is to be given up.
    cancelled: AtomicU64,
    /// Code is read, and keys mean what they mean for code.
    code: AtomicBool,
    /// The line is found by searching: the prompt of the search is up.
    pub(super) searching: AtomicBool,
    /// A paste begins.
    pub(super) pasted: AtomicBool,
    /// The next completion is none: this is to stand on the line up to the cursor.
    instead: Mutex<Option<String>>,
    /// As the library knows them: how wide the window is, and the prompt.
    pub(super) columns: AtomicUsize,
    pub(super) prompt: AtomicUsize,
    left: Mutex<Option<Left>>,
    line: Mutex<String>,
    /// A question that one key answers, while it stands on the screen.
    pub(super) standing: Standing,
    hint: Mutex<String>,
    pub(super) draft: Arc<Draft>,
}

/// What stands where code is typed, for whoever keeps it.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    text: Mutex<String>,
    changed: Notify,
}

impl Draft {
    pub(crate) fn is(&self, text: String) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
        self.changed.notify_one();
    }

    /// As it was drawn last.
    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It may be another one now.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl State {
    pub(super) fn link(&self) -> usize {
        self.link.load(SeqCst)
    }

    pub(super) fn connected(&self) -> bool {
        self.link() == LinkState::Connected.text()
    }

    /// Whether that changes what is drawn.
    pub(super) fn set_link(&self, text: usize) -> bool {
        self.link.swap(text, SeqCst) != text
    }

    pub(super) fn begin(&self, read: u64, code: bool) {
        self.code.store(code, SeqCst);
        self.searching.store(false, SeqCst);
        self.pasted.store(false, SeqCst);
        self.reading.store(read, SeqCst);
    }

    pub(super) fn end(&self) {
        self.reading.store(0, SeqCst);
        self.code.store(false, SeqCst);
    }

    pub(super) fn reading(&self) -> bool {
        self.reading.load(SeqCst) != 0
    }

    pub(super) fn code(&self) -> bool {
        self.code.load(SeqCst)
    }

    pub(super) fn cancel(&self, read: u64) {
        self.cancelled.store(read, SeqCst);
    }

    pub(super) fn cancelled(&self) -> bool {
        let reading = self.reading.load(SeqCst);
        reading != 0 && self.cancelled.load(SeqCst) == reading
    }

    /// For the thread that reads, while the library listens to its signal: the signal is delivered before this returns.
    pub(super) fn leave_if_cancelled(&self) {
        if self.cancelled() && self.left().is_none() {
            self.leave(Left::Cancelled);
        }
    }

    /// As above: the read ends, and this is why.
    pub(super) fn leave(&self, why: Left) {
        *self.left() = Some(why);
        let _ = raise(Signal::SIGINT);
    }

    /// The read ends by the command that a key gives; this is why.
    pub(super) fn leaves(&self, why: Left) {
        *self.left() = Some(why);
    }

    fn left(&self) -> MutexGuard<'_, Option<Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_left(&self) -> Option<Left> {
        self.left().take()
    }

    /// What stands on the line up to the cursor is to become this.
    pub(super) fn put_instead(&self, text: String) {
        *self.instead.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    pub(super) fn take_instead(&self) -> Option<String> {
        self.instead.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The line as it was drawn last.
    pub(super) fn set_line(&self, line: &str) {
        line.clone_into(&mut self.line.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn line(&self) -> String {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The suggestion that is drawn after the line.
    pub(super) fn set_hint(&self, hint: &str) {
        hint.clone_into(&mut self.hint.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn hint(&self) -> String {
        self.hint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

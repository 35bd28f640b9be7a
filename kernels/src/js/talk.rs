//! From the session's thread to the engine's: commands in a queue, and two words that reach code while it computes.

use rialto_protocol::kernel::KernelCommand;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Commands that wait. The session sends an eval only after the last one's end, and asks one thing at a time: whoever fills this
/// has broken its word, and the kernel ends.
const WAITING: usize = 256;

/// How the thread is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ends {
    /// It is not.
    Not = 0,
    /// In an orderly way; code has no exit handlers, so at once.
    Asked = 1,
    Terminated = 2,
    Killed = 3,
}

#[derive(Debug, Default)]
pub(super) struct Talk {
    waiting: Mutex<VecDeque<KernelCommand>>,
    rings: Condvar,
    interrupt: AtomicBool,
    ends: AtomicU8,
}

impl Talk {
    pub(super) fn say(&self, command: KernelCommand) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push_back(command);
        } else {
            self.ends.fetch_max(Ends::Killed as u8, SeqCst);
        }
        self.rings.notify_one();
    }

    pub(super) fn interrupt(&self) {
        // Under the lock, so that a thread about to sleep does not miss it.
        let _waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.interrupt.store(true, SeqCst);
        self.rings.notify_one();
    }

    pub(super) fn end(&self, how: Ends) {
        let _waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.ends.fetch_max(how as u8, SeqCst);
        self.rings.notify_one();
    }

    pub(super) fn interrupted(&self) -> bool {
        self.interrupt.load(SeqCst)
    }

    /// No interrupt that came before this has an effect any more.
    pub(super) fn forget_interrupt(&self) {
        self.interrupt.store(false, SeqCst);
    }

    pub(super) fn ends(&self) -> Ends {
        match self.ends.load(SeqCst) {
            0 => Ends::Not,
            1 => Ends::Asked,
            2 => Ends::Terminated,
            _ => Ends::Killed,
        }
    }

    /// The next command that is wanted now, waiting for it until then (for ever where nothing is given). Nothing where the time
    /// is up, where the thread is to end, or where an interrupt came and is listened to.
    pub(super) fn next(
        &self,
        until: Option<Instant>,
        interruptible: bool,
        wanted: fn(&KernelCommand) -> bool,
    ) -> Option<KernelCommand> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.ends() != Ends::Not || interruptible && self.interrupted() {
                return None;
            }
            if let Some(at) = waiting.iter().position(wanted) {
                return waiting.remove(at);
            }
            waiting = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.rings.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => self.rings.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

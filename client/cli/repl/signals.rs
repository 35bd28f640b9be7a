//! Signals, and the clock.

use std::future::pending;
use std::time::Instant;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::time::sleep_until;

/// What a signal means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Ctrl-C while nothing is read.
    Interrupt,
    /// Ctrl-\ while nothing is read: out at once.
    Quit,
    /// The window was closed, or somebody wants this program to end.
    Gone,
}

pub(super) struct Signals {
    interrupt: unix::Signal,
    hangup: unix::Signal,
    terminate: unix::Signal,
    quit: unix::Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Interrupts that have come so far were for somebody else.
    pub(super) async fn forget_interrupts(&mut self) {
        loop {
            tokio::select! {
                biased;
                _ = self.interrupt.recv() => {}
                () = std::future::ready(()) => return,
            }
        }
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.hangup.recv() => Signal::Gone,
            _ = self.terminate.recv() => Signal::Gone,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

/// Waits for a moment, or for ever.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

//! Signals, and the clock.

use super::editor::{Before, can_edit};
use nix::libc::SIGTSTP;
use std::future::{Future, pending};
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
    /// Ctrl-Z while nothing is read.
    Stop,
    /// The window was closed, or somebody wants this program to end.
    Gone,
}

pub(super) struct Signals {
    interrupt: unix::Signal,
    hangup: unix::Signal,
    terminate: unix::Signal,
    quit: unix::Signal,
    /// Where the terminal is not as the shell had it, and must be before we stop.
    stop: Option<unix::Signal>,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            stop: if can_edit() { Some(signal(SignalKind::from_raw(SIGTSTP))?) } else { None },
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
            () = received(&mut self.stop) => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }

    /// Work during which Ctrl-Z stops this program, as it does at any other time.
    pub(super) async fn stopping<T>(&mut self, before: &Before, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = received(&mut self.stop) => before.stop(),
                done = &mut work => return done,
            }
        }
    }
}

async fn received(signal: &mut Option<unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => pending().await,
    }
}

/// Waits for a moment, or for ever.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

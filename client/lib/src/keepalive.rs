//! Noticing a link that died without a word.
//!
//! No task runs in the background, so time passes in which nobody reads. Silence in such a time proves nothing: death is
//! declared only after the link has been read again.

use std::time::Duration;

/// Silence after which the other side is asked.
const ASK: Duration = Duration::from_secs(15);
/// How long the answer may take.
const ANSWER: Duration = Duration::from_secs(15);
/// A longer pause between two looks means that nobody looked.
const AWAY: Duration = Duration::from_secs(2);
/// After having been away: time to read what waits.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    Fine,
    Ping,
    Dead,
}

#[derive(Debug, Default)]
pub(crate) struct Pulses {
    on: bool,
    heard: Duration,
    asked: Option<Duration>,
    seen: Duration,
    not_before: Duration,
}

impl Pulses {
    /// A new link.
    pub(crate) const fn link(&mut self, now: Duration, on: bool) {
        *self = Self { on, heard: now, asked: None, seen: now, not_before: now };
    }

    /// Bytes came, any bytes.
    pub(crate) const fn heard(&mut self, now: Duration) {
        self.heard = now;
        self.seen = now;
        self.asked = None;
    }

    /// The caller awaits again.
    pub(crate) fn resume(&mut self, now: Duration) {
        if now.saturating_sub(self.seen) > AWAY {
            self.not_before = now + CATCH_UP;
        }
        self.seen = now;
    }

    pub(crate) fn check(&mut self, now: Duration) -> Pulse {
        self.seen = now;
        match (self.deadline(), self.asked) {
            (Some(at), _) if now < at => Pulse::Fine,
            (None, _) => Pulse::Fine,
            (_, Some(_)) => Pulse::Dead,
            (_, None) => {
                self.asked = Some(now);
                Pulse::Ping
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        match (self.on, self.asked) {
            (false, _) => None,
            (true, None) => Some(self.heard + ASK),
            (true, Some(asked)) => Some((asked + ANSWER).max(self.not_before)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn silence_is_asked_and_then_believed() {
        let mut p = Pulses::default();
        p.link(s(0), true);
        assert_eq!((p.check(s(14)), p.check(s(15))), (Pulse::Fine, Pulse::Ping));
        assert_eq!((p.check(s(29)), p.check(s(30))), (Pulse::Fine, Pulse::Dead));
    }

    #[test]
    fn any_byte_is_life() {
        let mut p = Pulses::default();
        p.link(s(0), true);
        p.check(s(15));
        p.heard(s(29));
        assert_eq!((p.check(s(43)), p.check(s(44))), (Pulse::Fine, Pulse::Ping));
    }

    #[test]
    fn a_caller_that_was_away_reads_first() {
        let mut p = Pulses::default();
        p.link(s(0), true);
        assert_eq!(p.check(s(15)), Pulse::Ping);
        p.resume(s(100));
        assert_eq!((p.check(s(100)), p.check(s(101))), (Pulse::Fine, Pulse::Dead));
    }

    #[test]
    fn a_local_link_is_left_alone() {
        let mut p = Pulses::default();
        p.link(s(0), false);
        assert_eq!((p.deadline(), p.check(s(1000))), (None, Pulse::Fine));
    }
}

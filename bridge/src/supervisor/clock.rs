//! The one place where a supervisor looks at a clock, and its timers: data, not tasks.

use rialto_protocol::Stamp;
use rialto_session::Timer;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// 2026-01-01 00:00:00 UTC, in seconds since 1970: where epochs count from.
const EPOCH_ZERO: u64 = 1_767_225_600;

#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn now(&self) -> Stamp {
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0));
        Stamp { wall_ms, mono_us: self.mono_us() }
    }

    /// The monotonic time alone, which costs half.
    pub(super) fn mono_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The instant of a monotonic time.
    pub(super) fn instant(&self, mono_us: u64) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + Duration::from_micros(mono_us))
    }

    /// The epoch that follows `previous`: by the wall clock where that is later, so that a restored backup, which has
    /// forgotten epochs, does not use their numbers again.
    pub(super) fn epoch_after(&self, previous: u64) -> u64 {
        (previous + 1).max((self.now().wall_ms / 1_000).saturating_sub(EPOCH_ZERO))
    }
}

/// What a supervisor itself does later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// For the session.
    Session(Timer),
    /// Nothing has happened for a moment: tidy the journal, give memory back.
    Tidy,
    /// Look whether there is space on the disk again.
    Space,
    /// Tell clients that have not given credit for a while how far they are behind.
    Behind,
    /// The eval that has begun is no short one: its client is to hear that it was accepted.
    Held,
    /// The eval that runs may be no short one: those that were handed over behind it are to be taken back.
    Ahead,
    /// Accepting failed: try again.
    Accept,
    /// Close connections that never said who they are.
    Handshakes,
}

/// Alarms by time. At most one of each.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: BTreeMap<Alarm, u64>,
}

impl Alarms {
    pub(super) fn set(&mut self, alarm: Alarm, at_us: u64) {
        self.set.insert(alarm, at_us);
    }

    pub(super) fn clear(&mut self, alarm: Alarm) {
        self.set.remove(&alarm);
    }

    pub(super) fn is_set(&self, alarm: Alarm) -> bool {
        self.set.contains_key(&alarm)
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.set.values().min().copied()
    }

    /// Takes one that is due.
    pub(super) fn due(&mut self, now_us: u64) -> Option<Alarm> {
        let alarm = self.set.iter().filter(|(_, at)| **at <= now_us).min_by_key(|(_, at)| **at).map(|(alarm, _)| *alarm)?;
        self.set.remove(&alarm);
        Some(alarm)
    }
}

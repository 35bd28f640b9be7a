//! When which timer is due. What it calls is kept inside the engine.

use super::limits::TIMERS;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longer than anybody waits; `setTimeout` takes numbers up to infinity.
const LONGEST: f64 = 1e12;

#[derive(Debug, Default)]
pub(super) struct Timers {
    /// In the order in which they are due; of those due at once the older first.
    due: BTreeMap<(Instant, u64), Option<Duration>>,
    when: BTreeMap<u64, Instant>,
    last: u64,
}

impl Timers {
    /// A new one, in so many milliseconds. Nothing where there are too many.
    pub(super) fn start(&mut self, now: Instant, ms: f64, again: bool) -> Option<u64> {
        if self.when.len() >= TIMERS {
            return None;
        }
        // What is no number is at once.
        let span = Duration::from_secs_f64(if ms.is_nan() { 0.0 } else { ms.clamp(0.0, LONGEST) } / 1_000.0);
        self.last += 1;
        self.put(now, self.last, span, again.then_some(span));
        Some(self.last)
    }

    fn put(&mut self, now: Instant, id: u64, span: Duration, again: Option<Duration>) {
        let at = now.checked_add(span).unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        self.due.insert((at, id), again);
        self.when.insert(id, at);
    }

    pub(super) fn clear(&mut self, id: u64) {
        if let Some(at) = self.when.remove(&id) {
            self.due.remove(&(at, id));
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// One that is due; one that comes again is due again from now on.
    pub(super) fn take(&mut self, now: Instant) -> Option<u64> {
        let (&(at, id), &again) = self.due.first_key_value()?;
        if at > now {
            return None;
        }
        self.clear(id);
        if let Some(span) = again {
            self.put(now, id, span, again);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_and_again() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        let after = |ms| now + Duration::from_millis(ms);
        let late = timers.start(now, 20.0, false).unwrap();
        let often = timers.start(now, 10.0, true).unwrap();
        let never = timers.start(now, 5.0, false).unwrap();
        assert!(timers.start(now, f64::INFINITY, false).is_some() && timers.start(now, f64::NAN, false).is_some());
        assert_eq!(timers.next(), Some(now), "no number is at once");
        assert!(timers.take(now).is_some());
        timers.clear(never);
        assert_eq!((timers.take(after(9)), timers.next()), (None, Some(after(10))));
        assert_eq!((timers.take(after(15)), timers.take(after(22)), timers.take(after(22))), (Some(often), Some(late), None));
        assert_eq!(timers.take(after(25)), Some(often));
        while timers.start(now, 1.0, false).is_some() {}
        assert_eq!(timers.when.len(), TIMERS);
    }
}

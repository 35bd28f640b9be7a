//! The one place that looks again and again: for what another process does, and nobody tells.

use std::time::{Duration, Instant};

/// Far more than anything here takes. It ends a test that would wait for ever; nothing is measured by it.
pub(crate) const BOUND: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is something to see.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_or(what, look, String::new)
}

/// As [`until`]; a failure shows what was there instead.
#[track_caller]
pub(crate) fn until_or<T>(what: &str, mut look: impl FnMut() -> Option<T>, instead: impl FnOnce() -> String) -> T {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "waited in vain for {what}\n{}", instead());
        std::thread::sleep(PAUSE);
    }
}

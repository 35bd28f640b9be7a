//! Waiting: for what other processes do and nobody announces, and for stretches of real time in which something must not happen.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything that has to come may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// Looks until there is something to see.
pub(crate) fn look<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(Instant::now() < end, "did not come: {what}");
        sleep(LOOK);
    }
}

/// Does nothing for so long.
pub(crate) fn stretch(time: Duration) {
    sleep(time);
}

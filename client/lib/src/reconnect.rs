//! When to try again, and when to stop trying. Time and dice are arguments.

use std::time::Duration;

/// How a handle reconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The first pause; each next one is twice as long,
    pub first: Duration,
    /// up to this.
    pub longest: Duration,
    /// How long there may be no link before the handle closes. Nothing: it never does.
    pub give_up: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { first: Duration::from_millis(50), longest: Duration::from_secs(5), give_up: None }
    }
}

/// A link that lived this long counts as good, even if nothing happened on it.
const GOOD: Duration = Duration::from_secs(5);
/// The other side may ask for patience, within reason.
const PATIENCE: Duration = Duration::from_secs(600);
/// Breaches of the protocol in a row, nothing good in between, before the handle closes.
const MAX_FAULTS: u32 = 5;

/// Where the next link comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Again { attempt: u32, at: Duration },
    GiveUp,
}

#[derive(Debug)]
pub(crate) struct Reconnect {
    policy: Policy,
    dice: Dice,
    attempt: u32,
    faults: u32,
    /// Since when nothing good happened.
    without: Option<Duration>,
    up: Option<Duration>,
}

impl Reconnect {
    pub(crate) const fn new(policy: Policy, seed: u64) -> Self {
        Self { policy, dice: Dice(seed), attempt: 0, faults: 0, without: None, up: None }
    }

    /// A link is being looked for.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.without.get_or_insert(now);
    }

    /// The session answered. That alone is no success: a bridge that fails right after each greeting must not be asked
    /// twenty times a second.
    pub(crate) const fn up(&mut self, now: Duration) {
        self.up = Some(now);
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.up.is_some()
    }

    /// An event or an answer came.
    pub(crate) const fn progress(&mut self) {
        self.attempt = 0;
        self.faults = 0;
        self.without = None;
    }

    /// The other side broke the protocol. True where that was once too often.
    pub(crate) const fn fault(&mut self) -> bool {
        self.faults += 1;
        self.faults >= MAX_FAULTS
    }

    /// The link is gone, or did not come to be. `after` is the other side's wish.
    pub(crate) fn lost(&mut self, now: Duration, after: Option<Duration>) -> Next {
        if self.up.take().is_some_and(|up| now.saturating_sub(up) >= GOOD) {
            self.progress();
        }
        let since = *self.without.get_or_insert(now);
        self.attempt = self.attempt.saturating_add(1);
        let pause = match after {
            Some(wish) => {
                let wish = wish.min(PATIENCE);
                // All clients were told the same number.
                wish + self.dice.below((wish / 4).min(Duration::from_secs(1)))
            }
            None => backoff(self.policy.first, self.policy.longest, self.attempt, &mut self.dice),
        };
        let at = now + pause;
        match self.policy.give_up {
            Some(limit) if at.saturating_sub(since) > limit => Next::GiveUp,
            _ => Next::Again { attempt: self.attempt, at },
        }
    }

    /// When to stop waiting for a link that does not come.
    pub(crate) fn give_up_at(&self) -> Option<Duration> {
        if self.is_up() { None } else { Some(self.without? + self.policy.give_up?) }
    }

    /// When to send a refused request again.
    pub(crate) fn retry_at(&mut self, now: Duration, tries: u32, after_ms: Option<u64>) -> Duration {
        now + after_ms.map_or_else(
            || backoff(self.policy.first, self.policy.longest, tries, &mut self.dice),
            |ms| Duration::from_millis(ms).min(PATIENCE),
        )
    }
}

/// Doubles from `first` to `longest`; the upper half of each pause is dice.
fn backoff(first: Duration, longest: Duration, attempt: u32, dice: &mut Dice) -> Duration {
    let full = first.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(longest);
    full / 2 + dice.below(full / 2)
}

/// Splitmix64. Jitter needs clients to differ, nothing more.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros((z ^ (z >> 31)) % micros.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(r: &mut Reconnect, n: u32) -> Vec<Duration> {
        let now = Duration::from_secs(100);
        (0..n)
            .map(|_| match r.lost(now, None) {
                Next::Again { at, .. } => at - now,
                Next::GiveUp => panic!("gave up"),
            })
            .collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again_after_progress() {
        let mut r = Reconnect::new(Policy::default(), 7);
        for (i, pause) in pauses(&mut r, 12).into_iter().enumerate() {
            let full = Duration::from_millis(50 << i).min(Duration::from_secs(5));
            assert!(pause >= full / 2 && pause <= full, "{i}: {pause:?} of {full:?}");
        }
        r.progress();
        assert!(pauses(&mut r, 1).iter().all(|p| *p <= Duration::from_millis(50)));
    }

    #[test]
    fn a_greeting_without_progress_does_not_shorten_the_pause() {
        let mut r = Reconnect::new(Policy::default(), 7);
        let mut now = Duration::ZERO;
        for _ in 0..9 {
            r.up(now);
            if let Next::Again { at, .. } = r.lost(now, None) {
                now = at;
            }
        }
        let Next::Again { at, .. } = r.lost(now, None) else { panic!("gave up") };
        assert!(at - now >= Duration::from_millis(2500));
        r.up(at);
        let later = at + GOOD;
        let Next::Again { at, .. } = r.lost(later, None) else { panic!("gave up") };
        assert!(at - later <= Duration::from_millis(50));
    }

    #[test]
    fn it_gives_up_when_told_to_and_not_before() {
        let limit = Duration::from_secs(3);
        let mut r = Reconnect::new(Policy { give_up: Some(limit), ..Policy::default() }, 1);
        let mut now = Duration::from_secs(50);
        let start = now;
        while let Next::Again { at, .. } = r.lost(now, None) {
            now = at;
            assert!(now - start <= limit);
        }
        assert!(now > start);
        assert_eq!(r.give_up_at(), Some(start + limit));
    }

    #[test]
    fn a_wish_of_the_other_side_is_honoured_within_reason() {
        let mut r = Reconnect::new(Policy::default(), 3);
        let Next::Again { at, .. } = r.lost(Duration::ZERO, Some(Duration::from_secs(8))) else { panic!("gave up") };
        assert!(at >= Duration::from_secs(8) && at <= Duration::from_secs(9));
        let Next::Again { at, .. } = r.lost(Duration::ZERO, Some(Duration::MAX)) else { panic!("gave up") };
        assert!(at <= PATIENCE + Duration::from_secs(1));
    }
}

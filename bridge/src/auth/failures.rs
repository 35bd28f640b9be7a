//! How often somebody has failed to show who they are, by where they come from.
//!
//! Nothing that is shown here can be guessed, so this keeps no secret safe: it keeps work and records bounded. For that
//! reason what is right is never refused, whatever came before it from the same address, which may be that of many (a proxy, an
//! office); and a loopback address, from which a proxy brings everybody, is not sent away before it has said anything.

use rialto_transports::tcp::neighbourhood;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that are borne. An ssh client with a drawer full of keys shows all of them, each time.
const BURST: f64 = 30.0;
/// One is forgotten each so many seconds.
const FORGET: f64 = 2.0;
/// Addresses that are remembered. The best behaved is forgotten first.
const MOST: usize = 4096;

/// Those who failed of late.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, (f64, Instant)>>);

impl Failures {
    /// Notes a failure. Some: there were too many, for so long.
    pub(super) fn note(&self, from: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let from = key(from);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST && !held.contains_key(&from) {
            held.retain(|_, tally| standing(*tally, now) > 0.0);
            let best = held.iter().min_by(|(_, a), (_, b)| standing(**a, now).total_cmp(&standing(**b, now)));
            if held.len() >= MOST
                && let Some(best) = best.map(|(from, _)| *from)
            {
                held.remove(&best);
            }
        }
        let tally = held.entry(from).or_insert((0.0, now));
        // Not more than it takes to be refused for a while, or an address would never be clean again.
        *tally = ((standing(*tally, now) + 1.0).min(2.0 * BURST), now);
        over(*tally, now)
    }

    /// Somebody there has shown who they are: what had failed before was their other keys.
    pub(super) fn clear(&self, from: Option<IpAddr>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(from));
    }

    /// Whether too many have failed from there, and for how long yet.
    pub(super) fn over(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&key(Some(from))).and_then(|tally| over(*tally, now))
    }
}

fn key(from: Option<IpAddr>) -> IpAddr {
    neighbourhood(from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// What is left of the failures.
fn standing((count, at): (f64, Instant), now: Instant) -> f64 {
    (count - now.saturating_duration_since(at).as_secs_f64() / FORGET).max(0.0)
}

fn over(tally: (f64, Instant), now: Instant) -> Option<Duration> {
    let excess = standing(tally, now) - BURST;
    (excess > 0.0).then(|| Duration::from_secs_f64((excess * FORGET).max(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_failures_are_too_many_for_a_while() {
        let (failures, now) = (Failures::default(), Instant::now());
        let from: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        for n in 0..30 {
            assert_eq!(failures.note(Some(from), now), None, "{n}");
        }
        assert!(failures.note(Some(from), now).is_some() && failures.over(from, now).is_some());
        assert!(failures.over(other, now).is_none() && failures.over(from, now + Duration::from_secs(3)).is_none());
        for _ in 0..100_000 {
            failures.note(Some(from), now);
        }
        assert!(failures.over(from, now + Duration::from_secs(61)).is_none(), "no address is lost for ever");
        failures.clear(Some(from));
        assert!(failures.over(from, now).is_none());
    }

    #[test]
    fn many_addresses_take_little_room_and_the_worst_stay_known() {
        let (failures, now) = (Failures::default(), Instant::now());
        let worst: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..40 {
            failures.note(Some(worst), now);
        }
        for n in 0..20_000_u32 {
            failures.note(Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))), now);
        }
        assert!(failures.0.lock().unwrap().len() <= MOST);
        assert!(failures.over(worst, now).is_some());
    }
}

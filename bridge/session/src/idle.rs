//! When a session ends for want of use: by the policy it was made with, never while an eval runs or waits, never while
//! somebody is attached, and never silently.
//!
//! Who only asks how it is does not use it: a list that is looked at each minute must not keep alive what nobody wants.
//! What the kernel prints in the background counts as use; a thread that computes in silence cannot be seen.

use crate::audience::Client;
use crate::input::{Output, Timer};
use crate::lives::Phase;
use crate::session::Turn;

impl Turn<'_> {
    fn cull_after_us(&self) -> Option<u64> {
        let after = self.s.state.created.as_ref()?.cull_after_ms?;
        Some(after.saturating_mul(1_000))
    }

    fn in_use(&self) -> bool {
        let s = &self.s;
        let busy = s.state.running.is_some() || !s.state.queue.is_empty();
        let ignored = cfg!(mutant = "culled_under_somebody");
        let here = |(conn, c): (&_, &Client)| c.reader.is_some() || c.acts || s.watch.is_watched_by(*conn);
        let somebody = s.audience.clients.iter().any(here) && !ignored;
        (busy && !cfg!(mutant = "culled_while_it_runs")) || somebody
    }

    /// After everything that happens: does the time without use begin, or end?
    pub(crate) fn mind_idleness(&mut self) {
        let Some(after) = self.cull_after_us() else { return };
        if self.in_use() || self.s.state.ended || self.s.phase.ending() {
            if self.s.unused_since.take().is_some() {
                self.out.push(Output::ClearTimer(Timer::Cull));
            }
        } else if self.s.unused_since.is_none() {
            self.s.unused_since = Some(self.at.mono_us);
            self.out.push(Output::SetTimer(Timer::Cull, self.at.mono_us.saturating_add(after)));
        }
    }

    /// The kernel said something with nobody there.
    pub(crate) fn stirs(&mut self) {
        if let Some(since) = &mut self.s.unused_since {
            *since = self.at.mono_us;
        }
    }

    pub(crate) fn cull(&mut self) {
        let (Some(after), Some(since)) = (self.cull_after_us(), self.s.unused_since) else { return };
        let due = since.saturating_add(after);
        if self.in_use() || self.s.state.ended || self.s.phase.ending() {
            return;
        }
        if self.at.mono_us < due {
            return self.out.push(Output::SetTimer(Timer::Cull, due));
        }
        // A kernel that is only starting is somebody's: they will want to see it.
        if matches!(self.s.phase, Phase::Starting(..)) {
            return self.out.push(Output::SetTimer(Timer::Cull, self.at.mono_us.saturating_add(after)));
        }
        let why = format!("culled after {} without use", span(after / 1_000));
        self.end_session_because(why);
    }
}

/// A time as people say it: `2 h`, `1 h 30 min`, `1.5 s`.
fn span(ms: u64) -> String {
    let (s, m, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    let exact = |unit: u64| ms.is_multiple_of(unit);
    match () {
        () if h > 0 && exact(3_600_000) => format!("{h} h"),
        () if h > 0 => format!("{h} h {} min", m % 60),
        () if m > 0 && exact(60_000) => format!("{m} min"),
        () if m > 0 => format!("{m} min {} s", s % 60),
        () if exact(1_000) => format!("{s} s"),
        () => format!("{s}.{} s", ms % 1_000 / 100),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_read_as_people_say_them() {
        let said: Vec<String> = [7_200_000, 5_400_000, 600_000, 90_000, 2_000, 1_500].into_iter().map(super::span).collect();
        assert_eq!(said, ["2 h", "1 h 30 min", "10 min", "1 min 30 s", "2 s", "1.5 s"]);
    }
}

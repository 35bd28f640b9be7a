//! How much of what others print is shown above the prompt: a screenful at once, then so many lines a second. The rest is
//! counted, and one command away. Pure: times are arguments.

use rialto_client::protocol::EvalNumber;
use std::time::Instant;

/// Lines at once,
const BURST: f64 = 100.0;
/// and for each second.
const RATE: f64 = 10.0;
/// Lines that must be free before it goes on after some were hidden.
const AGAIN: f64 = 40.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Budget {
    lines: f64,
    filled: Option<Instant>,
    hiding: Option<Hidden>,
}

/// What was not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) n: EvalNumber,
    pub(super) lines: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { lines: BURST, filled: None, hiding: None }
    }
}

/// What to do with some lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Show them; before that, say what was not shown.
    Show(Option<Hidden>),
    /// Show the first so many; from here on lines are counted.
    Begin(usize),
    /// They are counted.
    Hide,
}

impl Budget {
    /// So many lines of this eval's come.
    pub(super) fn judge(&mut self, n: EvalNumber, lines: usize, now: Instant) -> Judged {
        let passed = self.filled.map_or(0.0, |filled| now.saturating_duration_since(filled).as_secs_f64());
        self.filled = Some(now);
        self.lines = (self.lines + passed * RATE).min(BURST);
        if let Some(hidden) = &mut self.hiding {
            if self.lines < AGAIN + lines as f64 {
                hidden.lines += lines as u64;
                return Judged::Hide;
            }
            let hidden = self.hiding.take();
            self.lines -= lines as f64;
            return Judged::Show(hidden);
        }
        if self.lines >= lines as f64 {
            self.lines -= lines as f64;
            return Judged::Show(None);
        }
        let shown = self.lines as usize;
        self.lines = 0.0;
        self.hiding = Some(Hidden { n, lines: (lines - shown) as u64 });
        Judged::Begin(shown)
    }

    /// The eval is over: what was not shown.
    pub(super) fn end(&mut self) -> Option<Hidden> {
        self.hiding.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_flood_is_cut_after_a_screenful_and_counted() {
        let (mut budget, t) = (Budget::default(), Instant::now());
        assert_eq!(budget.judge(3, 60, t), Judged::Show(None));
        assert_eq!(budget.judge(3, 60, t), Judged::Begin(40));
        assert_eq!(budget.judge(3, 1_000, t), Judged::Hide);
        assert_eq!(budget.end(), Some(Hidden { n: 3, lines: 1_020 }));
        assert_eq!(budget.end(), None);
    }

    #[test]
    fn who_prints_slowly_is_shown_for_ever() {
        let (mut budget, t) = (Budget::default(), Instant::now());
        for second in 0..1_000 {
            assert_eq!(budget.judge(3, 5, t + Duration::from_secs(second)), Judged::Show(None));
        }
    }

    #[test]
    fn after_a_pause_it_goes_on_and_says_what_is_missing() {
        let (mut budget, t) = (Budget::default(), Instant::now());
        assert_eq!(budget.judge(3, 150, t), Judged::Begin(100));
        assert_eq!(budget.judge(3, 1, t + Duration::from_secs(1)), Judged::Hide);
        assert_eq!(budget.judge(3, 1, t + Duration::from_secs(6)), Judged::Show(Some(Hidden { n: 3, lines: 51 })));
    }
}

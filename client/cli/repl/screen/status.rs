//! The one line that says what goes on while nothing else does. It is drawn where nothing stands and erased before anything
//! else is written.

use rialto_client::protocol::EvalNumber;
use std::time::{Duration, Instant};

/// Between two looks at it.
const FRAME: Duration = Duration::from_millis(125);
/// An interrupt that is answered sooner is not worth a word.
const SOON: Duration = Duration::from_millis(300);
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// What our eval is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Busy {
    /// It waits for its turn.
    Queued {
        n: Option<EvalNumber>,
        before: u64,
    },
    Running {
        n: Option<EvalNumber>,
        since: Instant,
    },
    /// It was interrupted; the kernel has not said so yet.
    Interrupting {
        n: Option<EvalNumber>,
        since: Instant,
    },
    /// Nobody knows: the connection is gone.
    Offline {
        since: Instant,
        why: String,
    },
}

#[derive(Debug)]
pub(super) struct Status {
    busy: Busy,
    /// What it did when the connection went.
    before: Option<Busy>,
    began: Instant,
    /// When it last wrote something.
    spoke: Instant,
    ran: Option<Instant>,
}

impl Status {
    pub(super) fn new(now: Instant) -> Self {
        Self { busy: Busy::Queued { n: None, before: 0 }, before: None, began: now, spoke: now, ran: None }
    }

    pub(super) fn spoke(&mut self, now: Instant) {
        self.spoke = now;
    }

    pub(super) fn busy(&mut self, busy: Busy) {
        if let Busy::Running { since, .. } = &busy {
            self.ran.get_or_insert(*since);
        }
        let was = std::mem::replace(&mut self.busy, busy);
        match (&self.busy, was) {
            (Busy::Offline { .. }, Busy::Offline { since, why }) => self.busy = Busy::Offline { since, why },
            (Busy::Offline { .. }, was) => self.before = Some(was),
            _ => self.before = None,
        }
    }

    /// The connection is back.
    pub(super) fn online(&mut self) {
        if let Some(before) = self.before.take() {
            self.busy = before;
        }
    }

    pub(super) fn what(&self) -> &Busy {
        &self.busy
    }

    /// How long it has run.
    pub(super) fn took(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.ran?))
    }

    /// From when on it has something to say.
    pub(super) fn due(&self, patience: Duration, flooding: bool) -> Instant {
        match &self.busy {
            _ if flooding => self.spoke.min(self.began),
            Busy::Interrupting { since, .. } => *since + SOON,
            Busy::Offline { since, .. } => *since + SOON,
            Busy::Queued { .. } | Busy::Running { .. } => self.spoke + patience,
        }
    }

    pub(super) fn next_frame(now: Instant) -> Instant {
        now + FRAME
    }

    /// What it says.
    pub(super) fn text(&self, hidden: Option<(u64, u64)>, now: Instant) -> String {
        let passed = |since: Instant| elapsed(now.saturating_duration_since(since));
        let frame = now.saturating_duration_since(self.began).as_millis() / FRAME.as_millis();
        let spinner = SPINNER.get((frame % SPINNER.len() as u128) as usize).copied().unwrap_or_default();
        let name = |n: &Option<EvalNumber>| n.map_or_else(String::new, |n| format!(" · #{n}"));
        match (&self.busy, hidden) {
            (Busy::Offline { since, why }, _) => format!("{spinner} {} · {why}", passed(*since)),
            (Busy::Interrupting { n, since }, hidden) => {
                let hidden = hidden.map_or_else(String::new, |(lines, _)| format!(" · {} more lines", grouped(lines)));
                format!("{spinner} interrupting… {}{}{hidden}", passed(*since), name(n))
            }
            (Busy::Running { since, .. }, Some((lines, bytes))) => {
                let size = crate::render::size(bytes);
                format!("⋯ {} more lines, {size} · {} · Ctrl-C interrupts", grouped(lines), passed(*since))
            }
            (Busy::Running { n, since }, None) => format!("{spinner} {}{}", passed(*since), name(n)),
            (Busy::Queued { n, before }, _) => {
                let n = n.map_or_else(|| "its turn".to_owned(), |n| format!("#{n}"));
                let before = if *before == 0 { String::new() } else { format!("{before} before ") };
                format!("{spinner} {} · waiting: {before}{n}", passed(self.began))
            }
        }
    }
}

/// Whole seconds, for a clock that runs.
fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// How long something took.
pub(super) fn took(time: Duration) -> String {
    if time.as_secs() < 60 { format!("{:.1} s", time.as_secs_f64()) } else { elapsed(time) }
}

/// 182,334
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_goes_on() {
        let began = Instant::now();
        let now = began + Duration::from_millis(12_300);
        let mut s = Status::new(began);
        assert_eq!(s.text(None, now), "⠇ 12 s · waiting: its turn");
        s.busy(Busy::Queued { n: Some(14), before: 3 });
        assert_eq!(s.text(None, now), "⠇ 12 s · waiting: 3 before #14");
        s.busy(Busy::Running { n: Some(14), since: began + Duration::from_secs(2) });
        assert_eq!(s.text(None, now), "⠇ 10 s · #14");
        assert_eq!(s.text(Some((182_334, 18 << 20)), now), "⋯ 182,334 more lines, 18.0 MiB · 10 s · Ctrl-C interrupts");
        s.busy(Busy::Interrupting { n: Some(14), since: now - Duration::from_secs(2) });
        assert_eq!(s.text(None, now), "⠇ interrupting… 2 s · #14");
        s.busy(Busy::Offline { since: now, why: "reconnecting".to_owned() });
        assert_eq!(s.text(None, now), "⠇ 0 s · reconnecting");
        s.online();
        assert_eq!(s.text(None, now), "⠇ interrupting… 2 s · #14");
        assert_eq!(s.took(now), Some(Duration::from_millis(10_300)));
    }

    #[test]
    fn times_and_numbers_read_well() {
        let s = Duration::from_secs;
        assert_eq!(
            (elapsed(s(59)), elapsed(s(65)), elapsed(s(7_500))),
            ("59 s".into(), "1 min 05 s".into(), "2 h 05 min".into())
        );
        assert_eq!((took(Duration::from_millis(1_234)), took(s(61))), ("1.2 s".into(), "1 min 01 s".into()));
        assert_eq!((grouped(7), grouped(1_000), grouped(12_345_678)), ("7".into(), "1,000".into(), "12,345,678".into()));
    }
}

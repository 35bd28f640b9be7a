//! What is done when time has passed: a start that takes too long, halves that are missing, a heart that does not beat.

use super::link::Socket;
use super::{Jupyter, State};
use crate::find::variable;
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::{Launch, Step};
use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, Sleep};

/// A kernel must be ready after so long, where nobody says otherwise. Seconds.
const START: u64 = 60;
/// Who publishes is heard only after it has noticed us: it is asked again until something was heard.
pub(super) const GREET_AGAIN: Duration = Duration::from_millis(50);
/// A kernel that has said its name and publishes nothing is one that does not.
const NOTHING_PUBLISHED: Duration = Duration::from_secs(5);
/// After so long it is asked whether what is missing will come.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// The same for questions about code: who types waits for those.
pub(super) const PATIENCE: Duration = Duration::from_millis(400);
/// A busy kernel is not asked more often than that.
const RARELY: Duration = Duration::from_secs(60);
/// A probe was answered, and nothing was published of it, for so long.
pub(super) const SILENT: Duration = Duration::from_secs(10);
/// What an ended process has sent is waited for so long.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);
/// A process without its sockets has so long to end.
const WITHOUT_SOCKETS: Duration = Duration::from_secs(5);
/// How long the heart may be silent while something runs before that is said, where nobody says otherwise. Seconds.
const NO_BEAT: u64 = 30;
/// It is listened to so often in that time.
const LISTEN: u32 = 3;

pub(super) struct Due {
    sleep: Pin<Box<Sleep>>,
    began: Instant,
    start: Duration,
    look_at: Option<Instant>,
    look_every: Duration,
    closed_at: Option<Instant>,
    /// When the heart is listened to next, since when it has not answered, and whether that was said.
    heart_at: Instant,
    no_beat: Duration,
    silent_since: Option<Instant>,
    said: bool,
    /// It has beaten while code ran: of a kernel whose heart waits for its code nothing can be told.
    beats_always: bool,
    /// The eval that ran when it was listened to.
    listened_in: Option<EvalNumber>,
}

impl Due {
    pub(super) fn new(launch: &Launch) -> Self {
        // Whoever asks for an eternity gets a day.
        let seconds = |name: &str, or: u64| {
            let asked = variable(launch, name).and_then(|text| text.to_str()?.parse().ok());
            Duration::from_secs(asked.unwrap_or(or).clamp(1, 86_400))
        };
        let now = Instant::now();
        Self {
            sleep: Box::pin(tokio::time::sleep_until(now)),
            began: now,
            start: seconds("RIALTO_START_SECONDS", START),
            look_at: None,
            look_every: LOOK,
            closed_at: None,
            heart_at: now,
            no_beat: seconds("RIALTO_HEART_SECONDS", NO_BEAT),
            silent_since: None,
            said: false,
            beats_always: false,
            listened_in: None,
        }
    }

    /// Looks for what is missing after so long, at the latest.
    pub(super) fn look_soon(&mut self, after: Duration) {
        let at = Instant::now() + after;
        self.look_every = LOOK.max(after);
        self.look_at = Some(self.look_at.map_or(at, |due| due.min(at)));
    }

    pub(super) fn closed(&mut self) {
        self.closed_at.get_or_insert(Instant::now() + WITHOUT_SOCKETS);
    }

    pub(super) fn heart_from_now(&mut self) {
        self.heart_at = Instant::now() + self.no_beat / LISTEN;
    }

    /// It has answered. True where it was said that it does not.
    pub(super) fn heart_beats(&mut self, running: Option<EvalNumber>) -> bool {
        self.beats_always |= running.is_some() && running == self.listened_in;
        self.silent_since = None;
        std::mem::take(&mut self.said)
    }

    pub(super) fn is_silent_kernel(&self) -> bool {
        self.began.elapsed() > NOTHING_PUBLISHED
    }
}

impl Jupyter {
    /// Whether something is missing that a probe would tell of.
    fn waits(&self) -> bool {
        let half = self.running.as_ref().is_some_and(super::Running::is_half_over);
        half || !self.queries.is_empty() || self.fence.is_some() || matches!(self.state, State::Greeting)
    }

    /// The next time at which something is to be done.
    fn next_due(&self) -> Option<Instant> {
        let start = self.is_starting().then(|| self.due.began + self.due.start);
        let ending = if let State::Ending { until, .. } = &self.state { Some(*until) } else { None };
        let busy = matches!(self.state, State::Up) && (self.running.is_some() || self.fence.is_some());
        let heart = busy.then_some(self.due.heart_at);
        [start, ending, heart, self.due.look_at, self.due.closed_at].into_iter().flatten().min()
    }

    /// Does what is due. True where something was done; else the task will be woken.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(next) = self.next_due() else { return false };
        if self.due.sleep.deadline() != next || self.due.sleep.is_elapsed() {
            self.due.sleep.as_mut().reset(next);
        }
        if self.due.sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.do_what_is_due(Instant::now());
        true
    }

    fn do_what_is_due(&mut self, now: Instant) {
        if self.is_starting() && now >= self.due.began + self.due.start {
            let seconds = self.due.start.as_secs();
            self.failed = Some(format!("the kernel was not ready within {seconds} s (RIALTO_START_SECONDS allows more)"));
            self.process.signal(Step::Kill);
            // Once.
            self.due.start = Duration::from_secs(86_400);
        }
        if self.due.closed_at.is_some_and(|at| now >= at) {
            self.due.closed_at = None;
            if !matches!(self.state, State::Ending { .. }) {
                tracing::warn!(pid = self.process.pid(), "the kernel has closed its sockets and lives on; it is killed");
                self.failed = self.is_starting().then(|| "the kernel closed its sockets".to_owned());
                self.process.signal(Step::Kill);
            }
        }
        if self.due.look_at.is_some_and(|at| now >= at) {
            self.look(now);
        }
        if now >= self.due.heart_at {
            self.listen(now);
        }
    }

    fn look(&mut self, now: Instant) {
        self.due.look_at = None;
        if !self.waits() {
            return;
        }
        let probe = self.probe();
        if let Some(running) = &mut self.running {
            running.doubt(probe);
        }
        self.doubt_queries(probe);
        let greeting = matches!(self.state, State::Greeting);
        self.due.look_at = Some(now + if greeting { GREET_AGAIN } else { self.due.look_every });
        self.due.look_every = (self.due.look_every * 2).min(RARELY);
        self.settle();
    }

    fn listen(&mut self, now: Instant) {
        self.due.heart_at = now + self.due.no_beat / LISTEN;
        match self.due.silent_since {
            None => {
                self.due.silent_since = Some(now);
                self.due.listened_in = self.running.as_ref().map(|running| running.n);
                if let Some(link) = self.links.get_mut(Socket::Heartbeat as usize) {
                    link.send_frames(&[b"", b"rialto"]);
                }
            }
            Some(since) if now.duration_since(since) >= self.due.no_beat && self.due.beats_always && !self.due.said => {
                self.due.said = true;
                let seconds = self.due.no_beat.as_secs();
                self.complain(&format!("the kernel's heart has not beaten for {seconds} s: its process is stopped or stuck"));
            }
            Some(_) => {}
        }
    }
}

/// Now, as messages have it.
pub(super) fn date() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, of_day) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", now.subsec_micros())
}

/// Year, month and day, so many days after the beginning of 1970.
const fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin in March: then the day that is sometimes missing is the last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_778), (2026, 11, 21));
        assert_eq!(civil(47_540), (2100, 2, 28));
        assert_eq!(civil(47_541), (2100, 3, 1));
        assert_eq!(date().len(), "2026-11-21T20:27:29.000000Z".len());
    }
}

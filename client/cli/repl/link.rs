//! How the session is reached, as a person should hear it: one word when the link is lost, one when it is back, and none about
//! a link that is back before anybody could have noticed. Pure: times are arguments.

use super::missed::count;
use rialto_client::protocol::Seq;
use std::time::{Duration, Instant};

/// A daemon that is replaced is back within this; nobody need hear of it.
const SOON: Duration = Duration::from_millis(700);
/// An answer to what a person submitted comes within this, or something is wrong with the link.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    /// Since when it is up; across reconnects the newest.
    pub(super) up: Instant,
    lost: Option<Lost>,
    /// Lagging behind until this event was shown.
    behind: Option<Seq>,
    /// Submitted and not answered since.
    asked: Option<Instant>,
    /// That was said.
    told: bool,
}

#[derive(Debug)]
struct Lost {
    since: Instant,
    why: String,
    told: bool,
}

/// What the prompt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    /// Not since then, because of that.
    No(Instant, String),
    Behind,
}

impl Link {
    pub(super) const fn new(now: Instant) -> Self {
        Self { up: now, lost: None, behind: None, asked: None, told: false }
    }

    pub(super) fn reached(&self) -> Reached {
        match (&self.lost, self.behind) {
            (Some(lost), _) => Reached::No(lost.since, lost.why.clone()),
            (None, Some(_)) => Reached::Behind,
            (None, None) => Reached::Yes,
        }
    }

    pub(super) const fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// There is no link. Said again for each attempt; only the first counts.
    pub(super) fn lost(&mut self, now: Instant, why: &str) {
        self.behind = None;
        match &mut self.lost {
            Some(lost) => why.clone_into(&mut lost.why),
            None => self.lost = Some(Lost { since: now, why: why.to_owned(), told: false }),
        }
    }

    /// It is back. For how long it was gone, where that was told.
    pub(super) fn back(&mut self, now: Instant) -> Option<Duration> {
        self.up = now;
        // What was asked before is asked again now.
        self.asked = self.asked.map(|_| now);
        let lost = self.lost.take()?;
        lost.told.then(|| now.saturating_duration_since(lost.since))
    }

    /// So many events wait to be shown here, after this one.
    pub(super) const fn behind(&mut self, seen: Seq, events: u64) {
        self.behind = Some(seen.saturating_add(events));
    }

    /// This event was shown. True where that was the last one that waited.
    pub(super) fn shown(&mut self, seq: Seq) -> bool {
        let caught_up = self.behind.is_some_and(|until| seq >= until);
        if caught_up {
            self.behind = None;
        }
        caught_up
    }

    /// Something was submitted.
    pub(super) const fn submitted(&mut self, now: Instant) {
        self.asked = Some(now);
        self.told = false;
    }

    /// What was submitted was taken back.
    pub(super) const fn nothing_asked(&mut self) {
        self.asked = None;
    }

    /// The session said something: it is there. True where it had been missed.
    pub(super) const fn heard(&mut self) -> bool {
        self.asked = None;
        std::mem::replace(&mut self.told, false)
    }

    /// Since when nothing came although something should have. Said once; without a link nothing should.
    pub(super) fn silent(&mut self, now: Instant) -> Option<Instant> {
        let asked = self.awaited().filter(|asked| now.saturating_duration_since(*asked) >= SILENCE)?;
        self.told = true;
        Some(asked)
    }

    fn awaited(&self) -> Option<Instant> {
        self.asked.filter(|_| !self.told && self.lost.is_none())
    }

    /// When to call [`Self::due`] and [`Self::silent`].
    pub(super) fn next(&self) -> Option<Instant> {
        let lost = self.lost.as_ref().filter(|lost| !lost.told).map(|lost| lost.since + SOON);
        lost.into_iter().chain(self.awaited().map(|asked| asked + SILENCE)).min()
    }

    /// Time has passed: what to say of a link that has not come back.
    pub(super) fn due(&mut self, now: Instant) -> Option<String> {
        let lost = self.lost.as_mut().filter(|lost| !lost.told && now.saturating_duration_since(lost.since) >= SOON)?;
        lost.told = true;
        Some(format!("the link is lost ({}); typing goes on, and what is submitted is sent when it is back", lost.why))
    }
}

/// What to say when it is back.
pub(super) fn welcome_back(gone: Duration, lines: u64) -> String {
    let gone = format!("back after {}", seconds(gone));
    if lines == 0 {
        format!("{gone}; nothing is lost")
    } else {
        format!("{gone}, {} came meanwhile", count(lines, "line", "lines"))
    }
}

/// `2.1 s`, `12 s`, `3 min 05 s`.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        s @ 10..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_back_at_once_is_not_worth_a_word() {
        let t = Instant::now();
        let mut link = Link::new(t);
        link.lost(t, "it broke");
        assert_eq!((link.due(t), link.next()), (None, Some(t + SOON)));
        assert_eq!(link.back(t + SOON / 2), None);
        assert_eq!((link.reached(), link.next()), (Reached::Yes, None));
    }

    #[test]
    fn one_that_stays_away_is_said_once_and_once_when_it_is_back() {
        let t = Instant::now();
        let mut link = Link::new(t);
        link.lost(t, "it broke");
        link.lost(t + SOON / 2, "nobody answers");
        assert!(link.due(t + SOON).is_some_and(|text| text.contains("nobody answers")));
        assert_eq!((link.due(t + SOON * 2), link.next()), (None, None));
        assert_eq!(link.reached(), Reached::No(t, "nobody answers".into()));
        assert_eq!(link.back(t + Duration::from_secs(12)), Some(Duration::from_secs(12)));
        assert_eq!(welcome_back(Duration::from_secs(12), 312), "back after 12 s, 312 lines came meanwhile");
    }

    #[test]
    fn behind_ends_with_the_last_event_that_waited() {
        let mut link = Link::new(Instant::now());
        link.behind(10, 5);
        assert_eq!(link.reached(), Reached::Behind);
        assert!(!link.shown(14) && link.shown(15) && !link.shown(16));
        assert_eq!(link.reached(), Reached::Yes);
    }

    #[test]
    fn silence_is_noticed_and_any_word_ends_it() {
        let t = Instant::now();
        let mut link = Link::new(t);
        link.submitted(t);
        assert_eq!((link.silent(t), link.silent(t + SILENCE), link.silent(t + SILENCE * 2)), (None, Some(t), None));
        assert_eq!(link.next(), None);
        // Nobody waits for an answer over a link that is lost, and once it is back the wait begins anew.
        link.submitted(t);
        link.lost(t, "it broke");
        let _ = link.due(t + SOON);
        assert_eq!((link.silent(t + SILENCE), link.next()), (None, None));
        link.back(t + SILENCE);
        assert_eq!((link.silent(t + SILENCE), link.next()), (None, Some(t + SILENCE * 2)));
        link.heard();
        link.submitted(t);
        link.heard();
        assert_eq!((link.silent(t + SILENCE), link.next()), (None, None));
    }
}

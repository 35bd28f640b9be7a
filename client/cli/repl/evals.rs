//! The evals of this session as far as a terminal needs to know them: whose each is, where it is, which is the one the person
//! waits for. Pure: events in.

use super::headline::beginning;
use rialto_client::protocol::event::{Accepted, Event, Stamp};
use rialto_client::protocol::{EvalId, EvalNumber, Record};
use std::collections::BTreeMap;
use std::time::Duration;

/// Evals remembered; the oldest is forgotten first. Its late output is then somebody's whose name is not known.
const REMEMBERED: usize = 1_000;

#[derive(Debug)]
struct Known {
    eval: EvalId,
    /// Who sent it; nobody where it was this terminal.
    author: Option<String>,
    beginning: String,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running(Stamp),
    Over,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Evals {
    /// The eval this terminal waits for.
    pub(super) ours: Option<EvalId>,
    known: BTreeMap<EvalNumber, Known>,
    /// The beginning of the code that this terminal sent last.
    sent: String,
    /// Whose background output was named last.
    behind: Option<EvalNumber>,
}

impl Evals {
    /// This terminal sends one, and waits for it. Its code does not come back.
    pub(super) fn submitted(&mut self, eval: EvalId, code: &str) {
        self.ours = Some(eval);
        self.sent = beginning(Some(code));
    }

    /// It never left, and never will.
    pub(super) fn taken_back(&mut self) {
        self.ours = None;
        self.sent.clear();
    }

    /// One that this terminal sent before, and waits for again: it has its number already.
    pub(super) fn resumed(&mut self, n: EvalNumber, eval: EvalId, code: &str, running: bool) {
        let stage = if running { Stage::Running(Stamp::default()) } else { Stage::Waiting };
        self.known.insert(n, Known { eval, author: None, beginning: beginning(Some(code)), stage });
    }

    /// An eval took its place in the queue. `author` is nobody where this terminal sent it.
    pub(super) fn accepted(&mut self, a: &Accepted, at: Stamp, author: Option<String>) {
        let stage = if a.started { Stage::Running(at) } else { Stage::Waiting };
        let beginning = match (&a.code, self.ours == Some(a.eval)) {
            (None, true) => std::mem::take(&mut self.sent),
            (code, _) => beginning(code.as_deref()),
        };
        self.known.insert(a.n, Known { eval: a.eval, author, beginning, stage });
        while self.known.len() > REMEMBERED {
            self.known.pop_first();
        }
    }

    /// Follows what an event does to its eval, once [`Self::accepted`] has named it.
    pub(super) fn follow(&mut self, record: &Record) {
        match &record.event {
            Event::Started(e) => self.stage(e.n, Stage::Running(record.at)),
            Event::Ended(e) => self.stage(e.n, Stage::Over),
            _ => {}
        }
        if !matches!(record.event, Event::Output(_)) {
            self.behind = None;
        }
    }

    fn stage(&mut self, n: EvalNumber, stage: Stage) {
        if let Some(known) = self.known.get_mut(&n) {
            known.stage = stage;
        }
    }

    pub(super) fn number_of(&self, eval: EvalId) -> Option<EvalNumber> {
        self.known.iter().rev().find(|(_, known)| known.eval == eval).map(|(n, _)| *n)
    }

    pub(super) fn id_of(&self, n: EvalNumber) -> Option<EvalId> {
        self.known.get(&n).map(|known| known.eval)
    }

    /// The number of the eval this terminal waits for, once it has one.
    pub(super) fn our_number(&self) -> Option<EvalNumber> {
        self.number_of(self.ours?)
    }

    /// This terminal waits for it.
    pub(super) fn is_ours(&self, n: EvalNumber) -> bool {
        self.ours.is_some() && self.known.get(&n).map(|known| known.eval) == self.ours
    }

    /// This terminal sent it, now or earlier.
    pub(super) fn was_ours(&self, n: EvalNumber) -> bool {
        self.known.get(&n).is_some_and(|known| known.author.is_none())
    }

    pub(super) fn anything_runs(&self) -> bool {
        self.known.values().any(|known| known.stage != Stage::Over)
    }

    /// The eval that runs now.
    pub(super) fn running(&self) -> Option<EvalNumber> {
        self.known.iter().find(|(_, known)| matches!(known.stage, Stage::Running(_))).map(|(n, _)| *n)
    }

    /// It has not started.
    pub(super) fn is_waiting(&self, n: EvalNumber) -> bool {
        self.known.get(&n).is_some_and(|known| known.stage == Stage::Waiting)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.known.values().filter(|known| known.stage == Stage::Waiting).count()
    }

    /// How many come before this one.
    pub(super) fn before(&self, n: EvalNumber) -> u64 {
        self.known.range(..n).filter(|(_, known)| known.stage != Stage::Over).count() as u64
    }

    /// Who sent it, in words.
    pub(super) fn author(&self, n: EvalNumber) -> Option<&str> {
        self.known.get(&n)?.author.as_deref()
    }

    /// It in one line.
    pub(super) fn headline(&self, n: EvalNumber) -> Option<String> {
        let known = self.known.get(&n)?;
        let author = known.author.as_deref().unwrap_or("you");
        Some(format!("#{n} {author} ▸ {}", known.beginning))
    }

    /// How long it ran, at its end.
    pub(super) fn took(&self, n: EvalNumber, end: Stamp) -> Option<Duration> {
        let Stage::Running(since) = self.known.get(&n)?.stage else { return None };
        Some(Duration::from_micros(end.mono_us.checked_sub(since.mono_us)?))
    }

    /// Output that came after its eval's end begins: whose it is, said once until something else happens.
    pub(super) fn background(&mut self, n: EvalNumber) -> Option<String> {
        if self.behind.replace(n) == Some(n) {
            return None;
        }
        Some(match (n, self.author(n)) {
            (0, _) => "in the background:".to_owned(),
            (n, None) if self.was_ours(n) => format!("#{n} you, in the background:"),
            (n, None) => format!("#{n}, in the background:"),
            (n, Some(author)) => format!("#{n} {author}, in the background:"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::event::{Ended, Started};

    fn accepted(n: EvalNumber, started: bool) -> Accepted {
        Accepted {
            n,
            eval: EvalId([u8::try_from(n % 250).unwrap(); 16]),
            started,
            by: None,
            code: Some(format!("f({n})").as_str().into()),
            hash: None,
            group: None,
            on_error: Default::default(),
            show: Default::default(),
            argv: None,
            trace: None,
        }
    }

    const fn at(ms: u64) -> Stamp {
        Stamp { wall_ms: 0, mono_us: ms * 1000 }
    }

    fn record(ms: u64, event: Event) -> Record {
        Record { seq: 1, at: at(ms), event }
    }

    #[test]
    fn a_queue_is_counted_until_each_is_over() {
        let mut evals = Evals::default();
        evals.accepted(&accepted(1, true), at(0), Some("anna/mcp".into()));
        evals.accepted(&accepted(2, false), at(0), Some("anna/mcp".into()));
        evals.accepted(&accepted(3, false), at(0), None);
        evals.ours = Some(EvalId([3; 16]));
        assert_eq!((evals.our_number(), evals.before(3), evals.running()), (Some(3), 2, Some(1)));
        evals.follow(&record(1500, Event::Ended(Ended { n: 1, ..Ended::default() })));
        evals.follow(&record(1500, Event::Started(Started { n: 2 })));
        assert_eq!((evals.before(3), evals.running()), (1, Some(2)));
        assert_eq!(evals.took(2, at(4000)), Some(Duration::from_millis(2500)));
        assert!(evals.is_ours(3) && evals.was_ours(3) && !evals.was_ours(2));
        assert_eq!(evals.headline(2).as_deref(), Some("#2 anna/mcp ▸ f(2)"));
    }

    #[test]
    fn background_output_is_named_once_in_a_row() {
        let mut evals = Evals::default();
        evals.accepted(&accepted(1, true), at(0), None);
        evals.follow(&record(1, Event::Ended(Ended { n: 1, ..Ended::default() })));
        assert_eq!(evals.background(1).as_deref(), Some("#1 you, in the background:"));
        assert_eq!(evals.background(1), None);
        evals.follow(&record(2, Event::Started(Started { n: 2 })));
        assert!(evals.background(1).is_some());
    }

    #[test]
    fn memory_has_an_end() {
        let mut evals = Evals::default();
        (1..=5_000).for_each(|n| evals.accepted(&accepted(n, true), at(0), None));
        assert_eq!(evals.known.len(), REMEMBERED);
        assert!(evals.headline(1).is_none() && evals.headline(5_000).is_some());
    }
}

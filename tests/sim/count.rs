//! What the worlds have seen. A simulation that never meets a situation says nothing about it, so each must be met often.

use rialto_protocol::event::{EndOfLife, Event};
use rialto_protocol::message::Verdict;
use rialto_protocol::{Code, Outcome};
use std::collections::BTreeMap;

/// How often each situation was reached.
#[derive(Default, Clone)]
pub(crate) struct Count(BTreeMap<&'static str, u64>);

/// Situations and how often a thousand worlds must reach them at the least: about a fifth of what they do, so that a change of
/// the odds is free to move them, and their loss is not.
const NEEDED: &[(&str, u64)] = &[];

impl Count {
    pub(crate) fn one(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn event(&mut self, event: &Event) {
        self.one(match event {
            Event::EpochStarted(_) => "epochs",
            Event::LifeStarted(e) if e.life > 1 => "later lives",
            Event::LifeEnded(e) if e.why == EndOfLife::Restarted => "restarts",
            Event::LifeEnded(e) if e.why == EndOfLife::Interrupted => "lives ended by an interrupt",
            Event::Accepted(e) if e.group.is_some() => "evals accepted in a group",
            Event::Accepted(_) => "evals accepted alone",
            Event::Answered(e) if e.data.is_none() => "secrets answered",
            Event::Answered(_) => "questions answered",
            Event::Interrupting(_) => "steps of interrupts",
            Event::InterruptNoted(_) => "interrupts before their submit",
            Event::Redacted(_) => "redactions",
            Event::SessionEnded(_) => "sessions ended",
            Event::Ended(e) => match e.outcome {
                Outcome::Ok => "ended ok",
                Outcome::Error => "ended error",
                Outcome::Exit => "ended exit",
                Outcome::Interrupted => "ended interrupted",
                Outcome::Cancelled => "ended cancelled",
                Outcome::Died => "ended died",
                Outcome::Lost => "ended lost",
                Outcome::NotRun if e.why.as_ref().is_some_and(|w| w.contains("group")) => "ended not_run by their group",
                Outcome::NotRun | Outcome::Unknown => "ended not_run otherwise",
            },
            _ => return,
        });
    }

    pub(crate) fn verdict(&mut self, verdict: Verdict) {
        self.one(match verdict {
            Verdict::Interrupted => "verdict interrupted",
            Verdict::Cancelled => "verdict cancelled",
            Verdict::Finished => "verdict finished",
            Verdict::NotRunning => "verdict not_running",
            Verdict::Pending => "verdict pending",
            Verdict::BestEffort | Verdict::Unknown => "verdict of another kind",
        });
    }

    pub(crate) fn error(&mut self, code: Option<Code>) {
        self.one(match code {
            Some(Code::Forbidden) => "refused: forbidden",
            Some(Code::IdReused) => "refused: id_reused",
            Some(Code::NotYourAsk) => "refused: not_your_ask",
            Some(Code::NoSuchAsk) => "refused: no_such_ask",
            Some(Code::DiskFull) => "refused: disk_full",
            Some(Code::SessionEnded) => "refused: session_ended",
            Some(Code::KernelBusy) => "refused: kernel_busy",
            Some(Code::QueryFailed) => "refused: query_failed",
            Some(Code::TooBusy) => "refused: too_busy",
            _ => "refused otherwise",
        });
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    pub(crate) fn print(&self) {
        for (what, times) in &self.0 {
            println!("  {times:>9}  {what}");
        }
    }

    /// What so many worlds should have seen and have not.
    pub(crate) fn blind(&self, worlds: u64) -> Vec<String> {
        NEEDED
            .iter()
            .map(|(what, per_thousand)| (what, per_thousand * worlds / 1_000, self.0.get(what).copied().unwrap_or(0)))
            .filter(|(_, needed, seen)| seen < needed)
            .map(|(what, needed, seen)| format!("{what}: {seen} times, {needed} needed"))
            .collect()
    }
}

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
const NEEDED: &[(&str, u64)] = &[
    ("background output", 860),
    ("clients that died", 360),
    ("crashes", 280),
    ("crashes that lost what was not yet kept", 20),
    ("crashes under a running eval", 100),
    ("ended cancelled", 500),
    ("ended died", 190),
    ("ended error", 280),
    ("ended exit", 100),
    ("ended interrupted", 170),
    ("ended lost", 100),
    ("ended lost as they were handed over", 15),
    ("ended not_run by their group", 380),
    ("ended not_run otherwise", 1630),
    ("ended ok", 990),
    ("epochs", 490),
    ("evals accepted alone", 2180),
    ("evals accepted in a group", 2180),
    ("evals that began by themselves", 470),
    ("evals that overtook the end before them", 800),
    ("evals trimmed to nothing", 170),
    ("events delivered", 78390),
    ("evals that were handed over before their turn", 200),
    ("executed", 1830),
    ("failed starts", 50),
    ("gaps", 290),
    ("interrupts before their submit", 300),
    ("interrupts ignored by the code", 40),
    ("later lives", 450),
    ("lives ended by an interrupt", 8),
    ("odd, harmless", 110),
    ("messages to comms", 60),
    ("outputs trimmed", 260),
    ("power losses", 20),
    ("questions answered", 150),
    ("records that waited for the next eval's", 300),
    ("redactions", 120),
    ("refused otherwise", 220),
    ("refused: disk_full", 190),
    ("refused: forbidden", 680),
    ("refused: id_reused", 310),
    ("refused: kernel_busy", 270),
    ("refused: no_such_ask", 140),
    ("refused: not_your_ask", 110),
    ("refused: query_failed", 20),
    ("refused: session_ended", 80),
    ("refused: too_busy", 1630),
    ("requests sent again", 2940),
    ("restarts", 270),
    ("restored backups", 16),
    ("rewound", 130),
    ("secrets answered", 150),
    ("sessions ended", 9),
    ("signals that came after the end", 30),
    ("stalls", 50),
    ("steps of interrupts", 290),
    ("submits answered late, for want of credit", 75),
    ("supervisors that left by themselves", 3),
    ("times when nobody was here", 20),
    ("verdict cancelled", 420),
    ("verdict finished", 350),
    ("verdict interrupted", 270),
    ("verdict not_running", 460),
    ("verdict pending", 350),
    ("words of a life that was over", 120),
];

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
            Event::Shared(_) => "shares",
            Event::Unshared(_) => "shares taken back",
            Event::SessionEnded(e) if e.why.is_some() => "sessions culled",
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

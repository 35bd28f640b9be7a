//! What the rules ask of the past: facts about evals and requests that are too many to keep in memory.
//!
//! The journal implements this over SQLite, the simulation over a map. Answers must include every record that the machine
//! has put out so far, committed or not; the machine asks between its own outputs.

use rialto_protocol::event::Accepted;
use rialto_protocol::{ClientId, EvalId, EvalNumber, GroupId, Outcome, RequestId, Seq};

/// SHA-256 of what an eval would do: its code, what it shows, its arguments.
pub type CodeHash = [u8; 32];

/// What is known of one eval for as long as its session exists, trimmed output or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalFacts {
    /// Its id.
    pub eval: EvalId,
    /// Its number.
    pub n: EvalNumber,
    /// What it was.
    pub hash: CodeHash,
    /// Who submitted it.
    pub client: Option<ClientId>,
    /// The number of its `accepted`.
    pub first: Seq,
    /// The number of its `ended`.
    pub last: Option<Seq>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The exit code it asked for.
    pub code: Option<i32>,
}

/// Whether an eval that ended so stops the later evals of its group, where its submitter asked for that.
///
/// An eval that never started says nothing about the code before it: it was cancelled, or something else had stopped its
/// group already. An exit without a code is an exit with 0. An outcome of a newer build stops, which is the careful reading.
#[must_use]
pub const fn stops_group(outcome: Outcome, code: Option<i32>) -> bool {
    match outcome {
        Outcome::Ok | Outcome::Cancelled | Outcome::NotRun => false,
        Outcome::Exit => !matches!(code, None | Some(0)) || cfg!(mutant = "every_exit_stops_its_group"),
        Outcome::Error | Outcome::Interrupted | Outcome::Died | Outcome::Lost | Outcome::Unknown => true,
    }
}

/// The past of one session.
pub trait Archive {
    /// The eval of this id, if it was ever accepted.
    fn eval(&self, id: &EvalId) -> Option<EvalFacts>;
    /// The eval of this number.
    fn eval_number(&self, n: EvalNumber) -> Option<EvalFacts>;
    /// The `accepted` event of an eval that has not ended, code included.
    fn accepted(&self, first: Seq) -> Option<Accepted>;
    /// The event that this request made, if it was ever carried out.
    fn request(&self, id: &RequestId) -> Option<Seq>;
    /// Whether an interrupt named this eval before it arrived.
    fn noted_interrupt(&self, eval: &EvalId) -> bool;
    /// The eval whose failure stopped this group.
    fn stopped_group(&self, group: &GroupId) -> Option<EvalNumber>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_started_and_failed_stops_its_group() {
        for (outcome, code, stops) in [
            (Outcome::Ok, None, false),
            (Outcome::Exit, Some(0), false),
            (Outcome::Exit, None, false),
            (Outcome::Exit, Some(3), true),
            (Outcome::Error, None, true),
            (Outcome::Interrupted, None, true),
            (Outcome::Died, None, true),
            (Outcome::Lost, None, true),
            (Outcome::Unknown, None, true),
            (Outcome::Cancelled, None, false),
            (Outcome::NotRun, None, false),
        ] {
            assert_eq!(stops_group(outcome, code), stops, "{outcome:?} {code:?}");
        }
    }
}

//! What retention removes first.
//!
//! A session may keep so many bytes. When it has more, evals pay, the oldest first, and in four passes, each over all of them
//! before the next begins: what is least missed goes first, and a look at an old eval finds its head and its tail for as long
//! as that can be afforded. One that still runs pays with its middle alone, or a program that never stops printing would have
//! no bound. Ids are not text: they are kept for ever and are not planned here.

use rialto_protocol::EvalNumber;

/// What stays of each end of an eval's output when its middle goes. Bytes.
pub const KEEP_EACH_END: u64 = 64 * 1024;
/// Output up to this size has no middle. Bytes.
pub const HEAD_AND_TAIL: u64 = 2 * KEEP_EACH_END;
/// Code shorter than this is not worth rewriting its event for. Bytes.
pub const SHORT_CODE: u64 = 512;

/// What one eval keeps in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Its number.
    pub n: EvalNumber,
    /// It is over. One that is not gives the middle of its output and nothing else.
    pub ended: bool,
    /// Bytes of output and displays.
    pub outputs: u64,
    /// Bytes of code.
    pub code: u64,
    /// Bytes of everything else: its lifecycle rows.
    pub rows: u64,
}

/// What to remove of an eval. The order is the order of the passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Its outputs, except [`KEEP_EACH_END`] bytes at each end.
    Middle,
    /// All its outputs.
    Outputs,
    /// The code in its `accepted`; the hash stays.
    Code,
    /// All its events. Its id and how it ended stay known.
    Rows,
}

impl Part {
    /// The passes, in order.
    pub const ALL: [Self; 4] = [Self::Middle, Self::Outputs, Self::Code, Self::Rows];

    /// What removing this frees, once the earlier passes have been here.
    #[must_use]
    pub fn frees(self, span: &Span) -> u64 {
        match self {
            Self::Middle => span.outputs.saturating_sub(HEAD_AND_TAIL),
            _ if !span.ended && !cfg!(mutant = "what_runs_is_trimmed") => 0,
            Self::Outputs => span.outputs.min(HEAD_AND_TAIL),
            Self::Code if span.code < SHORT_CODE => 0,
            Self::Code => span.code,
            Self::Rows if span.code < SHORT_CODE => span.rows.saturating_add(span.code),
            Self::Rows => span.rows,
        }
    }
}

/// One thing to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// Of which eval.
    pub n: EvalNumber,
    /// What.
    pub part: Part,
}

/// What to remove, in this order, so that `used` comes down to `budget`: no more than that takes, and all there is where
/// that is not enough. `evals` are in the order of their numbers.
#[must_use]
pub fn plan(evals: &[Span], used: u64, budget: u64) -> Vec<Trim> {
    let mut excess = used.saturating_sub(budget);
    let mut trims = Vec::new();
    for part in Part::ALL {
        for span in evals {
            if excess == 0 {
                return trims;
            }
            let frees = part.frees(span);
            if frees > 0 {
                trims.push(Trim { n: span.n, part });
                excess = excess.saturating_sub(frees);
            }
        }
    }
    trims
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let one = (any::<bool>(), 0..400_000u64, 0..3_000u64, 0..600u64);
        prop::collection::vec(one, 0..40).prop_map(|all| {
            all.into_iter()
                .enumerate()
                .map(|(i, (ended, outputs, code, rows))| Span { n: i as u64 + 1, ended, outputs, code, rows })
                .collect()
        })
    }

    fn freed(evals: &[Span], trims: &[Trim]) -> u64 {
        trims.iter().map(|t| evals.iter().find(|s| s.n == t.n).map_or(0, |s| t.part.frees(s))).sum()
    }

    proptest! {
        #[test]
        fn a_plan_frees_enough_or_all_there_is_and_not_one_step_more(evals in spans(), used in 0..6_000_000u64, budget in 0..6_000_000u64) {
            let trims = plan(&evals, used, budget);
            let excess = used.saturating_sub(budget);
            let whole = |s: &&Span| s.ended;
            let middles: u64 = evals.iter().filter(|s| !s.ended).map(|s| s.outputs.saturating_sub(HEAD_AND_TAIL)).sum();
            let all = middles + evals.iter().filter(whole).map(|s| s.outputs + s.code + s.rows).sum::<u64>();
            prop_assert!(freed(&evals, &trims) >= excess.min(all));
            if let Some((_, but_last)) = trims.split_last() {
                prop_assert!(freed(&evals, but_last) < excess);
            }
        }

        #[test]
        fn a_plan_goes_pass_by_pass_oldest_first_and_of_what_runs_takes_the_middle_alone(evals in spans(), used in 0..6_000_000u64, budget in 0..6_000_000u64) {
            let trims = plan(&evals, used, budget);
            let order: Vec<_> = trims.iter().map(|t| (t.part, t.n)).collect();
            prop_assert!(order.is_sorted());
            for (at, trim) in trims.iter().enumerate() {
                prop_assert!(evals.iter().any(|s| s.n == trim.n && (s.ended || trim.part == Part::Middle)));
                // Whoever pays has nothing left that an earlier pass, or an older eval in this one, would have taken first.
                for span in &evals {
                    for part in Part::ALL {
                        if part.frees(span) > 0 && (part, span.n) < (trim.part, trim.n) {
                            prop_assert!(trims.iter().take(at).any(|t| t.part == part && t.n == span.n));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_session_within_its_budget_loses_nothing() {
        let span = Span { n: 1, ended: true, outputs: 1 << 30, code: 1 << 20, rows: 400 };
        assert_eq!(plan(&[span], 99, 100), []);
    }
}

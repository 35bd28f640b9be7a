//! What is measured, one file each.

mod one;
mod thousand;

use crate::place::Place;
use crate::table::Row;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// For the table.
    Full,
    /// For a look while tuning: within a minute.
    Quick,
    /// Only so that it runs: within seconds, and without optimisation.
    Smoke,
}

impl Amount {
    pub(crate) const fn of(self, full: usize, quick: usize, smoke: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Quick => quick,
            Self::Smoke => smoke,
        }
    }
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Work {
    /// One `1+1` (w1).
    #[value(alias = "w1")]
    One,
    /// 1,000 evals submitted at once (w2).
    #[value(alias = "w2")]
    Thousand,
}

impl Work {
    pub(crate) async fn measure(self, place: &mut Place, amount: Amount, rounds: Option<usize>) -> Vec<Row> {
        match self {
            Self::One => one::measure(place, rounds.unwrap_or(amount.of(60, 12, 1)), amount).await,
            Self::Thousand => thousand::measure(place, rounds.unwrap_or(amount.of(15, 5, 1)), amount).await,
        }
    }
}

//! What is measured, one file each.

mod bytes;
mod cold;
mod floods;
mod idle;
mod interrupt;
mod links;
mod memory;
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
    /// 200,000 lines, and 50 MB in one write.
    Floods,
    /// An interrupt in a flood.
    Interrupt,
    /// `rialto exec` from nothing.
    Cold,
    /// A supervisor's memory.
    Memory,
    /// Bytes on the wire.
    Bytes,
    /// Many sessions that do nothing.
    Idle,
    /// By WebSockets and SSH.
    Links,
}

impl Work {
    pub(crate) async fn measure(self, place: &mut Place, amount: Amount, rounds: Option<usize>) -> Vec<Row> {
        match self {
            Self::One => one::measure(place, rounds.unwrap_or(amount.of(60, 12, 1)), amount).await,
            Self::Thousand => thousand::measure(place, rounds.unwrap_or(amount.of(15, 5, 1)), amount).await,
            Self::Floods => floods::measure(place, rounds.unwrap_or(amount.of(9, 3, 1)), amount).await,
            Self::Interrupt => interrupt::measure(place, rounds.unwrap_or(amount.of(25, 5, 1)), amount).await,
            Self::Cold => cold::measure(place, rounds.unwrap_or(amount.of(30, 8, 1)), amount),
            Self::Memory => memory::measure(place, amount).await,
            Self::Bytes => bytes::measure(place, amount).await,
            Self::Links => links::measure(place, rounds.unwrap_or(amount.of(30, 10, 1)), amount).await,
            Self::Idle => idle::measure(place, amount).await,
        }
    }
}

//! What is to be run again, before anything is: which session, which kernel, which evals. Read once through, so that what cannot
//! be done is said while nothing has happened yet.

use super::inputs::{Input, Inputs};
use crate::exit::{self, Failure};
use crate::logs::Item;
use crate::past::Past;
use crate::place::Place;
use rialto_client::protocol::event::Event;
use rialto_client::protocol::{Cursor, EvalNumber, Life, Seq};
use std::collections::{BTreeMap, BTreeSet};

/// Redacted evals that are told from trimmed ones; of more it is only said that their code is gone.
const REDACTED: usize = 100_000;
/// Numbers listed for one reason.
const LISTED: usize = 10;

/// Which evals are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that can be run: of all lives, one after the other.
    All,
    /// Only those of the life of the last one: what is left of earlier ones is nothing.
    LastLife,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// What it is called: its name, else its id.
    pub(crate) name: String,
    pub(crate) kernel: String,
    pub(crate) cwd: String,
    /// The interpreter of its last life.
    pub(crate) program: Option<String>,
    pub(crate) from: EvalNumber,
    pub(crate) until: EvalNumber,
    /// The life whose evals are meant, where it is not all.
    pub(crate) life: Option<Life>,
    /// Where those begin.
    pub(crate) start: Option<Cursor>,
    /// The last event that was looked at: what happens meanwhile is left out.
    pub(crate) head: Seq,
    pub(crate) runs: u64,
    pub(crate) redacted: BTreeSet<EvalNumber>,
}

impl Plan {
    /// Reads a session up to now.
    pub(crate) async fn of(
        place: &Place,
        session: &str,
        label: &'static str,
        (from, until): (Option<&str>, Option<&str>),
        which: Which,
    ) -> Result<Self, Failure> {
        let mut past = Past::of(place, session, label)?;
        let mut plan = Self { name: session.to_owned(), ..Self::default() };
        plan.from = crate::export::number(&past, from).await?.unwrap_or(1);
        plan.until = crate::export::number(&past, until).await?.unwrap_or(EvalNumber::MAX);
        if plan.from > plan.until {
            return Err(Failure::usage(format!("#{} comes after #{}", plan.from, plan.until)));
        }
        let read = plan.read(&mut past, which).await;
        past.close().await;
        read.map(|()| plan)
    }

    async fn read(&mut self, past: &mut Past, which: Which) -> Result<(), Failure> {
        let mut inputs = Inputs::default();
        let (mut begins, mut passed) = (0, false);
        while let Some(item) = past.next().await? {
            let record = match item {
                Item::Event(record) => *record,
                Item::Gap(gap) => {
                    inputs.gap(gap);
                    continue;
                }
                Item::Rewound(_) => continue,
            };
            self.head = record.seq;
            match &record.event {
                Event::Created(created) => {
                    self.name = created.name.as_ref().map_or_else(|| created.session.to_string(), ToString::to_string);
                    self.kernel.clone_from(&created.kernel);
                    self.cwd.clone_from(&created.cwd);
                }
                Event::LifeStarted(life) if !passed => {
                    self.program = Some(life.kernel.executable.clone()).filter(|path| !path.is_empty());
                    if which == Which::LastLife {
                        // What waited for this life was accepted before it.
                        begins = inputs.oldest().unwrap_or(record.seq).min(record.seq);
                        (self.life, self.runs) = (Some(life.life), 0);
                    }
                }
                Event::Redacted(redacted) if self.redacted.len() < REDACTED => drop(self.redacted.insert(redacted.n)),
                _ => {}
            }
            if let Some(input) = inputs.event(record) {
                passed |= input.n() == self.until;
                self.runs += u64::from(self.wants(&input) && input.skip().is_none());
            }
        }
        self.start = past.cursor().filter(|_| begins > 0).map(|at| Cursor { seq: begins - 1, ..at });
        Ok(())
    }

    /// Whether an eval is among those that are run again.
    pub(crate) fn wants(&self, input: &Input) -> bool {
        input.n() >= self.from && input.n() <= self.until && self.life.is_none_or(|life| input.life == life)
    }

    /// Its evals once more, from where they begin.
    pub(crate) fn past(&self, place: &Place, session: &str, label: &'static str) -> Result<Past, Failure> {
        if self.kernel.is_empty() {
            let text = format!("the beginning of {} is not on record: which kernel it ran is not known", self.name);
            return Err(Failure::new(exit::ERROR, text));
        }
        Ok(Past::of(place, session, label)?.between(self.start, self.head))
    }
}

/// What is not run again, by reason.
#[derive(Debug, Default)]
pub(crate) struct Skips(BTreeMap<&'static str, (u64, Vec<EvalNumber>)>);

impl Skips {
    pub(crate) fn add(&mut self, why: &'static str, n: EvalNumber) {
        let (count, listed) = self.0.entry(why).or_default();
        *count += 1;
        if listed.len() < LISTED {
            listed.push(n);
        }
    }

    /// All from `from` up to `to`, which is none of them.
    pub(crate) fn add_all(&mut self, why: &'static str, from: EvalNumber, to: EvalNumber) {
        if from >= to {
            return;
        }
        let (count, listed) = self.0.entry(why).or_default();
        *count += to - from;
        listed.extend((from..to).take(LISTED.saturating_sub(listed.len())));
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.values().map(|(count, _)| count).sum()
    }

    /// A sentence for each reason.
    pub(crate) fn sentences(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(why, (count, listed))| {
            let numbers: Vec<String> = listed.iter().map(|n| format!("#{n}")).collect();
            let more = count - listed.len() as u64;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("not run again: {}{more} ({why})", numbers.join(", "))
        })
    }
}

//! What the records add up to, told a second time and independently of the rules: what the invariants judge by.

use rialto_protocol::event::{Accepted, Asked, Event, Record};
use rialto_protocol::kernel::Step;
use rialto_protocol::{Epoch, EvalId, EvalNumber, GroupId, Life, OnError, Outcome, Scope, Seq, Show};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Where an eval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Waiting,
    Running,
    Ended(Outcome),
}

/// One eval.
#[derive(Debug, Clone)]
pub(crate) struct Eval {
    pub(crate) n: EvalNumber,
    pub(crate) eval: EvalId,
    pub(crate) group: Option<GroupId>,
    pub(crate) on_error: OnError,
    pub(crate) code: Arc<str>,
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) show: Show,
    pub(crate) at: At,
    /// Chunks it wrote itself.
    pub(crate) chunks: u32,
    /// The hardest step that was recorded against it.
    pub(crate) hardest: Option<Step>,
}

/// The session as its records tell it.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) head: Seq,
    pub(crate) epoch: Epoch,
    pub(crate) mono_us: u64,
    pub(crate) evals: Vec<Eval>,
    pub(crate) ids: HashMap<EvalId, EvalNumber>,
    pub(crate) waiting: VecDeque<EvalNumber>,
    pub(crate) running: Option<EvalNumber>,
    pub(crate) stopped: BTreeMap<GroupId, EvalNumber>,
    pub(crate) noted: BTreeSet<EvalId>,
    pub(crate) asks: Vec<Asked>,
    pub(crate) life: Life,
    pub(crate) living: bool,
    /// Lives that came up.
    pub(crate) lived: u32,
    /// The next eval to end is the first of a life that is not the first.
    pub(crate) fresh: bool,
    pub(crate) ended: bool,
    /// Chunks written after the end of an eval, in this life.
    pub(crate) background: u32,
    /// What others than the owner may do.
    pub(crate) shares: BTreeMap<String, Scope>,
}

impl Model {
    pub(crate) fn eval(&self, n: EvalNumber) -> Option<&Eval> {
        self.evals.get(usize::try_from(n).ok()?.checked_sub(1)?)
    }

    pub(crate) fn by_id(&self, id: &EvalId) -> Option<&Eval> {
        self.eval(*self.ids.get(id)?)
    }

    fn eval_mut(&mut self, n: EvalNumber) -> Option<&mut Eval> {
        self.evals.get_mut(usize::try_from(n).ok()?.checked_sub(1)?)
    }

    pub(crate) fn replay<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut model = Self::default();
        records.for_each(|r| model.apply(r));
        model
    }

    /// Without judgement: what is wrong has been said before.
    pub(crate) fn apply(&mut self, record: &Record) {
        self.head = record.seq;
        self.mono_us = record.at.mono_us;
        match &record.event {
            Event::EpochStarted(e) => self.epoch = e.epoch,
            Event::LifeStarted(e) => {
                self.fresh = self.lived > 0;
                (self.life, self.living, self.background) = (e.life, true, 0);
                self.lived += 1;
            }
            Event::LifeEnded(e) => {
                (self.life, self.living) = (e.life, false);
                self.asks.clear();
            }
            Event::Accepted(e) => self.accepted(e),
            Event::Started(e) => {
                self.waiting.retain(|n| *n != e.n);
                self.starts(e.n);
            }
            Event::Output(e) => {
                if e.background {
                    self.background += 1;
                } else if let Some(eval) = self.eval_mut(e.n) {
                    eval.chunks += 1;
                }
            }
            Event::Asked(e) => self.asks.push(e.clone()),
            Event::Answered(e) => self.asks.retain(|a| a.ask != e.ask),
            Event::Interrupting(e) => {
                if let Some(eval) = self.eval_mut(e.n) {
                    eval.hardest = eval.hardest.max(Some(e.step));
                }
            }
            Event::InterruptNoted(e) => {
                self.noted.insert(e.eval);
            }
            Event::Ended(e) => {
                if self.running == Some(e.n) {
                    self.running = None;
                    self.fresh = false;
                    self.asks.clear();
                }
                self.waiting.retain(|n| *n != e.n);
                if let Some(eval) = self.eval_mut(e.n) {
                    eval.at = At::Ended(e.outcome);
                    // Said again on purpose, and not with the crate's own `stops_group`.
                    let bad = match e.outcome {
                        Outcome::Ok | Outcome::Cancelled | Outcome::NotRun => false,
                        Outcome::Exit => e.code.unwrap_or(0) != 0,
                        _ => true,
                    };
                    if bad && let (OnError::Stop, Some(group)) = (eval.on_error, eval.group) {
                        self.stopped.entry(group).or_insert(e.n);
                    }
                }
            }
            Event::SessionEnded(_) => self.ended = true,
            Event::Shared(e) => {
                self.shares.insert(e.with.clone(), e.scope);
            }
            Event::Unshared(e) => {
                self.shares.remove(&e.with);
            }
            Event::Created(_) | Event::Display(_) | Event::Redacted(_) | Event::CommSent(_) | Event::Unknown(_) => {}
        }
    }

    fn accepted(&mut self, e: &Accepted) {
        self.ids.insert(e.eval, e.n);
        self.evals.push(Eval {
            n: e.n,
            eval: e.eval,
            group: e.group,
            on_error: e.on_error,
            code: e.code.clone().unwrap_or_default(),
            argv: e.argv.clone(),
            show: e.show,
            at: At::Waiting,
            chunks: 0,
            hardest: None,
        });
        if e.started {
            self.starts(e.n);
        } else {
            self.waiting.push_back(e.n);
        }
    }

    fn starts(&mut self, n: EvalNumber) {
        self.running = Some(n);
        if let Some(eval) = self.eval_mut(n) {
            eval.at = At::Running;
        }
    }
}

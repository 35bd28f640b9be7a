//! The evals of a session, gathered from its events: what was run, what was answered, what came of it. Each is given once it
//! has ended, in the order in which they ended, which is the order in which they ran.

use super::shown::Shown;
use rialto_client::protocol::event::{Accepted, Event, Record};
use rialto_client::protocol::message::Gap;
use rialto_client::protocol::{EvalNumber, Life, Outcome, Seq};
use std::collections::{BTreeMap, VecDeque};

/// Answers remembered of one eval, and bytes of all of them; what is more is asked for again.
const ANSWERS: usize = 10_000;
const ANSWERED: usize = 4 * 1024 * 1024;

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Data(Vec<u8>),
    Eof,
    /// It was secret: only its length is on record.
    Secret,
}

/// One eval as it was.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) accepted: Accepted,
    /// The life it ran in; the last one before it where it never did.
    pub(crate) life: Life,
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) shown: Shown,
    answered: usize,
    seq: Seq,
}

impl Input {
    pub(crate) const fn n(&self) -> EvalNumber {
        self.accepted.n
    }

    /// Why it is not run again, where it is not.
    pub(crate) fn skip(&self) -> Option<&'static str> {
        match self.shown.outcome() {
            Some(Outcome::Interrupted) => Some("interrupted"),
            Some(Outcome::Cancelled) => Some("cancelled before it ran"),
            Some(Outcome::NotRun) => Some("never ran"),
            Some(Outcome::Lost) => Some("lost with its supervisor"),
            Some(Outcome::Unknown) => Some("ended in a way this version does not know"),
            None => Some("has not ended"),
            Some(Outcome::Ok | Outcome::Error | Outcome::Exit | Outcome::Died) if self.accepted.code.is_none() => {
                Some("its code is no longer kept")
            }
            Some(Outcome::Ok | Outcome::Error | Outcome::Exit | Outcome::Died) => None,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    life: Life,
    /// Accepted and not started: as many as a session's queue takes.
    waiting: BTreeMap<EvalNumber, Input>,
    current: Option<Input>,
}

impl Inputs {
    /// Takes an event; gives the eval that it ends.
    pub(crate) fn event(&mut self, record: Record) -> Option<Input> {
        match record.event {
            Event::LifeStarted(life) => {
                self.life = life.life;
                None
            }
            Event::Accepted(accepted) => {
                let (started, n) = (accepted.started, accepted.n);
                let shown = Shown::default();
                let input = Input { accepted, life: self.life, answers: VecDeque::new(), shown, answered: 0, seq: record.seq };
                if started {
                    self.current = Some(input)
                } else {
                    drop(self.waiting.insert(n, input))
                }
                None
            }
            Event::Started(started) => {
                self.current = self.waiting.remove(&started.n);
                if let Some(current) = &mut self.current {
                    current.life = self.life;
                }
                None
            }
            Event::Answered(answered) => {
                let life = self.current.as_mut().filter(|input| input.n() == answered.n)?;
                let answer = match answered.data {
                    _ if answered.eof => Answer::Eof,
                    Some(data) => Answer::Data(data.0),
                    None => Answer::Secret,
                };
                life.answered += if let Answer::Data(data) = &answer { data.len() } else { 0 };
                if life.answers.len() < ANSWERS && life.answered <= ANSWERED {
                    life.answers.push_back(answer);
                }
                None
            }
            Event::Ended(ended) => {
                let mut input = match self.waiting.remove(&ended.n) {
                    Some(input) => input,
                    None => self.current.take_if(|input| input.n() == ended.n)?,
                };
                input.shown.event(&Event::Ended(ended));
                Some(input)
            }
            event => {
                if let Some(input) = &mut self.current
                    && number(&event) == Some(input.n())
                {
                    input.shown.event(&event);
                }
                None
            }
        }
    }

    /// These events are gone: of the eval that runs, where one does.
    pub(crate) const fn gap(&mut self, gap: Gap) {
        if let Some(input) = &mut self.current {
            input.shown.trimmed += gap.to.saturating_sub(gap.from) + 1;
        }
    }

    /// The first event of an eval that has not ended.
    pub(crate) fn oldest(&self) -> Option<Seq> {
        self.waiting.values().chain(&self.current).map(|input| input.seq).min()
    }

    /// What has not ended.
    pub(crate) fn rest(self) -> impl Iterator<Item = Input> {
        self.current.into_iter().chain(self.waiting.into_values())
    }
}

/// The eval an event belongs to.
const fn number(event: &Event) -> Option<EvalNumber> {
    match event {
        Event::Output(e) => Some(e.n),
        Event::Display(e) => Some(e.n),
        _ => None,
    }
}

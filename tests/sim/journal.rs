//! The journal of a world: rows in memory, how far they are safe, what was trimmed, and the past that the rules ask for.

use rialto_protocol::event::{Accepted, Event, Record};
use rialto_protocol::{EvalId, EvalNumber, GroupId, OnError, RequestId, Seq};
use rialto_session::archive::{Archive, EvalFacts, stops_group};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// One event.
pub(crate) struct Row {
    /// As it was recorded.
    pub(crate) record: Arc<Record>,
    /// As it can still be read: without its code, or not at all.
    pub(crate) shown: Option<Arc<Record>>,
}

/// Everything that was recorded. The event of number `n` is row `n - 1`.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) rows: Vec<Row>,
    /// Rows that survive `kill -9`.
    pub(crate) durable: usize,
    /// Code cannot be read back just now.
    pub(crate) torn: Cell<bool>,
    facts: Facts,
}

/// What trimming never removes.
#[derive(Default)]
struct Facts {
    evals: HashMap<EvalId, EvalFacts>,
    ids: BTreeMap<EvalNumber, EvalId>,
    groups_of: HashMap<EvalNumber, (GroupId, OnError)>,
    requests: HashMap<RequestId, Seq>,
    noted: HashSet<EvalId>,
    stopped: HashMap<GroupId, EvalNumber>,
}

impl Journal {
    pub(crate) fn head(&self) -> Seq {
        self.rows.len() as Seq
    }

    pub(crate) fn last_n(&self) -> EvalNumber {
        self.facts.ids.keys().next_back().copied().unwrap_or(0)
    }

    pub(crate) fn record(&self, seq: Seq) -> Option<&Arc<Record>> {
        self.rows.get(usize::try_from(seq).ok()?.checked_sub(1)?).map(|r| &r.record)
    }

    pub(crate) fn append(&mut self, record: Record) -> Arc<Record> {
        let record = Arc::new(record);
        self.facts.learn(&record);
        self.rows.push(Row { record: record.clone(), shown: Some(record.clone()) });
        record
    }

    /// Loses everything after so many rows, and says what that was.
    pub(crate) fn truncate(&mut self, len: usize) -> Vec<Arc<Record>> {
        let lost = self.rows.split_off(len.min(self.rows.len())).into_iter().map(|r| r.record).collect();
        self.durable = self.durable.min(self.rows.len());
        self.facts = Facts::default();
        for row in &self.rows {
            self.facts.learn(&row.record);
        }
        for row in &mut self.rows {
            // What had not ended then was not trimmed then: that came later, and is lost with the rest.
            let open =
                |n: EvalNumber| self.facts.ids.get(&n).and_then(|id| self.facts.evals.get(id)).is_none_or(|f| f.last.is_none());
            if row.shown.is_none() && eval_of(&row.record.event).is_some_and(open) {
                row.shown = Some(row.record.clone());
            }
        }
        lost
    }

    /// The next event after this one that can still be read.
    pub(crate) fn next_shown(&self, after: Seq) -> Option<Arc<Record>> {
        self.rows.get(after as usize..self.durable)?.iter().find_map(|r| r.shown.clone())
    }

    /// Removes what an eval wrote; with `rows`, everything of it. It must have ended.
    pub(crate) fn trim(&mut self, n: EvalNumber, rows: bool) -> bool {
        let Some(facts) = self.eval_number(n).filter(|f| f.last.is_some_and(|last| last as usize <= self.durable)) else {
            return false;
        };
        let from = facts.first as usize - 1;
        for row in self.rows.get_mut(from..self.durable).unwrap_or_default() {
            let text = matches!(row.record.event, Event::Output(_) | Event::Display(_));
            if (rows || text) && eval_of(&row.record.event) == Some(n) {
                row.shown = None;
            }
        }
        true
    }

    /// Removes the text of an eval.
    pub(crate) fn redact(&mut self, n: EvalNumber, first: Seq, last: Seq) {
        self.trim(n, false);
        for row in self.rows.get_mut(first as usize - 1..last as usize).unwrap_or_default() {
            if let (Event::Accepted(e), Some(shown)) = (&row.record.event, &row.shown)
                && e.n == n
            {
                let mut record = Record::clone(shown);
                record.event = Event::Accepted(Accepted { code: None, ..e.clone() });
                row.shown = Some(Arc::new(record));
            }
        }
    }
}

/// The eval that an event belongs to.
const fn eval_of(event: &Event) -> Option<EvalNumber> {
    match event {
        Event::Output(e) => Some(e.n),
        Event::Display(e) => Some(e.n),
        Event::Accepted(e) => Some(e.n),
        Event::Started(e) => Some(e.n),
        Event::Asked(e) => Some(e.n),
        Event::Answered(e) => Some(e.n),
        Event::Interrupting(e) => Some(e.n),
        Event::Ended(e) => Some(e.n),
        _ => None,
    }
}

/// The request that made this event.
pub(crate) fn request_of(event: &Event) -> Option<RequestId> {
    match event {
        Event::Created(e) => Some(e.id),
        Event::LifeStarted(e) => e.id,
        Event::LifeEnded(e) => e.id,
        Event::Answered(e) => Some(e.id),
        Event::Interrupting(e) => Some(e.id),
        Event::InterruptNoted(e) => Some(e.id),
        Event::Redacted(e) => Some(e.id),
        Event::Shared(e) => Some(e.id),
        Event::Unshared(e) => Some(e.id),
        Event::CommSent(e) => Some(e.id),
        Event::SessionEnded(e) => e.id,
        _ => None,
    }
}

impl Facts {
    fn learn(&mut self, record: &Record) {
        if let Some(id) = request_of(&record.event) {
            self.requests.entry(id).or_insert(record.seq);
        }
        match &record.event {
            Event::Accepted(e) => {
                let hash = e.hash.as_ref().and_then(|h| h.0.clone().try_into().ok()).unwrap_or_default();
                let facts = EvalFacts {
                    eval: e.eval,
                    n: e.n,
                    hash,
                    client: e.by.as_ref().and_then(|by| by.client),
                    first: record.seq,
                    last: None,
                    outcome: None,
                    code: None,
                };
                self.evals.insert(e.eval, facts);
                self.ids.insert(e.n, e.eval);
                if let Some(group) = e.group {
                    self.groups_of.insert(e.n, (group, e.on_error));
                }
            }
            Event::Ended(e) => {
                if let Some(facts) = self.ids.get(&e.n).and_then(|id| self.evals.get_mut(id)) {
                    facts.last = Some(record.seq);
                    facts.outcome = Some(e.outcome);
                    facts.code = e.code;
                }
                if let Some((group, OnError::Stop)) = self.groups_of.get(&e.n)
                    && stops_group(e.outcome, e.code)
                {
                    self.stopped.entry(*group).or_insert(e.n);
                }
            }
            Event::InterruptNoted(e) => {
                self.noted.insert(e.eval);
            }
            _ => {}
        }
    }
}

impl Archive for Journal {
    fn eval(&self, id: &EvalId) -> Option<EvalFacts> {
        self.facts.evals.get(id).cloned()
    }

    fn eval_number(&self, n: EvalNumber) -> Option<EvalFacts> {
        self.facts.ids.get(&n).and_then(|id| self.facts.evals.get(id)).cloned()
    }

    fn accepted(&self, first: Seq) -> Option<Accepted> {
        if self.torn.get() {
            return None;
        }
        match self.rows.get(first as usize - 1)?.shown.as_ref().map(|r| &r.event) {
            Some(Event::Accepted(e)) => Some(e.clone()),
            _ => None,
        }
    }

    fn request(&self, id: &RequestId) -> Option<Seq> {
        self.facts.requests.get(id).copied()
    }

    fn noted_interrupt(&self, eval: &EvalId) -> bool {
        self.facts.noted.contains(eval)
    }

    fn stopped_group(&self, group: &GroupId) -> Option<EvalNumber> {
        self.facts.stopped.get(group).copied()
    }
}

//! What appended records say about evals and requests, while it waits in memory to be indexed.

use super::index::hash_of;
use rialto_protocol::event::{Accepted, Event, Record};
use rialto_protocol::{ClientId, EvalId, EvalNumber, GroupId, OnError, Outcome, RequestId, Seq};
use rialto_session::archive::CodeHash;
use rialto_session::retention::SHORT_CODE;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

/// An accepted eval.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) id: EvalId,
    pub(super) hash: CodeHash,
    pub(super) client: Option<ClientId>,
    /// The group that its failure would stop.
    pub(super) group: Option<GroupId>,
    pub(super) first: Seq,
    /// Bytes of code, where they are worth trimming.
    pub(super) typed: u64,
}

/// How an eval ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) last: Seq,
    pub(super) outcome: Outcome,
    pub(super) code: Option<i32>,
}

/// Where an eval's output is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printed {
    pub(super) from: Seq,
    pub(super) to: Seq,
    pub(super) bytes: u64,
}

/// One layer of facts. Bounded: the journal writes it into its tables when it holds [`Facts::ENOUGH`].
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) begun: BTreeMap<EvalNumber, Begun>,
    pub(super) numbers: HashMap<EvalId, EvalNumber>,
    pub(super) ends: BTreeMap<EvalNumber, End>,
    pub(super) printed: BTreeMap<EvalNumber, Printed>,
    pub(super) requests: HashMap<RequestId, Seq>,
    pub(super) noted: HashSet<EvalId>,
    pub(super) stopped: HashMap<GroupId, EvalNumber>,
    /// Records they were taken from.
    pub(super) records: usize,
}

impl Facts {
    /// Facts of one sort that wait at most.
    const ENOUGH: usize = 1024;
    /// Records that opening the journal reads again at most: output rows make few facts, but they are looked at one by one.
    const RECORDS: usize = 4096;

    pub(super) fn is_full(&self) -> bool {
        self.begun.len() >= Self::ENOUGH
            || self.ends.len() >= Self::ENOUGH
            || self.requests.len() >= Self::ENOUGH
            || self.records >= Self::RECORDS
    }

    /// Takes note of one lifecycle record.
    pub(super) fn note(&mut self, record: &Record) {
        self.records += 1;
        let seq = record.seq;
        match &record.event {
            Event::Accepted(a) => self.begin(seq, a),
            Event::Ended(e) => {
                self.ends.entry(e.n).or_insert(End { last: seq, outcome: e.outcome, code: e.code });
            }
            Event::InterruptNoted(i) => {
                self.noted.insert(i.eval);
                self.request(Some(i.id), seq);
            }
            Event::Created(e) => self.request(Some(e.id), seq),
            Event::Answered(e) => self.request(Some(e.id), seq),
            Event::Interrupting(e) => self.request(Some(e.id), seq),
            Event::Redacted(e) => self.request(Some(e.id), seq),
            Event::Shared(e) => self.request(Some(e.id), seq),
            Event::Unshared(e) => self.request(Some(e.id), seq),
            Event::CommSent(e) => self.request(Some(e.id), seq),
            Event::LifeStarted(e) => self.request(e.id, seq),
            Event::LifeEnded(e) => self.request(e.id, seq),
            Event::SessionEnded(e) => self.request(e.id, seq),
            Event::EpochStarted(_)
            | Event::Started(_)
            | Event::Output(_)
            | Event::Display(_)
            | Event::Asked(_)
            | Event::Unknown(_) => {}
        }
    }

    fn begin(&mut self, first: Seq, a: &Accepted) {
        let typed = a.code.as_ref().map_or(0, |code| code.len() as u64);
        let begun = Begun {
            id: a.eval,
            hash: hash_of(a.hash.as_ref().map(|h| h.0.as_slice())),
            client: a.by.as_ref().and_then(|by| by.client),
            group: a.group.filter(|_| a.on_error == OnError::Stop),
            first,
            typed: if typed < SHORT_CODE { 0 } else { typed },
        };
        self.numbers.insert(a.eval, a.n);
        self.begun.insert(a.n, begun);
    }

    /// One request may make several events (an interrupt that escalates): the first is the answer.
    fn request(&mut self, id: Option<RequestId>, seq: Seq) {
        if let Some(id) = id {
            self.requests.entry(id).or_insert(seq);
        }
    }

    /// Takes note of one row of output.
    pub(super) fn printed(&mut self, n: EvalNumber, seq: Seq, bytes: u64) {
        self.records += 1;
        self.add_printed(n, Printed { from: seq, to: seq, bytes });
    }

    fn add_printed(&mut self, n: EvalNumber, more: Printed) {
        self.printed
            .entry(n)
            .and_modify(|p| *p = Printed { from: p.from, to: more.to, bytes: p.bytes + more.bytes })
            .or_insert(more);
    }

    /// Moves everything of a later layer into this one, and leaves that empty.
    pub(super) fn absorb(&mut self, later: &mut Self) {
        fn keep_first<K: Eq + Hash, V>(into: &mut HashMap<K, V>, from: &mut HashMap<K, V>) {
            for (key, value) in from.drain() {
                into.entry(key).or_insert(value);
            }
        }
        // One by one: `BTreeMap::append` builds the larger map anew, and this happens at every commit.
        while let Some((n, begun)) = later.begun.pop_first() {
            self.begun.insert(n, begun);
        }
        while let Some((n, end)) = later.ends.pop_first() {
            self.ends.entry(n).or_insert(end);
        }
        while let Some((n, more)) = later.printed.pop_first() {
            self.add_printed(n, more);
        }
        self.numbers.extend(later.numbers.drain());
        keep_first(&mut self.requests, &mut later.requests);
        keep_first(&mut self.stopped, &mut later.stopped);
        self.noted.extend(later.noted.drain());
        self.records += std::mem::take(&mut later.records);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

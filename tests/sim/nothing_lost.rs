//! Promise 3: from a cursor on everything comes, each event once and the same for everybody; what is missing is named.

use crate::journal::Journal;
use crate::model::Model;
use crate::story::{Check, hold};
use rialto_protocol::event::{Accepted, Ended, Event, Record};
use rialto_protocol::message::Carried;
use rialto_protocol::{RequestId, Seq};
use rialto_session::Archive;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one client has seen: every event since the place where it began, and the holes it was told of.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) events: BTreeMap<Seq, Arc<Record>>,
    /// It has everything after this one, but for the gaps.
    pub(crate) from: Seq,
    /// The last one it was sent, or told that it is gone.
    pub(crate) to: Seq,
}

impl Seen {
    /// Begins anew after this event.
    pub(crate) fn begin(&mut self, after: Seq) {
        self.events.clear();
        (self.from, self.to) = (after, after);
    }

    pub(crate) fn event(&mut self, record: Arc<Record>) -> Check {
        hold!("nothing_lost", record.seq == self.to + 1, "after event {} comes event {}", self.to, record.seq);
        self.to = record.seq;
        self.events.insert(record.seq, record);
        Ok(())
    }

    pub(crate) fn gap(&mut self, from: Seq, to: Seq) -> Check {
        hold!("nothing_lost", from == self.to + 1 && to >= from, "after event {} comes a gap of {from} to {to}", self.to);
        self.to = to;
        Ok(())
    }

    pub(crate) fn rewound(&mut self, seq: Seq) -> Check {
        hold!("nothing_lost", seq <= self.to, "rewound from {} forward to {seq}", self.to);
        self.events.split_off(&(seq + 1));
        self.to = seq;
        self.from = self.from.min(seq);
        Ok(())
    }

    /// What it has seen is what the journal has.
    pub(crate) fn is_true(&self, journal: &Journal, whose: &str) -> Check {
        for (seq, seen) in &self.events {
            let Some(kept) = journal.record(*seq) else {
                hold!("nothing_lost", false, "{whose} saw event {seq}, which the journal does not have: {seen:?}");
                return Ok(());
            };
            hold!("nothing_lost", same(seen, kept), "{whose} saw event {seq} as {seen:?}, the journal has {kept:?}");
        }
        Ok(())
    }
}

/// A gap is said only where nothing can be read any more.
pub(crate) fn gap_is_real(journal: &Journal, from: Seq, to: Seq) -> Check {
    let kept = journal.next_shown(from - 1).filter(|r| r.seq <= to);
    hold!("nothing_lost", kept.is_none(), "events {from} to {to} are said to be gone, and {kept:?} is there");
    Ok(())
}

/// Two forms of one event: what is left out for its submitter, by redaction and by trimming makes no difference.
fn same(seen: &Arc<Record>, kept: &Arc<Record>) -> bool {
    if Arc::ptr_eq(seen, kept) {
        return true;
    }
    let event = match (&seen.event, &kept.event) {
        (Event::Accepted(a), Event::Accepted(b)) => {
            let bare = |e: &Accepted| Accepted { by: None, code: None, hash: None, ..e.clone() };
            bare(a) == bare(b)
        }
        (Event::Ended(a), Event::Ended(b)) => {
            let bare = |e: &Ended| Ended { result: None, failure: None, ..e.clone() };
            bare(a) == bare(b)
        }
        (a, b) => a == b,
    };
    event && seen.seq == kept.seq && seen.at == kept.at
}

/// What is said to be carried out is in the journal, as an event of that request.
pub(crate) fn carried(journal: &Journal, m: &Model, id: RequestId, reply: &Carried) -> Check {
    let made = journal.record(reply.seq).and_then(|r| crate::journal::request_of(&r.event));
    // A second kill finds the session ended: it is told the last event.
    let ended_already = m.ended && made != Some(id);
    hold!("nothing_lost", made == Some(id) || ended_already, "{reply:?} names an event of another request");
    Ok(())
}

/// What was redacted cannot be read, and is known all the same.
pub(crate) fn redacted(journal: &Journal) -> Check {
    for row in &journal.rows {
        if let Event::Redacted(e) = &row.record.event {
            // What a thread of it writes after that is new, and stays.
            let mut before = journal.rows.iter().filter_map(|r| r.shown.as_ref()).take_while(|r| r.seq < row.record.seq);
            let text = before.find(|r| match &r.event {
                Event::Accepted(a) => a.n == e.n && a.code.is_some(),
                Event::Output(o) => o.n == e.n,
                Event::Display(d) => d.n == e.n,
                _ => false,
            });
            hold!("who", text.is_none(), "#{} was redacted, and {text:?} can be read", e.n);
            hold!("once", journal.eval_number(e.n).is_some(), "#{} was redacted, and is forgotten", e.n);
        }
    }
    Ok(())
}

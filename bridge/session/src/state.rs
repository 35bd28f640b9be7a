//! What a session is, as far as it survives: a fold over its records.
//!
//! Nothing in here changes except by [`State::apply`], so recovery is "apply the journal" and there is no second code path.

use crate::share::{Access, user};
use rialto_protocol::event::{Accepted, Asked, Created, Event, Record};
use rialto_protocol::kernel::KernelInfo;
use rialto_protocol::{ClientId, Epoch, EvalId, EvalNumber, GroupId, Life, OnError, Seq};
use std::collections::VecDeque;

/// Code up to this size stays in memory while it waits; the rest is fetched from the archive. Bytes.
const KEEP_CODE: usize = 4 * 1024;
/// Nothing more is kept in memory once so much waits. Bytes.
const KEEP_ALL: usize = 2 * 1024 * 1024;

/// An eval that waits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) eval: EvalId,
    pub(crate) n: EvalNumber,
    pub(crate) first: Seq,
    pub(crate) group: Option<GroupId>,
    pub(crate) on_error: OnError,
    pub(crate) client: Option<ClientId>,
    pub(crate) principal: String,
    pub(crate) bytes: usize,
    /// Its `accepted`, where it is small.
    pub(crate) kept: Option<Accepted>,
}

/// The eval that runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    pub(crate) eval: EvalId,
    pub(crate) n: EvalNumber,
    pub(crate) first: Seq,
    pub(crate) group: Option<GroupId>,
    pub(crate) on_error: OnError,
    pub(crate) client: Option<ClientId>,
    pub(crate) principal: String,
    pub(crate) since_us: u64,
}

/// What the records add up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) created: Option<Created>,
    pub(crate) created_ms: u64,
    /// Each epoch and the number of its `epoch_started`, oldest first.
    pub(crate) epochs: Vec<(Epoch, Seq)>,
    /// The last event.
    pub(crate) head: Seq,
    /// The last eval.
    pub(crate) last_n: EvalNumber,
    pub(crate) queue: VecDeque<Waiting>,
    pub(crate) queued_bytes: usize,
    pub(crate) running: Option<Running>,
    /// The last eval that ran: whose background output is still to come.
    pub(crate) ran: EvalNumber,
    /// The last life that began or failed to.
    pub(crate) life: Life,
    /// It lives.
    pub(crate) living: Option<KernelInfo>,
    /// Some life came up.
    pub(crate) lived: bool,
    /// The next eval to end is the first of a life that is not the session's first.
    pub(crate) fresh: bool,
    /// What the running eval reads, unanswered.
    pub(crate) asks: Vec<Asked>,
    /// Interrupts that named evals which had not arrived.
    pub(crate) noted: u64,
    pub(crate) ended: bool,
    /// Who may come in.
    pub(crate) access: Access,
}

impl State {
    /// The one way in which anything here changes.
    pub(crate) fn apply(&mut self, record: &Record) {
        self.head = record.seq;
        match &record.event {
            Event::Created(created) => {
                self.created = Some(created.clone());
                user(&created.by.principal).clone_into(&mut self.access.owner);
                self.created_ms = record.at.wall_ms;
            }
            Event::EpochStarted(e) => self.epochs.push((e.epoch, record.seq)),
            Event::LifeStarted(e) => {
                // A failed start of life 1 made nothing that could be missed, a life that lived did. Whether an eval ran in
                // it is not asked: retention may have removed the records that say so.
                self.fresh = self.lived && !cfg!(mutant = "fresh_state_is_not_said");
                self.lived = true;
                self.life = e.life;
                self.living = Some(e.kernel.clone());
            }
            Event::LifeEnded(e) => {
                self.life = self.life.max(e.life);
                self.living = None;
                self.asks.clear();
            }
            Event::Accepted(e) => self.accept(record, e),
            Event::Started(e) => {
                if let Some(at) = self.queue.iter().position(|w| w.n == e.n)
                    && let Some(w) = self.queue.remove(at)
                {
                    self.queued_bytes = self.queued_bytes.saturating_sub(w.bytes);
                    self.start(w, record.at.mono_us);
                }
            }
            Event::Asked(e) => self.asks.push(e.clone()),
            Event::Answered(e) => self.asks.retain(|a| a.ask != e.ask),
            Event::InterruptNoted(_) => self.noted += 1,
            Event::Ended(e) => {
                if self.running.as_ref().is_some_and(|r| r.n == e.n) {
                    self.running = None;
                    self.fresh = false;
                    self.asks.clear();
                } else if let Some(at) = self.queue.iter().position(|w| w.n == e.n)
                    && let Some(w) = self.queue.remove(at)
                {
                    self.queued_bytes = self.queued_bytes.saturating_sub(w.bytes);
                }
            }
            Event::SessionEnded(_) => self.ended = true,
            Event::Shared(e) => {
                self.access.shares.insert(e.with.clone(), e.scope);
            }
            Event::Unshared(e) => {
                self.access.shares.remove(&e.with);
            }
            Event::Output(_)
            | Event::Display(_)
            | Event::Interrupting(_)
            | Event::Redacted(_)
            | Event::CommSent(_)
            | Event::Unknown(_) => {}
        }
    }

    fn accept(&mut self, record: &Record, e: &Accepted) {
        self.last_n = self.last_n.max(e.n);
        let bytes = weight(e.code.as_deref().unwrap_or_default(), e.argv.as_deref(), e.trace.as_deref());
        let waiting = Waiting {
            eval: e.eval,
            n: e.n,
            first: record.seq,
            group: e.group,
            on_error: e.on_error,
            client: e.by.as_ref().and_then(|by| by.client),
            principal: e.by.as_ref().map(|by| by.principal.clone()).unwrap_or_default(),
            bytes,
            kept: (!e.started && bytes <= KEEP_CODE && self.queued_bytes <= KEEP_ALL).then(|| e.clone()),
        };
        if e.started {
            self.start(waiting, record.at.mono_us);
        } else {
            self.queued_bytes += bytes;
            self.queue.push_back(waiting);
        }
    }

    fn start(&mut self, w: Waiting, now_us: u64) {
        self.ran = w.n;
        self.running = Some(Running {
            eval: w.eval,
            n: w.n,
            first: w.first,
            group: w.group,
            on_error: w.on_error,
            client: w.client,
            principal: w.principal,
            since_us: now_us,
        });
    }

    /// The incarnation that speaks.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epochs.last().map_or(0, |(epoch, _)| *epoch)
    }
}

/// What an eval weighs while it waits. Bytes: its code, its arguments (each a little more than it is long), its trace.
pub(crate) fn weight(code: &str, argv: Option<&[String]>, trace: Option<&str>) -> usize {
    let argv: usize = argv.unwrap_or_default().iter().map(|arg| arg.len() + 32).sum();
    code.len() + argv + trace.unwrap_or_default().len()
}

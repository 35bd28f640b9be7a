//! Questions about code: asked only while nothing runs, never in the way of an eval for long.

use crate::input::{ConnId, Output, Timer};
use crate::lives::Phase;
use crate::session::Turn;
use rialto_protocol::kernel::{Answer, KernelCommand, Query, Step};
use rialto_protocol::message::{At, CompletenessReply, CompletionsReply, Inspected};
use rialto_protocol::{Code, Message};
use std::collections::BTreeMap;

/// Queries that may be open at once.
const MAX_OPEN: usize = 8;
/// An eval that waits for a query waits no longer than this: then the query is interrupted. Microseconds.
const PATIENCE_US: u64 = 2_000_000;
/// Where none waits, it takes so long. What completes may have to read a whole library first, and note it: IPython's leaves half a
/// file where it is interrupted, and knows nothing from then on.
const LONGEST_US: u64 = 10 * PATIENCE_US;

/// What was asked and not yet answered.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    open: BTreeMap<u64, Asked>,
    next: u64,
}

#[derive(Debug)]
struct Asked {
    conn: ConnId,
    re: u32,
    at_us: u64,
}

impl Queries {
    pub(crate) fn none_open(&self) -> bool {
        self.open.is_empty()
    }
}

/// A position that a client named, moved to where a character begins.
fn place(code: &str, cursor: u64) -> usize {
    let mut at = usize::try_from(cursor).unwrap_or(usize::MAX).min(code.len());
    while !code.is_char_boundary(at) {
        at -= 1;
    }
    at
}

pub(crate) fn complete(m: At) -> Query {
    Query::Complete { cursor: place(&m.code, m.cursor), code: m.code }
}

pub(crate) fn inspect(m: At) -> Query {
    Query::Inspect { cursor: place(&m.code, m.cursor), code: m.code, detail: m.detail.min(1) }
}

pub(crate) fn is_complete(m: At) -> Query {
    Query::IsComplete { code: m.code }
}

impl Turn<'_> {
    pub(crate) fn query(&mut self, conn: ConnId, re: u32, query: Query) {
        let busy = self.s.state.running.is_some() || !self.s.state.queue.is_empty() || self.s.interrupts.fence.is_some();
        match self.s.phase {
            Phase::Ready if !busy && self.s.queries.open.len() < MAX_OPEN => {}
            Phase::None => {
                return self.error(
                    conn,
                    re,
                    Code::NoKernel,
                    "no kernel lives in this session; the next eval starts one".to_owned(),
                );
            }
            _ => return self.error(conn, re, Code::KernelBusy, "the kernel is busy and cannot be asked now".to_owned()),
        }
        let number = self.s.queries.next;
        self.s.queries.next += 1;
        self.s.queries.open.insert(number, Asked { conn, re, at_us: self.at.mono_us });
        self.out.push(Output::SetTimer(Timer::Query(number), self.at.mono_us + PATIENCE_US));
        self.out.push(Output::Kernel(KernelCommand::Query(number, query)));
    }

    pub(crate) fn answered_query(&mut self, number: u64, answer: Answer) {
        let Some(Asked { conn, re, .. }) = self.s.queries.open.remove(&number) else { return };
        self.out.push(Output::ClearTimer(Timer::Query(number)));
        let message = match answer {
            Answer::Completions(completions) => Message::Completions(CompletionsReply { re, completions }),
            Answer::Inspected(data) => Message::Inspected(Inspected { re, data }),
            Answer::Completeness(completeness) => Message::Completeness(CompletenessReply { re, completeness }),
            Answer::Unable(why) => return self.error(conn, re, Code::QueryFailed, format!("the kernel cannot tell: {why}")),
        };
        self.reply(conn, message);
    }

    /// It holds up the evals, or never ends: interrupt it, and fence that interrupt like any other.
    pub(crate) fn query_timed_out(&mut self, number: u64) {
        let Some(asked) = self.s.queries.open.get(&number) else { return };
        if !matches!(self.s.phase, Phase::Ready) {
            return;
        }
        if self.s.state.queue.is_empty() && self.at.mono_us < asked.at_us.saturating_add(LONGEST_US) {
            return self.out.push(Output::SetTimer(Timer::Query(number), self.at.mono_us + PATIENCE_US));
        }
        self.out.push(Output::Kernel(KernelCommand::Interrupt(Step::Interrupt)));
        if !cfg!(mutant = "query_interrupt_is_not_fenced") {
            self.raise_fence();
        }
    }

    /// Whatever was asked before the fence will not be answered any more.
    pub(crate) fn drop_queries_behind_fence(&mut self) {
        for (number, Asked { conn, re, .. }) in std::mem::take(&mut self.s.queries.open) {
            self.out.push(Output::ClearTimer(Timer::Query(number)));
            self.error(conn, re, Code::QueryFailed, "the kernel took too long and was interrupted".to_owned());
        }
    }

    /// The kernel is gone, and with it the answers.
    pub(crate) fn drop_queries(&mut self) {
        for (number, Asked { conn, re, .. }) in std::mem::take(&mut self.s.queries.open) {
            self.out.push(Output::ClearTimer(Timer::Query(number)));
            self.error(conn, re, Code::QueryFailed, "the kernel ended before it answered".to_owned());
        }
    }
}

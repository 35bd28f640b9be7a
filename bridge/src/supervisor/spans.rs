//! What goes on, as spans for whoever collects them: one for each eval, from its acceptance to its end. They name who and
//! where, and hold neither code nor output. Where nobody listens they are not made.

use rialto_protocol::event::Event;
use rialto_protocol::{EvalNumber, SessionId};
use std::collections::BTreeMap;
use tracing::Span;

/// The spans of evals that are not over: as many as wait.
#[derive(Debug)]
pub(super) struct Spans {
    session: SessionId,
    open: BTreeMap<EvalNumber, Span>,
}

impl Spans {
    pub(super) const fn new(session: SessionId) -> Self {
        Self { session, open: BTreeMap::new() }
    }

    /// Takes note of what is durable.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Accepted(a) => {
                let by = a.by.as_ref();
                let span = tracing::info_span!(
                    "eval",
                    session = %self.session,
                    n = a.n,
                    eval = %a.eval,
                    principal = by.map(|by| by.principal.as_str()),
                    client = by.map(|by| by.label.as_str()),
                    traceparent = a.trace.as_deref(),
                    outcome = tracing::field::Empty,
                );
                if !span.is_disabled() {
                    self.open.insert(a.n, span);
                }
            }
            Event::Started(e) => {
                if let Some(span) = self.open.get(&e.n) {
                    tracing::debug!(parent: span, "started");
                }
            }
            Event::Ended(e) => {
                if let Some(span) = self.open.remove(&e.n) {
                    span.record("outcome", tracing::field::debug(e.outcome));
                }
            }
            _ => {}
        }
    }
}

//! Promise 5: nothing grows without a ceiling, and nobody is sent more than it can take.

use crate::model::Model;
use crate::story::{Check, hold};
use rialto_protocol::event::{Event, Record};
use rialto_protocol::limits;
use rialto_session::Output;

/// A frame arrives at a client that granted so much and had received so much before.
pub(crate) fn received(granted: u64, before: u64) -> Check {
    hold!("bounded", before < granted, "{before} bytes were sent against a credit of {granted}, and then one more frame");
    Ok(())
}

/// One input makes no more than a few outputs for each eval it ends and each client it concerns.
pub(crate) fn outputs(out: &[Output], concerned: usize) -> Check {
    hold!("bounded", out.len() <= 40 + 8 * concerned, "{} outputs of one input that concerns {concerned}", out.len());
    Ok(())
}

/// A disk that is full takes the ends of evals and no beginnings.
pub(crate) fn record(r: &Record, full: bool) -> Check {
    let begins = matches!(r.event, Event::Accepted(_) | Event::Started(_));
    hold!("bounded", !(begins && full), "{:?} on a full disk", r.event);
    Ok(())
}

/// After a turn.
pub(crate) fn rest(m: &Model, timers: usize) -> Check {
    hold!("bounded", m.waiting.len() <= limits::MAX_QUEUE, "{} evals wait", m.waiting.len());
    hold!("bounded", m.asks.len() <= 16, "{} questions are open", m.asks.len());
    hold!("bounded", timers <= 200, "{timers} timers are set");
    Ok(())
}

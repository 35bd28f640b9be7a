//! What a bridge counts, as Prometheus reads it: its own counts, and those of its supervisors, which are asked when somebody
//! looks and have a moment to answer.
//!
//! A series belongs to a session, because a sum over all of them would sink whenever one ends. Of many sessions those made last
//! are told, and how many are left out.

pub mod log;
mod page;

use crate::auth::Identity;
use crate::home::Home;
use crate::router;
use page::{Kind, Page};
use rialto_protocol::message::{Listed, Spread, Tally};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long supervisors have to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Sessions that are told of, each with some thirty lines.
const SESSIONS: usize = 200;
/// What the counts of a [`Spread`] reach up to. Seconds.
const BOUNDS: [&str; 9] = ["0.001", "0.005", "0.025", "0.1", "0.5", "2.5", "10", "60", "+Inf"];

/// What a daemon counts itself.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that are open.
    pub connections: AtomicU64,
    /// Connections so far.
    pub accepted: AtomicU64,
    /// Connections that were not let in, or turned away for want of a seat.
    pub refused: AtomicU64,
    /// Bytes of frames from clients to supervisors,
    pub up: AtomicU64,
    /// and back.
    pub down: AtomicU64,
}

/// One more line of somebody else's: a count, and what it is.
#[derive(Debug, Clone)]
pub struct Count {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// How much.
    pub value: u64,
}

/// The page, with the sessions that `who` may see.
pub async fn metrics(home: &Home, who: &Identity, counters: &Counters, more: &[Count]) -> String {
    let mut page = Page::default();
    page.one("rialto_info", "The bridge's build.", Kind::Gauge, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    page.one("rialto_connections", "Connections that are open.", Kind::Gauge, &[], of(&counters.connections));
    page.one("rialto_connections_total", "Connections so far.", Kind::Counter, &[], of(&counters.accepted));
    page.one(
        "rialto_connections_refused_total",
        "Connections not let in, or without a seat.",
        Kind::Counter,
        &[],
        of(&counters.refused),
    );
    page.head("rialto_carried_bytes_total", "Bytes of frames carried between clients and sessions.", Kind::Counter);
    page.line("rialto_carried_bytes_total", &[("direction", "up")], of(&counters.up));
    page.line("rialto_carried_bytes_total", &[("direction", "down")], of(&counters.down));
    for Count { name, help, value } in more {
        page.one(name, help, Kind::Counter, &[], *value);
    }
    match router::list(home, who, PATIENCE, usize::MAX).await {
        Ok(listing) => sessions(&mut page, listing.sessions),
        Err(why) => {
            tracing::warn!(%why, "sessions cannot be counted");
            page.one("rialto_listing_failed", "Sessions could not be listed; the bridge's log says why.", Kind::Gauge, &[], 1);
        }
    }
    page.text()
}

fn sessions(page: &mut Page, mut all: Vec<Listed>) {
    let mut states = BTreeMap::<&str, u64>::new();
    for listed in &all {
        *states.entry(&listed.state).or_default() += 1;
    }
    page.head("rialto_sessions", "Sessions, by how they are. unresponsive: the supervisor gave no answer in time.", Kind::Gauge);
    for (state, count) in states {
        page.line("rialto_sessions", &[("state", state)], count);
    }
    all.retain(|listed| listed.status.is_some());
    all.sort_by_key(|listed| std::cmp::Reverse(listed.created_ms));
    page.one(
        "rialto_sessions_untold",
        "Living sessions beyond those told of below.",
        Kind::Gauge,
        &[],
        all.len().saturating_sub(SESSIONS) as u64,
    );
    all.truncate(SESSIONS);
    let rows: Vec<Row<'_>> = all.iter().filter_map(Row::of).collect();
    let each = |page: &mut Page, name: &'static str, help: &str, kind, value: &dyn Fn(&Row<'_>) -> u64| {
        page.head(name, help, kind);
        for row in &rows {
            page.line(name, &row.labels(), value(row));
        }
    };
    each(page, "rialto_session_clients", "Clients at a session.", Kind::Gauge, &|row| row.clients);
    each(page, "rialto_session_queued", "Evals that wait.", Kind::Gauge, &|row| row.queued);
    each(page, "rialto_session_journal_bytes", "What a session's journal takes.", Kind::Gauge, &|row| row.journal);
    each(page, "rialto_output_bytes_total", "Output recorded.", Kind::Counter, &|row| row.printed);
    each(page, "rialto_reconnects_total", "Clients that came again.", Kind::Counter, &|row| row.tally.again);
    page.head("rialto_evals_total", "Evals that ended, by outcome.", Kind::Counter);
    for row in &rows {
        for (outcome, count) in &row.tally.ended {
            let [id, name] = row.labels();
            page.line("rialto_evals_total", &[id, name, ("outcome", outcome)], *count);
        }
    }
    let spread = |page: &mut Page, name: &'static str, help: &str, value: &dyn Fn(&Tally) -> Spread| {
        page.head(name, help, Kind::Histogram);
        for row in &rows {
            histogram(page, name, row, &value(&row.tally));
        }
    };
    spread(page, "rialto_eval_wait_seconds", "From an eval's acceptance to its start.", &|tally| tally.waited.clone());
    spread(page, "rialto_eval_run_seconds", "From an eval's start to its end.", &|tally| tally.ran.clone());
}

fn histogram(page: &mut Page, name: &str, row: &Row<'_>, spread: &Spread) {
    let [id, of] = row.labels();
    let mut so_far = 0;
    for (at, bound) in BOUNDS.iter().enumerate() {
        so_far += spread.counts.get(at).copied().unwrap_or(0);
        page.line(&format!("{name}_bucket"), &[id, of, ("le", bound)], so_far);
    }
    page.seconds(&format!("{name}_sum"), &[id, of], spread.sum_us);
    page.line(&format!("{name}_count"), &[id, of], so_far);
}

/// A session that answered.
struct Row<'a> {
    id: &'a str,
    name: &'a str,
    clients: u64,
    queued: u64,
    journal: u64,
    printed: u64,
    tally: Tally,
}

impl<'a> Row<'a> {
    fn of(listed: &'a Listed) -> Option<Self> {
        let status = listed.status.as_ref()?;
        Some(Self {
            id: listed.session.as_str(),
            name: listed.name.as_ref().map_or("", |name| name.as_str()),
            // Whoever asks for this is one of them.
            clients: status.clients.iter().filter(|who| who.label != "list").count() as u64,
            queued: status.queued,
            journal: listed.bytes,
            printed: status.printed,
            tally: status.tally.as_deref().cloned().unwrap_or_default(),
        })
    }

    const fn labels(&self) -> [(&'static str, &'a str); 2] {
        [("session", self.id), ("name", self.name)]
    }
}

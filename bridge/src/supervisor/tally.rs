//! What is counted since this supervisor started, for whoever watches many sessions: it is told with the status.

use rialto_protocol::event::{Event, Outcome};
use rialto_protocol::message::{Spread, Tally};
use rialto_protocol::{ClientId, EvalNumber};
use std::collections::{BTreeMap, VecDeque};

/// Up to how much each count of a [`Spread`] reaches. Microseconds; the last count has no bound.
const BOUNDS: [u64; 8] = [1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000, 60_000_000];
/// Clients that are known when they come again. Of more, the one that came longest ago is a new one.
const CLIENTS: usize = 256;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Counted {
    ended: BTreeMap<&'static str, u64>,
    waited: Times,
    ran: Times,
    /// When evals that are not over were accepted, and started: as many as wait.
    open: BTreeMap<EvalNumber, (u64, Option<u64>)>,
    clients: VecDeque<ClientId>,
    again: u64,
}

#[derive(Debug, Default)]
struct Times {
    counts: [u64; BOUNDS.len() + 1],
    sum: u64,
}

impl Times {
    fn note(&mut self, took: u64) {
        let at = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }

    fn told(&self) -> Spread {
        let some = self.counts.iter().any(|count| *count > 0);
        Spread { counts: if some { self.counts.to_vec() } else { Vec::new() }, sum_us: self.sum }
    }
}

impl Counted {
    /// Takes note of what is durable.
    pub(super) fn note(&mut self, event: &Event, now: u64) {
        match event {
            Event::Accepted(a) => {
                self.open.insert(a.n, (now, None));
                if a.started {
                    self.started(a.n, now);
                }
            }
            Event::Started(e) => self.started(e.n, now),
            Event::Ended(e) => {
                *self.ended.entry(name(e.outcome)).or_default() += 1;
                if let Some((_, Some(started))) = self.open.remove(&e.n) {
                    self.ran.note(now.saturating_sub(started));
                }
            }
            _ => {}
        }
    }

    fn started(&mut self, n: EvalNumber, now: u64) {
        if let Some((accepted, started)) = self.open.get_mut(&n) {
            self.waited.note(now.saturating_sub(*accepted));
            *started = Some(now);
        }
    }

    /// A client greets.
    pub(super) fn came(&mut self, client: ClientId) {
        if self.clients.contains(&client) {
            self.again += 1;
            return;
        }
        if self.clients.len() >= CLIENTS {
            self.clients.pop_front();
        }
        self.clients.push_back(client);
    }

    /// For a status.
    pub(super) fn told(&self) -> Tally {
        let ended = self.ended.iter().map(|(outcome, count)| ((*outcome).to_owned(), *count)).collect();
        Tally { ended, waited: self.waited.told(), ran: self.ran.told(), again: self.again }
    }
}

const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Error => "error",
        Outcome::Exit => "exit",
        Outcome::Interrupted => "interrupted",
        Outcome::Cancelled => "cancelled",
        Outcome::Died => "died",
        Outcome::Lost => "lost",
        Outcome::NotRun => "not_run",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::event::{Accepted, Ended, Started};

    fn accepted(n: EvalNumber, started: bool) -> Event {
        Event::Accepted(Accepted {
            n,
            eval: rialto_protocol::EvalId([7; 16]),
            started,
            by: None,
            code: None,
            hash: None,
            group: None,
            on_error: rialto_protocol::OnError::default(),
            show: rialto_protocol::Show::default(),
            argv: None,
            trace: None,
        })
    }

    #[test]
    fn what_waits_and_what_runs_is_counted_apart() {
        let mut counted = Counted::default();
        counted.note(&accepted(1, true), 1_000);
        counted.note(&accepted(2, false), 2_000);
        counted.note(&Event::Ended(Ended { n: 1, ..Ended::default() }), 31_000);
        counted.note(&Event::Started(Started { n: 2 }), 31_000);
        counted.note(&Event::Ended(Ended { n: 2, outcome: Outcome::Error, ..Ended::default() }), 100_000_000);
        let told = counted.told();
        assert_eq!(told.ended, [("error".to_owned(), 1), ("ok".to_owned(), 1)].into());
        assert_eq!(told.waited.counts, [1, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(told.ran.counts, [0, 0, 0, 1, 0, 0, 0, 0, 1]);
        assert_eq!(told.waited.sum_us, 29_000);
        assert!(counted.open.is_empty());
    }

    #[test]
    fn a_client_that_comes_again_is_known() {
        let mut counted = Counted::default();
        for client in [1, 2, 1, 1] {
            counted.came(ClientId([client; 16]));
        }
        assert_eq!(counted.told().again, 2);
    }
}

//! Peers that send anything at all to a real supervisor and a real daemon: what is no frame, what is no message, and valid
//! messages at the wrong time. Beside them works a bystander, who must not notice.

pub(crate) mod bystander;
mod crowd;
#[path = "../../../protocol/tests/common/arbitrary.rs"]
#[allow(dead_code, unreachable_pub, reason = "the protocol's own tests use the rest, as a module of another kind")]
mod messages;
pub(crate) mod stream;

use bystander::Bystander;
use rialto_transports::unix::UnixDialer;
use std::collections::BTreeSet;
use std::sync::Arc;
use stream::{Door, Known};
use tokio::task::JoinSet;

use crate::table::Row;
use crate::world::play;
use crate::{long, processes::most_of_its_own};

/// Streams of one test; four tests make 4,000.
fn streams() -> u64 {
    if long() { 20_000 } else { 1_000 }
}
/// At once.
const WIDE: usize = 12;
/// What a supervisor and a daemon may ever have in memory. KiB.
const CEILING: u64 = 32 * 1024;

/// Sends seeded streams to `door` while a bystander works. `errors` are among the answers, or the streams were none.
fn attack(name: &'static str, door: Door, base: u64, errors: &'static [&'static str]) {
    play(async move {
        let mut by = Bystander::new(matches!(door, Door::Daemon)).await;
        let dialer = Arc::new(UnixDialer::new(by.socket(door)));
        let known = Known { dialer, cookie: by.cookie(), session: by.session(), eval: by.first };
        let (supervisor, daemon) = (by.client.supervisor().await, by.daemon());
        let mut running = JoinSet::new();
        let mut seeds = base..base + streams();
        let mut played = 0;
        let mut answers = BTreeSet::new();
        let mut over = false;
        while !over {
            while running.len() < WIDE
                && let Some(seed) = seeds.next()
            {
                running.spawn(stream::play(seed, door, known.clone()));
            }
            // Both go on at once; the bystander's evals come in between as they will.
            tokio::select! {
                ended = running.join_next() => match ended {
                    Some(ended) => { answers.extend(ended.unwrap()); played += 1; }
                    None => over = true,
                },
                () = by.goes_on() => {}
            }
        }
        let worked = by.finishes().await;
        assert!(worked > 1, "the bystander did nothing");
        assert_eq!(by.client.supervisor().await, supervisor, "another process");
        let mut most = most_of_its_own(supervisor);
        if let Some(pid) = daemon {
            most = most.max(most_of_its_own(pid));
        }
        assert!(most <= CEILING, "{most} KiB");
        for error in errors {
            assert!(answers.contains(*error), "nobody was answered {error}, only {answers:?}");
        }
        let note = format!("{worked} evals of the bystander, {:.1} MiB", most as f64 / 1024.0);
        let (row, others) = by.close().await;
        let may_run = matches!(door, Door::Member | Door::Daemon);
        assert_eq!(others > 20, may_run, "{others} evals of the attackers ran");
        Row { played, note, ..row }.close(name);
    });
}

#[test]
fn strangers_without_the_cookie() {
    attack("hostile, without the cookie", Door::Stranger, 1_000_000, &["unauthenticated", "oversize"]);
}

#[test]
fn members_who_may_only_look() {
    attack("hostile, may observe", Door::Observer, 2_000_000, &["forbidden", "bad_message", "wrong_state", "oversize"]);
}

#[test]
fn members_with_the_cookie() {
    attack(
        "hostile, with the cookie",
        Door::Member,
        3_000_000,
        &["id_reused", "bad_message", "wrong_state", "unknown_eval", "oversize"],
    );
}

#[test]
fn peers_of_the_daemon() {
    attack("hostile, at the daemon", Door::Daemon, 4_000_000, &["bad_message", "wrong_state", "unknown_session", "oversize"]);
}

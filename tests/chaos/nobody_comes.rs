//! What sessions cost that nobody uses: nothing.

use crate::processes::{Process, over, process, status, until};
use crate::table::Row;
use crate::world::{World, play};
use rialto_protocol::Outcome;
use std::collections::BTreeMap;
use std::time::Duration;

const SESSIONS: usize = 5;
/// Long enough that anything that looks at the clock now and then is caught: a tick of accounting is 10 ms.
const WINDOW: Duration = Duration::from_secs(3);
/// As many at most.
const WINDOWS: usize = 4;

/// Ticks and voluntary context switches of each process.
fn spent(all: &[Process]) -> BTreeMap<i32, (u64, u64)> {
    all.iter().map(|p| (p.pid, (process(p.pid).expect("it lives").ticks, status(p.pid, "voluntary_ctxt_switches")))).collect()
}

#[test]
fn five_idle_sessions_take_no_time_at_all() {
    play(async {
        let mut world = World::new();
        for i in 0..SESSIONS {
            let mut client = world.client(&format!("idle{i}"));
            assert_eq!(client.run("x = 1").await, Outcome::Ok);
            client.session.leave().await;
        }
        let all = world.processes();
        assert_eq!(all.len(), 2 * SESSIONS, "supervisors and kernels: {all:#?}");
        // After their last eval they tidy up, once.
        let mut last = spent(&all);
        let mut still = 0;
        until("an end of the tidying", || {
            let now = spent(&all);
            still = if now == last { still + 1 } else { 0 };
            last = now;
            (still > 200).then_some(())
        })
        .await;
        // A machine that is busy with others may count a fault of memory as a switch. What wakes up by itself does in each window.
        let mut least = (u64::MAX, u64::MAX);
        for _ in 0..WINDOWS {
            let (before, after) = over(WINDOW, || spent(&all)).await;
            let ticks: u64 = after.iter().map(|(pid, (ticks, _))| ticks - before[pid].0).sum();
            let switches: u64 = after.iter().map(|(pid, (_, switches))| switches - before[pid].1).sum();
            least = least.min((ticks, switches));
            if least == (0, 0) {
                break;
            }
        }
        let (ticks, switches) = least;
        // Nobody wakes up even once: no timer is set where nothing is to be done.
        assert_eq!((ticks, switches), (0, 0), "ticks and wake-ups of {SESSIONS} idle sessions in {WINDOW:?}");
        let note = format!("{SESSIONS} sessions, {} s: {ticks} ticks, {switches} wake-ups", WINDOW.as_secs());
        Row { played: 1, note, ..Row::default() }.close("five idle sessions");
    });
}

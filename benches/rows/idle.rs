//! Many sessions in which nothing happens: what they cost, and what it takes to start, attach and stop one among them.

use super::Amount;
use crate::figures::{median, ms, percentile};
use crate::place::{Place, Way, run};
use crate::processes::{field, ticks};
use crate::table::Row;
use crate::wait::{look, stretch};
use rialto_client::{EvalOptions, Start};
use std::time::{Duration, Instant};

pub(crate) async fn measure(place: &mut Place, amount: Amount) -> Vec<Row> {
    let count = amount.of(500, 40, 2);
    let [settle, window] = match amount {
        // Some seconds after its last work a supervisor tidies up, once.
        Amount::Full => [12_000, 10_000],
        Amount::Quick => [2_000, 3_000],
        Amount::Smoke => [0, 10],
    }
    .map(Duration::from_millis);
    let (mut starts, mut attaches, mut stops) = (Vec::new(), Vec::new(), Vec::new());
    let name = |i: usize| format!("idle-{i}");
    for i in 0..count {
        let start = Instant::now();
        let mut session = place.session(&name(i), Way::Direct, Start::Tail(0)).await;
        run(&mut session, "1+1", &mut |_| ()).await;
        starts.push(ms(start.elapsed()));
        session.leave().await;
    }
    stretch(settle);
    let processes = place.processes();
    let sum = |of: &dyn Fn(i32) -> u64| processes.iter().map(|pid| of(*pid)).sum::<u64>();
    let wakes = |pid| field(pid, "status", "voluntary_ctxt_switches").unwrap_or(0);
    let before = (sum(&ticks), sum(&wakes));
    stretch(window);
    let after = (sum(&ticks), sum(&wakes));
    let mib = |pids: &[i32], name: &str, of: usize| {
        pids.iter().map(|pid| field(*pid, "smaps_rollup", name).unwrap_or(0)).sum::<u64>() as f64 / 1024.0 / of as f64
    };
    let (pss, rss) = (mib(&processes, "Pss", count), mib(&processes, "Rss", count));
    let among = active(place, amount, &processes, &mib).await;
    for i in 0..count {
        let start = Instant::now();
        let session = place.session(&name(i), Way::Direct, Start::Tail(0)).await;
        attaches.push(ms(start.elapsed()));
        session.leave().await;
    }
    for i in 0..count {
        let mut session = place.session(&name(i), Way::Direct, Start::Tail(0)).await;
        let start = Instant::now();
        session.kill().await.unwrap();
        session.leave().await;
        look("the end of a supervisor", || (!place.lives(&name(i))).then_some(()));
        stops.push(ms(start.elapsed()));
    }
    let spread = |all: &mut [f64]| format!("p99 {:.1} ms", percentile(all, 99));
    let row = |key, work: &str, all: &mut Vec<f64>| {
        Row::new(key, format!("{work}, one of {count}"), median(all), "ms").own(spread(all))
    };
    let seconds = window.as_secs_f64();
    let idle = Row::new("idle", format!("{count} idle sessions: ticks in {seconds:.0} s"), (after.0 - before.0) as f64, "ticks");
    vec![
        idle.at_most(0.0).own(format!("{} wake-ups, {} processes", after.1 - before.1, processes.len())),
        row("start", "a session starts, to its first value", &mut starts),
        row("attach", "a client attaches", &mut attaches),
        row("stop", "a session ends, to its supervisor's end", &mut stops),
        Row::new("idle_memory", format!("memory of a session with its kernel, one of {count}"), pss, "MiB")
            .own(format!("resident {rss:.1} MiB"))
            .note("shared pages shared"),
    ]
    .into_iter()
    .chain(among)
    .collect()
}

/// Prints twenty lines a second and never ends.
const BUSY: &str = "import itertools, time\nfor i in itertools.count(): print(i, flush=True); time.sleep(0.05)";

/// Sessions that work beside those that do not: what each takes, and how long an eval of another one takes among them all.
async fn active(place: &mut Place, amount: Amount, idle: &[i32], mib: &dyn Fn(&[i32], &str, usize) -> f64) -> Vec<Row> {
    let count = amount.of(100, 10, 1);
    let name = |i: usize| format!("active-{i}");
    for i in 0..count {
        let mut session = place.session(&name(i), Way::Direct, Start::Tail(0)).await;
        drop(session.eval(BUSY, EvalOptions::default()).unwrap());
        // Asked behind the eval: once this is answered, that has been taken.
        session.status().await.unwrap();
        session.leave().await;
    }
    let mut times = Vec::new();
    let mut session = place.session("among", Way::Direct, Start::Tail(0)).await;
    for _ in 0..amount.of(200, 50, 2) {
        let start = Instant::now();
        run(&mut session, "1+1", &mut |_| ()).await;
        times.push(ms(start.elapsed()));
    }
    session.kill().await.unwrap();
    session.leave().await;
    look("the end of a supervisor", || (!place.lives("among")).then_some(()));
    let working: Vec<i32> = place.processes().into_iter().filter(|pid| !idle.contains(pid)).collect();
    let (pss, rss) = (mib(&working, "Pss", count), mib(&working, "Rss", count));
    for i in 0..count {
        let mut session = place.session(&name(i), Way::Direct, Start::Tail(0)).await;
        session.kill().await.unwrap();
        session.leave().await;
        look("the end of a supervisor", || (!place.lives(&name(i))).then_some(()));
    }
    let work = format!("memory of a session that prints 20 lines a second, one of {count}");
    vec![
        Row::new("active_memory", work, pss, "MiB").own(format!("resident {rss:.1} MiB")).note("shared pages shared"),
        Row::new("among_active", format!("an eval of another session among these {count}"), median(&mut times), "ms")
            .own(format!("p99 {:.1} ms", percentile(&mut times, 99))),
    ]
}

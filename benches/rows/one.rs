//! One `1+1`: from the submit to its value. The floor and both ways take turns in small blocks, so that whatever else the
//! machine does hits all three.

use super::Amount;
use crate::figures::{median, percentile, us};
use crate::floor::{Floor, Run};
use crate::place::{Place, Way, run, value};
use crate::table::Row;
use rialto_client::{Session, Start};
use std::time::Instant;

pub(crate) async fn measure(place: &mut Place, rounds: usize, amount: Amount) -> Vec<Row> {
    let (block, warm) = (amount.of(200, 200, 10), amount.of(2_000, 500, 0));
    let mut floor = Floor::start(&place.python);
    let mut sessions = Vec::new();
    for way in Way::BOTH {
        let mut session = place.session(if way == Way::Direct { "one" } else { "one-daemon" }, way, Start::Tail(0)).await;
        timed(&mut session, warm.max(1)).await;
        sessions.push((way, session, Vec::new(), Vec::new(), Vec::new()));
    }
    let mut floors = Vec::new();
    for _ in 0..rounds {
        let mut raw: Vec<f64> = (0..block)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(floor.ask(Run::Eval, "1+1"), "2");
                us(start.elapsed())
            })
            .collect();
        floors.extend_from_slice(&raw);
        let (raw50, raw99) = (percentile(&mut raw, 50), percentile(&mut raw, 99));
        for (_, session, all, ratios, tails) in &mut sessions {
            let mut own = timed(session, block).await;
            all.extend_from_slice(&own);
            ratios.push(percentile(&mut own, 50) / raw50);
            tails.push(percentile(&mut own, 99) / raw99);
        }
    }
    let both = |all: &mut [f64]| format!("{:.1} / {:.0} us", percentile(all, 50), percentile(all, 99));
    let mut rows = Vec::new();
    for (way, session, mut all, mut ratios, mut tails) in sessions {
        session.leave().await;
        let (key, most) = if way == Way::Direct { ("one", 2.0) } else { ("one_daemon", 2.5) };
        let row = Row::new(key, format!("one `1+1`, {}: p50 / p99", way.text()), median(&mut ratios), "x").at_most(most);
        rows.push(row.own(both(&mut all)).floor(both(&mut floors)).note(format!("p99 {:.2} x", median(&mut tails))));
    }
    rows
}

async fn timed(session: &mut Session, count: usize) -> Vec<f64> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let ended = run(session, "1+1", &mut |_| ()).await;
        all.push(us(start.elapsed()));
        assert_eq!(value(&ended), b"2");
    }
    all
}

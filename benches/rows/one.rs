//! One `1+1`: from the submit to its value. The floor and both ways take turns in small blocks, so that whatever else the
//! machine does hits all three. Beside the time stands what all that take part, the client too, have computed in it, and how
//! often one of them had to be woken: that hardly depends on what else the machine does.

use super::Amount;
use crate::figures::{median, percentile, us};
use crate::floor::{Floor, Run};
use crate::place::{Place, Way, run, value};
use crate::processes::{SoFar, Spent};
use crate::table::Row;
use rialto_client::{Session, Start};
use std::time::Instant;

pub(crate) async fn measure(place: &mut Place, rounds: usize, amount: Amount) -> Vec<Row> {
    let (block, warm) = (amount.of(200, 200, 10), amount.of(2_000, 500, 0));
    let mut floor = Floor::start(&place.python);
    let own = i32::try_from(std::process::id()).unwrap();
    let mut sessions = Vec::new();
    for way in Way::BOTH {
        let mut session = place.session(if way == Way::Direct { "one" } else { "one-daemon" }, way, Start::Tail(0)).await;
        timed(&mut session, warm.max(1)).await;
        let mut pids = place.parts(&mut session, way).await;
        pids.push(own);
        sessions.push(Side {
            way,
            session,
            pids,
            spent: Spent::default(),
            all: Vec::new(),
            ratios: Vec::new(),
            tails: Vec::new(),
        });
    }
    let mut relay = Floor::relayed(&place.python, &place.path("relay"));
    let (mut relayed, mut relayed_ratios) = (Vec::new(), Vec::new());
    let (mut floors, mut spent) = (Vec::new(), Spent::default());
    let raw_pids = [own, floor.pid()];
    for _ in 0..rounds {
        let before = SoFar::by(&raw_pids);
        let mut raw = asked(&mut floor, block);
        spent.add(before, SoFar::by(&raw_pids), block);
        floors.extend_from_slice(&raw);
        let (raw50, raw99) = (percentile(&mut raw, 50), percentile(&mut raw, 99));
        let mut own = asked(&mut relay, block);
        relayed.extend_from_slice(&own);
        relayed_ratios.push(percentile(&mut own, 50) / raw50);
        for side in &mut sessions {
            let before = SoFar::by(&side.pids);
            let mut own = timed(&mut side.session, block).await;
            side.spent.add(before, SoFar::by(&side.pids), block);
            side.all.extend_from_slice(&own);
            side.ratios.push(percentile(&mut own, 50) / raw50);
            side.tails.push(percentile(&mut own, 99) / raw99);
        }
    }
    let both = |all: &mut [f64]| format!("{:.1} / {:.0} us", percentile(all, 50), percentile(all, 99));
    let mut rows = Vec::new();
    for Side { way, session, spent: mut own, mut all, mut ratios, mut tails, .. } in sessions {
        session.leave().await;
        let (key, most) = if way == Way::Direct { ("one", 2.0) } else { ("one_daemon", 2.5) };
        let row = Row::new(key, format!("one `1+1`, {}: p50 / p99", way.text()), median(&mut ratios), "x").at_most(most);
        let note = format!("p99 {:.2} x; computed {}, floor {}", median(&mut tails), own.text(), spent.text());
        rows.push(row.own(both(&mut all)).floor(both(&mut floors)).note(note));
    }
    let row = Row::new("one_relay", "one `1+1`, the least bridge there could be".to_owned(), median(&mut relayed_ratios), "x");
    rows.push(row.own(both(&mut relayed)).floor(both(&mut floors)).note("for comparison: a relay that keeps a log"));
    rows
}

/// Microseconds of each of so many.
fn asked(floor: &mut Floor, count: usize) -> Vec<f64> {
    let one = |_| {
        let start = Instant::now();
        assert_eq!(floor.ask(Run::Eval, "1+1"), "2");
        us(start.elapsed())
    };
    (0..count).map(one).collect()
}

/// A session, and what was measured of it.
struct Side {
    way: Way,
    session: Session,
    pids: Vec<i32>,
    spent: Spent,
    /// Microseconds.
    all: Vec<f64>,
    /// Of each block's p50 to the floor's.
    ratios: Vec<f64>,
    /// Of each block's p99.
    tails: Vec<f64>,
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

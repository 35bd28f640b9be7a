//! By a network, as far as that is what costs: one eval and a flood by each link to a machine far away, which is this one. A
//! link by SSH stands beside a raw child behind OpenSSH, and beside what `ssh machine cat` moves.
//!
//! No step at 40 ms anywhere: that is what comes of one side waiting to send while the other waits to acknowledge. So it is counted how
//! many evals took that long.

use super::Amount;
use crate::figures::{median, percentile, us};
use crate::floor::{Floor, Run};
use crate::links::{Link, Links};
use crate::place::{Place, Way, run, value};
use crate::processes::{SoFar, Spent};
use crate::table::Row;
use rialto_client::{Session, Start};
use std::io::Read;
use std::time::Instant;

/// Microseconds: an acknowledgement that waits comes in this stretch.
const STEP: std::ops::Range<f64> = 38_000.0..48_000.0;

struct Side {
    link: Link,
    session: Session,
    /// All that take part, the client too.
    pids: Vec<i32>,
    spent: Spent,
    all: Vec<f64>,
    ratios: Vec<f64>,
}

pub(crate) async fn measure(place: &mut Place, rounds: usize, amount: Amount) -> Vec<Row> {
    let links = Links::new(place);
    let mut sides = Vec::new();
    for (n, link) in Link::ALL.into_iter().enumerate() {
        let mut session = place.session_by(&format!("far-{n}"), links.dialer(link), Start::Tail(0)).await;
        timed(&mut session, 1).await;
        let mut pids = place.parts(&mut session, Way::Direct).await;
        pids.push(own());
        pids.extend(links.between(link));
        sides.push(Side { link, session, pids, spent: Spent::default(), all: Vec::new(), ratios: Vec::new() });
    }
    let mut rows = evals(place, &links, &mut sides, rounds, amount).await;
    rows.extend(floods(place, &links, &mut sides, amount).await);
    for side in sides {
        side.session.leave().await;
    }
    rows
}

async fn evals(place: &Place, links: &Links, sides: &mut [Side], rounds: usize, amount: Amount) -> Vec<Row> {
    let block = amount.of(100, 100, 5);
    let (mut near, mut far, mut least) = (Floor::start(&place.python), links.floor(place), links.relayed(place));
    let pids = [
        vec![own(), near.pid()],
        [vec![own()], links.raw(&far, false)].concat(),
        [vec![own()], links.raw(&least, true)].concat(),
    ];
    let mut raw = [Spent::default(), Spent::default(), Spent::default()];
    let (mut nears, mut fars, mut leasts, mut least_ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=rounds {
        let mut blocks = [&mut near, &mut far, &mut least].into_iter().zip(&pids).zip(&mut raw).map(|((floor, pids), spent)| {
            let before = SoFar::by(pids);
            let all = asked(floor, block);
            spent.add(before, SoFar::by(pids), block);
            all
        });
        let (Some(mut a), Some(mut b), Some(mut c)) = (blocks.next(), blocks.next(), blocks.next()) else { unreachable!() };
        let (near50, far50) = (percentile(&mut a, 50), percentile(&mut b, 50));
        if round > 0 {
            least_ratios.push(percentile(&mut c, 50) / far50);
            leasts.extend(c);
        }
        for side in &mut *sides {
            let before = SoFar::by(&side.pids);
            let mut own = timed(&mut side.session, block).await;
            if round > 0 {
                side.spent.add(before, SoFar::by(&side.pids), block);
                side.all.extend_from_slice(&own);
                side.ratios.push(percentile(&mut own, 50) / if side.link.is_ssh() { far50 } else { near50 });
            }
        }
        if round > 0 {
            nears.extend(a);
            fars.extend(b);
        }
    }
    let both = |all: &mut [f64]| format!("{:.0} / {:.0} us", percentile(all, 50), percentile(all, 99));
    let steps = |all: &[f64]| all.iter().filter(|took| STEP.contains(took)).count();
    let mut rows = Vec::new();
    for side in &mut *sides {
        let (key, most) = match side.link {
            Link::Ws => ("one_ws", Some(2.5)),
            Link::Wss => ("one_wss", None),
            Link::Sshd => ("one_sshd", Some(1.5)),
            Link::Subsystem => ("one_subsystem", Some(1.5)),
            Link::Ssh => ("one_ssh", None),
        };
        let row = Row::new(key, format!("one `1+1`, {}: p50 / p99", side.link.text()), median(&mut side.ratios), "x");
        let row = if let Some(most) = most { row.at_most(most) } else { row };
        let (floor, raw) = if side.link.is_ssh() { (&mut fars, &mut raw[1]) } else { (&mut nears, &mut raw[0]) };
        let note = format!("computed {}, floor {}", side.spent.text(), raw.text());
        rows.push(row.own(both(&mut side.all)).floor(both(floor)).note(note));
    }
    let name = "one `1+1`, the least bridge there could be, behind OpenSSH".to_owned();
    let row = Row::new("one_relay_ssh", name, median(&mut least_ratios), "x");
    let note = format!("for comparison; computed {}", raw[2].text());
    rows.push(row.own(both(&mut leasts)).floor(both(&mut fars)).note(note));
    let all: usize = sides.iter().map(|side| side.all.len()).sum();
    let stepped: usize = sides.iter().map(|side| steps(&side.all)).sum();
    // Whoever else is at work here may hold one up for just so long.
    let row =
        Row::new("steps", "evals by ws, wss and ssh that take 38 to 48 ms", 1000.0 * stepped as f64 / all as f64, "of 1000");
    rows.push(row.at_most(2.0).own(format!("{stepped} of {all}")).floor(format!("{} of {}", steps(&fars), fars.len())));
    rows
}

async fn floods(place: &Place, links: &Links, sides: &mut [Side], amount: Amount) -> Vec<Row> {
    let lines = amount.of(500_000, 500_000, 5_000);
    let text: String = (0..lines).map(|i| format!("{i:099}\n")).collect();
    let mb = text.len() as f64 / 1e6;
    let file = place.path("flood");
    std::fs::write(&file, &text).unwrap();
    let before = format!("import sys; text = ''.join(f'{{i:099}}\\n' for i in range({lines}))");
    let mut speeds: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for side in &mut *sides {
        run(&mut side.session, &before, &mut |_| ()).await;
        speeds.push((Vec::new(), Vec::new()));
    }
    let mut floors = Vec::new();
    for _ in 0..amount.of(7, 3, 1) {
        let floor = mb / cat(links, &file, text.as_bytes());
        floors.push(floor);
        for (side, (own, ratios)) in sides.iter_mut().zip(&mut speeds) {
            let mut at = 0;
            let start = Instant::now();
            let mut came = |piece: &[u8]| {
                assert!(
                    text.as_bytes().get(at..at + piece.len()) == Some(piece),
                    "other bytes than were written, from byte {at}"
                );
                at += piece.len();
            };
            run(&mut side.session, "_ = sys.stdout.write(text)", &mut came).await;
            let speed = mb / start.elapsed().as_secs_f64();
            assert_eq!(at, text.len(), "bytes are missing");
            own.push(speed);
            ratios.push(speed / floor);
        }
    }
    let speed = |all: &mut [f64]| format!("{:.0} MB/s", median(all));
    let mut rows = Vec::new();
    for (side, (mut own, mut ratios)) in sides.iter().zip(speeds) {
        let key = match side.link {
            Link::Ws => "flood_ws",
            Link::Wss => "flood_wss",
            Link::Sshd => "flood_sshd",
            Link::Subsystem => "flood_subsystem",
            Link::Ssh => "flood_ssh",
        };
        let name = format!("{:.0} MB in one write, {}, beside `ssh machine cat`", mb, side.link.text());
        let row = Row::new(key, name, median(&mut ratios), "x of the speed");
        let row = if matches!(side.link, Link::Sshd | Link::Subsystem) { row.at_least(0.7) } else { row };
        rows.push(row.own(speed(&mut own)).floor(speed(&mut floors)).note("every byte compared"));
    }
    rows
}

/// Seconds from the first byte to the last.
fn cat(links: &Links, file: &std::path::Path, expected: &[u8]) -> f64 {
    let mut child = links.cat(file).spawn().unwrap();
    let mut from = child.stdout.take().unwrap();
    let mut chunk = vec![0; 64 * 1024];
    let mut at = from.read(&mut chunk).unwrap();
    let start = Instant::now();
    assert!(expected.get(..at) == chunk.get(..at), "other bytes than are there");
    loop {
        match from.read(&mut chunk).unwrap() {
            0 => break,
            n => {
                assert!(expected.get(at..at + n) == chunk.get(..n), "other bytes than are there");
                at += n;
            }
        }
    }
    let took = start.elapsed().as_secs_f64();
    child.wait().unwrap();
    assert_eq!(at, expected.len(), "bytes are missing");
    took
}

fn own() -> i32 {
    i32::try_from(std::process::id()).unwrap()
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

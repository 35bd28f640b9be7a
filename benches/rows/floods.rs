//! Much output at once. Every byte is compared with what must come: nothing lost, doubled or moved.

use super::Amount;
use crate::figures::median;
use crate::floor::{Floor, Run, request};
use crate::place::{Place, Way, run};
use crate::table::Row;
use rialto_client::Start;
use std::time::Instant;

/// Bytes of a line, its end included. Each holds its number.
const LINE: usize = 100;

struct Flood {
    key: &'static str,
    name: String,
    lines: usize,
    before: String,
    code: &'static str,
}

pub(crate) async fn measure(place: &mut Place, rounds: usize, amount: Amount) -> Vec<Row> {
    let (lines, mb) = (amount.of(200_000, 200_000, 2_000), amount.of(50, 50, 1));
    let text = format!("import sys; text = ''.join(f'{{i:0{}}}\\n' for i in range({}))", LINE - 1, mb * 10_000);
    let floods = [
        Flood {
            key: "lines",
            name: format!("{lines} lines of {LINE} bytes"),
            lines,
            before: format!("lines = {lines}"),
            // As a person writes it: a line is made, then printed.
            code: "for i in range(lines): print(f'{i:099}')",
        },
        Flood {
            key: "write",
            name: format!("{mb} MB in one write"),
            lines: mb * 10_000,
            before: text,
            code: "_ = sys.stdout.write(text)",
        },
    ];
    let mut rows = Vec::new();
    for flood in floods {
        rows.extend(one(place, rounds, flood).await);
    }
    rows
}

async fn one(place: &mut Place, rounds: usize, flood: Flood) -> Vec<Row> {
    let expected: Vec<u8> = (0..flood.lines).flat_map(|i| format!("{i:0width$}\n", width = LINE - 1).into_bytes()).collect();
    let mb = expected.len() as f64 / 1e6;
    let mut floor = Floor::start(&place.python);
    floor.ask(Run::Exec, &flood.before);
    let mut relay = Floor::relayed(&place.python, &place.path(&format!("relay-{}", flood.key)));
    relay.ask(Run::Exec, &flood.before);
    let (mut relayed, mut relayed_ratios) = (Vec::new(), Vec::new());
    let mut sessions = Vec::new();
    for way in Way::BOTH {
        let name = format!("{}{}", flood.key, if way == Way::Direct { "" } else { "-daemon" });
        let mut session = place.session(&name, way, Start::Tail(0)).await;
        run(&mut session, &flood.before, &mut |_| ()).await;
        sessions.push((way, session, Vec::new(), Vec::new()));
    }
    let mut floors = Vec::new();
    // The first round warms up.
    for round in 0..=rounds {
        let raw = speed_of(&mut floor, &flood, &expected);
        floors.push(raw);
        let own = speed_of(&mut relay, &flood, &expected);
        if round > 0 {
            relayed.push(own);
            relayed_ratios.push(own / raw);
        }
        for (_, session, speeds, ratios) in &mut sessions {
            let mut came = Came::new(&expected);
            let start = Instant::now();
            run(session, flood.code, &mut |piece| came.next(piece)).await;
            let own = mb / start.elapsed().as_secs_f64();
            came.whole();
            if round > 0 {
                speeds.push(own);
                ratios.push(own / raw);
            }
        }
    }
    let speed = |all: &mut [f64]| format!("{:.0} MB/s", median(all));
    let mut rows = Vec::new();
    for (way, session, mut speeds, mut ratios) in sessions {
        session.leave().await;
        let (direct, key) = match (way, flood.key) {
            (Way::Direct, key) => (true, key),
            (Way::Daemon, "lines") => (false, "lines_daemon"),
            (Way::Daemon, _) => (false, "write_daemon"),
        };
        let row = Row::new(key, format!("{}, {}", flood.name, way.text()), median(&mut ratios), "x of the speed");
        let row = if direct { row.at_least(0.8) } else { row };
        rows.push(row.own(speed(&mut speeds)).floor(speed(&mut floors)).note("every byte compared"));
    }
    let key = if flood.key == "lines" { "lines_relay" } else { "write_relay" };
    let row =
        Row::new(key, format!("{}, the least bridge there could be", flood.name), median(&mut relayed_ratios), "x of the speed");
    rows.push(row.own(speed(&mut relayed)).floor(speed(&mut floors)).note("for comparison: a relay that keeps a log"));
    rows
}

/// In MB/s.
fn speed_of(floor: &mut Floor, flood: &Flood, expected: &[u8]) -> f64 {
    let mut came = Came::new(expected);
    let start = Instant::now();
    floor.say(&request(Run::Exec, flood.code));
    floor.answer(&mut |piece| came.next(piece));
    let took = start.elapsed();
    came.whole();
    expected.len() as f64 / 1e6 / took.as_secs_f64()
}

/// How much of what must come has come.
struct Came<'a> {
    expected: &'a [u8],
    at: usize,
}

impl<'a> Came<'a> {
    const fn new(expected: &'a [u8]) -> Self {
        Self { expected, at: 0 }
    }

    fn next(&mut self, piece: &[u8]) {
        let end = self.at + piece.len();
        assert!(self.expected.get(self.at..end) == Some(piece), "other bytes than were written, from byte {}", self.at);
        self.at = end;
    }

    fn whole(&self) {
        assert_eq!(self.at, self.expected.len(), "bytes are missing");
    }
}

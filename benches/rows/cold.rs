//! From nothing to `1+1` and gone again, beside the bare interpreter doing it.

use super::Amount;
use crate::figures::{median, ms};
use crate::place::Place;
use crate::table::Row;
use std::process::{Command, Stdio};
use std::time::Instant;

pub(crate) fn measure(place: &Place, rounds: usize, _amount: Amount) -> Vec<Row> {
    let (mut bares, mut owns, mut more) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=rounds {
        let mut bare = Command::new(&place.python);
        let bare = timed(bare.args(["-c", "print(1+1)"]).stdin(Stdio::null()));
        let own = timed(&mut place.command(&["exec", "--python", &place.python, "-c", "1+1"]));
        if round > 0 {
            bares.push(bare);
            owns.push(own);
            more.push(own - bare);
        }
    }
    let row = Row::new("cold", "cold `rialto exec -c 1+1` over a bare `python3 -c`", median(&mut more), "ms more");
    vec![row.at_most(40.0).own(format!("{:.1} ms", median(&mut owns))).floor(format!("{:.1} ms", median(&mut bares)))]
}

fn timed(command: &mut Command) -> f64 {
    let start = Instant::now();
    let out = command.output().unwrap();
    let took = ms(start.elapsed());
    assert_eq!(String::from_utf8_lossy(&out.stdout), "2\n", "{}", String::from_utf8_lossy(&out.stderr));
    took
}

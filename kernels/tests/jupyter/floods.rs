//! Nothing is lost, however much is said and however late it is read.

use crate::driver::{Driver, Outcome};
use crate::{python, start};
use std::time::Duration;

/// Long enough for a kernel that drops what is not read to have dropped it.
const NOT_READING: Duration = Duration::from_secs(4);

/// So many lines, numbered: none is missing, none is there twice.
#[track_caller]
fn is_whole(outcome: &Outcome, lines: usize) {
    let out = outcome.out();
    let mut count = 0;
    for (at, line) in out.lines().enumerate() {
        assert!(line.starts_with(&format!("{at} x")), "line {at} is {:?}", &line[..line.len().min(40)]);
        count += 1;
    }
    assert_eq!(count, lines);
}

/// Runs it, and reads nothing of it for a while.
#[track_caller]
fn read_late(d: &mut Driver, code: &str) -> Outcome {
    d.submit(code);
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "0 x");
    std::thread::sleep(NOT_READING);
    d.finish_into(&mut outcome);
    outcome
}

#[test]
fn twenty_megabytes_come_whole_as_lines_and_as_one() {
    let mut d = python();
    let outcome = d.exec("for i in range(250_000): print(i, 'x' * 75)").ok();
    is_whole(&outcome, 250_000);
    let outcome = d.exec("print('é' * 10_000_000)").ok();
    assert_eq!(outcome.out().len(), 20_000_001);
}

#[test]
fn who_is_not_read_waits_and_loses_nothing() {
    let mut d = python();
    // Each a message of its own: far more than a queue of ZeroMQ holds.
    let outcome = read_late(&mut d, "import sys\nfor i in range(2_500):\n    print(i, 'x' * 8_000); sys.stdout.flush()").ok();
    is_whole(&outcome, 2_500);
    // And the kernel waits, instead of gathering it all.
    d.submit("for i in range(250_000): print(i, 'x' * 75)\nimport resource; print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)");
    let mut outcome = Outcome::default();
    d.until_out(&mut outcome, "0 x");
    std::thread::sleep(NOT_READING);
    d.finish_into(&mut outcome);
    assert_eq!(outcome.out().lines().count(), 250_001);
}

#[test]
fn r_and_bash_lose_nothing_of_twenty_megabytes() {
    let mut r = start("ir");
    let outcome = r.exec("for (i in 0:2499) cat(i, strrep('x', 8000), '\\n')").ok();
    is_whole(&outcome, 2_500);
    let mut bash = start("jupyter:bash");
    let outcome = bash.exec("line=$(head -c 8000 /dev/zero | tr '\\0' x); for i in $(seq 0 2499); do echo $i $line; done").ok();
    is_whole(&outcome, 2_500);
}

//! What one commit costs, and what recovery costs after a flood: `cargo bench -p rialto-bridge --bench journal [FOLDER]`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use nix::sys::resource::{UsageWho, getrusage};
use rialto_bridge::journal::{Journal, Stored};
use rialto_protocol::codec::record_body;
use rialto_protocol::event::{Accepted, Ended, Event, Output, Record, Run, Stamp};
use rialto_protocol::{Bytes, EvalId, OnError, Show, Stream};
use std::path::Path;
use std::time::{Duration, Instant};

fn record(seq: u64, event: Event) -> Record {
    Record { seq, at: Stamp { wall_ms: 1_790_000_000_000, mono_us: 5_000_000 }, event }
}

fn accepted(n: u64) -> Event {
    let mut id = [0; 16];
    // Ids are dice in life; an order in them would flatter the index.
    id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Event::Accepted(Accepted {
        n,
        eval: EvalId(id),
        started: true,
        by: None,
        code: Some("1+1".into()),
        hash: Some(vec![7; 32].into()),
        group: None,
        on_error: OnError::Stop,
        show: Show::Value,
        argv: None,
        trace: None,
    })
}

fn ended(n: u64) -> Event {
    let result = Some([("text/plain".to_owned(), Bytes::from("2"))].into());
    Event::Ended(Ended { n, result, why: Some("x".repeat(40)), ..Ended::default() })
}

fn output(n: u64, len: usize) -> Event {
    Event::Output(Output { n, background: false, runs: vec![Run { stream: Stream::Stdout, data: vec![b'x'; len].into() }] })
}

/// Processor time of this process so far: what a commit costs whatever else the machine does.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = |t: nix::sys::time::TimeVal| Duration::new(t.tv_sec() as u64, t.tv_usec() as u32 * 1000);
    micros(usage.user_time()) + micros(usage.system_time())
}

/// Commits of two rows of about 100 bytes: an eval that is accepted and one that ends.
fn commits(folder: &Path, name: &str, evals: u64, with_output: bool) {
    let mut journal = Journal::create(&folder.join(name)).unwrap();
    let records: Vec<_> = (1..=evals)
        .flat_map(|n| [accepted(n), if with_output { output(n, 20) } else { ended(n) }])
        .enumerate()
        .map(|(at, event)| record(at as u64 + 1, event))
        .map(|record| (record_body(&record), record))
        .collect();
    let bytes: usize = records.iter().map(|(body, _)| body.len()).sum();
    let mut took = Vec::new();
    let (mut in_commits, mut indexing) = (Duration::ZERO, Duration::ZERO);
    // In hundreds, because the clock of processor time is coarse; indexing, which is for idle moments, apart.
    for hundred in records.chunks(200) {
        let before = cpu();
        for pair in hundred.chunks(2) {
            let start = Instant::now();
            for (body, record) in pair {
                journal.append(record, body);
            }
            journal.commit().unwrap();
            took.push(start.elapsed());
        }
        let between = cpu();
        journal.idle();
        in_commits += between - before;
        indexing += cpu() - between;
    }
    let sum: Duration = took.iter().sum();
    took.sort();
    let each = |all: Duration| all.as_secs_f64() * 1e6 / evals as f64;
    println!(
        "{name}: two rows of {} bytes: {:.2} us of processor, {:.2} us of indexing; wall p50 {:.2}, p99 {:.2}, mean {:.2}, worst {:.0}",
        bytes as u64 / evals / 2,
        each(in_commits),
        each(indexing),
        took[took.len() / 2].as_secs_f64() * 1e6,
        took[took.len() * 99 / 100].as_secs_f64() * 1e6,
        each(sum),
        took[took.len() - 1].as_secs_f64() * 1e6,
    );
}

fn flood(folder: &Path, rows: u64, len: usize, per_commit: u64) {
    let path = folder.join(format!("flood-{len}"));
    let mut journal = Journal::create(&path).unwrap();
    let mut seq = 0;
    let start = Instant::now();
    let mut append = |journal: &mut Journal, event| {
        seq += 1;
        let record = record(seq, event);
        journal.append(&record, &record_body(&record));
        if seq % per_commit == 0 {
            journal.commit().unwrap();
        }
    };
    for n in 1..=1000 {
        append(&mut journal, accepted(n));
        for _ in 0..rows / 1000 {
            append(&mut journal, output(n, len));
        }
        append(&mut journal, ended(n));
    }
    journal.commit().unwrap();
    let mb = (rows * len as u64) as f64 / 1e6;
    println!("flood of {rows} x {len} bytes: {:.0} MB/s", mb / start.elapsed().as_secs_f64());

    let start = Instant::now();
    let (mut after, mut read) = (0, 0);
    loop {
        let batch = journal.read_after(after, 256 * 1024).unwrap();
        let Some(last) = batch.last() else { break };
        after = last.seq;
        read += batch.iter().map(|r| if let Stored::Whole(b) = &r.body { b.len() } else { 0 }).sum::<usize>();
    }
    println!("  read back: {:.0} MB/s", read as f64 / 1e6 / start.elapsed().as_secs_f64());
    drop(journal);

    let start = Instant::now();
    let mut journal = Journal::open(&path).unwrap();
    let opened = start.elapsed();
    let start = Instant::now();
    let mut count = 0;
    journal.replay(&mut |_| count += 1).unwrap();
    println!("  open {opened:.2?}, replay of {count} records {:.2?}", start.elapsed());

    let (start, mut worst, mut steps) = (Instant::now(), Duration::ZERO, 0);
    loop {
        let step = Instant::now();
        let more = journal.trim_step(64 << 20, 64).unwrap();
        worst = worst.max(step.elapsed());
        steps += 1;
        if !more {
            break;
        }
    }
    println!(
        "  trim to 64 MiB: {:.2?} in {steps} steps, worst {worst:.2?}; {} MiB on disk",
        start.elapsed(),
        journal.size_bytes() >> 20
    );
}

fn main() {
    let folder = match std::env::args().skip(1).find(|arg| !arg.starts_with('-')) {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    for round in 1..=3 {
        commits(folder.path(), &format!("evals-{round}"), 30_000, false);
    }
    commits(folder.path(), "printing", 30_000, true);
    flood(folder.path(), 200_000, 5_000, 8);
    flood(folder.path(), 4_000, 60_000, 4);
}

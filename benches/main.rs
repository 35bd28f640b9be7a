//! What Rialto costs, end to end: the built binary, a real Python, the client library. Each figure stands beside a floor measured in
//! the same run, a raw pipe to the smallest Python that does the same (`floor.py`): what the machine does meanwhile hits both.
//!
//! `scripts/bench`, or `cargo bench --bench end_to_end -- [WORK...] [--quick] [--rounds N] [--json] [--write]`. Without
//! optimisation (`cargo test --bench end_to_end`) it only tries that everything runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod figures;
mod floor;
mod links;
mod place;

mod processes;
mod relay;
mod rows;
mod silent;
mod table;
mod wait;

use clap::{Parser, ValueEnum};
use place::Place;
use rows::{Amount, Work};
use std::path::Path;
use std::process::{Command, ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// Measures, and prints a table.
#[derive(Parser)]
struct Arguments {
    /// What to measure; all of it without this.
    work: Vec<Work>,
    /// Less of everything: within a minute.
    #[arg(long)]
    quick: bool,
    /// So many rounds of each.
    #[arg(long)]
    rounds: Option<usize>,
    /// JSON on stdout.
    #[arg(long)]
    json: bool,
    /// Renew the table of docs/performance.md.
    #[arg(long)]
    write: bool,
    /// What `cargo bench` says to every benchmark, and `cargo test` does not.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    if let Some(socket) = std::env::var_os(relay::SOCKET) {
        relay::run(socket);
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    let amount = match (arguments.bench, arguments.quick) {
        (false, _) => Amount::Smoke,
        (true, true) => Amount::Quick,
        (true, false) => Amount::Full,
    };
    assert!(
        amount == Amount::Full || !arguments.write,
        "only a full measurement of what is built with optimisation is written down: leave out --quick"
    );
    table::check();
    let mut works = arguments.work;
    if works.is_empty() {
        works = Work::value_variants().to_vec();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut rows = Vec::new();
    let mut python = String::new();
    for work in works {
        eprintln!("measuring {work:?}; load {}", load());
        // Each in a place of its own: what one leaves behind is not the next one's.
        let mut place = Place::new();
        python.clone_from(&place.python);
        let measured = runtime.block_on(async {
            tokio::select! {
                rows = work.measure(&mut place, amount, arguments.rounds) => Some(rows),
                // The place goes, and with it what was started in it.
                _ = told_to_end() => None,
            }
        });
        let Some(measured) = measured else { return ExitCode::FAILURE };
        rows.extend(measured);
    }
    let machine = machine(&python);
    if arguments.json {
        println!("{}", table::json(&rows, &machine));
    } else if amount == Amount::Smoke {
        println!("all {} rows run; without optimisation, and so few of each, they are no figures", rows.len());
    } else {
        println!("{}{machine}", table::aligned(&rows));
    }
    if arguments.write {
        table::write(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md"), &rows, &machine);
    }
    ExitCode::SUCCESS
}

async fn told_to_end() {
    let listen = |kind| signal(kind).expect("signals can be listened to");
    let (mut int, mut term) = (listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn machine(python: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let code = "import sys; print('Python %d.%d' % sys.version_info[:2], end='')";
    let said = Command::new(python).args(["-c", code]).output().unwrap().stdout;
    format!("{cores} shared cores, {}", String::from_utf8_lossy(&said))
}

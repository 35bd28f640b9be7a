//! `rialto ls`: what sessions there are, and what each is doing.

mod row;

pub(crate) use row::{duration, plain};

use crate::args::{LsArgs, PlaceArgs};
use crate::exit::Failure;
use crate::paint;
use crate::place::Place;
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use rialto_client::protocol::Scope;
use rialto_client::protocol::message::Listed;
use row::{HEADER, Row};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) async fn run(place: &PlaceArgs, args: &LsArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let all = place.list().await?.sessions;
    if args.json {
        let shown = chosen(all, args.all);
        let mut out = std::io::stdout().lock();
        for listed in &shown {
            serde_json::to_writer(&mut out, listed).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        return Ok(0);
    }
    show(all, args.all, &starts_one(&place))?;
    Ok(0)
}

/// Those to be shown, the newest first.
fn chosen(all: Vec<Listed>, ended: bool) -> Vec<Listed> {
    let mut shown: Vec<Listed> = all.into_iter().filter(|listed| ended || listed.state != "ended").collect();
    shown.sort_by_key(|listed| std::cmp::Reverse(listed.created_ms));
    shown
}

/// How whoever reads this starts a session where they look for one.
pub(crate) fn starts_one(place: &Place) -> String {
    match (crate::facade::guest(), place.at()) {
        (Some(guest), _) if guest.scope < Scope::Eval => String::new(),
        // What runs here runs for somebody who has nothing but ssh.
        (Some(_), _) => "; `ssh -t MACHINE python` starts one".to_owned(),
        (None, Some(at)) => format!("; `rialto --at {at}` starts one"),
        (None, None) => "; `rialto` starts one".to_owned(),
    }
}

/// Prints sessions as a table. Where there is none, `starts_one` is said.
pub(crate) fn show(all: Vec<Listed>, ended: bool, starts_one: &str) -> Result<(), Failure> {
    let count = all.len();
    let shown = chosen(all, ended);
    if !shown.is_empty() {
        let (now, home) = (now_ms(), std::env::var("HOME").unwrap_or_default());
        let mut table = table(&HEADER);
        for listed in &shown {
            let Row { state, cells } = Row::of(listed, now, &home);
            table.add_row(cells.iter().enumerate().map(|(at, cell)| match (at, state.colour()) {
                (row::STATE, Some(colour)) => Cell::new(cell).fg(colour),
                _ => Cell::new(cell),
            }));
        }
        print(&table)?;
    }
    match (shown.len(), count) {
        (0, 0) => paint::talk(&format!("no sessions here{starts_one}")),
        (0, hidden) => paint::talk(&format!("no living sessions here; {hidden} that ended: rialto ls -a")),
        _ => {}
    }
    Ok(())
}

/// A table without lines, as wide as its contents: in a pipe, columns are columns and nothing is wrapped.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.enforce_styling();
    table.set_header(header.iter().map(|title| Cell::new(title).fg(Color::DarkGrey)));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Prints it; colours stay on a terminal and go in a pipe.
pub(crate) fn print(table: &Table) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

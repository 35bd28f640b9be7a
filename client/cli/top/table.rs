//! What one look shows: as many columns as fit, the most telling first.

use super::load::Rates;
use crate::ls::{duration, now_ms, plain};
use crate::render::size;
use clap::ValueEnum;
use rialto_client::protocol::message::Listed;
use serde_json::{Value, json};
use std::cmp::Reverse;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One session.
#[derive(Debug)]
pub(super) struct Row {
    listed: Listed,
    rates: Rates,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Order {
    /// What takes most of the processor
    #[default]
    Cpu,
    /// What takes most memory
    Memory,
    /// What prints most
    Output,
    /// By name
    Name,
    /// The newest
    Age,
}

impl Order {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Output,
            Self::Output => Self::Name,
            Self::Name => Self::Age,
            Self::Age => Self::Cpu,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Name => "name",
            Self::Age => "age",
        }
    }

    /// Rows that are equal stay where they were: a table that jumps cannot be read.
    pub(super) fn sort(self, rows: &mut [Row]) {
        rows.sort_by_key(Row::name);
        let tenths = |rate: Option<f64>| Reverse((rate.unwrap_or(0.0) * 10.0) as u64);
        match self {
            Self::Cpu => rows.sort_by_key(|row| tenths(row.rates.cpu)),
            Self::Memory => rows.sort_by_key(|row| Reverse(row.memory())),
            Self::Output => rows.sort_by_key(|row| tenths(row.rates.output)),
            Self::Name => {}
            Self::Age => rows.sort_by_key(|row| Reverse(row.listed.created_ms)),
        }
    }
}

/// A column: its title, whether it is a number, and how early it goes where there is no room (0 never does).
const COLUMNS: [(&str, bool, u8); 9] = [
    ("SESSION", false, 0),
    ("STATE", false, 0),
    ("EVAL", false, 3),
    ("QUEUE", true, 5),
    ("CLIENTS", true, 6),
    ("MEMORY", true, 2),
    ("CPU%", true, 1),
    ("OUTPUT/S", true, 4),
    ("AGE", true, 7),
];
/// The widest a name or state is shown.
const WIDEST: usize = 24;
const GAP: usize = 2;

impl Row {
    pub(super) const fn of(listed: Listed, rates: Rates) -> Self {
        Self { listed, rates }
    }

    fn name(&self) -> String {
        self.listed.name.as_ref().map_or_else(|| self.listed.session.to_string(), ToString::to_string)
    }

    fn memory(&self) -> u64 {
        self.listed.memory.map_or(0, |memory| memory.supervisor + memory.kernel)
    }

    fn clients(&self) -> Option<usize> {
        // Whoever asked for this list is no client of the session.
        self.listed.status.as_ref().map(|status| status.clients.iter().filter(|who| who.label != "list").count())
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let status = self.listed.status.as_ref();
        let none = || "-".to_owned();
        let running = status.and_then(|status| status.running.map(|n| (n, status.running_ms.unwrap_or(0))));
        let eval = running.map(|(n, ms)| {
            let time = if ms < 60_000 { format!("{}.{}s", ms / 1000, ms % 1000 / 100) } else { duration(ms) };
            format!("#{n} {time}")
        });
        let state = status.map_or(self.listed.state.as_str(), |status| status.state.as_str());
        [
            cut(&plain(&self.name()), WIDEST),
            cut(&plain(&state.replace('_', " ")), WIDEST),
            eval.unwrap_or_default(),
            status.map_or_else(none, |status| status.queued.to_string()),
            self.clients().map_or_else(none, |count| count.to_string()),
            self.listed.memory.map_or_else(none, |_| size(self.memory())),
            self.rates.cpu.map_or_else(none, |cpu| format!("{cpu:.1}")),
            self.rates.output.map_or_else(none, |rate| if rate < 1.0 { "0".to_owned() } else { size(rate as u64) }),
            duration(now_ms().saturating_sub(self.listed.created_ms)),
        ]
    }

    pub(super) fn json(&self) -> Value {
        let status = self.listed.status.as_ref();
        json!({
            "session": self.listed.session,
            "name": self.listed.name,
            "state": status.map_or(self.listed.state.as_str(), |status| status.state.as_str()),
            "running": status.and_then(|status| status.running),
            "running_ms": status.and_then(|status| status.running_ms),
            "queued": status.map(|status| status.queued),
            "clients": self.clients(),
            "memory": self.listed.memory,
            "cpu_percent": self.rates.cpu,
            "output_bytes_per_second": self.rates.output,
            "created_ms": self.listed.created_ms,
        })
    }
}

/// The table in so many columns of a terminal.
pub(super) fn lines(rows: &[Row], width: usize) -> Vec<String> {
    let mut table = vec![COLUMNS.map(|(title, ..)| title.to_owned())];
    table.extend(rows.iter().map(Row::cells));
    let mut widths = [0; COLUMNS.len()];
    for cells in &table {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.width());
        }
    }
    let mut shown = [true; COLUMNS.len()];
    let needs = |shown: &[bool]| -> usize {
        widths.iter().zip(shown).filter(|(_, shown)| **shown).map(|(width, _)| width + GAP).sum::<usize>() - GAP
    };
    for rank in (1..=7).rev() {
        if needs(&shown) <= width {
            break;
        }
        for (shown, (.., goes)) in shown.iter_mut().zip(COLUMNS) {
            *shown &= goes != rank;
        }
    }
    let line = |cells: &[String; COLUMNS.len()]| {
        let mut line = String::new();
        for (((cell, (_, number, _)), width), _) in cells.iter().zip(COLUMNS).zip(widths).zip(shown).filter(|(_, shown)| *shown) {
            let room = " ".repeat(width.saturating_sub(cell.width()));
            let parts = if number { [room.as_str(), cell] } else { [cell, room.as_str()] };
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.extend(parts);
        }
        cut(line.trim_end(), width)
    };
    table.iter().map(line).collect()
}

/// A screenful: what it is about, the table, and what is hidden below.
pub(super) fn page(rows: &[Row], order: Order, trouble: Option<&str>, (width, height): (usize, usize)) -> Vec<String> {
    let running = rows.iter().filter(|row| row.listed.status.as_ref().is_some_and(|status| status.running.is_some())).count();
    let about = format!("{} sessions, {running} running  s: {}  q quits", rows.len(), order.word());
    let mut page = vec![cut(&about, width), trouble.map(|why| cut(&plain(why), width)).unwrap_or_default()];
    let room = height.saturating_sub(page.len() + 1);
    let shown = if rows.len() > room { room.saturating_sub(1) } else { rows.len() };
    let mut table = lines(rows, width);
    table.truncate(shown + 1);
    page.append(&mut table);
    if rows.len() > shown {
        page.push(cut(&format!("... {} more", rows.len() - shown), width));
    }
    page.truncate(height);
    page
}

/// As much of a text as fits.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            let wide = c.width().unwrap_or(0);
            let fits = wide <= room;
            room = room.saturating_sub(wide);
            fits
        })
        .collect();
    cut.push('~');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_client::protocol::message::Memory;

    fn row(name: &str, cpu: f64, created_ms: u64) -> Row {
        let memory = Some(Memory { supervisor: 3 << 20, kernel: 9 << 20, proportional: true });
        let listed = Listed {
            session: "abcdefghij".parse().unwrap(),
            name: Some(name.parse().unwrap()),
            kernel: "python".into(),
            state: "idle".into(),
            created_ms,
            cwd: String::new(),
            status: None,
            bytes: 0,
            owner: String::new(),
            scope: None,
            memory,
        };
        Row::of(listed, Rates { cpu: Some(cpu), output: Some(2048.0) })
    }

    #[test]
    fn it_fits_however_narrow_the_terminal() {
        let rows: Vec<Row> = (0..30).map(|n| row(&format!("a-session-of-some-length-{n}"), f64::from(n), 0)).collect();
        for width in [1, 10, 40, 60, 80, 200] {
            for height in [1, 3, 10, 24, 50] {
                let page = page(&rows, Order::Cpu, Some("the daemon is gone"), (width, height));
                assert!(page.len() <= height && page.iter().all(|line| line.width() <= width), "{width}x{height}: {page:#?}");
            }
        }
        let narrow = lines(&rows, 40);
        assert!(narrow[0].contains("SESSION") && narrow[0].contains("STATE") && narrow[0].contains("CPU%"), "{}", narrow[0]);
        assert!(lines(&rows, 200)[0].contains("AGE"));
    }

    #[test]
    fn the_order_is_what_was_asked_for() {
        let mut rows = vec![row("b", 5.0, 1), row("a", 0.0, 3), row("c", 90.0, 2)];
        let mut first = |order: Order| {
            order.sort(&mut rows);
            rows[0].name()
        };
        assert_eq!([first(Order::Cpu), first(Order::Name), first(Order::Age)], ["c", "a", "a"]);
        let all = [Order::Cpu, Order::Memory, Order::Output, Order::Name, Order::Age];
        assert!(all.iter().all(|order| all.contains(&order.next())));
    }
}

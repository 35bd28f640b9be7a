//! What was measured, for people, for programs, and for the document.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Between these two lines of the document stands the table.
const BEGIN: &str = "<!-- table: begin (renewed by scripts/bench --write) -->";
const END: &str = "<!-- table: end -->";

#[derive(Debug, Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    key: &'static str,
    work: String,
    value: f64,
    unit: &'static str,
    own: String,
    floor: String,
    note: String,
    target: Option<Target>,
}

impl Row {
    pub(crate) fn new(key: &'static str, work: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { key, work: work.into(), value, unit, own: String::new(), floor: String::new(), note: String::new(), target: None }
    }

    /// What was measured of Rialto.
    pub(crate) fn own(mut self, own: impl Into<String>) -> Self {
        self.own = own.into();
        self
    }

    /// What was measured of the floor in the same run.
    pub(crate) fn floor(mut self, floor: impl Into<String>) -> Self {
        self.floor = floor.into();
        self
    }

    /// What else there is to say.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) const fn at_most(mut self, most: f64) -> Self {
        self.target = Some(Target::AtMost(most));
        self
    }

    pub(crate) const fn at_least(mut self, least: f64) -> Self {
        self.target = Some(Target::AtLeast(least));
        self
    }

    fn met(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtMost(most) => self.value <= most,
            Target::AtLeast(least) => self.value >= least,
        })
    }

    fn cells(&self) -> [String; 7] {
        let figure = if self.unit.starts_with('x') {
            format!("{:.2} {}", self.value, self.unit)
        } else if self.value < 100.0 && self.value.fract() != 0.0 {
            format!("{:.1} {}", self.value, self.unit)
        } else {
            format!("{:.0} {}", self.value, self.unit)
        };
        let target = match self.target {
            None => String::new(),
            Some(Target::AtMost(most)) => format!("at most {most}"),
            Some(Target::AtLeast(least)) => format!("at least {least}"),
        };
        let verdict = self.met().map_or("", |met| if met { "met" } else { "**missed**" });
        [self.work.clone(), figure, target, verdict.to_owned(), self.own.clone(), self.floor.clone(), self.note.clone()]
    }

    fn json(&self) -> Value {
        let (most, least) = match self.target {
            Some(Target::AtMost(most)) => (Some(most), None),
            Some(Target::AtLeast(least)) => (None, Some(least)),
            None => (None, None),
        };
        json!({
            "key": self.key, "work": self.work, "value": self.value, "unit": self.unit, "at_most": most, "at_least": least,
            "met": self.met(), "measured": self.own, "floor": self.floor, "note": self.note,
        })
    }
}

const HEAD: [&str; 7] = ["work", "figure", "target", "", "Rialto", "floor", ""];

/// The table as it stands in the document.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| writeln!(text, "| {} |", cells.join(" | ")).unwrap();
    line(&HEAD.map(str::to_owned));
    line(&HEAD.map(|_| "---".to_owned()));
    rows.iter().for_each(|row| line(&row.cells()));
    text
}

/// The table for a terminal.
pub(crate) fn aligned(rows: &[Row]) -> String {
    let all: Vec<[String; 7]> = std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let width = |at: usize| all.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for cells in &all {
        let line: String = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    text
}

pub(crate) fn json(rows: &[Row], machine: &str) -> String {
    json!({ "machine": machine, "rows": rows.iter().map(Row::json).collect::<Vec<_>>() }).to_string()
}

/// Puts the table into the document: whole, or line by line where only some were measured.
pub(crate) fn write(path: &Path, rows: &[Row], machine: &str) {
    let document = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, renewed(&document, rows, machine)).unwrap();
}

fn renewed(document: &str, rows: &[Row], machine: &str) -> String {
    let (before, rest) = document.split_once(BEGIN).expect("the document has the mark where the table begins");
    let (old, after) = rest.split_once(END).expect("the document has the mark where the table ends");
    let work = |line: &str| line.split(" | ").next().unwrap_or_default().to_owned();
    let new = markdown(rows);
    let mut lines: Vec<String> = old.lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect();
    // Where all of it was measured again, it stands in the order in which it was measured.
    if lines.iter().skip(2).all(|known| new.lines().any(|line| work(line) == work(known))) {
        lines.clear();
    }
    for (at, line) in new.lines().enumerate() {
        match lines.iter_mut().find(|known| work(known) == work(line) || (at == 1 && known.starts_with("| --- "))) {
            Some(known) => line.clone_into(known),
            None => lines.push(line.to_owned()),
        }
    }
    format!("{before}{BEGIN}\n{machine}.\n\n{}\n{END}{after}", lines.join("\n"))
}

/// A document keeps what was not measured this time. Part of every trial run: nothing else tests this program.
pub(crate) fn check() {
    let row = |work: &str, value| Row::new("k", work, value, "x").at_most(2.0);
    let document = format!("a\n{BEGIN}\n{END}\nb\n");
    let both = renewed(&document, &[row("one", 1.0), row("two", 3.0)], "m");
    assert!(both.contains("| one | 1.00 x | at most 2 | met |") && both.contains("**missed**"), "{both}");
    let again = renewed(&both, &[row("two", 1.5)], "m");
    assert!(again.contains("| one | 1.00 x") && again.contains("| two | 1.50 x") && !again.contains("3.00"), "{again}");
    let turned = renewed(&again, &[row("two", 1.0), row("one", 1.0)], "m");
    assert!(turned.find("| two |") < turned.find("| one |") && turned.matches("| one |").count() == 1, "{turned}");
    assert!(again.starts_with("a\n") && again.ends_with("\nb\n") && again.matches("\n| --- ").count() == 1, "{again}");
}

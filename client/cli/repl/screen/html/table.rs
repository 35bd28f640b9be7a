//! A table of HTML as text.

use comfy_table::{ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};

/// Cells of a table; of a larger one the first are shown and the rest is counted.
const CELLS: usize = 20_000;

/// Lines between what stands there, and none around it.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction('│'))
    .header_separator(LineStyle::none().fill('─').junction('┼'))
    .content_lines(ContentLineStyle::none().junction('│'));

/// Its rows, as they were read.
#[derive(Default)]
pub(super) struct Grid {
    rows: Vec<Vec<Option<String>>>,
    /// The first row is all headings.
    headed: bool,
    cells: usize,
    /// Rows that were too many.
    more: usize,
}

impl Grid {
    pub(super) fn row(&mut self) {
        if self.cells < CELLS { self.rows.push(Vec::new()) } else { self.more += 1 }
    }

    /// A cell begins, in a row that may not have been said.
    pub(super) fn cell(&mut self, heading: bool) {
        if self.cells >= CELLS {
            return;
        }
        self.cells += 1;
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        if let [row] = self.rows.as_mut_slice() {
            self.headed = heading && (row.is_empty() || self.headed);
        }
        if let Some(row) = self.rows.last_mut() {
            row.push(None);
        }
    }

    /// What stands in it. What stands in no cell, as between rows, has no place and only spaces in it, or is a caption's.
    pub(super) fn fill(&mut self, text: String) {
        if let Some(cell @ None) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            *cell = Some(text);
        }
    }

    pub(super) fn lines(self, width: usize) -> Vec<String> {
        let wide = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let mut rows = self.rows.into_iter().filter(|row| !row.is_empty()).map(|row| {
            let missing = wide - row.len();
            row.into_iter().map(Option::unwrap_or_default).chain(std::iter::repeat_n(String::new(), missing)).collect::<Vec<_>>()
        });
        let mut table = Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        if self.headed
            && let Some(first) = rows.next()
        {
            table.set_header(first);
        }
        table.add_rows(rows);
        let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        // One space beside each line, none before the first.
        if lines.iter().all(|line| line.is_empty() || line.starts_with([' ', '─'])) {
            lines = lines.into_iter().map(|line| line.chars().skip(1).collect()).collect();
        }
        if self.more > 0 {
            lines.push(format!("... {} more rows", self.more));
        }
        lines
    }
}

//! What is to be written so that our terminal shows the program's: what differs from what it shows already.
//!
//! Nothing of what the program wrote gets here, only the picture that came of it: no title, no clipboard, no question to our terminal.

use super::terminal::NO_MODES;
use avt::{Cell, Color, Pen};
use rialto_kernels::screen::Screen;
use std::fmt::Write;

/// What our terminal shows.
#[derive(Debug)]
pub(super) struct Paint {
    rows: usize,
    columns: usize,
    /// Line by line; empty where that is not known.
    shown: Vec<Vec<Cell>>,
    cursor: Option<(usize, usize, bool)>,
    modes: String,
    /// Whether what is typed reaches the program: only then our terminal is to send what the program asks for.
    types: bool,
}

impl Paint {
    pub(super) fn new((rows, columns): (u16, u16), types: bool) -> Self {
        let mut paint = Self { rows: 0, columns: 0, shown: Vec::new(), cursor: None, modes: String::new(), types };
        paint.resize((rows, columns));
        paint
    }

    pub(super) fn resize(&mut self, (rows, columns): (u16, u16)) {
        (self.rows, self.columns) = (usize::from(rows), usize::from(columns));
        self.anew();
    }

    /// Nobody knows what is shown.
    pub(super) fn anew(&mut self) {
        self.shown = Vec::new();
        self.cursor = None;
        self.modes = String::new();
    }

    /// What shows this; `above`: a line that lies over the last one.
    pub(super) fn frame(&mut self, screen: &Screen, above: Option<&str>) -> Vec<u8> {
        let mut out = String::new();
        if self.shown.is_empty() {
            out.push_str("\x1b[m\x1b[2J");
            out.push_str(NO_MODES);
            self.shown = vec![vec![Cell::default(); self.columns]; self.rows];
        }
        let grid = screen.grid();
        let cursor = grid.cursor();
        // Where the program's screen is larger than ours the part around the cursor is shown.
        let top = (cursor.row + 1).saturating_sub(self.rows);
        // It stands beside the last column once something was written there.
        let width = grid.screen().visible_lines().next().map_or(0, |line| line.cells().len());
        let column = cursor.col.min(width.saturating_sub(1));
        let left = (column + 1).saturating_sub(self.columns);
        let mut lines = grid.screen().visible_lines().skip(top);
        for row in 0..self.rows {
            let cells = lines.next().map(|line| line.cells().get(left..).unwrap_or_default()).unwrap_or_default();
            let mut line = self.fit(cells);
            if let Some(text) = above.filter(|_| row + 1 == self.rows) {
                line = self.over(text);
            }
            if let Some(shown) = self.shown.get_mut(row) {
                put_line(&mut out, row, shown, &line);
                *shown = line;
            }
        }
        let place =
            (cursor.row.saturating_sub(top), column.saturating_sub(left).min(self.columns.saturating_sub(1)), cursor.visible);
        if !out.is_empty() || self.cursor != Some(place) {
            let (row, column, visible) = place;
            let _ = write!(out, "\x1b[{};{}H{}", row + 1, column + 1, if visible { "\x1b[?25h" } else { "\x1b[?25l" });
            self.cursor = Some(place);
        }
        self.put_modes(&mut out, screen);
        // Shown at once, where the terminal knows how; otherwise the cursor does not run about.
        let frame = if out.is_empty() { out } else { format!("\x1b[?2026h\x1b[?25l{out}\x1b[?2026l") };
        frame.into_bytes()
    }

    fn put_modes(&mut self, out: &mut String, screen: &Screen) {
        if !self.types {
            return;
        }
        let application = if screen.grid().cursor_key_app_mode() { "\x1b[?1h" } else { "" };
        let modes = format!("{application}{}", screen.modes());
        if modes != self.modes {
            out.push_str(NO_MODES);
            out.push_str(&modes);
            self.modes = modes;
        }
    }

    /// A line of ours: cut, or filled up. A wide sign of which only a half fits is none.
    fn fit(&self, cells: &[Cell]) -> Vec<Cell> {
        let mut line: Vec<Cell> = cells.iter().take(self.columns).copied().collect();
        let half = |cell: &Cell, width| cell.width() == width;
        if line.last().is_some_and(|cell| half(cell, 2)) {
            line.pop();
        }
        if let Some(first) = line.first_mut().filter(|cell| half(cell, 0)) {
            *first = Cell::default();
        }
        line.resize(self.columns, Cell::default());
        line
    }

    /// A line that says something of ours.
    fn over(&self, text: &str) -> Vec<Cell> {
        let blank = vec![Cell::default(); self.columns];
        let Ok(mut terminal) = avt::Terminal::new(self.columns.max(1), 1) else { return blank };
        let text: String = text.chars().filter(|c| !c.is_control()).take(self.columns.saturating_sub(2)).collect();
        terminal.feed(format!("\x1b[7m {text} "));
        let mut line: Vec<Cell> = terminal.screen().visible_lines().next().map(|line| line.cells().to_vec()).unwrap_or_default();
        line.resize(self.columns, Cell::default());
        line
    }
}

/// Writes what of a line is not shown yet.
fn put_line(out: &mut String, row: usize, shown: &[Cell], line: &[Cell]) {
    let differs = |column: &usize| shown.get(*column) != line.get(*column);
    let Some(mut first) = (0..line.len()).find(differs) else { return };
    let last = (0..line.len()).rfind(differs).unwrap_or(first);
    // Half a sign cannot be written.
    while first > 0
        && (line.get(first).is_some_and(|cell| cell.width() == 0) || shown.get(first).is_some_and(|cell| cell.width() == 0))
    {
        first -= 1;
    }
    let _ = write!(out, "\x1b[{};{}H", row + 1, first + 1);
    let mut pen = None;
    for cell in line.get(first..=last).unwrap_or_default().iter().filter(|cell| cell.width() > 0) {
        if pen != Some(*cell.pen()) {
            put_pen(out, cell.pen());
            pen = Some(*cell.pen());
        }
        out.push(cell.char());
    }
    out.push_str("\x1b[m");
}

fn put_pen(out: &mut String, pen: &Pen) {
    out.push_str("\x1b[0");
    let attributes = [
        (pen.is_bold(), 1),
        (pen.is_faint(), 2),
        (pen.is_italic(), 3),
        (pen.is_underline(), 4),
        (pen.is_blink(), 5),
        (pen.is_inverse(), 7),
        (pen.is_strikethrough(), 9),
    ];
    for (_, number) in attributes.iter().filter(|(set, _)| *set) {
        let _ = write!(out, ";{number}");
    }
    put_colour(out, pen.foreground(), 30);
    put_colour(out, pen.background(), 40);
    out.push('m');
}

fn put_colour(out: &mut String, colour: Option<Color>, base: u8) {
    let _ = match colour {
        None => Ok(()),
        Some(Color::Indexed(n @ 0..8)) => write!(out, ";{}", base + n),
        Some(Color::Indexed(n @ 8..16)) => write!(out, ";{}", base + 60 + n - 8),
        Some(Color::Indexed(n)) => write!(out, ";{};5;{n}", base + 8),
        Some(Color::RGB(rgb)) => write!(out, ";{};2;{};{};{}", base + 8, rgb.r, rgb.g, rgb.b),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal of this size shows after these frames.
    fn shows(size: (u16, u16), frames: &[Vec<u8>]) -> (Vec<String>, (usize, usize)) {
        let mut terminal = Screen::new(size.0, size.1).unwrap();
        frames.iter().for_each(|frame| drop(terminal.feed(frame)));
        let cells = |line: &avt::Line| format!("{:?}", line.cells());
        let cursor = terminal.grid().cursor();
        (terminal.grid().screen().visible_lines().map(cells).collect(), (cursor.row, cursor.col))
    }

    #[test]
    fn what_is_shown_is_what_the_program_drew_however_it_came_there() {
        let steps: &[&str] = &[
            "plain \x1b[1;31mred\x1b[m\r\nnext",
            "\x1b[2;1H\u{4e2d}\u{56fd} wide\x1b[38;2;1;2;3mrgb\x1b[48;5;200mback",
            "\x1b[2;2Hx\x1b[9;95mstruck",
            "\x1b[?1049h\x1b[3;3Hother\x1b[K",
            "\x1b[?1049l\x1b[1;1H",
            "\x1b[2;3H\u{4e2d}",
        ];
        let mut program = Screen::new(5, 16).unwrap();
        let mut paint = Paint::new((5, 16), true);
        let mut frames = Vec::new();
        for step in steps {
            program.feed(step.as_bytes());
            frames.push(paint.frame(&program, None));
            let cells = |line: &avt::Line| format!("{:?}", line.cells());
            let cursor = program.grid().cursor();
            let wanted: Vec<String> = program.grid().screen().visible_lines().map(cells).collect();
            assert_eq!(shows((5, 16), &frames), (wanted, (cursor.row, cursor.col.min(15))), "after {step:?}");
            assert_eq!(paint.frame(&program, None), b"", "nothing is written where nothing has changed");
        }
    }

    #[test]
    fn a_terminal_that_is_smaller_shows_the_part_with_the_cursor() {
        let mut program = Screen::new(6, 20).unwrap();
        program.feed(b"one\r\ntwo\r\nthree\r\nfour\x1b[5;18Hend\x1b[5;1H");
        let mut paint = Paint::new((2, 5), false);
        let frame = paint.frame(&program, None);
        let text = |lines: Vec<String>| lines.join("\n");
        let (lines, cursor) = shows((2, 5), &[frame]);
        assert!(text(lines).contains("'f'"), "the line above the cursor");
        assert_eq!(cursor, (1, 0));
        program.feed(b"\x1b[5;20H");
        let (lines, cursor) = shows((2, 5), &[paint.frame(&program, None)]);
        assert!(text(lines).contains("'d'"));
        assert_eq!(cursor, (1, 4));
    }

    #[test]
    fn nothing_of_what_the_program_says_to_its_terminal_reaches_ours() {
        let mut program = Screen::new(3, 20).unwrap();
        program.feed(b"\x1b]0;title\x07\x1b]52;c;aGk=\x07\x1b[6n\x1bPq#0\x1b\\\x1b[21tseen");
        let frame = Paint::new((3, 20), true).frame(&program, None);
        let frame = String::from_utf8(frame).unwrap();
        assert!(frame.contains("seen"));
        for bad in ["title", "\x1b]", "aGk", "\x1b[6n", "\x1bP", "21t", "\x07"] {
            assert!(!frame.contains(bad), "{bad:?} in {frame:?}");
        }
    }

    #[test]
    fn only_whoever_types_has_the_modes_that_change_what_is_sent() {
        let mut program = Screen::new(3, 20).unwrap();
        program.feed(b"\x1b[?1003h\x1b[?2004h\x1b[?1h");
        let modes = |types| String::from_utf8(Paint::new((3, 20), types).frame(&program, None)).unwrap();
        assert!(modes(true).contains("\x1b[?1h\x1b[?1003h\x1b[?2004h"));
        assert!(!modes(false).contains("?1003h"));
    }
}

//! What a program has left the terminal in: its colours, its cursor, its place in the line.

use vte::Params;

/// One terminal's pen, shared by all that write to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pen {
    /// What SGR has set and not unset.
    on: u16,
    /// Text without a colour of its own is red.
    red: bool,
    hidden: bool,
    pub(super) linked: bool,
    place: Place,
}

/// Where the cursor is in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// At the beginning of an empty one.
    #[default]
    Fresh,
    /// At the beginning of one that has text.
    Begin,
    Within,
}

const FOREGROUND: u16 = 1;
const BACKGROUND: u16 = 1 << 1;
const UNDERLINE_COLOUR: u16 = 1 << 2;
const BOLD_OR_DIM: u16 = 1 << 3;
const ITALIC: u16 = 1 << 4;
const UNDERLINE: u16 = 1 << 5;
const BLINK: u16 = 1 << 6;
const REVERSE: u16 = 1 << 7;
const CONCEAL: u16 = 1 << 8;
const STRIKE: u16 = 1 << 9;
const OTHER: u16 = 1 << 10;

const RED: &str = "\x1b[31m";
const NO_COLOUR: &str = "\x1b[39m";

impl Pen {
    /// The line under the cursor has text in it.
    pub(crate) fn midline(&self) -> bool {
        self.place != Place::Fresh
    }

    /// From here on text without a colour of its own is red, or no longer is.
    pub(crate) fn redden(&mut self, red: bool, out: &mut String) {
        if self.red != red {
            self.red = red;
            if self.on & FOREGROUND == 0 {
                out.push_str(if red { RED } else { NO_COLOUR });
            }
        }
    }

    /// Puts back what was left on.
    pub(crate) fn put_back(&mut self, out: &mut String) {
        if std::mem::take(&mut self.linked) {
            out.push_str("\x1b]8;;\x1b\\");
        }
        if std::mem::take(&mut self.hidden) {
            out.push_str("\x1b[?25h");
        }
        if self.on != 0 || self.red {
            out.push_str("\x1b[0m");
        }
        (self.on, self.red) = (0, false);
    }

    /// Something that the program did not write stands in the line, or a new one was begun.
    pub(crate) fn place(&mut self, midline: bool) {
        self.place = if midline { Place::Within } else { Place::Fresh };
    }

    pub(super) fn printed(&mut self) {
        self.place = Place::Within;
    }

    pub(super) fn line_over(&mut self) {
        self.place = Place::Fresh;
    }

    pub(super) fn returned(&mut self) {
        if self.place == Place::Within {
            self.place = Place::Begin;
        }
    }

    /// The line was erased from the cursor on.
    pub(super) fn erased(&mut self, onwards: bool) {
        if onwards && self.place == Place::Begin {
            self.place = Place::Fresh;
        }
    }

    pub(super) fn moved(&mut self, action: char, params: &Params) {
        let number = |i: usize| params.iter().nth(i).and_then(|p| p.first()).copied().unwrap_or(0);
        let first_column = match action {
            'E' | 'F' => true,
            'G' => number(0) <= 1,
            'H' | 'f' => number(1) <= 1,
            'A' | 'B' | 'd' => self.place != Place::Within,
            _ => false,
        };
        // What stands where it is now, nobody knows.
        self.place = if first_column { Place::Begin } else { Place::Within };
    }

    /// A saved cursor may bring its colours back.
    pub(super) fn restored(&mut self) {
        self.on |= OTHER;
        self.place = Place::Within;
    }

    pub(super) fn hid_cursor(&mut self, hidden: bool) {
        self.hidden = hidden;
    }

    /// SGR has passed.
    pub(super) fn coloured(&mut self, params: &Params, out: &mut String) {
        let mut params = params.iter();
        while let Some(param) = params.next() {
            let (set, unset) = match param.first().copied().unwrap_or(0) {
                0 => (0, u16::MAX),
                1 | 2 => (BOLD_OR_DIM, 0),
                3 => (ITALIC, 0),
                4 if param.get(1) == Some(&0) => (0, UNDERLINE),
                4 | 21 => (UNDERLINE, 0),
                5 | 6 => (BLINK, 0),
                7 => (REVERSE, 0),
                8 => (CONCEAL, 0),
                9 => (STRIKE, 0),
                22 => (0, BOLD_OR_DIM),
                23 => (0, ITALIC),
                24 => (0, UNDERLINE),
                25 => (0, BLINK),
                27 => (0, REVERSE),
                28 => (0, CONCEAL),
                29 => (0, STRIKE),
                30..=37 | 90..=97 => (FOREGROUND, 0),
                40..=47 | 100..=107 => (BACKGROUND, 0),
                39 => (0, FOREGROUND),
                49 => (0, BACKGROUND),
                59 => (0, UNDERLINE_COLOUR),
                colour @ (38 | 48 | 58) => {
                    // In the old form the colour's numbers are parameters of their own.
                    if param.len() == 1 {
                        let more = match params.next().and_then(|p| p.first()).copied() {
                            Some(5) => 1,
                            Some(2) => 3,
                            _ => 0,
                        };
                        params.by_ref().take(more).for_each(|_| ());
                    }
                    let which = match colour {
                        38 => FOREGROUND,
                        48 => BACKGROUND,
                        _ => UNDERLINE_COLOUR,
                    };
                    (which, 0)
                }
                _ => (OTHER, 0),
            };
            self.on = (self.on | set) & !unset;
        }
        if self.red && self.on & FOREGROUND == 0 {
            out.push_str(RED);
        }
    }
}

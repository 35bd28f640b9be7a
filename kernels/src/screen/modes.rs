//! The modes of a terminal that show nowhere and change what it sends: pasting, mouse, focus, keypad, and the form of the cursor. And
//! what a program asks its terminal.

/// Modes (DECSET) that are kept: the mouse in its kinds and codings, focus, pasting.
const KEPT: [u16; 9] = [9, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 2004];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Modes {
    /// A bit for each of [`KEPT`].
    set: u16,
    keypad: bool,
    /// DECSCUSR.
    cursor: u8,
}

/// A question of a program to its terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Is it well?
    Fine,
    /// Where is the cursor?
    Cursor,
    /// What is it?
    Kind,
    /// Which version?
    Version,
}

impl Modes {
    /// A whole sequence.
    pub(super) fn hear(&mut self, sequence: &[u8]) -> Option<Asked> {
        let text = std::str::from_utf8(sequence).ok()?;
        match text {
            "\x1b=" => self.keypad = true,
            "\x1b>" => self.keypad = false,
            _ => {}
        }
        let csi = text.strip_prefix("\x1b[").or_else(|| text.strip_prefix('\u{9b}'))?;
        match csi {
            "5n" => return Some(Asked::Fine),
            "6n" => return Some(Asked::Cursor),
            "c" | "0c" => return Some(Asked::Kind),
            ">c" | ">0c" => return Some(Asked::Version),
            "!p" => *self = Self::default(),
            _ => {}
        }
        if let Some(form) = csi.strip_suffix(" q") {
            self.cursor = form.parse().unwrap_or(0);
            if self.cursor > 6 {
                self.cursor = 0;
            }
        }
        if let Some(numbers) = csi.strip_prefix('?')
            && let Some((numbers, on)) =
                numbers.strip_suffix('h').map(|n| (n, true)).or(numbers.strip_suffix('l').map(|n| (n, false)))
        {
            for number in numbers.split(';').filter_map(|number| number.parse::<u16>().ok()) {
                self.switch(number, on);
            }
        }
        None
    }

    fn switch(&mut self, number: u16, on: bool) {
        let Some(at) = KEPT.iter().position(|kept| *kept == number) else { return };
        // One kind of mouse at a time, and whichever is switched off, none is left.
        let mouse = 0b1111;
        match (on, at) {
            (true, 0..4) => self.set = self.set & !mouse | 1 << at,
            (false, 0..4) => self.set &= !mouse,
            (true, _) => self.set |= 1 << at,
            (false, _) => self.set &= !(1 << at),
        }
    }

    /// What sets them, in a terminal that was just reset.
    pub(super) fn dump(&self) -> String {
        let mut dump = String::new();
        for (_, number) in KEPT.iter().enumerate().filter(|(at, _)| self.set & 1 << at != 0) {
            dump.push_str(&format!("\x1b[?{number}h"));
        }
        if self.keypad {
            dump.push_str("\x1b=");
        }
        if self.cursor != 0 {
            dump.push_str(&format!("\x1b[{} q", self.cursor));
        }
        dump
    }
}

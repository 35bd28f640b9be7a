//! Pictures, where the terminal can show them. Which way it wants them is known from its environment, or asked for when the
//! first picture comes.

mod ask;
mod detect;
#[cfg(feature = "images")]
mod draw;
#[cfg(not(feature = "images"))]
#[path = "images/draw_none.rs"]
mod draw;
mod tmux;

use super::look::Size;
use detect::{Found, Protocol};
use std::time::Duration;

/// How long a terminal may take to say what it can before the picture is left out.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long an answer that is late is waited for before the next line is read, so that nobody has it in there.
const LATE: Duration = Duration::from_secs(1);

/// A cell where the terminal does not say how large it is. Pixels.
const CELL: (u32, u32) = (8, 16);

/// The largest sixel picture of a terminal that does not say: a larger one may not be shown at all. Pixels.
const SIXEL: (u32, u32) = (1_000, 1_000);

/// What this terminal can.
pub(super) struct Images {
    found: Found,
    asking: Option<detect::Replies>,
    cell: Option<(u32, u32)>,
    largest: Option<(u32, u32)>,
    /// What was typed while the terminal was asked.
    typed: Vec<u8>,
    drawn: u32,
}

impl Images {
    pub(super) fn new(terminal: bool) -> Self {
        let var = |name: &str| std::env::var(name).unwrap_or_default();
        let found = if terminal && cfg!(feature = "images") { detect::by_environment(&var) } else { Found::Never };
        Self { found, asking: None, cell: None, largest: None, typed: Vec::new(), drawn: 0 }
    }

    /// What is to be written so that the picture is shown at the beginning of a line, and the cursor is at the beginning of one
    /// after it. The terminal may be asked what it can where nobody else reads from it.
    pub(super) fn show(&mut self, data: &[u8], window: Size, may_ask: bool) -> Option<String> {
        if self.found == Found::Tmux {
            self.found = tmux::what_it_passes_on();
        }
        let (protocol, tmux) = match self.found {
            Found::Known { protocol, tmux } => (protocol, tmux),
            Found::Ask { tmux } if may_ask => {
                self.find_out(tmux);
                match self.found {
                    Found::Known { protocol, tmux } => (protocol, tmux),
                    _ => return None,
                }
            }
            Found::Ask { .. } | Found::Never | Found::Tmux => return None,
        };
        let cell = window.pixels.map(|(w, h)| (w / window.columns.max(1) as u32, h / window.rows.max(1) as u32));
        let cell = cell.filter(|(w, h)| *w > 0 && *h > 0).or(self.cell).unwrap_or(CELL);
        self.drawn = self.drawn % 0xff_ff + 1;
        let place = draw::Place { columns: window.columns as u32, rows: window.rows as u32, cell, tmux, id: self.drawn };
        match protocol {
            Protocol::Kitty if tmux => draw::kitty_in_tmux(data, place),
            Protocol::Kitty => draw::kitty(data, place),
            Protocol::Iterm => draw::iterm(data, place),
            Protocol::Sixel => draw::sixel(data, place, self.largest.unwrap_or(SIXEL)),
        }
    }

    /// Asks the terminal.
    fn find_out(&mut self, tmux: bool) {
        let replies = ask::ask(PATIENCE);
        let Some(mut replies) = replies else { return };
        self.typed.append(&mut replies.typed);
        (self.cell, self.largest) = (replies.cell, replies.largest);
        if replies.over {
            self.found = replies.best().map_or(Found::Never, |protocol| Found::Known { protocol, tmux });
        } else {
            // It is slow, or silent. The next picture finds what it said meanwhile.
            self.asking = Some(replies);
        }
    }

    /// Somebody is about to read from the terminal: an answer that is late is not for them.
    pub(super) fn before_read(&mut self) {
        let Some(mut replies) = self.asking.take() else { return };
        ask::listen(&mut replies, LATE);
        self.typed.append(&mut replies.typed);
        (self.cell, self.largest) = (self.cell.or(replies.cell), self.largest.or(replies.largest));
        let tmux = matches!(self.found, Found::Ask { tmux: true });
        // One that never answers is not asked again.
        self.found = replies.best().map_or(Found::Never, |protocol| Found::Known { protocol, tmux });
    }

    /// What was typed while the terminal was asked, and belongs into the next line.
    pub(super) fn typed(&mut self) -> String {
        let bytes = std::mem::take(&mut self.typed);
        String::from_utf8_lossy(&bytes).chars().filter(|c| *c == '\n' || !c.is_control()).collect()
    }
}

/// How large a picture is, by its first bytes.
pub(super) fn dimensions(mime: &str, data: &[u8]) -> Option<(u32, u32)> {
    let two = |at: usize| Some(u32::from(u16::from_be_bytes(*data.get(at..)?.first_chunk::<2>()?)));
    let little = |at: usize| Some(u32::from(u16::from_le_bytes(*data.get(at..)?.first_chunk::<2>()?)));
    let four = |at: usize| Some(u32::from_be_bytes(*data.get(at..)?.first_chunk::<4>()?));
    match mime {
        "image/png" if data.starts_with(b"\x89PNG\r\n\x1a\n") => Some((four(16)?, four(20)?)),
        "image/gif" if data.starts_with(b"GIF8") => Some((little(6)?, little(8)?)),
        "image/jpeg" if data.starts_with(b"\xff\xd8") => {
            let mut at = 2;
            // From one marker to the next, until the one that begins a frame.
            for _ in 0..1_000 {
                match (data.get(at)?, *data.get(at + 1)?) {
                    (0xff, 0xff) => at += 1,
                    (0xff, marker @ 0xc0..=0xcf) if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                        return Some((two(at + 7)?, two(at + 5)?));
                    }
                    (0xff, _) => at += 2 + two(at + 2)? as usize,
                    _ => return None,
                }
            }
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! The terminal while a table is watched: the other screen, no cursor, keys as they come. However this ends, it is put back.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, Write, stdin, stdout};

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

pub(super) struct Screen {
    before: Termios,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // Newlines stay newlines; Ctrl-C is read like any other key, so that it ends this and nothing else.
        raw.output_modes = before.output_modes;
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        let screen = Self { before };
        let mut out = stdout().lock();
        out.write_all(ENTER.as_bytes())?;
        out.flush()?;
        Ok(screen)
    }

    /// Columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(stdout()).map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        size.ok().filter(|(width, height)| *width > 0 && *height > 0).unwrap_or((80, 24))
    }

    /// Draws over what is there, in one write, so that nothing flickers.
    pub(super) fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = "\x1b[H".to_owned();
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                text.push_str("\r\n");
            }
            // The table's head stands out without a colour.
            let (on, off) = if at == 2 { ("\x1b[7m", "\x1b[0m") } else { ("", "") };
            text.extend([on, line, off, "\x1b[K"]);
        }
        text.push_str("\x1b[J");
        let mut out = stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = stdout().lock();
        let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

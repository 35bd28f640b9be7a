//! A window that changes its width while a line is edited.
//!
//! Most terminals lay out what stands there anew, and the library then takes away as many rows as it had drawn before: more
//! than there are, or fewer. So just before it draws again the cursor is put where the library believes it to be.

use super::marks;
use super::state::State;
use std::io::{Write, stdout};
use std::sync::atomic::Ordering::SeqCst;

/// To be called when the library is about to draw this line.
pub(super) fn before_drawing(state: &State, line: &str, pos: usize) {
    let (before, now) = (state.columns.load(SeqCst), columns());
    if before == 0 || before == now {
        return;
    }
    let last = state.line();
    let drawn = format!("{last}{}", state.hint());
    let prompt = state.prompt.load(SeqCst);
    let one_row = marks::rows(prompt, &drawn, now) == 0 && marks::rows(prompt, &drawn, before) == 0;
    // A key that was pressed before the library has seen the change: it is about to see it.
    if !one_row && line != last {
        return;
    }
    state.columns.store(now, SeqCst);
    // It draws only what it must.
    if one_row || state.searching.load(SeqCst) || !lays_out_anew() {
        return;
    }
    let above = line.get(..pos).unwrap_or(line);
    let text = in_step(marks::rows(prompt, above, now), marks::rows(prompt, above, before), marks::rows(prompt, &drawn, before));
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// From the row where the cursor is now, an empty screen from the prompt on, and the cursor in that row of so many.
fn in_step(now: usize, before: usize, rows: usize) -> String {
    let up = |n: usize| if n > 0 { format!("\x1b[{n}A") } else { String::new() };
    format!("{}\r\x1b[J{}{}", up(now), "\r\n".repeat(rows), up(rows.saturating_sub(before)))
}

/// How wide the window is.
pub(super) fn columns() -> usize {
    let window = rustix::termios::tcgetwinsize(stdout()).ok();
    window.map(|w| usize::from(w.ws_col)).filter(|n| *n > 0).unwrap_or(80)
}

/// Whether the terminal does so: the old ones cut their lines.
fn lays_out_anew() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let term = std::env::var("TERM").unwrap_or_default();
    set("TMUX") || !(set("XTERM_VERSION") || set("STY") || term == "linux")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_where_it_is_believed_to_be() {
        // Narrower: three rows where one was. Wider: one where two were.
        assert_eq!(in_step(2, 0, 0), "\x1b[2A\r\x1b[J");
        assert_eq!(in_step(0, 1, 1), "\r\x1b[J\r\n");
        assert_eq!(in_step(1, 0, 2), "\x1b[1A\r\x1b[J\r\n\r\n\x1b[2A");
    }
}

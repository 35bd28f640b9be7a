//! What appears above the prompt while somebody types: a thread of its own, because the library's printer waits as long as
//! the person sits in a search, and a queue with a ceiling, because the session must never wait for either.

use super::prompt::LinkState;
use super::state::State;
use rustyline::ExternalPrinter;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Text that may wait, bytes. What comes beyond it is counted, not shown: the journal has it.
const CEILING: usize = 256 * 1024;
/// How often the prompt counts while there is no connection.
const SECOND: Duration = Duration::from_secs(1);
/// Draws the prompt anew and nothing else: up a row, and the newline that the printer wants.
const REDRAW: &str = "\x1b[A\n";

#[derive(Debug, Default)]
struct Queue {
    text: String,
    dropped: usize,
    redraw: bool,
    closed: bool,
    link: Option<LinkState>,
}

/// The queue, and whoever feeds it.
#[derive(Debug, Clone, Default)]
pub(super) struct Above(Arc<(Mutex<Queue>, Condvar)>);

impl Above {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.queue());
        self.0.1.notify_all();
    }

    /// Shows whole lines, soon. Never waits.
    pub(super) fn show(&self, text: &str) {
        self.change(|queue| {
            if queue.dropped > 0 || queue.text.len() + text.len() > CEILING {
                queue.dropped += text.lines().count();
                return;
            }
            queue.text.push_str(text);
            if !text.ends_with('\n') {
                queue.text.push('\n');
            }
        });
    }

    /// Draws the prompt anew.
    pub(super) fn redraw(&self) {
        self.change(|queue| queue.redraw = true);
    }

    /// A read has begun: what came just before it did waits for nothing else.
    pub(super) fn look_again(&self) {
        self.change(|_| {});
    }

    pub(super) fn link(&self, link: LinkState) {
        self.change(|queue| queue.link = Some(link));
    }

    pub(super) fn close(&self) {
        self.change(|queue| queue.closed = true);
    }

    /// What waits, for whoever can show it now.
    pub(super) fn take(&self) -> String {
        take(&mut self.queue())
    }

    /// Shows what waits where no line is edited.
    pub(super) fn drain(&self) {
        let text = self.take();
        if !text.is_empty() {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }

    /// The thread: shows what comes until it is closed.
    pub(super) fn run<P: ExternalPrinter>(&self, state: &State, mut printer: P) {
        loop {
            let mut queue = self.queue();
            let mut shown = queue.link;
            let text = loop {
                if queue.closed {
                    return;
                }
                let counts = matches!(queue.link, Some(LinkState::Reconnecting(_)));
                if let Some(link) = queue.link
                    && (counts || shown.take().is_some())
                    && state.set_link(link.text())
                {
                    queue.redraw = true;
                }
                if state.reading() && (!queue.text.is_empty() || queue.dropped > 0) {
                    queue.redraw = false;
                    break take(&mut queue);
                }
                if std::mem::take(&mut queue.redraw) && state.reading() {
                    break REDRAW.to_owned();
                }
                queue = if counts {
                    self.0.1.wait_timeout(queue, SECOND).unwrap_or_else(PoisonError::into_inner).0
                } else {
                    self.0.1.wait(queue).unwrap_or_else(PoisonError::into_inner)
                };
                shown = queue.link;
            };
            drop(queue);
            let said = if text == REDRAW { "" } else { &text };
            if state.standing.above(said) {
                continue;
            }
            if printer.print(text).is_err() {
                return;
            }
        }
    }
}

/// Prints where no line is edited, and nothing needs care.
pub(super) struct Straight;

impl ExternalPrinter for Straight {
    fn print(&mut self, text: String) -> rustyline::Result<()> {
        if text != REDRAW {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }
}

fn take(queue: &mut Queue) -> String {
    let mut text = std::mem::take(&mut queue.text);
    let dropped = std::mem::take(&mut queue.dropped);
    if dropped > 0 {
        text.push_str(&format!("… {dropped} lines more, :tail shows them\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let above = Above::default();
        above.show("one");
        above.show(&"x\n".repeat(CEILING / 2));
        above.show("after\nthat\n");
        assert_eq!(above.take(), format!("one\n… {} lines more, :tail shows them\n", CEILING / 2 + 2));
        above.show("again\n");
        assert_eq!(above.take(), "again\n");
    }

    struct Screen(std::sync::mpsc::SyncSender<String>);

    impl ExternalPrinter for Screen {
        fn print(&mut self, text: String) -> rustyline::Result<()> {
            let _ = self.0.send(text);
            Ok(())
        }
    }

    #[test]
    fn what_waits_is_shown_at_once() {
        let (above, state) = (Above::default(), Arc::new(State::default()));
        let (screen, shown) = std::sync::mpsc::sync_channel(8);
        above.show("a");
        above.show("b\n");
        state.begin(1, true);
        let thread = std::thread::spawn({
            let (above, state) = (above.clone(), Arc::clone(&state));
            move || above.run(&state, Screen(screen))
        });
        assert_eq!(shown.recv().unwrap(), "a\nb\n");
        above.link(LinkState::Behind);
        assert_eq!(shown.recv().unwrap(), REDRAW);
        assert!(!state.connected());
        // The same again draws nothing.
        above.link(LinkState::Behind);
        above.show("c");
        assert_eq!(shown.recv().unwrap(), "c\n");
        above.close();
        thread.join().unwrap();
    }
}

//! The line editor, on a thread of its own: it blocks on the keyboard, the session must not.
//!
//! One request, one answer. It knows nothing of sessions: what it wants to know of the kernel it asks, and waits for the
//! answer no longer than the person does. This file is its seam: another editor would implement these types and nothing else.

mod above;
mod ask;
mod asks;
mod assist;
mod external;
mod guess;
mod highlight;
pub(crate) mod history;
mod keypress;
mod keys;
mod listing;
mod marks;
mod mode;
mod outdent;
mod paste;
mod plain;
mod prompt;
mod recall;
mod render;
mod reply;
mod resize;
mod state;
mod suspend;
mod typing;

#[allow(unused_imports)]
pub(crate) use asks::asks_about;
pub(crate) use highlight::Painter;
pub(crate) use mode::Mode;
pub(crate) use prompt::LinkState;
pub(crate) use render::fitting;
pub(crate) use reply::Reply;
pub(crate) use state::Draft;

use above::Above;
use rialto_client::protocol::Bundle;
use rialto_client::protocol::kernel::{Completeness, Completions};
use state::State;
use std::io::{IsTerminal, PipeWriter, Write, pipe, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
pub(crate) use suspend::Before;
use tokio::sync::mpsc;

/// How long the editor may take to put the terminal back as it was.
const LEAVING: Duration = Duration::from_millis(300);

/// What is to be read.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) prompt: String,
    /// Text that stands there already.
    pub(crate) initial: String,
    pub(crate) kind: Kind,
}

/// What a line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An entry for the kernel, of as many lines as it needs.
    Code,
    /// A line that a program reads.
    Input,
    /// The same, seen by nobody.
    Secret,
    /// A question of ours, answered by one of these keys without Enter. A capital letter is what Enter and Esc say.
    Key { question: String, choices: String },
}

/// What came of it, or what the editor wants to know meanwhile.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A whole entry, ready to run; or a `:command`, or `obj?`; or nothing.
    Entry(String),
    /// A line for the program that reads.
    Line(String),
    Key(char),
    Interrupted,
    /// Ctrl-C where code is read and nothing is typed; the read goes on.
    NothingToClear,
    Eof,
    /// Out at once, without a word.
    Quit,
    /// The rest of what was cut short is wanted.
    More,
    /// The read was given up by [`Keyboard::cancel`].
    Cancelled,
    Failed(String),
    Ask(Question),
}

/// What the editor asks. A [`Reply`] that is dropped says that nobody knows.
#[derive(Debug)]
pub(crate) enum Question {
    /// What could stand at the cursor (bytes into the code)?
    Complete { code: String, cursor: usize, answer: Reply<Completions> },
    /// Is it complete?
    Judge { code: String, answer: Reply<Completeness> },
    /// What is known of the name at the cursor?
    Inspect { code: String, cursor: usize, detail: u8, answer: Reply<Bundle> },
}

/// What is being talked to: known once the session is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    /// The folder of the history; without one nothing is remembered beyond this terminal.
    pub(crate) folder: Option<PathBuf>,
    /// Whose entries are recalled.
    pub(crate) kernel: String,
    pub(crate) session: String,
    /// `python`, for colours.
    pub(crate) language: String,
    pub(crate) mode: Option<Mode>,
}

/// The file of the history in its folder.
pub(crate) fn history_file(folder: &std::path::Path) -> PathBuf {
    folder.join("history.sqlite")
}

#[derive(Debug)]
enum Request {
    About(About),
    Read(u64, Read),
}

/// The editor's handle.
pub(crate) struct Keyboard {
    requests: Option<SyncSender<Request>>,
    pub(crate) typed: mpsc::Receiver<Typed>,
    /// The entry that is being typed.
    pub(crate) draft: Arc<Draft>,
    above: Above,
    state: Arc<State>,
    /// Wakes a read that does not draw.
    wake: PipeWriter,
    reads: u64,
    painter: Painter,
    ended: Receiver<()>,
    before: Before,
}

impl Keyboard {
    pub(crate) fn start() -> std::io::Result<Self> {
        let (requests, asked) = sync_channel(4);
        // Questions and answers of one editor: more than two never wait.
        let (said, typed) = mpsc::channel(4);
        let (woken, wake) = pipe()?;
        let (end, ended) = sync_channel(1);
        let (above, state, painter) = (Above::default(), Arc::new(State::default()), Painter::default());
        let before = Before::here();
        before.quiet();
        let thread = typing::Thread {
            said,
            above: above.clone(),
            state: Arc::clone(&state),
            painter: painter.clone(),
            woken,
            before: before.clone(),
        };
        std::thread::Builder::new().name("editor".to_owned()).spawn(move || {
            thread.run(&asked);
            let _ = end.send(());
        })?;
        let draft = Arc::clone(&state.draft);
        Ok(Self { requests: Some(requests), typed, draft, above, state, wake, reads: 0, painter, ended, before })
    }

    fn request(&self, request: Request) {
        // One is read at a time, so there is room.
        if let Some(requests) = &self.requests {
            let _ = requests.try_send(request);
        }
    }

    /// What is being talked to.
    pub(crate) fn about(&self, about: About) {
        if colours() {
            self.painter.speak(&about.language);
        }
        self.request(Request::About(about));
    }

    /// Reads; the answer comes as [`Typed`]. One read at a time.
    pub(crate) fn read(&mut self, read: Read) {
        self.reads += 1;
        self.request(Request::Read(self.reads, read));
    }

    /// Gives up the read that goes on: it answers [`Typed::Cancelled`], unless its own answer was first.
    pub(crate) fn cancel(&mut self) {
        self.state.cancel(self.reads);
        self.above.redraw();
        let _ = self.wake.write_all(b"x");
    }

    /// How the session is reached; the prompt shows it.
    pub(crate) fn link(&self, link: LinkState) {
        self.above.link(link);
    }

    /// The terminal as it was before us.
    pub(crate) fn before(&self) -> Before {
        self.before.clone()
    }

    /// Shows text above the prompt, or where the cursor is when nothing is read. Never waits.
    pub(crate) fn above(&self, text: &str) {
        self.above.show(text);
    }

    /// Paints code of the session's language.
    #[allow(dead_code)]
    pub(crate) fn painter(&self) -> &Painter {
        &self.painter
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.close();
    }
}

impl Keyboard {
    /// Reads no more: the terminal is as it was, the cursor where a line begins.
    pub(crate) fn close(&mut self) {
        if self.requests.take().is_none() {
            return;
        }
        self.cancel();
        // The editor leaves the terminal as it found it; where it cannot (somebody sits in a search), we do.
        let left = self.ended.recv_timeout(LEAVING);
        self.above.drain();
        self.above.close();
        if can_edit() {
            self.before.restore();
            if left.is_err() {
                let _ = stdout().write_all(b"\n");
            }
        }
    }
}

/// The width of the terminal.
fn columns() -> usize {
    rustix::termios::tcgetwinsize(stdout()).map(|size| usize::from(size.ws_col)).ok().filter(|columns| *columns > 0).unwrap_or(80)
}

/// Somebody else reads from the terminal, who takes a paste as it comes; the next read asks for its marks again.
pub(super) fn lend() {
    if can_edit() {
        suspend::say("\x1b[?2004l");
    }
}

/// Whether lines can be edited here: a terminal on both ends that knows how to move its cursor.
pub(super) fn can_edit() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    stdin().is_terminal() && stdout().is_terminal() && !matches!(term.as_str(), "" | "dumb" | "cons25" | "emacs")
}

fn colours() -> bool {
    can_edit() && prompt::Looks::here().colours
}

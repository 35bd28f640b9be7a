//! The line editor on a thread of its own: it blocks on the keyboard, the session must not.
//!
//! One request, one answer. While a line is read, what others print goes above the prompt through a channel of its own.

use rustyline::completion::{Completer, Pair};
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, Config, Context, Editor, ExternalPrinter};
use rustyline::{Helper, Hinter, Validator};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a completion may take before typing goes on without it.
const COMPLETION: Duration = Duration::from_millis(500);
/// Lines that may wait to be shown above the prompt; a session that prints faster waits in its journal.
const ABOVE: usize = 256;
/// Entries kept in the history.
const HISTORY: usize = 10_000;

/// What is to be read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) prompt: String,
    /// Text that stands there already: the indent.
    pub(super) initial: String,
    pub(super) kind: Kind,
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Input,
    Secret,
}

/// Who waits for completions: where they begin, and what would stand there.
pub(super) type Completing = SyncSender<Option<(usize, Vec<String>)>>;

/// What came of it, or what the editor wants to know meanwhile.
#[derive(Debug)]
pub(super) enum Typed {
    Line(String),
    Interrupted,
    Eof,
    Failed(String),
    /// Completions are wanted; the answer goes back over the channel.
    Complete {
        code: String,
        cursor: usize,
        answer: Completing,
    },
}

/// The editor's handle.
pub(super) struct Keyboard {
    reads: SyncSender<Request>,
    pub(super) typed: mpsc::Receiver<Typed>,
    /// What is sent here is shown above the prompt.
    pub(super) above: mpsc::Sender<String>,
}

#[derive(Debug)]
enum Request {
    Read(Read),
    Remember(String),
}

impl Keyboard {
    pub(super) fn start(history: Option<PathBuf>) -> std::io::Result<Self> {
        let (reads, requests) = sync_channel(4);
        let (said, typed) = mpsc::channel(4);
        let (above, shown) = mpsc::channel(ABOVE);
        std::thread::Builder::new().name("editor".to_owned()).spawn(move || edit(history, &requests, &said, shown))?;
        Ok(Self { reads, typed, above })
    }

    pub(super) fn read(&self, read: Read) {
        let _ = self.reads.try_send(Request::Read(read));
    }

    /// Keeps an entry in the history.
    pub(super) fn remember(&self, entry: &str) {
        let _ = self.reads.try_send(Request::Remember(entry.to_owned()));
    }
}

fn edit(history: Option<PathBuf>, requests: &Receiver<Request>, said: &mpsc::Sender<Typed>, mut shown: mpsc::Receiver<String>) {
    let config = Config::builder().bracketed_paste(true).auto_add_history(false).max_history_size(HISTORY);
    let editor = config.map(|c| c.build()).and_then(Editor::<Assist, DefaultHistory>::with_config);
    let mut editor = match editor {
        Ok(editor) => editor,
        Err(e) => {
            let _ = said.blocking_send(Typed::Failed(e.to_string()));
            return;
        }
    };
    editor.set_helper(Some(Assist { said: said.clone(), secret: false, code: true }));
    if let Some(path) = &history {
        let _ = editor.load_history(path);
    }
    let printer = editor.create_external_printer();
    // Printing above the prompt blocks while the editor is busy, so it has a thread; it ends with its channel.
    let _ = std::thread::Builder::new().name("above".to_owned()).spawn(move || {
        let mut printer = printer.ok();
        while let Some(text) = shown.blocking_recv() {
            let printed = printer.as_mut().is_some_and(|p| p.print(text.clone()).is_ok());
            if !printed {
                use std::io::Write;
                let _ = writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n'));
            }
        }
    });
    while let Ok(request) = requests.recv() {
        let read = match request {
            Request::Read(read) => read,
            Request::Remember(entry) => {
                let _ = editor.add_history_entry(entry.as_str());
                if let Some(path) = &history {
                    let _ = editor.append_history(path);
                }
                continue;
            }
        };
        if let Some(helper) = editor.helper_mut() {
            helper.secret = read.kind == Kind::Secret;
            helper.code = read.kind == Kind::Code;
        }
        // What is secret is hidden by the highlighter, which is asked only where colours are on.
        editor.set_color_mode(if read.kind == Kind::Secret { ColorMode::Forced } else { ColorMode::Enabled });
        let typed = match editor.readline_with_initial(&read.prompt, (&read.initial, "")) {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) => Typed::Interrupted,
            Err(ReadlineError::Eof) => Typed::Eof,
            Err(e) => Typed::Failed(e.to_string()),
        };
        if said.blocking_send(typed).is_err() {
            return;
        }
    }
}

/// What helps while typing.
#[derive(Helper, Hinter, Validator)]
struct Assist {
    said: mpsc::Sender<Typed>,
    secret: bool,
    code: bool,
}

impl Completer for Assist {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..pos).unwrap_or_default();
        if !self.code {
            return Ok((pos, Vec::new()));
        }
        // Tab where a line begins indents.
        if before.lines().last().is_none_or(|l| l.trim().is_empty()) {
            return Ok((pos, vec![Pair { display: "    ".to_owned(), replacement: "    ".to_owned() }]));
        }
        let (answer, got) = sync_channel(1);
        let ask = Typed::Complete { code: line.to_owned(), cursor: pos, answer };
        if self.said.try_send(ask).is_err() {
            return Ok((pos, Vec::new()));
        }
        let Ok(Some((start, texts))) = got.recv_timeout(COMPLETION) else { return Ok((pos, Vec::new())) };
        let pairs = texts.into_iter().map(|t| Pair { display: t.clone(), replacement: t }).collect();
        Ok((start.min(pos), pairs))
    }
}

impl Highlighter for Assist {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.secret { Cow::Owned(" ".repeat(line.chars().count())) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.secret
    }
}

//! The editor's thread: reads what it is asked to read, with rustyline where lines can be edited, plainly elsewhere.

use super::above::{Above, Straight};
use super::ask::Asker;
use super::assist::Assist;
use super::highlight::Painter;
use super::history::Store;
use super::keys::{self, Keys};
use super::marks::{self, Marks};
use super::plain::Plain;
use super::prompt::{Face, Looks, continuation};
use super::recall::{Shared, without_history};
use super::state::{Left, State};
use super::suspend::Before;
use super::{About, Kind, Mode, Read, Request, Typed, can_edit, external, history_file, keypress, paste, resize, suspend};
use rustyline::config::{BellStyle, Configurer};
use rustyline::error::ReadlineError;
use rustyline::{ColorMode, CompletionType, Config, Editor};
use std::io::{PipeReader, Write, stdout};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::Receiver;
use tokio::sync::mpsc;

/// How long an Esc waits for the key that it belongs to, milliseconds.
const ESC_ALONE: u16 = 500;

pub(super) struct Thread {
    pub(super) said: mpsc::Sender<Typed>,
    pub(super) above: Above,
    pub(super) state: Arc<State>,
    pub(super) painter: Painter,
    pub(super) woken: PipeReader,
    pub(super) before: Before,
}

impl Thread {
    /// Until nobody asks any more.
    pub(super) fn run(self, requests: &Receiver<Request>) {
        let history = Shared::default();
        let asker = Asker::new(self.said.clone(), Arc::clone(&self.state));
        let mut reader = if can_edit() {
            match Lines::new(&self, &history, &asker) {
                Ok(lines) => Reader::Lines(Box::new(lines)),
                Err(e) => {
                    let _ = self.said.blocking_send(Typed::Failed(e.to_string()));
                    return;
                }
            }
        } else {
            match self.plain() {
                Ok(plain) => Reader::Plain(plain),
                Err(e) => {
                    let _ = self.said.blocking_send(Typed::Failed(e.to_string()));
                    return;
                }
            }
        };
        while let Ok(request) = requests.recv() {
            let (number, read) = match request {
                Request::About(about) => {
                    self.meet(&history, &about);
                    if let Reader::Lines(lines) = &mut reader {
                        let keys = Mode::of(about.mode).keys();
                        lines.editor.set_edit_mode(keys);
                        lines.editor.set_keyseq_timeout(Some(ESC_ALONE));
                    }
                    continue;
                }
                Request::Read(number, read) => (number, read),
            };
            if let Err(e) = history.lock().catch_up() {
                self.without_history(&e);
            }
            self.above.drain();
            self.state.begin(number, read.kind == Kind::Code);
            self.above.look_again();
            let typed = match (&mut reader, &read.kind) {
                (Reader::Plain(plain), _) => plain.read(&read, &asker, &self.state),
                (_, Kind::Key { question, choices }) => keypress::ask(question, choices, &self.woken, &self.state),
                (Reader::Lines(lines), _) => {
                    let typed = lines.read(&read);
                    // The library asks for no marks any more.
                    suspend::say(suspend::MARKS_OF_A_PASTE);
                    typed
                }
            };
            self.state.end();
            // What came as the read ended; what the library holds of it comes above the next prompt.
            self.above.drain();
            let typed = self.remembered(&history, typed);
            if self.said.blocking_send(typed).is_err() {
                return;
            }
        }
    }

    fn plain(&self) -> std::io::Result<Plain> {
        let (printing, seen) = (self.above.clone(), Arc::clone(&self.state));
        std::thread::Builder::new().name("above".to_owned()).spawn(move || printing.run(&seen, Straight))?;
        Ok(Plain::new(self.woken.try_clone()?))
    }

    fn meet(&self, history: &Shared, about: &About) {
        let mut recall = history.lock();
        recall.kernel.clone_from(&about.kernel);
        recall.session.clone_from(&about.session);
        let Some(folder) = &about.folder else { return };
        let old = folder.join("history");
        match Store::open(&history_file(folder), Some((&old, &about.kernel))) {
            Ok(store) => recall.keep_in(Some(store)),
            Err(e) => self.without_history(&e),
        }
    }

    fn without_history(&self, e: &std::io::Error) {
        self.above.show(&without_history(e));
    }

    /// An entry is in the history before anybody else hears of it. One that begins with a space is in none.
    fn remembered(&self, history: &Shared, typed: Typed) -> Typed {
        let Typed::Entry(entry) = typed else { return typed };
        let entry = paste::without_prompts(entry.trim_end());
        if !entry.is_empty() && !entry.starts_with(' ') {
            let kept = history.lock().remember(&entry);
            if let Err(e) = kept {
                self.without_history(&e);
            }
        }
        Typed::Entry(paste::dedent(&entry))
    }
}

enum Reader {
    Lines(Box<Lines>),
    Plain(Plain),
}

/// Lines that can be edited.
struct Lines {
    editor: Editor<Assist, Shared>,
    history: Shared,
    state: Arc<State>,
    looks: Looks,
    painter: Painter,
    above: Above,
}

impl Lines {
    fn new(thread: &Thread, history: &Shared, asker: &Asker) -> rustyline::Result<Self> {
        let config = Config::builder()
            .bracketed_paste(true)
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            .bell_style(BellStyle::None)
            .keyseq_timeout(Some(ESC_ALONE))
            // What is coloured is for us to say: the helper is asked only where colours are on.
            .color_mode(ColorMode::Forced)
            .build();
        let mut editor = Editor::with_history(config, history.clone())?;
        let looks = Looks::here();
        let state = Arc::clone(&thread.state);
        editor.set_helper(Some(Assist {
            asker: asker.clone(),
            above: thread.above.clone(),
            history: history.clone(),
            state: Arc::clone(&state),
            painter: thread.painter.clone(),
            looks,
            kind: Kind::Code,
            screen: (24, 80),
        }));
        let above = thread.above.clone();
        let keys = Keys {
            state: Arc::clone(&state),
            history: history.clone(),
            asker: asker.clone(),
            above: above.clone(),
            before: thread.before.clone(),
        };
        keys::bind(&mut editor, &keys);
        let printer = editor.create_external_printer()?;
        let (printing, seen) = (above.clone(), Arc::clone(&state));
        // Ends when the keyboard goes.
        std::thread::Builder::new().name("above".to_owned()).spawn(move || printing.run(&seen, printer))?;
        Ok(Self { editor, history: history.clone(), state, looks, painter: thread.painter.clone(), above })
    }

    fn read(&mut self, read: &Read) -> Typed {
        let state = Arc::clone(&self.state);
        let face = match read.kind {
            Kind::Code => {
                self.history.lock().marks = Marks::new(&continuation(&read.prompt));
                Face::of_code(&read.prompt, self.looks, state)
            }
            _ => Face::plain(&read.prompt, state),
        };
        let (rows, columns) = self.editor.dimensions().map_or((24, 80), |(columns, rows)| (rows.into(), columns.into()));
        if let Some(helper) = self.editor.helper_mut() {
            helper.kind = read.kind.clone();
            helper.screen = (rows, columns);
        }
        self.state.prompt.store(face.width(), SeqCst);
        // Not even how much is typed is to be seen.
        let hidden = if read.kind == Kind::Secret { self.editor.set_cursor_visibility(false).ok().flatten() } else { None };
        let (mut text, mut pos) = (read.initial.clone(), read.initial.len());
        let typed = loop {
            let held = {
                let history = self.history.lock();
                let (before, after) = text.split_at_checked(pos).unwrap_or((&text, ""));
                (history.marks.put(before), history.marks.put(after))
            };
            self.state.columns.store(resize::columns(), SeqCst);
            match self.editor.readline_with_initial(&face, (&held.0, &held.1)) {
                Ok(line) if read.kind == Kind::Code => break Typed::Entry(marks::take(&line)),
                Ok(line) => break Typed::Line(line),
                Err(ReadlineError::Eof) => break Typed::Eof,
                Err(ReadlineError::Interrupted) => {}
                // A byte that is no text, from a paste or another keyboard: it is left out, and what stands there stays.
                Err(ReadlineError::Io(e)) if e.kind() == std::io::ErrorKind::InvalidData => {
                    let drawn = self.state.line();
                    let text = marks::take(&drawn);
                    self.state.leaves(Left::Again { pos: text.len(), text, drawn: format!("{drawn}{}", self.state.hint()) });
                }
                Err(e) => break Typed::Failed(e.to_string()),
            }
            match self.state.take_left() {
                None => break Typed::Interrupted,
                Some(Left::Cancelled) => {
                    if self.state.line().is_empty() {
                        self.erase(&face, "");
                    }
                    break Typed::Cancelled;
                }
                Some(Left::Quit) => break Typed::Quit,
                Some(Left::More) => {
                    self.erase(&face, "");
                    break Typed::More;
                }
                Some(Left::Again { text: again, pos: at, drawn }) => {
                    let line = self.state.line();
                    if drawn.starts_with(&line) {
                        self.erase(&face, &drawn);
                        (text, pos) = (again, at);
                    } else {
                        // Keys that came right behind the paste were taken first.
                        self.erase(&face, &format!("{line}{}", self.state.hint()));
                        text = paste::without_prompts(&marks::take(&line));
                        pos = text.len();
                    }
                }
                Some(Left::External { text: entry, drawn }) => {
                    self.erase(&face, &drawn);
                    text = external::edit(&entry, &self.painter.extension()).unwrap_or_else(|e| {
                        self.above.show(&e.to_string());
                        entry
                    });
                    pos = text.len();
                }
            }
        };
        drop(hidden);
        self.state.take_left();
        typed
    }

    /// Takes what the library has drawn from the screen: the cursor is on the row after it.
    fn erase(&mut self, face: &Face, drawn: &str) {
        let columns = self.editor.dimensions().map_or(80, |(columns, _)| columns.into());
        let rows = marks::rows(face.width(), drawn, columns) + 1;
        let mut out = stdout().lock();
        let _ = write!(out, "\x1b[{rows}A\r\x1b[J").and_then(|()| out.flush());
    }
}

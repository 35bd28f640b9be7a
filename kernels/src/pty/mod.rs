//! Any program with a prompt, in a terminal of its own: `pty:sqlite3 x.db`.
//!
//! `talk/` decides, and knows no process; this file types, reads and watches. The prompt is known for some programs (`known.rs`), given,
//! or learnt. How a program is seen to wait for input is in `waits.rs`.

mod code;
mod known;
mod plain;
mod prompt;
mod shown;
mod talk;
mod tty;
mod waits;

use crate::Kernel;
use crate::find;
use crate::launch::LaunchError;
use crate::runner::process::Process;
use crate::screen::MAX_CELLS;
use nix::sys::signal::Signal;
use prompt::Prompts;
use rialto_protocol::kernel::{Answer, Completeness, Death, KernelCommand, KernelEvent, KernelInfo, Launch, Query, Step};
use shown::Look;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use talk::{Talk, View};
use tokio::time::{Instant, Sleep, sleep};
use tty::Tty;
use waits::Waits;

/// What a kernel's name begins with that is a program.
const PREFIX: &str = "pty:";
/// Read at once. Bytes.
const CHUNK: usize = 16 * 1024;
/// The screen of a program that nobody looks at.
const ROWS: u16 = 24;
const COLUMNS: u16 = 80;
/// What a program that has ended wrote last is waited for so long: it is on its way through the system.
const LAST_WORDS: Duration = Duration::from_millis(100);

struct PtyKernel {
    tty: Tty,
    process: Process,
    talk: Talk,
    seen: Look,
    program: String,
    language: String,
    begun: Instant,
    /// When anything came, or was typed, last.
    stirred: Instant,
    look: Pin<Box<Sleep>>,
    looking: bool,
    death: Option<Death>,
    /// Nobody has the program's end of the terminal any more.
    hung_up: bool,
    dead: bool,
}

/// The command of a kernel's name, where it is one of these.
fn command(kernel: &str) -> Option<&str> {
    kernel.strip_prefix(PREFIX).map(str::trim)
}

/// Whether this names a program, there or not.
pub(crate) fn is_program(kernel: &str) -> bool {
    command(kernel).is_some()
}

fn words(command: &str) -> Result<Vec<String>, LaunchError> {
    let bad = |why: String| LaunchError::Program { command: command.chars().take(80).collect(), why };
    let words = shell_words::split(command).map_err(|why| bad(why.to_string()))?;
    if words.is_empty() { Err(bad("no program is named".to_owned())) } else { Ok(words) }
}

/// Rows and columns of a screen, as a profile says them.
fn size(said: Option<&str>) -> Result<(u16, u16), String> {
    let Some(said) = said else { return Ok((ROWS, COLUMNS)) };
    let parts = said.split_once('x').and_then(|(rows, columns)| Some((rows.trim().parse().ok()?, columns.trim().parse().ok()?)));
    parts
        .filter(|(rows, columns): &(u16, u16)| {
            let possible = (1..=10_000).contains(rows) && (1..=10_000).contains(columns);
            possible && usize::from(*rows) * usize::from(*columns) <= MAX_CELLS
        })
        .ok_or_else(|| {
            format!(
                "a screen of {said:?} cannot be; rows and columns are said as 24x80, and there are at most {MAX_CELLS} places"
            )
        })
}

/// Starts a program.
pub(crate) fn launch(launch: &Launch) -> Result<Box<dyn Kernel>, LaunchError> {
    let cwd = find::folder(launch)?;
    let text = command(&launch.kernel).unwrap_or_default();
    let words = words(text)?;
    let bad = |why: String| LaunchError::Program { command: text.chars().take(80).collect(), why };
    let (name, arguments) = words.split_first().ok_or_else(|| bad("no program is named".to_owned()))?;
    let program = if name.contains('/') {
        Some(std::path::absolute(cwd).unwrap_or_default().join(name)).filter(|path| find::is_program(path))
    } else {
        find::on_path(launch, name)
    };
    let program = program.ok_or_else(|| bad(format!("there is no program {name}")))?;
    let base = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let known = known::of(&base, arguments);
    let (prompt, more) = (launch.setup.prompt.as_deref(), launch.setup.continuation.as_deref());
    let prompts = Prompts::given(prompt.or(known.prompt), more.or(known.more)).map_err(bad)?;
    let start = |source: std::io::Error| LaunchError::Start { program: program.display().to_string(), source };
    let (rows, columns) = size(launch.setup.size.as_deref()).map_err(bad)?;
    let talk = Talk::new(known, prompts, &launch.setup).map_err(bad)?;
    let seen = Look::new(rows, columns).map_err(bad)?;
    let (tty, pts) = Tty::open(rows, columns).map_err(start)?;
    let terminal = if known.draws { "xterm-256color" } else { "dumb" };
    let mut command = pty_process::Command::new(&program).arg0(name).args(arguments).current_dir(cwd);
    command = command.env("TERM", terminal).env_remove("LINES").env_remove("COLUMNS").env_remove("INSIDE_EMACS");
    if !known.draws {
        // What would page shows all.
        for pager in ["PAGER", "PSQL_PAGER", "GIT_PAGER", "MANPAGER", "SYSTEMD_PAGER"] {
            command = command.env(pager, "cat");
        }
    }
    command = command.envs(known.environment.iter().copied()).envs(&launch.env);
    let child = command.spawn(pts).map_err(|why| start(std::io::Error::other(why.to_string())))?;
    let now = Instant::now();
    Ok(Box::new(PtyKernel {
        tty,
        process: Process::of(child),
        talk,
        seen,
        program: program.display().to_string(),
        language: if known.speaks == "text" { base } else { known.speaks.to_owned() },
        begun: now,
        stirred: now,
        look: Box::pin(sleep(Duration::ZERO)),
        looking: false,
        death: None,
        hung_up: false,
        dead: false,
    }))
}

impl PtyKernel {
    /// Moves one step on. False: nothing to do, and the task will be woken.
    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        if self.death.is_none() {
            self.write(cx);
        }
        let mut chunk = [0; CHUNK];
        match if self.hung_up { Poll::Pending } else { self.tty.poll_read(cx, &mut chunk) } {
            Poll::Ready(0) => self.hung_up = true,
            Poll::Ready(n) => {
                self.heard(chunk.get(..n).unwrap_or_default());
                self.stirred = Instant::now();
                return true;
            }
            Poll::Pending => {}
        }
        if let Some(death) = &self.death {
            if self.hung_up || self.stirred.elapsed() >= LAST_WORDS {
                let death = death.clone();
                self.end(death);
                return true;
            }
        } else if let Poll::Ready(death) = self.process.poll_exit(cx) {
            self.death = Some(death);
            self.stirred = Instant::now();
            self.tty.let_go();
            self.talk.look_in = Some(LAST_WORDS);
            return self.set_look(cx);
        }
        self.set_look(cx)
    }

    /// Sets the clock for the next look, or takes it.
    fn set_look(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(after) = self.talk.look_in.take() {
            self.looking = true;
            self.look.as_mut().reset(Instant::now() + after);
        }
        if !self.looking || self.look.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.looking = false;
        if self.death.is_some() {
            return true;
        }
        // What is still to be typed makes it look as if nothing was to come.
        if !self.talk.typed.is_empty() {
            self.talk.look_in = Some(Duration::from_millis(20));
            return true;
        }
        let (tty, process) = (&self.tty, &self.process);
        let drawn = self.seen.is_drawn();
        let mut waits = || if tty.is_unread() { Waits::No } else { waits::waits(tty.foreground(), tty.name()) };
        let view = &mut View {
            quiet: self.stirred.elapsed(),
            since_start: self.begun.elapsed(),
            modes: tty.modes(),
            drawn,
            waits: &mut waits,
        };
        self.talk.look(view);
        if let Some(note) = self.talk.ready.take() {
            let info = KernelInfo {
                language: self.language.clone(),
                version: String::new(),
                executable: self.program.clone(),
                pid: process.pid().unwrap_or(0),
                note: Some(note).filter(|note| !note.is_empty()),
                best_effort: true,
                comms: false,
            };
            self.talk.told.push_back(KernelEvent::Ready(info));
            self.talk.tell_early();
        }
        true
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        while !self.talk.typed.is_empty() {
            match self.tty.poll_write(cx, &self.talk.typed) {
                Poll::Ready(Some(n @ 1..)) => {
                    self.talk.typed.drain(..n.min(self.talk.typed.len()));
                    self.stirred = Instant::now();
                }
                Poll::Ready(_) => self.talk.typed.clear(),
                Poll::Pending => return,
            }
        }
    }

    fn end(&mut self, mut death: Death) {
        self.last_words();
        if let Some(said) = self.talk.said_early() {
            let line = String::from_utf8_lossy(&self.talk.last_line()).trim().to_owned();
            let said = [said, line].join("\n").trim().to_owned();
            let how = match (&death.signal, death.code) {
                (Some(signal), _) => format!("the program was ended by {signal} before it was ready"),
                (None, code) => format!("the program exited with code {} before it was ready", code.unwrap_or(-1)),
            };
            death.failed_start = Some(if said.is_empty() { format!("{how}, without a word") } else { said });
        } else {
            self.talk.ended();
        }
        self.dead = true;
        self.talk.told.push_back(KernelEvent::Died(death));
    }
}

impl Kernel for PtyKernel {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<KernelEvent> {
        loop {
            if let Some(event) = self.talk.told.pop_front() {
                return Poll::Ready(event);
            }
            if self.dead || !self.step(cx) {
                return Poll::Pending;
            }
        }
    }

    fn command(&mut self, command: KernelCommand) {
        if self.dead || self.death.is_some() {
            return;
        }
        let modes = self.tty.modes();
        match command {
            KernelCommand::Exec(exec) => self.talk.exec(&exec, modes),
            // Again the key: both key and signal would be two interrupts, and the second one ends many a program.
            KernelCommand::Interrupt(Step::Interrupt | Step::Again) => {
                self.talk.interrupt();
                self.stirred = Instant::now();
            }
            KernelCommand::Interrupt(step) => {
                let signal = if step == Step::Kill { Signal::SIGKILL } else { Signal::SIGTERM };
                self.tty.signal_foreground(signal, self.process.pid());
                if step == Step::Kill {
                    self.kill_group();
                } else {
                    self.process.signal(step);
                }
            }
            KernelCommand::Fence(number) => self.talk.fence(number),
            KernelCommand::Input { ask, data, eof } => self.talk.input(ask, &data, eof, modes),
            KernelCommand::Query(number, query) => {
                let answer = match query {
                    Query::IsComplete { code } => Answer::Completeness(match self.talk.is_whole(&code) {
                        Some(true) => Completeness::Complete,
                        Some(false) => Completeness::Incomplete { indent: String::new() },
                        None => Completeness::Unknown,
                    }),
                    _ => Answer::Unable("a program in a terminal can only be asked by typing".to_owned()),
                };
                self.talk.told.push_back(KernelEvent::Answer(number, answer));
            }
            KernelCommand::Shutdown => self.talk.leave(),
            // It says that it has none.
            KernelCommand::Comm(..) => {}
            KernelCommand::Terminal(command) => self.tell_terminal(command),
        }
    }

    fn has_terminal(&self) -> bool {
        true
    }

    fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    fn kill_group(&mut self) {
        if let Some(pid) = self.process.pid() {
            tty::kill_session(pid);
        }
        self.process.kill_group();
    }
}

impl Drop for PtyKernel {
    fn drop(&mut self) {
        self.kill_group();
    }
}

//! Any kernel that Jupyter can start.
//!
//! The kernel is a process with five sockets of ZeroMQ. All of it is polled from the one task that owns it, like every kernel:
//! where that stops asking, nothing is read, and a kernel that loses nothing waits.
//!
//! # What an eval's end is
//! Its reply *and* the word on the published socket that the kernel is idle again because of it: the first comes by another way
//! than what was printed. Where one of the two does not come, a probe (a request for the kernel's name) is sent after it: once
//! that was served, what came before it was as well, and is lost ([`due`]).
//!
//! # What a fence is
//! A probe that was sent after the interrupt, and served: the signal has reached the process by then, or the kernel has said that
//! it has carried out the message.

mod ask;
mod comm;
mod due;
mod forms;
mod hear;
mod link;
mod specs;
mod start;

use crate::Kernel;
use crate::find;
use crate::launch::{KernelSpec, LaunchError};
use crate::runner::pipes::{Halves, Pipe};
use crate::runner::process::Process;
use due::Due;
use forms::Told;
use hear::{Fence, Probes, Running};
use link::{Heard, Link, SOCKETS, Socket, Stream};
use rialto_jupyter_wire::{Header, Key, Message};
use rialto_protocol::data::Run;
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::{Death, KernelCommand, KernelEvent, KernelInfo, Launch, OUTPUT_CHUNK};
use serde_json::{Value, json};
use specs::{Installed, Mode};
use start::{Folder, Started};
use std::io::PipeWriter;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// What is kept of the words of a kernel that is not ready yet.
const EARLY: usize = 4 * 1024;

/// Whether this names a kernelspec that is installed.
pub(crate) fn knows(launch: &Launch) -> bool {
    specs::find(launch).is_some()
}

/// All that are installed.
pub(crate) fn known(launch: &Launch) -> Vec<KernelSpec> {
    specs::installed(launch).iter().map(|one| spec(one, launch)).collect()
}

fn spec(one: &Installed, launch: &Launch) -> KernelSpec {
    KernelSpec {
        name: one.kernel(),
        language: one.spec.language.to_lowercase(),
        program: program(one, launch),
        version: None,
        found: Some(one.folder.display().to_string()),
    }
}

/// The program that it starts, where there is one. A bare `python` means that of the environment the kernelspec is in.
fn program(one: &Installed, launch: &Launch) -> Option<String> {
    let named = one.spec.argv.first()?;
    let beside = one.prefix().map(|prefix| prefix.join("bin").join(named)).filter(|_| !named.contains('/'));
    let found = match beside.filter(|program| find::is_program(program)) {
        Some(beside) => Some(beside),
        None if named.contains('/') => Some(one.folder.join(named)).filter(|program| find::is_program(program)),
        None => find::on_path(launch, named),
    };
    found.map(|program| program.display().to_string())
}

/// Starts the kernel of an installed kernelspec. None: there is none of this name.
pub(crate) fn launch(launch: &Launch) -> Option<Result<Box<dyn Kernel>, LaunchError>> {
    let one = specs::find(launch)?;
    let started = start::start(&one, launch);
    Some(started.and_then(|started| Ok(Box::new(Jupyter::new(started, &one, launch)?) as Box<dyn Kernel>)))
}

enum State {
    /// Its sockets are not all there.
    Connecting(Pin<Box<dyn Future<Output = [Stream; 5]> + Send>>),
    /// It was asked who it is.
    Greeting,
    Up,
    /// The process has ended; what it had sent before is still taken, until then.
    Ending {
        death: Death,
        until: Instant,
    },
    Dead,
}

/// A kernel's process, its sockets, and what is known of it.
struct Jupyter {
    process: Process,
    /// Its end is the kernel's.
    _lifeline: PipeWriter,
    /// Removed with the kernel.
    _folder: Folder,
    out: Pipe,
    err: Pipe,
    halves: Halves,
    mode: Mode,
    /// What is said of it once it is ready.
    info: KernelInfo,
    key: Key,
    /// Whose requests these are: what every id of ours begins with.
    session: String,
    /// By [`Socket`], once they are there.
    links: Vec<Link>,
    closed: [bool; 5],
    state: State,
    early: Vec<u8>,
    told: Told,
    /// The kernel has said who it is, and something was published: what it says from here on is heard.
    named: bool,
    heard: bool,
    /// The eval that runs, or ran last; and the one that ended last.
    n: EvalNumber,
    ran: EvalNumber,
    running: Option<Running>,
    queries: Vec<ask::Open>,
    fence: Option<Fence>,
    probes: Probes,
    /// Interrupts by message: sent, and carried out.
    interrupts: (u64, u64),
    /// The question that is open, and its request.
    asked: u64,
    comms: comm::Comms,
    asks: Option<(u64, Message)>,
    due: Due,
    /// Why it is killed before it is ready.
    failed: Option<String>,
}

impl Jupyter {
    fn new(started: Started, one: &Installed, launch: &Launch) -> Result<Self, LaunchError> {
        let Started { process, lifeline, out, err, folder, place, mode, program } = started;
        let random = || start::random().map_err(|source| LaunchError::Start { program: program.clone(), source });
        let session = random()?;
        let info = KernelInfo {
            language: one.spec.language.to_lowercase(),
            executable: program.clone(),
            pid: process.pid().unwrap_or(0),
            comms: true,
            note: Some(format!("kernelspec {}", one.folder.display())),
            ..KernelInfo::default()
        };
        Ok(Self {
            process,
            _lifeline: lifeline,
            _folder: folder,
            out,
            err,
            halves: Halves::default(),
            mode,
            info,
            key: Key::new(&place.file.key),
            session,
            links: Vec::new(),
            closed: [false; 5],
            state: State::Connecting(Box::pin(link::connect(place))),
            early: Vec::new(),
            told: Told::default(),
            named: false,
            heard: false,
            n: 0,
            ran: 0,
            running: None,
            queries: Vec::new(),
            fence: None,
            probes: Probes::default(),
            interrupts: (0, 0),
            asked: 0,
            comms: comm::Comms::default(),
            asks: None,
            due: Due::new(launch),
            failed: None,
        })
    }

    /// Sends a request. Its id ends with a letter and a number of ours.
    fn send(&mut self, socket: Socket, msg_type: &str, id: (char, u64), content: &Value) {
        let header = Header::new(msg_type, &format!("{}-{}{}", self.session, id.0, id.1), &self.session, &due::date());
        let message = Message::new(header, None, content);
        if let Some(link) = self.links.get_mut(socket as usize) {
            link.send(&message, &self.key);
        }
    }

    /// Moves one step on. False: nothing to do, and the task will be woken.
    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        if let State::Connecting(streams) = &mut self.state
            && let Poll::Ready(streams) = streams.as_mut().poll(cx)
        {
            let identity = self.session.as_bytes().to_vec();
            let sockets = [Socket::Shell, Socket::Iopub, Socket::Stdin, Socket::Control, Socket::Heartbeat];
            self.links = streams.into_iter().zip(sockets).map(|(stream, socket)| Link::new(stream, socket, &identity)).collect();
            self.state = State::Greeting;
            self.probe();
            self.due.look_soon(due::GREET_AGAIN);
            return true;
        }
        for link in &mut self.links {
            link.poll_send(cx);
        }
        for socket in SOCKETS {
            let Some(link) = self.links.get_mut(socket as usize) else { break };
            match link.poll_message(cx) {
                Poll::Ready(Heard::Message(frames)) => {
                    self.hear(socket, frames);
                    return true;
                }
                Poll::Ready(Heard::TooLong(frames, size)) => {
                    self.hear_of_too_long(socket, frames, size);
                    return true;
                }
                Poll::Ready(Heard::Closed) => {
                    if let Some(closed) = self.closed.get_mut(socket as usize) {
                        *closed = true;
                    }
                    self.due.closed();
                    return true;
                }
                Poll::Pending => {}
            }
        }
        if self.out.stirs(cx) | self.err.stirs(cx) {
            if self.take_pipes() {
                return true;
            }
            self.out.settle(cx);
            self.err.settle(cx);
        }
        if let State::Ending { .. } = self.state {
            return self.end() || self.poll_due(cx);
        }
        if !matches!(self.state, State::Dead)
            && let Poll::Ready(death) = self.process.poll_exit(cx)
        {
            self.has_exited(death);
            return true;
        }
        self.poll_due(cx)
    }

    fn is_starting(&self) -> bool {
        matches!(self.state, State::Connecting(_) | State::Greeting)
    }

    /// What children and C code wrote past the kernel. True where there was anything.
    fn take_pipes(&mut self) -> bool {
        let most = OUTPUT_CHUNK / 2 - 8;
        let mut any = false;
        for pipe in [&mut self.out, &mut self.err] {
            let data = pipe.take(pipe.waiting().min(most));
            any |= !data.is_empty();
            if matches!(self.state, State::Connecting(_) | State::Greeting) {
                said_early(&mut self.early, &data);
                continue;
            }
            let mut run = Run { stream: pipe.stream, data: data.into() };
            self.halves.mend(&mut run);
            if !run.data.0.is_empty() {
                let background = self.running.is_none();
                self.told.event(KernelEvent::Output { n: self.n, background, runs: vec![run] });
            }
        }
        any
    }

    fn said_early(&mut self, data: &[u8]) {
        said_early(&mut self.early, data);
    }

    fn has_exited(&mut self, death: Death) {
        // Its children have its sockets as well, and would keep them open.
        self.process.kill_group();
        while self.take_pipes() {}
        let failed_start = self.is_starting().then(|| self.failed_start(&death));
        let until = Instant::now() + due::LAST_WORDS;
        self.state = State::Ending { death: Death { failed_start, ..death }, until };
    }

    /// After the end of the process: what it had sent, the death.
    fn end(&mut self) -> bool {
        let State::Ending { death, until } = &self.state else { return false };
        let heard_out = self.links.is_empty() || self.closed.get(Socket::Iopub as usize) == Some(&true);
        if !heard_out && Instant::now() < *until {
            return false;
        }
        let death = death.clone();
        self.show_held();
        let runs = self.halves.flush();
        if !runs.is_empty() {
            self.told.event(KernelEvent::Output { n: self.n, background: self.running.is_none(), runs });
        }
        self.told.event(KernelEvent::Died(death));
        self.links.clear();
        self.state = State::Dead;
        true
    }

    /// One clear sentence where it died before it was ready.
    fn failed_start(&mut self, death: &Death) -> String {
        let said = String::from_utf8_lossy(&self.early).trim().to_owned();
        let why = self.failed.take().unwrap_or_else(|| match (&death.signal, death.code) {
            (Some(signal), _) => format!("the kernel was ended by {signal} before it was ready"),
            (None, Some(code)) => format!("the kernel exited with {code} before it was ready"),
            (None, None) => "the kernel ended before it was ready".to_owned(),
        });
        if said.is_empty() { why } else { format!("{why}; it said: {said}") }
    }
}

/// Keeps the end of what a kernel says before it is ready.
fn said_early(early: &mut Vec<u8>, data: &[u8]) {
    early.extend_from_slice(data.get(data.len().saturating_sub(EARLY)..).unwrap_or_default());
    early.drain(..early.len().saturating_sub(EARLY));
}

impl Kernel for Jupyter {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<KernelEvent> {
        loop {
            if let Some(event) = self.told.next() {
                return Poll::Ready(event);
            }
            if matches!(self.state, State::Dead) || !self.step(cx) {
                return Poll::Pending;
            }
        }
    }

    fn command(&mut self, command: KernelCommand) {
        if matches!(self.state, State::Ending { .. } | State::Dead) {
            return;
        }
        match command {
            KernelCommand::Exec(exec) => {
                let content = json!({
                    "code": &*exec.code, "silent": false, "store_history": true, "user_expressions": {},
                    "allow_stdin": true, "stop_on_error": false,
                });
                self.n = exec.n;
                self.running = Some(Running::new(exec.n, exec.show));
                self.comms.before_eval();
                self.due.heart_from_now();
                self.send(Socket::Shell, "execute_request", ('e', exec.n), &content);
            }
            KernelCommand::Interrupt(step) => self.interrupt(step),
            KernelCommand::Fence(number) => {
                self.fence = Some(Fence { number, after: None });
                self.go_to_fence();
                self.due.look_soon(due::LOOK);
            }
            KernelCommand::Input { ask, data, eof } => self.answer(ask, &data, eof),
            KernelCommand::Terminal(_) => {}
            KernelCommand::Query(number, query) => self.query(number, query),
            KernelCommand::Comm(number, message) => self.comm(number, message),
            KernelCommand::Shutdown => self.send(Socket::Control, "shutdown_request", ('s', 0), &json!({ "restart": false })),
        }
    }

    fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    fn kill_group(&mut self) {
        self.process.kill_group();
    }
}

//! A kernel that is a small script on the user's own interpreter.
//!
//! Commands go in by the pipe that is the interpreter's descriptor 0 at its start. Three ways lead out: the pipe on which the
//! runner sends frames (with the commands' pipe: the channel), and those behind descriptors 1 and 2, where C code and child
//! processes write. Their order is made
//! by one rule on each side. The runner sends nothing that comes after bytes in a pipe before the pipe is empty. This side
//! looks how much a pipe holds, *then* empties the channel, and only then takes that much: whatever was said before those
//! bytes were written is out by then, and nothing that came after them can be.

mod ahead;
mod channel;
mod lines;
pub(crate) mod live;
pub(crate) mod pipes;
pub(crate) mod process;
mod shell_input;
mod wire;

use crate::Kernel;
use ahead::Ahead;
use channel::{Channel, Received};
use pipes::{Halves, Pipe};
use process::Process;
use rialto_protocol::data::Failure;
use rialto_protocol::data::{Run, Stream};
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::{Ask, Death, Done, DoneHow, Exec, KernelCommand, KernelEvent, OUTPUT_CHUNK, Step};
use shell_input::ShellInput;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::task::{Context, Poll};
use tokio::process::Command;
use wire::{Frame, Malformed};

/// What is kept of the words of an interpreter that is not ready yet.
const EARLY: usize = 4 * 1024;

/// What makes a runner of one language.
#[derive(Default)]
pub(crate) struct Script<'a> {
    /// The part that runs at once.
    pub(crate) source: &'a str,
    /// The part that the runner compiles when it is first needed.
    pub(crate) later: &'a str,
    /// A folder of the user's alone, where the runner may keep what it compiled.
    pub(crate) cache: Option<&'a str>,
    /// Environment variables that the interpreter itself must not see at its start, to be put back by the runner.
    pub(crate) environment: &'a [(&'a str, String)],
    /// To be said once, in `Ready`.
    pub(crate) note: Option<String>,
    /// It hears of an interrupt by the channel as well: a signal alone does not reach what runs.
    pub(crate) tells_interrupts: bool,
    /// It reads lines and not frames, and its programs read a pipe of their own.
    pub(crate) is_shell: bool,
    /// It takes evals that are handed over before their turn.
    pub(crate) looks_ahead: bool,
}

/// A runner's process, and what is known of it.
pub(crate) struct Runner {
    process: Process,
    channel: Channel,
    out: Pipe,
    err: Pipe,
    halves: Halves,
    /// What is decided and not yet told: a handful of events.
    told: VecDeque<KernelEvent>,
    state: State,
    note: Option<String>,
    tells_interrupts: bool,
    shell: Option<ShellInput>,
    /// What lies ready for it.
    ahead: Option<Ahead>,
    /// Taken back from it when it died.
    back: Vec<EvalNumber>,
    /// The eval that runs, or ran last.
    n: EvalNumber,
    background: bool,
    /// Bytes of a display still to come. Nothing else may be told in between.
    display: u64,
}

enum State {
    /// Not ready: what it has written so far.
    Starting {
        out: Vec<u8>,
        err: Vec<u8>,
    },
    Up,
    /// The process has ended; so much of each pipe was written before that and is still to be taken.
    Ending {
        death: Death,
        out: usize,
        err: usize,
    },
    Dead,
}

impl Runner {
    /// Starts the command with the commands' pipe as its standard input and the number of the frames' pipe as one more argument,
    /// and sends the script.
    pub(crate) fn start(mut command: Command, script: Script<'_>) -> io::Result<Self> {
        let (command_reader, command_writer) = io::pipe()?;
        let (frame_reader, frame_writer) = io::pipe()?;
        let (out_reader, out_writer) = io::pipe()?;
        let (err_reader, err_writer) = io::pipe()?;
        // Between the bridge and its supervisor.
        command.env_remove("RIALTO_GIVEN");
        command.stdin(command_reader).stdout(out_writer).stderr(err_writer);
        if !script.is_shell {
            command.arg(frame_writer.as_raw_fd().to_string());
        }
        let (ahead, slots) = if script.looks_ahead { Some(Ahead::new()?).unzip() } else { (None, None) };
        if let Some(slots) = &slots {
            command.arg(slots.as_raw_fd().to_string());
        }
        let shell = if script.is_shell { Some(ShellInput::new()?) } else { None };
        let mut inherited = vec![frame_writer.as_fd()];
        inherited.extend(shell.iter().flat_map(ShellInput::inherited));
        inherited.extend(slots.iter().map(AsFd::as_fd));
        let process = Process::start_with(&mut command, &inherited)?;
        drop(inherited);
        let frames = frame_writer.as_raw_fd();
        drop((frame_writer, slots));
        // The command holds our copies of the child's ends.
        drop(command);
        let mut channel = Channel::new(frame_reader, command_writer)?;
        channel.send(|tx| match &shell {
            Some(input) => lines::put_setup(tx, script.source, input, frames),
            None => wire::put_setup(tx, script.cache.unwrap_or_default(), script.source, script.later, script.environment),
        });
        Ok(Self {
            process,
            channel,
            out: Pipe::new(out_reader, Stream::Stdout)?,
            err: Pipe::new(err_reader, Stream::Stderr)?,
            halves: Halves::default(),
            told: VecDeque::new(),
            state: State::Starting { out: Vec::new(), err: Vec::new() },
            note: script.note,
            tells_interrupts: script.tells_interrupts,
            shell,
            ahead,
            back: Vec::new(),
            n: 0,
            background: true,
            display: 0,
        })
    }

    /// Moves one step on. False: nothing to do, and the task will be woken.
    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        match self.channel.next_frame() {
            Ok(Some(frame)) => return self.hear(frame),
            Ok(None) => {}
            Err(Malformed) => self.broken(),
        }
        if let State::Ending { .. } = self.state {
            return self.end();
        }
        // Readiness as the runtime knows it costs nothing to ask; in the round trip of `1+1` the pipes cost no system call.
        let (out_stirs, err_stirs) = if self.display > 0 { (false, false) } else { (self.out.stirs(cx), self.err.stirs(cx)) };
        if out_stirs || err_stirs {
            let (out, err) = (self.out.waiting(), self.err.waiting());
            if self.channel.receive() == Received::Some {
                return true;
            }
            if out + err > 0 {
                self.take(out, err);
                return true;
            }
            if out_stirs {
                self.out.settle(cx);
            }
            if err_stirs {
                self.err.settle(cx);
            }
        }
        if self.channel.poll_receive(cx) == Received::Some {
            return true;
        }
        let Poll::Ready(death) = self.process.poll_exit(cx) else { return self.somebody_reads(cx) };
        if let State::Starting { .. } = self.state {
            self.take(self.out.waiting(), self.err.waiting());
        }
        let death = Death { failed_start: self.failed_start(&death), ..death };
        self.state = State::Ending { death, out: self.out.waiting(), err: self.err.waiting() };
        self.display = 0;
        true
    }

    /// A shell's program waits for input: its client is asked.
    fn somebody_reads(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(input) = self.shell.as_mut().filter(|_| !self.background) else { return false };
        if !input.poll_wanted(cx, self.process.pid()) {
            return false;
        }
        self.ask(Ask { n: self.n, ask: 0, prompt: String::new(), secret: false, line: false });
        true
    }

    /// Asks for what a shell's program reads; where an earlier answer has not been read to its end, that is given on.
    fn ask(&mut self, ask: Ask) {
        let Some(number) = self.shell.as_mut().and_then(|input| input.ask(ask.line)) else { return };
        // What it wrote before it read is shown before.
        self.catch_up();
        self.told.push_back(KernelEvent::Ask(Ask { ask: number, ..ask }));
    }

    /// Takes so much of each pipe, at most a chunk in all, and tells it. Says how much it was.
    fn take(&mut self, out: usize, err: usize) -> (usize, usize) {
        let out = self.out.take(out.min(OUTPUT_CHUNK / 2 - 8));
        let err = self.err.take(err.min(OUTPUT_CHUNK / 2 - 8));
        let taken = (out.len(), err.len());
        let runs = [(self.out.stream, out), (self.err.stream, err)];
        self.tell_output(runs.into_iter().map(|(stream, data)| Run { stream, data: data.into() }).collect());
        taken
    }

    /// Tells all that the pipes hold now: what comes next comes after it.
    fn catch_up(&mut self) {
        let (mut out, mut err) = (self.out.waiting(), self.err.waiting());
        while out + err > 0 {
            let (took_out, took_err) = self.take(out, err);
            if took_out + took_err == 0 {
                break;
            }
            out = out.saturating_sub(took_out);
            err = err.saturating_sub(took_err);
        }
    }

    fn tell_output(&mut self, mut runs: Vec<Run>) {
        if let State::Starting { out, err } = &mut self.state {
            for run in runs {
                let kept = if run.stream == Stream::Stdout { &mut *out } else { &mut *err };
                kept.extend(run.data.0);
                kept.drain(..kept.len().saturating_sub(EARLY));
            }
            return;
        }
        for run in &mut runs {
            self.halves.mend(run);
        }
        runs.retain(|run| !run.data.0.is_empty());
        if !runs.is_empty() {
            self.told.push_back(KernelEvent::Output { n: self.n, background: self.background, runs });
        }
    }

    /// Tells the half characters whose other halves did not come in time.
    fn tell_halves(&mut self) {
        let runs = self.halves.flush();
        if !runs.is_empty() {
            self.told.push_back(KernelEvent::Output { n: self.n, background: self.background, runs });
        }
    }

    fn hear(&mut self, frame: Frame) -> bool {
        let in_display = matches!(frame, Frame::Event(KernelEvent::DisplayData(_)));
        let starting = matches!(self.state, State::Starting { .. });
        let is_ready = matches!(frame, Frame::Event(KernelEvent::Ready(_)));
        if in_display != (self.display > 0) || starting != is_ready {
            self.broken();
            return true;
        }
        match frame {
            Frame::Sync => self.catch_up(),
            Frame::SyncAndSay => {
                self.catch_up();
                self.channel.send(wire::put_caught_up);
            }
            Frame::Event(KernelEvent::Ready(mut info)) => {
                info.pid = self.process.pid().unwrap_or(0);
                info.note = self.note.take();
                self.told.push_back(KernelEvent::Ready(info));
                let early = std::mem::replace(&mut self.state, State::Up);
                // An interactive shell complains that it has no terminal.
                if let (State::Starting { out, err }, None) = (early, &self.shell) {
                    let runs = [(Stream::Stdout, out), (Stream::Stderr, err)];
                    self.tell_output(runs.into_iter().map(|(stream, data)| Run { stream, data: data.into() }).collect());
                }
            }
            Frame::Event(KernelEvent::Output { runs, .. }) => self.tell_output(runs),
            Frame::Event(KernelEvent::Ask(ask)) if self.shell.is_some() => self.ask(ask),
            Frame::Event(KernelEvent::Done(mut done)) => {
                if let Some(input) = &self.shell {
                    input.mend(&mut done.how);
                }
                let next = self.ahead.as_mut().and_then(Ahead::next);
                // A runner that goes on by itself says how an eval ended when the pipes are empty, so what they hold is the next's.
                if next.is_none() {
                    self.catch_up();
                }
                self.tell_halves();
                self.told.push_back(KernelEvent::Done(done));
                (self.n, self.background) = (next.unwrap_or(self.n), next.is_none());
            }
            Frame::Event(event) => {
                match &event {
                    KernelEvent::DisplayStart { forms, .. } => {
                        self.display = forms.iter().fold(0, |sum, (_, size)| sum.saturating_add(*size));
                    }
                    KernelEvent::DisplayData(data) => match self.display.checked_sub(data.len() as u64) {
                        Some(left) => self.display = left,
                        None => {
                            self.broken();
                            return true;
                        }
                    },
                    _ => {}
                }
                self.told.push_back(event);
            }
        }
        true
    }

    fn tell_shell(
        channel: &mut Channel,
        input: &mut ShellInput,
        process: &Process,
        (n, background): (&mut EvalNumber, &mut bool),
        command: KernelCommand,
    ) {
        match command {
            KernelCommand::Exec(exec) => {
                (*n, *background) = (exec.n, false);
                input.fresh();
                channel.send(|tx| lines::put_exec(tx, &exec, input));
            }
            KernelCommand::Interrupt(step) => {
                process.signal(step);
                if step <= Step::Again {
                    input.interrupted = !*background;
                    channel.send(lines::put_end);
                }
            }
            KernelCommand::Fence(k) => channel.send(|tx| lines::put_fence(tx, k)),
            KernelCommand::Input { ask, data, eof } => input.answer(ask, &data, eof),
            KernelCommand::Terminal(_) => {}
            KernelCommand::Query(id, query) => channel.send(|tx| lines::put_query(tx, id, &query)),
            KernelCommand::Shutdown => channel.send(lines::put_shutdown),
            // It says that it has none.
            KernelCommand::Comm(..) => {}
        }
    }

    /// The channel says what no runner says: user code has written to it. Nothing it says can be believed any more.
    fn broken(&mut self) {
        tracing::warn!(pid = self.process.pid(), "the kernel's channel carries what no runner sends; the kernel is killed");
        self.channel.close();
        self.display = 0;
        self.process.signal(Step::Kill);
    }

    /// After the end of the process: what the channel holds, what the pipes held then, the death.
    fn end(&mut self) -> bool {
        if self.channel.receive() == Received::Some {
            return true;
        }
        let State::Ending { out, err, .. } = self.state else { return false };
        if out + err > 0 {
            let (took_out, took_err) = self.take(out, err);
            if let State::Ending { out, err, .. } = &mut self.state {
                let moved = took_out + took_err > 0;
                *out = if moved { out.saturating_sub(took_out) } else { 0 };
                *err = if moved { err.saturating_sub(took_err) } else { 0 };
            }
            return true;
        }
        self.tell_halves();
        self.tell_unheard();
        if let State::Ending { death, .. } = std::mem::replace(&mut self.state, State::Dead) {
            self.told.push_back(KernelEvent::Died(death));
        }
        true
    }

    /// After its death: what was handed over and not begun is taken back, and what had begun and was not heard of is told. There is
    /// such only where the channel was broken, because a runner says how an eval ended before it takes the next.
    fn tell_unheard(&mut self) {
        let Some(ahead) = &mut self.ahead else { return };
        self.back = ahead.take_back(None);
        while let Some(next) = ahead.next() {
            let value = "how it ended is not known: code of this session wrote into the kernel's own channel";
            let failure = Failure { name: "Unheard".to_owned(), value: value.to_owned(), traceback: String::new() };
            let n = std::mem::replace(&mut self.n, next);
            self.told.push_back(KernelEvent::Done(Done { n, how: DoneHow::Error(failure), result: None, idle_guess: false }));
        }
    }

    /// One clear sentence where it died before it was ready.
    fn failed_start(&self, death: &Death) -> Option<String> {
        let State::Starting { out, err } = &self.state else { return None };
        let said = if err.is_empty() { out } else { err };
        let said = String::from_utf8_lossy(said).trim().to_owned();
        Some(match (said.is_empty(), &death.signal, death.code) {
            (false, _, _) => said,
            (true, Some(signal), _) => format!("the interpreter was ended by {signal} before it was ready"),
            (true, None, Some(code)) => format!("the interpreter exited with code {code} before it was ready, without a word"),
            (true, None, None) => "the interpreter ended before it was ready".to_owned(),
        })
    }
}

impl Kernel for Runner {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<KernelEvent> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Poll::Ready(event);
            }
            if let State::Dead = self.state {
                return Poll::Pending;
            }
            self.channel.flush(cx);
            if !self.step(cx) {
                return Poll::Pending;
            }
        }
    }

    fn command(&mut self, command: KernelCommand) {
        if let State::Ending { .. } | State::Dead = self.state {
            return;
        }
        if let Some(input) = &mut self.shell {
            return Self::tell_shell(&mut self.channel, input, &self.process, (&mut self.n, &mut self.background), command);
        }
        match command {
            KernelCommand::Exec(exec) => {
                (self.n, self.background) = (exec.n, false);
                if let Some(ahead) = &mut self.ahead {
                    ahead.told(false);
                }
                self.channel.send(|tx| wire::put_exec(tx, &exec, false));
            }
            KernelCommand::Interrupt(step) => {
                if self.tells_interrupts && step <= Step::Again {
                    self.channel.send(|tx| wire::put_interrupt(tx, step));
                }
                self.process.signal(step);
            }
            KernelCommand::Fence(k) => self.channel.send(|tx| wire::put_fence(tx, k)),
            KernelCommand::Input { ask, data, eof } => self.channel.send(|tx| wire::put_input(tx, ask, &data, eof)),
            KernelCommand::Terminal(_) => {}
            KernelCommand::Query(id, query) => self.channel.send(|tx| wire::put_query(tx, id, &query)),
            KernelCommand::Shutdown => self.channel.send(wire::put_shutdown),
            // It says that it has none.
            KernelCommand::Comm(..) => {}
        }
    }

    fn hand_over(&mut self, execs: &[Exec]) -> usize {
        let (Some(ahead), State::Up, Some(first)) = (&mut self.ahead, &self.state, execs.first()) else { return 0 };
        if !self.background {
            return if ahead.looks() { ahead.hand_over(execs) } else { 0 };
        }
        if ahead.looks() {
            let took = ahead.hand_over(execs);
            if took > 0 {
                ahead.next();
                (self.n, self.background) = (first.n, false);
            }
            return took;
        }
        // It reads this before it looks for the first slot.
        ahead.told(true);
        (self.n, self.background) = (first.n, false);
        self.channel.send(|tx| wire::put_exec(tx, first, true));
        1 + ahead.hand_over(execs.get(1..).unwrap_or_default())
    }

    fn take_back(&mut self) -> Vec<EvalNumber> {
        let running = (!self.background).then_some(self.n);
        let mut back = std::mem::take(&mut self.back);
        back.extend(self.ahead.iter_mut().flat_map(|ahead| ahead.take_back(running)));
        back
    }

    fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    fn kill_group(&mut self) {
        self.process.kill_group();
    }
}

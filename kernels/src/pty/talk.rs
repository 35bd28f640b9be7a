//! The conversation with a program: what is typed when, which part of what comes back is output, and where an eval ends.
//!
//! Pure: bytes and looks come in, events and bytes to type come out. A look is taken when nothing has come for a moment; how long it
//! has been quiet, how the terminal treats what is typed and whether the program waits decide together.

use super::known::Known;
use super::plain::is_echo;
use super::prompt::{Prompts, Which, is_question, pattern_of};
use super::tty::Modes;
use super::waits::Waits;
use rialto_protocol::Setup;
use rialto_protocol::data::{Failure, Run, Stream};
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::{Ask, Done, DoneHow, Exec, KernelEvent, OUTPUT_CHUNK};
use std::collections::VecDeque;
use std::time::Duration;

/// What is kept of a line that has not ended, to find the prompt in it. Bytes.
const LINE: usize = 4 * 1024;
/// What is kept of what a program says before it is ready. Bytes.
const EARLY: usize = 16 * 1024;
/// The longest line a terminal that gathers lines itself takes. Bytes.
pub(super) const TYPED_LINE: usize = 4_094;
/// Codes that turned out to be unfinished, to be known again.
const UNFINISHED: usize = 16;
/// Lines that may come before what was typed comes back.
const BEFORE_ECHO: u8 = 4;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// So long nothing must come before anything is looked at.
const SETTLE: Duration = ms(5);
/// A line that does not end is shown after so long; and it is looked whether somebody is asked.
const PARTIAL: Duration = ms(120);
/// What was typed is not coming back.
const NO_ECHO: Duration = ms(300);
/// Where nobody can tell whether the program reads, it is taken to after so long.
const IDLE: Duration = ms(1_000);
/// With a prompt in sight of a program that does something else, nobody waits longer.
const LOOKS_DONE: Duration = ms(5_000);
/// A program that says nothing known is taken as it is.
const STARTED: Duration = ms(1_500);
const STARTED_ANYHOW: Duration = ms(10_000);
/// After this no interrupt is under way any more.
const FENCE: Duration = ms(60);
/// The longest between two looks.
const LAST: Duration = ms(500);

/// What can be seen of the terminal at a look.
pub(super) struct View<'a> {
    pub(super) quiet: Duration,
    pub(super) since_start: Duration,
    pub(super) modes: Modes,
    pub(super) waits: &'a mut dyn FnMut() -> Waits,
}

/// What was typed and has not come back.
struct Echo {
    typed: String,
    lines: u8,
}

struct Running {
    lines: VecDeque<String>,
    code: std::sync::Arc<str>,
    sent: bool,
    interrupted: bool,
    /// The empty line that may have been missing was typed.
    closed: bool,
    /// What was half typed is being taken back: how many ways were tried.
    cancelled: usize,
    failure: Option<Failure>,
}

enum State {
    Starting { first: VecDeque<&'static str>, begun: bool, probed: u8, broke: bool },
    Idle,
    Running(Running),
}

pub(super) struct Talk {
    known: Known,
    prompts: Prompts,
    state: State,
    /// What came and is not told: a line that has not ended, and before it what may be an echo.
    line: Vec<u8>,
    /// A carriage return at the end, which may belong to a newline.
    held_return: bool,
    early: Vec<u8>,
    echo: Option<Echo>,
    /// Whether a program that reads keys shows them.
    echoes: bool,
    at_prompt: bool,
    n: EvalNumber,
    background: bool,
    asks: u64,
    asked: Option<(u64, bool)>,
    fence: Option<u32>,
    /// Interrupts that will show as a byte.
    interrupts: u8,
    unfinished: VecDeque<std::sync::Arc<str>>,
    /// How quiet it was when it was first seen to read.
    reads: Option<Duration>,
    /// The pattern of what stood where it read last, of a program without a prompt.
    candidate: Option<String>,
    pub(super) told: VecDeque<KernelEvent>,
    /// Whether what is typed comes back, where that was said.
    echo_said: Option<bool>,
    /// What ends a line that is typed.
    eol: &'static [u8],
    leave: Option<String>,
    /// To be typed.
    pub(super) typed: Vec<u8>,
    /// When to look next, counted from now; taken by whoever looks.
    pub(super) look_in: Option<Duration>,
    /// To be told with `Ready`, once.
    pub(super) ready: Option<String>,
}

impl Talk {
    pub(super) fn new(known: Known, prompts: Prompts, setup: &Setup) -> Result<Self, String> {
        let eol: &[u8] = match setup.eol.as_deref() {
            None | Some("cr") => b"\r",
            Some("lf") => b"\n",
            Some("crlf") => b"\r\n",
            Some(other) => return Err(format!("eol is {other:?}; it can be cr, lf or crlf")),
        };
        let first = known.first.iter().copied().collect();
        Ok(Self {
            known,
            prompts,
            state: State::Starting { first, begun: false, probed: 0, broke: false },
            line: Vec::new(),
            held_return: false,
            early: Vec::new(),
            echo: None,
            echoes: true,
            at_prompt: false,
            n: 0,
            background: true,
            asks: 0,
            asked: None,
            fence: None,
            interrupts: 0,
            unfinished: VecDeque::new(),
            reads: None,
            candidate: None,
            told: VecDeque::new(),
            typed: Vec::new(),
            look_in: Some(SETTLE),
            ready: None,
            echo_said: setup.echo,
            eol,
            leave: setup.exit.clone().or_else(|| known.leave.map(str::to_owned)),
        })
    }

    // What comes.

    /// The program wrote this.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if std::mem::take(&mut self.held_return) && byte != b'\n' {
                self.line.push(b'\r');
            }
            match byte {
                b'\r' => self.held_return = true,
                3 if self.interrupts > 0 => self.interrupts -= 1,
                _ => self.line.push(byte),
            }
        }
        self.sort();
        self.reads = None;
        self.look_in = Some(SETTLE);
    }

    /// What it wrote just before it began to read may still be on its way through the system: it is to have come.
    fn still_reads(&mut self, quiet: Duration) -> bool {
        let first = self.reads.map_or(quiet, |first| first.min(quiet));
        self.reads = Some(first);
        if quiet.saturating_sub(first) < FENCE {
            self.look_in = Some(FENCE);
            return false;
        }
        true
    }

    /// Takes off what was typed, tells whole lines, keeps the rest.
    fn sort(&mut self) {
        while let Some(echo) = &mut self.echo {
            let Some(at) = self.line.iter().position(|byte| *byte == b'\n') else {
                if self.line.len() > LINE + echo.typed.len() * 4 {
                    self.echo = None;
                    break;
                }
                return;
            };
            let came = self.line.get(..at).unwrap_or_default();
            if is_echo(came, &echo.typed) {
                self.line.drain(..=at);
                self.echo = None;
                if let State::Starting { broke, .. } = &mut self.state {
                    *broke = true;
                }
                break;
            }
            // Something was written between.
            echo.lines -= 1;
            if echo.lines == 0 {
                self.echo = None;
            }
            let before: Vec<u8> = self.line.drain(..=at).collect();
            self.tell(&before);
        }
        if let Some(at) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<u8> = self.line.drain(..=at).collect();
            if let State::Starting { broke, .. } = &mut self.state {
                *broke = true;
            }
            self.tell(&whole);
        }
        if self.line.len() > LINE {
            self.tell_line(self.line.len() - LINE / 4);
        }
    }

    /// Tells so much of the line that has not ended, up to a border of characters.
    fn tell_line(&mut self, upto: usize) {
        let mut end = upto.min(self.line.len());
        // A character has at most three bytes after its first.
        for _ in 0..3 {
            if self.line.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
                end -= 1;
            }
        }
        let front: Vec<u8> = self.line.drain(..end).collect();
        self.tell(&front);
    }

    /// The line as it is, but for a character that has not come whole.
    fn tell_partial(&mut self) {
        let whole = match std::str::from_utf8(&self.line) {
            Err(why) if why.error_len().is_none() => why.valid_up_to(),
            _ => self.line.len(),
        };
        self.tell_line(whole);
    }

    fn tell(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let State::Starting { begun, probed, .. } = &self.state {
            // What its first lines brought about is nobody's.
            if !begun && *probed == 0 {
                self.early.extend_from_slice(bytes);
                self.early.drain(..self.early.len().saturating_sub(EARLY));
            }
            return;
        }
        for piece in bytes.chunks(OUTPUT_CHUNK / 2) {
            let runs = vec![Run { stream: Stream::Stdout, data: piece.to_vec().into() }];
            self.told.push_back(KernelEvent::Output { n: self.n, background: self.background, runs });
        }
    }

    /// The last words of a program that has ended.
    pub(super) fn ended(&mut self) {
        self.echo = None;
        self.sort();
        let all = std::mem::take(&mut self.line);
        self.tell(&all);
    }

    /// What it said, where it never became ready.
    pub(super) fn said_early(&self) -> Option<String> {
        let State::Starting { .. } = self.state else { return None };
        Some(String::from_utf8_lossy(&self.early).trim().to_owned())
    }

    /// What has come of the line it is at.
    pub(super) fn last_line(&self) -> Vec<u8> {
        self.line.clone()
    }

    // What is typed.

    fn say(&mut self, line: &str, modes: Modes) {
        self.write(line);
        let seen = if modes.lines { modes.shows } else { self.echoes };
        let shown = self.echo_said.unwrap_or(seen);
        self.echo = shown.then(|| Echo { typed: line.to_owned(), lines: BEFORE_ECHO });
        self.at_prompt = false;
        self.reads = None;
        self.look_in = Some(SETTLE);
    }

    fn write(&mut self, line: &str) {
        for &byte in line.as_bytes() {
            // What steers the terminal or the program's own editor is quoted.
            if byte < 0x20 || byte == 0x7f {
                self.typed.push(0x16);
            }
            self.typed.push(byte);
        }
        self.typed.extend_from_slice(self.eol);
    }

    /// Begins an eval.
    pub(super) fn exec(&mut self, exec: &Exec, modes: Modes) {
        if self.at_prompt {
            // What stands there came before.
            self.tell_partial();
        }
        (self.n, self.background) = (exec.n, false);
        let lines: VecDeque<String> = self.known.language.lines(&exec.code).into();
        let mut running = Running {
            lines,
            code: exec.code.clone(),
            sent: false,
            interrupted: false,
            closed: false,
            cancelled: 0,
            failure: None,
        };
        if exec.code.trim().is_empty() {
            running.lines.clear();
        }
        let nothing = running.lines.is_empty();
        self.state = State::Running(running);
        if self.known.language.is_whole(&exec.code) == Some(false) {
            self.remember(&exec.code);
            return self.end(DoneHow::Error(unfinished()), false);
        }
        if nothing {
            return self.end(DoneHow::Ok, false);
        }
        if self.at_prompt {
            self.next_line(modes);
        } else {
            self.look_in = Some(SETTLE);
        }
    }

    fn next_line(&mut self, modes: Modes) {
        let State::Running(running) = &mut self.state else { return };
        running.sent = true;
        match running.lines.pop_front() {
            None => self.end_well(false),
            Some(line) if modes.lines && line.len() > TYPED_LINE => {
                let value = format!("a line has {} bytes, and this program reads at most {TYPED_LINE} in one", line.len());
                let failure = Failure { name: "LineTooLong".to_owned(), value, traceback: String::new() };
                running.lines.clear();
                if running.closed || self.at_prompt {
                    return self.end(DoneHow::Error(failure), false);
                }
                running.failure = Some(failure);
                self.take_back();
            }
            Some(line) => self.say(&line, modes),
        }
    }

    /// Takes back what is half typed.
    fn take_back(&mut self) {
        let cancel = self.known.cancel;
        let State::Running(running) = &mut self.state else { return };
        running.cancelled += 1;
        match running.cancelled.checked_sub(2) {
            None => self.interrupt_key(),
            Some(n) if n < cancel.len().max(1) => {
                let line = cancel.get(n).copied().unwrap_or_default();
                self.write(line);
            }
            // It is not to be had back to its prompt. What comes next is typed nevertheless.
            Some(_) => {
                let failure = running.failure.take().unwrap_or_else(unfinished);
                self.end(DoneHow::Error(failure), true);
            }
        }
        self.look_in = Some(SETTLE);
    }

    fn interrupt_key(&mut self) {
        self.typed.clear();
        self.typed.push(3);
        self.interrupts = self.interrupts.saturating_add(1);
    }

    pub(super) fn interrupt(&mut self) {
        let State::Running(running) = &mut self.state else { return };
        running.interrupted = true;
        running.lines.clear();
        self.asked = None;
        self.interrupt_key();
        self.look_in = Some(SETTLE);
    }

    pub(super) fn fence(&mut self, number: u32) {
        self.fence = Some(number);
        self.look_in = Some(FENCE);
    }

    /// The answer to what the program reads.
    pub(super) fn input(&mut self, ask: u64, data: &[u8], eof: bool, modes: Modes) {
        let Some((_, secret)) = self.asked.take_if(|(number, _)| *number == ask) else { return };
        if !data.is_empty() || !eof {
            let line = String::from_utf8_lossy(data).into_owned();
            self.say(&line, modes);
            if secret {
                self.echo = None;
            }
        }
        if eof {
            self.typed.push(4);
            self.reads = None;
        }
        self.look_in = Some(SETTLE);
    }

    /// Leaves the program in its own way.
    pub(super) fn leave(&mut self) {
        match self.leave.clone().filter(|_| self.at_prompt) {
            Some(word) => self.write(&word),
            None => self.typed.push(4),
        }
    }

    // How it ends.

    fn end_well(&mut self, guess: bool) {
        let State::Running(running) = &mut self.state else { return };
        let how = match running.failure.take() {
            Some(failure) => DoneHow::Error(failure),
            None if running.interrupted => DoneHow::Interrupted(Failure {
                name: "Interrupted".to_owned(),
                value: "the eval was interrupted".to_owned(),
                traceback: String::new(),
            }),
            None => DoneHow::Ok,
        };
        self.end(how, guess);
    }

    fn end(&mut self, how: DoneHow, idle_guess: bool) {
        self.state = State::Idle;
        self.at_prompt = true;
        self.background = true;
        self.asked = None;
        self.told.push_back(KernelEvent::Done(Done { n: self.n, how, result: None, idle_guess }));
        self.look_in = Some(FENCE);
    }

    fn remember(&mut self, code: &std::sync::Arc<str>) {
        if !self.unfinished.contains(code) && code.len() <= LINE {
            self.unfinished.truncate(UNFINISHED - 1);
            self.unfinished.push_front(code.clone());
        }
    }

    /// Whether code is whole. None: only running it would tell.
    pub(super) fn is_whole(&self, code: &str) -> Option<bool> {
        let known = self.known.language.is_whole(code);
        known.or_else(|| self.unfinished.iter().any(|seen| **seen == *code).then_some(false))
    }

    // Looks.

    /// Nothing has come for a moment.
    pub(super) fn look(&mut self, view: &mut View<'_>) {
        match &self.state {
            State::Starting { .. } => self.look_at_start(view),
            State::Idle => self.look_between(view),
            State::Running(_) => self.look_at_eval(view),
        }
    }

    fn look_again(&mut self, quiet: Duration) {
        self.look_in = Some(quiet.clamp(SETTLE, LAST));
    }

    fn look_between(&mut self, view: &View<'_>) {
        match self.prompts.at_end(&self.line) {
            // The prompt, drawn anew after what was told meanwhile.
            Some((Which::Main, at)) => {
                self.tell_line(at);
                self.line.clear();
            }
            _ if view.quiet >= PARTIAL => self.tell_partial(),
            _ if !self.line.is_empty() => self.look_in = Some(PARTIAL),
            _ => {}
        }
        if let Some(number) = self.fence {
            if view.quiet >= FENCE {
                self.fence = None;
                self.interrupts = 0;
                self.told.push_back(KernelEvent::Fenced(number));
            } else {
                self.look_in = Some(FENCE);
            }
        }
    }

    fn look_at_eval(&mut self, view: &mut View<'_>) {
        if self.echo.is_some() {
            if view.quiet < NO_ECHO {
                return self.look_again(view.quiet);
            }
            if (view.waits)() == Waits::No {
                return self.look_again(view.quiet);
            }
            // It does not come back: what came instead is output.
            self.echo = None;
            // An interrupt takes away what is half typed, which says nothing of the program.
            let interrupted = matches!(&self.state, State::Running(running) if running.interrupted);
            self.echoes &= view.modes.lines || interrupted;
            self.sort();
        }
        let quiet = view.quiet;
        if let Some((which, at)) = self.prompts.at_end(&self.line) {
            let waits = (view.waits)();
            if waits == Waits::No && quiet < LOOKS_DONE {
                return self.look_again(quiet);
            }
            self.tell_line(at);
            self.line.clear();
            return self.prompted(which, waits == Waits::No, view.modes);
        }
        if !self.prompts.known() {
            return self.look_without_prompt(view);
        }
        if quiet < PARTIAL {
            self.look_in = Some(PARTIAL.saturating_sub(quiet));
            return;
        }
        let waits = (view.waits)();
        // A program that reads keys itself, or reads what must not be seen, waits for somebody even where it listens to more.
        let wants = waits == Waits::Reads || waits == Waits::Perhaps && !(view.modes.lines && view.modes.shows);
        if !wants {
            self.reads = None;
        } else if self.asked.is_none() {
            if self.still_reads(quiet) {
                self.wanted(view);
            }
            return;
        }
        if self.asked.is_none() {
            self.tell_partial();
        }
        self.look_again(quiet);
    }

    /// It waits for something, and its prompt is not there.
    fn wanted(&mut self, view: &View<'_>) {
        let State::Running(running) = &mut self.state else { return };
        if running.cancelled > 0 {
            return if view.quiet < NO_ECHO { self.look_again(view.quiet) } else { self.take_back() };
        }
        if running.sent && !running.lines.is_empty() && !running.interrupted && self.prompts.learn_more(&self.line) {
            self.line.clear();
            return self.prompted(Which::More, false, view.modes);
        }
        self.ask(view.modes);
    }

    fn ask(&mut self, modes: Modes) {
        self.asks += 1;
        let secret = modes.lines && !modes.shows;
        self.asked = Some((self.asks, secret));
        let prompt = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        self.told.push_back(KernelEvent::Ask(Ask { n: self.n, ask: self.asks, prompt, secret, line: true }));
    }

    /// No prompt is known: where it reads it is done, as far as one can see.
    fn look_without_prompt(&mut self, view: &mut View<'_>) {
        let waits = (view.waits)();
        let done = match waits {
            Waits::Reads => view.quiet >= PARTIAL,
            Waits::Perhaps => view.quiet >= IDLE,
            Waits::No => false,
        };
        if !done {
            self.reads = None;
            return self.look_again(view.quiet);
        }
        if !self.still_reads(view.quiet) {
            return;
        }
        if let State::Running(running) = &self.state
            && !running.sent
            && is_question(&self.line)
        {
            if self.asked.is_none() {
                self.ask(view.modes);
            }
            return;
        }
        let modes = view.modes;
        // What stands there twice in a row is a prompt.
        let stands = pattern_of(&self.line).filter(|_| !is_question(&self.line));
        if stands.is_some() && stands == self.candidate && self.prompts.learn(&self.line) {
            self.line.clear();
        }
        self.candidate = stands;
        self.tell_partial();
        let more = if let State::Running(running) = &self.state { !running.lines.is_empty() } else { false };
        if more {
            self.next_line(modes);
        } else {
            self.end_well(true);
        }
    }

    fn prompted(&mut self, which: Which, guess: bool, modes: Modes) {
        self.at_prompt = which == Which::Main;
        self.asked = None;
        let closes = self.known.language.ends_with_nothing();
        let State::Running(running) = &mut self.state else { return };
        if which == Which::Main && (running.failure.is_some() || running.interrupted || running.lines.is_empty() && running.sent)
        {
            return self.end_well(guess);
        }
        if which == Which::More && (running.cancelled > 0 || running.interrupted) {
            return self.take_back();
        }
        if !running.lines.is_empty() {
            return self.next_line(modes);
        }
        if closes && !running.closed {
            running.closed = true;
            return self.say("", modes);
        }
        running.failure = Some(unfinished());
        let code = running.code.clone();
        self.remember(&code);
        self.take_back();
    }

    fn look_at_start(&mut self, view: &mut View<'_>) {
        let quiet = view.quiet;
        let stands = matches!(self.prompts.at_end(&self.line), Some((Which::Main, _)));
        let late = view.since_start >= STARTED_ANYHOW;
        let waits = (view.waits)();
        let settled = match waits {
            Waits::Reads => quiet >= ms(60),
            Waits::Perhaps => quiet >= NO_ECHO,
            Waits::No => quiet >= STARTED && self.known.draws,
        };
        let before = self.early_pattern();
        let State::Starting { first, begun, probed, broke } = &mut self.state else { return };
        // The prompt there is now is not ours yet where its first line makes it so.
        let at_first = !*begun && !first.is_empty() && settled && !self.line.is_empty();
        if stands && waits != Waits::No || at_first {
            *begun |= !first.is_empty();
            match first.pop_front() {
                Some(line) => {
                    self.line.clear();
                    self.say(line, view.modes);
                }
                None => self.is_ready(true),
            }
            return;
        }
        if self.prompts.known() {
            if waits != Waits::No && quiet >= STARTED || late {
                return self.is_ready(false);
            }
            return self.look_again(quiet);
        }
        if self.known.draws {
            return if settled || late { self.is_ready(true) } else { self.look_again(quiet) };
        }
        if !settled && !late {
            return self.look_again(quiet);
        }
        let secret = view.modes.lines && !view.modes.shows;
        if self.line.is_empty() || secret || is_question(&self.line) || late {
            return self.is_ready(self.line.is_empty());
        }
        if *probed > 0 {
            let same = pattern_of(&self.line).is_some_and(|pattern| before == Some(pattern));
            if same || *probed > 1 {
                self.echoes = *broke;
                self.prompts.learn(&self.line);
                return self.is_ready(true);
            }
        }
        // An empty line, and what stands there afterwards.
        (*probed, *broke) = (*probed + 1, false);
        let candidate = std::mem::take(&mut self.line);
        self.early.extend_from_slice(&candidate);
        self.typed.extend_from_slice(self.eol);
        self.look_in = Some(SETTLE);
    }

    /// The pattern of what stood at the end before an empty line was typed.
    fn early_pattern(&self) -> Option<String> {
        let from = self.early.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        pattern_of(self.early.get(from..)?)
    }

    fn is_ready(&mut self, at_prompt: bool) {
        let probed = matches!(self.state, State::Starting { probed, .. } if probed > 0);
        self.at_prompt = at_prompt;
        self.state = State::Idle;
        self.look_in = None;
        let shown = String::from_utf8_lossy(&self.line).trim().to_owned();
        let note = match (self.prompts.known(), at_prompt) {
            (true, true) if probed => format!("its prompt is {shown:?}, as it seems"),
            (true, true) => String::new(),
            (true, false) => "its prompt has not come yet".to_owned(),
            (false, _) if self.known.draws => "it draws on the whole screen, which shows here as it is written".to_owned(),
            (false, _) => "it shows no prompt: an eval is over when it falls quiet".to_owned(),
        };
        self.ready = Some(note);
        if probed {
            // The same stands there once more.
            let from = self.early.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.early.truncate(from);
        }
        if at_prompt {
            self.line.clear();
        }
    }

    /// What it said before it was ready, after `Ready`.
    pub(super) fn tell_early(&mut self) {
        let early = std::mem::take(&mut self.early);
        self.tell(&early);
    }
}

fn unfinished() -> Failure {
    Failure {
        name: "Unfinished".to_owned(),
        value: "the program waits for the rest of this code; nothing of it was kept".to_owned(),
        traceback: String::new(),
    }
}

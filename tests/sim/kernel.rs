//! A kernel that does what interpreters do: it prints, reads, hangs, catches its interrupts, dies; and its signals arrive
//! late and hit whatever runs by then. What it ran and what hit it is the truth that the promises are held against.

use crate::order::Chunk;
use crate::story::Check;
use crate::world::{What, World};
use crate::{interrupt, story::hold};
use rialto_protocol::kernel::{Answer, Ask, Completeness, Death, DisplayRole, Done, DoneHow, KernelCommand, KernelEvent};
use rialto_protocol::kernel::{Exec, KernelInfo, Step};
use rialto_protocol::{Bundle, Bytes, EvalNumber, Failure, Life, Run, Stream};
use std::collections::{BTreeMap, VecDeque};

/// One kernel process. The world numbers them, so that what is under way to a dead one finds nobody.
pub(crate) struct Kernel {
    pub(crate) no: u32,
    pub(crate) life: Life,
    ready: bool,
    pub(crate) running: Option<Running>,
    /// What was handed over before its turn and has not begun.
    pub(crate) slots: VecDeque<Exec>,
    /// The eval that ran last.
    ran: EvalNumber,
    /// Signals under way: number, and the eval that each was meant for.
    signals: BTreeMap<u64, (Step, Option<EvalNumber>)>,
    /// A fence, and the last signal before it.
    fences: Vec<(u32, u64)>,
    query: Option<u64>,
    asks: u64,
    background: u32,
    /// Something in it writes on after evals have ended.
    noisy: bool,
    /// When its last word and the last word to it arrive: pipes keep their order.
    said: u64,
    told: u64,
}

/// What runs.
pub(crate) struct Running {
    pub(crate) n: EvalNumber,
    chunks: u32,
    left: u64,
    /// It stops only when it is interrupted.
    pub(crate) hangs: bool,
    /// Interrupts it catches and ignores.
    deaf: u64,
    /// It waits for the answer to this.
    reads: Option<u64>,
}

impl World {
    pub(crate) fn spawn_kernel(&mut self, life: Life) {
        self.kernels += 1;
        let no = self.kernels;
        self.kernel = Some(Kernel {
            no,
            life,
            ready: false,
            running: None,
            slots: VecDeque::new(),
            ran: 0,
            signals: BTreeMap::new(),
            fences: Vec::new(),
            query: None,
            asks: 0,
            background: 0,
            noisy: self.dice.chance(40),
            said: self.now,
            told: self.now,
        });
        let lag = self.dice.lag(8_000);
        self.at(lag, What::KernelStep(no));
    }

    /// A command goes out. `named`: the eval an interrupt was recorded against.
    pub(crate) fn tell_kernel(&mut self, command: KernelCommand, named: Option<EvalNumber>) {
        let lag = self.dice.lag(60);
        let signal_lag = self.dice.lag(400);
        let (now, signal) = (self.now, self.signals + 1);
        let Some(k) = &mut self.kernel else { return };
        if let KernelCommand::Interrupt(step) = command {
            // A signal takes its own way, and its own time.
            self.signals = signal;
            k.signals.insert(signal, (step, named));
            let no = k.no;
            return self.at(signal_lag, What::Signal(no, signal));
        }
        k.told = k.told.max(now + lag) + 1;
        let (no, wait) = (k.no, k.told - now);
        let last = self.signals;
        self.at(wait, What::ToKernel(no, command, last));
    }

    fn kernel_says(&mut self, event: KernelEvent) {
        let lag = self.dice.lag(80);
        let (now, sup) = (self.now, self.sup.as_ref().map_or(0, |s| s.no));
        let Some(k) = &mut self.kernel else { return };
        k.said = k.said.max(now + lag) + 1;
        let (life, wait) = (k.life, k.said - now);
        self.at(wait, What::FromKernel(sup, life, event));
    }

    /// The kernel of this number, where it still lives.
    fn alive(&mut self, no: u32) -> Option<&mut Kernel> {
        self.kernel.as_mut().filter(|k| k.no == no)
    }

    /// Evals lie ready from this moment on.
    pub(crate) fn lies_ready(&mut self, execs: Vec<Exec>) {
        let look = self.dice.lag(60);
        let Some(k) = &mut self.kernel else { return };
        k.slots.extend(execs);
        let no = k.no;
        if k.running.is_none() {
            self.at(look, What::Looks(no));
        }
    }

    /// Between two evals it takes the next that lies ready.
    pub(crate) fn kernel_looks(&mut self, no: u32) -> Check {
        let Some(k) = self.alive(no).filter(|k| k.running.is_none()) else { return Ok(()) };
        let Some(exec) = k.slots.pop_front() else { return Ok(()) };
        self.count.one("evals that began by themselves");
        self.kernel_runs(no, exec)
    }

    fn kernel_runs(&mut self, no: u32, exec: Exec) -> Check {
        let deaf = if self.dice.chance(15) { self.dice.between(1, 3) } else { 0 };
        let hangs = self.dice.chance(12);
        let left = self.dice.below(6);
        let step = self.dice.lag(300);
        let Some(k) = self.alive(no) else { return Ok(()) };
        hold!("order", k.ready && k.running.is_none(), "the kernel is handed #{} while it runs another", exec.n);
        hold!("order", k.query.is_none(), "the kernel is handed #{} while it answers a query", exec.n);
        k.running = Some(Running { n: exec.n, chunks: 0, left, hangs, deaf, reads: None });
        k.ran = exec.n;
        self.tell("kernel", || format!("runs #{} {:.40}", exec.n, exec.code));
        self.count.one("executed");
        self.once.executes(&self.model, exec.n, &exec.code)?;
        self.at(step, What::KernelStep(no));
        Ok(())
    }

    pub(crate) fn kernel_hears(&mut self, no: u32, command: KernelCommand, last_signal: u64) -> Check {
        let step = self.dice.lag(300);
        let Some(k) = self.alive(no) else { return Ok(()) };
        match command {
            KernelCommand::Exec(exec) => {
                hold!("order", k.slots.is_empty(), "the kernel is told to run #{} while others lie ready", exec.n);
                return self.kernel_runs(no, exec);
            }
            KernelCommand::Fence(number) => {
                k.fences.push((number, last_signal));
                self.answer_fences(no);
            }
            KernelCommand::Input { ask, .. } => {
                if let Some(r) = k.running.as_mut().filter(|r| r.reads == Some(ask)) {
                    r.reads = None;
                    self.at(step, What::KernelStep(no));
                }
            }
            KernelCommand::Query(number, _) => {
                hold!("order", k.running.is_none(), "a query is asked while an eval runs");
                k.query = Some(number);
                // One that takes longer than a session's patience, now and then.
                let wait = if self.dice.chance(15) { 10_000_000 } else { self.dice.lag(2_000) };
                self.at(wait, What::Answers(no, number));
            }
            KernelCommand::Comm(number, message) => {
                let life = k.life;
                self.once.hears(life, &message)?;
                self.count.one("messages to comms");
                self.kernel_says(KernelEvent::Took(number));
            }
            KernelCommand::Shutdown => {
                // Some exit handlers never come to an end.
                if self.dice.chance(80) {
                    self.dies(no, Death { code: Some(0), ..Death::default() });
                }
            }
            KernelCommand::Interrupt(_) | KernelCommand::Terminal(_) => {}
        }
        Ok(())
    }

    pub(crate) fn kernel_answers(&mut self, no: u32, number: u64) {
        if let Some(k) = self.alive(no)
            && k.query == Some(number)
        {
            k.query = None;
            self.kernel_says(KernelEvent::Answer(number, Answer::Completeness(Completeness::Complete)));
        }
    }

    /// A fence is answered once every signal before it has landed.
    fn answer_fences(&mut self, no: u32) {
        let Some(k) = self.alive(no) else { return };
        let first = k.signals.keys().next().copied().unwrap_or(u64::MAX);
        let (done, wait): (Vec<_>, Vec<_>) = std::mem::take(&mut k.fences).into_iter().partition(|(_, last)| first > *last);
        k.fences = wait;
        for (number, _) in done {
            self.kernel_says(KernelEvent::Fenced(number));
        }
    }

    pub(crate) fn signal_lands(&mut self, no: u32, signal: u64) -> Check {
        let swallowed = self.dice.chance(10);
        let survives = self.dice.chance(25);
        let Some(k) = self.alive(no) else { return Ok(()) };
        let Some((step, named)) = k.signals.remove(&signal) else { return Ok(()) };
        let runs = k.running.as_ref().map(|r| r.n);
        match step {
            Step::Kill => self.dies(no, Death { signal: Some("SIGKILL".to_owned()), ..Death::default() }),
            Step::Terminate => {
                interrupt::signal_lands(named, runs)?;
                if !survives {
                    self.dies(no, Death { signal: Some("SIGTERM".to_owned()), ..Death::default() });
                }
            }
            Step::Interrupt | Step::Again => {
                interrupt::signal_lands(named, runs)?;
                k.query = None;
                match &mut k.running {
                    None => self.count.one("signals that came after the end"),
                    Some(r) if r.deaf > 0 => {
                        r.deaf -= 1;
                        self.count.one("interrupts ignored by the code");
                    }
                    Some(r) if swallowed => {
                        // The code catches it and goes on to an end of its own.
                        (r.hangs, r.left, r.reads) = (false, 0, None);
                        self.at(100, What::KernelStep(no));
                    }
                    Some(_) => self.ends(DoneHow::Interrupted(Failure::default())),
                }
            }
        }
        self.tell("kernel", || format!("signal {step:?} for {named:?} finds {runs:?}"));
        self.answer_fences(no);
        Ok(())
    }

    fn ends(&mut self, how: DoneHow) {
        let Some(r) = self.kernel.as_mut().and_then(|k| k.running.take()) else { return };
        let wrote = Bytes::from(r.chunks.to_string().as_str());
        let result = Some(Bundle::from([("wrote".to_owned(), wrote)]));
        self.tell("kernel", || format!("#{} ends {how:?}", r.n));
        self.kernel_says(KernelEvent::Done(Done { n: r.n, how, result, idle_guess: false }));
        let look = self.dice.lag(40);
        if let Some(no) = self.kernel.as_ref().filter(|k| !k.slots.is_empty()).map(|k| k.no) {
            self.at(look, What::Looks(no));
        }
        if let Some(k) = self.kernel.as_ref().filter(|k| k.noisy).map(|k| k.no) {
            let wait = self.dice.lag(200);
            self.at(wait, What::Noise(k));
        }
    }

    pub(crate) fn dies(&mut self, no: u32, death: Death) {
        if self.alive(no).is_none() {
            return;
        }
        self.tell("kernel", || format!("dies: {death:?}"));
        self.kernel_says(KernelEvent::Died(death));
        let wait = self.dice.between(1_000, 40_000);
        let Some(mut k) = self.kernel.take() else { return };
        // What lies in a pipe outlives whoever reads it.
        self.are_back(k.slots.drain(..));
        if self.dice.chance(30) {
            // A child that outlived it still holds the pipe, and says things that no longer matter.
            let sup = self.sup.as_ref().map_or(0, |s| s.no);
            let n = k.running.map_or(k.ran, |r| r.n);
            let late = match self.dice.below(4) {
                0 => KernelEvent::Done(Done { n: n + 1, how: DoneHow::Ok, result: None, idle_guess: false }),
                1 => KernelEvent::Fenced(1),
                2 => KernelEvent::Died(Death::default()),
                _ => KernelEvent::Output { n, background: false, runs: Vec::new() },
            };
            self.count.one("words of a life that was over");
            self.at(k.said.saturating_sub(self.now) + wait, What::FromKernel(sup, k.life, late));
        }
    }

    /// Something writes on after the eval that started it has ended.
    pub(crate) fn noise(&mut self, no: u32) {
        let flagged = self.dice.chance(70);
        let again = self.dice.chance(50);
        let wait = self.dice.lag(2_000);
        let Some(k) = self.alive(no) else { return };
        if k.running.is_none() && k.ran > 0 {
            // A runner that has not noticed the end yet does not flag it.
            let chunk = Chunk { no: k.background, background: true }.bytes(8);
            k.background += 1;
            let runs = vec![Run { stream: Stream::Stderr, data: Bytes(chunk) }];
            let n = k.ran;
            self.count.one("background output");
            self.kernel_says(KernelEvent::Output { n, background: flagged, runs });
        }
        if again {
            self.at(wait, What::Noise(no));
        }
    }

    /// The next thing that it does by itself.
    pub(crate) fn kernel_step(&mut self, no: u32) {
        let (roll, next) = (self.dice.below(100), self.dice.lag(400));
        let Some(k) = self.alive(no) else { return };
        if !k.ready {
            k.ready = true;
            if roll < 8 {
                self.count.one("failed starts");
                let failed_start = Some("no such interpreter".to_owned());
                return self.dies(no, Death { failed_start, ..Death::default() });
            }
            return self.kernel_says(KernelEvent::Ready(KernelInfo {
                language: "toy".to_owned(),
                comms: true,
                ..KernelInfo::default()
            }));
        }
        let Some(r) = &mut k.running else { return };
        if r.reads.is_some() {
            return;
        }
        let n = r.n;
        if r.left == 0 {
            if r.hangs {
                return;
            }
            return match roll {
                0..65 => self.ends(DoneHow::Ok),
                65..85 => self.ends(DoneHow::Error(Failure::default())),
                85..92 => self.ends(DoneHow::Exit { code: i32::from(roll > 88), message: None }),
                92..96 => self.dies(no, Death { signal: Some("SIGSEGV".to_owned()), ..Death::default() }),
                _ => self.ends(DoneHow::Ok),
            };
        }
        r.left -= 1;
        match roll {
            0..70 => {
                let len = if roll < 10 { 6_000 } else { 20 };
                let chunk = Chunk { no: r.chunks, background: false }.bytes(len);
                r.chunks += 1;
                let runs = vec![Run { stream: Stream::Stdout, data: Bytes(chunk) }];
                self.kernel_says(KernelEvent::Output { n, background: false, runs });
            }
            70..80 => {
                let data = Bundle::from([("text/plain".to_owned(), Bytes(vec![b'd'; 40]))]);
                self.kernel_says(KernelEvent::Display { n, role: DisplayRole::Display, data });
            }
            80..84 => {
                // Too large for one frame: the driver stores it in pieces and hands the rules its key.
                self.kernel_says(KernelEvent::DisplayStart {
                    n,
                    role: DisplayRole::Display,
                    forms: vec![("image/png".to_owned(), 40_000)],
                });
            }
            84..96 => {
                k.asks += 1;
                r.reads = Some(k.asks);
                let ask = Ask { n, ask: k.asks, prompt: "? ".to_owned(), secret: roll < 90, line: true };
                self.kernel_says(KernelEvent::Ask(ask));
            }
            96 => {
                // A thread of an eval that is over reads: it is told at once that nothing will come.
                k.asks += 1;
                let ask = Ask { n: n - 1, ask: k.asks, prompt: String::new(), secret: false, line: true };
                self.kernel_says(KernelEvent::Ask(ask));
            }
            _ => {}
        }
        self.at(next, What::KernelStep(no));
    }
}

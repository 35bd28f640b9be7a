//! JavaScript with nothing installed: QuickJS on a thread of this process.
//!
//! Code sees the language, a console and timers; there is no file, no network, no process and no way to load anything, because
//! nothing that could is ever handed to it. What it may take is bounded ([`limits`]): memory and stack by the engine, time by the
//! engine's interrupt, output by the events' queue, which makes it wait.
//!
//! A thread cannot be killed. Code that computes inside one of the engine's own functions (`indexOf` in a text of megabytes) looks
//! at no interrupt until that returns; when such a kernel is killed its thread is left to end by itself, and a process that has
//! left [`limits::LEFT`] of them behind starts no further one.

mod engine;
mod limits;
mod output;
mod source;
mod talk;
mod timers;

use crate::Kernel;
use crate::launch::{KernelSpec, LaunchError};
use limits::Limits;
use output::Output;
use rialto_protocol::kernel::{Death, KernelCommand, KernelEvent, Launch, Step};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use talk::{Ends, Talk};

/// Threads that live, in this process.
static LIVING: AtomicUsize = AtomicUsize::new(0);

/// What the session sees of the engine.
struct Js {
    talk: Arc<Talk>,
    out: Arc<Output>,
    /// It was to be killed: nothing more is waited for.
    killed: bool,
    dead: bool,
}

/// Starts a kernel.
pub(crate) fn launch(launch: &Launch) -> Result<Box<dyn Kernel>, LaunchError> {
    let start = |why: std::io::Error| LaunchError::Start { program: "the JavaScript engine".to_owned(), source: why };
    let limits = Limits::of(&launch.env).map_err(|why| start(std::io::Error::other(why)))?;
    if LIVING.load(SeqCst) > limits::LEFT {
        let why = "code of earlier kernels of this session is still computing and cannot be stopped; make another session";
        return Err(start(std::io::Error::other(why)));
    }
    let talk = Arc::new(Talk::default());
    let out = Arc::new(Output::default());
    let (their_talk, their_out) = (Arc::clone(&talk), Arc::clone(&out));
    let run = move || {
        let _alive = Alive::new(Arc::clone(&their_out));
        engine::run(&their_talk, &their_out, limits);
    };
    std::thread::Builder::new().name("js".to_owned()).stack_size(limits::THREAD_STACK).spawn(run).map_err(start)?;
    Ok(Box::new(Js { talk, out, killed: false, dead: false }))
}

/// Counts the thread, and says that it has ended where it could not say so itself.
struct Alive(Arc<Output>);

impl Alive {
    fn new(out: Arc<Output>) -> Self {
        LIVING.fetch_add(1, SeqCst);
        Self(out)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVING.fetch_sub(1, SeqCst);
        // After a death that was told this is not looked at any more.
        let text = "the JavaScript engine broke down; tell its authors".to_owned();
        self.0.tell(KernelEvent::Died(Death {
            signal: Some("SIGABRT".to_owned()),
            failed_start: Some(text),
            ..Death::default()
        }));
    }
}

/// What would run: it is in this program.
pub(crate) fn spec() -> KernelSpec {
    KernelSpec {
        name: "js".to_owned(),
        language: "javascript".to_owned(),
        program: std::env::current_exe().ok().map(|exe| exe.display().to_string()),
        version: Some(engine::VERSION.to_owned()),
        found: None,
    }
}

impl Kernel for Js {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<KernelEvent> {
        if self.dead {
            return Poll::Pending;
        }
        let killed = || KernelEvent::Died(Death { signal: Some("SIGKILL".to_owned()), ..Death::default() });
        let event = match self.out.poll(cx) {
            Poll::Ready(event) => event,
            Poll::Pending if self.killed => killed(),
            Poll::Pending => return Poll::Pending,
        };
        self.dead = matches!(event, KernelEvent::Died(_));
        Poll::Ready(event)
    }

    fn command(&mut self, command: KernelCommand) {
        match command {
            KernelCommand::Interrupt(Step::Interrupt | Step::Again) => self.talk.interrupt(),
            KernelCommand::Interrupt(Step::Terminate) => self.talk.end(Ends::Terminated),
            KernelCommand::Interrupt(Step::Kill) => self.kill_group(),
            KernelCommand::Shutdown => self.talk.end(Ends::Asked),
            // It says that it has none.
            KernelCommand::Comm(..) => {}
            command => self.talk.say(command),
        }
    }

    fn pid(&self) -> Option<u32> {
        None
    }

    fn kill_group(&mut self) {
        self.talk.end(Ends::Killed);
        self.out.close();
        self.killed = true;
    }
}

impl Drop for Js {
    fn drop(&mut self) {
        self.kill_group();
    }
}

//! The engine's thread: takes commands one after the other, and between them runs what is due.

mod ask;
mod globals;
mod reject;

use super::limits::{self, Limits};
use super::output::Output;
use super::source::{self, Open};
use super::talk::{Ends, Talk};
use super::timers::Timers;
use reject::Rejected;
use rialto_protocol::data::{Bundle, Failure, Show, Stream};
use rialto_protocol::kernel::{
    Answer, Death, DisplayRole, Done, DoneHow, Exec, INLINE_RESULT, KernelCommand, KernelEvent, KernelInfo, Query,
};
use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Promise, Runtime, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const VERSION: &str = "QuickJS-ng 0.16";

/// A question about code may compute so long: somebody is typing.
const QUESTION: Duration = Duration::from_secs(1);
/// A value's text; what is longer is cut. Bytes.
const RESULT: usize = 48 * 1024;

/// What code's own functions and the loop share.
struct State {
    talk: Arc<Talk>,
    out: Arc<Output>,
    timers: RefCell<Timers>,
    rejected: RefCell<Rejected>,
    /// An eval runs: an interrupt is for it.
    in_eval: Cell<bool>,
    /// It has computed since then, without a pause,
    since: Cell<Instant>,
    /// and may do so for that long.
    limit: Cell<Option<Duration>>,
    /// It did it for longer.
    late: Cell<bool>,
    /// It wants to end with this code.
    leaves: Cell<Option<i32>>,
    asks: Cell<u64>,
}

impl State {
    /// Asked by the engine every few thousand steps: is what computes to be stopped?
    fn stop(&self) -> bool {
        if self.limit.get().is_some_and(|limit| self.since.get().elapsed() > limit) {
            self.late.set(true);
        }
        let interrupted = self.in_eval.get() && self.talk.interrupted();
        interrupted || self.late.get() || self.leaves.get().is_some() || self.talk.ends() != Ends::Not
    }

    /// From here on something computes.
    fn begins(&self, limit: Option<Duration>) {
        self.since.set(Instant::now());
        self.limit.set(limit);
        self.late.set(false);
        self.leaves.set(None);
    }
}

/// Serves commands until the kernel is to end, and says how it did.
pub(super) fn run(talk: &Arc<Talk>, out: &Arc<Output>, limits: Limits) {
    let state = Rc::new(State {
        talk: Arc::clone(talk),
        out: Arc::clone(out),
        timers: RefCell::default(),
        rejected: RefCell::default(),
        in_eval: Cell::new(false),
        since: Cell::new(Instant::now()),
        limit: Cell::new(None),
        late: Cell::new(false),
        leaves: Cell::new(None),
        asks: Cell::new(0),
    });
    let death = match Engine::new(Rc::clone(&state), limits) {
        Ok(engine) => engine.serve(),
        Err(why) => Death { failed_start: Some(format!("the JavaScript engine did not start: {why}")), ..Death::default() },
    };
    state.out.tell(KernelEvent::Died(death));
}

struct Engine {
    // Freed in this order: what is kept of the engine's before the engine.
    own: Persistent<Object<'static>>,
    context: Context,
    state: Rc<State>,
    limits: Limits,
}

/// What became of an eval's promise.
enum Settled<'js> {
    Value(Value<'js>),
    Thrown(Value<'js>),
    /// Stopped from outside.
    Stopped,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What is remembered of promises is the engine's.
        self.state.rejected.borrow_mut().clear();
    }
}

impl Engine {
    fn new(state: Rc<State>, limits: Limits) -> rquickjs::Result<Self> {
        let runtime = Runtime::new()?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(limits::STACK);
        let (stopping, rejecting) = (Rc::clone(&state), Rc::clone(&state));
        runtime.set_interrupt_handler(Some(Box::new(move || stopping.stop())));
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, handled| {
            if let Ok(mut rejected) = rejecting.rejected.try_borrow_mut() {
                rejected.track(&ctx, promise, reason, handled);
            }
        })));
        let context = Context::full(&runtime)?;
        let own = context.with(|ctx| globals::define(&ctx, &state))?;
        Ok(Self { own, context, state, limits })
    }

    fn serve(&self) -> Death {
        let info = KernelInfo {
            language: "javascript".to_owned(),
            version: VERSION.to_owned(),
            executable: std::env::current_exe().map(|exe| exe.display().to_string()).unwrap_or_default(),
            pid: std::process::id(),
            note: Some(format!(
                "no files, no network, {} MiB; nothing of it outlives this session",
                self.limits.memory / (1024 * 1024)
            )),
            best_effort: false,
            comms: false,
        };
        self.state.out.tell(KernelEvent::Ready(info));
        loop {
            let talk = &self.state.talk;
            match talk.ends() {
                Ends::Not => {}
                Ends::Asked => return Death { code: Some(0), ..Death::default() },
                Ends::Terminated => return Death { signal: Some("SIGTERM".to_owned()), ..Death::default() },
                Ends::Killed => return Death { signal: Some("SIGKILL".to_owned()), ..Death::default() },
            }
            self.background();
            let until = self.state.timers.borrow().next();
            match talk.next(until, false, |_| true) {
                None
                | Some(
                    KernelCommand::Input { .. }
                    | KernelCommand::Interrupt(_)
                    | KernelCommand::Comm(..)
                    | KernelCommand::Shutdown
                    | KernelCommand::Terminal(_),
                ) => {}
                Some(KernelCommand::Exec(exec)) => self.exec(&exec),
                Some(KernelCommand::Fence(k)) => {
                    talk.forget_interrupt();
                    self.state.out.tell(KernelEvent::Fenced(k));
                }
                Some(KernelCommand::Query(id, query)) => {
                    let answer = self.answer(&query);
                    self.state.out.tell(KernelEvent::Answer(id, answer));
                }
            }
        }
    }

    /// One of the functions that only we can call.
    fn own<'js>(&self, ctx: &Ctx<'js>, name: &str) -> rquickjs::Result<Function<'js>> {
        self.own.clone().restore(ctx)?.get(name)
    }

    /// Timers that are due between evals, and what follows from them. What they print comes after the end.
    fn background(&self) {
        self.context.with(|ctx| {
            self.state.begins(self.limits.time);
            self.due(&ctx);
            self.report(&ctx, None);
        });
    }

    /// Calls what is due, and then whatever waits for it.
    fn due(&self, ctx: &Ctx<'_>) {
        self.jobs(ctx);
        let now = Instant::now();
        // One that is due again at once waits for the next round.
        while let Some(id) = { self.state.timers.borrow_mut().take(now) } {
            let called = self.own(ctx, "fire").and_then(|fire| fire.call::<_, Value<'_>>((id as f64,)));
            if called.is_err() {
                let thrown = ctx.catch();
                if !self.state.stop() {
                    let text = self.failure(ctx, &thrown).traceback;
                    self.state.out.write(Stream::Stderr, &text);
                }
            }
            self.jobs(ctx);
            if self.state.stop() {
                break;
            }
        }
    }

    fn jobs(&self, ctx: &Ctx<'_>) {
        while !self.state.stop() && ctx.execute_pending_job() {}
    }

    fn exec(&self, exec: &Exec) {
        let out = &self.state.out;
        out.belongs(exec.n, false);
        self.state.begins(self.limits.time);
        self.state.in_eval.set(true);
        let (how, text) = self.context.with(|ctx| self.eval(&ctx, exec));
        self.state.in_eval.set(false);
        let bundle = |text: String| Bundle::from([("text/plain".to_owned(), text.into_bytes().into())]);
        let result = match text {
            Some(long) if long.len() > INLINE_RESULT => {
                out.tell(KernelEvent::Display { n: exec.n, role: DisplayRole::Result, data: bundle(long) });
                None
            }
            text => text.map(bundle),
        };
        out.tell(KernelEvent::Done(Done { n: exec.n, how, result, idle_guess: false }));
        out.belongs(exec.n, true);
    }

    fn eval(&self, ctx: &Ctx<'_>, exec: &Exec) -> (DoneHow, Option<String>) {
        if let Some(argv) = &exec.argv {
            let _ = ctx.globals().set("scriptArgs", argv.clone());
        }
        let settled = self.settle(ctx, exec);
        let mut text = None;
        let how = match settled {
            Settled::Value(value) => {
                if exec.show == Show::Value && !value.is_undefined() {
                    let _ = self.own(ctx, "keep").and_then(|keep| keep.call::<_, Value<'_>>((value.clone(),)));
                    text = self.text_of(ctx, value);
                }
                // A getter that was looked at may have been the one that never returned.
                if self.state.stop() { self.stopped() } else { DoneHow::Ok }
            }
            Settled::Thrown(_) | Settled::Stopped if self.state.stop() => self.stopped(),
            Settled::Thrown(error) => DoneHow::Error(self.failure(ctx, &error)),
            Settled::Stopped => self.stopped(),
        };
        if how != DoneHow::Ok {
            text = None;
        }
        if self.state.stop() {
            // What was given up is no news: whoever stopped it knows.
            self.state.rejected.borrow_mut().clear();
        }
        (how, text)
    }

    /// Why it was stopped, for whoever sent it.
    fn stopped(&self) -> DoneHow {
        let failure =
            |name: &str, value: String| Failure { name: name.to_owned(), traceback: format!("{name}: {value}\n"), value };
        if let Some(code) = self.state.leaves.get() {
            return DoneHow::Exit { code, message: None };
        }
        if self.state.late.get() {
            let seconds = self.limits.time.unwrap_or_default().as_secs();
            let text = format!(
                "it computed for {seconds} s without a pause; RIALTO_JS_TIME, set where the session is made, says how long it may"
            );
            return DoneHow::Error(failure("TimeLimit", text));
        }
        DoneHow::Interrupted(failure("Interrupted", "the eval was interrupted".to_owned()))
    }

    /// Runs the code and waits for its promise: for what was begun, for timers, for whoever interrupts it.
    fn settle<'js>(&self, ctx: &Ctx<'js>, exec: &Exec) -> Settled<'js> {
        let thrown = |ctx: &Ctx<'js>| Settled::Thrown(ctx.catch());
        let promise: Promise<'_> = match self.start(ctx, exec) {
            Ok(promise) => promise,
            Err(_) => return thrown(ctx),
        };
        loop {
            self.due(ctx);
            if self.state.stop() {
                return Settled::Stopped;
            }
            match promise.state() {
                PromiseState::Pending => {}
                PromiseState::Resolved => {
                    self.report(ctx, Some(&promise));
                    let value = promise.result::<Object<'_>>().and_then(Result::ok);
                    return match value.map(|done| done.get::<_, Value<'_>>("value")) {
                        Some(Ok(value)) => Settled::Value(value),
                        _ => Settled::Value(Value::new_undefined(ctx.clone())),
                    };
                }
                PromiseState::Rejected => {
                    self.report(ctx, Some(&promise));
                    let _ = promise.result::<Value<'_>>();
                    return thrown(ctx);
                }
            }
            self.report(ctx, Some(&promise));
            // Nothing but a timer or somebody outside can change anything now.
            let until = self.state.timers.borrow().next();
            self.state.talk.next(until, true, |_| false);
            self.state.since.set(Instant::now());
        }
    }

    fn start<'js>(&self, ctx: &Ctx<'js>, exec: &Exec) -> rquickjs::Result<Promise<'js>> {
        let options = || {
            let mut options = EvalOptions::default();
            (options.global, options.strict, options.promise, options.backtrace_barrier) = (true, false, true, true);
            options.filename = Some(format!("<cell {}>", exec.n));
            options
        };
        if exec.show == Show::Value
            && let Some(value) = source::as_value(&exec.code)
            && self.judge(ctx, &value) == Some(0)
        {
            return ctx.eval_with_options(value, options());
        }
        ctx.eval_with_options(source::redeclarable(&exec.code), options())
    }

    /// 0: it would run; 1: it ends too early; 2: it is wrong.
    fn judge(&self, ctx: &Ctx<'_>, code: &str) -> Option<i32> {
        let judged = self.own(ctx, "judge").and_then(|judge| judge.call::<_, i32>((code,)));
        judged.map_err(|_| ctx.catch()).ok()
    }

    fn text_of<'js>(&self, ctx: &Ctx<'js>, value: Value<'js>) -> Option<String> {
        match self.own(ctx, "inspect").and_then(|inspect| inspect.call::<_, String>((value,))) {
            Ok(text) => Some(cut(text)),
            Err(_) => {
                let thrown = ctx.catch();
                if self.state.stop() {
                    None
                } else {
                    Some(format!("[a value that cannot be shown: {}]", self.failure(ctx, &thrown).value))
                }
            }
        }
    }

    /// What was thrown, in words.
    fn failure<'js>(&self, ctx: &Ctx<'js>, error: &Value<'js>) -> Failure {
        let described = self.own(ctx, "failure").and_then(|failure| failure.call::<_, String>((error.clone(),)));
        let parts =
            described.map_err(|_| ctx.catch()).ok().and_then(|json| serde_json::from_str::<(String, String, String)>(&json).ok());
        match parts {
            Some((name, value, traceback)) => Failure { name: cut(name), value: cut(value), traceback: cut(traceback) },
            None => Failure { name: "Error".into(), value: "what was thrown cannot be shown".into(), traceback: String::new() },
        }
    }

    /// Says on stderr which promises were rejected and are looked at by nobody; the eval's own is its end.
    fn report<'js>(&self, ctx: &Ctx<'js>, own: Option<&Promise<'js>>) {
        let left = self.state.rejected.borrow_mut().take(ctx, own);
        for reason in left {
            let text = self.failure(ctx, &reason).traceback;
            let text = text.replacen("Uncaught", "Uncaught (in promise)", 1);
            self.state.out.write(Stream::Stderr, &text);
        }
    }

    fn answer(&self, query: &Query) -> Answer {
        self.state.begins(Some(QUESTION));
        self.context.with(|ctx| match query {
            Query::Complete { code, cursor } => ask::complete(self, &ctx, code, *cursor),
            Query::Inspect { code, cursor, detail } => ask::inspect(self, &ctx, code, *cursor, *detail),
            Query::IsComplete { code } => Answer::Completeness(match (source::open(code), self.judge(&ctx, code)) {
                (Open::Wrong, _) => rialto_protocol::kernel::Completeness::Invalid,
                (Open::Deep(deep), _) => rialto_protocol::kernel::Completeness::Incomplete { indent: "  ".repeat(deep.min(40)) },
                (Open::Nothing, judged) => ask::completeness(code, judged),
            }),
        })
    }
}

/// So much of a text as is shown.
fn cut(mut text: String) -> String {
    if text.len() > RESULT {
        let end = (0..=RESULT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let left = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n... {left} bytes more"));
    }
    text
}

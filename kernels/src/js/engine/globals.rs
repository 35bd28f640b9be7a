//! What code can reach of us: five functions, and nothing else.

use super::State;
use rialto_protocol::data::Stream;
use rialto_protocol::kernel::{Ask, KernelCommand, KernelEvent};
use rquickjs::{Ctx, Exception, Function, Object, Persistent, Result};
use std::rc::Rc;
use std::time::Instant;

/// The body of a function of the five.
const PRELUDE: &str = include_str!("../prelude.js");

/// Runs the prelude, and keeps what it returns where code cannot see it.
pub(super) fn define(ctx: &Ctx<'_>, state: &Rc<State>) -> Result<Persistent<Object<'static>>> {
    let made: Function<'_> = ctx.eval(format!("(function (write, timer, clear, ask, leave) {{{PRELUDE}\n}})"))?;
    let with = || Rc::clone(state);
    let s = with();
    let write = Function::new(ctx.clone(), move |stream: i32, text: String| {
        let stream = if stream == 2 { Stream::Stderr } else { Stream::Stdout };
        s.out.write(stream, &text);
    })?;
    let s = with();
    let timer = Function::new(ctx.clone(), move |ctx: Ctx<'_>, ms: f64, again: bool| {
        let started = s.timers.borrow_mut().start(Instant::now(), ms, again);
        started.map(|id| id as f64).ok_or_else(|| Exception::throw_range(&ctx, "there are too many timers; clear some"))
    })?;
    let s = with();
    let clear = Function::new(ctx.clone(), move |id: f64| {
        if id >= 0.0 {
            s.timers.borrow_mut().clear(id as u64);
        }
    })?;
    let s = with();
    let ask = Function::new(ctx.clone(), move |ctx: Ctx<'_>, prompt: String, secret: bool| asks(&s, &ctx, prompt, secret))?;
    let s = with();
    let leave = Function::new(ctx.clone(), move |ctx: Ctx<'_>, code: f64| -> Result<()> {
        s.leaves.set(Some((code as i64 & 0xff) as i32));
        Err(Exception::throw_message(&ctx, "exit"))
    })?;
    let own: Object<'_> = made.call((write, timer, clear, ask, leave))?;
    Ok(Persistent::save(ctx, own))
}

/// Asks whoever sent the eval, and waits for the answer. Nothing at the end of what there is to read.
fn asks(state: &State, ctx: &Ctx<'_>, prompt: String, secret: bool) -> Result<Option<String>> {
    if !state.in_eval.get() {
        return Err(Exception::throw_message(ctx, "there is nobody to ask between evals"));
    }
    let number = state.asks.get() + 1;
    state.asks.set(number);
    state.out.tell(KernelEvent::Ask(Ask { n: state.out.n(), ask: number, prompt, secret, line: true }));
    loop {
        match state.talk.next(None, true, |command| matches!(command, KernelCommand::Input { .. })) {
            Some(KernelCommand::Input { ask, data, eof }) if ask == number => {
                state.since.set(Instant::now());
                let nothing_more = eof && data.is_empty();
                return Ok((!nothing_more).then(|| String::from_utf8_lossy(&data).into_owned()));
            }
            // To a question that was given up.
            Some(_) => {}
            None => return Err(Exception::throw_message(ctx, "interrupted")),
        }
    }
}

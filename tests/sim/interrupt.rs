//! Promise 4: an interrupt hits the eval it names and no other; what is said of it is true; a group stops, and nothing else.

use crate::model::{At, Model};
use crate::story::{Check, hold};
use rialto_protocol::event::{EndOfLife, Event, Record};
use rialto_protocol::kernel::{KernelCommand, KernelEvent, Step};
use rialto_protocol::message::{InterruptAnswer, Verdict};
use rialto_protocol::{EvalNumber, Message, Outcome};
use rialto_session::{Input, Output};

/// Before a record is applied.
pub(crate) fn record(m: &Model, r: &Record, cause: &Input) -> Check {
    match &r.event {
        Event::Interrupting(e) => {
            hold!("interrupt", m.running == Some(e.n), "an interrupt goes out for #{}, and {:?} runs", e.n, m.running);
            if let Input::Request(_, Message::Interrupt(asked)) = cause {
                let named = m.by_id(&asked.eval).map(|eval| eval.n);
                hold!("interrupt", named == Some(e.n), "#{} is interrupted where {named:?} was named", e.n);
            }
        }
        Event::InterruptNoted(e) => {
            hold!("interrupt", m.by_id(&e.eval).is_none(), "an interrupt is noted for an eval that has arrived");
        }
        Event::Ended(e) => match e.outcome {
            Outcome::Cancelled => cancelled(m, e.n, cause)?,
            // The disk's fault, and said so.
            Outcome::NotRun if e.why.as_ref().is_some_and(|w| w.contains("could not be read back")) => {}
            Outcome::NotRun => not_run(m, e.n, cause)?,
            Outcome::Interrupted => {
                let hit = m.eval(e.n).is_some_and(|eval| eval.hardest.is_some());
                hold!("interrupt", hit, "#{} ends interrupted, and nobody interrupted it", e.n);
            }
            _ if matches!(cause, Input::Up { .. }) && m.running == Some(e.n) => {
                hold!("interrupt", e.outcome == Outcome::Lost, "#{} ends {:?} with its supervisor", e.n, e.outcome);
            }
            Outcome::Lost => {
                let recovering = matches!(cause, Input::Up { .. });
                hold!("interrupt", recovering, "#{} is lost while its supervisor lives", e.n);
            }
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

fn cancelled(m: &Model, n: EvalNumber, cause: &Input) -> Check {
    let Some(eval) = m.eval(n) else { return Ok(()) };
    let asked = match cause {
        Input::Request(_, Message::Interrupt(i)) => i.eval == eval.eval,
        Input::Request(_, Message::Submit(s)) => s.eval == eval.eval && m.noted.contains(&eval.eval),
        _ => false,
    };
    hold!("interrupt", asked, "#{n} is cancelled by {cause:?}");
    Ok(())
}

/// An eval may be dropped with its group, its kernel, its session or its supervisor; never for somebody else's sake.
fn not_run(m: &Model, n: EvalNumber, cause: &Input) -> Check {
    let group = m.eval(n).and_then(|eval| eval.group).is_some_and(|g| m.stopped.contains_key(&g));
    let world = match cause {
        Input::Kernel(_, KernelEvent::Died(_)) | Input::Up { .. } | Input::EndSession => true,
        Input::Request(_, Message::Restart(_) | Message::Kill(_)) => true,
        // A session that ends by itself has nothing waiting.
        _ => false,
    };
    hold!("interrupt", group || world, "#{n} is not run, by {cause:?}, and its group was never stopped");
    Ok(())
}

/// After a turn.
pub(crate) fn rest(m: &Model, cause: &Input) -> Check {
    for n in &m.waiting {
        let stopped = m.eval(*n).and_then(|eval| eval.group).and_then(|g| m.stopped.get(&g));
        hold!("interrupt", stopped.is_none(), "#{n} still waits, and {stopped:?} stopped its group");
    }
    if let Some(eval) = m.running.and_then(|n| m.eval(n)) {
        let by = eval.group.and_then(|g| m.stopped.get(&g));
        hold!("interrupt", by.is_none_or(|by| *by > eval.n), "#{} runs, and {by:?} stopped its group", eval.n);
    }
    if let Input::Request(_, Message::Submit(s)) = cause
        && m.noted.contains(&s.eval)
        && let Some(eval) = m.by_id(&s.eval)
    {
        // A crash between its two records leaves it `not_run`, which is as true.
        let over = matches!(eval.at, At::Ended(Outcome::Cancelled | Outcome::NotRun));
        hold!("interrupt", over, "#{} was interrupted before it arrived and is {:?}", eval.n, eval.at);
    }
    Ok(())
}

/// What one input made, as a whole.
pub(crate) fn turn(m: &Model, out: &[Output]) -> Check {
    let events = || out.iter().filter_map(|o| if let Output::Record(r, _) = o { Some(&r.event) } else { None });
    let not_run = |n: EvalNumber| events().any(|e| matches!(e, Event::Ended(e) if e.n == n && e.outcome == Outcome::NotRun));
    for event in events() {
        match event {
            // Nothing runs in a fresh namespace unasked: what waited for a kernel goes with it,
            Event::LifeEnded(e) if e.why != EndOfLife::Restarted => {
                hold!("interrupt", m.waiting.is_empty(), "{:?} wait for another kernel than the one that died", m.waiting);
            }
            // and what was submitted after a restart was asked for is meant for the life that follows.
            Event::LifeEnded(_) => {
                let dropped =
                    m.evals.iter().find(|eval| not_run(eval.n) && !eval.group.is_some_and(|g| m.stopped.contains_key(&g)));
                hold!("interrupt", dropped.is_none(), "{dropped:?} came after the restart and is not run");
            }
            Event::Ended(e) if e.why.as_ref().is_some_and(|w| w.contains("could not be read back")) => {
                let goes_on = m.running.is_some() || m.waiting.is_empty();
                hold!("liveness", goes_on, "#{} cannot be run, and {:?} wait for nothing", e.n, m.waiting);
            }
            _ => {}
        }
    }
    Ok(())
}

/// A restart was asked for and begins: the kernel is told to end.
pub(crate) fn restart(m: &Model, cause: &Input, out: &[Output]) -> Check {
    let begins = out.iter().any(|o| matches!(o, Output::Kernel(KernelCommand::Shutdown | KernelCommand::Interrupt(Step::Kill))));
    if begins && matches!(cause, Input::Request(_, Message::Restart(_))) {
        hold!("interrupt", m.waiting.is_empty(), "{:?} waited before the restart, and still do", m.waiting);
    }
    Ok(())
}

/// A verdict is true when it is said.
pub(crate) fn verdict(m: &Model, a: &InterruptAnswer) -> Check {
    let at = m.by_id(&a.eval).map(|eval| (eval.at, eval.hardest));
    let right = match (a.verdict, at) {
        (Verdict::Interrupted, Some((At::Ended(Outcome::Interrupted), _))) => true,
        (Verdict::Interrupted, Some((At::Ended(Outcome::Died), hardest))) => hardest >= Some(Step::Terminate),
        (Verdict::Cancelled, Some((At::Ended(Outcome::Cancelled), _))) => true,
        // It never arrived, and the session that it could have run in is over.
        (Verdict::Cancelled, None) => m.ended,
        (Verdict::Finished, Some((At::Ended(Outcome::Ok | Outcome::Error | Outcome::Exit), _))) => true,
        (Verdict::NotRunning, Some((At::Ended(Outcome::Died | Outcome::Lost | Outcome::NotRun), _))) => true,
        (Verdict::Pending, Some((At::Running, _))) | (Verdict::Pending, None) => true,
        _ => false,
    };
    hold!("interrupt", right, "the verdict on an eval that is {at:?}: {a:?}");
    Ok(())
}

/// Which signal may hit what: the kernel's own record of it.
pub(crate) fn signal_lands(named: Option<EvalNumber>, running: Option<EvalNumber>) -> Check {
    if let Some(hit) = running {
        hold!("interrupt", named == Some(hit), "a signal meant for {named:?} hits #{hit}");
    }
    Ok(())
}

//! `rialto interrupt SESSION [EVAL]`: stops one eval and says what became of it. Without EVAL, the one that runs now; where
//! nothing runs there is nothing to stop, which is what was wanted, so that is no failure.

use crate::args::{InterruptArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::{paint, reach};
use rialto_client::Start;
use rialto_client::protocol::message::{Escalate, GetEval, InterruptAnswer, Verdict};
use rialto_client::protocol::{Code, EvalId};
use std::time::Duration;

/// Interrupted once more after this long; asked politely to end, the kernel has as long again.
const STEP: Duration = Duration::from_secs(2);

pub(crate) async fn run(place: &PlaceArgs, args: &InterruptArgs) -> Result<u8, Failure> {
    let which = args.eval.as_deref().map(reach::eval).transpose()?;
    let place = Place::of(place)?;
    if let Some(home) = place.home() {
        let session = home.session(&home.resolve(&args.session)?);
        // A supervisor would have to be started to say the same.
        if session.ended() && !session.lives()? {
            paint::talk(&format!("nothing runs in {}: it has ended", args.session));
            return Ok(0);
        }
    }
    let mut reached = reach::existing(&place, &args.session, "interrupt", Start::Detached).await?;
    let name = reached.name();
    let session = &mut reached.session;
    let (eval, shown) = match which {
        Some(GetEval { eval: Some(id), .. }) => {
            // An id that is not known yet can be interrupted, too: its submit may be under way.
            match reach::eval_info(session, GetEval { eval: Some(id), ..GetEval::default() }).await {
                Ok(info) => (id, format!("#{}", info.n)),
                Err(why) if why.known() == Some(Code::UnknownEval) => (id, format!("eval {id}")),
                Err(why) => return Err(why.into()),
            }
        }
        Some(which) => {
            let info = reach::eval_info(session, which).await?;
            (info.eval, format!("#{}", info.n))
        }
        None => match running(session).await? {
            Some((eval, n)) => (eval, format!("#{n}")),
            None => {
                paint::talk(&format!("nothing runs in {name}"));
                reached.session.leave().await;
                return Ok(0);
            }
        },
    };
    let answer = session.interrupt(eval, Some(plan(args))).await?;
    reached.session.leave().await;
    let (code, sentence) = said(&answer, &name, &shown, args);
    paint::talk(&sentence);
    Ok(code)
}

async fn running(session: &mut rialto_client::Session) -> Result<Option<(EvalId, u64)>, Failure> {
    let status = loop {
        match session.status().await {
            Err(why) if why.known() == Some(Code::Disconnected) => {}
            answer => break answer?,
        }
    };
    Ok(status.running_eval.zip(status.running))
}

fn plan(args: &InterruptArgs) -> Escalate {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Escalate {
        again_ms: Some(ms(STEP)),
        terminate_ms: args.force_after.map(ms),
        kill_ms: args.force_after.map(|after| ms(after.saturating_add(STEP))),
        answer_ms: Some(ms(args.wait)),
    }
}

/// What became of an interrupt, in words.
pub(crate) fn sentence(answer: &InterruptAnswer, name: &str, eval: &str, wait: Duration) -> String {
    let args = InterruptArgs { session: name.to_owned(), eval: None, force_after: None, wait };
    said(answer, name, eval, &args).1
}

fn said(answer: &InterruptAnswer, name: &str, eval: &str, args: &InterruptArgs) -> (u8, String) {
    let died = answer.outcome == Some(rialto_client::protocol::Outcome::Died);
    let wait = args.wait.as_secs_f64();
    match answer.verdict {
        Verdict::Interrupted if died => (0, format!("{eval} was stopped by ending its kernel; the next eval starts a fresh one")),
        Verdict::Interrupted => (0, format!("{eval} was interrupted")),
        Verdict::Cancelled => (0, format!("{eval} was waiting and will not run")),
        Verdict::Finished => (0, format!("{eval} ended by itself before the interrupt could matter")),
        Verdict::NotRunning => (0, format!("{eval} is not running any more")),
        Verdict::BestEffort => {
            (0, format!("the interrupt was sent to {eval}; this kind of kernel cannot say whether it arrived"))
        }
        Verdict::Pending => (exit::ERROR, pending(name, eval, args, wait)),
        Verdict::Unknown => (exit::ERROR, format!("{eval}: the session answered in a way this version does not know")),
    }
}

fn pending(name: &str, eval: &str, args: &InterruptArgs, wait: f64) -> String {
    if eval.starts_with("eval ") {
        return format!("{eval} has not arrived in {name}; should it come, it will be cancelled");
    }
    match args.force_after {
        Some(after) => format!(
            "{eval} has not stopped after {wait} s; its kernel is asked to end {} s after the interrupt, and ended 2 s later",
            after.as_secs_f64()
        ),
        None => format!(
            "{eval} has not stopped after {wait} s; to end its kernel with it: rialto interrupt {name} {} --force-after 1",
            eval.trim_start_matches('#')
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(force_after: Option<u64>) -> InterruptArgs {
        let force_after = force_after.map(Duration::from_secs);
        InterruptArgs { session: "work".into(), eval: None, force_after, wait: Duration::from_secs(10) }
    }

    #[test]
    fn force_comes_in_two_steps_and_only_when_asked_for() {
        let gentle = plan(&args(None));
        assert_eq!((gentle.again_ms, gentle.terminate_ms, gentle.kill_ms), (Some(2000), None, None));
        let hard = plan(&args(Some(5)));
        assert_eq!((hard.terminate_ms, hard.kill_ms, hard.answer_ms), (Some(5000), Some(7000), Some(10_000)));
    }

    #[test]
    fn what_did_not_stop_says_what_to_do_next() {
        let answer = InterruptAnswer { re: 0, eval: EvalId([1; 16]), verdict: Verdict::Pending, outcome: None };
        let (code, text) = said(&answer, "work", "#12", &args(None));
        assert!(code == 1 && text.starts_with("#12 has") && text.contains("rialto interrupt work 12 --force-after"), "{text}");
        let (_, text) = said(&answer, "work", "#12", &args(Some(20)));
        assert!(text.contains("20 s after the interrupt"), "{text}");
    }
}

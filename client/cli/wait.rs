//! `rialto wait SESSION EVAL`: returns when the eval has ended, with the exit code it would have had as a program.

use crate::args::{EvalArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::{paint, reach};
use rialto_bridge::journal::Journal;
use rialto_client::protocol::event::{Ended, Event};
use rialto_client::protocol::message::{EvalInfo, EvalState, GetEval};
use rialto_client::protocol::{EvalNumber, Outcome};
use rialto_client::{Incoming, Session, Start};
use rialto_session::Archive;

pub(crate) async fn run(place: &PlaceArgs, args: &EvalArgs) -> Result<u8, Failure> {
    let which = reach::eval(&args.eval)?;
    let place = Place::of(place)?;
    if let Some(ended) = on_record(&place, &args.session, which)? {
        return Ok(over(&ended));
    }
    // Attached at the head before the question is asked: an end that the answer does not know comes as an event.
    let mut reached = reach::existing(&place, &args.session, "wait", Start::Tail(0)).await?;
    let session = &mut reached.session;
    let info = reach::eval_info(session, which).await?;
    let ended = match past(&info) {
        Some(ended) => ended,
        None => end_of(session, info.n).await?,
    };
    reached.session.leave().await;
    Ok(over(&ended))
}

/// The end of an eval of a session that has ended itself: read from its journal, so that no supervisor starts for a question.
fn on_record(place: &Place, session: &str, which: GetEval) -> Result<Option<Ended>, Failure> {
    let Some(home) = place.home() else { return Ok(None) };
    let session = home.session(&home.resolve(session)?);
    if !session.ended() || session.lives()? {
        return Ok(None);
    }
    // One that cannot be read is asked like any other, and says why.
    let Ok(journal) = Journal::open_read_only(&session.journal()) else { return Ok(None) };
    let facts = match (which.eval, which.n) {
        (Some(id), _) => journal.eval(&id),
        (None, n) => journal.eval_number(n.unwrap_or(0)),
    };
    let Some(facts) = facts else {
        let text = format!("the session has ended and has no such eval; its last one is #{}", journal.max_n());
        return Err(Failure::new(exit::ERROR, text));
    };
    Ok(facts.outcome.map(|outcome| Ended { n: facts.n, outcome, code: facts.code, ..Ended::default() }))
}

/// The end that an answer tells of.
fn past(info: &EvalInfo) -> Option<Ended> {
    let outcome = info.outcome.unwrap_or(Outcome::Unknown);
    (info.state == EvalState::Ended).then(|| Ended { n: info.n, outcome, code: info.code, ..Ended::default() })
}

async fn end_of(session: &mut Session, n: EvalNumber) -> Result<Ended, Failure> {
    loop {
        match session.next().await {
            Incoming::Event(record) => {
                if let Event::Ended(ended) = record.event
                    && ended.n == n
                {
                    return Ok(ended);
                }
            }
            // Its end may be in what cannot be seen any more.
            Incoming::Gap(_) | Incoming::Rewound(_) => {
                let which = GetEval { n: Some(n), ..GetEval::default() };
                if let Some(ended) = past(&reach::eval_info(session, which).await?) {
                    return Ok(ended);
                }
            }
            Incoming::Reconnecting { attempt: 2, why, .. } => paint::talk(&format!("{}; reconnecting", why.text)),
            Incoming::Closed(why) => return Err(why.into()),
            _ => {}
        }
    }
}

fn over(ended: &Ended) -> u8 {
    if ended.outcome != Outcome::Ok {
        let why = ended
            .why
            .as_ref()
            .filter(|_| !matches!(ended.outcome, Outcome::Cancelled | Outcome::Lost))
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        paint::talk(&format!("#{} {}{why}", ended.n, outcome(ended)));
    }
    exit::of(ended)
}

/// An outcome in words.
pub(crate) fn outcome(ended: &Ended) -> String {
    match ended.outcome {
        Outcome::Ok => "ended".to_owned(),
        Outcome::Error => "ended with an error".to_owned(),
        Outcome::Exit => format!("ended with exit({})", ended.code.unwrap_or(0)),
        Outcome::Interrupted => "was interrupted".to_owned(),
        Outcome::Cancelled => "was cancelled before it started".to_owned(),
        Outcome::Died => "died with its kernel".to_owned(),
        Outcome::Lost => "was lost with its supervisor; how far it came is not known".to_owned(),
        Outcome::NotRun => "never ran".to_owned(),
        Outcome::Unknown => "ended in a way this version does not know".to_owned(),
    }
}

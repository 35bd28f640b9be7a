//! A session that answers, or the reason why it does not: what every short command begins with.

use crate::exit::Failure;
use crate::paint;
use crate::place::Place;
use rialto_client::protocol::message::{EvalInfo, GetEval};
use rialto_client::protocol::{Code, ErrorReply, EvalNumber};
use rialto_client::{Connected, Incoming, Session, Start};
use std::time::{Duration, Instant};

/// A daemon that is being replaced is back within this. Whoever was never there is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session and what it said when it was reached.
pub(crate) struct Reached {
    pub(crate) session: Session,
    pub(crate) connected: Connected,
}

impl Reached {
    /// What a person calls it: its name, else its id.
    pub(crate) fn name(&self) -> String {
        let Connected { greeted, .. } = &self.connected;
        greeted.name.as_ref().map_or_else(|| greeted.session.to_string(), ToString::to_string)
    }
}

/// Reaches a session that is there, by whatever names it.
pub(crate) async fn existing(place: &Place, session: &str, label: &str, start: Start) -> Result<Reached, Failure> {
    let mut session = place.open(crate::target::existing(session), label, start)?;
    let connected = first(&mut session).await?;
    Ok(Reached { session, connected })
}

/// Reaches it to look on.
pub(crate) async fn observed(place: &Place, session: &str, label: &str, start: Start) -> Result<Reached, Failure> {
    let mut session = place.open(crate::target::observed(session), label, start)?;
    let connected = first(&mut session).await?;
    Ok(Reached { session, connected })
}

/// Waits for the first link. Later ones come by themselves and are waited for without end; one that never was is an error.
pub(crate) async fn first(session: &mut Session) -> Result<Connected, Failure> {
    let mut began = Instant::now();
    let (mut told, mut opened) = (false, false);
    loop {
        match session.next().await {
            Incoming::Connected(connected) => return Ok(*connected),
            Incoming::Closed(why) => return Err(why.into()),
            // Something was opened there, and nothing came of it: a place has more ways than one, and the next is gone now.
            Incoming::Reconnecting { why, .. } if !opened && why.known() == Some(Code::Disconnected) => {
                opened = true;
                began = Instant::now();
            }
            // Whoever is asked to come back much later is not kept waiting without a word.
            Incoming::Reconnecting { in_ms, why, .. } if began.elapsed().max(Duration::from_millis(in_ms)) > PATIENCE => {
                return Err(why.into());
            }
            // A supervisor that was just leaving is met now and then; the first new attempt finds it back.
            Incoming::Reconnecting { attempt, why, .. } if attempt > 1 && !told => {
                told = true;
                paint::talk(&format!("{}; trying again", why.text));
            }
            _ => {}
        }
    }
}

/// Reads what names an eval: `12`, `#12`, `work#12`'s last part, or an id.
pub(crate) fn eval(text: &str) -> Result<GetEval, Failure> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    if let Ok(n) = digits.parse::<EvalNumber>() {
        return Ok(GetEval { n: Some(n), ..GetEval::default() });
    }
    match text.parse() {
        Ok(id) => Ok(GetEval { eval: Some(id), ..GetEval::default() }),
        Err(_) => Err(Failure::usage(format!("{text:?} names no eval: write its number (12 or #12) or its id"))),
    }
}

/// What is known of an eval. A link lost meanwhile is no answer, and it costs nothing to ask again.
pub(crate) async fn eval_info(session: &mut Session, which: GetEval) -> Result<EvalInfo, ErrorReply> {
    loop {
        match session.get_eval(which).await {
            Err(why) if why.known() == Some(Code::Disconnected) => {}
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eval_is_named_by_number_or_id() {
        assert_eq!(eval("12").unwrap().n, Some(12));
        assert_eq!(eval("#12").unwrap().n, Some(12));
        let id = rialto_client::protocol::EvalId([7; 16]);
        assert_eq!(eval(&id.to_string()).unwrap().eval, Some(id));
        assert!(eval("the last one").is_err() && eval("").is_err() && eval("-1").is_err());
    }
}

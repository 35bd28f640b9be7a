//! Promise 7: every mutation carries who did it, who did it was allowed to, and a secret stays one.

use crate::model::Model;
use crate::story::{Check, hold};
use rialto_protocol::event::{Answered, Event, Record, Who};
use rialto_protocol::{ClientId, Code, Message, Scope};
use rialto_session::{ConnId, Input};
use std::collections::BTreeMap;

/// Who is on which channel, as the world knows it.
pub(crate) type Present = BTreeMap<ConnId, (Who, Scope)>;

/// What clients of this world type where a secret is asked.
pub(crate) const SECRET: &str = "open sesame";

/// Before a record is applied.
pub(crate) fn record(m: &Model, r: &Record, cause: &Input, present: &Present) -> Check {
    let asked = match cause {
        Input::Request(conn, message) => present.get(conn).map(|(who, scope)| (who, *scope, message.kind())),
        _ => None,
    };
    if let Some((_, scope, kind)) = asked {
        hold!("who", scope.permits(kind), "{:?} comes of a request that {scope} may not make", r.event);
    }
    let by = match &r.event {
        Event::Accepted(e) => {
            hold!("who", e.by.is_some(), "#{} is accepted of nobody", e.n);
            e.by.as_ref()
        }
        Event::Answered(e) => {
            answered(m, e, present)?;
            Some(&e.by)
        }
        Event::Interrupting(e) if asked.is_some() => Some(&e.by),
        Event::InterruptNoted(e) => Some(&e.by),
        Event::Redacted(e) => Some(&e.by),
        _ => None,
    };
    if let Some(by) = by {
        let right = asked.is_some_and(|(who, ..)| who == by);
        hold!("who", right, "{:?} is written to {by:?}, and {asked:?} asked", r.event);
    }
    Ok(())
}

fn answered(m: &Model, e: &Answered, present: &Present) -> Check {
    let Some(asked) = m.asks.iter().find(|a| a.ask == e.ask) else {
        hold!("who", false, "question {} is answered, and nobody asked it", e.ask);
        return Ok(());
    };
    let mine = asked.of.is_none() || asked.of == e.by.client;
    let here = |of: ClientId| present.values().any(|(who, _)| who.client == Some(of));
    if asked.secret {
        hold!("who", mine, "a secret of #{} is answered by somebody else", e.n);
        hold!("who", e.data.is_none(), "a secret of #{} is recorded", e.n);
    } else {
        hold!("who", mine || !asked.of.is_some_and(here), "somebody answers for a client that is here");
    }
    let leaked = e.data.as_ref().is_some_and(|d| d.lossy().contains(SECRET));
    hold!("who", !leaked, "a secret of #{} stands in the journal", e.n);
    Ok(())
}

/// A refusal is the right one.
pub(crate) fn reply(request: &Message, reply: &Message, scope: Scope) -> Check {
    let forbidden = matches!(reply, Message::Error(e) if e.known() == Some(Code::Forbidden));
    hold!("who", forbidden != scope.permits(request.kind()), "{scope} asks {request:?} and hears {reply:?}");
    Ok(())
}

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

/// Who made the session.
pub(crate) const OWNER: &str = "uid:1000";

/// What somebody may do on a channel. Said again on purpose, and not with the rules' own words.
pub(crate) fn may(m: &Model, principal: &str, asked: Scope) -> Option<Scope> {
    match m.shares.get(principal) {
        _ if principal == OWNER => Some(asked),
        Some(Scope::Observe) => Some(Scope::Observe),
        Some(_) if asked == Scope::Admin => Some(Scope::Eval),
        Some(_) => Some(asked),
        None => None,
    }
}

/// After an input: those are let in who may be, and nobody else is on a channel.
pub(crate) fn turned_away(m: &Model, input: &Input, present: &Present, turned: &[ConnId]) -> Check {
    if let Input::Joined { conn, who, .. } = input {
        let in_vain = may(m, &who.principal, Scope::Observe).is_none();
        hold!(
            "who",
            turned.contains(conn) == in_vain,
            "{} comes on channel {conn}, and {turned:?} are turned away",
            who.principal
        );
    }
    for conn in turned {
        let wrong = present.get(conn).is_some_and(|(who, _)| may(m, &who.principal, Scope::Observe).is_some());
        hold!("who", !wrong, "channel {conn} is turned away, and its principal has access");
    }
    for (conn, (who, _)) in present {
        let here = may(m, &who.principal, Scope::Observe).is_some() || turned.contains(conn);
        hold!("who", here, "{} is on channel {conn}, and nothing is shared with it", who.principal);
    }
    Ok(())
}

/// Before a record is applied.
pub(crate) fn record(m: &Model, r: &Record, cause: &Input, present: &Present) -> Check {
    let asked = match cause {
        Input::Request(conn, message) => present.get(conn).map(|(who, scope)| (who, *scope, message.kind())),
        _ => None,
    };
    if let Some((_, scope, kind)) = asked {
        hold!("who", scope.permits(kind), "{:?} comes of a request that {scope} may not make", r.event);
        let admin = !matches!(&r.event, Event::Shared(e) if e.scope == Scope::Admin || e.with == OWNER);
        hold!("who", admin, "{:?}: what is the owner's cannot be shared", r.event);
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
        Event::Shared(e) => Some(&e.by),
        Event::Unshared(e) => Some(&e.by),
        Event::CommSent(e) => Some(&e.by),
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
pub(crate) fn reply(request: &Message, reply: &Message, scope: Scope, lessened: bool) -> Check {
    let forbidden = matches!(reply, Message::Error(e) if e.known() == Some(Code::Forbidden));
    // What was allowed when it was asked is answered later, even if it would not be allowed any more.
    let late = lessened && !forbidden;
    hold!("who", late || forbidden != scope.permits(request.kind()), "{scope} asks {request:?} and hears {reply:?}");
    Ok(())
}

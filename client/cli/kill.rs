//! `rialto kill SESSION...`: ends sessions. Their history stays readable until `rm` or `gc`.

use crate::args::{ManySessions, PlaceArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::{paint, reach};
use rialto_bridge::home::SessionHome;
use rialto_client::Start;
use rialto_client::protocol::Code;
use std::time::{Duration, Instant};

/// How long a supervisor may take to go after it said that the session has ended: it writes its journal down.
const GOING: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// What became of one.
pub(crate) enum Killed {
    Now(String),
    Before(String),
}

pub(crate) async fn run(place: &PlaceArgs, args: &ManySessions) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let mut outcome = Ok(0);
    // One that cannot be ended must not keep the others alive.
    for session in &args.sessions {
        match one(&place, session).await {
            Ok(Killed::Now(name)) => paint::talk(&format!("session {name} has ended")),
            Ok(Killed::Before(name)) => paint::talk(&format!("session {name} had ended before")),
            Err(failure) if outcome.is_ok() => outcome = Err(failure),
            Err(failure) => drop(exit::code(Err(failure))),
        }
    }
    outcome
}

/// Ends one session. One whose supervisor died is recovered for that, so that its end is on record like any other.
pub(crate) async fn one(place: &Place, session: &str) -> Result<Killed, Failure> {
    let here = match place.home() {
        Some(home) => Some(home.session(&home.resolve(session)?)),
        None => None,
    };
    // A supervisor may be there all the same: on its way out, or because somebody asked one that has ended for something.
    let before = here.as_ref().is_some_and(SessionHome::ended);
    if let Some(here) = &here
        && before
        && !here.lives()?
    {
        return Ok(Killed::Before(session.to_owned()));
    }
    // By id from here on, and attached: that the session ended is seen even if the answer is lost with its supervisor.
    let which = here.as_ref().map_or(session, |here| here.id().as_str());
    let mut reached = reach::existing(place, which, "kill", Start::Tail(0)).await?;
    let name = reached.name();
    match reached.session.kill().await {
        Ok(_) => {}
        Err(why) if matches!(why.known(), Some(Code::SessionEnded | Code::SessionGone)) => {}
        Err(why) => return Err(why.into()),
    }
    reached.session.leave().await;
    if let Some(here) = here {
        gone(&here).await?;
    }
    Ok(if before { Killed::Before(name) } else { Killed::Now(name) })
}

/// Waits until the supervisor is gone: what follows a `kill` in a script may rely on it.
async fn gone(session: &SessionHome) -> Result<(), Failure> {
    let until = Instant::now() + GOING;
    while session.exists() && session.lives()? {
        if Instant::now() >= until {
            paint::talk(&format!("the supervisor of {} has not gone yet; its log: {}", session.id(), session.log().display()));
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

//! `rialto rm SESSION...`: deletes sessions, their names and everything they kept. This machine's own only: another one's
//! files are removed there.

use crate::args::{PlaceArgs, RmArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::render::size;
use crate::{kill, paint};
use rialto_bridge::home::{Home, HomeError, SessionHome, leftover};

pub(crate) async fn run(place: &PlaceArgs, args: &RmArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let Some(home) = place.home() else { return Err(elsewhere("rm")) };
    let mut outcome = Ok(0);
    for session in &args.sessions {
        match one(&place, home, session, args.force).await {
            Ok(sentence) => paint::talk(&sentence),
            Err(failure) if outcome.is_ok() => outcome = Err(failure),
            Err(failure) => drop(exit::code(Err(failure))),
        }
    }
    outcome
}

/// Why files of another place are not deleted from here.
pub(crate) fn elsewhere(command: &str) -> Failure {
    Failure::usage(format!("`rialto {command}` deletes files of this machine; leave out --at (RIALTO_AT), or run it there"))
}

async fn one(place: &Place, home: &Home, text: &str, force: bool) -> Result<String, Failure> {
    let session = home.session(&home.resolve(text)?);
    let id = session.id().clone();
    if session.lives()? {
        if !force {
            let text = format!("session {text} is alive; end it first (`rialto kill {text}`), or use `rialto rm -f {text}`");
            return Err(Failure::new(exit::ERROR, text));
        }
        kill::one(place, id.as_str()).await?;
    }
    let bytes = session.bytes();
    match delete(home, &session) {
        // One that was made to delete itself at its end may have been faster.
        Ok(()) | Err(HomeError::Gone(_)) => Ok(format!("session {text} is deleted, {}", size(bytes))),
        Err(why) => Err(why.into()),
    }
}

/// Deletes a session nobody supervises. What its kernel left running goes first, while the lock keeps a new supervisor away.
pub(crate) fn delete(home: &Home, session: &SessionHome) -> Result<(), HomeError> {
    if !session.exists() {
        return Err(HomeError::Gone(session.id().clone()));
    }
    let lock = session.lock()?.ok_or_else(|| HomeError::Lives(session.id().clone()))?;
    leftover::end_leftover(session)?;
    home.remove_held(session.id(), lock)?;
    crate::repl::forget(home, session.id());
    Ok(())
}

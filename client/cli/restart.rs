//! `rialto restart SESSION`: a fresh kernel in the same session; what happened before stays readable.

use crate::args::{PlaceArgs, RestartArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::{paint, reach};
use rialto_client::protocol::Seq;
use rialto_client::protocol::event::{EndOfLife, Event, LifeEnded, LifeStarted};
use rialto_client::{Incoming, Session, Start};

pub(crate) async fn run(place: &PlaceArgs, args: &RestartArgs) -> Result<u8, Failure> {
    let said = args.said();
    if !said.is_empty() {
        let name = &args.session;
        return Err(Failure::usage(format!(
            "a session keeps what it was made with, in all its lives: {} is for a new one, under another name (rialto other ...) or under \
             this one once it is free (rialto kill {name}; rialto rm {name}; rialto {name} ...)",
            said.join(", ")
        )));
    }
    let place = Place::of(place)?;
    if let Some(home) = place.home() {
        let session = home.session(&home.resolve(&args.session)?);
        if session.ended() && !session.lives()? {
            let text =
                format!("session {0} has ended; to begin anew under its name: rialto rm {0}, then rialto {0}", args.session);
            return Err(Failure::new(exit::ERROR, text));
        }
    }
    // Attached, because the answer comes when the old kernel is gone, and the new one is an event.
    let mut reached = reach::existing(&place, &args.session, "restart", Start::Tail(0)).await?;
    let name = reached.name();
    let asked = reached.session.restart().await?;
    let LifeStarted { life, kernel, .. } = fresh(&mut reached.session, asked).await?;
    reached.session.leave().await;
    paint::talk(&format!("session {name} has a fresh kernel: life {life} ({} {})", kernel.language, kernel.version));
    Ok(0)
}

/// The life that follows the event a restart made, or is that event.
pub(crate) async fn fresh(session: &mut Session, asked: Seq) -> Result<LifeStarted, Failure> {
    loop {
        match session.next().await {
            Incoming::Event(record) if record.seq >= asked => match record.event {
                Event::LifeStarted(started) => return Ok(started),
                Event::LifeEnded(LifeEnded { why: EndOfLife::FailedStart | EndOfLife::Died, death, .. }) => {
                    let why = death.failed_start.unwrap_or_default();
                    return Err(Failure::new(exit::DIED, format!("the fresh kernel did not start: {}", why.trim_end())));
                }
                Event::SessionEnded(_) => {
                    return Err(Failure::new(exit::ERROR, "the session was ended before its fresh kernel started"));
                }
                _ => {}
            },
            Incoming::Closed(why) => return Err(why.into()),
            _ => {}
        }
    }
}

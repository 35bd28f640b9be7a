//! `rialto restart SESSION`: a fresh kernel in the same session; what happened before stays readable.

use crate::args::{PlaceArgs, SessionArgs};
use crate::exit::Failure;
use crate::local::Place;
use crate::{paint, reach};
use rialto_client::Start;

pub(crate) async fn run(place: &PlaceArgs, args: &SessionArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    if let Some(home) = place.home() {
        let session = home.session(&home.resolve(&args.session)?);
        if session.ended() && !session.lives()? {
            let text = format!("session {} has ended; `rialto {}` after `rialto rm` makes it anew", args.session, args.session);
            return Err(Failure::new(crate::exit::ERROR, text));
        }
    }
    let mut reached = reach::existing(&place, &args.session, "restart", Start::Detached).await?;
    let name = reached.name();
    reached.session.restart().await?;
    // Who the new kernel is makes the sentence worth reading; that it is there was answered already.
    let sentence = match reached.session.status().await {
        Ok(status) => {
            let kernel = status.info.map(|info| format!(" ({} {})", info.language, info.version)).unwrap_or_default();
            format!("session {name} has a fresh kernel: life {}{kernel}", status.life)
        }
        Err(_) => format!("session {name} has a fresh kernel"),
    };
    reached.session.leave().await;
    paint::talk(&sentence);
    Ok(0)
}

//! `rialto redact SESSION EVAL`: takes the text of an eval out of the journal, its code, output and result. What stays is that
//! it ran, when, for whom, and the hash of its code.

use crate::args::{EvalArgs, PlaceArgs};
use crate::exit::Failure;
use crate::place::Place;
use crate::{paint, reach};
use rialto_client::Start;

pub(crate) async fn run(place: &PlaceArgs, args: &EvalArgs) -> Result<u8, Failure> {
    let which = reach::eval(&args.eval)?;
    let place = Place::of(place)?;
    let mut reached = reach::existing(&place, &args.session, "redact", Start::Detached).await?;
    let name = reached.name();
    // Asked by number, an answer binds the request to the id: numbers of a restored backup may mean something else.
    let info = reach::eval_info(&mut reached.session, which).await?;
    reached.session.redact(info.eval).await?;
    reached.session.leave().await;
    paint::talk(&format!("the text of #{} in {name} is removed; that it ran, and its hash, stay on record", info.n));
    Ok(0)
}

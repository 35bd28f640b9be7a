//! `rialto attach`: a session that is there already, in the terminal. Never makes one.

use crate::args::{AttachArgs, PlaceArgs};
use crate::exit::Failure;
use crate::local::Place;
use crate::{repl, target};

pub(crate) async fn run(place: &PlaceArgs, args: AttachArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    repl::open_in_terminal(&place, target::existing(&args.session), "terminal", None).await
}

//! `rialto attach`: a session that is there already, in the terminal. Never makes one.

use crate::args::{AttachArgs, LogsArgs, PlaceArgs};
use crate::exit::Failure;
use crate::place::Place;
use crate::raw::{self, Wish};
use crate::{logs, paint, repl, target};

pub(crate) async fn run(place: &PlaceArgs, args: AttachArgs) -> Result<u8, Failure> {
    if args.raw.raw {
        let open = if args.observe { target::observed(&args.session) } else { target::existing(&args.session) };
        let wish = Wish { observe: args.observe, escape: args.raw.escape };
        return Box::pin(raw::run(&Place::of(place)?, open, wish)).await;
    }
    if args.observe {
        return observe(place, &args.session, args.tail).await;
    }
    let place = Place::of(place)?;
    repl::open_in_terminal(&place, target::existing(&args.session), None, &args.done, args.tail).await
}

/// Shows what happens and reads nothing: who watches has nothing to type.
pub(crate) async fn observe(place: &PlaceArgs, session: &str, tail: Option<usize>) -> Result<u8, Failure> {
    paint::talk(&format!("watching {session}, nothing typed here reaches it; Ctrl-C leaves"));
    let args = LogsArgs {
        session: Some(session.to_owned()),
        after: None,
        tail,
        follow: true,
        audit: false,
        since: None,
        all: false,
        json: false,
    };
    logs::run(place, &args).await
}

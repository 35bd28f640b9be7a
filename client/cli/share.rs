//! `rialto share` and `rialto unshare`: who else may come into a session, and how far. Recorded like everything else, and
//! effective at once.

use crate::args::{PlaceArgs, ShareArgs, UnshareArgs};
use crate::exit::Failure;
use crate::place::Place;
use crate::{ls, paint, people, reach};
use rialto_client::Start;
use rialto_client::protocol::Scope;
use std::io::Write;

pub(crate) async fn run(place: &PlaceArgs, args: &ShareArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let here = place.users_are_ours();
    let with = args.with.as_deref().map(|name| people::principal(name, here)).transpose()?;
    let Some(with) = with else { return list(&place, args).await };
    let scope = if args.scope == "eval" { Scope::Eval } else { Scope::Observe };
    let mut reached = reach::existing(&place, &args.session, "share", Start::Detached).await?;
    let name = reached.name();
    reached.session.share(&with, scope).await?;
    reached.session.leave().await;
    let what = match scope {
        Scope::Observe => "watch it",
        _ => "watch it and run code in it, as the user it runs as",
    };
    paint::talk(&format!("{} may now come into {name}: {what}", people::shown(&with, here)));
    if place.home().is_some() {
        paint::talk("other users of this machine come in while `rialto serve --users` runs");
    }
    Ok(0)
}

async fn list(place: &Place, args: &ShareArgs) -> Result<u8, Failure> {
    let here = place.users_are_ours();
    let mut reached = reach::observed(place, &args.session, "share", Start::Detached).await?;
    let name = reached.name();
    let status = reached.session.status().await?;
    reached.session.leave().await;
    let mut out = std::io::stdout().lock();
    if args.json {
        for sharing in &status.shares {
            serde_json::to_writer(&mut out, sharing).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
        }
    } else {
        writeln!(out, "{:<24}  owner", ls::plain(&people::shown(&status.owner, here)))?;
        for sharing in &status.shares {
            writeln!(out, "{:<24}  {}", ls::plain(&people::shown(&sharing.with, here)), sharing.scope)?;
        }
    }
    out.flush()?;
    if status.shares.is_empty() {
        paint::talk(&format!("{name} is shared with nobody"));
    }
    Ok(0)
}

pub(crate) async fn unshare(place: &PlaceArgs, args: &UnshareArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let here = place.users_are_ours();
    let with = people::principal(&args.name, here)?;
    let mut reached = reach::existing(&place, &args.session, "share", Start::Detached).await?;
    let name = reached.name();
    reached.session.unshare(&with).await?;
    reached.session.leave().await;
    paint::talk(&format!("{} may not come into {name} any more; what was open is closed", people::shown(&with, here)));
    Ok(0)
}

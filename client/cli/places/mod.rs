//! `rialto places`: names for places, whether they can be reached, and this program for those that have none.

mod install;
mod test;

use crate::args::{AddPlaceArgs, PlacesArgs, PlacesCommand};
use crate::exit::Failure;
use crate::paint;
use crate::place::kept::{self, Kept};
use serde_json::json;
use std::io::Write;

pub(crate) async fn run(args: PlacesArgs) -> Result<u8, Failure> {
    match args.what.unwrap_or(PlacesCommand::List { json: false }) {
        PlacesCommand::List { json } => list(json),
        PlacesCommand::Add(args) => add(*args),
        PlacesCommand::Rm { name } => {
            let path = kept::remove(&name)?;
            paint::talk(&format!("{name} is forgotten ({})", path.display()));
            Ok(0)
        }
        PlacesCommand::Test { place, json } => test::run(&place, json).await,
        PlacesCommand::Install { place } => install::run(&place).await,
    }
}

/// No value of a secret is ever kept, so none can be shown: only where it comes from.
fn list(as_json: bool) -> Result<u8, Failure> {
    let all = kept::all()?;
    let mut out = std::io::stdout().lock();
    if as_json {
        for (name, place) in &all {
            let mut line = serde_json::Map::from_iter([("name".to_owned(), json!(name))]);
            line.extend(place.entries().iter().map(|(key, value)| (key.clone(), json!(value))));
            writeln!(out, "{}", serde_json::Value::Object(line))?;
        }
        return Ok(0);
    }
    if all.is_empty() {
        paint::talk("no place has a name yet; `rialto places add gpu ssh://me@gpu.example.org` gives one");
        return Ok(0);
    }
    let mut table = crate::ls::table(&["PLACE", "AT", "SETTINGS"]);
    for (name, place) in &all {
        let settings = place.entries().iter().filter(|(key, _)| key != "at").map(|(key, value)| format!("{key}={value}"));
        let settings = settings.collect::<Vec<_>>().join(" ");
        table.add_row([name, place.get("at").unwrap_or_default(), &settings].map(crate::ls::plain));
    }
    drop(out);
    crate::ls::print(&table)?;
    Ok(0)
}

fn add(args: AddPlaceArgs) -> Result<u8, Failure> {
    let AddPlaceArgs { name, at, session, kernel, command, token_file, token_env, token_command, ca, cert, key, replace } = args;
    if !kept::is_name(&name) {
        let text =
            format!("{name:?} is no name for a place: letters, digits, . _ and - make one, and it begins with none of the three");
        return Err(Failure::usage(text));
    }
    let url = crate::place::url::Url::parse(&at)?;
    if command.is_some() && !matches!(url.way, crate::place::url::Way::Ssh(_)) {
        return Err(Failure::usage("--command is for places that begin with ssh://"));
    }
    let said = [
        ("at", Some(at)),
        ("session", session),
        ("kernel", kernel),
        ("command", command),
        ("token-file", token_file),
        ("token-env", token_env),
        ("token-command", token_command),
        ("ca", ca),
        ("cert", cert),
        ("key", key),
    ];
    let entries = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    let path = kept::add(&name, &Kept::of(entries), replace)?;
    paint::talk(&format!("{name} is kept in {}; `rialto places test {name}` tells whether it answers", path.display()));
    Ok(0)
}

//! `rialto token`: secrets that let a program of yours in over a network, with less than all that you may.

use crate::args::PlaceArgs;
use crate::exit::{self, Failure};
use crate::{ls, paint};
use clap::{Args, Subcommand, ValueEnum};
use rialto_bridge::auth::audit::{Audit, Line, What};
use rialto_bridge::auth::tokens::{Token, TokenError, Tokens, Wish};
use rialto_bridge::auth::{self, glob};
use rialto_bridge::home::Home;
use rialto_client::protocol::Scope;
use serde_json::json;
use std::io::Write;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rialto token create laptop --scope eval          prints a secret, once; whoever has it can run code as you
  rialto token create ci --scope eval --session 'ci-*' --ttl 7d
                                                   reaches sessions of such names only, and for a week
  rialto token ls
  rialto token revoke laptop                       at once: what it has open is closed

A token is good on this machine, for daemons of yours that listen on a network (`rialto serve --ws`).
")]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token; its secret is printed once and kept nowhere
    Create(CreateArgs),
    /// List tokens
    Ls(ListArgs),
    /// End a token; what it has open is closed
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What it is called, here and in records: uid:1000/NAME. Default: a few letters
    name: Option<String>,
    /// The most that may be done with it. Without a sandbox, eval is a shell as you
    #[arg(long, value_name = "SCOPE", value_enum, default_value_t = Wanted::Observe)]
    scope: Wanted,
    /// The sessions it reaches, by name: ml-*, or several as in web,db-?. Default: all of yours
    #[arg(long, value_name = "GLOB", value_parser = sessions)]
    session: Option<String>,
    /// How long it lasts (90s, 30m, 2h, 7d), or never
    #[arg(long, value_name = "TIME", value_parser = ttl, default_value = "30d")]
    ttl: Ttl,
    /// Print a JSON line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// Tokens, by name or id
    #[arg(required = true, value_name = "TOKEN")]
    which: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// Attach and read
    Observe,
    /// Run code, interrupt, restart
    Eval,
    /// End sessions, redact, share
    Admin,
}

/// How long something lasts; for ever where there is no time.
#[derive(Debug, Clone, Copy)]
struct Ttl(Option<Duration>);

fn ttl(text: &str) -> Result<Ttl, String> {
    if text == "never" {
        return Ok(Ttl(None));
    }
    crate::args::span(text).map(|span| Ttl(Some(span))).map_err(|_| "a time is wanted: 90s, 30m, 2h, 7d, or never".to_owned())
}

fn sessions(text: &str) -> Result<String, String> {
    glob::sound(text).map(|()| text.to_owned())
}

pub(crate) fn run(place: &PlaceArgs, args: &TokenArgs) -> Result<u8, Failure> {
    here(place, "tokens are made, listed and revoked on the machine that they open")?;
    let home = Home::find()?;
    let (tokens, audit) = (Tokens::of(&home), Audit::of(&home));
    match &args.command {
        Command::Create(args) => create(&tokens, &audit, args),
        Command::Ls(args) => list(&tokens, args),
        Command::Revoke(args) => revoke(&tokens, &audit, args),
    }
}

/// What is done with files of this machine is not done to another one.
pub(crate) fn here(place: &PlaceArgs, why: &str) -> Result<(), Failure> {
    match &place.at {
        Some(at) => Err(Failure::usage(format!("{why}: run this there, not with --at {at}"))),
        None => Ok(()),
    }
}

fn create(tokens: &Tokens, audit: &Audit, args: &CreateArgs) -> Result<u8, Failure> {
    let scope = match args.scope {
        Wanted::Observe => Scope::Observe,
        Wanted::Eval => Scope::Eval,
        Wanted::Admin => Scope::Admin,
    };
    let wish = Wish { name: args.name.clone(), scope, sessions: args.session.clone(), ttl: args.ttl.0 };
    let (token, secret) = tokens.create(&wish)?;
    audit.note(Line { credential: Some(id(&token)), ..Line::new(What::Made, said(&token)) }.by(&auth::ourself()));
    let mut out = std::io::stdout().lock();
    if args.json {
        let mut line = shown(&token);
        if let Some(map) = line.as_object_mut() {
            map.insert("secret".to_owned(), secret.into());
        }
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{secret}")?;
    }
    out.flush()?;
    paint::talk(&format!(
        "{}; nobody can be shown this secret again. To end it: rialto token revoke {}",
        said(&token),
        token.name
    ));
    Ok(0)
}

fn list(tokens: &Tokens, args: &ListArgs) -> Result<u8, Failure> {
    let all = tokens.list()?;
    if args.json {
        let mut out = std::io::stdout().lock();
        for token in &all {
            writeln!(out, "{}", shown(token))?;
        }
        out.flush()?;
        return Ok(0);
    }
    if all.is_empty() {
        paint::talk("no tokens here; `rialto token create NAME --scope eval` makes one");
        return Ok(0);
    }
    let mut table = ls::table(&["TOKEN", "ID", "SCOPE", "SESSIONS", "AGE", "EXPIRES"]);
    let now = ls::now_ms();
    for token in &all {
        let age = ls::duration(now.saturating_sub(token.created_ms));
        let sessions = token.sessions.clone().unwrap_or_else(|| "all".to_owned());
        table.add_row([token.name.clone(), token.id.clone(), token.scope.to_string(), sessions, age, expires(token, now)]);
    }
    ls::print(&table)?;
    Ok(0)
}

fn revoke(tokens: &Tokens, audit: &Audit, args: &RevokeArgs) -> Result<u8, Failure> {
    // One that is not there keeps none of the others.
    let mut missing = None;
    for which in &args.which {
        match tokens.revoke(which) {
            Ok(token) => {
                audit.note(Line { credential: Some(id(&token)), ..Line::new(What::Revoked, said(&token)) }.by(&auth::ourself()));
                paint::talk(&format!("{} opens nothing any more; what it had open is being closed", token.name));
            }
            Err(why @ TokenError::Unknown(_)) => missing = Some(why),
            Err(why) => return Err(why.into()),
        }
    }
    missing.map_or(Ok(0), |why| Err(why.into()))
}

fn id(token: &Token) -> String {
    format!("token:{}", token.id)
}

fn expires(token: &Token, now: u64) -> String {
    match token.expires_ms {
        None => "never".to_owned(),
        Some(at) if at <= now => "expired".to_owned(),
        Some(at) => format!("in {}", ls::duration(at - now)),
    }
}

/// For people, in a few words.
fn said(token: &Token) -> String {
    let sessions = token.sessions.as_ref().map_or_else(|| "all sessions".to_owned(), |glob| format!("sessions {glob}"));
    let ends = match expires(token, ls::now_ms()).as_str() {
        "never" => "until it is revoked".to_owned(),
        other => format!("ends {other}"),
    };
    format!("token {}: {} in {sessions}, {ends}", token.name, token.scope)
}

/// For programs.
fn shown(token: &Token) -> serde_json::Value {
    json!({
        "name": token.name,
        "id": token.id,
        "principal": format!("{}/{}", auth::ourselves(), token.name),
        "scope": token.scope,
        "sessions": token.sessions,
        "created_ms": token.created_ms,
        "expires_ms": token.expires_ms,
        "expired": token.expired(),
    })
}

impl From<TokenError> for Failure {
    fn from(why: TokenError) -> Self {
        match why {
            TokenError::Home(why) => why.into(),
            TokenError::Bad(_) => Self::usage(why.to_string()),
            _ => Self::new(exit::UNAVAILABLE, why.to_string()),
        }
    }
}

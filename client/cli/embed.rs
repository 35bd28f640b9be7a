//! A running program becomes a session: `rialto embed` is what its library asks for that, `rialto python-module` is the library.

use crate::args::{LifeArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::{reach, restart, start};
use rialto_bridge::home::Home;
use rialto_client::protocol::event::{EndOfLife, Event, LifeEnded};
use rialto_client::protocol::message::Open;
use rialto_client::protocol::{ErrorReply, SessionName};
use rialto_client::{Incoming, Session, Start};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::{BufRead, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// What a session of a program that runs already is called.
pub(crate) const KERNEL: &str = "live";

pub(crate) const MODULE: &str = include_str!("../../contrib/python/rialto.py");

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Said by the library and not by a person: one line of JSON says where the program is to listen and which cookie is to be shown to it;
a line on stdin says that it listens; one more line says the session.
")]
pub(crate) struct EmbedArgs {
    /// What the session is to be called
    pub(crate) name: String,
    /// The program's process, for messages
    #[arg(long)]
    pub(crate) pid: Option<u32>,
}

/// Prints the library.
pub(crate) fn module() -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(MODULE.as_bytes()).and_then(|()| out.flush())?;
    Ok(0)
}

pub(crate) async fn run(place: &PlaceArgs, args: &EmbedArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let home =
        place.home().ok_or_else(|| Failure::usage("a program is embedded on the machine where it runs; leave --at away"))?;
    let name = args.name.parse::<SessionName>().map_err(|why| Failure::usage(why.to_string()))?;
    let socket = socket(home, &name);
    must_be_free(&socket, &name)?;
    let cookie = cookie(&socket)?;
    say(&json!({ "socket": socket, "cookie": cookie }))?;
    if std::io::stdin().lock().read_line(&mut String::new())? == 0 {
        return Err(Failure::new(exit::ERROR, "the program ended before it listened"));
    }
    let session = session(&place, &name, &socket).await?;
    say(&json!({ "session": session }))?;
    Ok(0)
}

/// One name, one program.
pub(crate) fn must_be_free(socket: &Path, name: &SessionName) -> Result<(), Failure> {
    if UnixStream::connect(socket).is_err() {
        return Ok(());
    }
    let text =
        format!("another program is embedded as {name}, and lives; take another name, or `rialto {name}` to get into that one");
    Err(Failure::new(exit::ERROR, text))
}

/// Makes the session, or gives the one that is there a new life in this program.
pub(crate) async fn session(place: &Place, name: &SessionName, socket: &Path) -> Result<String, Failure> {
    let python = Some(socket.to_owned());
    let said = crate::args::StartArgs { python, ..Default::default() };
    let create = start::create(&KERNEL.into(), &said, &LifeArgs::default(), place)?;
    let open = Open { session: name.to_string(), create: Some(create), ..Open::default() };
    let mut session = place.open(open, "embed", Start::After(None))?;
    let connected = reach::first(&mut session).await?;
    if connected.greeted.kernel != KERNEL {
        let text = format!("{name} is a session of the kernel {}; take another name", connected.greeted.kernel);
        return Err(Failure::new(exit::ERROR, text));
    }
    if place.made() {
        first_life(&mut session).await?;
    } else {
        if session.status().await?.state == "ended" {
            return Err(Failure::new(
                exit::ERROR,
                format!("session {name} has ended; `rialto rm {name}` makes room for another one"),
            ));
        }
        let asked = session.restart().await?;
        restart::fresh(&mut session, asked).await?;
    }
    session.leave().await;
    Ok(name.to_string())
}

async fn first_life(session: &mut Session) -> Result<(), Failure> {
    loop {
        match session.next().await {
            Incoming::Event(record) => match record.event {
                Event::LifeStarted(_) => return Ok(()),
                Event::LifeEnded(LifeEnded { why: EndOfLife::FailedStart, death, .. }) => {
                    return Err(Failure::new(exit::DIED, death.failed_start.unwrap_or_default()));
                }
                _ => {}
            },
            Incoming::Closed(why) => return Err(Failure::from(why)),
            _ => {}
        }
    }
}

/// By the session's name, so that the program that comes after this one is found at the same place.
pub(crate) fn socket(home: &Home, name: &SessionName) -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(home.state().as_os_str().as_encoded_bytes());
    hash.update([0]);
    hash.update(name.as_str().as_bytes());
    let short: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    home.runtime().join(format!("live-{short}.sock"))
}

/// A new one each time: the program before this one has no business here any more.
pub(crate) fn cookie(socket: &Path) -> Result<String, Failure> {
    let mut dice = [0; 32];
    getrandom::fill(&mut dice).map_err(|why| Failure::internal(format!("no dice: {why}")))?;
    let cookie: String = dice.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = socket.with_extension("cookie");
    let cannot = |why: std::io::Error| Failure::new(exit::IO, format!("{} cannot be written: {why}", path.display()));
    let aside = path.with_extension(format!("cookie.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).map_err(cannot)?;
    file.write_all(cookie.as_bytes()).and_then(|()| std::fs::rename(&aside, &path)).map_err(cannot)?;
    Ok(cookie)
}

fn say(line: &serde_json::Value) -> Result<(), ErrorReply> {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|why| ErrorReply::new(0, rialto_client::protocol::Code::Internal, format!("nobody reads this: {why}")))
}

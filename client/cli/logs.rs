//! `rialto logs SESSION`: what happened in a session, and with -f what goes on happening.
//!
//! Where that is read from is `past.rs`'s business; here it is printed.

mod audit;
pub(crate) mod clock;
mod last;
mod stored;
mod transcript;

use crate::args::{LogsArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::past::Past;
use crate::place::Place;
use audit::Audit;
pub(crate) use audit::since;
pub(crate) use clock::when;
use last::Last;
use rialto_client::protocol::event::Record;
use rialto_client::protocol::message::{Gap, Rewound};
use rialto_client::protocol::{Cursor, Epoch, Message, codec};
use std::future::ready;
use std::io::{BufWriter, IsTerminal, Write};
use std::pin::pin;
pub(crate) use stored::Stored;
use tokio::signal::unix::{SignalKind, signal};
pub(crate) use transcript::Transcript;

/// What a history is made of.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Box<Record>),
    Gap(Gap),
    Rewound(Rewound),
}

pub(crate) async fn run(place: &PlaceArgs, args: &LogsArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let Some(session) = &args.session else { return all(&place, args).await };
    one(&place, session, session.clone(), args).await
}

/// The audit of every session there is, one after the other, the oldest first.
async fn all(place: &Place, args: &LogsArgs) -> Result<u8, Failure> {
    let mut sessions = place.list().await?.sessions;
    sessions.sort_by_key(|listed| listed.created_ms);
    let mut outcome = Ok(0);
    for listed in sessions {
        let name = listed.name.map_or_else(|| listed.session.to_string(), |name| name.to_string());
        match one(place, listed.session.as_str(), name, args).await {
            Ok(exit::INTERRUPTED) => return Ok(exit::INTERRUPTED),
            Ok(_) => {}
            // One that cannot be read must not hide the others.
            Err(failure) if outcome.is_ok() => outcome = Err(failure),
            Err(failure) => drop(exit::code(Err(failure))),
        }
    }
    outcome
}

async fn one(place: &Place, session: &str, name: String, args: &LogsArgs) -> Result<u8, Failure> {
    let mut stop = signal(SignalKind::interrupt())?;
    let mut printer = if args.audit {
        Printer::Audit(Audit::new(name, args.json, args.since.unwrap_or(0)))
    } else {
        Printer::new(args.json, args.tail)
    };
    let outcome = tokio::select! {
        outcome = read(place, session, args, &mut printer) => outcome.map(|()| 0),
        _ = stop.recv() => Ok(exit::INTERRUPTED),
    };
    printer.finish(outcome.is_ok())?;
    outcome
}

async fn read(place: &Place, session: &str, args: &LogsArgs, printer: &mut Printer) -> Result<(), Failure> {
    let past = || Ok::<_, Failure>(Past::of(place, session, "logs")?.after(args.after));
    if !args.follow {
        return print(past()?, printer).await.map(drop);
    }
    let mut past = past()?;
    if args.tail.is_some() {
        // Only where the present begins is it known which lines are the last.
        let at = print(past, printer).await?;
        printer.all_from_here()?;
        past = Past::of(place, session, "logs")?.after(at.or(args.after));
    }
    print(past.follow(), printer).await.map(drop)
}

/// Prints all of it, and says where it ended. Before waiting, everything so far is shown.
async fn print(mut past: Past, printer: &mut Printer) -> Result<Option<Cursor>, Failure> {
    loop {
        let item = {
            let mut next = pin!(past.next());
            tokio::select! {
                biased;
                item = &mut next => item?,
                () = ready(()) => {
                    printer.flush()?;
                    next.await?
                }
            }
        };
        let Some(item) = item else { break };
        printer.item(&item, past.cursor().map_or(0, |cursor| cursor.epoch))?;
    }
    let at = past.cursor();
    past.close().await;
    Ok(at)
}

/// A transcript, or JSON lines.
enum Printer {
    Text(Transcript<Last>, Last),
    Json(BufWriter<Last>, Last),
    Audit(Audit),
}

impl Printer {
    fn new(json: bool, tail: Option<usize>) -> Self {
        let stdout = std::io::stdout();
        let out = Last::new(tail);
        if json {
            return Self::Json(BufWriter::with_capacity(64 * 1024, out.clone()), out);
        }
        let colour = !matches!(anstream::AutoStream::choice(&stdout), anstream::ColorChoice::Never);
        Self::Text(Transcript::new(stdout.is_terminal(), colour, out.clone()), out)
    }

    /// Prints the last lines of what it was given, where only they are wanted, and all of what comes next.
    fn all_from_here(&mut self) -> std::io::Result<()> {
        self.flush()?;
        match self {
            Self::Text(_, out) | Self::Json(_, out) => out.release(),
            Self::Audit(_) => Ok(()),
        }
    }

    fn item(&mut self, item: &Item, epoch: Epoch) -> std::io::Result<()> {
        let out = match self {
            Self::Text(transcript, _) => return transcript.item(item),
            Self::Audit(audit) => return audit.item(item),
            Self::Json(out, _) => out,
        };
        let mut value = codec::to_json(&match item {
            Item::Event(record) => Message::Event(Record::clone(record)),
            Item::Gap(gap) => Message::Gap(*gap),
            Item::Rewound(rewound) => Message::Rewound(*rewound),
        });
        if let Some(map) = value.as_object_mut() {
            map.insert("epoch".to_owned(), epoch.into());
        }
        serde_json::to_writer(&mut *out, &value)?;
        out.write_all(b"\n")
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Text(transcript, _) => transcript.flush(),
            Self::Json(out, _) => out.flush(),
            Self::Audit(audit) => audit.flush(),
        }
    }

    fn finish(&mut self, whole: bool) -> std::io::Result<()> {
        if let (Self::Text(transcript, _), true) = (&mut *self, whole) {
            transcript.finish()?;
        }
        if let Self::Audit(audit) = self {
            return audit.finish();
        }
        self.all_from_here()
    }
}

//! `rialto logs SESSION`: what happened in a session, and with -f what goes on happening.
//!
//! While a supervisor lives it is asked; where none does, the journal is read, so that looking at a session starts nothing. The
//! two take turns as supervisors come and go, and the cursor passes from one to the other.

mod audit;
pub(crate) mod clock;
mod stored;
mod transcript;

use crate::args::{LogsArgs, PlaceArgs};
use crate::exit::{self, Failure};
use crate::place::Place;
use crate::{paint, reach};
use audit::Audit;
pub(crate) use audit::since;
pub(crate) use clock::when;
use rialto_bridge::home::{HomeError, SessionHome};
use rialto_bridge::journal::JournalError;
use rialto_client::protocol::event::{Event, Record};
use rialto_client::protocol::message::{Gap, Rewound};
use rialto_client::protocol::{Cursor, Epoch, Message, Seq, codec};
use rialto_client::{Incoming, Session, Start};
use std::io::{BufWriter, IsTerminal, Stdout, Write};
use std::time::Duration;
pub(crate) use stored::Stored;
use tokio::signal::unix::{SignalKind, signal};
pub(crate) use transcript::Transcript;

/// Between two looks whether somebody came back to a session without a supervisor.
const LOOK: Duration = Duration::from_millis(200);

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
    one(place, session, session.clone(), args).await
}

/// The audit of every session there is, one after the other, the oldest first.
async fn all(place: &Place, args: &LogsArgs) -> Result<u8, Failure> {
    let mut sessions = place.list().await?.sessions;
    sessions.sort_by_key(|listed| listed.created_ms);
    let mut outcome = Ok(0);
    for listed in sessions {
        let name = listed.name.map_or_else(|| listed.session.to_string(), |name| name.to_string());
        match one(place.clone(), listed.session.as_str(), name, args).await {
            Ok(exit::INTERRUPTED) => return Ok(exit::INTERRUPTED),
            Ok(_) => {}
            // One that cannot be read must not hide the others.
            Err(failure) if outcome.is_ok() => outcome = Err(failure),
            Err(failure) => drop(exit::code(Err(failure))),
        }
    }
    outcome
}

async fn one(place: Place, session: &str, name: String, args: &LogsArgs) -> Result<u8, Failure> {
    let here = match place.home() {
        Some(home) => Some(home.session(&home.resolve(session)?)),
        None => None,
    };
    let mut stop = signal(SignalKind::interrupt())?;
    let printer =
        if args.audit { Printer::Audit(Audit::new(name, args.json, args.since.unwrap_or(0))) } else { Printer::new(args.json) };
    let mut reader = Reader {
        which: here.as_ref().map_or_else(|| session.to_owned(), |here| here.id().to_string()),
        place,
        here,
        cursor: args.after,
        until: None,
        follow: args.follow,
        printer,
    };
    let outcome = tokio::select! {
        outcome = reader.read() => outcome.map(|()| 0),
        _ = stop.recv() => Ok(exit::INTERRUPTED),
    };
    reader.printer.finish(outcome.is_ok())?;
    outcome
}

struct Reader {
    place: Place,
    which: String,
    here: Option<SessionHome>,
    cursor: Option<Cursor>,
    /// The last event to show, without -f: the head when this began.
    until: Option<Seq>,
    follow: bool,
    printer: Printer,
}

/// Why one source has nothing more.
enum Next {
    /// All that was asked for is shown.
    Done,
    /// Go on with whichever source there is now.
    Again,
}

impl Reader {
    async fn read(&mut self) -> Result<(), Failure> {
        loop {
            let next = match &self.here {
                Some(here) if !here.lives()? => self.stored(here.clone()).await?,
                _ => self.live().await?,
            };
            if matches!(next, Next::Done) {
                return Ok(());
            }
        }
    }

    /// Reads the journal in short turns: a supervisor that wants to start waits no longer than one of them.
    async fn stored(&mut self, here: SessionHome) -> Result<Next, Failure> {
        let mut stored = Stored::new(here.journal());
        let mut told = false;
        loop {
            // Looked at before the journal is: what was written until that end is in this turn.
            let ended = here.ended();
            let turn = match stored.turn(&mut self.cursor, &mut self.until, self.follow) {
                // Its supervisor is back, or it died before it wrote anything.
                Err(JournalError::InUse(_)) => return Ok(Next::Again),
                Err(JournalError::Missing(_)) if here.exists() => Vec::new(),
                Err(JournalError::Missing(_)) => return Err(HomeError::Gone(here.id().clone()).into()),
                turn => turn.map_err(|why| Failure::new(exit::UNAVAILABLE, why.to_string()))?,
            };
            let epoch = self.cursor.map_or(0, |cursor| cursor.epoch);
            let over = turn.is_empty();
            for item in &turn {
                self.printer.item(item, epoch)?;
            }
            if over && (!self.follow || ended) {
                return Ok(Next::Done);
            }
            if over {
                self.printer.flush()?;
                if !std::mem::replace(&mut told, true) {
                    paint::talk("its supervisor has died; waiting until somebody comes back to it (rialto attach, exec, kill)");
                }
                tokio::time::sleep(LOOK).await;
            }
            if here.lives()? {
                return Ok(Next::Again);
            }
            // Ctrl-C is heard in between.
            tokio::task::yield_now().await;
        }
    }

    /// Reads from the supervisor.
    async fn live(&mut self) -> Result<Next, Failure> {
        let mut reached = reach::observed(&self.place, &self.which, "logs", Start::After(self.cursor)).await?;
        let session = &mut reached.session;
        let Some(attached) = reached.connected.attached else { return Ok(Next::Again) };
        // The same session from here on, whatever gets its name.
        self.which = reached.connected.greeted.session.to_string();
        // One that has ended will say nothing more, not even that.
        let over = self.follow && session.status().await.is_ok_and(|status| status.state == "ended");
        if !self.follow || over {
            self.until.get_or_insert(attached.head);
        }
        let mut rewinds = self.cursor.is_some_and(|cursor| attached.after < cursor.seq);
        loop {
            if !rewinds && self.until.is_some_and(|until| self.cursor.map_or(0, |cursor| cursor.seq) >= until) {
                break;
            }
            let item = match self.next(session).await? {
                Incoming::Event(record) => Item::Event(Box::new(record)),
                Incoming::Gap(gap) => Item::Gap(gap),
                Incoming::Rewound(rewound) => {
                    rewinds = false;
                    Item::Rewound(rewound)
                }
                Incoming::Connected(again) => {
                    let head = again.attached.map_or(0, |attached| attached.head);
                    // A journal that lost its end has a nearer one.
                    self.until = self.until.map(|until| until.min(head));
                    continue;
                }
                Incoming::Reconnecting { attempt, why, .. } => {
                    // Our own connector would start a supervisor; looking on is no reason to.
                    if let Some(here) = &self.here
                        && !here.lives()?
                    {
                        return Ok(Next::Again);
                    }
                    if attempt == 1 {
                        paint::talk(&format!("{}; reconnecting", why.text));
                    }
                    continue;
                }
                Incoming::Notice(notice) if notice.what != "behind" => {
                    paint::talk(&notice.text);
                    continue;
                }
                Incoming::Closed(why) => return Err(why.into()),
                _ => continue,
            };
            self.cursor = session.cursor();
            self.printer.item(&item, self.cursor.map_or(0, |cursor| cursor.epoch))?;
            if matches!(&item, Item::Event(record) if matches!(record.event, Event::SessionEnded(_))) {
                break;
            }
        }
        reached.session.leave().await;
        Ok(Next::Done)
    }

    /// What comes next. Before waiting, everything so far is shown.
    async fn next(&mut self, session: &mut Session) -> Result<Incoming, Failure> {
        if let Some(incoming) = session.try_next() {
            return Ok(incoming);
        }
        self.printer.flush()?;
        Ok(session.next().await)
    }
}

/// A transcript, or JSON lines.
enum Printer {
    Text(Transcript<Stdout>),
    Json(BufWriter<Stdout>),
    Audit(Audit),
}

impl Printer {
    fn new(json: bool) -> Self {
        let out = std::io::stdout();
        if json {
            return Self::Json(BufWriter::with_capacity(64 * 1024, out));
        }
        let colour = !matches!(anstream::AutoStream::choice(&out), anstream::ColorChoice::Never);
        Self::Text(Transcript::new(out.is_terminal(), colour, out))
    }

    fn item(&mut self, item: &Item, epoch: Epoch) -> std::io::Result<()> {
        let out = match self {
            Self::Text(transcript) => return transcript.item(item),
            Self::Audit(audit) => return audit.item(item),
            Self::Json(out) => out,
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
            Self::Text(transcript) => transcript.flush(),
            Self::Json(out) => out.flush(),
            Self::Audit(audit) => audit.flush(),
        }
    }

    fn finish(&mut self, whole: bool) -> std::io::Result<()> {
        if let (Self::Text(transcript), true) = (&mut *self, whole) {
            transcript.finish()?;
        }
        if let Self::Audit(audit) = self {
            return audit.finish();
        }
        self.flush()
    }
}

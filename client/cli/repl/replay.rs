//! The past of a session, read by a second handle from the same place, so that the live one stays where it is. Nothing is
//! gathered here: events pass by one at a time, however many there are.

use crate::exit::{self, Failure};
use crate::logs::Item;
use crate::place::Place;
use crate::{reach, target};
use rialto_client::protocol::event::{Ended, Event};
use rialto_client::protocol::message::EvalInfo;
use rialto_client::protocol::{Cursor, EvalNumber, Seq, SessionId};
use rialto_client::{Incoming, Session, Start};
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};

/// What such a handle calls itself: nobody who is attached, to whoever asks.
pub(super) const LABEL: &str = "replay";

/// Events that have happened, up to now.
pub(super) struct Past {
    session: Session,
    /// The last event that is of interest: what came later is live.
    until: Seq,
}

impl Past {
    /// What happened from `start` to now.
    pub(super) async fn open(place: &Place, session: &SessionId, start: Start) -> Result<Self, Failure> {
        let mut session = place.open(target::existing(session.as_str()), LABEL, start)?;
        let connected = reach::first(&mut session).await?;
        let until = connected.attached.map_or(0, |attached| attached.head);
        Ok(Self { session, until })
    }

    /// What happened after an event.
    pub(super) async fn after(place: &Place, session: &SessionId, cursor: Option<Cursor>) -> Result<Self, Failure> {
        Self::open(place, session, Start::After(cursor)).await
    }

    /// One eval, from its submit to its end, or to now.
    pub(super) async fn eval(place: &Place, session: &SessionId, info: &EvalInfo) -> Result<Self, Failure> {
        let mut past = Self::open(place, session, Start::Eval(info.eval)).await?;
        past.until = info.last.unwrap_or(past.until);
        Ok(past)
    }

    /// No further than this event.
    pub(super) const fn to(mut self, until: Seq) -> Self {
        if until < self.until {
            self.until = until;
        }
        self
    }

    /// The next item; nothing where the present begins.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, Failure> {
        while self.session.cursor().map_or(0, |cursor| cursor.seq) < self.until {
            match self.session.next().await {
                Incoming::Event(record) if record.seq > self.until => return Ok(None),
                Incoming::Event(record) => return Ok(Some(Item::Event(Box::new(record)))),
                Incoming::Gap(gap) => return Ok(Some(Item::Gap(gap))),
                Incoming::Rewound(rewound) => return Ok(Some(Item::Rewound(rewound))),
                // A journal that lost its end has a nearer one.
                Incoming::Connected(again) => self.until = self.until.min(again.attached.map_or(0, |attached| attached.head)),
                Incoming::Closed(why) => return Err(why.into()),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The next event of one eval.
    pub(super) async fn next_of(&mut self, n: EvalNumber) -> Result<Option<Event>, Failure> {
        while let Some(item) = self.next().await? {
            if let Item::Event(record) = item
                && number(&record.event) == Some(n)
            {
                return Ok(Some(record.event));
            }
        }
        Ok(None)
    }

    pub(super) async fn close(self) {
        self.session.leave().await;
    }
}

/// The eval an event belongs to.
pub(super) const fn number(event: &Event) -> Option<EvalNumber> {
    match event {
        Event::Accepted(e) => Some(e.n),
        Event::Started(e) => Some(e.n),
        Event::Output(e) => Some(e.n),
        Event::Display(e) => Some(e.n),
        Event::Asked(e) => Some(e.n),
        Event::Answered(e) => Some(e.n),
        Event::Interrupting(e) => Some(e.n),
        Event::Ended(Ended { n, .. }) => Some(*n),
        Event::Redacted(e) => Some(e.n),
        _ => None,
    }
}

/// Work that Ctrl-C breaks off.
pub(super) async fn stoppable<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut stop = signal(SignalKind::interrupt())?;
    tokio::select! {
        biased;
        _ = stop.recv() => Err(Failure::new(exit::INTERRUPTED, "stopped")),
        done = work => done,
    }
}

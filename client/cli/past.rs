//! What has happened in a session, and where that is wanted what goes on happening, read at the reader's own pace: from its
//! supervisor while one lives, else from its journal, so that looking back starts nothing. The two take turns as supervisors come
//! and go, and the cursor passes from one to the other. One item at a time, however many there are.

use crate::exit::{self, Failure};
use crate::logs::{Item, Stored};
use crate::place::Place;
use crate::{paint, reach};
use rialto_bridge::home::{HomeError, SessionHome};
use rialto_bridge::journal::{Journal, JournalError};
use rialto_client::protocol::event::Event;
use rialto_client::protocol::message::GetEval;
use rialto_client::protocol::{Cursor, EvalNumber, Seq};
use rialto_client::{Incoming, Session, Start};
use rialto_session::Archive;
use std::collections::VecDeque;
use std::time::Duration;

/// Between two looks whether somebody came back to a session without a supervisor.
const LOOK: Duration = Duration::from_millis(200);

/// See the module.
pub(crate) struct Past {
    place: Place,
    label: &'static str,
    /// What names the session: its id, once it answered.
    which: String,
    /// Its folder, where it is on this machine.
    here: Option<SessionHome>,
    cursor: Option<Cursor>,
    /// The last event that is told: the newest one when this began.
    until: Option<Seq>,
    /// What goes on happening is told, too, until the session ends.
    follows: bool,
    /// It was said that nobody serves the session.
    told: bool,
    source: Source,
}

enum Source {
    /// To be looked for.
    Unknown,
    Live {
        session: Box<Session>,
        /// The cursor is beyond what the session has, which will say so.
        rewinds: bool,
    },
    /// The journal, and what the last turn read of it: a turn's bytes at most.
    Stored(Stored, VecDeque<Item>),
}

impl Past {
    /// All that happened in a session up to now. Nothing is read yet.
    pub(crate) fn of(place: &Place, session: &str, label: &'static str) -> Result<Self, Failure> {
        let here = match place.home() {
            Some(home) => Some(home.session(&home.resolve(session)?)),
            None => None,
        };
        let which = here.as_ref().map_or_else(|| session.to_owned(), |here| here.id().to_string());
        let (cursor, until, source) = (None, None, Source::Unknown);
        Ok(Self { place: place.clone(), label, which, here, cursor, until, follows: false, told: false, source })
    }

    /// Only what came after `cursor`.
    pub(crate) const fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.cursor = cursor;
        self
    }

    /// And what goes on happening.
    pub(crate) const fn follow(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Only what came after `cursor`, up to event `until`.
    pub(crate) const fn between(mut self, cursor: Option<Cursor>, until: Seq) -> Self {
        (self.cursor, self.until) = (cursor, Some(until));
        self
    }

    /// The last event that was read; of a journal up to a turn of it more than was handed out.
    pub(crate) const fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The next item; nothing where the present begins, or where that is followed, where the session has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Item>, Failure> {
        loop {
            match &mut self.source {
                Source::Unknown => self.look().await?,
                Source::Stored(_, read) => match read.pop_front() {
                    Some(item) => return Ok(Some(item)),
                    None => {
                        if !self.turn().await? {
                            return Ok(None);
                        }
                    }
                },
                Source::Live { .. } => {
                    if let Some(item) = self.heard().await? {
                        return Ok(Some(item));
                    }
                    if matches!(self.source, Source::Live { .. }) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Asks the supervisor, or where there is none the journal, for the number of an eval.
    pub(crate) async fn number(&self, which: GetEval) -> Result<EvalNumber, Failure> {
        if let Some(here) = &self.here
            && !here.lives()?
            && let Ok(journal) = Journal::open_read_only(&here.journal())
        {
            let facts = match (which.eval, which.n) {
                (Some(id), _) => journal.eval(&id),
                (None, n) => journal.eval_number(n.unwrap_or(0)),
            };
            let none = || format!("the session has no such eval; its last one is #{}", journal.max_n());
            return facts.map(|facts| facts.n).ok_or_else(|| Failure::new(exit::ERROR, none()));
        }
        let mut reached = reach::observed(&self.place, &self.which, self.label, Start::Detached).await?;
        let info = reach::eval_info(&mut reached.session, which).await?;
        reached.session.leave().await;
        Ok(info.n)
    }

    /// Lets go of whoever was asked.
    pub(crate) async fn close(self) {
        if let Source::Live { session, .. } = self.source {
            session.leave().await;
        }
    }

    async fn look(&mut self) -> Result<(), Failure> {
        if let Some(here) = &self.here
            && !here.lives()?
        {
            self.source = Source::Stored(Stored::new(here.journal()), VecDeque::new());
            return Ok(());
        }
        let mut reached = reach::observed(&self.place, &self.which, self.label, Start::After(self.cursor)).await?;
        let Some(attached) = reached.connected.attached else { return Ok(()) };
        // The same session from here on, whatever gets its name.
        self.which = reached.connected.greeted.session.to_string();
        self.told = false;
        // One that has ended will say nothing more, not even that.
        if !self.follows || reached.session.status().await.is_ok_and(|status| status.state == "ended") {
            self.until.get_or_insert(attached.head);
        }
        let rewinds = self.cursor.is_some_and(|cursor| attached.after < cursor.seq);
        self.source = Source::Live { session: Box::new(reached.session), rewinds };
        Ok(())
    }

    /// Reads some of the journal, and lets go of it: a supervisor that wants to start waits no longer. False: there is no more.
    async fn turn(&mut self) -> Result<bool, Failure> {
        let (Source::Stored(stored, read), Some(here)) = (&mut self.source, &self.here) else { return Ok(false) };
        // Ctrl-C is heard in between.
        tokio::task::yield_now().await;
        // Looked at before the journal is: what was written until that end is in this turn.
        let ended = here.ended();
        match stored.turn(&mut self.cursor, &mut self.until, self.follows) {
            Ok(items) => read.extend(items),
            // Its supervisor is back.
            Err(JournalError::InUse(_)) => {
                self.source = Source::Unknown;
                return Ok(true);
            }
            // Its supervisor died before it wrote anything.
            Err(JournalError::Missing(_)) if here.exists() => {}
            Err(JournalError::Missing(_)) => return Err(HomeError::Gone(here.id().clone()).into()),
            Err(why) => return Err(Failure::new(exit::UNAVAILABLE, why.to_string())),
        }
        if !read.is_empty() || !self.follows || ended {
            return Ok(!read.is_empty());
        }
        if !std::mem::replace(&mut self.told, true) {
            paint::talk("its supervisor has died; waiting until somebody comes back to it (rialto attach, exec, kill)");
        }
        tokio::time::sleep(LOOK).await;
        if here.lives()? {
            self.source = Source::Unknown;
        }
        Ok(true)
    }

    /// The next item from the supervisor. Nothing: there are no more, or it is gone and the source is unknown again.
    async fn heard(&mut self) -> Result<Option<Item>, Failure> {
        let Source::Live { session, rewinds } = &mut self.source else { return Ok(None) };
        loop {
            let seen = self.cursor.map_or(0, |cursor| cursor.seq);
            if !*rewinds && self.until.is_some_and(|until| seen >= until) {
                return Ok(None);
            }
            let item = match session.next().await {
                Incoming::Notice(notice) if self.follows && notice.what != "behind" => {
                    paint::talk(&notice.text);
                    continue;
                }
                Incoming::Event(record) if self.until.is_some_and(|until| record.seq > until) => return Ok(None),
                Incoming::Event(record) => Item::Event(Box::new(record)),
                Incoming::Gap(gap) => Item::Gap(gap),
                Incoming::Rewound(rewound) => {
                    *rewinds = false;
                    Item::Rewound(rewound)
                }
                Incoming::Connected(again) => {
                    let head = again.attached.map_or(0, |attached| attached.head);
                    // A journal that lost its end has a nearer one.
                    self.until = self.until.map(|until| until.min(head));
                    continue;
                }
                Incoming::Reconnecting { attempt, why, .. } => {
                    // Our own connector would start a supervisor; looking back is no reason to.
                    if let Some(here) = &self.here
                        && !here.lives()?
                    {
                        self.source = Source::Unknown;
                        return Ok(None);
                    }
                    // Who follows waits, and is told for what at once: the next attempt may say no more than that nothing is there.
                    if attempt == if self.follows { 1 } else { 2 } {
                        paint::talk(&format!("{}; reconnecting", why.text));
                    }
                    continue;
                }
                Incoming::Closed(why) => return Err(why.into()),
                _ => continue,
            };
            self.cursor = session.cursor();
            if let Item::Event(record) = &item
                && matches!(record.event, Event::SessionEnded(_))
            {
                self.until = Some(record.seq);
            }
            return Ok(Some(item));
        }
    }
}

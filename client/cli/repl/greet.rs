//! Coming to a session: where we are, who else is, what happened since a terminal of this user last looked, and the end of it.
//! Not all of it: `:replay` has that.

use super::editor::About;
use super::kept::{self, Shared, Whose};
use super::link::{Link, Reached, seconds};
use super::missed::Missed;
use super::names::is_you;
use super::unfinished::Unfinished;
use super::{Repl, resume};
use crate::exit::Failure;
use crate::logs::Item;
use crate::place::Place;
use crate::{reach, target};
use rialto_bridge::home::Home;
use rialto_client::protocol::event::{EndOfLife, Event};
use rialto_client::protocol::message::{Open, Status};
use rialto_client::protocol::{ClientId, Cursor, SessionId};
use rialto_client::{Connected, Incoming, Keepalive, Options, Session, Start};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long what was missed is counted. A session that printed for days is not read to its end before anybody can type.
const COUNTING: Duration = Duration::from_millis(1_500);
/// Events looked at of such a session.
const TAIL: u64 = 200;
/// Lines shown of what was missed: a third of the screen, and
const LINES: std::ops::RangeInclusive<usize> = 5..=20;

/// Where what is typed is kept: on this machine, wherever the session is.
pub(super) fn folder_of_history(place: &Place) -> Option<PathBuf> {
    place.home().map_or_else(|| Some(crate::facade::state(&Home::find().ok()?)), |home| Some(home.state().to_owned()))
}

/// A session as a terminal has it.
pub(super) struct Handle {
    pub(super) session: Session,
    pub(super) me: ClientId,
    /// What a terminal of this user has seen.
    pub(super) away: Option<Cursor>,
    pub(super) kept: Option<Shared>,
    pub(super) unfinished: Unfinished,
}

/// A handle that goes on where a terminal of this user last looked, or as the one that died here.
pub(super) fn handle(place: &Place, open: Open, label: &str, me: ClientId) -> Handle {
    let id = match place.home() {
        Some(home) => home.resolve(&open.session).ok(),
        // Elsewhere only an id says which session it is before it answers.
        None => open.session.parse::<SessionId>().ok(),
    };
    let Some(id) = id else {
        let session = place.open_with(open, options(label, me, Start::After(None)));
        return Handle { session, me, away: None, kept: None, unfinished: Unfinished::default() };
    };
    let spec = place.home().and_then(|home| home.session(&id).spec().ok());
    let name = spec.and_then(|spec| spec.name).map_or_else(|| open.session.clone(), |name| name.to_string());
    let whose = Whose { session: id, client: me, name, at: place.at() };
    handle_of(place, open, label, whose)
}

/// The same for a session that is known by its id.
fn handle_of(place: &Place, open: Open, label: &str, whose: Whose) -> Handle {
    let (id, me) = (whose.session.clone(), whose.client);
    let seen = resume::seen(place, &id);
    // Who feeds lines from a file feeds them again.
    let claimed = std::io::stdin().is_terminal().then(|| {
        let state = folder_of_history(place).ok_or_else(|| std::io::Error::other("there is no folder for it"))?;
        kept::claim(&state, whose)
    });
    let (kept, unfinished, me, away) = match claimed {
        Some(Ok(claimed)) => {
            let me = claimed.kept.whose.client;
            let goes_on = !claimed.left.is_empty();
            let away = if goes_on { claimed.kept.shown() } else { kept::later(seen, claimed.seen) };
            let half_typed = claimed.kept.half_typed().to_owned();
            (Some(Shared::new(claimed.kept)), Unfinished::of(claimed.left, half_typed, claimed.others), me, away)
        }
        Some(Err(why)) => (None, Unfinished::trouble(&why), me, seen),
        None => (None, Unfinished::default(), me, seen),
    };
    let mut session = place.open_with(open, options(label, me, Start::After(away)));
    if let Some(kept) = &kept {
        session.set_keep(Box::new(kept.clone()));
    }
    Handle { session, me, away, kept, unfinished }
}

fn greeted_name(connected: &Connected) -> String {
    let greeted = &connected.greeted;
    greeted.name.as_ref().map_or_else(|| greeted.session.to_string(), ToString::to_string)
}

fn options(label: &str, me: ClientId, start: Start) -> Options {
    let mut options = Options::new(me, label);
    options.start = start;
    // A person sits in front of it: that the other side is silent is worth knowing, wherever it is.
    options.keepalive = Keepalive::Always;
    options
}

impl Repl {
    /// Says where we are.
    pub(super) async fn greet(&mut self) -> Result<(), Failure> {
        let mut connected = reach::first(&mut self.session).await?;
        if self.is_of_another(&connected) {
            connected = self.as_the_one_before(connected).await?;
        }
        self.name = greeted_name(&connected);
        self.live = connected.greeted.kernel == crate::embed::KERNEL;
        self.principal.clone_from(&connected.welcome.principal);
        self.link = Link::new(std::time::Instant::now());
        let status = self.session.status().await?;
        self.screen.name(&self.name)?;
        self.keyboard.about(About {
            folder: folder_of_history(&self.place),
            kernel: status.kernel.clone(),
            session: self.name.clone(),
            language: status.info.as_ref().map_or_else(|| status.kernel.clone(), |info| info.language.clone()),
            mode: self.mode,
        });
        self.say_reached();
        self.say_where(&status);
        self.say_of_a_namesake();
        if self.goes_on(&connected, &status).await? {
            return Ok(());
        }
        let mut missed = self.catch_up(&connected).await?;
        self.who_runs(&status).await?;
        self.say_what_happened(&status, &mut missed)?;
        self.sends_what_was_not_sent(&status);
        Ok(())
    }

    /// Which session this is could not be known before it answered.
    fn is_of_another(&self, connected: &Connected) -> bool {
        let session = self.kept.as_ref().map(|kept| kept.get().whose.session.clone());
        std::io::stdin().is_terminal() && session.as_ref() != Some(&connected.greeted.session)
    }

    /// Now it is: this terminal is the one that died there, if one did.
    async fn as_the_one_before(&mut self, connected: Connected) -> Result<Connected, Failure> {
        if let Some(kept) = self.kept.take() {
            kept.get().leave();
        }
        let id = connected.greeted.session.clone();
        let whose = Whose { session: id.clone(), client: self.me, name: greeted_name(&connected), at: self.place.at() };
        let mut handle = handle_of(&self.place, target::existing(id.as_str()), &self.label, whose);
        self.away = handle.away;
        self.kept = handle.kept;
        self.unfinished = handle.unfinished;
        if handle.me == self.me {
            // Nobody died: this link will do.
            if let Some(kept) = &self.kept {
                self.session.set_keep(Box::new(kept.clone()));
            }
            return Ok(connected);
        }
        self.me = handle.me;
        let again = reach::first(&mut handle.session).await?;
        std::mem::replace(&mut self.session, handle.session).leave().await;
        Ok(again)
    }

    fn say_where(&mut self, status: &Status) {
        let others: Vec<String> = status
            .clients
            .iter()
            .filter(|who| who.client != Some(self.me) && who.label != super::replay::LABEL)
            .map(|who| self.named(who))
            .collect();
        let kernel = status.info.as_ref().map_or_else(|| status.kernel.clone(), |i| format!("{} {}", i.language, i.version));
        let how = if self.place.made() || status.evals == 0 && self.place.home().is_none() {
            format!("new session {}", self.name)
        } else {
            let evals = if status.evals == 1 { "1 eval".to_owned() } else { format!("{} evals", status.evals) };
            format!("resumed session {}, {evals} so far", self.name)
        };
        let company = if others.is_empty() { String::new() } else { format!("; also attached: {}", others.join(", ")) };
        self.talk(&format!("{kernel} in {how}{company}. Ctrl-D detaches, :help helps."));
        self.say_note(status.info.as_ref().and_then(|info| info.note.as_deref()));
        match status.state.as_str() {
            "ended" => self.talk("this session has ended: it can be read, not run"),
            "no_kernel" => self.talk("its kernel is gone; the next entry starts a fresh one"),
            _ => {}
        }
    }

    /// What is worth knowing of the kernel's surroundings: with the greeting, or when it is ready after that. Not again for each life.
    pub(super) fn say_note(&mut self, note: Option<&str>) {
        if let Some(note) = note
            && self.noted.as_deref() != Some(note)
        {
            self.talk(note);
            self.noted = Some(note.to_owned());
        }
    }

    /// Reads what happened up to now, and shows none of it.
    async fn catch_up(&mut self, connected: &Connected) -> Result<Missed, Failure> {
        let shown = if self.begins_with.is_some() { 0 } else { self.tail_lines() };
        let mut missed = Missed::new(&self.principal, shown);
        let mut until = connected.attached.as_ref().map_or(0, |attached| attached.head);
        let mut deadline = Instant::now() + COUNTING;
        let (mut failed, mut note) = (None, None::<String>);
        // What this user saw of it is not told again, wherever the events begin.
        let seen = self.away.map_or(0, |cursor| cursor.seq);
        while self.session.cursor().map_or(0, |cursor| cursor.seq) < until {
            let Ok(incoming) = timeout_at(deadline, self.session.next()).await else {
                // There is too much of it. The end of it will do, and is there at once.
                let id = connected.greeted.session.as_str();
                self.session = self.place.open_with(target::existing(id), options(&self.label, self.me, Start::Tail(TAIL)));
                let again = reach::first(&mut self.session).await?;
                until = again.attached.as_ref().map_or(0, |attached| attached.head);
                deadline = Instant::now() + Duration::from_secs(86_400);
                missed.cut = true;
                continue;
            };
            match incoming {
                Incoming::Event(record) => {
                    if let Event::Accepted(a) = &record.event {
                        self.evals.accepted(a, record.at, Some(a.by.as_ref().map_or_else(String::new, |by| self.named(by))));
                    }
                    self.evals.follow(&record);
                    match &record.event {
                        Event::LifeEnded(e) if e.why == EndOfLife::FailedStart => failed.clone_from(&e.death.failed_start),
                        Event::LifeEnded(_) => note = None,
                        Event::LifeStarted(e) => (failed, note) = (None, e.kernel.note.clone()),
                        _ => {}
                    }
                    if record.seq > seen {
                        missed.event(&record);
                    }
                }
                Incoming::Gap(gap) => missed.gap(gap.to.saturating_sub(gap.from.max(seen + 1)).saturating_add(1)),
                Incoming::Rewound(_) => missed.rewound(),
                Incoming::Connected(again) => {
                    until = until.min(again.attached.as_ref().map_or(0, |attached| attached.head));
                }
                Incoming::Closed(why) => return Err(why.into()),
                _ => {}
            }
        }
        self.until = until;
        self.say_note(note.as_deref());
        if let Some(said) = failed {
            self.talk(&format!("the kernel did not start: {said}"));
        }
        Ok(missed)
    }

    /// What runs may have been sent before anything that this terminal reads: who sent it is looked up.
    pub(super) async fn who_runs(&mut self, status: &Status) -> Result<(), Failure> {
        let Some(n) = status.running.filter(|n| self.evals.running() != Some(*n)) else { return Ok(()) };
        let (_, mut past) = self.past_of(&n.to_string()).await?;
        while let Some(item) = past.next().await? {
            let Item::Event(record) = item else { continue };
            if let Event::Accepted(a) = &record.event {
                let author = a.by.as_ref().map_or_else(String::new, |by| self.named(by));
                self.evals.accepted(a, record.at, Some(author));
            }
            self.evals.follow(&record);
            if self.evals.running() == Some(n) {
                break;
            }
        }
        past.close().await;
        Ok(())
    }

    fn say_what_happened(&mut self, status: &Status, missed: &mut Missed) -> Result<(), Failure> {
        let since = if self.away.is_some() { "since you last looked" } else { "so far" };
        let running = status.running.map(|n| {
            let author = missed.author_of(n).or_else(|| self.evals.author(n));
            let by = author.map_or_else(String::new, |author| format!(" by {author}"));
            let waiting = if status.queued > 0 { format!(", {} waiting", status.queued) } else { String::new() };
            let for_ = seconds(Duration::from_millis(status.running_ms.unwrap_or(0)));
            let stop = if self.evals.running() == Some(n) && is_you(self.evals.author(n)) {
                format!("; Ctrl-C at an empty prompt, or :interrupt {n}, stops it")
            } else {
                String::new()
            };
            format!("#{n}{by} has run for {for_}{waiting}{stop}")
        });
        let Some(happened) = missed.summary() else {
            if let Some(running) = running {
                self.talk(&running);
            }
            return Ok(());
        };
        let tail = missed.tail();
        let hidden = missed.lines() > tail.len() as u64;
        let running = running.map_or_else(String::new, |running| format!("; {running}"));
        let replay = if hidden { " (:replay shows all)" } else { "" };
        self.talk(&format!("{since}: {happened}{running}{replay}"));
        for line in tail {
            self.say(&line)?;
        }
        Ok(())
    }

    /// Lines of what was missed that are shown.
    pub(super) fn tail_lines(&self) -> usize {
        (super::commands::pager::screen().0 / 3).clamp(*LINES.start(), *LINES.end())
    }

    /// What the prompt says of the link.
    pub(super) fn say_reached(&mut self) {
        use super::editor::LinkState;
        self.keyboard.link(match self.link.reached() {
            Reached::Yes => LinkState::Connected,
            Reached::Behind => LinkState::Behind,
            Reached::No(since, _) => LinkState::Reconnecting(since),
        });
    }
}

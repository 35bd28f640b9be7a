//! How a supervisor starts: the lock first, then the kernel of a new session (its start takes longest), then the journal and
//! what a dead predecessor left behind, the socket, and the word that it is ready.

use super::clock::{Alarms, Clock};
use super::connection::Door;
use super::driver::{Driver, Launched};
use super::handed::Note;
use super::surroundings;
use super::tail::Tail;
use super::{Ending, Fatal};
use crate::auth::audit::{Audit, Line};
use crate::home::{self, Home, SessionHome, Spec};
use crate::journal::{Anchor, Head, Journal, JournalError};
use rialto_protocol::event::Created;
use rialto_protocol::{Who, version};
use rialto_session::{Access, Input, Session};
use rialto_transports::unix::UnixListener;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::pin::Pin;
use tokio::signal::unix::{SignalKind, signal};

/// What a journal may take before retention begins. Bytes.
const BUDGET: u64 = 256 * 1024 * 1024;

/// Called once the supervisor can be reached, with the path of its socket.
pub type Ready<'a> = &'a mut dyn FnMut(&Path);

/// Runs the supervisor of the session in `dir` until that session has nothing left to do. Boxed, so that it is compiled here,
/// as what is to be fast, and not in the command that runs it.
///
/// # Errors
/// What it could not start for, or could not go on after. Nothing that was recorded is lost by it.
pub fn supervise<'a>(dir: &'a Path, ready: Ready<'a>) -> Pin<Box<dyn Future<Output = Result<Ending, Fatal>> + 'a>> {
    Box::pin(lead(dir, ready))
}

async fn lead(dir: &Path, ready: Ready<'_>) -> Result<Ending, Fatal> {
    let (home, place) = Home::of_session(dir)?;
    let spec = place.spec()?;
    let mut lock = place.lock()?.ok_or_else(|| Fatal::Taken(spec.id.to_string()))?;
    // Handled before the lock names us: whoever reads it there may send them.
    let rebind = signal(SignalKind::user_defined1()).map_err(system("listen to signals"))?;
    // A terminal that closes, or a manager that sends it with everything else, is no reason to end a session. (Once handled, it
    // stays so.)
    drop(signal(SignalKind::hangup()).map_err(system("listen to signals"))?);
    drop(signal(SignalKind::interrupt()).map_err(system("listen to signals"))?);
    let terminate = signal(SignalKind::terminate()).map_err(system("listen to signals"))?;
    let socket = place.socket()?.to_owned();
    let listener = UnixListener::bind(&socket).map_err(system("bind the session's socket"))?;
    lock.announce()?;

    let clock = Clock::start();
    let fresh = !place.journal().exists();
    let (launch, notes) = surroundings::of(&spec, &home, &place, fresh).await;
    // What a predecessor left is ended before anything can be started beside it.
    home::leftover::end_leftover(&place)?;
    let mut note_kernel = note(&place);
    // A kernel's start takes longest: it goes on while the journal is made. Without a journal it would end with us.
    let early = fresh.then(|| super::driver::launch_kernel(&launch, &mut note_kernel));
    let journal = if fresh { Journal::create(&place.journal())? } else { Journal::open(&place.journal())? };
    let note_head = note_head(&place, journal.chain_head(), clock.now().wall_ms);
    let mut driver = Driver {
        session: Session::new(),
        journal,
        clock,
        alarms: Alarms::default(),
        tail: Tail::default(),
        door: Door {
            session: spec.id.clone(),
            name: spec.name.clone(),
            cookie: place.cookie()?.into_bytes(),
            uid: nix::unistd::geteuid().as_raw(),
            access: Access::default(),
        },
        launch,
        notes,
        budget: budget(),
        note_kernel,
        note_shares: note_shares(&place),
        note_denied: note_denied(&home, &spec),
        note_head,
        bind_again: bind_again(dir),
        listener,
        terminate,
        rebind,
        sleep: Box::pin(tokio::time::sleep(std::time::Duration::ZERO)),
        kernel: None,
        connections: BTreeMap::new(),
        next_slot: 0,
        members: BTreeMap::new(),
        next_conn: 1,
        sending: BTreeMap::new(),
        screens: super::screens::Screens::default(),
        held: None,
        ran_for: None,
        incoming: None,
        arrived: None,
        inputs: VecDeque::new(),
        batch: Vec::new(),
        deferred: VecDeque::new(),
        handed: Note::at(&place.handed()),
        ahead: Default::default(),
        overtook: false,
        gathering: false,
        waited: false,
        stalled: false,
        blocked: false,
        stall_room: 0,
        assembling: 0,
        accept_failed: false,
        spans: super::spans::Spans::new(spec.id.clone()),
        tally: super::tally::Counted::default(),
        printed: 0,
        since_trim: 0,
        rows_since_trim: 0,
        trim_again: false,
        ending: None,
    };
    driver.begin(&spec, early)?;
    // Where there is not even room to say that we are here, nothing more can happen: better told now, to be tried again, than
    // found out by clients whom nobody hears.
    if !driver.commit()? {
        return Err(JournalError::Full(place.journal()).into());
    }
    ready(&socket);
    let outcome = driver.run().await;
    driver.note_head();
    // Records that still wait for space on the disk go with us, and the next one has only the note.
    if outcome.is_ok() && !driver.blocked {
        driver.handed.forget();
    }
    // Its kernel, its journal and its socket go with it.
    drop(driver);
    let _ = home::leftover::forget(&place);
    place.forget_agent();
    let ending = outcome?;
    if ending.ended {
        place.mark_ended()?;
        if spec.remove_at_end {
            home.remove_held(&spec.id, lock)?;
        }
    }
    Ok(ending)
}

impl Driver {
    /// The first records of this incarnation.
    fn begin(&mut self, spec: &Spec, early: Option<Launched>) -> Result<(), Fatal> {
        let session = &mut self.session;
        self.journal.replay(&mut |record| session.apply(&record))?;
        session.remember(self.journal.head(), self.journal.max_n());
        let kernel = early.map(|launched| {
            let life = self.session.life() + 1;
            self.take_kernel(life, launched);
            life
        });
        // A session that has ended is read, not begun: nothing comes after its last event.
        if !self.session.ended() {
            let epoch = self.clock.epoch_after(self.session.epoch());
            let mut out = Vec::new();
            self.session.begin_epoch(self.clock.now(), epoch, Some(created(spec)), self.handed.found(), &mut out);
            self.take(out);
        }
        // A predecessor may have died between recording a share and noting it down.
        self.door.access = self.session.access().clone();
        (self.note_shares)(&self.door.access);
        self.inputs.push_front(Input::Up { kernel });
        Ok(())
    }
}

fn created(spec: &Spec) -> Created {
    Created {
        session: spec.id.clone(),
        name: spec.name.clone(),
        kernel: spec.kernel.clone(),
        cwd: spec.cwd.clone(),
        by: Who { principal: spec.made_by.clone().unwrap_or_else(|| spec.owner.clone()), client: None, label: String::new() },
        id: spec.created_by,
        ends_when_done: spec.ends_when_done,
        contract: version::MAX_CONTRACT,
        cull_after_ms: spec.cull_after_ms,
    }
}

fn note(place: &SessionHome) -> Box<dyn FnMut(u32)> {
    let place = place.clone();
    Box::new(move |pid| {
        if let Err(e) = home::leftover::note(&place, pid) {
            tracing::warn!(error = %e, "the kernel's process could not be noted down");
        }
    })
}

/// Looks whether the journal still has what it had when its last supervisor noted it down, and goes on from what is there.
fn note_head(place: &SessionHome, found: Option<Head>, now_ms: u64) -> Box<dyn FnMut(Head)> {
    let place = place.clone();
    let mut anchor = place.anchor();
    let keep = |place: &SessionHome, anchor: &Anchor| {
        if let Err(e) = place.write_anchor(anchor) {
            tracing::warn!(error = %e, "how far the journal went could not be noted down");
        }
    };
    let known = anchor.head();
    if let Some(found) = found
        && anchor.resume(found, now_ms)
    {
        let known = known.map(|known| known.seq);
        tracing::warn!(
            known,
            found = found.seq,
            "the journal ends before what was known of it: it was put back, or power was lost"
        );
        keep(&place, &anchor);
    }
    Box::new(move |head| {
        if anchor.head() != Some(head) {
            anchor.follow(head);
            keep(&place, &anchor);
        }
    })
}

/// In the daemons' audit log: whoever knocks at sessions has one record of it.
fn note_denied(home: &Home, spec: &Spec) -> Box<dyn FnMut(Line)> {
    let audit = Audit::of(home);
    let session = spec.name.as_ref().map_or_else(|| spec.id.to_string(), ToString::to_string);
    Box::new(move |line| audit.note(Line { session: session.clone(), ..line }))
}

fn note_shares(place: &SessionHome) -> Box<dyn FnMut(&Access)> {
    let place = place.clone();
    Box::new(move |access| {
        // Written only where it says something else: most sessions are never shared.
        if place.shares() != access.shares
            && let Err(e) = place.write_shares(&access.shares)
        {
            tracing::warn!(error = %e, "whom the session is shared with could not be noted down; nobody comes in by that");
        }
    })
}

fn bind_again(dir: &Path) -> Box<dyn FnMut() -> Result<UnixListener, Fatal>> {
    let dir = dir.to_owned();
    Box::new(move || {
        let (_, place) = Home::of_session(&dir)?;
        UnixListener::bind(place.socket()?).map_err(system("bind the session's socket"))
    })
}

/// Retention's ceiling, from the environment where somebody set one. Bytes.
fn budget() -> u64 {
    std::env::var("RIALTO_JOURNAL_BYTES").ok().and_then(|text| text.parse().ok()).unwrap_or(BUDGET)
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> Fatal {
    move |why| Fatal::System { what, why }
}

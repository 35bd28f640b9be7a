//! From what a client asks for to a supervisor that answers: finds the session or makes it, starts its supervisor where none
//! lives, and connects. The daemon, `rialto stdio` and direct clients all come this way, so they meet in one session.
//!
//! A router will never know what is said on the connection it makes.

mod detach;
pub(crate) mod frames;
mod handshake;
mod list;
mod reach;
mod readiness;
mod start;

pub use detach::detach;
pub use handshake::{Entry, enter};
pub use list::list;
pub use readiness::Readiness;
pub use start::{MAX_LOG, SERVED, Spawn};

use crate::auth::{self, Identity};
use crate::daemon::Quotas;
use crate::home::{Claimed, Home, HomeError, SessionHome, Spec};
use crate::tasks::blocking;
use rialto_kernels::profiles;
use rialto_protocol::kernel::Launch;
use rialto_protocol::message::{Create, Open};
use rialto_protocol::{Code, ErrorReply, SessionId, SessionName, limits};
use rialto_transports::quiet::QuietStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// From the question to a connection, whatever has to be started on the way.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest command of a program with a prompt. Bytes.
const MAX_COMMAND: usize = 1_024;
/// The longest path taken from a client. Bytes; Linux's own ceiling.
const MAX_PATH: usize = 4096;

/// A session whose supervisor answers.
pub struct Reached {
    /// The session.
    pub session: SessionId,
    /// Its name.
    pub name: Option<SessionName>,
    /// It was made by this request.
    pub created: bool,
    /// Where its supervisor listens.
    pub socket: PathBuf,
    /// What the supervisor wants to see in a hello.
    pub cookie: String,
    /// A connection to it, on which nothing has been said.
    pub stream: QuietStream,
}

impl std::fmt::Debug for Reached {
    /// Without the cookie: this may end in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { session, name, created, socket, .. } = self;
        f.debug_struct("Reached")
            .field("session", session)
            .field("name", name)
            .field("created", created)
            .field("socket", socket)
            .finish_non_exhaustive()
    }
}

/// Finds or makes the session that `open` asks for on behalf of `who`, and connects to its supervisor, which is
/// started where none lives.
///
/// Dropping the future leaves nothing half done: a supervisor that was being started goes on to be found by the next one.
///
/// # Errors
/// An answer to the request: `unknown_session`, `ambiguous`, `bad_name`, `name_taken`, `not_ours`, what a supervisor said
/// when it could not start, `unreachable`.
pub async fn ensure(home: &Home, open: &Open, who: &Identity, how: &Spawn) -> Result<Reached, ErrorReply> {
    ensure_within(home, open, who, how, None).await
}

/// The same, as far as there is room for somebody to make sessions.
pub(crate) async fn ensure_within(
    home: &Home,
    open: &Open,
    who: &Identity,
    how: &Spawn,
    quotas: Option<Arc<Quotas>>,
) -> Result<Reached, ErrorReply> {
    let re = open.re;
    let open = &settle(open)?;
    if let Some(create) = &open.create {
        sound(create).map_err(|why| ErrorReply::new(re, Code::BadMessage, why))?;
        within_reach(who, &open.session).map_err(|why| ErrorReply::new(re, Code::Forbidden, why))?;
        known_kernel(create).map_err(|why| ErrorReply::new(re, Code::UnknownKernel, why))?;
    }
    let until = Instant::now() + LIMIT;
    // More than once, because a session may end and be deleted between being found and being reached.
    for _ in 0..3 {
        let (at, asked, who, quotas) = (home.clone(), open.clone(), who.clone(), quotas.clone());
        let agent = how.agent.clone();
        let found = blocking(move || {
            let found = find(&at, &asked, &who, quotas.as_deref())?;
            point(&found.session, agent.as_deref(), &asked, &who);
            Ok::<_, Missed>(found)
        });
        let found = found.await;
        let found =
            found.map_err(|why| ErrorReply::new(re, Code::Internal, format!("the search for a session failed: {why}")))?;
        let found = found.map_err(|missed| missed.reply(re))?;
        match reach::supervisor(home, &found, open.create.as_ref(), how, until).await {
            Ok(stream) => return found.reached(stream).map_err(|error| error.reply(re)),
            Err(error) if error.known() == Some(Code::SessionGone) && open.create.is_some() && Instant::now() < until => {}
            Err(error) => return Err(ErrorReply { re, ..error }),
        }
    }
    Err(ErrorReply::new(re, Code::Unreachable, "the session ended each time it was reached; try again, or under another name"))
}

/// A session, and what it was made to be.
#[derive(Debug)]
struct Found {
    session: SessionHome,
    spec: Spec,
    created: bool,
}

impl Found {
    fn reached(self, stream: QuietStream) -> Result<Reached, HomeError> {
        Ok(Reached {
            socket: self.session.socket()?.to_owned(),
            cookie: self.session.cookie()?,
            session: self.spec.id,
            name: self.spec.name,
            created: self.created,
            stream,
        })
    }
}

/// Why no session was found or made.
enum Missed {
    Home(HomeError),
    Limit(ErrorReply),
}

impl From<HomeError> for Missed {
    fn from(why: HomeError) -> Self {
        Self::Home(why)
    }
}

impl From<ErrorReply> for Missed {
    fn from(why: ErrorReply) -> Self {
        Self::Limit(why)
    }
}

impl Missed {
    fn reply(self, re: u32) -> ErrorReply {
        match self {
            Self::Home(why) => why.reply(re),
            Self::Limit(why) => ErrorReply { re, ..why },
        }
    }
}

/// Sessions that a principal made and that have not ended, beside the one that this request may have made already.
fn made_by(home: &Home, principal: &str, create: &Create) -> usize {
    let all = home.sessions().unwrap_or_default();
    let theirs = |session: &&SessionHome| {
        let made = |spec: Spec| spec.made_by.as_deref().unwrap_or(&spec.owner) == principal && spec.created_by != create.id;
        session.spec().is_ok_and(made) && !session.ended()
    };
    all.iter().filter(theirs).count()
}

fn find(home: &Home, open: &Open, who: &Identity, quotas: Option<&Quotas>) -> Result<Found, Missed> {
    let Claimed { id, created } = match &open.create {
        None => Claimed { id: resolve(home, &open.session, who)?, created: false },
        Some(create) => claim(home, &open.session, create, who, quotas)?,
    };
    let session = home.session(&id);
    let spec = session.spec()?;
    if auth::may(who, &spec, &session).is_some() {
        Ok(Found { session, spec, created })
    } else {
        Err(HomeError::Unknown(open.session.clone()).into())
    }
}

/// Among the sessions that are there for this principal.
fn resolve(home: &Home, text: &str, who: &Identity) -> Result<SessionId, HomeError> {
    if *who == auth::ourself() {
        return home.resolve(text);
    }
    let sees = |id: &SessionId| {
        let session = home.session(id);
        session.spec().is_ok_and(|spec| auth::may(who, &spec, &session).is_some())
    };
    home.resolve_among(text, &sees)
}

fn claim(home: &Home, text: &str, create: &Create, who: &Identity, quotas: Option<&Quotas>) -> Result<Claimed, Missed> {
    // To meet a session that is there is the usual case, and needs no lock.
    if let Some(id) = home.exactly(text)?
        && !create.must_be_new
        && create.session.as_ref().is_none_or(|wanted| *wanted == id)
    {
        let created = home.session(&id).spec()?.created_by == create.id;
        return Ok(Claimed { id, created });
    }
    let name = if text.is_empty() { None } else { Some(text.parse::<SessionName>().map_err(HomeError::from)?) };
    let Some(quotas) = quotas else { return Ok(home.claim(name, create, &who.principal)?) };
    let _turn = quotas.making.lock().unwrap_or_else(PoisonError::into_inner);
    quotas.may_make(who, || made_by(home, &who.principal, create))?;
    Ok(home.claim(name, create, &who.principal)?)
}

/// A kernel by a name that this user gave it, here on this machine, is what the profile says.
fn settle(open: &Open) -> Result<Open, ErrorReply> {
    let mut open = open.clone();
    if let Some(create) = &mut open.create {
        let profile = profiles::named(&create.kernel);
        let profile = profile.map_err(|why| ErrorReply::new(open.re, Code::UnknownKernel, why.to_string()))?;
        if let Some(profile) = profile {
            profile.apply(create);
        }
    }
    Ok(open)
}

/// Who comes as the user itself, to do something, brings the agent along.
fn point(session: &SessionHome, agent: Option<&Path>, open: &Open, who: &Identity) {
    if let Some(agent) = agent
        && *who == auth::ourself()
        && open.scope != Some(rialto_protocol::Scope::Observe)
        && let Err(why) = session.point_agent(agent)
    {
        tracing::debug!(session = %session.id(), %why, "the session's ssh agent stays what it was");
    }
}

/// Told before anything is made: a session of a kernel that nobody knows would be a name taken for nothing.
fn known_kernel(create: &Create) -> Result<(), String> {
    let Create { kernel, cwd, env, setup, .. } = create;
    let launch = Launch { kernel: kernel.clone(), cwd: cwd.clone(), env: env.clone(), setup: setup.clone(), ..Launch::default() };
    if rialto_kernels::knows(&launch) {
        return Ok(());
    }
    let known = rialto_kernels::known();
    let names: Vec<&str> = known.iter().map(|k| k.name.as_ref()).collect();
    Err(format!("there is no kernel {kernel:?}; known are: {}", names.join(", ")))
}

/// Who reaches only some sessions makes only such. Said before it is looked what is there: for such a one nothing else is.
fn within_reach(who: &Identity, name: &str) -> Result<(), String> {
    if auth::may_name(who, name) {
        return Ok(());
    }
    let glob = who.sessions.as_deref().unwrap_or_default();
    Err(format!("you reach sessions named {glob} here, and make only such; give it a name like that"))
}

/// What a client wrote is about to become files and a process.
fn sound(create: &Create) -> Result<(), String> {
    let Create { kernel, program, cwd, env, .. } = create;
    // A program with a prompt is named by its command.
    let most = if kernel.starts_with("pty:") { MAX_COMMAND } else { limits::MAX_LABEL };
    if kernel.is_empty() || kernel.len() > most {
        return Err(format!("a kernel's name has 1 to {most} bytes"));
    }
    if [program.as_deref().unwrap_or_default(), cwd].iter().any(|path| path.len() > MAX_PATH || path.contains('\0')) {
        return Err(format!("a path has at most {MAX_PATH} bytes, and none of them zero"));
    }
    if !cwd.is_empty() && !Path::new(cwd).is_absolute() && cwd != "~" && !cwd.starts_with("~/") {
        return Err(format!("the folder to start in must be a whole path, or begin with ~/, and {cwd:?} does not"));
    }
    if create.setup.texts().any(|text| text.len() > MAX_PATH || text.contains('\0')) {
        return Err(format!("what a kernel is to find is said in at most {MAX_PATH} bytes, and none of them zero"));
    }
    for (key, value) in env {
        if key.is_empty() || key.contains(['=', '\0']) || value.contains('\0') {
            return Err(format!("{key:?} with its value cannot be in an environment"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::Each;
    use crate::home::testing::{create, home};

    #[test]
    fn a_principal_makes_so_many_sessions_and_meets_all_that_are_there() {
        let (_temp, home) = home();
        let quotas = Quotas::new(Each { sessions: 1, ..Each::default() });
        let mut laptop = Identity::new(format!("{}/laptop", auth::ourselves()), rialto_protocol::Scope::Eval);
        laptop.credential = Some("token:12345678".to_owned());
        let make = |who: &Identity, name: &str, id: u8| {
            let open = Open { session: name.to_owned(), create: Some(create(id)), ..Open::default() };
            find(&home, &open, who, Some(&quotas)).map_err(|missed| missed.reply(0))
        };
        make(&auth::ourself(), "own", 1).unwrap();
        let made = make(&laptop, "one", 2).unwrap();
        assert_eq!((made.spec.owner, made.spec.made_by), (auth::ourselves(), Some(laptop.principal.clone())));
        let error = make(&laptop, "two", 3).unwrap_err();
        assert!(error.known() == Some(Code::TooBusy) && error.after_ms.is_some(), "{error}");
        // A request that came before is answered as it was; what is there is met; and the user itself goes on.
        assert!(make(&laptop, "one", 2).is_ok() && make(&laptop, "own", 4).is_ok() && make(&auth::ourself(), "more", 5).is_ok());
        home.session(&made.session.id().clone()).mark_ended().unwrap();
        assert!(make(&laptop, "two", 6).is_ok());
    }
}

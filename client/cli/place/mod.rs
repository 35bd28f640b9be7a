//! Where sessions are: on this machine, reached directly, or wherever `--at` says.
//!
//! | question | file |
//! |---|---|
//! | what does a URL say? | `url.rs` |
//! | what is kept of places with names? | `kept.rs` |
//! | who is asked? | `person.rs` |
//! | how is a WebSocket reached? | `web.rs` |

pub(crate) mod kept;
mod person;
pub(crate) mod url;
mod web;

use crate::args::PlaceArgs;
use crate::exit::Failure;
use kept::Kept;
use person::AtTheTerminal;
use rialto_bridge::auth;
use rialto_bridge::home::{Home, door};
use rialto_bridge::router::{self, Spawn};
use rialto_client::protocol::message::{Listing, Open, Plain};
use rialto_client::protocol::{ErrorReply, Message};
use rialto_client::{Connect, Dialer, Link, Linking, Options, Session, Start, Through};
use rialto_transports::exec::ExecDialer;
use rialto_transports::fallback::FallbackDialer;
use rialto_transports::http::HttpDialer;
use rialto_transports::ssh::{Person, SshDialer, Target};
use rialto_transports::unix::UnixDialer;
use rialto_transports::websocket::WebSocketDialer;
use rialto_transports::{Again, Boxed, DialError, Stream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::{Machine, Url, Way};

/// How long a listing waits for a supervisor that does not answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// A place where sessions are.
#[derive(Clone)]
pub(crate) enum Place {
    /// This machine: a supervisor is started or found, and talked to without anything in between.
    Here { home: Arc<Home>, spawn: Arc<Spawn>, made: Arc<AtomicBool> },
    /// Behind a daemon, which does that for us.
    There(Arc<There>),
}

/// A place that is reached by a dialer.
pub(crate) struct There {
    through: Through,
    early: Arc<Early>,
    /// As `--at` said it.
    at: String,
    /// Whether its users are those of this machine.
    ours: bool,
    /// Another machine, with folders of its own.
    far: bool,
    /// What is meant there where nothing is named.
    session: Option<String>,
    kernel: Option<String>,
}

/// A URL, and what is kept beside it where it has a name.
pub(crate) struct Known {
    /// As it was said.
    pub(crate) at: String,
    pub(crate) url: Url,
    pub(crate) kept: Kept,
}

impl Known {
    /// What a URL or a name means.
    pub(crate) fn of(at: &str) -> Result<Self, Failure> {
        if url::is_url(at) {
            return Ok(Self { at: at.to_owned(), url: Url::parse(at)?, kept: Kept::default() });
        }
        if !kept::is_name(at) {
            return Err(Failure::usage(format!("{at:?} is no place: {}", url::USE)));
        }
        let kept = kept::named(at)?.ok_or_else(|| kept::unknown(at))?;
        let mut url = Url::parse(kept.get("at").unwrap_or_default())?;
        url.session = kept.get("session").map(str::to_owned).or(url.session);
        url.kernel = kept.get("kernel").map(str::to_owned).or(url.kernel);
        Ok(Self { at: at.to_owned(), url, kept })
    }

    /// The way there. Nothing is dialled yet.
    pub(crate) fn dialer(&self) -> Result<Arc<dyn Dialer>, Failure> {
        Ok(match &self.url.way {
            Way::Unix(path) => Arc::new(UnixDialer::new(path)),
            Way::User(name) => {
                let uid = crate::people::uid(name)?;
                Arc::new(UnixDialer::of(door::of(uid)?, uid))
            }
            Way::Exec(command) => Arc::new(ExecDialer::shell(command)),
            Way::Ssh(machine) => Arc::new(self.ssh(machine)),
            Way::WebSocket { tls, plain, machine, path } => {
                let address = web::address(self, *tls, machine, path)?;
                if *plain {
                    return Ok(Arc::new(HttpDialer::new(address)));
                }
                let ways: Vec<Arc<dyn Dialer>> =
                    vec![Arc::new(WebSocketDialer::new(address.clone())), Arc::new(HttpDialer::new(address))];
                Arc::new(FallbackDialer::new(ways, Arc::new(crate::paint::talk)))
            }
        })
    }

    /// The same where it is SSH.
    pub(crate) fn ssh(&self, machine: &Machine) -> SshDialer {
        let Machine { user, host, port } = machine.clone();
        let command = self.kept.get("command").map(str::to_owned);
        let person = AtTheTerminal::find().map(|person| Arc::new(person) as Arc<dyn Person>);
        SshDialer::new(Target { user, host, port, command, place: self.at.clone() }, person)
    }

    /// Whether the end of what is there ends the stream at once, so that nothing need be asked whether it lives.
    const fn local(&self) -> bool {
        matches!(self.url.way, Way::Unix(_) | Way::User(_))
    }
}

impl Place {
    /// The place that the command line names.
    pub(crate) fn of(args: &PlaceArgs) -> Result<Self, Failure> {
        let Some(at) = args.at.as_deref() else { return Self::here() };
        let mut known = Known::of(at)?;
        if let Some(ca) = &args.tls_ca {
            known.kept.set("ca", ca.display().to_string());
        }
        Self::at_known(&known)
    }

    pub(crate) fn at_known(known: &Known) -> Result<Self, Failure> {
        let early = Arc::new(Early { dialer: known.dialer()?, ready: Mutex::default() });
        let through = Through { dialer: early.clone(), local: known.local() };
        let Url { session, kernel, .. } = known.url.clone();
        let far = matches!(known.url.way, Way::Ssh(_) | Way::WebSocket { .. });
        Ok(Self::There(Arc::new(There { through, early, at: known.at.clone(), ours: known.local(), far, session, kernel })))
    }

    pub(crate) fn here() -> Result<Self, Failure> {
        if let Some(guest) = crate::facade::guest() {
            let early = Arc::new(Early { dialer: crate::facade::dialer(guest)?, ready: Mutex::default() });
            let through = Through { dialer: early.clone(), local: true };
            let (at, session) = (String::new(), guest.session.clone());
            return Ok(Self::There(Arc::new(There { through, early, at, ours: true, far: false, session, kernel: None })));
        }
        let home = Home::find()?;
        if let Some(notice) = home.notice() {
            crate::paint::talk(notice);
        }
        let spawn = Spawn::own().map_err(|e| Failure::internal(format!("cannot tell which program this is: {e}")))?;
        let spawn = spawn.with_own_agent();
        Ok(Self::Here { home: Arc::new(home), spawn: Arc::new(spawn), made: Arc::default() })
    }

    /// Connects where a person may have to be asked for something, before a screen is taken over on which no question could
    /// be seen. What fails and may pass is left to whoever connects next.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        let Self::There(there) = self else { return Ok(()) };
        if !there.far {
            return Ok(());
        }
        match there.early.dialer.dial().await {
            Ok(stream) => there.early.keep(stream),
            Err(why) if why.again == Again::Never => return Err(Failure::new(crate::exit::UNAVAILABLE, why.to_string())),
            Err(_) => {}
        }
        Ok(())
    }

    /// The folders of this machine, where that is the place.
    pub(crate) fn home(&self) -> Option<&Home> {
        match self {
            Self::Here { home, .. } => Some(home),
            Self::There(..) => None,
        }
    }

    /// Another machine, with folders of its own.
    pub(crate) fn is_far(&self) -> bool {
        match self {
            Self::Here { .. } => false,
            Self::There(there) => there.far,
        }
    }

    /// What `--at` would be for it; nothing for this machine.
    pub(crate) fn at(&self) -> Option<String> {
        match self {
            Self::Here { .. } => None,
            // Whoever came by ssh comes back by ssh.
            Self::There(there) => Some(there.at.clone()).filter(|at| !at.is_empty()),
        }
    }

    /// Whether its users are those of this machine.
    pub(crate) fn users_are_ours(&self) -> bool {
        match self {
            Self::Here { .. } => true,
            Self::There(there) => there.ours,
        }
    }

    /// The session that is meant where none is named.
    pub(crate) fn session(&self) -> Option<&str> {
        match self {
            Self::Here { .. } => None,
            Self::There(there) => there.session.as_deref(),
        }
    }

    /// The kernel of a new session, where none is named.
    pub(crate) fn kernel(&self) -> Option<&str> {
        match self {
            Self::Here { .. } => None,
            Self::There(there) => there.kernel.as_deref(),
        }
    }

    /// Whether the last session opened was made by that.
    pub(crate) fn made(&self) -> bool {
        match self {
            Self::Here { made, .. } => made.load(Ordering::Relaxed),
            Self::There(..) => false,
        }
    }

    /// A handle for a session.
    pub(crate) fn open(&self, open: Open, label: &str, start: Start) -> Result<Session, Failure> {
        let mut options = Options::new(rialto_client::client_id()?, label);
        options.start = start;
        Ok(self.open_with(open, options))
    }

    pub(crate) fn open_with(&self, open: Open, options: Options) -> Session {
        match self {
            Self::Here { .. } => Session::new(self.clone(), open, options),
            Self::There(there) => Session::new(there.through.clone(), open, options),
        }
    }

    /// What sessions are there.
    pub(crate) async fn list(&self) -> Result<Listing, ErrorReply> {
        match self {
            Self::Here { home, .. } => router::list(home, &auth::ourself(), PATIENCE, usize::MAX).await,
            Self::There(there) => {
                let link = there.through.connect(Open::default()).await?;
                match rialto_client::ask(link, "rialto", Message::List(Plain { re: 1 })).await? {
                    Message::Listing(listing) => Ok(listing),
                    other => {
                        Err(ErrorReply::new(0, rialto_client::protocol::Code::WrongState, format!("{other:?} is no listing")))
                    }
                }
            }
        }
    }
}

/// A dialer that may have been asked before.
struct Early {
    dialer: Arc<dyn Dialer>,
    ready: Mutex<Option<Stream>>,
}

impl Early {
    fn keep(&self, stream: Stream) {
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }
}

impl Dialer for Early {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        match ready {
            Some(stream) => Box::pin(async { Ok(stream) }),
            None => self.dialer.dial(),
        }
    }

    fn text(&self) -> String {
        self.dialer.text()
    }
}

impl Connect for Place {
    fn connect(&self, open: Open) -> Linking {
        match self {
            Self::There(there) => there.through.connect(open),
            Self::Here { home, spawn, made } => {
                let (home, spawn, made) = (home.clone(), spawn.clone(), made.clone());
                Box::pin(async move {
                    let reached = router::ensure(&home, &open, &auth::ourself(), &spawn).await?;
                    made.store(reached.created, Ordering::Relaxed);
                    let open = Open { session: reached.session.to_string(), create: None, ..open };
                    Ok(Link { stream: Box::new(reached.stream), cookie: Some(reached.cookie.into_bytes()), open, local: true })
                })
            }
        }
    }
}

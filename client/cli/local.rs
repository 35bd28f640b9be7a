//! Where sessions are: on this machine, reached directly, or wherever `--at` says.

use crate::args::PlaceArgs;
use crate::exit::Failure;
use rialto_bridge::home::{Home, door};
use rialto_bridge::router::{self, Spawn};
use rialto_client::protocol::message::{Listing, Open, Plain};
use rialto_client::protocol::{ErrorReply, Message};
use rialto_client::{Connect, Link, Linking, Options, Session, Start, Through};
use rialto_transports::exec::ExecDialer;
use rialto_transports::unix::UnixDialer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a listing waits for a supervisor that does not answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// A place where sessions are.
#[derive(Clone)]
pub(crate) enum Place {
    /// This machine: a supervisor is started or found, and talked to without anything in between.
    Here { home: Arc<Home>, spawn: Arc<Spawn>, who: String, made: Arc<AtomicBool> },
    /// Behind a daemon, which does that for us; as `--at` said it.
    There(Through, Arc<str>),
}

impl Place {
    /// The place that the command line names.
    pub(crate) fn of(args: &PlaceArgs) -> Result<Self, Failure> {
        let Some(at) = &args.at else { return Self::here() };
        let dialer: Arc<dyn rialto_client::Dialer> = if let Some(path) = at.strip_prefix("unix://") {
            Arc::new(UnixDialer::new(path))
        } else if let Some(name) = at.strip_prefix("user:") {
            let uid = crate::people::uid(name)?;
            Arc::new(UnixDialer::of(door::of(uid)?, uid))
        } else if let Some(command) = at.strip_prefix("exec:") {
            Arc::new(ExecDialer::shell(command))
        } else {
            let text = format!("{at:?} is no place: use unix:///path/of/a/daemon.sock, user:NAME or exec:COMMAND");
            return Err(Failure::usage(text));
        };
        Ok(Self::There(Through { dialer, local: true }, at.as_str().into()))
    }

    pub(crate) fn here() -> Result<Self, Failure> {
        let home = Home::find()?;
        if let Some(notice) = home.notice() {
            crate::paint::talk(notice);
        }
        let spawn = Spawn::own().map_err(|e| Failure::internal(format!("cannot tell which program this is: {e}")))?;
        let who = format!("uid:{}", nix::unistd::geteuid());
        Ok(Self::Here { home: Arc::new(home), spawn: Arc::new(spawn), who, made: Arc::default() })
    }

    /// The folders of this machine, where that is the place.
    pub(crate) fn home(&self) -> Option<&Home> {
        match self {
            Self::Here { home, .. } => Some(home),
            Self::There(..) => None,
        }
    }

    /// What `--at` would be for it; nothing for this machine.
    pub(crate) fn at(&self) -> Option<String> {
        match self {
            Self::Here { .. } => None,
            Self::There(_, at) => Some(at.to_string()),
        }
    }

    /// Whether its users are those of this machine.
    pub(crate) fn users_are_ours(&self) -> bool {
        match self {
            Self::Here { .. } => true,
            Self::There(_, at) => !at.starts_with("exec:"),
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
            Self::There(through, _) => Session::new(through.clone(), open, options),
        }
    }

    /// What sessions are there.
    pub(crate) async fn list(&self) -> Result<Listing, ErrorReply> {
        match self {
            Self::Here { home, who, .. } => router::list(home, who, PATIENCE, usize::MAX).await,
            Self::There(through, _) => {
                let link = through.connect(Open::default()).await?;
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

impl Connect for Place {
    fn connect(&self, open: Open) -> Linking {
        match self {
            Self::There(through, _) => through.connect(open),
            Self::Here { home, spawn, who, made } => {
                let (home, spawn, who, made) = (home.clone(), spawn.clone(), who.clone(), made.clone());
                Box::pin(async move {
                    let reached = router::ensure(&home, &open, &who, &spawn).await?;
                    made.store(reached.created, Ordering::Relaxed);
                    let open = Open { session: reached.session.to_string(), create: None, ..open };
                    Ok(Link { stream: reached.stream, cookie: Some(reached.cookie.into_bytes()), open, local: true })
                })
            }
        }
    }
}

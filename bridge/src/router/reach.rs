//! A connection to a session's supervisor, and the four things that may stand in the way: it was never started, it died, it
//! is only just starting, or its socket was wiped away under it.

use super::start::{self, Spawn};
use super::{Found, LIMIT};
use crate::home::lock;
use crate::home::{Home, HomeError, Lock, SessionHome};
use crate::tasks::blocking;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rialto_protocol::message::Create;
use rialto_protocol::{Code, ErrorReply};
use rialto_transports::quiet::QuietStream;
use rialto_transports::unix::UnixDialer;

use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at something that another process does.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two requests to bind again: the supervisor may be busy committing.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// A supervisor that was ready and is gone again, this often, will not stay.
const STARTS: u32 = 2;

/// What stands in the way.
enum Way {
    /// A supervisor lives; its socket does not answer.
    Silent,
    /// None lives, and it is on us to start one: nobody else will while we hold this.
    Ours(Lock),
    /// None lives, and somebody else is starting one.
    Theirs,
}

/// Connects to the session's supervisor, starting one where none lives.
pub(super) async fn supervisor(
    home: &Home,
    found: &Found,
    create: Option<&Create>,
    how: &Spawn,
    until: Instant,
) -> Result<QuietStream, ErrorReply> {
    let session = &found.session;
    let socket = session.socket().map_err(|error| error.reply(0))?;
    let dialer = UnixDialer::new(socket);
    let mut starts = 0;
    let mut ask = Instant::now();
    loop {
        if let Ok(stream) = dialer.connect().await {
            return Ok(stream);
        }
        let here = session.clone();
        let way = blocking(move || look(&here)).await.map_err(|why| internal(session, &why.to_string()))?;
        match way.map_err(|error| error.reply(0))? {
            Way::Ours(held) if starts < STARTS => {
                starts += 1;
                let started = start::supervisor(session, create, how).await;
                if let Err(error) = started {
                    // One that died without a word leaves its log, which the error names.
                    if error.known() != Some(Code::Unreachable) {
                        give_back(home, found, held).await;
                    }
                    return Err(error);
                }
                continue;
            }
            Way::Ours(_) => {
                return Err(unreachable(session, "its supervisor started, and ended before it could be reached"));
            }
            Way::Silent if Instant::now() >= ask => {
                ask = Instant::now() + ASK_AGAIN;
                ask_for_a_socket(home, session)?;
            }
            Way::Silent | Way::Theirs => {}
        }
        if Instant::now() >= until {
            let why = format!("its supervisor lives, and did not answer within {} s", LIMIT.as_secs());
            return Err(unreachable(session, &why));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn look(session: &SessionHome) -> Result<Way, HomeError> {
    if !session.exists() {
        return Err(HomeError::Gone(session.id().clone()));
    }
    if session.lives()? {
        return Ok(Way::Silent);
    }
    let Some(held) = Lock::try_take(&session.start_lock())? else { return Ok(Way::Theirs) };
    // Between those two looks somebody may have started one and let go of the lock.
    Ok(if session.lives()? { Way::Silent } else { Way::Ours(held) })
}

/// Asks a supervisor by signal to bind its socket again. One that has not announced itself is still starting, and does not
/// handle the signal yet.
fn ask_for_a_socket(home: &Home, session: &SessionHome) -> Result<(), ErrorReply> {
    home.mend_runtime().map_err(|error| error.reply(0))?;
    if let Some(holder) = lock::holder(&session.lock_file()) {
        tracing::info!(session = %session.id(), pid = holder.pid, "asking the supervisor to bind its socket again");
        // It may end in this very moment; the next look sees that.
        let _ = kill(Pid::from_raw(holder.pid), Signal::SIGUSR1);
    }
    Ok(())
}

/// A session that was made a moment ago and whose supervisor refused to start has no history: its name is free again, so that
/// a typing error in a kernel's name does not cost the session's name.
async fn give_back(home: &Home, found: &Found, start: Lock) {
    if !found.created || found.session.journal().exists() {
        return;
    }
    let (home, id) = (home.clone(), found.spec.id.clone());
    let removed = blocking(move || {
        let removed = home.remove(&id);
        // Until here nobody else could start it.
        drop(start);
        removed
    });
    if let Ok(Err(why)) = removed.await {
        tracing::debug!(session = %found.spec.id, %why, "could not be given back");
    }
}

fn internal(session: &SessionHome, why: &str) -> ErrorReply {
    ErrorReply::new(0, Code::Internal, format!("session {} could not be looked at: {why}", session.id()))
}

pub(super) fn unreachable(session: &SessionHome, why: &str) -> ErrorReply {
    let (log, tail) = (session.log(), session.log_tail());
    let tail = if tail.is_empty() { ", is empty".to_owned() } else { format!(", ends:\n{tail}") };
    ErrorReply::new(0, Code::Unreachable, format!("session {}: {why}; its log, {}{tail}", session.id(), log.display()))
}

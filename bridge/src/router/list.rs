//! The sessions of this user, and how each of them is: what their supervisors say in the time there is, and for those that
//! say nothing, what their folders do.

use super::frames;
use super::handshake::{Entry, greet};
use crate::auth::{self, Identity};
use crate::home::{Home, HomeError, SessionHome};
use crate::tasks::{TaskKind, Tasks, blocking};
use rialto_protocol::message::{Greet, Listed, Listing, Memory, Plain, Status};
use rialto_protocol::{ClientId, Code, ErrorReply, Message, limits, version};
use rialto_transports::unix::UnixDialer;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Supervisors that are asked at once.
const AT_ONCE: usize = 16;

/// Lists the sessions that `who` sees, asking living supervisors for as long as `patience` lasts. Statuses beyond `room`
/// bytes are left out: those sessions are listed as their folders show them.
///
/// # Errors
/// Where the folder of sessions cannot be read.
pub async fn list(home: &Home, who: &Identity, patience: Duration, room: usize) -> Result<Listing, ErrorReply> {
    let until = Instant::now() + patience;
    let (home, who) = (home.clone(), who.clone());
    let rows = blocking(move || rows(&home, &who)).await;
    let rows = rows.map_err(|why| ErrorReply::new(0, Code::Internal, format!("the listing failed: {why}")))?;
    let (mut sessions, living) = rows.map_err(|error| error.reply(0))?;
    let statuses = ask_all(living, until, room).await;
    for listed in &mut sessions {
        if let Some(status) = statuses.get(listed.session.as_str()) {
            listed.state.clone_from(&status.state);
            listed.memory = memory(status);
            listed.status = Some(status.clone());
        }
    }
    Ok(Listing { re: 0, sessions })
}

/// What a session's two processes take.
fn memory(status: &Status) -> Option<Memory> {
    let supervisor = taken(status.pid)?;
    let kernel = match status.info.as_ref().map(|info| info.pid).filter(|pid| *pid != 0) {
        Some(pid) => taken(pid)?,
        None => (0, supervisor.1),
    };
    Some(Memory { supervisor: supervisor.0, kernel: kernel.0, proportional: supervisor.1 && kernel.1 })
}

/// Bytes of one process, and whether what it shares is divided. Of a process of our own nothing is hidden from us; where only
/// the plain number can be had, that is better than none.
fn taken(pid: u32) -> Option<(u64, bool)> {
    if pid == 0 {
        return None;
    }
    let kilobytes = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let proportional = kilobytes(&read("smaps_rollup"), "Pss:").map(|kb| (kb * 1024, true));
    proportional.or_else(|| kilobytes(&read("status"), "VmRSS:").map(|kb| (kb * 1024, false)))
}

/// What the folders say, and which supervisors are to be asked.
fn rows(home: &Home, who: &Identity) -> Result<(Vec<Listed>, Vec<SessionHome>), HomeError> {
    let (mut sessions, mut living) = (Vec::new(), Vec::new());
    for session in home.sessions()? {
        // It was deleted a moment ago, or cannot be read: one bad folder must not hide the others.
        let spec = match session.spec() {
            Ok(spec) => spec,
            Err(HomeError::Gone(_)) => continue,
            Err(why) => {
                tracing::warn!(session = %session.id(), %why, "cannot be listed");
                continue;
            }
        };
        let Some(scope) = auth::may(who, &spec, &session) else { continue };
        let lives = session.lives()?;
        let state = match (lives, session.ended()) {
            (true, _) => "unresponsive",
            (false, true) => "ended",
            (false, false) => "dead",
        };
        sessions.push(Listed {
            session: spec.id,
            name: spec.name,
            kernel: spec.kernel,
            state: state.to_owned(),
            created_ms: spec.created_ms,
            cwd: spec.cwd,
            status: None,
            bytes: session.bytes(),
            owner: spec.owner,
            scope: Some(scope),
            memory: None,
        });
        if lives {
            living.push(session);
        }
    }
    Ok((sessions, living))
}

async fn ask_all(living: Vec<SessionHome>, until: Instant, mut room: usize) -> HashMap<String, Status> {
    let mut tasks = Tasks::new();
    let mut waiting = living.into_iter();
    let (said, mut heard) = mpsc::channel(AT_ONCE);
    let mut statuses = HashMap::new();
    let collect = async {
        loop {
            while tasks.len() < AT_ONCE
                && let Some(session) = waiting.next()
            {
                let said = said.clone();
                tasks.spawn(TaskKind::AskStatus, async move {
                    if let Some(answer) = ask(&session).await {
                        let _ = said.send(answer).await;
                    }
                });
            }
            if tasks.next().await.is_none() {
                return;
            }
            while let Ok((status, bytes)) = heard.try_recv() {
                if bytes <= room {
                    room -= bytes;
                    statuses.insert(status.session.to_string(), status);
                }
            }
        }
    };
    // Whoever has not answered by then is listed as it is.
    let _ = tokio::time::timeout_at(until, collect).await;
    statuses
}

/// One supervisor's status, and the bytes it came in.
async fn ask(session: &SessionHome) -> Option<(Status, usize)> {
    let mut stream = UnixDialer::new(session.socket().ok()?).connect().await.ok()?;
    let entry = Entry { channel: 1, max_frame: limits::DEFAULT_MAX_FRAME, on_behalf: None, handover: false };
    greet(session.id(), &session.cookie().ok()?, &mut stream, &entry).await.ok()?;
    let greeting = Greet {
        min: version::MIN_CONTRACT,
        max: version::MAX_CONTRACT,
        features: Vec::new(),
        client: ClientId(crate::home::random().ok()?),
        label: "list".to_owned(),
    };
    let words = [(1, Message::Greet(greeting)), (1, Message::GetStatus(Plain { re: 1 }))];
    frames::send(&mut stream, &words, entry.max_frame).await.ok()?;
    loop {
        match frames::message(&mut stream, entry.max_frame).await.ok()?? {
            (header, Message::Status(status)) => return Some((status, header.len as usize)),
            (_, Message::Error(_)) => return None,
            _ => {}
        }
    }
}

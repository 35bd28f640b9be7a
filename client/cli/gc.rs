//! `rialto gc`: deletes what retention no longer keeps. What lives is never touched; what died without an end is kept as long as
//! something that ended, counted from its last write.

use crate::args::{GcArgs, PlaceArgs};
use crate::exit::Failure;
use crate::ls::duration;
use crate::place::Place;
use crate::render::size;
use crate::{ls, paint, rm};
use rialto_bridge::home::{HomeError, SessionHome};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

const DAY_MS: u64 = 86_400_000;
const MIB: u64 = 1024 * 1024;

/// What is known of a session here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    id: String,
    state: State,
    /// When it ended, or was last written to. Milliseconds since 1970.
    last_ms: u64,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Lives,
    Ended,
    Dead,
}

/// Why one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Old,
    Large,
}

pub(crate) fn run(place: &PlaceArgs, args: &GcArgs) -> Result<u8, Failure> {
    let place = Place::of(place)?;
    let Some(home) = place.home() else { return Err(rm::elsewhere("gc")) };
    let sessions: BTreeMap<String, SessionHome> =
        home.sessions()?.into_iter().map(|session| (session.id().to_string(), session)).collect();
    let kept = sessions.values().map(look).collect::<Result<Vec<_>, _>>()?;
    let now = ls::now_ms();
    let (days, total) = (args.days.saturating_mul(DAY_MS), args.total.saturating_mul(MIB));
    let (mut freed, mut count, mut failed) = (0, 0, None);
    let mut out = anstream::stdout().lock();
    for (one, why) in plan(now, days, total, &kept) {
        let Some(session) = sessions.get(&one.id) else { continue };
        let name = named(session);
        if !args.dry_run {
            match rm::delete(home, session) {
                Ok(()) => {}
                // Somebody came back to it, or was faster: neither is a fault.
                Err(HomeError::Lives(_) | HomeError::Gone(_)) => continue,
                Err(why) => {
                    failed.get_or_insert(Failure::from(why));
                    continue;
                }
            }
        }
        (freed, count) = (freed + one.bytes, count + 1);
        writeln!(out, "{name}  {}  {}", size(one.bytes), reason(one, why, now, args))?;
    }
    out.flush()?;
    paint::talk(&summary(args.dry_run, count, freed, &kept));
    failed.map_or(Ok(0), Err)
}

fn look(session: &SessionHome) -> Result<Kept, HomeError> {
    let state = match (session.lives()?, session.ended()) {
        (true, _) => State::Lives,
        (false, true) => State::Ended,
        (false, false) => State::Dead,
    };
    let written = |file: &str| modified(&session.dir().join(file));
    // Reading a journal may touch its side files, but never the mark of its end.
    let last_ms = match state {
        State::Ended => written("ended"),
        _ => ["journal.db", "journal.db-wal", "session.json"].into_iter().map(written).max().unwrap_or(0),
    };
    Ok(Kept { id: session.id().to_string(), state, last_ms, bytes: session.bytes() })
}

fn modified(path: &Path) -> u64 {
    let time = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What goes, in the order in which it goes: what is too old, then the oldest that ended until the rest fits.
fn plan(now_ms: u64, keep_ms: u64, total: u64, kept: &[Kept]) -> Vec<(&Kept, Why)> {
    let mut mortal: Vec<&Kept> = kept.iter().filter(|one| one.state != State::Lives).collect();
    mortal.sort_by_key(|one| (one.last_ms, &one.id));
    let mut left: u64 = kept.iter().map(|one| one.bytes).sum();
    let mut gone = Vec::new();
    let (old, young): (Vec<&Kept>, Vec<&Kept>) = mortal.into_iter().partition(|one| now_ms.saturating_sub(one.last_ms) > keep_ms);
    for one in old {
        left = left.saturating_sub(one.bytes);
        gone.push((one, Why::Old));
    }
    // One that died has not been looked at since: it may hold what somebody waits for, and only time takes it.
    for one in young.into_iter().filter(|one| one.state == State::Ended) {
        if left <= total {
            break;
        }
        left = left.saturating_sub(one.bytes);
        gone.push((one, Why::Large));
    }
    gone
}

fn named(session: &SessionHome) -> String {
    let name = session.spec().ok().and_then(|spec| spec.name);
    name.map_or_else(|| session.id().to_string(), |name| format!("{name} ({})", session.id()))
}

fn reason(one: &Kept, why: Why, now_ms: u64, args: &GcArgs) -> String {
    let ago = duration(now_ms.saturating_sub(one.last_ms));
    match (why, one.state) {
        (Why::Old, State::Ended) => format!("ended {ago} ago"),
        (Why::Old, _) => format!("its supervisor died, and nothing was written for {ago}"),
        (Why::Large, _) => format!("ended {ago} ago, the oldest of what is over {} MiB", args.total),
    }
}

fn summary(dry: bool, count: u64, freed: u64, kept: &[Kept]) -> String {
    let living = kept.iter().filter(|one| one.state == State::Lives).count();
    let all: u64 = kept.iter().map(|one| one.bytes).sum();
    let left = size(all.saturating_sub(freed));
    match (dry, count) {
        (_, 0) => format!("nothing to delete; {} sessions take {left}, {living} of them live", kept.len()),
        (true, _) => format!("would delete {count} sessions, {}; {left} would stay", size(freed)),
        (false, _) => format!("deleted {count} sessions, {}; {left} stay", size(freed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: &str, state: State, days_ago: u64, bytes: u64) -> Kept {
        Kept { id: id.into(), state, last_ms: (100 - days_ago) * DAY_MS, bytes }
    }

    fn ids(total: u64, kept: &[Kept]) -> String {
        plan(100 * DAY_MS, 7 * DAY_MS, total, kept).iter().map(|(one, _)| one.id.as_str()).collect()
    }

    #[test]
    fn what_is_old_goes_and_what_lives_never_does() {
        let all = [
            kept("a", State::Lives, 90, 1),
            kept("b", State::Ended, 8, 1),
            kept("c", State::Ended, 7, 1),
            kept("d", State::Dead, 30, 1),
            kept("e", State::Dead, 1, 1),
        ];
        assert_eq!(ids(1000, &all), "db");
    }

    #[test]
    fn then_the_oldest_that_ended_until_the_rest_fits() {
        let all = [
            kept("a", State::Lives, 0, 50),
            kept("b", State::Ended, 1, 30),
            kept("c", State::Ended, 3, 30),
            kept("d", State::Dead, 5, 30),
        ];
        assert_eq!(ids(140, &all), "");
        assert_eq!(ids(139, &all), "c");
        assert_eq!(ids(100, &all), "cb");
        assert_eq!(ids(0, &all), "cb", "what lives or died unseen is not deleted for room");
    }
}

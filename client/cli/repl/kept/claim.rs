//! Whose file it is: a terminal that comes takes the one that a dead terminal left, and holds it; two never have the same.

use super::file::{Kept, Noted, now_ms};
use rialto_client::protocol::{ClientId, Cursor, SessionId};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Files of terminals that died; the one left longest ago goes first.
const MOST: usize = 200;
/// Left for so long, nobody comes back to it.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long another terminal's few file operations may take.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(2);

/// What a terminal is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Whose {
    pub(crate) session: SessionId,
    /// Who this terminal is to the session.
    pub(crate) client: ClientId,
    /// What the session is called there,
    pub(crate) name: String,
    /// and where that is; nothing for this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
}

impl Whose {
    pub(super) fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
    }
}

/// What a terminal that comes has.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) kept: Kept,
    /// What the one before had not done; this one is in its place.
    pub(crate) left: Vec<Noted>,
    /// What terminals that died with nothing to do had shown.
    pub(crate) seen: Option<Cursor>,
    /// Other terminals of the same session died with something to do.
    pub(crate) others: usize,
}

/// The file of a terminal of this session: one that was left with something to do, or a new one.
pub(crate) fn claim(state: &Path, whose: Whose) -> io::Result<Claimed> {
    let folder = super::folder(state);
    let _held = hold(&folder)?;
    let mut left = left(&folder);
    left.sort_by_key(|one| std::cmp::Reverse(one.since));
    let mut seen: Option<Cursor> = None;
    let mut ours = Vec::new();
    for (at, one) in left.into_iter().enumerate() {
        let Some(kept) = one.kept else { continue };
        let is_ours = kept.whose.session == whose.session;
        let idle = kept.is_idle();
        if is_ours {
            // What somebody waits for is shown from where that terminal was.
            seen = later(seen, kept.shown().filter(|_| kept.waiting().is_empty()));
        }
        let too_old = SystemTime::now().duration_since(one.since).is_ok_and(|age| age > FORGOTTEN);
        if is_ours && idle || at >= MOST || too_old {
            let _ = std::fs::remove_file(&kept.path);
        } else if is_ours {
            ours.push(kept);
        }
    }
    let others = ours.len().saturating_sub(1);
    if let Some(kept) = ours.into_iter().next() {
        let left = kept.waiting().to_vec();
        return Ok(Claimed { kept, left, seen, others });
    }
    let path = folder.join(format!("{}-{}", whose.session, whose.client));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    file.try_lock()?;
    let kept = Kept::begin(file, &path, whose).inspect_err(|_| drop(std::fs::remove_file(&path)))?;
    Ok(Claimed { kept, left: Vec::new(), seen, others: 0 })
}

/// What was left for a session that was called the same, in the same place, and is not this one: it never runs, and is given
/// to be told.
pub(crate) fn drop_those_of_a_namesake(state: &Path, whose: &Whose) -> Vec<Noted> {
    let folder = super::folder(state);
    let Ok(_held) = hold(&folder) else { return Vec::new() };
    let mut dropped = Vec::new();
    for kept in left(&folder).into_iter().filter_map(|one| one.kept) {
        if (&kept.whose.name, &kept.whose.at) == (&whose.name, &whose.at) && kept.whose.session != whose.session {
            dropped.extend_from_slice(kept.waiting());
            let _ = std::fs::remove_file(&kept.path);
        }
    }
    dropped
}

/// The session is deleted: nobody comes back to it. What somebody waits for stays, to be told to whoever asks for its name.
pub(crate) fn forget(state: &Path, session: &SessionId) {
    let folder = super::folder(state);
    let Ok(_held) = hold(&folder) else { return };
    for kept in left(&folder)
        .into_iter()
        .filter_map(|one| one.kept)
        .filter(|kept| kept.whose.session == *session && kept.waiting().is_empty())
    {
        let _ = std::fs::remove_file(&kept.path);
    }
}

/// A file whose terminal is dead. Nothing in it where it cannot be read as one.
struct Left {
    since: SystemTime,
    kept: Option<Kept>,
}

fn left(folder: &Path) -> Vec<Left> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter_map(|path| one_left(&path).ok().flatten()).collect()
}

fn one_left(path: &PathBuf) -> io::Result<Option<Left>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        // Its terminal lives.
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(why)) => return Err(why),
    }
    let since = file.metadata()?.modified()?;
    let kept = Kept::read(file, path)?;
    if kept.is_none() {
        // Cut off while it was made: nothing was ever asked by it. Or of a version that knows better what to do with it.
        let age = SystemTime::now().duration_since(since).unwrap_or_default();
        if std::fs::metadata(path)?.len() == 0 || age > FORGOTTEN {
            std::fs::remove_file(path)?;
        }
    }
    Ok(Some(Left { since, kept }))
}

/// Holds the folder still: between making a file and holding it nobody else may look.
fn hold(folder: &Path) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why),
        _ => {}
    }
    let file = File::open(folder)?;
    let until = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(why) => return Err(why.into()),
        }
    }
}

/// How long ago that was; nothing where the clock says that it is still to come.
pub(crate) fn age(noted: &Noted) -> Option<Duration> {
    now_ms().checked_sub(noted.at_ms).map(Duration::from_millis)
}

/// The later of both.
pub(crate) fn later(one: Option<Cursor>, other: Option<Cursor>) -> Option<Cursor> {
    if one.map_or(0, |cursor| cursor.seq) < other.map_or(0, |cursor| cursor.seq) { other } else { one }
}

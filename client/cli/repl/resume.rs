//! Where this user's terminals left a session: what happened since is told when they come back.

use crate::place::Place;
use rialto_bridge::home::Home;
use rialto_client::protocol::{Cursor, SessionId};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Sessions of other places that are remembered here; the one that was left longest ago is forgotten first.
const ELSEWHERE: usize = 500;

/// Beside the session where that is here; otherwise in a folder of its own, by the session's id.
fn file(place: &Place, session: &SessionId) -> Option<PathBuf> {
    match place.home() {
        Some(home) => Some(home.session(session).dir().join("terminal.cursor")),
        None => Some(elsewhere(&Home::find().ok()?, session)),
    }
}

fn elsewhere(home: &Home, session: &SessionId) -> PathBuf {
    crate::facade::state(home).join("seen").join(session.as_str())
}

/// Nobody comes back to it, by whatever way it was reached. What is beside it goes with it.
pub(super) fn forget(home: &Home, session: &SessionId) {
    let _ = std::fs::remove_file(elsewhere(home, session));
}

/// The last event that a terminal of this user has shown.
pub(super) fn seen(place: &Place, session: &SessionId) -> Option<Cursor> {
    std::fs::read_to_string(file(place, session)?).ok()?.trim().parse().ok()
}

/// Notes it down. Losing it would only tell some of it again.
pub(super) fn note(place: &Place, session: &SessionId, cursor: Cursor) {
    let Some(path) = file(place, session) else { return };
    // Two terminals may leave at once.
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let folder = path.parent().filter(|_| place.home().is_none());
    let made = folder.map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(0o700).create(folder));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(format!("{cursor}\n").as_bytes())?;
        std::fs::rename(&beside, &path)
    };
    let written = made.and_then(|()| write()).inspect_err(|_| drop(std::fs::remove_file(&beside)));
    if let Err(e) = written {
        tracing::debug!(error = %e, "the terminal's place could not be noted");
    }
    if let Some(folder) = folder {
        forget_the_oldest(folder, ELSEWHERE);
    }
}

fn forget_the_oldest(folder: &Path, most: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut all: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    if all.len() > most {
        all.sort();
        for (_, path) in all.iter().take(all.len() - most) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn what_was_left_longest_ago_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        for (at, name) in ["old", "older", "new"].into_iter().enumerate() {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            let age = [10, 20, 0][at];
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        forget_the_oldest(folder.path(), 2);
        let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["new", "old"]);
    }
}

//! Where a user's bridge can be found by the other users of its machine, if that user opens it for them.
//!
//! It cannot be in the runtime folder, which is closed, and there is no folder but `/tmp` in which every user may put something
//! that every user finds. So whoever dials checks what `/tmp` cannot promise: that the folder is that user's, that nobody else
//! can write to it, and (by the socket itself) that it is that user who answers.

use super::{HomeError, ours};
use std::path::PathBuf;

/// The folder of a user's door. Not made and not checked.
fn folder(uid: u32) -> PathBuf {
    PathBuf::from(format!("/tmp/rialto-{uid}.door"))
}

/// Where we listen for other users; the folder is made and checked.
///
/// # Errors
/// Where somebody else has taken its place.
pub fn ours() -> Result<PathBuf, HomeError> {
    let folder = folder(ours::uid());
    ours::open_folder(&folder)?;
    Ok(folder.join("bridge.sock"))
}

/// Where that user listens for us, checked as far as that can be done before anybody answers.
///
/// # Errors
/// Where that user has opened no door, or somebody else has built it.
pub fn of(uid: u32) -> Result<PathBuf, HomeError> {
    let folder = folder(uid);
    if folder.symlink_metadata().is_err() {
        let why = format!("user {uid} has not opened a bridge for others; they do with `rialto serve --users`");
        return Err(HomeError::NoHome(why));
    }
    ours::only_writes(&folder, uid)?;
    Ok(folder.join("bridge.sock"))
}

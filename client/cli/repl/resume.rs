//! Where this user's terminals left a session: what happened since is shown when they come back.

use rialto_bridge::home::Home;
use rialto_client::protocol::{Cursor, SessionId};
use std::path::PathBuf;

fn file(home: &Home, session: &SessionId) -> PathBuf {
    home.session(session).dir().join("terminal.cursor")
}

/// The last event that a terminal of this user has shown.
pub(super) fn seen(home: &Home, session: &SessionId) -> Option<Cursor> {
    std::fs::read_to_string(file(home, session)).ok()?.trim().parse().ok()
}

/// Notes it down. Losing it would only show some of it again.
pub(super) fn note(home: &Home, session: &SessionId, cursor: Cursor) {
    let path = file(home, session);
    let beside = path.with_extension("new");
    let written = std::fs::write(&beside, format!("{cursor}\n")).and_then(|()| std::fs::rename(&beside, &path));
    if let Err(e) = written {
        tracing::debug!(error = %e, "the terminal's place could not be noted");
    }
}

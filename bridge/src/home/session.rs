//! One session's folder: which file is what.

use super::{HomeError, Lock, lock, ours};
use crate::journal::Anchor;
use rialto_protocol::{RequestId, Scope, SessionId, SessionName, Setup};
use rialto_transports::unix::MAX_PATH;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A `session.json` is a few hundred bytes; the longest path and name fit many times.
const MAX_SPEC: u64 = 64 * 1024;

/// What a supervisor must know to start. The environment is not here: it may hold secrets, and lives in the supervisor's
/// process alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The session.
    pub id: SessionId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SessionName>,
    /// The kernel, `python`.
    pub kernel: String,
    /// The interpreter, where the user named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The folder to start in. Empty: the user's home.
    #[serde(default)]
    pub cwd: String,
    /// The principal whose it is.
    pub owner: String,
    /// The principal that made it, where that was its owner by some credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// When it came to be. Milliseconds since 1970.
    pub created_ms: u64,
    /// The request that made it.
    pub created_by: RequestId,
    /// End when nothing is left to run and nobody is attached.
    #[serde(default)]
    pub ends_when_done: bool,
    /// Delete the journal at that end.
    #[serde(default)]
    pub remove_at_end: bool,
    /// End after so long without use. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cull_after_ms: Option<u64>,
    /// What else its kernel is to find.
    #[serde(default, skip_serializing_if = "Setup::is_plain")]
    pub setup: Setup,
    /// The names of the environment variables it was given; never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
}

/// The folder of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHome {
    id: SessionId,
    dir: PathBuf,
    socket: PathBuf,
}

impl SessionHome {
    pub(super) const fn new(id: SessionId, dir: PathBuf, socket: PathBuf) -> Self {
        Self { id, dir, socket }
    }

    /// The session.
    #[must_use]
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.dir.is_dir()
    }

    /// Where its journal is. SQLite puts `-wal` and `-shm` beside it.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal.db")
    }

    /// Where its supervisor's stderr goes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Where its kernel's process is written down.
    #[must_use]
    pub fn leftover(&self) -> PathBuf {
        self.dir.join("kernel.json")
    }

    /// Where its supervisor notes which eval it handed to its kernel ahead of the record that says so.
    #[must_use]
    pub(crate) fn handed(&self) -> PathBuf {
        self.dir.join("handed")
    }

    /// Where its supervisor listens.
    ///
    /// # Errors
    /// Where the path is longer than the system takes.
    pub fn socket(&self) -> Result<&Path, HomeError> {
        let len = self.socket.as_os_str().len();
        // One byte less than the ceiling: a socket is bound beside its place and moved there.
        if len < MAX_PATH {
            return Ok(&self.socket);
        }
        let why = format!("is a path of {len} bytes, and a socket's has at most {}", MAX_PATH - 1);
        Err(HomeError::NotOurs { path: self.socket.clone(), why, next: "set RIALTO_RUNTIME_DIR to a shorter one".into() })
    }

    /// The file that a living supervisor holds locked.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// The file that whoever starts its supervisor holds locked.
    #[must_use]
    pub(crate) fn start_lock(&self) -> PathBuf {
        self.dir.join("start.lock")
    }

    /// Becomes the one that owns this session. None: a supervisor lives. Blocks for up to a second.
    ///
    /// # Errors
    /// Where the file cannot be opened or locked at all.
    pub fn lock(&self) -> Result<Option<Lock>, HomeError> {
        Lock::take(&self.lock_file())
    }

    /// Whether a supervisor lives. Never asks a socket: one that answers slowly is no dead one.
    ///
    /// # Errors
    /// Where it cannot be told.
    pub fn lives(&self) -> Result<bool, HomeError> {
        lock::held(&self.lock_file())
    }

    /// What its supervisor wants to see before it believes a daemon: 64 hex digits.
    ///
    /// # Errors
    /// Where the file is gone or cannot be read.
    pub fn cookie(&self) -> Result<String, HomeError> {
        self.must_read("cookie", 64)
    }

    /// What it was made to be.
    ///
    /// # Errors
    /// Where the file is gone or cannot be understood.
    pub fn spec(&self) -> Result<Spec, HomeError> {
        let text = self.must_read("session.json", MAX_SPEC)?;
        let corrupt = |why: String| HomeError::Corrupt { path: self.dir.join("session.json"), why };
        let spec: Spec = serde_json::from_str(&text).map_err(|why| corrupt(why.to_string()))?;
        if spec.id == self.id { Ok(spec) } else { Err(corrupt(format!("it is session {}'s", spec.id))) }
    }

    /// Notes that the session has ended, so that a listing can say so without reading its journal.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn mark_ended(&self) -> Result<(), HomeError> {
        ours::write(&self.dir.join("ended"), "")
    }

    /// Whom its supervisor says it is shared with: so that it can be listed, and found, for others while no supervisor lives.
    /// Who really comes in is decided by the supervisor, from its journal. What cannot be read is shared with nobody.
    #[must_use]
    pub fn shares(&self) -> BTreeMap<String, Scope> {
        let text = ours::read(&self.dir.join("shares.json"), MAX_SPEC).ok().flatten().unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Says whom it is shared with.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_shares(&self, shares: &BTreeMap<String, Scope>) -> Result<(), HomeError> {
        let path = self.dir.join("shares.json");
        if shares.is_empty() {
            return ours::remove(&path);
        }
        let text =
            serde_json::to_string(shares).map_err(|why| HomeError::Corrupt { path: path.clone(), why: why.to_string() })?;
        ours::write(&path, &text)
    }

    /// How far its journal went, as its supervisor noted it down. What cannot be read says nothing.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        let text = ours::read(&self.dir.join("head.json"), MAX_SPEC).ok().flatten().unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Notes down how far its journal went.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_anchor(&self, anchor: &Anchor) -> Result<(), HomeError> {
        let path = self.dir.join("head.json");
        let text =
            serde_json::to_string(anchor).map_err(|why| HomeError::Corrupt { path: path.clone(), why: why.to_string() })?;
        ours::write(&path, &text)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.dir.join("ended").exists()
    }

    /// Bytes its journal takes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        ["journal.db", "journal.db-wal"].iter().filter_map(|file| Some(std::fs::metadata(self.dir.join(file)).ok()?.len())).sum()
    }

    /// The last lines of the log, for an error that must say why a supervisor did not start.
    #[must_use]
    pub fn log_tail(&self) -> String {
        use std::io::{Read, Seek, SeekFrom};
        const TAIL: u64 = 2000;
        let read = || {
            let mut file = std::fs::File::open(self.log())?;
            let len = file.metadata()?.len();
            file.seek(SeekFrom::Start(len.saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            file.take(TAIL).read_to_end(&mut bytes).map(|_| bytes)
        };
        let bytes = read().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn must_read(&self, file: &str, most: u64) -> Result<String, HomeError> {
        ours::read(&self.dir.join(file), most)?.ok_or_else(|| HomeError::Gone(self.id.clone()))
    }

    /// Writes a new session's files into `dir`, which is not yet in its place.
    pub(super) fn furnish(dir: &Path, spec: &Spec) -> Result<(), HomeError> {
        ours::folder(dir)?;
        let text = serde_json::to_string_pretty(spec)
            .map_err(|why| HomeError::Corrupt { path: dir.to_owned(), why: why.to_string() })?;
        ours::write(&dir.join("session.json"), &text)?;
        ours::write(&dir.join("cookie"), &super::random_hex::<32>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{create, home};

    #[test]
    fn a_session_is_furnished() {
        let (_temp, home) = home();
        let session = home.session(&home.claim(Some("work".parse().unwrap()), &create(1), "uid:7").unwrap().id);
        let spec = session.spec().unwrap();
        assert_eq!((spec.owner.as_str(), spec.kernel.as_str()), ("uid:7", "python"));
        assert_eq!(session.cookie().unwrap().len(), 64);
        assert!(!session.lives().unwrap() && !session.ended());
        let lock = session.lock().unwrap().unwrap();
        assert!(session.lives().unwrap() && session.lock().unwrap().is_none());
        drop(lock);
        session.mark_ended().unwrap();
        assert!(session.ended());
        std::fs::write(session.log(), (0..20).map(|n| format!("line {n}\n")).collect::<String>()).unwrap();
        assert!(session.log_tail().starts_with("line 12\n") && session.log_tail().ends_with("line 19"));
    }

    #[test]
    fn a_socket_that_would_not_fit_is_an_error_that_says_so() {
        let temp = tempfile::tempdir().unwrap();
        let run = temp.path().join("r".repeat(90));
        let home = super::super::Home::at(&temp.path().join("state"), &run).unwrap();
        let session = home.session(&"abcdefghij".parse().unwrap());
        let said = session.socket().unwrap_err().to_string();
        assert!(said.contains("at most 106") && said.contains("RIALTO_RUNTIME_DIR"), "{said}");
    }
}

//! Where sessions are on this machine: whose, under which names, which of them live.
//!
//! ```text
//! STATE  $XDG_STATE_HOME/rialto/MACHINE, else ~/.local/state/rialto/MACHINE
//!   sessions/ID/      session.json journal.db lock start.lock cookie log kernel.json
//!   names/NAME        the id of the session that has the name
//!   requests/REQUEST  the id of the session that a create request made
//!   claim.lock        held while any of these change
//! RUNTIME  /run/user/UID/rialto, else /tmp/rialto-UID
//!   ID-STAT.agent     leads to the ssh agent of whoever attached last
//!   ID-STAT.sock      a session's socket; four letters tell apart the state folders that share the runtime folder
//! ```
//!
//! `RIALTO_STATE_DIR` and `RIALTO_RUNTIME_DIR` (absolute) put both elsewhere; they are for tests.
//!
//! A home will never know a kernel, a frame or who is connected. All its work is file operations: short, blocking, and for
//! async callers inside [`crate::tasks::blocking`].

pub mod agent;
mod claim;
pub mod door;
mod error;
pub mod leftover;
pub(crate) mod lock;
pub(crate) mod ours;
mod place;
pub(crate) mod process;
mod remove;
mod resolve;
mod session;

pub use claim::Claimed;
pub use error::HomeError;
pub use lock::Lock;
pub use session::{SessionHome, Spec};

use rialto_protocol::SessionId;
use std::path::{Path, PathBuf};

/// The folders of this user on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    state: PathBuf,
    runtime: PathBuf,
    notice: Option<String>,
}

impl Home {
    /// Finds the folders, makes those that are missing, and checks that they are ours alone.
    ///
    /// # Errors
    /// Where one of them is not; the error names it and says what to do.
    pub fn find() -> Result<Self, HomeError> {
        let place::Places { state, runtime, notice } = place::find()?;
        let home = Self { state, runtime, notice };
        home.prepare()?;
        Ok(home)
    }

    /// A home in two folders of the caller's choice, made where they are missing: for tests, many in one process.
    ///
    /// # Errors
    /// As [`Home::find`].
    pub fn at(state: &Path, runtime: &Path) -> Result<Self, HomeError> {
        ours::folder(state)?;
        ours::folder(runtime)?;
        let home = Self { state: state.to_owned(), runtime: runtime.to_owned(), notice: None };
        home.prepare()?;
        Ok(home)
    }

    fn prepare(&self) -> Result<(), HomeError> {
        [self.sessions_dir(), self.names_dir(), self.requests_dir()].iter().try_for_each(|folder| ours::folder(folder))
    }

    /// What the user should be shown once, where sessions are not kept where they would be expected.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The folder that survives.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The folder of sockets.
    #[must_use]
    pub fn runtime(&self) -> &Path {
        &self.runtime
    }

    /// Makes the folder of sockets anew where something (a cleaner of `/tmp`) has taken it away, and checks it.
    ///
    /// # Errors
    /// Where it cannot be made, or is not ours.
    pub fn mend_runtime(&self) -> Result<(), HomeError> {
        ours::folder(&self.runtime)
    }

    /// The session of an id, there or not.
    #[must_use]
    pub fn session(&self, id: &SessionId) -> SessionHome {
        let tail = place::short_hash("rialto state", self.state.as_os_str().as_encoded_bytes(), 4);
        let socket = self.runtime.join(format!("{id}-{tail}.sock"));
        SessionHome::new(id.clone(), self.sessions_dir().join(id.as_str()), socket)
    }

    /// The home and session of a session's folder: all that a supervisor is told.
    ///
    /// # Errors
    /// Where the path is no session's folder, or the folders are not ours.
    pub fn of_session(dir: &Path) -> Result<(Self, SessionHome), HomeError> {
        let no = |why: &str| HomeError::Corrupt { path: dir.to_owned(), why: why.to_owned() };
        let dir = std::fs::canonicalize(dir).map_err(HomeError::io("find", dir))?;
        ours::check(&dir)?;
        let id = dir.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<SessionId>().ok());
        let id = id.ok_or_else(|| no("its name is no session's id"))?;
        let state = dir.parent().and_then(Path::parent).ok_or_else(|| no("it is not in a folder of sessions"))?;
        let home = Self { state: state.to_owned(), runtime: place::runtime()?, notice: None };
        home.prepare()?;
        let session = home.session(&id);
        if session.dir() == dir { Ok((home, session)) } else { Err(no("it is not in a folder of sessions")) }
    }

    /// Every session that is here, living or not, by id.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionHome>, HomeError> {
        let folder = self.sessions_dir();
        let entries = std::fs::read_dir(&folder).map_err(HomeError::io("read", &folder))?;
        // Folders that are being made or removed have names that are no ids.
        let mut ids: Vec<SessionId> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        ids.sort();
        Ok(ids.iter().map(|id| self.session(id)).collect())
    }

    /// The folder where kernels keep what makes their next start faster, made where it is missing. It can be deleted at any time.
    ///
    /// # Errors
    /// Where it cannot be made, or is not ours alone.
    pub fn cache(&self) -> Result<PathBuf, HomeError> {
        let folder = self.state.join("cache");
        ours::folder(&folder)?;
        Ok(folder)
    }

    fn sessions_dir(&self) -> PathBuf {
        self.state.join("sessions")
    }

    fn names_dir(&self) -> PathBuf {
        self.state.join("names")
    }

    fn requests_dir(&self) -> PathBuf {
        self.state.join("requests")
    }

    /// Holds names, requests and folders still. Blocks, for as long as another holder's few file operations take.
    fn hold(&self) -> Result<Lock, HomeError> {
        lock::wait(&self.state.join("claim.lock"))
    }
}

/// Dice, as text.
pub(crate) fn random_hex<const N: usize>() -> Result<String, HomeError> {
    Ok(data_encoding::HEXLOWER.encode(&random::<N>()?))
}

/// Dice.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], HomeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|why| HomeError::NoHome(format!("this system gives no random bytes: {why}")))?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use rialto_protocol::RequestId;
    use rialto_protocol::message::Create;

    /// A home that goes with its folder.
    pub(crate) fn home() -> (tempfile::TempDir, Home) {
        let temp = tempfile::tempdir().unwrap();
        let home = Home::at(&temp.path().join("state"), &temp.path().join("run")).unwrap();
        (temp, home)
    }

    pub(crate) fn create(id: u8) -> Create {
        Create {
            id: RequestId([id; 16]),
            kernel: "python".into(),
            session: None,
            program: None,
            cwd: String::new(),
            env: Default::default(),
            must_be_new: false,
            ends_when_done: false,
            remove_at_end: false,
            cull_after_ms: None,
            setup: Default::default(),
        }
    }

    #[test]
    fn a_supervisor_finds_its_home_from_its_folder() {
        let (_temp, home) = home();
        let id = home.claim(None, &create(1), "uid:0").unwrap().id;
        let dir = home.session(&id).dir().to_owned();
        let (found, session) = Home::of_session(&dir).unwrap();
        assert_eq!((found.state(), session.dir()), (home.state(), dir.as_path()));
        assert!(Home::of_session(home.state()).is_err());
        assert!(Home::of_session(&home.state().join("sessions/aaaaaaaaaa")).is_err());
    }
}

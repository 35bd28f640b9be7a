//! A session is deleted: its folder, its name and the request that made it.

use super::{Home, HomeError, Lock, ours};
use rialto_protocol::SessionId;

impl Home {
    /// Deletes a session that nobody supervises. Blocks.
    ///
    /// # Errors
    /// [`HomeError::Lives`] where a supervisor does; [`HomeError::Gone`] where it is not there.
    pub fn remove(&self, id: &SessionId) -> Result<(), HomeError> {
        let session = self.session(id);
        if !session.exists() {
            return Err(HomeError::Gone(id.clone()));
        }
        match session.lock()? {
            Some(lock) => self.remove_held(id, lock),
            None => Err(HomeError::Lives(id.clone())),
        }
    }

    /// Deletes the session whose lock the caller holds: its own supervisor, at the end. Blocks.
    ///
    /// # Errors
    /// Where the files do not let themselves be removed. The session is gone from every listing even then.
    pub fn remove_held(&self, id: &SessionId, lock: Lock) -> Result<(), HomeError> {
        let session = self.session(id);
        let _held = self.hold()?;
        // All that must be read is read before anything goes: a file that cannot be opened now can be when this is done again.
        let spec = match session.spec() {
            Ok(spec) => Some(spec),
            Err(HomeError::Io { why, doing, path }) if why.kind() != std::io::ErrorKind::NotFound => {
                return Err(HomeError::Io { why, doing, path });
            }
            Err(_) => None,
        };
        let request = spec.as_ref().map(|spec| self.requests_dir().join(spec.created_by.to_string()));
        let mut name = spec.and_then(|spec| spec.name).map(|name| self.names_dir().join(name.as_str()));
        // The name may have been given to another session by hand.
        if let Some(file) = &name
            && ours::read(file, 64)?.as_deref() != Some(id.as_str())
        {
            name = None;
        }
        // One step takes it out of sight; what follows can be done again by whoever removes something next.
        let aside = self.sessions_dir().join(format!(".gone-{id}"));
        std::fs::rename(session.dir(), &aside).map_err(HomeError::io("remove", session.dir()))?;
        for file in request.into_iter().chain(name) {
            ours::remove(&file)?;
        }
        if let Ok(socket) = session.socket() {
            ours::remove(socket)?;
        }
        session.forget_agent();
        drop(lock);
        self.sweep()
    }

    /// Removes what claims and removals that died half way left. The caller holds the lock, so nobody is at it now.
    fn sweep(&self) -> Result<(), HomeError> {
        let folder = self.sessions_dir();
        for entry in std::fs::read_dir(&folder).map_err(HomeError::io("read", &folder))?.flatten() {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if text.starts_with(".new-") || text.starts_with(".gone-") {
                std::fs::remove_dir_all(entry.path()).map_err(HomeError::io("remove", &entry.path()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{create, home};
    use super::*;

    #[test]
    fn a_removed_session_leaves_its_name_free_and_nothing_behind() {
        let (_temp, home) = home();
        let id = home.claim(Some("work".parse().unwrap()), &create(1), "uid:0").unwrap().id;
        let session = home.session(&id);
        let lock = session.lock().unwrap().unwrap();
        assert!(matches!(home.remove(&id), Err(HomeError::Lives(_))));
        home.remove_held(&id, lock).unwrap();
        assert!(matches!(home.remove(&id), Err(HomeError::Gone(_))));
        assert!(home.resolve("work").is_err() && home.sessions().unwrap().is_empty());
        for folder in [home.sessions_dir(), home.names_dir(), home.requests_dir()] {
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{folder:?}");
        }
        assert_ne!(home.claim(Some("work".parse().unwrap()), &create(2), "uid:0").unwrap().id, id);
    }
}

//! The ssh agent that a session's programs use: one path for as long as the session lives, a link that leads to the agent of whoever
//! came to the session last. A path of an agent itself ends with the login that it was forwarded for.

use super::SessionHome;
use super::ours::uid;
use rialto_transports::unix::MAX_PATH;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// Where programs look for an agent.
pub const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

impl SessionHome {
    /// The session's own path, whether there is an agent behind it or not. None where it would be longer than a socket's path may be.
    #[must_use]
    pub fn agent(&self) -> Option<PathBuf> {
        let path = self.socket().ok()?.with_extension("agent");
        (path.as_os_str().len() < MAX_PATH).then_some(path)
    }

    /// From now on it leads to this agent. Blocks, as long as a rename takes.
    ///
    /// # Errors
    /// Where that is no socket of this user's, or the link cannot be made.
    pub fn point_agent(&self, agent: &Path) -> io::Result<()> {
        let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {why}", agent.display()));
        let link = self.agent().ok_or_else(|| wrong("the session's own path would be too long"))?;
        if !agent.is_absolute() {
            return Err(wrong("is no whole path"));
        }
        let about = std::fs::metadata(agent)?;
        if !about.file_type().is_socket() || about.uid() != uid() {
            return Err(wrong("is no socket of ours"));
        }
        // Out of a session, of this one or of another: what is behind its path, or two of them could lead to each other.
        let within = agent.parent().is_some_and(|folder| Some(folder) == link.parent());
        let agent = if within { std::fs::canonicalize(agent)? } else { agent.to_owned() };
        if std::fs::read_link(&link).is_ok_and(|now| now == agent) {
            return Ok(());
        }
        let aside = link.with_extension(format!("agent.{}", std::process::id()));
        let _ = std::fs::remove_file(&aside);
        symlink(&agent, &aside)?;
        std::fs::rename(&aside, &link).inspect_err(|_| drop(std::fs::remove_file(&aside)))
    }

    /// It leads nowhere any more.
    pub(crate) fn forget_agent(&self) {
        if let Some(link) = self.agent() {
            let _ = std::fs::remove_file(link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{create, home};
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_path_stays_and_leads_to_the_last_agent() {
        let (temp, home) = home();
        let session = home.session(&home.claim(None, &create(1), "uid:0").unwrap().id);
        let link = session.agent().unwrap();
        let (one, two) = (temp.path().join("one"), temp.path().join("two"));
        let _listening = [&one, &two].map(|path| UnixListener::bind(path).unwrap());
        session.point_agent(&one).unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap(), one);
        session.point_agent(&two).unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap(), two);
        // Out of the session itself: it stays.
        session.point_agent(&link).unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap(), std::fs::canonicalize(&two).unwrap());
        std::fs::write(temp.path().join("file"), "").unwrap();
        for bad in [temp.path().join("file"), temp.path().join("none"), "one".into()] {
            session.point_agent(&bad).unwrap_err();
        }
        session.forget_agent();
        assert!(!link.exists() && std::fs::symlink_metadata(&link).is_err());
    }
}

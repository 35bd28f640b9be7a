//! A socket in the file system. The kernel says which user is at the other end, and the socket is in a folder that no other
//! user can enter, so two independent walls stand before a stranger.

use crate::quiet::QuietStream;
use crate::{Boxed, DialError, Dialer, How, Listener, Peer, Stream};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener as Socket, UnixStream};

/// The longest path of a socket, its closing zero not counted. Bytes. (108 on Linux with it, 104 on macOS.)
pub const MAX_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// How long to wait when accepting fails for want of descriptors or memory: long enough for something to be given back.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Accepts on a socket that only its owner can open. The socket file goes when this does.
#[derive(Debug)]
pub struct UnixListener {
    socket: Socket,
    path: PathBuf,
    /// Device and inode of our socket file: another one may since have taken the path.
    ours: (u64, u64),
}

impl UnixListener {
    /// Listens on `path`, whose folder must exist and be closed to others. A socket that is there already is replaced:
    /// whoever calls this holds the lock that makes the path its own.
    ///
    /// # Errors
    /// Where the path is too long or the folder does not allow it. Needs a runtime.
    pub fn bind(path: impl Into<PathBuf>) -> io::Result<Self> {
        Self::bind_for(path.into(), 0o600)
    }

    /// The same for every user of the machine: whoever accepts asks the kernel who came. The folder must be closed to others
    /// for writing, or somebody could put a socket of their own in its place.
    ///
    /// # Errors
    /// As [`UnixListener::bind`].
    pub fn bind_for_all(path: impl Into<PathBuf>) -> io::Result<Self> {
        Self::bind_for(path.into(), 0o666)
    }

    fn bind_for(path: PathBuf, mode: u32) -> io::Result<Self> {
        let mut beside: OsString = path.clone().into_os_string();
        beside.push("~");
        let beside = PathBuf::from(beside);
        fits(&beside)?;
        match std::fs::remove_file(&beside) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        // Bound beside its place and moved there: nobody ever finds it with a wrong mode, or half replaced.
        let socket = Socket::bind(&beside)?;
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(mode))?;
        let meta = std::fs::symlink_metadata(&beside)?;
        std::fs::rename(&beside, &path)?;
        Ok(Self { socket, path, ours: (meta.dev(), meta.ino()) })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection, for an owner that polls everything from one task and asks for the peer's credentials itself.
    ///
    /// # Errors
    /// What the system says; the listener goes on.
    pub fn poll_accept(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<QuietStream>> {
        self.socket.poll_accept(cx).map(|accepted| accepted.and_then(|(stream, _)| QuietStream::new(stream)))
    }

    /// Whether the path still leads here. It does not once somebody has emptied the folder or bound there anew.
    #[must_use]
    pub fn in_place(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|now| (now.dev(), now.ino()) == self.ours)
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        if self.in_place() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn fits(path: &Path) -> io::Result<()> {
    let len = path.as_os_str().len();
    if len > MAX_PATH {
        let why = format!("a socket's path has at most {MAX_PATH} bytes; {} has {len}", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(())
}

/// What the kernel knows of the other end.
fn peer_of(stream: &UnixStream) -> io::Result<Peer> {
    let cred = stream.peer_cred()?;
    let pid = cred.pid().map_or_else(String::new, |pid| format!(" process {pid}"));
    Ok(Peer {
        how: How::Unix,
        uid: Some(cred.uid()),
        pid: cred.pid(),
        identity: None,
        text: format!("unix uid {}{pid}", cred.uid()),
    })
}

impl Listener for UnixListener {
    fn accept(&mut self) -> Boxed<'_, (Stream, Peer)> {
        Box::pin(async {
            loop {
                match self.socket.accept().await {
                    // A peer whose credentials cannot be read left before it was looked at.
                    Ok((stream, _)) => match peer_of(&stream).and_then(|peer| Ok((QuietStream::new(stream)?, peer))) {
                        Ok((stream, peer)) => return (Box::new(stream) as Stream, peer),
                        Err(why) => tracing::debug!(%why, "a peer left while it was accepted"),
                    },
                    Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(why) => {
                        tracing::warn!(%why, path = %self.path.display(), "cannot accept; trying again");
                        tokio::time::sleep(BACK_OFF).await;
                    }
                }
            }
        })
    }

    fn text(&self) -> String {
        self.path.display().to_string()
    }
}

/// Dials a socket of one user, our own unless another is named.
#[derive(Debug, Clone)]
pub struct UnixDialer {
    path: PathBuf,
    uid: u32,
}

impl UnixDialer {
    /// Dials `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::of(path, nix::unistd::Uid::effective().as_raw())
    }

    /// Dials `path`, where the user `uid` is to listen.
    #[must_use]
    pub fn of(path: impl Into<PathBuf>, uid: u32) -> Self {
        Self { path: path.into(), uid }
    }

    /// A new connection, as what it is.
    ///
    /// # Errors
    /// Where nobody listens, or somebody else.
    pub async fn connect(&self) -> io::Result<QuietStream> {
        fits(&self.path)?;
        let stream = QuietStream::new(UnixStream::connect(&self.path).await?)?;
        let (theirs, wanted) = (stream.uid(), self.uid);
        // What is sent next includes a cookie, or code; somebody else's socket must not get it.
        if theirs != wanted {
            let ours = nix::unistd::Uid::effective().as_raw();
            let meant = if wanted == ours { format!("we are user {ours}") } else { format!("user {wanted} was meant") };
            let why = format!("user {theirs} listens there, and {meant}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(stream)
    }
}

impl Dialer for UnixDialer {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(async {
            let stream = self.connect().await.map_err(|why| DialError::new(self.text(), why))?;
            Ok(Box::new(stream) as Stream)
        })
    }

    fn text(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn the_kernel_says_who_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let mut listener = UnixListener::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let dialer = UnixDialer::new(&path);
        let (client, (mut server, peer)) = tokio::join!(dialer.dial(), listener.accept());
        assert_eq!(peer.uid, Some(nix::unistd::Uid::effective().as_raw()));
        assert!(peer.text.starts_with("unix uid"), "{peer}");
        client.unwrap().write_all(b"x").await.unwrap();
        let mut read = Vec::new();
        server.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"x");
    }

    #[tokio::test]
    async fn whoever_listens_must_be_who_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let _listener = UnixListener::bind_for_all(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
        let us = nix::unistd::Uid::effective().as_raw();
        assert!(UnixDialer::of(&path, us).dial().await.is_ok());
        let Err(error) = UnixDialer::of(&path, us + 1).dial().await else { panic!("we are not that user") };
        assert!(error.to_string().contains(&format!("user {us} listens there, and user {} was meant", us + 1)), "{error}");
    }

    #[tokio::test]
    async fn a_socket_is_replaced_whole_and_leaves_only_what_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let old = UnixListener::bind(&path).unwrap();
        let new = UnixListener::bind(&path).unwrap();
        assert!(!old.in_place() && new.in_place());
        drop(old);
        assert!(new.in_place(), "the older one took the newer one's file with it");
        drop(new);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_path_too_long_is_said_and_not_cut() {
        let long = PathBuf::from("/tmp").join("x".repeat(120));
        let said = UnixListener::bind(&long).unwrap_err().to_string();
        assert!(said.contains("at most"), "{said}");
        let Err(error) = UnixDialer::new(&long).dial().await else { panic!("it is too long") };
        assert!(error.to_string().contains("at most"), "{error}");
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_that_names_the_path() {
        let Err(error) = UnixDialer::new("/nonexistent/rialto.sock").dial().await else { panic!("nobody is there") };
        assert!(error.to_string().contains("/nonexistent/rialto.sock"), "{error}");
    }
}

//! By which key clients know this server again: made once, readable by its owner alone.

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A key file is never longer. Bytes.
const MOST: u64 = 16 * 1024;

/// The key of a server.
#[derive(Clone)]
pub struct HostKey(pub(super) PrivateKey);

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl HostKey {
    /// The key in this file, which is made where it is missing. Two that make it at once get the same.
    ///
    /// # Errors
    /// Where it cannot be read or made, is no key, or others can read it.
    pub fn at(path: &Path) -> io::Result<Self> {
        if let Some(key) = Self::read(path)? {
            return Ok(key);
        }
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
        let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let put = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            // Whoever was first stays: clients may have seen that one already.
            match std::fs::hard_link(&beside, path) {
                Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(why),
                _ => Ok(()),
            }
        };
        let outcome = put();
        let _ = std::fs::remove_file(&beside);
        outcome?;
        Self::read(path)?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it was made, and is gone again"))
    }

    fn read(path: &Path) -> io::Result<Option<Self>> {
        let nofollow = nix::fcntl::OFlag::O_NOFOLLOW.bits();
        let file = match OpenOptions::new().read(true).custom_flags(nofollow).open(path) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(why),
        };
        let meta = file.metadata()?;
        if meta.uid() != nix::unistd::Uid::effective().as_raw() || meta.mode() & 0o077 != 0 {
            let why = format!("others than its owner can read it, or it is not ours; close it: chmod 600 '{}'", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text)?;
        let key = PrivateKey::from_openssh(&text).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why.to_string()))?;
        Ok(Some(Self(key)))
    }

    /// What a client shows who sees it for the first time: `SHA256:...`
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_and_closed_to_others() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("host");
        let key = HostKey::at(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(HostKey::at(&path).unwrap().fingerprint(), key.fingerprint());
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(HostKey::at(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}

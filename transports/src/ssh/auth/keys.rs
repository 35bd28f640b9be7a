//! Keys in files.

use russh::keys::{Algorithm, PrivateKey, PublicKey};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// No key is longer than this.
const LONGEST: u64 = 1 << 20;

/// A key that may open.
pub(super) enum Candidate {
    /// In the agent, with what it calls it.
    Held(PublicKey, String),
    File(Box<File>),
}

/// A key in a file.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) public: Option<PublicKey>,
    /// Where it has no passphrase.
    pub(super) secret: Option<PrivateKey>,
    /// Its text, where it has one.
    pub(super) encrypted: Option<String>,
    /// Not only the public half, which says which of the agent's keys is meant.
    pub(super) has_secret: bool,
}

/// Reads a key. Nothing where there is no file; the reason where it is not used.
pub(super) fn read(path: &Path) -> Result<Option<File>, String> {
    let unusable = |why: &str| format!("{} is not used ({why})", path.display());
    // `ssh` takes a file that ends so as it is: the public half of a key in the agent.
    let public_only = path.extension().is_some_and(|extension| extension == "pub");
    let beside = || {
        let mut name = path.as_os_str().to_owned();
        name.push(".pub");
        russh::keys::load_public_key(&name).ok()
    };
    let about = match std::fs::metadata(path) {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            let public = beside();
            let only =
                |public| File { path: path.to_owned(), public: Some(public), secret: None, encrypted: None, has_secret: false };
            return Ok(public.map(only));
        }
        Err(why) => return Err(unusable(&why.to_string())),
        Ok(about) => about,
    };
    if about.len() > LONGEST {
        return Err(unusable("it is too long for a key"));
    }
    if public_only {
        let public = russh::keys::load_public_key(path).map_err(|why| unusable(&why.to_string()))?;
        return Ok(Some(File { path: path.to_owned(), public: Some(public), secret: None, encrypted: None, has_secret: false }));
    }
    if about.mode() & 0o077 != 0 {
        return Err(unusable("others may read it; chmod 600 makes it yours again"));
    }
    let text = std::fs::read_to_string(path).map_err(|why| unusable(&why.to_string()))?;
    let file = |public, secret, encrypted| Some(File { path: path.to_owned(), public, secret, encrypted, has_secret: true });
    match PrivateKey::from_openssh(&text) {
        Ok(key) if key.is_encrypted() => Ok(file(Some(key.public_key().clone()), None, Some(text))),
        Ok(key) => Ok(file(Some(key.public_key().clone()), Some(key), None)),
        // An older format.
        Err(_) => match russh::keys::decode_secret_key(&text, None) {
            Ok(key) => Ok(file(Some(key.public_key().clone()), Some(key), None)),
            Err(russh::keys::Error::KeyIsEncrypted) => Ok(file(beside(), None, Some(text))),
            Err(why) => Err(unusable(&why.to_string())),
        },
    }
}

/// Why only the system's `ssh` can use the keys of these files, if so: hardware keys, and certificates beside keys.
pub(in crate::ssh) fn beyond(identities: &[PathBuf]) -> Option<String> {
    identities.iter().find_map(|path| {
        let mut certificate = path.as_os_str().to_owned();
        certificate.push("-cert.pub");
        if path.exists() && Path::new(&certificate).exists() {
            return Some(format!("the certificate {}", Path::new(&certificate).display()));
        }
        let mut public = path.as_os_str().to_owned();
        public.push(".pub");
        let hardware = |key: PublicKey| matches!(key.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256);
        (path.exists() && russh::keys::load_public_key(&public).is_ok_and(hardware))
            .then(|| format!("the hardware key {}", path.display()))
    })
}

//! SSH keys: a file as OpenSSH has it, one key a line, with what its holder may do before it. It is read again when it has
//! changed. A line that is not understood opens nothing: never does a mistake give more than was meant.

mod from;
mod line;
mod when;

use crate::auth::{Known, principal};
use line::Key;
use nix::unistd::{Uid, User};
use rialto_protocol::Scope;
use rialto_transports::{Authenticator, Credential, Identity, Peer, Refused};
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The file is never longer. Bytes.
const MOST: u64 = 1024 * 1024;

/// The keys of a file.
#[derive(Debug)]
pub struct AuthorizedKeys {
    path: PathBuf,
    read: Mutex<Option<(Stamp, Vec<Key>)>>,
}

/// What a file looked like when it was read.
type Stamp = [u64; 7];

impl AuthorizedKeys {
    /// Those in this file, which need not be there yet.
    #[must_use]
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: Mutex::new(None) }
    }

    /// How many keys open something now; an error says why none can.
    ///
    /// # Errors
    /// The file is not there, or others than its owner can change it.
    pub fn count(&self) -> Result<usize, String> {
        self.with(|keys| keys.iter().filter(|key| key.grant.is_ok()).count())
    }

    fn with<T>(&self, ask: impl FnOnce(&[Key]) -> T) -> Result<T, String> {
        let said = |why: std::io::Error| format!("{}: {why}", self.path.display());
        // Looking at it takes no descriptor: where none are left, a file that has not changed still means what it meant.
        let meta = std::fs::metadata(&self.path).map_err(said)?;
        safe(&self.path, &meta)?;
        let nanos =
            |seconds: i64, nanos: i64| seconds.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(nanos.cast_unsigned());
        let stamp = |meta: &std::fs::Metadata| -> Stamp {
            [
                meta.dev(),
                meta.ino(),
                meta.size(),
                u64::from(meta.mode()),
                u64::from(meta.uid()),
                nanos(meta.mtime(), meta.mtime_nsec()),
                nanos(meta.ctime(), meta.ctime_nsec()),
            ]
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((then, keys)) if *then == stamp(&meta) => Ok(ask(keys)),
            before => {
                let file = match (File::open(&self.path), before) {
                    (Ok(file), _) => file,
                    // What it says now is not known for a moment, and that is no reason to close what came by it.
                    (Err(why), Some((_, keys))) if is_short(&why) => {
                        tracing::warn!(%why, "the keys cannot be read; as they were before");
                        return Ok(ask(keys));
                    }
                    (Err(why), _) => return Err(said(why)),
                };
                // Of what is read, whatever is in its place by now.
                let meta = file.metadata().map_err(said)?;
                safe(&self.path, &meta)?;
                let mut text = String::new();
                file.take(MOST + 1).read_to_string(&mut text).map_err(said)?;
                if text.len() as u64 > MOST {
                    return Err(format!("{}: it is longer than {MOST} bytes", self.path.display()));
                }
                let keys = line::keys(&text);
                for key in &keys {
                    if let Err(why) = &key.grant {
                        tracing::warn!(file = %self.path.display(), line = key.line, key = key.name, why, "a key is refused");
                    }
                }
                let answer = ask(&keys);
                *read = Some((stamp(&meta), keys));
                Ok(answer)
            }
        }
    }

    fn find(keys: &[Key], key: &str, from: Option<IpAddr>) -> Result<Identity, String> {
        let blob = key.split_whitespace().nth(1).unwrap_or_default();
        let mut why = "this key is not known here".to_owned();
        let lines: Vec<&Key> = keys.iter().filter(|known| known.blob == blob).collect();
        // One line of it that is not understood may have meant less than another line gives.
        if let Some(Err(bad)) = lines.iter().map(|key| &key.grant).find(|grant| grant.is_err()) {
            return Err(format!("this key is refused: {bad}"));
        }
        for known in lines {
            let Ok(grant) = &known.grant else { continue };
            if let Some(pattern) = &grant.from
                && !from.is_some_and(|address| pattern.admits(address))
            {
                why = "this key does not come in from there".to_owned();
            } else if grant.expires.is_some_and(|at| at <= SystemTime::now()) {
                why = "this key has expired".to_owned();
            } else {
                let uid = grant.uid.unwrap_or_else(|| Uid::effective().as_raw());
                let mut identity = Identity::new(format!("{}/{}", principal(uid), known.name), grant.scope);
                identity.session = grant.sessions.clone().filter(|glob| !glob.contains(['*', '?', '[']));
                identity.sessions.clone_from(&grant.sessions);
                identity.expires = grant.expires;
                identity.credential = Some(format!("key:{}", known.fingerprint));
                return Ok(identity);
            }
        }
        Err(why)
    }
}

impl Authenticator for AuthorizedKeys {
    fn identify(&self, peer: &Peer) -> Result<Identity, Refused> {
        peer.identity.clone().ok_or_else(|| Refused("nothing shows who you are".to_owned()))
    }

    fn verify(&self, credential: &Credential<'_>, from: Option<IpAddr>) -> Result<Identity, Refused> {
        let Credential::SshKey { key, .. } = credential else {
            return Err(Refused(format!("{credential:?} opens nothing here")));
        };
        match self.with(|keys| Self::find(keys, key, from)) {
            Ok(found) => found.map_err(Refused),
            Err(why) => {
                tracing::warn!(why, "no key is let in");
                Err(Refused("no key is let in here".to_owned()))
            }
        }
    }
}

impl Known for AuthorizedKeys {
    fn who(&self, credential: &Credential<'_>, from: Option<IpAddr>) -> Option<Result<Identity, Refused>> {
        matches!(credential, Credential::SshKey { .. }).then(|| self.verify(credential, from))
    }

    fn still(&self, credential: &str) -> Option<Result<(), Refused>> {
        let fingerprint = credential.strip_prefix("key:")?;
        let opens = |keys: &[Key]| {
            let mut lines = keys.iter().filter(|key| key.fingerprint == fingerprint).peekable();
            lines.peek().is_some() && lines.all(|key| key.grant.is_ok())
        };
        Some(match self.with(opens) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refused("the key you came in with was removed".to_owned())),
            Err(why) => {
                tracing::warn!(why, "no key is let in");
                Err(Refused("no key is let in here any more".to_owned()))
            }
        })
    }
}

/// Whether something is short for a moment: descriptors, memory.
fn is_short(why: &std::io::Error) -> bool {
    use nix::errno::Errno::{EMFILE, ENFILE, ENOMEM};
    why.raw_os_error().is_some_and(|code| [EMFILE, ENFILE, ENOMEM].iter().any(|short| *short as i32 == code))
}

/// The number of a user, for `user=`.
fn user(name: &str) -> Result<u32, String> {
    if !Uid::effective().is_root() {
        return Err("user= is for a server that runs as root".to_owned());
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        _ => Err(format!("user={name}: there is no such user")),
    }
}

/// What a line without `scope=` gives: whoever put the key there has a key to the whole house, as with sshd.
const DEFAULT: Scope = Scope::Admin;

/// As OpenSSH is strict: nobody but its owner, who is us or root, can change the file or put another in its place.
fn safe(path: &Path, file: &std::fs::Metadata) -> Result<(), String> {
    let us = Uid::effective().as_raw();
    let wrong = |path: &Path, what: &str| Err(format!("{}: {what}; no key is let in until that is mended", path.display()));
    if !file.is_file() {
        return wrong(path, "it is not a file");
    }
    if file.uid() != us && file.uid() != 0 {
        return wrong(path, "it belongs to somebody else");
    }
    if file.mode() & 0o022 != 0 {
        return wrong(path, "others can write to it (chmod go-w)");
    }
    let real = std::fs::canonicalize(path).map_err(|why| format!("{}: {why}", path.display()))?;
    for folder in real.ancestors().skip(1) {
        let meta = std::fs::metadata(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        if meta.uid() != us && meta.uid() != 0 {
            return wrong(folder, "it belongs to somebody else");
        }
        // In a folder with the sticky bit (/tmp) nobody replaces what is another's.
        if meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0 {
            return wrong(folder, "others can write to it (chmod go-w)");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    pub(super) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfEb4JDQLyBiIKzzSQPYJ4cz5e0tc5j2T2FVg7Q3Yzd";

    fn asks(keys: &AuthorizedKeys, from: &str) -> Result<Identity, Refused> {
        keys.verify(&Credential::SshKey { key: KEY, user: "ada" }, from.parse().ok())
    }

    fn file(text: &str) -> (tempfile::TempDir, AuthorizedKeys) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("authorized_keys");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        (temp, AuthorizedKeys::of(path))
    }

    #[test]
    fn a_line_without_options_is_us_and_all_that_we_may() {
        let (_temp, keys) = file(&format!("# mine\n\n{KEY} ada@laptop\n"));
        let who = asks(&keys, "192.0.2.1").unwrap();
        assert_eq!(who.principal, format!("{}/ada@laptop", crate::auth::ourselves()));
        assert_eq!((who.scope, who.sessions, who.expires), (Scope::Admin, None, None));
        assert!(who.credential.unwrap().starts_with("key:SHA256:"));
        let other = Credential::SshKey { key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA", user: "ada" };
        assert!(keys.verify(&other, None).is_err());
    }

    #[test]
    fn options_make_it_less() {
        let (_temp, keys) = file(&format!("scope=observe,session=\"work-*\",expires=2999-01-01 {KEY} x y/z\n"));
        let who = asks(&keys, "192.0.2.1").unwrap();
        assert_eq!((who.scope, who.sessions.as_deref(), who.session), (Scope::Observe, Some("work-*"), None));
        assert!(who.expires.unwrap() > SystemTime::now() + Duration::from_secs(1_000_000));
        assert!(who.principal.ends_with("/x-y-z"), "{}", who.principal);
        let (_temp, keys) = file(&format!("session=work {KEY}\n"));
        let who = asks(&keys, "192.0.2.1").unwrap();
        assert_eq!((who.session.as_deref(), who.sessions.as_deref()), (Some("work"), Some("work")));
        assert!(who.principal.contains("/SHA256:"), "{}", who.principal);
    }

    #[test]
    fn what_is_not_understood_opens_nothing() {
        for options in [
            "scpoe=observe",
            "scope=all",
            "scope",
            "scope=",
            "session=",
            "expires=soon",
            "from=example.org",
            "from=10.0.0.0/33",
            "command=\"ls\"",
            "scope=\"eval",
            "no-pty",
            "cert-authority",
            "scope=eval,,",
            "scope=eval,scope=admin",
            "user=no-such-user-here",
        ] {
            // Another line of the same key does not make up for it.
            let (_temp, keys) = file(&format!("{options} {KEY} bad\n{KEY} good\n"));
            assert!(asks(&keys, "192.0.2.1").is_err(), "{options}");
        }
        let (_temp, keys) = file(&format!("no-port-forwarding,no-agent-forwarding,scope=eval {KEY}\n"));
        assert_eq!(asks(&keys, "192.0.2.1").unwrap().scope, Scope::Eval);
    }

    #[test]
    fn an_expired_key_and_one_from_elsewhere_are_refused() {
        let (_temp, keys) = file(&format!("expires=2001-01-01 {KEY}\n"));
        assert!(asks(&keys, "192.0.2.1").unwrap_err().to_string().contains("expired"));
        let (_temp, keys) = file(&format!("from=\"192.0.2.0/24,!192.0.2.7\" {KEY}\n"));
        assert!(asks(&keys, "192.0.2.1").is_ok());
        assert!(asks(&keys, "192.0.2.7").is_err() && asks(&keys, "198.51.100.1").is_err());
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let (temp, keys) = file(&format!("{KEY}\n"));
        let credential = asks(&keys, "192.0.2.1").unwrap().credential.unwrap();
        assert_eq!((Known::still(&keys, &credential), Known::still(&keys, "token:x")), (Some(Ok(())), None));
        std::fs::write(temp.path().join("authorized_keys"), "# nobody any more\n").unwrap();
        assert!(asks(&keys, "192.0.2.1").is_err() && Known::still(&keys, &credential).unwrap().is_err());
        std::fs::remove_file(temp.path().join("authorized_keys")).unwrap();
        assert!(asks(&keys, "192.0.2.1").is_err());
    }

    #[test]
    fn a_file_that_others_can_change_opens_nothing() {
        let (temp, keys) = file(&format!("{KEY}\n"));
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let path = temp.path().join("authorized_keys");
        mode(&path, 0o620);
        assert!(asks(&keys, "192.0.2.1").is_err() && keys.count().unwrap_err().contains("others can write"));
        mode(&path, 0o644);
        assert!(asks(&keys, "192.0.2.1").is_ok());
        mode(temp.path(), 0o777);
        assert!(asks(&keys, "192.0.2.1").is_err());
    }

    #[test]
    fn names_that_two_keys_have_are_told_apart() {
        let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
        let (_temp, keys) = file(&format!("{KEY} laptop\n{other} laptop\n"));
        let one = asks(&keys, "192.0.2.1").unwrap().principal;
        let two = keys.verify(&Credential::SshKey { key: other, user: "" }, None).unwrap().principal;
        assert!(one != two && one.contains("/laptop-") && two.contains("/laptop-"), "{one} {two}");
    }
}

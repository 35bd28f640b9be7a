//! Tokens: secrets that are made here, shown once, and kept as their hash.
//!
//! A secret is 256 bits of dice, so its hash needs no salt and no slowness: there is nothing to guess. The file is looked at
//! again whenever it has changed, so what one process revokes is refused by all others from their next look on.

use super::{Identity, Refused, glob, ourselves};
use crate::home::{Home, HomeError, lock, ours};
use rialto_protocol::{Scope, SessionName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a secret begins with, so that people and scanners know one when they see one.
pub const PREFIX: &str = "rlt_";
/// Tokens of one user on one machine.
pub const MOST: usize = 256;
/// Letters of a token's id. It is of the hash, and no secret.
const ID: usize = 8;
/// The longest secret that is looked at. Bytes.
const MAX_SECRET: usize = 128;
/// A token is some 300 bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// An expired token is listed for so long; then the next change forgets it.
const FORGET: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What its owner calls it; `uid:1000/NAME` is who comes with it.
    pub name: String,
    /// What it is called in records: of its hash, so that it is never two tokens' in turn.
    pub id: String,
    /// SHA-256 of the secret, in hex.
    hash: String,
    /// The most that may be done with it.
    pub scope: Scope,
    /// The sessions it reaches, as a glob of their names; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<String>,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// Milliseconds since 1970; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

impl Token {
    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires_ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
    }

    /// Whether it has ended.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.expires().is_some_and(|at| at <= SystemTime::now())
    }

    fn credential(&self) -> String {
        format!("token:{}", self.id)
    }

    fn identity(&self) -> Identity {
        let mut who = Identity::new(format!("{}/{}", ourselves(), self.name), self.scope);
        who.sessions.clone_from(&self.sessions);
        who.expires = self.expires();
        who.credential = Some(self.credential());
        who
    }
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its name; absent: its id.
    pub name: Option<String>,
    /// The most that may be done with it.
    pub scope: Scope,
    /// The sessions it reaches; absent: all.
    pub sessions: Option<String>,
    /// How long it lasts; absent: until it is revoked.
    pub ttl: Option<Duration>,
}

/// Why tokens are left as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file or its lock.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Not what a token can be.
    #[error("{0}")]
    Bad(String),
    /// The name is another token's.
    #[error("a token named {0} is there already; `rialto token revoke {0}` ends it, or choose another name")]
    Taken(String),
    /// There are as many as there may be.
    #[error("there are {MOST} tokens, the most there may be; `rialto token ls` shows them, `rialto token revoke NAME` ends one")]
    Full,
    /// There is none.
    #[error("no token has the name or id {0:?}; `rialto token ls` shows those that are there")]
    Unknown(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    tokens: Vec<Token>,
}

/// The one version there is.
const VERSION: u32 = 1;

/// The tokens of this user on this machine.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    seen: Mutex<(Option<Stamp>, Arc<[Token]>)>,
}

impl Tokens {
    /// Those of a home. Nothing is read yet.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self { path: home.state().join("tokens.json"), seen: Mutex::new((None, Arc::new([]))) }
    }

    /// Makes a token, and the secret that nobody can be shown again. Blocks.
    ///
    /// # Errors
    /// [`TokenError`]; then there is none.
    pub fn create(&self, wish: &Wish) -> Result<(Token, String), TokenError> {
        if let Some(name) = &wish.name {
            name.parse::<SessionName>().map_err(|_| {
                TokenError::Bad(format!(
                    "{:?} is no name for a token: use 1 to 64 letters, digits and . _ - + @, a letter or digit first",
                    name.chars().take(40).collect::<String>()
                ))
            })?;
        }
        wish.sessions.as_deref().map_or(Ok(()), glob::sound).map_err(TokenError::Bad)?;
        let secret = format!("{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&crate::home::random::<32>()?).to_lowercase());
        let hash = hash(&secret);
        let id = hash.get(..ID).unwrap_or_default().to_owned();
        let created_ms = now_ms();
        let token = Token {
            name: wish.name.clone().unwrap_or_else(|| id.clone()),
            id,
            hash,
            scope: wish.scope,
            sessions: wish.sessions.clone(),
            created_ms,
            expires_ms: wish.ttl.map(|ttl| created_ms.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))),
        };
        self.change(|tokens| {
            // A name whose time is over is free.
            tokens.retain(|other| !(other.expired() && other.name == token.name));
            if tokens.iter().any(|other| other.name == token.name || other.id == token.id || other.id == token.name) {
                return Err(TokenError::Taken(token.name.clone()));
            }
            if tokens.len() >= MOST {
                return Err(TokenError::Full);
            }
            tokens.push(token.clone());
            Ok(())
        })?;
        Ok((token, secret))
    }

    /// Ends a token, by its name or its id. Blocks.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], or what the file says.
    pub fn revoke(&self, which: &str) -> Result<Token, TokenError> {
        self.change(|tokens| {
            let at = tokens.iter().position(|token| token.name == which || token.id == which);
            match at {
                Some(at) => Ok(tokens.remove(at)),
                None => Err(TokenError::Unknown(which.chars().take(80).collect())),
            }
        })
    }

    /// All of them, as they were made. Blocks.
    ///
    /// # Errors
    /// What the file says.
    pub fn list(&self) -> Result<Vec<Token>, HomeError> {
        self.read()
    }

    /// Who comes with this secret.
    ///
    /// # Errors
    /// [`Refused`], which does not say what would have been right.
    pub fn verify(&self, secret: &str) -> Result<Identity, Refused> {
        let no = || Refused("this token is not known here, or was revoked".to_owned());
        if !secret.starts_with(PREFIX) || secret.len() > MAX_SECRET {
            return Err(no());
        }
        let hash = hash(secret);
        // All of them are compared, each whole.
        let mut found = None;
        for token in self.now().iter() {
            if super::equal(token.hash.as_bytes(), hash.as_bytes()) {
                found = Some(token.identity());
            }
        }
        let who = found.ok_or_else(no)?;
        who.in_time()?;
        Ok(who)
    }

    /// Whether whoever came by this credential may stay. None: it is no token's.
    pub fn still(&self, credential: &str) -> Option<Result<(), Refused>> {
        let id = credential.strip_prefix("token:")?;
        let there = self.now().iter().any(|token| token.id == id);
        Some(if there { Ok(()) } else { Err(Refused("the token you came in with was revoked".to_owned())) })
    }

    /// What holds now. A file that cannot be read for a moment (no descriptors are left) takes nothing back from anybody and
    /// lets nobody new in; one that makes no sense lets nobody stay.
    fn now(&self) -> Arc<[Token]> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.path);
        if seen.0 != stamp {
            match self.read() {
                Ok(tokens) => *seen = (stamp, tokens.into()),
                Err(HomeError::Io { why, .. }) => tracing::warn!(%why, "the tokens cannot be read; as they were before"),
                Err(why) => {
                    tracing::error!(%why, "no token is believed");
                    *seen = (stamp, Arc::new([]));
                }
            }
        }
        Arc::clone(&seen.1)
    }

    fn read(&self) -> Result<Vec<Token>, HomeError> {
        let Some(text) = ours::read(&self.path, MAX_FILE)? else { return Ok(Vec::new()) };
        ours::only_ours(&self.path)?;
        let corrupt = |why: String| HomeError::Corrupt { path: self.path.clone(), why };
        let kept: Kept = serde_json::from_str(&text).map_err(|why| corrupt(why.to_string()))?;
        if kept.version == VERSION {
            Ok(kept.tokens)
        } else {
            Err(corrupt(format!("it is of version {}, and this build knows {VERSION}", kept.version)))
        }
    }

    fn change<T>(&self, with: impl FnOnce(&mut Vec<Token>) -> Result<T, TokenError>) -> Result<T, TokenError> {
        let _held = lock::wait(&self.path.with_extension("lock"))?;
        let mut tokens = self.read()?;
        let forget = SystemTime::now().checked_sub(FORGET);
        tokens.retain(|token| token.expires().is_none_or(|at| forget.is_none_or(|forget| at > forget)));
        let done = with(&mut tokens)?;
        let text = serde_json::to_string_pretty(&Kept { version: VERSION, tokens }).map_err(std::io::Error::other);
        let text = text.map_err(HomeError::io("write", &self.path))?;
        ours::write(&self.path, &text)?;
        // What is revoked stays so after a power failure.
        let folder = self.path.parent().unwrap_or(&self.path);
        for path in [self.path.as_path(), folder] {
            File::open(path).and_then(|file| file.sync_all()).map_err(HomeError::io("write", path))?;
        }
        Ok(done)
    }
}

/// What changes when a file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, i64, i64);

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some(Self(meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec()))
    }
}

fn hash(secret: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn tokens() -> (tempfile::TempDir, Tokens, Home) {
        let (temp, home) = crate::home::testing::home();
        (temp, Tokens::of(&home), home)
    }

    fn wish(name: &str) -> Wish {
        Wish { name: Some(name.to_owned()), scope: Scope::Eval, sessions: None, ttl: None }
    }

    #[test]
    fn a_secret_is_shown_once_and_its_hash_is_kept_in_a_file_of_ours_alone() {
        let (_temp, tokens, home) = tokens();
        let (token, secret) = tokens.create(&Wish { sessions: Some("ml-*".into()), ..wish("laptop") }).unwrap();
        assert!(secret.starts_with("rlt_") && secret.len() == 4 + 52, "{secret}");
        let text = std::fs::read_to_string(home.state().join("tokens.json")).unwrap();
        assert!(!text.contains(&secret[4..]) && text.contains(&hash(&secret)));
        assert_eq!(std::fs::metadata(home.state().join("tokens.json")).unwrap().mode() & 0o777, 0o600);
        let who = Tokens::of(&home).verify(&secret).unwrap();
        assert_eq!((who.principal, who.scope), (format!("{}/laptop", ourselves()), Scope::Eval));
        assert_eq!((who.sessions.as_deref(), who.credential), (Some("ml-*"), Some(format!("token:{}", token.id))));
        assert_ne!(tokens.create(&wish("other")).unwrap().1, secret);
    }

    #[test]
    fn what_is_revoked_is_refused_at_once_by_whoever_had_seen_it() {
        let (_temp, daemon, home) = tokens();
        let other = Tokens::of(&home);
        let (token, secret) = other.create(&wish("laptop")).unwrap();
        let credential = daemon.verify(&secret).unwrap().credential.unwrap();
        assert_eq!(daemon.still(&credential), Some(Ok(())));
        assert_eq!(other.revoke(&token.id).unwrap().name, "laptop");
        assert!(daemon.still(&credential).unwrap().unwrap_err().to_string().contains("revoked"));
        assert!(daemon.verify(&secret).is_err());
        assert!(matches!(other.revoke("laptop"), Err(TokenError::Unknown(_))));
        // One of the same name is another one.
        other.create(&wish("laptop")).unwrap();
        assert!(daemon.still(&credential).unwrap().is_err() && daemon.verify(&secret).is_err());
        assert_eq!(daemon.still("key:x"), None);
    }

    #[test]
    fn nothing_but_the_secret_opens() {
        let (_temp, tokens, _home) = tokens();
        let (_, secret) = tokens.create(&wish("laptop")).unwrap();
        let kept = hash(&secret);
        let longer = format!("{secret}a");
        for wrong in ["", "rlt_", &secret[4..], &secret[..55], &secret.to_uppercase(), &kept, &longer, &"rlt_".repeat(1 << 20)] {
            assert!(tokens.verify(wrong).is_err(), "{wrong:.80}");
        }
        assert!(tokens.verify(&secret).is_ok());
    }

    #[test]
    fn a_token_ends_with_its_time_and_then_its_name_is_free() {
        let (_temp, tokens, _home) = tokens();
        let (_, secret) = tokens.create(&Wish { ttl: Some(Duration::ZERO), ..wish("brief") }).unwrap();
        assert!(tokens.verify(&secret).unwrap_err().to_string().contains("expired"));
        assert!(tokens.list().unwrap()[0].expired());
        let (_, again) = tokens.create(&wish("brief")).unwrap();
        assert!(tokens.verify(&again).is_ok() && tokens.verify(&secret).is_err());
        assert!(matches!(tokens.create(&wish("brief")), Err(TokenError::Taken(_))));
    }

    #[test]
    fn names_globs_and_numbers_are_bounded() {
        let (_temp, tokens, _home) = tokens();
        for bad in ["", "a/b", "a b", "../x", "uid:0", "é", &"x".repeat(65)] {
            assert!(matches!(tokens.create(&wish(bad)), Err(TokenError::Bad(_))), "{bad:?}");
        }
        assert!(matches!(tokens.create(&Wish { sessions: Some("a b".into()), ..wish("x") }), Err(TokenError::Bad(_))));
        let filled: Vec<Token> = (0..MOST)
            .map(|n| Token {
                name: format!("t{n}"),
                id: format!("{n:08}"),
                hash: String::new(),
                scope: Scope::Observe,
                sessions: None,
                created_ms: 1,
                expires_ms: None,
            })
            .collect();
        ours::write(&tokens.path, &serde_json::to_string(&Kept { version: VERSION, tokens: filled }).unwrap()).unwrap();
        assert!(matches!(tokens.create(&wish("more")), Err(TokenError::Full)));
        assert!(tokens.verify("rlt_").is_err(), "an empty hash is nobody's");
    }

    #[test]
    fn a_file_that_others_can_write_or_that_makes_no_sense_lets_nobody_in() {
        let (_temp, tokens, _home) = tokens();
        let (_, secret) = tokens.create(&wish("laptop")).unwrap();
        let credential = tokens.verify(&secret).unwrap().credential.unwrap();
        std::fs::set_permissions(&tokens.path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(tokens.verify(&secret).is_err() && tokens.create(&wish("x")).is_err());
        std::fs::set_permissions(&tokens.path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(tokens.verify(&secret).is_ok());
        ours::write(&tokens.path, "{\"version\":2,\"tokens\":[]}").unwrap();
        assert!(tokens.verify(&secret).is_err() && tokens.still(&credential).unwrap().is_err());
        std::fs::remove_file(&tokens.path).unwrap();
        assert!(tokens.verify(&secret).is_err() && tokens.list().unwrap().is_empty());
    }

    #[test]
    fn twenty_who_make_tokens_at_once_all_have_one() {
        let (_temp, tokens, _home) = tokens();
        std::thread::scope(|scope| {
            for n in 0..20 {
                let tokens = &tokens;
                scope.spawn(move || tokens.create(&wish(&format!("t{n}"))).unwrap());
            }
        });
        assert_eq!(tokens.list().unwrap().len(), 20);
    }
}

//! One line of the file: options, a key, a comment.

use super::from::From;
use super::{DEFAULT, user, when};
use data_encoding::{BASE64, BASE64_NOPAD};
use rialto_protocol::Scope;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::SystemTime;

/// The longest name a key has of its own.
const LONGEST: usize = 64;
/// What sshd is told not to do, and this server never does.
const NEVER_DONE: [&str; 5] =
    ["no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc", "no-touch-required"];

/// A key of the file.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) line: usize,
    /// The key itself, in base64.
    pub(super) blob: String,
    pub(super) fingerprint: String,
    /// What people call it: its comment, else its fingerprint.
    pub(super) name: String,
    /// What it opens; an error says why it opens nothing.
    pub(super) grant: Result<Grant, String>,
}

/// What a key opens.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) scope: Scope,
    pub(super) sessions: Option<String>,
    pub(super) from: Option<From>,
    pub(super) expires: Option<SystemTime>,
    pub(super) uid: Option<u32>,
}

/// All keys of the text. Lines in which there is no key at all open nothing, and are said.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match key(number, line) {
            Some(key) => keys.push(key),
            None => tracing::warn!(line = number, "there is no key in this line of the authorized keys"),
        }
    }
    let mut names: HashMap<String, usize> = HashMap::new();
    for key in &keys {
        *names.entry(key.name.clone()).or_default() += 1;
    }
    for key in &mut keys {
        if names.get(&key.name).is_some_and(|count| *count > 1) {
            let tail: String = key.fingerprint.chars().skip("SHA256:".len()).take(8).collect();
            key.name = format!("{}-{}", key.name, plain(&tail));
        }
    }
    keys
}

fn key(number: usize, line: &str) -> Option<Key> {
    let (options, rest) = if is_kind(line.split_whitespace().next()?) { ("", line) } else { split(line) };
    let mut words = rest.split_whitespace();
    let (kind, blob) = match (words.next(), words.next()) {
        (Some(kind), Some(blob)) if is_kind(kind) => (kind, blob),
        // Options in which a quote is open swallow the key. What key was meant can be seen all the same, and is refused.
        _ => {
            let mut words = line.split_whitespace().skip_while(|word| !is_kind(word));
            (words.next()?, words.next()?)
        }
    };
    let bytes = BASE64.decode(blob.as_bytes()).ok()?;
    let named = bytes.get(4..4 + kind.len()).is_some_and(|name| name == kind.as_bytes());
    let fingerprint = format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(&bytes)));
    let comment: Vec<&str> = words.collect();
    let comment = plain(&comment.join(" "));
    let name = if comment.is_empty() { fingerprint.clone() } else { comment };
    let grant = if !named {
        Err("the key is not what it says it is".to_owned())
    } else if !rest.starts_with(kind) {
        Err("its options cannot be read: is a quote missing?".to_owned())
    } else {
        grant(options)
    };
    Some(Key { line: number, blob: blob.to_owned(), fingerprint, name: name.replace('/', "_"), grant })
}

fn is_kind(word: &str) -> bool {
    ["ssh-ed25519", "ssh-rsa", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"].contains(&word)
        || word.starts_with("ecdsa-sha2-nistp")
}

/// Letters for a principal and for a log.
fn plain(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "@._+-:".contains(c) { c } else { '-' };
    text.chars().take(LONGEST).map(fits).collect()
}

/// The options, and what follows them.
fn split(line: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                return (line.get(..at).unwrap_or_default(), line.get(at..).unwrap_or_default().trim_start());
            }
            _ => {}
        }
    }
    (line, "")
}

/// The options one by one: name and value.
fn options(text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let (mut all, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    if !text.is_empty() {
        all.push(word);
    }
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_ascii_lowercase(), Some(value.to_owned())),
        None => (word.to_ascii_lowercase(), None),
    };
    Ok(all.into_iter().map(pair).collect())
}

fn grant(text: &str) -> Result<Grant, String> {
    let mut grant = Grant { scope: DEFAULT, sessions: None, from: None, expires: None, uid: None };
    let mut seen = Vec::new();
    for (name, value) in options(text)? {
        if seen.contains(&name) {
            return Err(format!("{name} is said twice"));
        }
        let value = value.filter(|value| !value.is_empty());
        match (name.as_str(), value) {
            ("scope", Some(value)) => {
                grant.scope = match value.as_str() {
                    "observe" => Scope::Observe,
                    "eval" => Scope::Eval,
                    "admin" => Scope::Admin,
                    other => return Err(format!("scope={other}: it is observe, eval or admin")),
                }
            }
            ("session", Some(value)) => grant.sessions = Some(value),
            ("from", Some(value)) => grant.from = Some(From::parse(&value)?),
            ("expires" | "expiry-time", Some(value)) => {
                let at = when::parse(&value);
                grant.expires =
                    Some(at.ok_or_else(|| format!("{name}={value}: a time is 2027-01-31 or 2027-01-31T12:00, in UTC"))?);
            }
            ("user", Some(value)) => grant.uid = Some(user(&value)?),
            (name, None) if NEVER_DONE.contains(&name) => {}
            ("scope" | "session" | "from" | "expires" | "expiry-time" | "user", None) => {
                return Err(format!("{name}= has no value"));
            }
            (other, _) => return Err(format!("{other:?} is no option here")),
        }
        seen.push(name);
    }
    Ok(grant)
}

//! Who came in from outside, who was refused and why, and who asked for more than they may: one line of JSON for each, in
//! `audit.log` of the state folder. What was run is not here but in the journals; no secret is in either.
//!
//! Daemons, supervisors and commands write it, each line by itself and whole. It is bounded: past a mebibyte it is put aside as
//! `audit.log.1`, over what was put aside before; and whoever knocks a thousand times a second is counted and not written out.

use crate::home::{Home, Lock};
use rialto_transports::Identity;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// It is put aside when it is longer. Bytes.
const MOST: u64 = 1024 * 1024;
/// Lines that are written at once, and each second on the whole, by one process.
const BURST: f64 = 200.0;
const EACH_SECOND: f64 = 10.0;
/// The longest text of one field. Bytes.
const TEXT: usize = 400;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A connection came by a credential and was let in.
    LetIn,
    /// Somebody showed something that opens nothing.
    Refused,
    /// Somebody who was let in asked for more than they may.
    Denied,
    /// A connection was closed because what it came by is good no longer.
    Closed,
    /// A ceiling of a principal was reached.
    Limited,
    /// A credential was made.
    Made,
    /// A credential was revoked.
    Revoked,
    /// Something of a newer build.
    #[serde(other)]
    Other,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What happened.
    pub what: What,
    /// Who it was, where that is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub principal: String,
    /// By which credential, as whoever may revoke it names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Where from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// In which session.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session: String,
    /// Why, or what.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Lines before this one that were too many to be written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unwritten: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if hands out references")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Line {
    /// That this happened now.
    #[must_use]
    pub fn new(what: What, text: impl Into<String>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            what,
            principal: String::new(),
            credential: None,
            from: String::new(),
            session: String::new(),
            text: short(text.into()),
            unwritten: 0,
        }
    }

    /// By whom.
    #[must_use]
    pub fn by(mut self, who: &Identity) -> Self {
        self.principal = short(who.principal.clone());
        self.credential = who.credential.clone().map(short);
        self
    }

    /// From where.
    #[must_use]
    pub fn from(mut self, from: impl Into<String>) -> Self {
        self.from = short(from.into());
        self
    }

    /// From this address, where it has one.
    #[must_use]
    pub fn from_address(self, from: Option<IpAddr>) -> Self {
        match from {
            Some(from) => self.from(from.to_canonical().to_string()),
            None => self,
        }
    }
}

/// The log of one home.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    /// What may be written now, when that was reckoned, and what was not written.
    allowance: Mutex<(f64, Instant, u64)>,
}

impl Audit {
    /// That of a home.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self { path: home.state().join("audit.log"), allowance: Mutex::new((BURST, Instant::now(), 0)) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line. Where that fails the program's own log has it: nobody is let in or kept out by a full disk.
    pub fn note(&self, line: Line) {
        let Some(unwritten) = self.allowed() else { return };
        let line = Line { unwritten, ..line };
        if let Err(why) = self.write(&line) {
            tracing::warn!(%why, path = %self.path.display(), ?line, "not written to the audit log");
        }
    }

    /// Whether a line may be written now; then how many were not since the last one.
    fn allowed(&self) -> Option<u64> {
        let mut held = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at, unwritten) = &mut *held;
        *left = at.elapsed().as_secs_f64().mul_add(EACH_SECOND, *left).min(BURST);
        *at = Instant::now();
        if *left < 1.0 {
            *unwritten += 1;
            return None;
        }
        *left -= 1.0;
        Some(std::mem::take(unwritten))
    }

    fn write(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        let open = || {
            let nofollow = nix::fcntl::OFlag::O_NOFOLLOW.bits();
            OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(nofollow).open(&self.path)
        };
        let mut file = open()?;
        if file.metadata()?.len() > MOST {
            self.put_aside();
            file = open()?;
        }
        // At the end of the file, whole: one write, whoever else writes.
        file.write_all(text.as_bytes())
    }

    /// One of those who find it too long does it; the others write on.
    fn put_aside(&self) {
        let Ok(Some(_held)) = Lock::try_take(&self.path.with_extension("lock")) else { return };
        if std::fs::metadata(&self.path).is_ok_and(|meta| meta.len() > MOST)
            && let Err(why) = std::fs::rename(&self.path, self.path.with_extension("log.1"))
        {
            tracing::warn!(%why, "the audit log cannot be put aside");
        }
    }

    /// What was written, the oldest first, what was put aside included. Lines that make no sense are left out. Blocks.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn read(&self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for path in [self.path.with_extension("log.1"), self.path.clone()] {
            match std::fs::File::open(&path) {
                Ok(file) => {
                    let texts = BufReader::new(file).lines().map_while(Result::ok);
                    lines.extend(texts.filter_map(|text| serde_json::from_str::<Line>(&text).ok()));
                }
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(why),
            }
        }
        Ok(lines)
    }
}

fn short(mut text: String) -> String {
    if text.len() > TEXT {
        let end = (0..=TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::Scope;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_line_says_who_and_why_in_a_file_of_ours_alone() {
        let (_temp, home) = crate::home::testing::home();
        let audit = Audit::of(&home);
        assert!(audit.read().unwrap().is_empty());
        let mut who = Identity::new("uid:1/laptop", Scope::Observe);
        who.credential = Some("token:12345678".into());
        audit.note(Line::new(What::Denied, "submit needs eval").by(&who).from("192.0.2.1"));
        Audit::of(&home).note(Line::new(What::Refused, "x".repeat(10_000)));
        let lines = audit.read().unwrap();
        assert_eq!(
            (lines[0].what, lines[0].principal.as_str(), lines[0].from.as_str()),
            (What::Denied, "uid:1/laptop", "192.0.2.1")
        );
        assert_eq!((lines[0].credential.as_deref(), lines[1].text.len()), (Some("token:12345678"), TEXT));
        assert_eq!(std::fs::metadata(audit.path()).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let (_temp, home) = crate::home::testing::home();
        let audit = Audit::of(&home);
        for n in 0..1000 {
            audit.note(Line::new(What::Refused, n.to_string()));
        }
        let written = audit.read().unwrap().len();
        assert!((200..900).contains(&written), "{written}");
        audit.allowance.lock().unwrap().0 = 1.0;
        audit.note(Line::new(What::Refused, "later"));
        assert_eq!(audit.read().unwrap().last().unwrap().unwritten, 1000 - written as u64);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let (_temp, home) = crate::home::testing::home();
        let audit = Audit::of(&home);
        for _ in 0..12_000 {
            audit.write(&Line::new(What::Refused, "y".repeat(TEXT))).unwrap();
        }
        let bytes = |name: &str| std::fs::metadata(home.state().join(name)).unwrap().len();
        assert!(bytes("audit.log") <= MOST + 1000 && bytes("audit.log.1") <= MOST + 1000);
        assert_eq!(audit.read().unwrap().last().unwrap().text.len(), TEXT);
    }
}

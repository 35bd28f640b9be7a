//! Whether a host's key is the one it had. Written anew and not taken from `russh`, which knows neither patterns nor markers: a
//! line `@revoked host key` would be no reason for it to refuse that key.

use super::config::pattern;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file of known hosts is no longer than this.
const LONGEST: u64 = 16 << 20;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) file: PathBuf,
    pub(super) number: usize,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.number)
    }
}

/// What is known of a host's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    /// Never seen. `others`: keys of other kinds are known for this host.
    Unknown {
        others: Option<Line>,
    },
    /// Another one of the same kind is known.
    Changed(Line),
    Revoked(Line),
    /// A line about this host that cannot be understood: it might say that the key is revoked.
    Unclear(Line),
}

/// A key as it is written: `ssh-ed25519` and the bytes.
pub(super) struct Key<'a> {
    pub(super) kind: &'a str,
    pub(super) blob: &'a [u8],
}

/// What the files say of one host.
pub(super) struct Known {
    /// Kind, bytes and where it stands.
    keys: Vec<(String, Vec<u8>, Line)>,
    /// The same without the port: good enough to know a key by, not to miss one.
    elsewhere: Vec<Vec<u8>>,
    revoked: Vec<(Vec<u8>, Line)>,
    unclear: Option<Line>,
    /// Somebody vouches for this host by certificates.
    pub(super) authority: Option<Line>,
}

impl Known {
    /// Reads what the files say of a host.
    ///
    /// # Errors
    /// Where one is there and cannot be read: it might say that a key is revoked.
    pub(super) fn read<'a>(files: impl Iterator<Item = &'a PathBuf>, host: &str, port: u16) -> io::Result<Self> {
        let mut known = Self { keys: Vec::new(), elsewhere: Vec::new(), revoked: Vec::new(), unclear: None, authority: None };
        for file in files {
            let cannot = |why: io::Error| io::Error::new(why.kind(), format!("{} cannot be read: {why}", file.display()));
            let bytes = match std::fs::metadata(file) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                Err(why) => return Err(cannot(why)),
                Ok(about) if about.len() > LONGEST => return Err(cannot(io::Error::other("it is too long"))),
                Ok(_) => std::fs::read(file).map_err(cannot)?,
            };
            for (n, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
                known.line(line.trim(), host, port, || Line { file: file.clone(), number: n + 1 });
            }
        }
        Ok(known)
    }

    fn line(&mut self, line: &str, host: &str, port: u16, at: impl Fn() -> Line) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let (marker, hosts) =
            if first.starts_with('@') { (Some(first), words.next().unwrap_or_default()) } else { (None, first) };
        let here = names(hosts, &with_port(host, port));
        let without = !here && port != 22 && names(hosts, &with_port(host, 22));
        if !here && !without {
            return;
        }
        let key = words.next().zip(words.next()).and_then(|(kind, text)| Some((kind, BASE64.decode(text.as_bytes()).ok()?)));
        match (marker, key) {
            (None, Some((kind, blob))) if here => self.keys.push((kind.to_owned(), blob, at())),
            (None, Some((_, blob))) => self.elsewhere.push(blob),
            (Some("@revoked"), Some((_, blob))) => self.revoked.push((blob, at())),
            (Some("@cert-authority"), Some(_)) => drop(self.authority.get_or_insert_with(at)),
            // Not even a key: it lets nobody in and keeps nobody out.
            (None, None) => {}
            (Some(_), _) => drop(self.unclear.get_or_insert_with(at)),
        }
    }

    /// The kinds of keys this host is known by, so that it can be asked for one of them.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(kind, ..)| kind.as_str())
    }

    pub(super) fn judge(&self, key: &Key<'_>) -> Verdict {
        if let Some((_, line)) = self.revoked.iter().find(|(blob, _)| blob == key.blob) {
            return Verdict::Revoked(line.clone());
        }
        if let Some(line) = &self.unclear {
            return Verdict::Unclear(line.clone());
        }
        if self.keys.iter().any(|(_, blob, _)| blob == key.blob) {
            return Verdict::Known;
        }
        if let Some((.., line)) = self.keys.iter().find(|(kind, ..)| kind == key.kind) {
            return Verdict::Changed(line.clone());
        }
        if self.elsewhere.iter().any(|blob| blob == key.blob) {
            return Verdict::Known;
        }
        Verdict::Unknown { others: self.keys.first().map(|(.., line)| line.clone()) }
    }
}

/// As the files have it.
fn with_port(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// Whether the first part of a line is about this host.
fn names(hosts: &str, host: &str) -> bool {
    let Some(hashed) = hosts.strip_prefix("|1|") else {
        return pattern::any(hosts.to_ascii_lowercase().split(','), host);
    };
    let parts = hashed
        .split_once('|')
        .and_then(|(salt, hash)| Some((BASE64.decode(salt.as_bytes()).ok()?, BASE64.decode(hash.as_bytes()).ok()?)));
    parts.is_some_and(|(salt, hash)| hashed_name(&salt, host).is_some_and(|mac| mac == hash))
}

fn hashed_name(salt: &[u8], host: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(host.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// Writes a key down, so that it is known the next time. `salt`: the name is not to be read from the file.
pub(super) fn remember(file: &Path, host: &str, port: u16, key: &Key<'_>, salt: Option<[u8; 20]>) -> io::Result<()> {
    let name = with_port(host, port);
    let name = match salt.and_then(|salt| Some((salt, hashed_name(&salt, &name)?))) {
        Some((salt, hash)) => format!("|1|{}|{}", BASE64.encode(&salt), BASE64.encode(&hash)),
        None => name,
    };
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let unfinished = std::fs::read(file).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
    let mut open = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    // One write: whoever appends at the same time is not cut in two.
    let begin = if unfinished { "\n" } else { "" };
    open.write_all(format!("{begin}{name} {} {}\n", key.kind, BASE64.encode(key.blob)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Key<'_> = Key { kind: "ssh-ed25519", blob: b"the one" };
    const B: Key<'_> = Key { kind: "ssh-ed25519", blob: b"another" };
    const C: Key<'_> = Key { kind: "ssh-rsa", blob: b"of another kind" };

    fn text(key: &Key<'_>) -> String {
        format!("{} {}", key.kind, BASE64.encode(key.blob))
    }

    fn judged(lines: &[String], host: &str, port: u16, key: &Key<'_>) -> Verdict {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        std::fs::write(&file, lines.join("\n")).unwrap();
        Known::read([file].iter(), host, port).unwrap().judge(key)
    }

    fn line(verdict: &Verdict) -> usize {
        match verdict {
            Verdict::Changed(line)
            | Verdict::Revoked(line)
            | Verdict::Unclear(line)
            | Verdict::Unknown { others: Some(line) } => line.number,
            _ => 0,
        }
    }

    #[test]
    fn known_unknown_and_changed() {
        let lines = ["# mine".to_owned(), format!("other,m {} comment", text(&A))];
        assert_eq!(judged(&lines, "m", 22, &A), Verdict::Known);
        assert_eq!(judged(&lines, "M", 22, &A), Verdict::Known);
        let changed = judged(&lines, "m", 22, &B);
        assert!(matches!(changed, Verdict::Changed(_)) && line(&changed) == 2, "{changed:?}");
        assert_eq!(judged(&lines, "n", 22, &A), Verdict::Unknown { others: None });
        let others = judged(&lines, "m", 22, &C);
        assert!(matches!(others, Verdict::Unknown { others: Some(_) }) && line(&others) == 2, "{others:?}");
        // Two keys of a kind: during a change both are good.
        let two = [format!("m {}", text(&A)), format!("m {}", text(&B))];
        assert_eq!((judged(&two, "m", 22, &A), judged(&two, "m", 22, &B)), (Verdict::Known, Verdict::Known));
    }

    #[test]
    fn ports_patterns_and_negations() {
        let lines = [format!("[m]:2222 {}", text(&A)), format!("*.org,!bad.org {}", text(&B))];
        assert_eq!(judged(&lines, "m", 2222, &A), Verdict::Known);
        assert_eq!(judged(&lines, "m", 22, &A), Verdict::Unknown { others: None });
        assert_eq!(judged(&lines, "good.org", 22, &B), Verdict::Known);
        assert_eq!(judged(&lines, "bad.org", 22, &B), Verdict::Unknown { others: None });
        // A key known at the usual port is good at another one, and another key there is unknown and not changed.
        assert_eq!(judged(&lines, "good.org", 7, &B), Verdict::Known);
        assert_eq!(judged(&lines, "good.org", 7, &A), Verdict::Unknown { others: None });
    }

    #[test]
    fn hashed_names_are_known_as_ssh_writes_them() {
        // That `ssh` itself writes them so is seen end to end.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("d/known_hosts");
        remember(&file, "m", 2222, &A, Some([7; 20])).unwrap();
        remember(&file, "m", 22, &B, None).unwrap();
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(
            written.starts_with("|1|") && !written.lines().next().unwrap().contains("m]") && written.contains("\nm ssh-ed25519")
        );
        let judge = |port, key: &Key<'_>| Known::read([file.clone()].iter(), "m", port).unwrap().judge(key);
        assert_eq!((judge(2222, &A), judge(22, &B)), (Verdict::Known, Verdict::Known));
        assert!(matches!(judge(22, &A), Verdict::Changed(_)));
    }

    #[test]
    fn a_revoked_key_is_refused_whatever_else_is_said() {
        let lines = [format!("m {}", text(&A)), format!("@revoked * {}", text(&A))];
        let verdict = judged(&lines, "m", 22, &A);
        assert!(matches!(verdict, Verdict::Revoked(_)) && line(&verdict) == 2, "{verdict:?}");
        assert!(matches!(judged(&lines, "m", 7, &A), Verdict::Revoked(_)));
        assert_eq!(judged(&[format!("@revoked m {}", text(&A)), format!("m {}", text(&B))], "m", 22, &B), Verdict::Known);
    }

    #[test]
    fn what_cannot_be_understood_about_a_host_lets_nobody_in() {
        for odd in ["@revoked m ssh-ed25519 ???", "@revoked m", "@frobnicate m ssh-ed25519 AAAA"] {
            let lines = [format!("m {}", text(&A)), odd.to_owned()];
            assert!(matches!(judged(&lines, "m", 22, &A), Verdict::Unclear(_)), "{odd}");
            assert_eq!(judged(&[format!("n {}", text(&A)), odd.to_owned()], "n", 22, &A), Verdict::Known, "{odd}");
        }
        assert_eq!(judged(&[format!("m {}", text(&A)), "m nonsense".to_owned()], "m", 22, &A), Verdict::Known);
    }

    #[test]
    fn an_authority_vouches_for_certificates_and_not_for_keys() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        std::fs::write(&file, format!("@cert-authority *.org {}\n", text(&A))).unwrap();
        let known = Known::read([file].iter(), "x.org", 22).unwrap();
        assert!(known.authority.is_some() && matches!(known.judge(&A), Verdict::Unknown { .. }));
    }
}

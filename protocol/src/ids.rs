//! The names of things: sessions, evals, requests, clients, and the two numbers that order events.
//!
//! Ids are made by whoever asks first (a client for evals and requests, the bridge for sessions); this module never makes
//! one up by itself, because making one needs dice.

use data_encoding::{BASE32_NOPAD, Encoding, HEXLOWER_PERMISSIVE, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// Why a text is not an id or a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: {rule}")]
pub struct BadId {
    what: &'static str,
    rule: &'static str,
    text: String,
}

impl BadId {
    fn new(what: &'static str, rule: &'static str, text: &str) -> Self {
        // A hostile name may be a megabyte long; the sentence must stay a sentence.
        Self { what, rule, text: text.chars().take(80).collect() }
    }
}

/// Lower-case base32 without the padding: safe in file names, easy to read aloud, prefixes are useful.
static BASE32_LOWER: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    spec.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    spec.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
    // The specification is a constant; if it were wrong every test would fail, and upper case is still a right answer.
    spec.encoding().unwrap_or(BASE32_NOPAD)
});

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_LOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            /// Reads the 26-letter text form, 32 hex digits, or a UUID with its dashes.
            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = || BadId::new($what, "it is 26 letters of base32, or a UUID", text);
                if text.len() > 64 {
                    return Err(bad());
                }
                let plain: String = text.chars().filter(|c| *c != '-').collect();
                let bytes = match plain.len() {
                    26 => BASE32_LOWER.decode(plain.as_bytes()).map_err(|_| bad())?,
                    32 => HEXLOWER_PERMISSIVE.decode(plain.as_bytes()).map_err(|_| bad())?,
                    _ => return Err(bad()),
                };
                bytes.try_into().map(Self).map_err(|_| bad())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct V;
                impl de::Visitor<'_> for V {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("16 bytes, or the text of ", $what))
                    }
                    fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<$name, E> {
                        v.try_into().map($name).map_err(|_| E::invalid_length(v.len(), &self))
                    }
                    fn visit_str<E: de::Error>(self, v: &str) -> Result<$name, E> {
                        v.parse().map_err(E::custom)
                    }
                }
                if d.is_human_readable() { d.deserialize_str(V) } else { d.deserialize_bytes(V) }
            }
        }
    };
}

id16!(
    /// One submission of code. Made by the client; submitting it again never runs it again.
    EvalId, "an eval id"
);
id16!(
    /// One mutating request that is not an eval (create, restart, kill, input, interrupt, redact). Made by the client.
    RequestId, "a request id"
);
id16!(
    /// One client program; keeps its id over reconnects.
    ClientId, "a client id"
);
id16!(
    /// Evals that stop together. Made by the client that submits them.
    GroupId, "a group id"
);

/// A session: short lower-case base32, so that a prefix is enough to name one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// Letters in an id: 50 bits, enough that two sessions of one machine never meet.
    pub const LETTERS: usize = 10;

    /// Makes an id of ten random bytes' first fifty bits. The dice are the caller's.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 10]) -> Self {
        let mut text = BASE32_LOWER.encode(&bytes);
        text.truncate(Self::LETTERS);
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let ok = text.len() == Self::LETTERS && text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b));
        if ok { Ok(Self(text.to_owned())) } else { Err(BadId::new("a session id", "it is ten letters of base32", text)) }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A name a person gave a session. It becomes a file name, so what it may contain is narrow on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SessionName(String);

impl SessionName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionName {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let ok = (1..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+@".contains(&b));
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId::new("a session name", "use 1 to 64 letters, digits and . _ - + @, a letter or digit first", text))
        }
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SessionName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// An event's number in its session: gap-free, from 1. 0 is "before the first".
pub type Seq = u64;
/// A supervisor's incarnation. Grows with every start, and never repeats after a restored backup (see `docs/protocol.md`).
pub type Epoch = u64;
/// The n-th kernel of a session, from 1.
pub type Life = u32;
/// An eval's number in its session, from 1: the `12` of `name#12`. 0 is "no eval".
pub type EvalNumber = u64;

/// The last event a client has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The incarnation that numbered it.
    pub epoch: Epoch,
    /// Its number.
    pub seq: Seq,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId::new("a cursor", "it is EPOCH:SEQ, two whole numbers", text);
        let (epoch, seq) = text.split_once(':').ok_or_else(bad)?;
        Ok(Self { epoch: epoch.parse().map_err(|_| bad())?, seq: seq.parse().map_err(|_| bad())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print() {
        let id = EvalId([7; 16]);
        assert_eq!(id.to_string().len(), 26);
        assert_eq!(id.to_string().parse::<EvalId>(), Ok(id));
        assert_eq!("07070707-0707-0707-0707-070707070707".parse::<EvalId>(), Ok(id));
        assert!("nonsense".parse::<EvalId>().is_err());
    }

    #[test]
    fn a_name_cannot_climb_out_of_its_folder() {
        for bad in ["", ".", "..", "../x", "a/b", "-rf", "a b", "\0", "é", &"x".repeat(65)] {
            assert!(bad.parse::<SessionName>().is_err(), "{bad:?}");
        }
        assert!("work-2.x@home".parse::<SessionName>().is_ok());
    }

    #[test]
    fn a_cursor_reads_back() {
        let c = Cursor { epoch: 3, seq: 99 };
        assert_eq!(c.to_string().parse::<Cursor>(), Ok(c));
        assert!("3".parse::<Cursor>().is_err());
    }
}

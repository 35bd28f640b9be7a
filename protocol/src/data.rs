//! Small shared values: bytes that read as text where they can, MIME bundles, streams, failures.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;

/// Reads an enum of words so that a word of a newer build is no error but the variant after `else`: an event with such a word
/// must still be counted, shown and kept.
macro_rules! lenient {
    ($name:ident { $($variant:ident $word:literal),*; else $fallback:ident }) => {
        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)*
                    _ => Self::$fallback,
                }
            }
        }
    };
}
pub(crate) use lenient;

/// Bytes: MessagePack `bin` on the wire; in JSON a string where they are UTF-8, else `{"base64": "..."}`.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// The text, with what is not UTF-8 replaced.
    #[must_use]
    pub fn lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Bytes {
    /// Elides the middle: a failing test or a trace must not print fifty megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.get(..self.0.len().min(60)).unwrap_or_default();
        write!(f, "{:?}", String::from_utf8_lossy(head))?;
        if self.0.len() > head.len() { write!(f, "+{}", self.0.len() - head.len()) } else { Ok(()) }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if !s.is_human_readable() {
            return s.serialize_bytes(&self.0);
        }
        match std::str::from_utf8(&self.0) {
            Ok(text) => s.serialize_str(text),
            Err(_) => BTreeMap::from([("base64", BASE64.encode(&self.0))]).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> de::Visitor<'de> for V {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes, text, or {\"base64\": text}")
            }
            fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(v.to_vec()))
            }
            fn visit_byte_buf<E: de::Error>(self, v: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(v))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Bytes, E> {
                Ok(Bytes(v.as_bytes().to_vec()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Bytes, A::Error> {
                let mut found = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "base64" {
                        let text: String = map.next_value()?;
                        found = Some(BASE64.decode(text.as_bytes()).map_err(de::Error::custom)?);
                    } else {
                        map.next_value::<de::IgnoredAny>()?;
                    }
                }
                found.map(Bytes).ok_or_else(|| de::Error::missing_field("base64"))
            }
        }
        if d.is_human_readable() { d.deserialize_any(V) } else { d.deserialize_byte_buf(V) }
    }
}

/// One value in several forms, by MIME type. `text/plain` is there whenever the value can be shown as text.
pub type Bundle = BTreeMap<String, Bytes>;

/// What a message to a comm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum CommStep {
    /// It begins.
    Open,
    /// Something for it. A word of a newer build reads as this.
    #[default]
    Msg,
    /// It ends.
    Close,
}

lenient!(CommStep { Open "open", Close "close"; else Msg });

/// A message to what lives in a kernel beside evals: one of Jupyter's comms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommMessage {
    /// What it is.
    pub what: CommStep,
    /// The comm's id, made by whoever opens it.
    pub comm: String,
    /// What it is opened with: the name under which the kernel knows what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// An object of JSON, as text. Empty: one without anything in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// The same, about the message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// Bytes that go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few::buffers")]
    pub buffers: Vec<Bytes>,
}

impl CommMessage {
    /// Whether its JSON is JSON.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let object = |text: &str| text.is_empty() || serde_json::from_str::<BTreeMap<String, de::IgnoredAny>>(text).is_ok();
        object(&self.data) && object(&self.metadata)
    }
}

/// Lists and maps of a request, refused where they have more than [`crate::limits::MAX_ITEMS`] entries.
pub(crate) mod few {
    use crate::limits::MAX_ITEMS;
    use serde::{Deserialize, Deserializer, de};
    use std::collections::BTreeMap;
    use std::fmt;

    fn too_many<E: de::Error>() -> E {
        E::custom(format_args!("at most {MAX_ITEMS} entries are taken"))
    }

    struct Texts(Vec<String>);

    impl<'de> Deserialize<'de> for Texts {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            struct V;
            impl<'de> de::Visitor<'de> for V {
                type Value = Texts;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a list of texts")
                }
                fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
                    let mut texts = Vec::new();
                    while let Some(text) = seq.next_element()? {
                        if texts.len() >= MAX_ITEMS {
                            return Err(too_many());
                        }
                        texts.push(text);
                    }
                    Ok(Texts(texts))
                }
            }
            d.deserialize_seq(V)
        }
    }

    /// A list of texts.
    pub(crate) fn texts<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
        Texts::deserialize(d).map(|t| t.0)
    }

    /// A list of texts that may be absent.
    pub(crate) fn maybe_texts<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<String>>, D::Error> {
        Option::<Texts>::deserialize(d).map(|t| t.map(|t| t.0))
    }

    /// A list of bytes.
    pub(crate) fn buffers<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<super::Bytes>, D::Error> {
        struct V;
        impl<'de> de::Visitor<'de> for V {
            type Value = Vec<super::Bytes>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of bytes")
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(bytes) = seq.next_element()? {
                    if all.len() >= MAX_ITEMS {
                        return Err(too_many());
                    }
                    all.push(bytes);
                }
                Ok(all)
            }
        }
        d.deserialize_seq(V)
    }

    /// A map of texts.
    pub(crate) fn pairs<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
        struct V;
        impl<'de> de::Visitor<'de> for V {
            type Value = BTreeMap<String, String>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    if pairs.len() >= MAX_ITEMS {
                        return Err(too_many());
                    }
                    pairs.insert(key, value);
                }
                Ok(pairs)
            }
        }
        d.deserialize_map(V)
    }
}

/// Which stream a run of output belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The number that stands for it in the frozen output frame.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }
}

/// Bytes written to one stream without the other in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The stream.
    pub stream: Stream,
    /// What was written. Text is split only at character borders, except where the program itself wrote half a character.
    pub data: Bytes,
}

/// A user's exception: a result of the eval, never a protocol error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// The exception's type, `ZeroDivisionError`.
    pub name: String,
    /// What it says.
    pub value: String,
    /// The traceback as the language prints it, source lines included, in plain text.
    #[serde(default)]
    pub traceback: String,
}

/// What the kernel is asked to show of an eval's last expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum Show {
    /// As the language's own REPL would. A wish of a newer build reads as this.
    #[default]
    Value,
    /// Nothing: the code runs as a program.
    Nothing,
}

/// What happens to the group's later evals when this one ends in error or interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum OnError {
    /// They end `not_run`, also those that arrive later. A wish of a newer build reads as this, the careful one.
    #[default]
    Stop,
    /// They run.
    Continue,
}

lenient!(Show { Nothing "nothing"; else Value });
lenient!(OnError { Continue "continue"; else Stop });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{DisplayRole, Step};
    use crate::scope::Scope;

    #[test]
    fn words_come_back_and_a_newer_builds_word_reads_as_the_careful_one() {
        fn round<T: Serialize + de::DeserializeOwned + PartialEq + fmt::Debug>(all: &[T], newer: T) {
            for value in all {
                let json = serde_json::to_string(value).unwrap();
                assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
            }
            assert_eq!(serde_json::from_str::<T>("\"of_2031\"").unwrap(), newer);
        }
        round(&[Show::Value, Show::Nothing], Show::Value);
        round(&[OnError::Stop, OnError::Continue], OnError::Stop);
        round(&[Step::Interrupt, Step::Again, Step::Terminate, Step::Kill], Step::Interrupt);
        round(&[DisplayRole::Display, DisplayRole::Result], DisplayRole::Display);
        round(&[Scope::Observe, Scope::Eval, Scope::Admin], Scope::Observe);
    }
}

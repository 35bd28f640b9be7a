//! A message of Jupyter in its frames: whom it is for, a mark, a signature, four parts of JSON, and buffers.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

/// Stands between whom it is for and the message.
const MARK: &[u8] = b"<IDS|MSG>";
/// Version of the protocol that is spoken.
const VERSION: &str = "5.3";

/// The key that signs.
#[derive(Clone)]
pub struct Key(Option<Hmac<Sha256>>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Of a connection's file. An empty one signs nothing and believes everything, as Jupyter has it.
    #[must_use]
    pub fn new(key: &str) -> Self {
        // A key of any length is one.
        Self((!key.is_empty()).then(|| Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()).flatten())
    }

    fn over(&self, parts: [&[u8]; 4]) -> Option<Hmac<Sha256>> {
        let mut mac = self.0.clone()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac)
    }

    /// The signature of these four parts, in hexadecimal.
    #[must_use]
    pub fn sign(&self, parts: [&[u8]; 4]) -> String {
        self.over(parts).map_or_else(String::new, |mac| HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    /// Whether this signature is theirs. Takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn verifies(&self, signature: &[u8], parts: [&[u8]; 4]) -> bool {
        let Some(mac) = self.over(parts) else { return true };
        HEXLOWER.decode(signature).is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
    }
}

/// Which message it is, and whose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its own id; the messages that come of it have it in their parent.
    #[serde(default)]
    pub msg_id: String,
    /// `execute_request`.
    #[serde(default)]
    pub msg_type: String,
    /// Whose: one for each client, and one of the kernel's.
    #[serde(default)]
    pub session: String,
    /// Who.
    #[serde(default)]
    pub username: String,
    /// When, in ISO 8601.
    #[serde(default)]
    pub date: String,
    /// Of the protocol.
    #[serde(default)]
    pub version: String,
}

impl Header {
    /// Of a request.
    #[must_use]
    pub fn new(msg_type: &str, msg_id: &str, session: &str, date: &str) -> Self {
        let own = str::to_owned;
        Self {
            msg_id: own(msg_id),
            msg_type: own(msg_type),
            session: own(session),
            username: own("rialto"),
            date: own(date),
            version: own(VERSION),
        }
    }
}

/// A message. What it says is read only where somebody wants to know it, and passed on byte by byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Whom it is for or from, or, of a published one, what it is about.
    pub ids: Vec<Vec<u8>>,
    /// Which message it is.
    pub header: Header,
    /// The message that it came of; one without an id where there is none.
    pub parent: Header,
    /// Header, parent, metadata and content as they are on the wire.
    pub parts: [Vec<u8>; 4],
    /// Bytes that belong to it.
    pub buffers: Vec<Vec<u8>>,
}

/// Frames that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMessage {
    /// Parts are missing.
    #[error("it has too few frames, or no mark")]
    Frames,
    /// Somebody else has written it.
    #[error("its signature is wrong")]
    Signature,
    /// A header is no JSON.
    #[error("its header cannot be read")]
    Header,
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}

impl Message {
    /// What is said about the message, an object.
    pub fn set_metadata(&mut self, metadata: &Value) {
        let [_, _, part, _] = &mut self.parts;
        *part = json(metadata);
    }

    /// A request, or an answer where there is a parent.
    #[must_use]
    pub fn new(header: Header, parent: Option<&Self>, content: &Value) -> Self {
        let raw_parent = parent.map_or_else(|| b"{}".to_vec(), |parent| parent.part(0).to_vec());
        let parts = [json(&header), raw_parent, b"{}".to_vec(), json(content)];
        let parent = parent.map(|parent| parent.header.clone()).unwrap_or_default();
        Self { header, parent, parts, ..Self::default() }
    }

    /// Takes a message out of its frames.
    ///
    /// # Errors
    /// Where they are none, or not signed with this key.
    pub fn read(mut frames: Vec<Vec<u8>>, key: &Key) -> Result<Self, NotAMessage> {
        let mark = frames.iter().position(|frame| frame == MARK).ok_or(NotAMessage::Frames)?;
        let mut rest = frames.split_off(mark).into_iter().skip(1);
        let mut next = || rest.next().ok_or(NotAMessage::Frames);
        let signature = next()?;
        let parts = [next()?, next()?, next()?, next()?];
        let buffers = rest.collect();
        if !key.verifies(&signature, parts.each_ref().map(Vec::as_slice)) {
            return Err(NotAMessage::Signature);
        }
        let [header, parent, ..] = &parts;
        let header = serde_json::from_slice(header).map_err(|_| NotAMessage::Header)?;
        // Some kernels write nothing, or null.
        let parent = serde_json::from_slice(parent).unwrap_or_default();
        Ok(Self { ids: frames, header, parent, parts, buffers })
    }

    /// Puts it into frames, signed.
    #[must_use]
    pub fn frames<'a>(&'a self, mark_and_signature: &'a MarkAndSignature) -> Vec<&'a [u8]> {
        let ids = self.ids.iter().map(Vec::as_slice);
        let head = [MARK, mark_and_signature.0.as_bytes()];
        let parts = self.parts.iter().chain(&self.buffers).map(Vec::as_slice);
        ids.chain(head).chain(parts).collect()
    }

    /// What [`Message::frames`] needs besides.
    #[must_use]
    pub fn signed(&self, key: &Key) -> MarkAndSignature {
        MarkAndSignature(key.sign(self.parts.each_ref().map(Vec::as_slice)))
    }

    /// Header, parent, metadata or content, as it is on the wire.
    #[must_use]
    pub fn part(&self, which: usize) -> &[u8] {
        self.parts.get(which).map(Vec::as_slice).unwrap_or_default()
    }

    /// What it says.
    ///
    /// # Errors
    /// Where it says something else.
    pub fn content<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(self.part(3))
    }
}

/// A message's signature, on its way into the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkAndSignature(String);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn owned(message: &Message, key: &Key) -> Vec<Vec<u8>> {
        message.frames(&message.signed(key)).into_iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_message_comes_back() {
        let key = Key::new("secret");
        let header = Header::new("execute_request", "a-1", "a", "2026-01-02T03:04:05Z");
        let mut request = Message::new(header, None, &json!({ "code": "1" }));
        request.ids.push(b"who".to_vec());
        request.buffers.push(vec![0, 255]);
        let read = Message::read(owned(&request, &key), &key).unwrap();
        assert_eq!(read, request);
        assert_eq!(read.content::<Value>().unwrap()["code"], "1");
        let answer = Message::new(Header::new("execute_reply", "b-1", "b", ""), Some(&read), &json!({}));
        let read = Message::read(owned(&answer, &key), &key).unwrap();
        assert_eq!(read.parent.msg_id, "a-1");
        assert_eq!(read.part(1), request.part(0), "byte by byte");
    }

    #[test]
    fn the_signature_is_jupyters() {
        // From `jupyter_client.session.Session(key=b"secret").sign([b"{}", b"{}", b"{}", b"{}"])`.
        let signature = Key::new("secret").sign([b"{}", b"{}", b"{}", b"{}"]);
        assert_eq!(signature, "34982f0bfec60e7b933ffde06c1ecab0fba073717a95ab943d1dd06f82c2d5e4");
        assert_eq!(Key::new("").sign([b"a", b"", b"", b""]), "");
    }

    #[test]
    fn what_somebody_else_wrote_is_not_believed() {
        let key = Key::new("secret");
        let message = Message::new(Header::new("status", "b", "b", ""), None, &json!({}));
        assert_eq!(Message::read(owned(&message, &Key::new("guess")), &key), Err(NotAMessage::Signature));
        assert_eq!(Message::read(owned(&message, &Key::new("")), &key), Err(NotAMessage::Signature));
        for part in 2..6 {
            let mut frames = owned(&message, &key);
            frames[part] = b"{ }".to_vec();
            assert_eq!(Message::read(frames, &key), Err(NotAMessage::Signature), "part {part}");
        }
        // Buffers are not signed, which is Jupyter's choice.
        let mut frames = owned(&message, &key);
        frames.push(b"more".to_vec());
        assert!(Message::read(frames, &key).is_ok());
    }

    #[test]
    fn what_is_no_message_is_said_to_be_none() {
        let key = Key::new("");
        let read = |frames: &[&[u8]]| Message::read(frames.iter().map(|f| f.to_vec()).collect(), &key);
        assert_eq!(read(&[]), Err(NotAMessage::Frames));
        assert_eq!(read(&[b"<IDS|MSG>"]), Err(NotAMessage::Frames));
        assert_eq!(read(&[b"<IDS|MSG>", b"", b"{}", b"{}", b"{}"]), Err(NotAMessage::Frames));
        assert_eq!(read(&[b"", b"{}", b"{}", b"{}", b"{}"]), Err(NotAMessage::Frames));
        assert_eq!(read(&[b"<IDS|MSG>", b"", b"x", b"{}", b"{}", b"{}"]), Err(NotAMessage::Header));
        assert!(read(&[b"<IDS|MSG>", b"", b"{}", b"null", b"{}", b"{}"]).is_ok());
    }
}

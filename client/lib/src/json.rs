//! For whoever speaks the protocol as JSON: how such a connection begins, and a request as scripts and browsers write it, where
//! what it leaves out and must be there is made.

use crate::{credit, ids};
use rialto_protocol::frame::Header;
use rialto_protocol::limits::DEFAULT_MAX_FRAME;
use rialto_protocol::message::screen::FEATURE;
use rialto_protocol::message::{Greet, Hello, Open, Welcome};
use rialto_protocol::version::{self, FEATURES, MAX_CONTRACT, MIN_CONTRACT};
use rialto_protocol::{Bytes, Code, ErrorReply, Message, codec};
use serde_json::{Map, Value};

/// The one session's channel.
pub const CHANNEL: u16 = 1;

/// What follows the hello only where the other side has said that it can do it.
#[derive(Debug)]
pub struct Held(Box<Open>, Vec<u8>);

impl Held {
    /// What to send, now that it has answered.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn after(self, welcome: &Welcome) -> Result<Vec<u8>, ErrorReply> {
        version::lacks(&self.0, welcome).map_or(Ok(self.1), Err)
    }

    /// The same, where the other side is of this very build.
    #[must_use]
    pub fn at_once(self) -> Vec<u8> {
        self.1
    }
}

/// The first bytes of such a connection: hello, open and greet; the last two later, where they ask for what not every bridge can do.
///
/// # Errors
/// Where the system has no dice.
pub fn opening(app: &str, label: &str, open: Open, cookie: Option<Vec<u8>>) -> Result<(Vec<u8>, Option<Held>), ErrorReply> {
    let hello = Hello {
        magic: "rialto".to_owned(),
        min: MIN_CONTRACT,
        max: MAX_CONTRACT,
        max_frame: DEFAULT_MAX_FRAME,
        app: app.to_owned(),
        cookie: cookie.map(Bytes),
        features: FEATURES.iter().map(|name| (*name).to_owned()).collect(),
        ..Hello::default()
    };
    let open = Open { re: 0, channel: CHANNEL, ..open };
    let greet = Greet {
        min: MIN_CONTRACT,
        max: MAX_CONTRACT,
        features: vec![FEATURE.to_owned()],
        client: ids::client_id()?,
        label: label.to_owned(),
    };
    let (mut bytes, mut rest) = (Vec::new(), Vec::new());
    codec::encode(&mut bytes, 0, &Message::Hello(hello), DEFAULT_MAX_FRAME);
    codec::encode(&mut rest, 0, &Message::Open(open.clone()), DEFAULT_MAX_FRAME);
    codec::encode(&mut rest, CHANNEL, &Message::Greet(greet), DEFAULT_MAX_FRAME);
    if version::needs_features(&open) {
        return Ok((bytes, Some(Held(Box::new(open), rest))));
    }
    bytes.append(&mut rest);
    Ok((bytes, None))
}

/// Whether a frame of the session's has to be paid for with credit.
#[must_use]
pub const fn costs_credit(header: Header) -> bool {
    credit::costs_credit(header.kind)
}

/// Reads a request. `number` makes the numbers that requests are answered by.
///
/// # Errors
/// `bad_message`, with its number where it has one.
pub fn request(text: &[u8], number: &mut dyn FnMut() -> u32) -> Result<Message, ErrorReply> {
    let no = |re: u32, why: String| ErrorReply::new(re, Code::BadMessage, why);
    let value: Value = serde_json::from_slice(text).map_err(|why| no(0, format!("the line is no JSON: {why}")))?;
    let Value::Object(mut map) = value else { return Err(no(0, "an object with a \"type\" is wanted".to_owned())) };
    let re = map.get("re").and_then(Value::as_u64).and_then(|re| u32::try_from(re).ok()).unwrap_or(0);
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if matches!(kind.as_str(), "hello" | "open" | "greet" | "close") {
        let text = format!("{kind} is said for you; end the connection to close it");
        return Err(ErrorReply::new(re, Code::WrongState, text));
    }
    complete(&kind, &mut map, number)?;
    codec::from_json(Value::Object(map)).map_err(|why| no(re, why))
}

/// Makes the numbers and ids that are left out.
fn complete(kind: &str, map: &mut Map<String, Value>, number: &mut dyn FnMut() -> u32) -> Result<(), ErrorReply> {
    if matches!(kind, "credit" | "ping" | "pong") {
        return Ok(());
    }
    let missing = |map: &Map<String, Value>, key: &str| map.get(key).is_none_or(Value::is_null);
    if missing(map, "re") || map.get("re").and_then(Value::as_u64) == Some(0) {
        map.insert("re".to_owned(), number().into());
    }
    if kind == "submit" && missing(map, "eval") {
        map.insert("eval".to_owned(), ids::eval_id()?.to_string().into());
    }
    if matches!(kind, "interrupt" | "input" | "restart" | "kill" | "redact" | "share" | "unshare" | "comm") && missing(map, "id")
    {
        map.insert("id".to_owned(), ids::request_id()?.to_string().into());
    }
    // JSON within a comm's message may stand as it is.
    if let Some(Value::Object(message)) = map.get_mut("message").filter(|_| kind == "comm") {
        for key in ["data", "metadata"] {
            if let Some(object @ Value::Object(_)) = message.get_mut(key) {
                *object = object.to_string().into();
            }
        }
    }
    Ok(())
}

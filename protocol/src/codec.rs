//! Messages to bytes and back: MessagePack for the wire, JSON for `rialto rpc`.

use crate::data::{Bytes, Run, Stream};
use crate::event::{Event, Output, Record, Stamp};
use crate::frame::{self, HEADER, Header, IGNORABLE};
use crate::kind::{self, Message};
use crate::limits::MAX_DEPTH;
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A body that cannot be read as its kind says. The connection lives; the message is answered by an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {} message cannot be read: {why}", kind::name(*.kind).unwrap_or("unknown"))]
pub struct BadMessage {
    /// The message's number.
    pub kind: u8,
    /// What is wrong.
    pub why: String,
}

impl BadMessage {
    fn new(kind: u8, why: impl fmt::Display) -> Self {
        Self { kind, why: sentence(&why) }
    }
}

/// What a reader complains of, without the megabytes it may quote ("unknown variant `...`"): the answer is one small frame.
fn sentence(why: &dyn fmt::Display) -> String {
    const LONGEST: usize = 300;
    struct Short(String);
    impl fmt::Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = LONGEST.saturating_sub(self.0.chars().count());
            self.0.extend(text.chars().take(room));
            // Full: nothing more needs to be formatted.
            if self.0.chars().count() < LONGEST { Ok(()) } else { Err(fmt::Error) }
        }
    }
    let mut short = Short(String::new());
    if fmt::write(&mut short, format_args!("{why}")).is_err() {
        short.0.push_str("...");
    }
    short.0
}

/// Appends `message` to `out`, in as many frames as `max_frame` asks for.
pub fn encode(out: &mut Vec<u8>, channel: u16, message: &Message, max_frame: u32) {
    let at = out.len();
    out.extend_from_slice(&[0; HEADER]);
    let flags = match message {
        Message::Ping(bytes) | Message::Pong(bytes) => {
            out.extend_from_slice(bytes);
            0
        }
        Message::Event(record) => {
            write_record(out, record);
            IGNORABLE
        }
        Message::Unknown { ignorable, .. } => {
            if *ignorable {
                IGNORABLE
            } else {
                0
            }
        }
        // Strings, numbers and maps written to a Vec cannot fail; were it otherwise, an empty body is refused by name.
        known => known.encode_body(&mut named(out)).map_or(0, |_| 0),
    };
    seal(out, at, message.kind(), flags, channel, max_frame);
}

/// A serializer that writes structs as maps with names.
fn named(
    out: &mut Vec<u8>,
) -> rmp_serde::Serializer<&mut Vec<u8>, rmp_serde::config::StructMapConfig<rmp_serde::config::DefaultConfig>> {
    rmp_serde::Serializer::new(out).with_struct_map()
}

/// Turns `out[at..]`, a placeholder of a header and a body, into frames.
fn seal(out: &mut Vec<u8>, at: usize, kind: u8, flags: u8, channel: u16, max_frame: u32) {
    let len = out.len() - at - HEADER;
    if len <= max_frame as usize {
        let header = Header { len: len as u32, kind, flags, channel }.encode();
        if let Some(place) = out.get_mut(at..at + HEADER) {
            place.copy_from_slice(&header);
        }
        return;
    }
    let body = out.split_off(at + HEADER);
    out.truncate(at);
    frame::write(out, kind, flags, channel, &body, max_frame);
}

/// Appends an event's body, as the journal keeps it and the wire carries it.
pub fn write_record(out: &mut Vec<u8>, record: &Record) {
    // As above: writing to a Vec cannot fail.
    let _ = RecordBody(record).serialize(&mut named(out));
}

/// An event's body as bytes.
#[must_use]
pub fn record_body(record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    write_record(&mut out, record);
    out
}

/// Reads the body of one frame or of one reassembled value.
///
/// # Errors
/// [`BadMessage`] where the kind is known and the body is not what it should be. An unknown kind is no error.
pub fn decode(header: Header, body: &[u8]) -> Result<Message, BadMessage> {
    let kind = header.kind;
    match kind {
        kind::PING | kind::PONG => {
            let bytes = body.try_into().map_err(|_| BadMessage::new(kind, "it carries exactly eight bytes"))?;
            return Ok(if kind == kind::PING { Message::Ping(bytes) } else { Message::Pong(bytes) });
        }
        _ if kind::is_event(kind) => return read_record(kind, body).map(Message::Event),
        _ => {}
    }
    let mut d = rmp_serde::Deserializer::from_read_ref(body);
    d.set_max_depth(MAX_DEPTH);
    match Message::decode_body(kind, &mut d) {
        Some(read) => read.map_err(|why| BadMessage::new(kind, why)),
        None => Ok(Message::Unknown { kind, ignorable: header.flags & IGNORABLE != 0 }),
    }
}

/// Reads an event's body.
///
/// # Errors
/// [`BadMessage`] where it is not what its kind says. An unknown kind gives [`Event::Unknown`].
pub fn read_record(kind: u8, body: &[u8]) -> Result<Record, BadMessage> {
    let mut d = rmp_serde::Deserializer::from_read_ref(body);
    d.set_max_depth(MAX_DEPTH);
    d.deserialize_seq(RecordVisitor(kind)).map_err(|why| BadMessage::new(kind, why))
}

/// Writes the array form of a record.
struct RecordBody<'a>(&'a Record);

impl Serialize for RecordBody<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Record { seq, at, event } = self.0;
        let mut t = s.serialize_tuple(if matches!(event, Event::Output(_)) { 6 } else { 4 })?;
        t.serialize_element(seq)?;
        t.serialize_element(&at.wall_ms)?;
        t.serialize_element(&at.mono_us)?;
        if let Event::Output(output) = event {
            t.serialize_element(&output.n)?;
            t.serialize_element(&output.background)?;
            t.serialize_element(&Runs(&output.runs))?;
        } else {
            t.serialize_element(&EventMap(event))?;
        }
        t.end()
    }
}

struct EventMap<'a>(&'a Event);

impl Serialize for EventMap<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        // A serializer is used up by asking, so an event of an unknown kind (never written by us) must be told apart first.
        if matches!(self.0, Event::Unknown(_) | Event::Output(_)) {
            return s.serialize_map(Some(0)).and_then(serde::ser::SerializeMap::end);
        }
        kind::encode_event(self.0, s).unwrap_or_else(|| Err(serde::ser::Error::custom("an event without a form")))
    }
}

struct Runs<'a>(&'a [Run]);

impl Serialize for Runs<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(|run| (run.stream.number(), &run.data)))
    }
}

struct RecordVisitor(u8);

impl<'de> de::Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: [seq, wall_ms, mono_us, ...]")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut a: A) -> Result<Record, A::Error> {
        fn next<'de, T: Deserialize<'de>, A: de::SeqAccess<'de>>(a: &mut A, at: usize) -> Result<T, A::Error> {
            a.next_element()?.ok_or_else(|| de::Error::invalid_length(at, &"more of an event"))
        }
        let seq = next(&mut a, 0)?;
        let at = Stamp { wall_ms: next(&mut a, 1)?, mono_us: next(&mut a, 2)? };
        let event = if self.0 == kind::OUTPUT {
            let n = next(&mut a, 3)?;
            let background = next(&mut a, 4)?;
            let runs: Vec<(u8, Bytes)> = next(&mut a, 5)?;
            let runs = runs
                .into_iter()
                .map(|(stream, data)| Run { stream: if stream == 2 { Stream::Stderr } else { Stream::Stdout }, data })
                .collect();
            Event::Output(Output { n, background, runs })
        } else {
            a.next_element_seed(EventSeed(self.0))?.ok_or_else(|| de::Error::invalid_length(3, &"what happened"))?
        };
        // What a newer contract adds at the end is not ours to read.
        while a.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(Record { seq, at, event })
    }
}

struct EventSeed(u8);

impl<'de> de::DeserializeSeed<'de> for EventSeed {
    type Value = Event;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Event, D::Error> {
        if kind::event_name(self.0).is_none() {
            de::IgnoredAny::deserialize(d)?;
            return Ok(Event::Unknown(self.0));
        }
        kind::decode_event(self.0, d).unwrap_or(Ok(Event::Unknown(self.0)))
    }
}

/// The JSON form of a message: one object, its name under `type`.
#[must_use]
pub fn to_json(message: &Message) -> serde_json::Value {
    use serde_json::{Value, json};
    let mut value = match message {
        Message::Ping(b) | Message::Pong(b) => json!({ "bytes": data_encoding::HEXLOWER.encode(b) }),
        Message::Unknown { kind, ignorable } => json!({ "kind": kind, "ignorable": ignorable }),
        Message::Event(record) => event_json(record),
        known => known.encode_body(serde_json::value::Serializer).and_then(Result::ok).unwrap_or(Value::Null),
    };
    if let Value::Object(map) = &mut value {
        let name = kind::name(message.kind()).unwrap_or("unknown");
        map.insert("type".to_owned(), Value::String(name.to_owned()));
    }
    value
}

fn event_json(record: &Record) -> serde_json::Value {
    use serde_json::{Value, json};
    let mut value = match &record.event {
        Event::Output(o) => json!({
            "n": o.n,
            "background": o.background,
            "runs": o.runs.iter().map(|r| json!({ "stream": r.stream, "data": r.data })).collect::<Vec<_>>(),
        }),
        Event::Unknown(kind) => json!({ "kind": kind }),
        event => EventMap(event).serialize(serde_json::value::Serializer).unwrap_or(Value::Null),
    };
    if let Value::Object(map) = &mut value {
        map.insert("seq".to_owned(), record.seq.into());
        map.insert("wall_ms".to_owned(), record.at.wall_ms.into());
        map.insert("mono_us".to_owned(), record.at.mono_us.into());
    }
    value
}

/// Reads the JSON form of a request.
///
/// # Errors
/// A sentence that says what is wrong with the object.
pub fn from_json(value: serde_json::Value) -> Result<Message, String> {
    let text = value.get("type").and_then(|t| t.as_str()).ok_or("an object with a \"type\" is wanted")?.to_owned();
    let kind = Message::kind_of_name(&text).ok_or_else(|| format!("no message is named {:?}", sentence(&text)))?;
    if kind == kind::PING || kind == kind::PONG {
        let hex = value.get("bytes").and_then(|b| b.as_str()).unwrap_or("0000000000000000");
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok().and_then(|b| b.try_into().ok());
        let bytes = bytes.ok_or("a ping carries 16 hex digits")?;
        return Ok(if kind == kind::PING { Message::Ping(bytes) } else { Message::Pong(bytes) });
    }
    match Message::decode_body(kind, value) {
        Some(read) => read.map_err(|why| BadMessage::new(kind, why).to_string()),
        None => Err(format!("{text:?} is no request")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Accepted, Ended, Outcome};
    use crate::ids::EvalId;
    use crate::message::Submit;

    fn round(message: &Message) -> Message {
        let mut wire = Vec::new();
        encode(&mut wire, 1, message, 64 * 1024);
        let mut d = frame::Decoder::default();
        d.push(&wire);
        let (header, body) = d.next().unwrap().unwrap();
        decode(header, body).unwrap()
    }

    fn submit(code: &str) -> Message {
        Message::Submit(Submit {
            re: 0,
            eval: EvalId([9; 16]),
            code: code.into(),
            group: None,
            on_error: Default::default(),
            show: Default::default(),
            argv: None,
            trace: None,
        })
    }

    fn event(event: Event) -> Message {
        Message::Event(Record { seq: 700, at: Stamp { wall_ms: 1_790_000_000_000, mono_us: 5_000_000 }, event })
    }

    #[test]
    fn messages_and_events_come_back_as_they_went() {
        let output = Output { n: 3, background: true, runs: vec![Run { stream: Stream::Stderr, data: "x".into() }] };
        for message in [
            submit("1+1"),
            Message::Ping(*b"12345678"),
            event(Event::Output(output)),
            event(Event::Ended(Ended { n: 4, outcome: Outcome::Exit, code: Some(3), ..Ended::default() })),
        ] {
            assert_eq!(round(&message), message);
        }
    }

    /// The promise on bytes is for a warm `1+1`, both ways, without the answer's own text.
    #[test]
    fn a_warm_eval_costs_less_than_two_hundred_bytes() {
        let mut wire = Vec::new();
        encode(&mut wire, 1, &submit("1+1"), 64 * 1024);
        let accepted = Accepted {
            n: 400,
            eval: EvalId([9; 16]),
            started: true,
            by: None,
            code: None,
            hash: None,
            group: None,
            on_error: OnError::Stop,
            show: Show::Value,
            argv: None,
            trace: None,
        };
        encode(&mut wire, 1, &event(Event::Accepted(accepted)), 64 * 1024);
        let result = Some([("text/plain".to_owned(), Bytes::from("2"))].into());
        encode(&mut wire, 1, &event(Event::Ended(Ended { n: 400, result, ..Ended::default() })), 64 * 1024);
        assert!(wire.len() <= 200, "{} bytes", wire.len());
    }

    #[test]
    fn an_unknown_kind_and_an_unknown_field_are_survived() {
        let header = Header { len: 0, kind: 0x3f, flags: IGNORABLE, channel: 1 };
        assert_eq!(decode(header, b"junk"), Ok(Message::Unknown { kind: 0x3f, ignorable: true }));
        let mut body = Vec::new();
        #[derive(Serialize)]
        struct Newer {
            bytes: u64,
            colour: &'static str,
        }
        Newer { bytes: 5, colour: "green" }.serialize(&mut named(&mut body)).unwrap();
        let header = Header { len: 0, kind: 0x0d, flags: 0, channel: 1 };
        assert_eq!(decode(header, &body), Ok(Message::Credit(crate::message::Credit { bytes: 5 })));
    }

    #[test]
    fn an_unknown_event_is_counted() {
        let mut body = Vec::new();
        (77u64, 1u64, 2u64, "whatever").serialize(&mut named(&mut body)).unwrap();
        let record = read_record(0x7f, &body).unwrap();
        assert_eq!((record.seq, record.event), (77, Event::Unknown(0x7f)));
    }

    #[test]
    fn hostile_nesting_is_an_error_and_not_a_stack() {
        let body = vec![0x91; 100_000];
        let header = Header { len: 0, kind: 0x80, flags: 0, channel: 1 };
        assert!(decode(header, &body).is_err());
        assert!(read_record(0x7f, &body).is_err());
    }

    #[test]
    fn a_complaint_does_not_quote_megabytes() {
        let mut body = Vec::new();
        let long = "x".repeat(1 << 20);
        std::collections::BTreeMap::from([("start", long.as_str())]).serialize(&mut named(&mut body)).unwrap();
        // A flattened struct: serde holds what it found, and says so.
        let header = Header { len: 0, kind: 0x25, flags: 0, channel: 1 };
        let why = decode(header, &body).unwrap_err().to_string();
        assert!(why.contains("invalid type") && why.ends_with("...") && why.len() < 400, "{why}");
        assert!(from_json(serde_json::json!({ "type": long })).unwrap_err().len() < 400);
    }

    #[test]
    fn a_list_of_millions_is_refused_before_it_is_made() {
        // One byte on the wire, twenty-four in memory: an empty text.
        let mut body = vec![0x81, 0xa4];
        body.extend_from_slice(b"argv");
        body.push(0xdd);
        body.extend_from_slice(&1_000_000u32.to_be_bytes());
        body.resize(body.len() + 1_000_000, 0xa0);
        let header = Header { len: 0, kind: 0x80, flags: 0, channel: 1 };
        let why = decode(header, &body).unwrap_err().to_string();
        assert!(why.contains("at most 65536"), "{why}");
    }

    #[test]
    fn the_json_form_comes_back() {
        let json = to_json(&submit("print(1)"));
        assert_eq!(json["type"], "submit");
        assert_eq!(from_json(json).unwrap(), submit("print(1)"));
        assert!(from_json(serde_json::json!({"type": "nonsense"})).is_err());
    }

    use crate::data::{OnError, Show};
}

//! A client that is attached, has granted all the credit there is, and never reads.

use crate::place::Place;
use rialto_client::protocol::frame::Decoder;
use rialto_client::protocol::message::{Attach, Greet, Hello, Open};
use rialto_client::protocol::{Bytes, Message, codec, limits};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// The kind of `attached`.
const ATTACHED: u8 = 0x20;

pub(crate) struct Silent {
    _stream: UnixStream,
}

impl Silent {
    /// Attached to the session of a name, which is there, after its last event.
    pub(crate) fn attach(place: &Place, name: &str) -> Self {
        let (socket, cookie, id) = place.found(name);
        let mut stream = UnixStream::connect(socket).unwrap();
        let client = rialto_client::client_id().unwrap();
        let hello = Hello { magic: "rialto".into(), min: 1, max: 1, cookie: Some(Bytes(cookie)), ..Hello::default() };
        let greet = Greet { min: 1, max: 1, features: Vec::new(), client, label: "silent".into() };
        let attach = Attach { re: 7, credit: Some(u64::MAX / 4), tail: Some(0), ..Attach::default() };
        let mut bytes = Vec::new();
        let mut say = |channel, message: &Message| codec::encode(&mut bytes, channel, message, limits::FLOOR_MAX_FRAME);
        say(0, &Message::Hello(hello));
        say(0, &Message::Open(Open { channel: 1, session: id, ..Open::default() }));
        say(1, &Message::Greet(greet));
        say(1, &Message::Attach(attach));
        stream.write_all(&bytes).unwrap();
        // It is attached once that was said, and from then on it reads nothing.
        let mut decoder = Decoder::new(limits::DEFAULT_MAX_FRAME);
        let mut read = [0; 4096];
        loop {
            while let Some((header, _)) = decoder.next().unwrap() {
                if header.kind == ATTACHED {
                    return Self { _stream: stream };
                }
            }
            let n = stream.read(&mut read).unwrap();
            assert!(n > 0, "the supervisor closed the connection");
            decoder.buffer().extend_from_slice(&read[..n]);
        }
    }
}

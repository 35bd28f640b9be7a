//! A connection on which anything can be said, right or wrong.

use rialto_protocol::assemble::Assembler;
use rialto_protocol::frame::Decoder;
use rialto_protocol::message::{Attach, Greet, Hello, OnBehalf, Open};
use rialto_protocol::{Bytes, ClientId, Message, Scope, codec, limits};
use rialto_transports::Stream;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const MAX: u32 = limits::DEFAULT_MAX_FRAME;

pub(crate) struct Raw {
    pub(crate) stream: Stream,
    decoder: Decoder,
    assembler: Assembler,
}

impl Raw {
    pub(crate) async fn dial(socket: &Path) -> Self {
        Self::over(Box::new(UnixStream::connect(socket).await.unwrap()))
    }

    /// On bytes of any way.
    pub(crate) fn over(stream: Stream) -> Self {
        Self { stream, decoder: Decoder::new(MAX), assembler: Assembler::new(limits::MAX_EVENT) }
    }

    /// Says it, if the other side still listens.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    pub(crate) async fn say(&mut self, channel: u16, message: &Message) -> bool {
        let mut bytes = Vec::new();
        codec::encode(&mut bytes, channel, message, MAX);
        self.bytes(&bytes).await
    }

    pub(crate) async fn hello(&mut self, cookie: Option<&[u8]>, scope: Option<Scope>) -> bool {
        let on_behalf = scope.map(|scope| OnBehalf { principal: crate::client::me(), scope });
        let cookie = cookie.map(|cookie| Bytes(cookie.to_vec()));
        let hello = Hello { magic: "rialto".into(), min: 1, max: 1, cookie, on_behalf, ..Hello::default() };
        self.say(0, &Message::Hello(hello)).await
    }

    /// A client of the session on channel 1.
    pub(crate) async fn client(socket: &Path, cookie: &[u8], session: &str, scope: Option<Scope>) -> Self {
        let mut raw = Self::dial(socket).await;
        raw.hello(Some(cookie), scope).await;
        raw.say(0, &Message::Open(Open { channel: 1, session: session.into(), ..Open::default() })).await;
        raw.greet(1).await;
        raw
    }

    pub(crate) async fn greet(&mut self, channel: u16) {
        let client = ClientId(rialto_client::client_id().unwrap().0);
        let greet = Greet { min: 1, max: 1, features: Vec::new(), client, label: "raw".into() };
        self.say(channel, &Message::Greet(greet)).await;
    }

    pub(crate) async fn attach(&mut self, credit: u64) {
        self.say(1, &Message::Attach(Attach { re: 7, credit: Some(credit), ..Attach::default() })).await;
    }

    /// The next message that this side understands. Nothing: the other side has closed.
    pub(crate) async fn next(&mut self) -> Option<(u16, Message)> {
        loop {
            if let Some((header, body)) = self.decoder.next().unwrap() {
                match self.assembler.take(header, body).unwrap() {
                    Some(body) => return Some((header.channel, codec::decode(header, &body).unwrap())),
                    None => continue,
                }
            }
            if self.stream.read_buf(self.decoder.buffer()).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Goes on until a message that `which` finds something in.
    pub(crate) async fn find<T>(&mut self, which: impl Fn(&Message) -> Option<T>) -> T {
        loop {
            let (_, message) = self.next().await.expect("the other side closed");
            if let Some(found) = which(&message) {
                return found;
            }
        }
    }

    /// Reads up to a frame of this kind without understanding anything, and gives the number of bytes.
    pub(crate) async fn bytes_until(&mut self, kind: u8) -> u64 {
        let mut bytes = 0;
        loop {
            while let Ok(Some((header, _))) = self.decoder.next() {
                if header.kind > 0x3f {
                    bytes += header.frame_len() as u64;
                }
                if header.kind == kind {
                    return bytes;
                }
            }
            let read = self.stream.read_buf(self.decoder.buffer()).await.unwrap_or(0);
            assert!(read > 0, "the other side closed");
        }
    }
}

//! One question to a place, without a session: what sessions are there?

use crate::link::Link;
use rialto_protocol::assemble::Assembler;
use rialto_protocol::frame::Decoder;
use rialto_protocol::limits::{DEFAULT_MAX_FRAME, FLOOR_MAX_FRAME, MAX_REQUEST};
use rialto_protocol::message::{Hello, Welcome};
use rialto_protocol::version::{MAX_CONTRACT, MIN_CONTRACT};
use rialto_protocol::{Bytes, Code, ErrorReply, Message, codec};
use rialto_transports::Stream;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Asks whoever is at the other end of `link` one question on the connection itself, and gives its reply. How long to
/// wait is the caller's to say: dropping the future ends the connection.
///
/// # Errors
/// What it was refused with, or `disconnected`.
pub async fn ask(link: Link, app: &str, question: Message) -> Result<Message, ErrorReply> {
    let mut talk = Talk::begin(link, app, &[question]).await?;
    loop {
        match talk.next().await? {
            Message::Error(error) => return Err(error),
            Message::Welcome(_) | Message::Notice(_) | Message::Goaway(_) | Message::Ping(_) | Message::Pong(_) => {}
            Message::Unknown { .. } => {}
            reply => return Ok(reply),
        }
    }
}

/// What is learned by meeting whoever is at the other end.
#[derive(Debug, Clone)]
pub struct Met {
    /// What it said of itself, and of us.
    pub welcome: Welcome,
    /// The shortest of a few ways there and back.
    pub round_trip: Duration,
}

/// Says hello and goes again. As for [`ask`], how long to wait is the caller's to say.
///
/// # Errors
/// As [`ask`].
pub async fn meet(link: Link, app: &str) -> Result<Met, ErrorReply> {
    let mut talk = Talk::begin(link, app, &[]).await?;
    let welcome = loop {
        match talk.next().await? {
            Message::Error(error) => return Err(error),
            Message::Welcome(welcome) => break welcome,
            _ => {}
        }
    };
    let mut round_trip = Duration::MAX;
    for n in 0..ROUNDS {
        let began = Instant::now();
        talk.say(&[Message::Ping([n; 8])]).await?;
        while !matches!(talk.next().await?, Message::Pong(_)) {}
        round_trip = round_trip.min(began.elapsed());
    }
    Ok(Met { welcome, round_trip })
}

/// Ways there and back that are measured.
const ROUNDS: u8 = 3;

/// A connection on which nothing is opened.
struct Talk {
    stream: Stream,
    decoder: Decoder,
    assembler: Assembler,
}

impl Talk {
    async fn begin(link: Link, app: &str, more: &[Message]) -> Result<Self, ErrorReply> {
        let hello = Hello {
            magic: "rialto".to_owned(),
            min: MIN_CONTRACT,
            max: MAX_CONTRACT,
            max_frame: DEFAULT_MAX_FRAME,
            app: app.to_owned(),
            cookie: link.cookie.map(Bytes),
            ..Hello::default()
        };
        let mut talk = Self { stream: link.stream, decoder: Decoder::default(), assembler: Assembler::new(MAX_REQUEST) };
        let all: Vec<Message> = std::iter::once(Message::Hello(hello)).chain(more.iter().cloned()).collect();
        talk.say(&all).await?;
        Ok(talk)
    }

    async fn say(&mut self, messages: &[Message]) -> Result<(), ErrorReply> {
        let mut out = Vec::new();
        for message in messages {
            codec::encode(&mut out, 0, message, FLOOR_MAX_FRAME);
        }
        self.stream.write_all(&out).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }

    async fn next(&mut self) -> Result<Message, ErrorReply> {
        loop {
            while let Some((header, body)) = self.decoder.next().map_err(|why| foreign(&why))? {
                let Some(body) = self.assembler.take(header, body).map_err(|why| foreign(&why))? else { continue };
                return codec::decode(header, &body).map_err(|why| foreign(&why));
            }
            if self.stream.read_buf(self.decoder.buffer()).await.map_err(broken)? == 0 {
                return Err(ErrorReply::new(0, Code::Disconnected, "the other side closed the connection before it answered"));
            }
        }
    }
}

fn broken(why: std::io::Error) -> ErrorReply {
    ErrorReply::new(0, Code::Disconnected, format!("the connection broke: {why}"))
}

fn foreign(why: &dyn std::fmt::Display) -> ErrorReply {
    ErrorReply::new(0, Code::BadFrame, format!("the other side does not speak Rialto: {why}"))
}

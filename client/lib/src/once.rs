//! One question to a place, without a session: what sessions are there?

use crate::link::Link;
use rialto_protocol::assemble::Assembler;
use rialto_protocol::frame::Decoder;
use rialto_protocol::limits::{DEFAULT_MAX_FRAME, FLOOR_MAX_FRAME, MAX_REQUEST};
use rialto_protocol::message::Hello;
use rialto_protocol::version::{MAX_CONTRACT, MIN_CONTRACT};
use rialto_protocol::{Bytes, Code, ErrorReply, Message, codec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Asks whoever is at the other end of `link` one question on the connection itself, and gives its reply. How long to
/// wait is the caller's to say: dropping the future ends the connection.
///
/// # Errors
/// What it was refused with, or `disconnected`.
pub async fn ask(link: Link, app: &str, question: Message) -> Result<Message, ErrorReply> {
    let mut stream = link.stream;
    let hello = Hello {
        magic: "rialto".to_owned(),
        min: MIN_CONTRACT,
        max: MAX_CONTRACT,
        max_frame: DEFAULT_MAX_FRAME,
        app: app.to_owned(),
        cookie: link.cookie.map(Bytes),
        ..Hello::default()
    };
    let mut out = Vec::new();
    codec::encode(&mut out, 0, &Message::Hello(hello), FLOOR_MAX_FRAME);
    codec::encode(&mut out, 0, &question, FLOOR_MAX_FRAME);
    let broken = |why: std::io::Error| ErrorReply::new(0, Code::Disconnected, format!("the connection broke: {why}"));
    stream.write_all(&out).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut decoder = Decoder::default();
    let mut assembler = Assembler::new(MAX_REQUEST);
    loop {
        while let Some((header, body)) = decoder.next().map_err(|why| foreign(&why))? {
            let Some(body) = assembler.take(header, body).map_err(|why| foreign(&why))? else { continue };
            match codec::decode(header, &body).map_err(|why| foreign(&why))? {
                Message::Error(error) => return Err(error),
                Message::Welcome(_) | Message::Notice(_) | Message::Goaway(_) | Message::Ping(_) | Message::Pong(_) => {}
                Message::Unknown { .. } => {}
                reply => return Ok(reply),
            }
        }
        if stream.read_buf(decoder.buffer()).await.map_err(broken)? == 0 {
            return Err(ErrorReply::new(0, Code::Disconnected, "the other side closed the connection before it answered"));
        }
    }
}

fn foreign(why: &dyn std::fmt::Display) -> ErrorReply {
    ErrorReply::new(0, Code::BadFrame, format!("the other side does not speak Rialto: {why}"))
}

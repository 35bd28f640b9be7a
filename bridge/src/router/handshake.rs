//! The first words to a supervisor: hello with its cookie, and the one channel that this connection carries.

use super::{Reached, frames};
use rialto_protocol::data::Bytes;
use rialto_protocol::message::{Hello, OnBehalf, Open};
use rialto_protocol::version::HANDOVER;
use rialto_protocol::{Code, ErrorReply, Message, SessionId, version};
use rialto_transports::quiet::QuietStream;
use std::time::Duration;

/// A supervisor answers a hello from its loop, between two commits.
const LIMIT: Duration = Duration::from_secs(10);

/// What is said at the door.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The channel to bind.
    pub channel: u16,
    /// The longest frame body that will be sent and taken on it. Bytes.
    pub max_frame: u32,
    /// For whom, where not for ourselves.
    pub on_behalf: Option<OnBehalf>,
    /// Whether to ask that the supervisor take the client's own descriptors.
    pub handover: bool,
}

/// Says hello to a supervisor and binds the channel. What follows on the stream is that channel's. True where the supervisor takes
/// descriptors as it was asked.
///
/// # Errors
/// What the supervisor answered instead, or `unreachable` where it answered nothing sensible in time.
pub async fn enter(reached: &mut Reached, entry: &Entry) -> Result<bool, ErrorReply> {
    let Reached { session, cookie, stream, .. } = reached;
    greet(session, cookie, stream, entry).await
}

pub(super) async fn greet(
    session: &SessionId,
    cookie: &str,
    stream: &mut QuietStream,
    entry: &Entry,
) -> Result<bool, ErrorReply> {
    let hello = Hello {
        magic: "rialto".to_owned(),
        min: version::MIN_CONTRACT,
        max: version::MAX_CONTRACT,
        features: if entry.handover { vec![HANDOVER.to_owned()] } else { Vec::new() },
        max_frame: entry.max_frame,
        app: concat!("rialto ", env!("CARGO_PKG_VERSION")).to_owned(),
        cookie: Some(Bytes::from(cookie)),
        on_behalf: entry.on_behalf.clone(),
    };
    let open = Open { channel: entry.channel, session: session.to_string(), ..Open::default() };
    let words = async {
        frames::send(stream, &[(0, Message::Hello(hello)), (0, Message::Open(open))], entry.max_frame).await?;
        answers(stream, entry).await
    };
    let silent = |why: &str| {
        ErrorReply::new(0, Code::Unreachable, format!("session {session}: its supervisor does not let us in: {why}; try again"))
    };
    match tokio::time::timeout(LIMIT, words).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => Err(silent(&why.to_string())),
        Err(_) => Err(silent(&format!("no answer within {} s", LIMIT.as_secs()))),
    }
}

async fn answers(stream: &mut QuietStream, entry: &Entry) -> std::io::Result<Result<bool, ErrorReply>> {
    let mut takes = false;
    loop {
        let Some((_, message)) = frames::message(stream, entry.max_frame).await? else {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it hung up"));
        };
        match message {
            Message::Welcome(welcome) if welcome.max_frame < entry.max_frame => {
                // Frames pass through us as they are, so both sides of us must take the same.
                let why =
                    format!("its supervisor takes frames of {} bytes, and {} are needed", welcome.max_frame, entry.max_frame);
                return Ok(Err(ErrorReply::new(0, Code::Unreachable, why)));
            }
            // The client was told what frames it may send: who takes others than those cannot have it.
            Message::Welcome(welcome) => {
                takes = welcome.max_frame == entry.max_frame && welcome.features.iter().any(|name| name == HANDOVER);
            }
            Message::Opened(_) => return Ok(Ok(takes)),
            Message::Error(error) => return Ok(Err(error)),
            // Notices may come at any time; others are of a newer build.
            _ => {}
        }
    }
}

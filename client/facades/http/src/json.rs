//! The protocol's messages as JSON, one in each text message of a WebSocket: what `rialto rpc` speaks on its stdin and stdout.
//!
//! What bounds it: nothing is read from the session while the client does not read what is written to it, nothing from the
//! client while the session does not take what it asks for; and neither waits for the other.

use crate::codes::farewell;
use crate::routes::query;
use crate::sessions::{APP, observed, open};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::Uri;
use rialto_client::json::{CHANNEL, Held, costs_credit, opening};
use rialto_client::protocol::assemble::Assembler;
use rialto_client::protocol::frame::Decoder;
use rialto_client::protocol::limits::{DEFAULT_CREDIT, DEFAULT_MAX_FRAME, MAX_EVENT};
use rialto_client::protocol::message::Credit;
use rialto_client::protocol::{Code, ErrorReply, Message, codec};
use rialto_client::{Connect, Stream, Through};
use rialto_transports::http::Room;
use rialto_transports::websocket::{Broken, Farewell, MAX_TEXT, Message as Frame, Socket, frame};
use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};

/// What a client offers to speak so.
pub const SUBPROTOCOL: &str = "rialto.json.v1";
/// A silent client is asked whether it lives after this, and left after three times that.
const SILENCE: Duration = Duration::from_secs(30);
/// For a close frame to be read.
const GOODBYE: Duration = Duration::from_secs(1);
/// Complaints about what the client sent that wait for it to read. Beyond, it is read no further.
const COMPLAINTS: usize = 16;
/// Our numbers for requests without one begin here, out of the way of a client's.
const OURS: u32 = 0x8000_0000;

type Out = SplitSink<Socket, Frame>;
type In = SplitStream<Socket>;

/// Says why not, and closes.
pub(crate) async fn refuse(socket: Socket, why: ErrorReply) {
    let (mut out, _) = socket.split();
    end(&mut out, Some(Message::Error(why)), true).await;
}

/// Speaks with one client until it leaves or the session's channel is closed.
pub(crate) async fn converse(through: &Through, socket: Socket, uri: &Uri, patience: Duration) {
    let room = socket.get_ref().room();
    let (mut out, mut from) = socket.split();
    let conversation = match Conversation::begin(through, uri).await {
        Ok(conversation) => conversation,
        Err(why) => return end(&mut out, Some(Message::Error(why)), true).await,
    };
    let Conversation { read, mut write } = conversation;
    let owed = Owed::default();
    let (complain, complaints) = mpsc::channel(COMPLAINTS);
    let (last, unsaid) = tokio::select! {
        // The client has left, or broke the rules of WebSockets; or the bridge takes nothing more, and says why by the other.
        broke = ask(&mut from, &room, patience, &mut write, &owed, &complain) => (broke.map(Message::Error), true),
        last = tell(&mut out, read, &owed, complaints) => (last, false),
    };
    end(&mut out, last, unsaid).await;
    // Who is in the middle of sending would lose our last words where the end of the connection met what was not read.
    if let Ok(mut socket) = out.reunite(from) {
        socket.get_mut().pass_over(MAX_TEXT, GOODBYE).await;
    }
}

struct Conversation {
    read: ReadHalf<Stream>,
    write: WriteHalf<Stream>,
}

impl Conversation {
    async fn begin(through: &Through, uri: &Uri) -> Result<Self, ErrorReply> {
        let session = query(uri, "session").unwrap_or_default();
        let kernel = query(uri, "kernel");
        let wanted = if query(uri, "observe").is_some() { observed(&session) } else { open(&session, kernel.as_deref())? };
        let link = through.connect(wanted).await?;
        let (read, mut write) = tokio::io::split(link.stream);
        let (mut bytes, held) = opening(APP, "json", link.open, None)?;
        // The daemon that this runs in.
        bytes.extend(held.map(Held::at_once).unwrap_or_default());
        let lost = |why: std::io::Error| ErrorReply::new(0, Code::Disconnected, format!("the bridge is gone: {why}"));
        write.write_all(&bytes).await.map_err(lost)?;
        write.flush().await.map_err(lost)?;
        Ok(Self { read, write })
    }
}

/// What the one who reads has for the one who writes.
#[derive(Default)]
struct Owed {
    /// Credit for events that were passed on; nothing more once the client grants it itself. And the last ping.
    inner: Mutex<(Option<u64>, Option<[u8; 8]>)>,
    own: std::sync::atomic::AtomicBool,
    told: Notify,
}

impl Owed {
    fn with<T>(&self, work: impl FnOnce(&mut (Option<u64>, Option<[u8; 8]>)) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// From the client to the session, until the client has left; what rule of WebSockets it broke, where that was it.
async fn ask(
    from: &mut In,
    room: &Room,
    patience: Duration,
    write: &mut WriteHalf<Stream>,
    owed: &Owed,
    complain: &mpsc::Sender<ErrorReply>,
) -> Option<ErrorReply> {
    let mut next = OURS;
    let mut number = || {
        next = next.checked_add(1).unwrap_or(OURS + 1);
        next
    };
    let mut look = tokio::time::interval(patience / 4);
    loop {
        let (mut bytes, mut whole) = (Vec::new(), false);
        tokio::select! {
            // What others wait for is not held by who sends the end of its message never.
            _ = look.tick() => {
                if room.longer_than(patience) {
                    return Some(ErrorReply::new(0, Code::TooSlow, format!("a message did not come within {patience:?}; send it again")));
                }
                continue;
            }
            got = tokio::time::timeout(3 * SILENCE, from.next()) => match got {
                Ok(Some(Ok(Frame::Text(text)))) => match rialto_client::json::request(text.as_bytes(), &mut number) {
                    Ok(message) => {
                        whole = true;
                        if matches!(message, Message::Credit(_)) {
                            owed.own.store(true, std::sync::atomic::Ordering::Relaxed);
                        }
                        let channel = if matches!(message, Message::Ping(_) | Message::List(_)) { 0 } else { CHANNEL };
                        codec::encode(&mut bytes, channel, &message, DEFAULT_MAX_FRAME);
                    }
                    Err(why) => {
                        whole = true;
                        if complain.send(why).await.is_err() {
                            return None;
                        }
                    }
                },
                Ok(Some(Ok(Frame::Binary(_)))) => {
                    whole = true;
                    let why = ErrorReply::new(0, Code::BadMessage, "messages here are text; bytes belong on rialto.v1");
                    if complain.send(why).await.is_err() {
                        return None;
                    }
                }
                Ok(Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)))) => {}
                Ok(Some(Err(Broken::Io(why)))) if why.kind() == ErrorKind::QuotaExceeded => {
                    return Some(ErrorReply::new(0, Code::TooBusy, why.to_string()));
                }
                Ok(Some(Err(Broken::Capacity(why)))) => return Some(ErrorReply::new(0, Code::Oversize, why.to_string())),
                Ok(Some(Err(Broken::Protocol(why)))) => return Some(ErrorReply::new(0, Code::BadFrame, why.to_string())),
                Ok(Some(Err(Broken::Utf8(why)))) => {
                    return Some(ErrorReply::new(0, Code::BadFrame, format!("a text message that is no UTF-8: {why}")));
                }
                _ => return None,
            },
            () = owed.told.notified() => {
                let (credit, ping) = owed.with(|(credit, ping)| (credit.take(), ping.take()));
                if let Some(bytes_) = credit {
                    codec::encode(&mut bytes, CHANNEL, &Message::Credit(Credit { bytes: bytes_ }), DEFAULT_MAX_FRAME);
                }
                if let Some(eight) = ping {
                    codec::encode(&mut bytes, 0, &Message::Pong(eight), DEFAULT_MAX_FRAME);
                }
            }
        }
        let sent = async {
            write.write_all(&bytes).await?;
            write.flush().await
        };
        let sent = sent.await;
        if whole {
            room.empty();
        }
        if sent.is_err() {
            // The other half reads why.
            return std::future::pending().await;
        }
    }
}

/// From the session to the client. What it gives is the last word there was.
async fn tell(
    out: &mut Out,
    mut read: ReadHalf<Stream>,
    owed: &Owed,
    mut complaints: mpsc::Receiver<ErrorReply>,
) -> Option<Message> {
    let (mut decoder, mut assembler) = (Decoder::default(), Assembler::new(MAX_EVENT));
    let mut credit = 0;
    let mut last = None;
    let mut alive = tokio::time::interval(SILENCE);
    loop {
        let foreign = |why: &dyn std::fmt::Display| Message::Error(ErrorReply::new(0, Code::Internal, format!("{why}")));
        tokio::select! {
            read = read.read_buf(decoder.buffer()) => match read {
                Ok(n) if n > 0 => {}
                _ => return last,
            },
            Some(why) = complaints.recv() => {
                say(out, &Message::Error(why)).await?;
                out.flush().await.ok()?;
                continue;
            }
            _ = alive.tick() => {
                out.send(Frame::Ping(Vec::new().into())).await.ok()?;
                continue;
            }
        }
        loop {
            let (header, body) = match decoder.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(why) => return Some(foreign(&why)),
            };
            if costs_credit(header) {
                credit += header.frame_len() as u64;
            }
            let whole = match assembler.take(header, body) {
                Ok(Some(whole)) => whole,
                Ok(None) => continue,
                Err(why) => return Some(foreign(&why)),
            };
            let message = match codec::decode(header, &whole) {
                Ok(message) => message,
                Err(why) => return Some(foreign(&why)),
            };
            if let Message::Ping(eight) = &message {
                owed.with(|(_, ping)| *ping = Some(*eight));
                owed.told.notify_one();
                continue;
            }
            say(out, &message).await?;
            match &message {
                Message::Closed(_) if header.channel == CHANNEL => return Some(message),
                Message::Error(error) if error.re == 0 => last = Some(message),
                Message::Goaway(_) => last = Some(message),
                _ => {}
            }
        }
        out.flush().await.ok()?;
        if credit >= DEFAULT_CREDIT / 2 && !owed.own.load(std::sync::atomic::Ordering::Relaxed) {
            let more = std::mem::take(&mut credit);
            owed.with(|(owed, _)| *owed = Some(owed.unwrap_or(0) + more));
            owed.told.notify_one();
        }
    }
}

/// None: the client is gone.
async fn say(out: &mut Out, message: &Message) -> Option<()> {
    out.feed(Frame::Text(codec::to_json(message).to_string().into())).await.ok()
}

/// Closes, and says why.
async fn end(out: &mut Out, last: Option<Message>, unsaid: bool) {
    let goodbye = async {
        if let Some(message) = last.as_ref().filter(|_| unsaid) {
            say(out, message).await;
        }
        let why = last.as_ref().and_then(farewell).unwrap_or(Farewell { code: 1000, reason: String::new() });
        if out.send(Frame::Close(Some(frame(&why)))).await.is_err() {
            // The client has closed it: what answers that is made already, and has still to go out.
            let _ = out.flush().await;
        }
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

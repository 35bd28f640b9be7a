//! One client's connection: the hello, then a loop that reads headers and never waits for anything to be written, so that an
//! interrupt is read however much output the client has not taken yet.

use super::Daemon;
use super::channel::{self, Channel, Frame};
use super::handover;
use super::lanes::{Lanes, Room};
use super::quota::{self, Quotas, Share};
use crate::auth::audit::What;
use crate::auth::{self, Identity, Refused};
use crate::observe::Counters;
use crate::router::{self, frames};
use crate::tasks::{Stopping, TaskKind, Tasks};
use rialto_protocol::assemble::Assembler;
use rialto_protocol::frame::Header;
use rialto_protocol::message::{Goaway, Hello, Listing, Open, Welcome};
use rialto_protocol::{Code, ErrorReply, Message, Scope, codec, kind, limits, version};
use rialto_transports::ends::Ends;
use rialto_transports::quiet::QuietStream;
use rialto_transports::{Peer, Stream, refused};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, BufReader, ReadHalf};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Reads of small frames are gathered in this. Bytes.
const READ: usize = 8 * 1024;
/// A request of the connection's own, put together from pieces. Bytes.
const REQUEST: usize = 64 * 1024;
/// The connection's own replies that may wait for the client to read. Then it is read no further.
const REPLIES: usize = 8;
/// For the last word, and for the peer to have read it.
const LAST_WORD: Duration = Duration::from_secs(1);
/// For what a client that has left had sent, and for a supervisor that has to start first.
const CARRY: Duration = Duration::from_secs(35);
/// How long living supervisors have to say how they are.
const LIST: Duration = Duration::from_secs(1);
/// Bytes of their answers in one listing.
const STATUSES: usize = 32 * 1024;
/// When a client may come back after a planned end. Milliseconds.
const RETRY_AFTER: u64 = 1000;

type Reader = BufReader<ReadHalf<Stream>>;

/// Why a connection ends.
pub(super) enum End {
    /// The peer left, or its stream broke.
    Left,
    /// It broke the contract: it is told so.
    Broke(ErrorReply),
    /// The daemon ends.
    Shutdown,
    /// What the peer came by is good no longer.
    Expelled(Refused),
    /// Its principal has taken all that one may.
    Limited(ErrorReply),
    /// Its session's supervisor has it, and this is what says when that ends.
    HandedOver(QuietStream),
}

impl From<io::Error> for End {
    fn from(why: io::Error) -> Self {
        match why.kind() {
            io::ErrorKind::InvalidData => Self::Broke(ErrorReply::new(0, Code::Oversize, why.to_string())),
            _ => Self::Left,
        }
    }
}

fn broke(code: Code, text: impl Into<String>) -> End {
    End::Broke(ErrorReply::new(0, code, text))
}

/// Serves one connection until it ends. The seat is given back with it. Where there are `ends`, it may be handed over.
pub(super) async fn serve(
    daemon: Arc<Daemon>,
    stream: Stream,
    peer: Peer,
    ends: Option<Ends>,
    seat: Option<OwnedSemaphorePermit>,
    mut stopping: Stopping,
) {
    let _counted = Counting::begin(&daemon.counters);
    let (from, to) = tokio::io::split(stream);
    let mut reader = BufReader::with_capacity(READ, from);
    let lanes = Arc::new(Lanes::new(to));
    // Dropped at the end, and with it everything that runs for this connection.
    let mut tasks = Tasks::new();
    let who = daemon.authenticator.identify(&peer);
    let end = tokio::select! {
        // The channels' senders end with it.
        end = converse(&daemon, &mut reader, (&peer, ends), &who, &lanes, &mut tasks) => end,
        () = stopping.wait() => End::Shutdown,
        why = expelled(&daemon, &who) => End::Expelled(why),
    };
    let carries = matches!(end, End::Left | End::Broke(_) | End::Limited(_));
    let last = match end {
        End::Left => None,
        End::Broke(error) => {
            tracing::info!(%peer, %error, "closed a connection");
            Some((kind::PONG, told(&Message::Error(error))))
        }
        End::HandedOver(line) => {
            // What comes from here on must wake nobody here.
            drop((tasks, lanes, reader));
            return handover::until_gone(line, stopping).await;
        }
        End::Limited(error) => {
            daemon.note(What::Limited, who.as_ref().ok(), &peer, error.text.clone());
            Some((kind::PONG, quota::last_words(&error)))
        }
        End::Expelled(why) => {
            daemon.note(What::Closed, who.as_ref().ok(), &peer, why.to_string());
            Some((kind::PONG, told(&Message::Error(ErrorReply::new(0, Code::Unauthenticated, why.to_string())))))
        }
        End::Shutdown => {
            let goaway = Goaway { reason: "shutdown".to_owned(), retry_after_ms: Some(RETRY_AFTER) };
            Some((kind::PONG, told(&Message::Goaway(goaway))))
        }
    };
    let goodbye = async {
        if let Some((kind, bytes)) = last {
            lanes.write(kind, &bytes).await?;
        }
        lanes.shutdown().await?;
        // Closing on unread bytes would take the last word back from the peer before it is read.
        let mut rest = (&mut reader).take(4 * READ as u64);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(LAST_WORD, goodbye).await;
    if carries {
        // What the client had said before it left is carried to where it was meant for: it may have hung up because that was
        // all it had to say. The seat stays taken, so that nobody makes room for more by leaving.
        let carried = async { while tasks.next().await.is_some() {} };
        let _ = tokio::time::timeout(CARRY, carried).await;
    }
    drop(seat);
}

/// Returns once whoever was let in would not be let in any more.
async fn expelled(daemon: &Daemon, who: &Result<Identity, Refused>) -> Refused {
    match who {
        Ok(who) => refused(&*daemon.authenticator, who).await,
        // It is told when it has said hello.
        Err(_) => std::future::pending().await,
    }
}

/// A last word, which fits the smallest of frames.
fn told(message: &Message) -> Vec<u8> {
    encoded(0, message, limits::FLOOR_MAX_FRAME)
}

/// Counts a connection as open for as long as it lives.
struct Counting(Arc<Counters>);

impl Counting {
    fn begin(counters: &Arc<Counters>) -> Self {
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        counters.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One message as frames.
pub(super) fn encoded(channel: u16, message: &Message, max: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(&mut bytes, channel, message, max);
    bytes
}

async fn converse(
    daemon: &Arc<Daemon>,
    reader: &mut Reader,
    (peer, ends): (&Peer, Option<Ends>),
    who: &Result<Identity, Refused>,
    lanes: &Arc<Lanes>,
    tasks: &mut Tasks,
) -> End {
    let hello = match tokio::time::timeout(daemon.limits.handshake, hello(reader)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(end)) => return end,
        Err(_) => {
            // A slow link, or a machine that slept: nothing was shown, so nothing was wrong, and it may come again.
            let text = format!("no hello within {:?}", daemon.limits.handshake);
            return End::Broke(ErrorReply { retryable: true, ..ErrorReply::new(0, Code::Unauthenticated, text) });
        }
    };
    let (welcome, who) = match welcome(daemon, &hello, peer, who) {
        Ok(welcomed) => welcomed,
        Err(end) => return end,
    };
    let share = match Quotas::enter(&daemon.quotas, &who) {
        Ok(share) => share,
        Err(error) => return End::Limited(error),
    };
    // Who is counted, or may be sent away, is carried.
    let ends = ends.filter(|_| who == auth::ourself());
    let max_frame = welcome.max_frame;
    let (replies, waiting) = mpsc::channel(REPLIES);
    tasks.spawn(TaskKind::Replies, write_replies(waiting, Arc::clone(lanes)));
    let mut connection = Connection {
        daemon,
        lanes,
        tasks,
        who,
        peer,
        ends,
        share,
        max_frame,
        replies,
        room: Room::new(),
        channels: HashMap::new(),
        pieces: Assembler::new(REQUEST),
    };
    match connection.run(reader, welcome).await {
        Err(end) => end,
        Ok(()) => End::Left,
    }
}

/// What waits to be written of the connection's own.
pub(super) enum Reply {
    Frames(Vec<u8>),
    /// Somebody wants to know when all before this was.
    Written(oneshot::Sender<()>),
}

async fn write_replies(mut waiting: mpsc::Receiver<Reply>, lanes: Arc<Lanes>) {
    while let Some(reply) = waiting.recv().await {
        match reply {
            Reply::Frames(bytes) if lanes.write(kind::PONG, &bytes).await.is_err() => return,
            Reply::Frames(_) => {}
            Reply::Written(tell) => {
                let _ = tell.send(());
            }
        }
    }
}

async fn hello(reader: &mut Reader) -> Result<Hello, End> {
    let foreign = "this is a Rialto bridge, and the first frame was no Rialto hello";
    let header = match frames::header(reader, limits::DEFAULT_MAX_FRAME).await {
        Ok(Some(header)) => header,
        Ok(None) => return Err(End::Left),
        // The first bytes of another protocol announce absurd lengths.
        Err(why) if why.kind() == io::ErrorKind::InvalidData => return Err(broke(Code::BadFrame, foreign)),
        Err(why) => return Err(why.into()),
    };
    if header.channel != 0 || header.more() || kind::name(header.kind) != Some("hello") {
        return Err(broke(Code::BadFrame, foreign));
    }
    let body = frames::body(reader, header).await?;
    match codec::decode(header, &body) {
        Ok(Message::Hello(hello)) if hello.magic == "rialto" => Ok(hello),
        Ok(_) => Err(broke(Code::BadFrame, foreign)),
        Err(bad) => Err(broke(Code::BadMessage, bad.to_string())),
    }
}

fn welcome(daemon: &Daemon, hello: &Hello, peer: &Peer, who: &Result<Identity, Refused>) -> Result<(Welcome, Identity), End> {
    let contract = version::negotiate(hello.min, hello.max).map_err(|why| broke(Code::NoCommonContract, why.to_string()))?;
    let who = who.clone().map_err(|why| broke(Code::Unauthenticated, why.to_string()))?;
    if who.credential.is_some() {
        daemon.note(What::LetIn, Some(&who), peer, hello.app.clone());
    }
    tracing::debug!(%peer, principal = who.principal, app = hello.app, "welcome");
    let asked = if hello.max_frame == 0 { limits::DEFAULT_MAX_FRAME } else { hello.max_frame };
    let welcome = Welcome {
        contract,
        features: version::common(&hello.features, version::FEATURES),
        max_frame: asked.clamp(limits::FLOOR_MAX_FRAME, limits::DEFAULT_MAX_FRAME),
        app: concat!("rialto ", env!("CARGO_PKG_VERSION")).to_owned(),
        role: "daemon".to_owned(),
        principal: who.principal.clone(),
        scope: who.scope,
    };
    Ok((welcome, who))
}

pub(super) struct Connection<'a> {
    pub(super) daemon: &'a Arc<Daemon>,
    pub(super) lanes: &'a Arc<Lanes>,
    pub(super) tasks: &'a mut Tasks,
    who: Identity,
    peer: &'a Peer,
    /// What it goes by, until its first frame has shown that it is not to be handed over.
    ends: Option<Ends>,
    share: Share,
    pub(super) max_frame: u32,
    replies: mpsc::Sender<Reply>,
    room: Room,
    /// By number. One whose task has ended stays for a while: frames that were on their way to it are no news to the client.
    channels: HashMap<u16, mpsc::Sender<Frame>>,
    pieces: Assembler,
}

impl Connection<'_> {
    async fn run(&mut self, reader: &mut Reader, welcome: Welcome) -> Result<(), End> {
        self.say(0, &Message::Welcome(welcome)).await?;
        // A client that sends much before it has read our welcome sends frames of the default size, whatever it asked for.
        while let Some(header) = frames::header(reader, limits::DEFAULT_MAX_FRAME).await? {
            self.share.spend(header.frame_len()).map_err(End::Limited)?;
            let ends = self.ends.take();
            if header.channel == 0 {
                self.own(header, reader, ends).await?;
            } else {
                self.carry(header, reader).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn say(&self, channel: u16, message: &Message) -> Result<(), End> {
        self.replies.send(Reply::Frames(encoded(channel, message, self.max_frame))).await.map_err(|_| End::Left)
    }

    /// Returns once all that was said is written.
    pub(super) async fn all_said(&self) -> Result<(), End> {
        let (tell, told) = oneshot::channel();
        self.replies.send(Reply::Written(tell)).await.map_err(|_| End::Left)?;
        told.await.map_err(|_| End::Left)
    }

    async fn complain(&self, channel: u16, re: u32, code: Code, text: String) -> Result<(), End> {
        self.say(channel, &Message::Error(ErrorReply::new(re, code, text))).await
    }

    /// A frame for a supervisor: looked at by its header, never by its body.
    async fn carry(&mut self, header: Header, reader: &mut Reader) -> Result<(), End> {
        let channel = header.channel;
        let name = kind::name(header.kind).unwrap_or("this message");
        // Whether its sender may ask for this is the session's to say: its rules know what is shared, and by reading the body they
        // can name the request that they refuse. We have told its supervisor the most that this connection may.
        let refusal = if matches!(name, "hello" | "welcome" | "open" | "opened") {
            // What a supervisor is told about who speaks is for us alone to say.
            Some((Code::WrongState, format!("{name} belongs on channel 0, not on channel {channel}")))
        } else if !self.channels.contains_key(&channel) {
            Some((Code::WrongState, format!("{name} came on channel {channel}, which is not open; open it first")))
        } else {
            None
        };
        if let Some((code, text)) = refusal {
            skip(reader, header.len).await?;
            // One complaint for a message, in however many pieces it comes.
            return if header.more() { Ok(()) } else { self.complain(channel, 0, code, text).await };
        }
        let room = self.room.take(header.len).await?;
        let frame = Frame::read(header, reader, room).await?;
        self.daemon.counters.up.fetch_add(header.frame_len() as u64, Ordering::Relaxed);
        if let Some(to) = self.channels.get(&channel) {
            // An error: its task has ended and the client was told, or is being told.
            let _ = to.send(frame).await;
        }
        if name == "close" {
            self.channels.remove(&channel);
        }
        Ok(())
    }

    /// A frame for us.
    async fn own(&mut self, header: Header, reader: &mut Reader, ends: Option<Ends>) -> Result<(), End> {
        let _room = self.room.take(header.len).await?;
        let body = frames::body(reader, header).await?;
        let whole = match self.pieces.take(header, &body) {
            Ok(Some(whole)) => whole,
            Ok(None) => return Ok(()),
            Err(why) => return Err(broke(why.code(), why.to_string())),
        };
        let name = kind::name(header.kind).unwrap_or("this message");
        if !auth::permits(self.who.scope, header.kind) {
            let text = format!("{name} needs more than the scope {}", self.who.scope);
            self.daemon.note(What::Denied, Some(&self.who), self.peer, text.clone());
            return self.complain(0, 0, Code::Forbidden, text).await;
        }
        match codec::decode(header, &whole) {
            Ok(Message::Ping(bytes)) => self.say(0, &Message::Pong(bytes)).await,
            Ok(Message::Pong(_) | Message::Goaway(_) | Message::Unknown { ignorable: true, .. }) => Ok(()),
            Ok(Message::Open(open)) => self.open(open, ends.map(|ends| (ends, reader.buffer()))).await,
            Ok(Message::List(plain)) => self.list(plain.re).await,
            Ok(Message::Unknown { kind, .. }) => {
                let text = format!("this bridge does not know messages of kind {kind:#04x}");
                self.complain(0, 0, Code::UnknownMessage, text).await
            }
            Ok(_) => {
                let text = format!("{name} means nothing on channel 0; it belongs on the channel of a session");
                self.complain(0, 0, Code::WrongState, text).await
            }
            Err(bad) => self.complain(0, 0, Code::BadMessage, bad.to_string()).await,
        }
    }

    async fn open(&mut self, mut open: Open, ends: Option<(Ends, &[u8])>) -> Result<(), End> {
        let (re, channel) = (open.re, open.channel);
        if let Some(session) = self.who.session.clone().filter(|_| open.session.is_empty() && !wants_its_own(&open)) {
            open.session = session;
        }
        let may_create = auth::may_create(&self.who) && open.scope.is_none_or(|scope| scope >= Scope::Eval);
        if !may_create && !open.session.is_empty() {
            // "Make it where it is not there": what is there can be opened all the same.
            open.create = open.create.filter(|create| create.must_be_new);
        }
        if self.channels.len() >= limits::MAX_CHANNELS {
            self.channels.retain(|_, to| !to.is_closed());
        }
        let refusal = if channel == 0 || self.channels.get(&channel).is_some_and(|to| !to.is_closed()) {
            Some((Code::WrongState, format!("channel {channel} is taken; open another")))
        } else if self.channels.len() >= limits::MAX_CHANNELS {
            Some((Code::TooBusy, format!("a connection has at most {} channels; close one", limits::MAX_CHANNELS)))
        } else if open.create.is_some() && !may_create {
            let text = format!("{} may not make a session here; `rialto` without --at makes one of your own", self.who.principal);
            Some((Code::Forbidden, text))
        } else {
            None
        };
        if let Some((code, text)) = refusal {
            if code == Code::Forbidden {
                self.daemon.note(What::Denied, Some(&self.who), self.peer, text.clone());
            }
            return self.complain(0, re, code, text).await;
        }
        let (to, from) = mpsc::channel(channel::QUEUE);
        self.channels.insert(channel, to);
        let channel = Channel {
            daemon: Arc::clone(self.daemon),
            lanes: Arc::clone(self.lanes),
            who: self.who.clone(),
            max_frame: self.max_frame,
            number: channel,
        };
        if let Some(ends) = ends.filter(|_| open.sole) {
            return self.hand_over(channel, open, from, ends).await;
        }
        self.tasks.spawn(TaskKind::Channel, channel.run(open, from));
        Ok(())
    }

    async fn list(&mut self, re: u32) -> Result<(), End> {
        // Two at once would take twice the memory of one.
        let Ok(seat) = Arc::clone(&self.lanes.listing).try_acquire_owned() else {
            return self.complain(0, re, Code::TooBusy, "a listing is being made already; wait for that one".to_owned()).await;
        };
        let (daemon, lanes, max) = (Arc::clone(self.daemon), Arc::clone(self.lanes), self.max_frame);
        let who = self.who.clone();
        self.tasks.spawn(TaskKind::Listing, async move {
            let answer = match router::list(&daemon.home, &who, LIST, STATUSES).await {
                Ok(listing) => Message::Listing(Listing { re, ..listing }),
                Err(error) => Message::Error(ErrorReply { re, ..error }),
            };
            let bytes = encoded(0, &answer, max);
            let _ = lanes.write(answer.kind(), &bytes).await;
            drop(seat);
        });
        Ok(())
    }
}

/// Whether it asks for a session without a name that nobody else will find.
fn wants_its_own(open: &Open) -> bool {
    open.create.as_ref().is_some_and(|create| create.must_be_new || create.ends_when_done)
}

/// Reads past a body that is not wanted.
async fn skip(reader: &mut Reader, len: u32) -> io::Result<()> {
    let skipped = tokio::io::copy(&mut reader.take(u64::from(len)), &mut tokio::io::sink()).await?;
    if skipped == u64::from(len) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

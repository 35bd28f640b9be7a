//! One connection to a supervisor: the hello, its channels, what was read and what is on its way out.
//!
//! Nothing here knows the session; requests leave as [`Heard`], and whoever is not authenticated hears nothing but why.

use super::outbox::Outbox;
use crate::auth;
use rialto_protocol::assemble::Assembler;
use rialto_protocol::frame::Decoder;
use rialto_protocol::ids::SessionId;
use rialto_protocol::message::{Close, Greet, Handover, Hello, Opened, Welcome};
use rialto_protocol::{Code, ErrorReply, Message, Scope, codec, limits, version};
use rialto_session::share::not_there;
use rialto_session::{Access, ConnId};
use rialto_transports::ends::Line;
use rialto_transports::quiet::QuietStream;
use std::collections::BTreeMap;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWrite};

/// One read. Bytes.
const READ: usize = 16 * 1024;

/// Messages heard of one connection in one turn.
const HEAR: usize = 64;

/// What a supervisor must know to let somebody in.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) session: SessionId,
    pub(super) name: Option<rialto_protocol::SessionName>,
    pub(super) cookie: Vec<u8>,
    pub(super) uid: u32,
    /// Who may come in; as the rules last said.
    pub(super) access: Access,
}

/// What came in over a connection.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a message is the frequent case; boxing it would cost each eval an allocation")]
pub(super) enum Heard {
    /// A channel greets: it becomes a client of the session.
    Greet { channel: u16, conn: ConnId, greet: Greet, scope: Scope },
    /// A client's message.
    Message { conn: ConnId, message: Message },
    /// A client's channel is closed.
    Closed { conn: ConnId },
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: Line,
    decoder: Decoder,
    assembler: Assembler,
    pub(super) outbox: Outbox,
    pub(super) max_frame: u32,
    /// Who it is, once the hello has shown it.
    pub(super) who: Option<(String, Scope)>,
    /// Channels that are open; those that greeted have a number. And the most that each was opened for.
    channels: BTreeMap<u16, (Option<ConnId>, Scope)>,
    /// It is to be closed once what is on its way out is written.
    pub(super) closing: bool,
    /// When it is dropped, whether or not it has taken what it was told last. Microseconds.
    pub(super) leave_by_us: Option<u64>,
    /// There is more to hear of what was read.
    more: bool,
    /// It takes nothing more. What it had said before it left is heard all the same: it may have been all it had to say.
    deaf: bool,
    pub(super) since_us: u64,
}

impl Connection {
    pub(super) fn new(stream: QuietStream, since_us: u64) -> Self {
        Self {
            stream: Line::new(stream),
            decoder: Decoder::new(limits::DEFAULT_MAX_FRAME),
            assembler: Assembler::new(limits::MAX_REQUEST),
            outbox: Outbox::default(),
            max_frame: limits::DEFAULT_MAX_FRAME,
            who: None,
            channels: BTreeMap::new(),
            closing: false,
            leave_by_us: None,
            more: false,
            deaf: false,
            since_us,
        }
    }

    /// The session's numbers of the channels on this connection.
    pub(super) fn members(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.channels.values().filter_map(|(conn, _)| *conn)
    }

    /// Reads once. `Ready(Ok(0))` is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.outbox.clogged() || self.closing {
            // Writing wakes us, and then it is looked at again.
            return Poll::Pending;
        }
        if std::mem::take(&mut self.more) {
            return Poll::Ready(Ok(1));
        }
        let buffer = self.decoder.buffer();
        buffer.reserve(READ);
        // Reading is stateless, so a future made anew for each poll loses nothing; and unlike a bare `try_read` it spares the
        // second call that would only learn that there is no more.
        let read = pin!(self.stream.read_buf(buffer));
        read.poll(cx)
    }

    /// Its lane of events, which is to be filled up to `share`, is short enough for that.
    pub(super) fn has_room(&self, share: usize) -> bool {
        !self.deaf && self.outbox.bulk_waiting() < share / 2
    }

    /// Writes as much as goes. Ready where nothing is left.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.outbox.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, self.outbox.next()) {
                Poll::Ready(Ok(n)) if n > 0 => self.outbox.wrote(n),
                Poll::Ready(_) => {
                    self.deaf = true;
                    self.outbox = Outbox::default();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// Bytes of requests that are not complete yet.
    pub(super) const fn assembling(&self) -> usize {
        self.assembler.held()
    }

    /// What can be understood of what was read, as much as fits into one turn: each request may be answered by much more than
    /// it is long, and a status, which names everybody, by very much more.
    pub(super) fn hear(&mut self, door: &Door, next: &mut ConnId, heard: &mut Vec<Heard>) {
        let long = |heard: &Heard| matches!(heard, Heard::Message { message: Message::GetStatus(_), .. });
        while !self.closing {
            if heard.len() >= HEAR || heard.last().is_some_and(long) || self.outbox.clogged() {
                self.more = true;
                return;
            }
            let (header, message) = match self.decoder.next() {
                Ok(None) => return,
                Err(e) => return self.hang_up(Code::Oversize, &e),
                Ok(Some((header, body))) => match self.assembler.take(header, body) {
                    Ok(None) => continue,
                    Ok(Some(body)) => (header, codec::decode(header, &body)),
                    Err(e) => {
                        let code = e.code();
                        return self.hang_up(code, &e);
                    }
                },
            };
            match message {
                Ok(message) => self.sort(header.channel, message, door, next, heard),
                Err(bad) => self.error(header.channel, ErrorReply::new(0, Code::BadMessage, bad.to_string())),
            }
        }
    }

    fn sort(&mut self, channel: u16, message: Message, door: &Door, next: &mut ConnId, heard: &mut Vec<Heard>) {
        if self.who.is_none() {
            return match message {
                Message::Hello(hello) if channel == 0 => self.hello(&hello, door),
                _ => self.hang_up(Code::Unauthenticated, &"the first frame of a connection is hello, on channel 0"),
            };
        }
        match (channel, message) {
            (0, Message::Ping(bytes)) => self.say(0, &Message::Pong(bytes)),
            (0, Message::Pong(_)) => {}
            (0, Message::Open(open)) => self.open(&open, door),
            (0, Message::Handover(handover)) => self.take_over(&handover),
            (0, Message::Unknown { ignorable: true, .. }) => {}
            (0, Message::Unknown { kind, .. }) => {
                let text = format!("this bridge does not know messages of kind {kind:#04x}");
                self.error(0, ErrorReply::new(0, Code::UnknownMessage, text));
            }
            (0, other) => self.wrong(0, &other, "means nothing on channel 0 of a supervisor"),
            (_, Message::Close(_)) => {
                self.assembler.forget(channel);
                if let Some((Some(conn), _)) = self.channels.remove(&channel) {
                    heard.push(Heard::Closed { conn });
                }
                self.say(channel, &Message::Closed(Default::default()));
            }
            (_, message) => match (self.channels.get(&channel), message) {
                (None, other) => self.wrong(channel, &other, "came on a channel that is not open"),
                (Some((None, scope)), Message::Greet(greet)) => match version::negotiate(greet.min, greet.max) {
                    Ok(_) => {
                        let (conn, scope) = (*next, *scope);
                        *next += 1;
                        self.channels.insert(channel, (Some(conn), scope));
                        heard.push(Heard::Greet { channel, conn, greet, scope });
                    }
                    Err(e) => self.error(channel, ErrorReply::new(0, Code::NoCommonContract, e.to_string())),
                },
                (Some((None, _)), other) => self.wrong(channel, &other, "came before greet, the first message of a channel"),
                (Some((Some(conn), _)), message) => heard.push(Heard::Message { conn: *conn, message }),
            },
        }
    }

    fn hello(&mut self, hello: &Hello, door: &Door) {
        if hello.magic != "rialto" {
            return self.hang_up(Code::BadFrame, &"this is a Rialto supervisor, and that was no Rialto hello");
        }
        let contract = match version::negotiate(hello.min, hello.max) {
            Ok(contract) => contract,
            Err(e) => return self.hang_up(Code::NoCommonContract, &e),
        };
        let same = self.stream.uid() == door.uid;
        let shown = hello.cookie.as_ref().is_some_and(|c| auth::equal(&c.0, &door.cookie));
        if !same || !shown {
            let why = "a supervisor lets in only its own user, with the cookie of its session; use `rialto`, which reads it";
            return self.hang_up(Code::Unauthenticated, &why);
        }
        let (principal, scope) = match &hello.on_behalf {
            Some(b) => (b.principal.chars().take(limits::MAX_LABEL).collect(), b.scope),
            None => (format!("uid:{}", door.uid), Scope::Admin),
        };
        let asked = if hello.max_frame == 0 { limits::DEFAULT_MAX_FRAME } else { hello.max_frame };
        // Larger frames would only make larger buffers; both directions use the same ceiling.
        self.max_frame = asked.clamp(limits::FLOOR_MAX_FRAME, limits::DEFAULT_MAX_FRAME);
        self.who = Some((principal.clone(), scope));
        let features = version::common(&hello.features, &[version::SETUP, version::HANDOVER]);
        if features.iter().any(|name| name == version::HANDOVER) {
            self.stream.expect_descriptors();
        }
        let welcome = Welcome {
            contract,
            features,
            max_frame: self.max_frame,
            app: super::APP.to_owned(),
            role: "supervisor".to_owned(),
            principal,
            scope,
        };
        self.say(0, &Message::Welcome(welcome));
    }

    fn open(&mut self, open: &rialto_protocol::message::Open, door: &Door) {
        let ours = open.session == door.session.as_str() || door.name.as_ref().is_some_and(|n| n.as_str() == open.session);
        let (principal, most) = self.who.clone().unwrap_or_default();
        let may = door.access.on_channel(&principal, most.min(open.scope.unwrap_or(most)));
        let refusal = if may.is_none() {
            let ErrorReply { text, .. } = not_there();
            Some((Code::UnknownSession, text))
        } else if !ours && self.stream.is_given() {
            let text =
                "this connection is its first session's alone, as its `open` asked (`sole`); open another on another connection";
            Some((Code::WrongState, text.to_owned()))
        } else if !ours {
            Some((
                Code::SessionGone,
                format!("session {:?} is not here; this supervisor keeps {}", short(&open.session), door.session),
            ))
        } else if open.channel == 0 || self.channels.contains_key(&open.channel) {
            Some((Code::WrongState, format!("channel {} is taken; open another", open.channel)))
        } else if self.channels.len() >= limits::MAX_CHANNELS {
            Some((Code::TooBusy, format!("a connection has at most {} channels", limits::MAX_CHANNELS)))
        } else {
            None
        };
        if let Some((code, text)) = refusal {
            return self.error(0, ErrorReply::new(open.re, code, text));
        }
        // What the session allows may change; what was asked for may not.
        self.channels.insert(open.channel, (None, most.min(open.scope.unwrap_or(most))));
        let (session, name) = (door.session.clone(), door.name.clone());
        self.say(0, &Message::Opened(Opened { re: open.re, channel: open.channel, session, name, created: false }));
    }

    /// Goes on by the client's own descriptors, which a router gives us with what it had read from them.
    fn take_over(&mut self, handover: &Handover) {
        let mut yes = Vec::new();
        codec::encode(&mut yes, 0, &Message::Handover(Handover::default()), self.max_frame);
        // What we have said, or were told, and is still on its way would go by the wrong one.
        let between = self.outbox.is_empty() && self.decoder.pending() == 0 && self.assembler.held() == 0;
        let taken = if between { self.stream.go_on(&yes) } else { Err(io::ErrorKind::ResourceBusy.into()) };
        match taken {
            Ok(()) => self.decoder.push(&handover.read.0),
            Err(why) => {
                let text = format!("no descriptors came that could be taken over here: {why}");
                self.error(0, ErrorReply::new(0, Code::WrongState, text));
            }
        }
    }

    /// The session has as many clients as it takes. What was pipelined behind the greeting finds nobody.
    pub(super) fn no_seat(&mut self, channel: u16) {
        let text = format!("{} clients are attached, the most a session has; try again when one has left", limits::MAX_CLIENTS);
        self.turn_away(channel, ErrorReply::new(0, Code::TooBusy, text));
    }

    /// Closes one channel and says why.
    pub(super) fn turn_away(&mut self, channel: u16, why: ErrorReply) {
        self.channels.remove(&channel);
        self.assembler.forget(channel);
        let reason = why.text.clone();
        self.error(channel, why);
        self.say(channel, &Message::Closed(Close { reason }));
    }

    /// Says something to one of its channels, by the session's number of it.
    pub(super) fn say_to(&mut self, conn: ConnId, message: &Message) {
        let channel = self.channels.iter().find(|(_, (c, _))| *c == Some(conn)).map(|(channel, _)| *channel);
        if let Some(channel) = channel {
            self.say(channel, message);
        }
    }

    pub(super) fn say(&mut self, channel: u16, message: &Message) {
        if !self.deaf {
            self.outbox.say(channel, message, self.max_frame);
        }
    }

    pub(super) fn error(&mut self, channel: u16, error: ErrorReply) {
        self.say(channel, &Message::Error(error));
    }

    fn wrong(&mut self, channel: u16, message: &Message, why: &str) {
        let name = rialto_protocol::kind::name(message.kind()).unwrap_or("a message of an unknown kind");
        self.error(channel, ErrorReply::new(0, Code::WrongState, format!("{name} {why}")));
    }

    /// Says why and closes. Only this connection pays for what it sent.
    pub(super) fn hang_up(&mut self, code: Code, why: &dyn std::fmt::Display) {
        self.error(0, ErrorReply::new(0, code, why.to_string()));
        self.closing = true;
    }

    /// It has shown nothing in time. A slow link, or a machine that slept: nothing was wrong, so it may come again.
    pub(super) fn too_late(&mut self) {
        let late = ErrorReply::new(0, Code::Unauthenticated, "no hello came in ten seconds");
        self.error(0, ErrorReply { retryable: true, ..late });
        self.closing = true;
    }

    /// Gives back memory that an idle connection does not need.
    pub(super) fn rest(&mut self) {
        self.outbox.rest();
        self.decoder.rest();
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

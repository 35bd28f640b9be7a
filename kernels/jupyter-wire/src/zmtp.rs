//! ZeroMQ's protocol, ZMTP 3.0 with no security mechanism, as one end of one connection speaks it.
//!
//! First both send a greeting of 64 bytes, then both a command that says what kind of socket they are, then messages of one or
//! more frames. A frame is a byte of flags, a length and its bytes.

/// The longest message that is kept, all frames together; of a longer one only its beginning is told. Bytes.
pub const MAX_MESSAGE: usize = 96 * 1024 * 1024;
/// The most frames of one message.
pub const MAX_FRAMES: usize = 1_024;
/// The longest command.
const MAX_COMMAND: u64 = 4 * 1024;
const GREETING: usize = 64;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// What we open a connection with: our greeting and which kind of socket we are. All of it may be sent at once; messages only once
/// the other end has said what it is ([`Received::Ready`]): before that some take them for a part of the greeting.
///
/// `identity` is what a ROUTER at the other end knows us by; at most 255 bytes.
#[must_use]
pub fn hello(kind: &str, identity: &[u8]) -> Vec<u8> {
    let mut out = vec![0; GREETING];
    // A signature, version 3.0, the mechanism's name. (We are no server, which matters to other mechanisms.)
    for (at, bytes) in [(0, [0xFF].as_slice()), (9, &[0x7F, 3, 0]), (12, b"NULL")] {
        out.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
    }
    let mut ready = vec![5];
    ready.extend_from_slice(b"READY");
    for (name, value) in [(b"Socket-Type".as_slice(), kind.as_bytes()), (b"Identity", identity)] {
        ready.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        ready.extend_from_slice(name);
        ready.extend_from_slice(&u32::try_from(value.len()).unwrap_or(0).to_be_bytes());
        ready.extend_from_slice(value);
    }
    frame(&mut out, COMMAND, &ready);
    out
}

/// Asks a publisher for all it says.
pub fn subscribe(out: &mut Vec<u8>) {
    frame(out, 0, &[1]);
}

/// Writes a message.
pub fn put(out: &mut Vec<u8>, frames: &[&[u8]]) {
    for (at, data) in frames.iter().enumerate() {
        frame(out, if at + 1 < frames.len() { MORE } else { 0 }, data);
    }
}

fn frame(out: &mut Vec<u8>, flags: u8, data: &[u8]) {
    match u8::try_from(data.len()) {
        Ok(short) => out.extend_from_slice(&[flags, short]),
        Err(_) => {
            out.push(flags | LONG);
            out.extend_from_slice(&(data.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(data);
}

/// What was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The other end is a socket of this kind. First, and once.
    Ready(String),
    /// A message.
    Message(Vec<Vec<u8>>),
    /// A message that was longer than [`MAX_MESSAGE`]: the frames before that, and how long it was.
    TooLong(Vec<Vec<u8>>, u64),
    /// The other end wants to hear that we live: [`pong`] with this is sent back.
    Ping(Vec<u8>),
}

/// The answer to a ping.
pub fn pong(out: &mut Vec<u8>, context: &[u8]) {
    let mut command = vec![4];
    command.extend_from_slice(b"PONG");
    command.extend_from_slice(context);
    frame(out, COMMAND, &command);
}

/// Bytes that no ZeroMQ of version 3 sends, or none that speaks without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotZmtp(&'static str);

#[derive(Debug)]
enum State {
    Greeting,
    /// A frame's flags and length.
    Head,
    Body {
        flags: u8,
        left: u64,
    },
    Broken(NotZmtp),
}

/// Reads what the other end sends.
#[derive(Debug)]
pub struct Reader {
    state: State,
    /// The greeting or the head of a frame, as far as it has come.
    head: Vec<u8>,
    /// The frame that is being read. It grows with what has come and not by what is announced.
    body: Vec<u8>,
    /// The frames before it.
    frames: Vec<Vec<u8>>,
    /// Bytes of the message so far.
    size: u64,
    too_long: bool,
    most: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(MAX_MESSAGE)
    }
}

impl Reader {
    /// Of a connection that begins. Messages up to so many bytes are kept.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let (head, body, frames) = (Vec::new(), Vec::new(), Vec::new());
        Self { state: State::Greeting, head, body, frames, size: 0, too_long: false, most }
    }

    /// Takes bytes from the front of `data`, up to the end of what it gives back. Called again with the rest, until that is empty.
    ///
    /// # Errors
    /// Where the other end speaks something else. It stays so.
    pub fn read(&mut self, data: &mut &[u8]) -> Result<Option<Received>, NotZmtp> {
        while !data.is_empty() {
            match self.step(data) {
                Ok(None) => {}
                Ok(received) => return Ok(received),
                Err(why) => {
                    self.state = State::Broken(why);
                    return Err(why);
                }
            }
        }
        Ok(None)
    }

    fn step(&mut self, data: &mut &[u8]) -> Result<Option<Received>, NotZmtp> {
        match self.state {
            State::Broken(why) => Err(why),
            State::Greeting => {
                if !self.fill_head(data, GREETING) {
                    return Ok(None);
                }
                let greeting = std::mem::take(&mut self.head);
                let is = |at: usize, what: &[u8]| greeting.get(at..at + what.len()) == Some(what);
                if !is(0, &[0xFF]) || !is(9, &[0x7F]) || greeting.get(10).is_none_or(|version| *version < 3) {
                    return Err(NotZmtp("it does not speak ZMTP 3"));
                }
                if !is(12, b"NULL\0") {
                    return Err(NotZmtp("it wants encryption"));
                }
                self.state = State::Head;
                Ok(None)
            }
            State::Head => {
                let length = self.head.first().or(data.first()).map_or(1, |flags| if flags & LONG != 0 { 8 } else { 1 });
                if !self.fill_head(data, 1 + length) {
                    return Ok(None);
                }
                let flags = self.head.first().copied().unwrap_or_default();
                let left = self.head.iter().skip(1).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                self.head.clear();
                if flags & !(MORE | LONG | COMMAND) != 0 {
                    return Err(NotZmtp("a frame has flags that there are not"));
                }
                if flags & COMMAND != 0 && left > MAX_COMMAND {
                    return Err(NotZmtp("a command is too long"));
                }
                self.state = State::Body { flags, left };
                if left == 0 { self.end_frame(flags) } else { Ok(None) }
            }
            State::Body { flags, left } => {
                let now = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                let (piece, rest) = data.split_at(now);
                *data = rest;
                if flags & COMMAND == 0 {
                    self.size = self.size.saturating_add(now as u64);
                    self.too_long |= self.size > self.most as u64;
                }
                if self.too_long {
                    // Nothing of this frame is of use to anybody.
                    self.body = Vec::new();
                } else {
                    self.body.extend_from_slice(piece);
                }
                let left = left.saturating_sub(now as u64);
                self.state = State::Body { flags, left };
                if left == 0 { self.end_frame(flags) } else { Ok(None) }
            }
        }
    }

    /// True once so many bytes are there.
    fn fill_head(&mut self, data: &mut &[u8], wanted: usize) -> bool {
        let now = wanted.saturating_sub(self.head.len()).min(data.len());
        let (piece, rest) = data.split_at(now);
        *data = rest;
        self.head.extend_from_slice(piece);
        self.head.len() >= wanted
    }

    fn end_frame(&mut self, flags: u8) -> Result<Option<Received>, NotZmtp> {
        self.state = State::Head;
        let body = std::mem::take(&mut self.body);
        if flags & COMMAND != 0 {
            return command(&body);
        }
        if !self.too_long {
            if self.frames.len() >= MAX_FRAMES {
                return Err(NotZmtp("a message has too many frames"));
            }
            self.frames.push(body);
        }
        if flags & MORE != 0 {
            return Ok(None);
        }
        let (frames, size) = (std::mem::take(&mut self.frames), std::mem::take(&mut self.size));
        Ok(Some(if std::mem::take(&mut self.too_long) { Received::TooLong(frames, size) } else { Received::Message(frames) }))
    }
}

/// A command: the length of its name, its name, the rest. One that is not known is left alone.
fn command(body: &[u8]) -> Result<Option<Received>, NotZmtp> {
    let length = usize::from(body.first().copied().unwrap_or_default());
    let name = body.get(1..=length).unwrap_or_default();
    let mut rest = body.get(1 + length..).unwrap_or_default();
    match name {
        b"READY" => {
            let mut kind = String::new();
            while let Some((property, value, more)) = property(rest) {
                if property.eq_ignore_ascii_case(b"Socket-Type") {
                    kind = String::from_utf8_lossy(value).into_owned();
                }
                rest = more;
            }
            Ok(Some(Received::Ready(kind)))
        }
        b"PING" => Ok(Some(Received::Ping(rest.get(2..).unwrap_or_default().to_vec()))),
        b"ERROR" => Err(NotZmtp("it refused the connection")),
        _ => Ok(None),
    }
}

fn property(from: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = from.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((name, value, rest))
}

//! The frames between this process and a runner: `u32` length of what follows, `u8` type, fields. Little endian; a text or a
//! byte string is a `u32` length and its bytes, except that the last field of a frame may take all that is left.
//!
//! The two ends are always of one build (the runner's source is in this binary), so the format may change at will. But user
//! code shares the runner's process and may write anything, so every length is checked.

use rialto_protocol::EvalNumber;
use rialto_protocol::data::{Bundle, Bytes, Failure, Run, Show, Stream};
use rialto_protocol::kernel::{
    Answer, Ask, Completeness, Completion, Completions, DisplayRole, Done, DoneHow, Exec, KernelEvent, KernelInfo, OUTPUT_CHUNK,
    Query, Step,
};

/// The longest frame a runner may send. The largest are tracebacks and documentation, which the runner cuts.
pub(super) const MAX_FRAME: usize = 1024 * 1024;
/// Length and type.
pub(super) const HEADER: usize = 5;
/// The type of a slot, and what stands before its code: header, number, whether its value is shown, the code's length.
const SLOT_KIND: u8 = 8;
const SLOT_HEAD: usize = HEADER + 8 + 1 + 2;

/// What a runner says.
#[derive(Debug)]
pub(super) enum Frame {
    /// An event that needs nothing more.
    Event(KernelEvent),
    /// Read what the pipes hold before going on: the runner is about to say something that comes after it.
    Sync,
    /// The same, and say when it is done.
    SyncAndSay,
}

/// A frame that no runner sends: user code has written to the channel, or closed it in the middle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut Vec<u8>, kind: u8) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0, 0, 0, 0, kind]);
        Self { out, start }
    }
    fn u8(self, v: u8) -> Self {
        self.out.push(v);
        self
    }
    fn u16(self, v: u16) -> Self {
        self.out.extend_from_slice(&v.to_le_bytes());
        self
    }
    fn u32(self, v: u32) -> Self {
        self.out.extend_from_slice(&v.to_le_bytes());
        self
    }
    fn u64(self, v: u64) -> Self {
        self.out.extend_from_slice(&v.to_le_bytes());
        self
    }
    fn bytes(self, v: &[u8]) -> Self {
        let mut this = self.u32(u32::try_from(v.len()).unwrap_or(u32::MAX));
        this.out.extend_from_slice(v);
        this = this.end();
        this
    }
    /// All that is left of the frame.
    fn rest(self, v: &[u8]) {
        self.out.extend_from_slice(v);
        self.end();
    }
    /// Writes the length, as far as the frame has come.
    fn end(self) -> Self {
        let length = u32::try_from(self.out.len() - self.start - 4).unwrap_or(u32::MAX);
        if let Some(place) = self.out.get_mut(self.start..self.start + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self
    }
}

/// The first frame: where compiled source is kept, the runner's own source, and the environment variables to put back.
pub(super) fn put_setup(out: &mut Vec<u8>, cache: &str, source: &str, later: &str, environment: &[(&str, String)]) {
    // The bootstrap is a few lines that know only "length, text": the rest is read by what it has read.
    for text in [cache, source] {
        out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    let mut w = Writer::new(out, 0).u16(u16::try_from(environment.len()).unwrap_or(u16::MAX));
    for (name, value) in environment {
        w = w.bytes(name.as_bytes()).bytes(value.as_bytes());
    }
    w.rest(later.as_bytes());
}

/// The first frame to a program that is a kernel by itself: the cookie, and how values are shown and questions answered.
pub(super) fn put_greeting(out: &mut Vec<u8>, cookie: &str, parts: &str) {
    Writer::new(out, 0).bytes(cookie.as_bytes()).rest(parts.as_bytes());
}

/// An eval as a command. `looks`: after it the runner looks for slots.
pub(super) fn put_exec(out: &mut Vec<u8>, exec: &Exec, looks: bool) {
    let traced = u8::from(exec.trace.is_some()) << 1;
    let mut w = Writer::new(out, 1).u64(exec.n).u8(u8::from(exec.show == Show::Value) | traced | u8::from(looks) << 2);
    // A command line of 65,534 words is longer than any system takes.
    let words = exec.argv.as_ref().map(|argv| argv.get(..argv.len().min(usize::from(u16::MAX) - 1)).unwrap_or_default());
    w = w.u16(words.map_or(u16::MAX, |words| u16::try_from(words.len()).unwrap_or(0)));
    if let Some(trace) = &exec.trace {
        w = w.bytes(trace.as_bytes());
    }
    for word in words.unwrap_or_default() {
        w = w.bytes(word.as_bytes());
    }
    w.rest(exec.code.as_bytes());
}

/// An eval as a slot of that size, or nothing where it does not fit: its code and no more.
pub(super) fn put_slot(out: &mut Vec<u8>, exec: &Exec, size: usize) -> bool {
    let (start, code) = (out.len(), exec.code.as_bytes());
    let Ok(len) = u16::try_from(code.len()) else { return false };
    if SLOT_HEAD + code.len() > size || exec.argv.is_some() || exec.trace.is_some() {
        return false;
    }
    let w = Writer::new(out, SLOT_KIND).u64(exec.n).u8(u8::from(exec.show == Show::Value)).u16(len);
    w.out.extend_from_slice(code);
    w.out.resize(start + size, 0);
    w.end();
    true
}

/// Which eval lies in a slot.
pub(super) fn slot_eval(slot: &[u8]) -> Option<EvalNumber> {
    let mut reader = Reader(slot.get(4..)?);
    (reader.u8().ok()? == SLOT_KIND).then(|| reader.u64().ok()).flatten()
}

pub(super) fn put_fence(out: &mut Vec<u8>, k: u32) {
    Writer::new(out, 2).u32(k).end();
}

pub(super) fn put_input(out: &mut Vec<u8>, ask: u64, data: &[u8], eof: bool) {
    Writer::new(out, 3).u64(ask).u8(u8::from(eof)).rest(data);
}

pub(super) fn put_query(out: &mut Vec<u8>, id: u64, query: &Query) {
    let w = Writer::new(out, 4).u64(id);
    match query {
        Query::Complete { code, cursor } => w.u8(1).u32(u32::try_from(*cursor).unwrap_or(u32::MAX)).u8(0).rest(code.as_bytes()),
        Query::Inspect { code, cursor, detail } => {
            w.u8(2).u32(u32::try_from(*cursor).unwrap_or(u32::MAX)).u8(*detail).rest(code.as_bytes());
        }
        Query::IsComplete { code } => w.u8(3).u32(0).u8(0).rest(code.as_bytes()),
    }
}

pub(super) fn put_shutdown(out: &mut Vec<u8>) {
    Writer::new(out, 5).end();
}

pub(super) fn put_interrupt(out: &mut Vec<u8>, step: Step) {
    Writer::new(out, 6).u8(u8::from(step > Step::Interrupt)).end();
}

/// What the pipes held has been read.
pub(super) fn put_caught_up(out: &mut Vec<u8>) {
    Writer::new(out, 7).end();
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = tail;
        Ok(*head)
    }
    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[b]| b)
    }
    fn flag(&mut self) -> Result<bool, Malformed> {
        self.u8().map(|b| b != 0)
    }
    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }
    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()? as usize;
        self.take(length)
    }
    fn text(&mut self) -> Result<String, Malformed> {
        self.bytes().map(|b| String::from_utf8_lossy(b).into_owned())
    }
    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
    fn bundle(&mut self) -> Result<Bundle, Malformed> {
        let mut bundle = Bundle::new();
        for _ in 0..self.u16()? {
            let mime = self.text()?;
            bundle.insert(mime, Bytes(self.bytes()?.to_vec()));
        }
        Ok(bundle)
    }
    fn role(&mut self) -> Result<DisplayRole, Malformed> {
        Ok(if self.flag()? { DisplayRole::Result } else { DisplayRole::Display })
    }
    fn failure(&mut self) -> Result<Failure, Malformed> {
        Ok(Failure { name: self.text()?, value: self.text()?, traceback: self.text()? })
    }
}

/// How long the frame is that begins here, header included; `None` where its length has not come yet.
pub(super) fn frame_length(data: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(head) = data.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if (1..=MAX_FRAME).contains(&length) { Ok(Some(length + 4)) } else { Err(Malformed) }
}

/// Reads one whole frame.
pub(super) fn read_frame(frame: &[u8]) -> Result<Frame, Malformed> {
    let mut r = Reader(frame.get(4..).unwrap_or_default());
    let event = match r.u8()? {
        1 => KernelEvent::Ready(KernelInfo {
            language: r.text()?,
            version: r.text()?,
            executable: r.text()?,
            ..KernelInfo::default()
        }),
        2 => {
            let (n, background) = (r.u64()?, r.flag()?);
            let mut runs = Vec::new();
            let mut total = 0;
            while !r.0.is_empty() {
                let stream = match r.u8()? {
                    1 => Stream::Stdout,
                    2 => Stream::Stderr,
                    _ => return Err(Malformed),
                };
                let data = r.bytes()?;
                total += data.len();
                runs.push(Run { stream, data: Bytes(data.to_vec()) });
            }
            if total > OUTPUT_CHUNK {
                return Err(Malformed);
            }
            KernelEvent::Output { n, background, runs }
        }
        3 => KernelEvent::Display { n: r.u64()?, role: r.role()?, data: r.bundle()? },
        4 => {
            let (n, role) = (r.u64()?, r.role()?);
            let mut forms = Vec::new();
            for _ in 0..r.u16()? {
                let mime = r.text()?;
                forms.push((mime, r.u64()?));
            }
            KernelEvent::DisplayStart { n, role, forms }
        }
        5 => {
            let data = r.rest();
            if data.len() > OUTPUT_CHUNK {
                return Err(Malformed);
            }
            KernelEvent::DisplayData(data.to_vec())
        }
        6 => KernelEvent::Ask(Ask { n: r.u64()?, ask: r.u64()?, secret: r.flag()?, line: r.flag()?, prompt: r.text()? }),
        7 => {
            let n = r.u64()?;
            let how = match r.u8()? {
                0 => DoneHow::Ok,
                1 => DoneHow::Error(r.failure()?),
                2 => DoneHow::Interrupted(r.failure()?),
                3 => {
                    let code = i32::from(r.u8()?);
                    let said = r.flag()?;
                    let message = r.text()?;
                    DoneHow::Exit { code, message: said.then_some(message) }
                }
                _ => return Err(Malformed),
            };
            let result = if r.flag()? { Some(r.bundle()?) } else { None };
            KernelEvent::Done(Done { n, how, result, idle_guess: false })
        }
        8 => KernelEvent::Fenced(r.u32()?),
        9 => KernelEvent::Answer(r.u64()?, read_answer(&mut r)?),
        10 => return Ok(Frame::Sync),
        11 => return Ok(Frame::SyncAndSay),
        _ => return Err(Malformed),
    };
    Ok(Frame::Event(event))
}

fn read_answer(r: &mut Reader<'_>) -> Result<Answer, Malformed> {
    Ok(match r.u8()? {
        0 => Answer::Unable(r.text()?),
        1 => {
            let (start, end, more) = (r.u32()? as usize, r.u32()? as usize, r.flag()?);
            let mut items = Vec::new();
            for _ in 0..r.u16()? {
                let (text, about) = (r.text()?, r.text()?);
                // A runner that knows the signature puts it behind a tab.
                let (kind, signature) = about.split_once('\t').unwrap_or((&about, ""));
                items.push(Completion { text, kind: kind.to_owned(), signature: signature.to_owned() });
            }
            Answer::Completions(Completions { start, end, items, more })
        }
        2 => Answer::Inspected(if r.flag()? { Some(r.bundle()?) } else { None }),
        3 => Answer::Completeness(match r.u8()? {
            0 => Completeness::Complete,
            1 => Completeness::Incomplete { indent: r.text()? },
            2 => Completeness::Invalid,
            _ => Completeness::Unknown,
        }),
        _ => return Err(Malformed),
    })
}

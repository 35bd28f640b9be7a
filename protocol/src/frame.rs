//! The unit on the wire: eight bytes of header, then the body.
//!
//! ```text
//! 0        4      5       6         8
//! | len u32 | kind | flags | channel | body (len bytes)        all numbers little-endian
//! ```
//!
//! The length is checked against the agreed ceiling before a byte of the body is stored. Kinds are numbered in
//! [`crate::kind`]; a router needs nothing but this header.

use crate::limits;

/// Bytes of a header.
pub const HEADER: usize = 8;

/// The body goes on in the next frame of the same kind and channel.
pub const MORE: u8 = 0x01;
/// A receiver that does not know this kind skips it in silence.
pub const IGNORABLE: u8 = 0x02;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the body.
    pub len: u32,
    /// The message's number; its two top bits are the scope it needs.
    pub kind: u8,
    /// [`MORE`], [`IGNORABLE`]; other bits are sent as 0 and ignored.
    pub flags: u8,
    /// 0: the connection itself. Others: what `open` bound.
    pub channel: u16,
}

impl Header {
    /// The eight bytes.
    #[must_use]
    pub const fn encode(self) -> [u8; HEADER] {
        let l = self.len.to_le_bytes();
        let c = self.channel.to_le_bytes();
        [l[0], l[1], l[2], l[3], self.kind, self.flags, c[0], c[1]]
    }

    /// Reads eight bytes. Any eight bytes are a header; whether its length is acceptable is [`Decoder`]'s business.
    #[must_use]
    pub const fn decode(b: [u8; HEADER]) -> Self {
        Self {
            len: u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            kind: b[4],
            flags: b[5],
            channel: u16::from_le_bytes([b[6], b[7]]),
        }
    }

    /// The body continues.
    #[must_use]
    pub const fn more(self) -> bool {
        self.flags & MORE != 0
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub const fn frame_len(self) -> usize {
        HEADER + self.len as usize
    }
}

/// A frame longer than agreed. The connection cannot be trusted any further: after a wrong length nothing lines up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame announced {len} bytes; this connection takes at most {max}")]
pub struct Oversize {
    /// What it announced.
    pub len: u32,
    /// What was agreed.
    pub max: u32,
}

/// Push bytes in, pull frames out. Holds at most one frame and one read.
#[derive(Debug)]
pub struct Decoder {
    buf: Vec<u8>,
    start: usize,
    max_frame: u32,
}

impl Decoder {
    /// A decoder that refuses bodies over `max_frame` bytes.
    #[must_use]
    pub const fn new(max_frame: u32) -> Self {
        Self { buf: Vec::new(), start: 0, max_frame }
    }

    /// Both sides have agreed on another ceiling.
    pub const fn set_max_frame(&mut self, max_frame: u32) {
        self.max_frame = max_frame;
    }

    /// The ceiling in force.
    #[must_use]
    pub const fn max_frame(&self) -> u32 {
        self.max_frame
    }

    /// Bytes arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room();
        self.buf.extend_from_slice(bytes);
    }

    /// Room to read into directly: the buffer whose end the reader extends.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.make_room();
        &mut self.buf
    }

    /// Bytes that wait, complete frames or not.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.buf.len() - self.start
    }

    /// Gives back the memory of a connection that went quiet.
    pub fn rest(&mut self) {
        if self.start == self.buf.len() {
            self.buf = Vec::new();
            self.start = 0;
        }
    }

    fn make_room(&mut self) {
        if self.start == self.buf.len() {
            self.buf.clear();
            self.start = 0;
            // One large frame must not pin its memory for the life of an idle connection.
            self.buf.shrink_to(128 * 1024);
        } else if self.start > 64 * 1024 {
            self.buf.drain(..self.start);
            self.start = 0;
        }
    }

    /// The next header, where eight bytes are there and its length is acceptable.
    fn peek(&self) -> Result<Option<Header>, Oversize> {
        let waiting = self.buf.get(self.start..).unwrap_or_default();
        let Some(head) = waiting.first_chunk::<HEADER>() else { return Ok(None) };
        let header = Header::decode(*head);
        if header.len > self.max_frame { Err(Oversize { len: header.len, max: self.max_frame }) } else { Ok(Some(header)) }
    }

    /// The next whole frame, or nothing until more bytes arrive.
    ///
    /// # Errors
    /// [`Oversize`] as soon as the header is there, before the body is.
    #[expect(clippy::should_implement_trait, reason = "the body borrows from the decoder, which an iterator cannot say")]
    pub fn next(&mut self) -> Result<Option<(Header, &[u8])>, Oversize> {
        let Some(header) = self.peek()? else { return Ok(None) };
        let from = self.start + HEADER;
        let to = from + header.len as usize;
        if self.buf.len() < to {
            return Ok(None);
        }
        self.start = to;
        Ok(self.buf.get(from..to).map(|body| (header, body)))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(limits::DEFAULT_MAX_FRAME)
    }
}

/// Writes `body` as one frame, or as several with [`MORE`] on all but the last.
pub fn write(out: &mut Vec<u8>, kind: u8, flags: u8, channel: u16, body: &[u8], max_frame: u32) {
    let mut rest = body;
    loop {
        let (now, later) = rest.split_at(rest.len().min(max_frame as usize));
        let flags = if later.is_empty() { flags } else { flags | MORE };
        out.extend_from_slice(&Header { len: now.len() as u32, kind, flags, channel }.encode());
        out.extend_from_slice(now);
        if later.is_empty() {
            return;
        }
        rest = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_out_as_it_went_in_however_it_is_cut() {
        let mut wire = Vec::new();
        write(&mut wire, 7, 0, 3, b"hello", 64);
        write(&mut wire, 8, IGNORABLE, 0, b"", 64);
        for cut in 1..=wire.len() {
            let mut d = Decoder::new(64);
            let mut seen = Vec::new();
            for piece in wire.chunks(cut) {
                d.push(piece);
                while let Some((h, body)) = d.next().unwrap() {
                    seen.push((h.kind, h.channel, body.to_vec()));
                }
            }
            assert_eq!(seen, vec![(7, 3, b"hello".to_vec()), (8, 0, vec![])], "cut every {cut}");
        }
    }

    #[test]
    fn a_long_body_is_cut_and_says_so() {
        let mut wire = Vec::new();
        write(&mut wire, 7, 0, 3, &[1; 150], 64);
        let mut d = Decoder::new(64);
        d.push(&wire);
        let mut lens = Vec::new();
        while let Some((h, body)) = d.next().unwrap() {
            lens.push((body.len(), h.more()));
        }
        assert_eq!(lens, vec![(64, true), (64, true), (22, false)]);
    }

    #[test]
    fn a_length_is_refused_before_its_body_is_there() {
        let mut d = Decoder::new(64);
        d.push(&Header { len: u32::MAX, kind: 1, flags: 0, channel: 0 }.encode());
        assert_eq!(d.next().unwrap_err(), Oversize { len: u32::MAX, max: 64 });
        assert!(d.pending() <= HEADER);
    }
}

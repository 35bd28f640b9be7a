//! Displays too large for memory: written to the journal piece by piece as the kernel sends them.
//!
//! The pieces, one after another, are the body of the event as it goes on the wire. The event's number is known only once the
//! last byte is here (others may have been numbered meanwhile), so piece 0, which carries it, is written last.

use rialto_protocol::event::Stamp;
use rialto_protocol::kernel::DisplayRole;
use rialto_protocol::{EvalNumber, Seq};
use std::collections::VecDeque;

/// Bytes of one piece.
const PIECE: usize = 48 * 1024;
/// Forms one display may have: what one byte of MessagePack can count.
const FORMS: usize = 15;

/// A piece to be kept.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) key: u64,
    pub(super) index: u64,
    pub(super) bytes: Vec<u8>,
}

/// A display that is being received, or has been.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) n: EvalNumber,
    pub(super) key: u64,
    role: DisplayRole,
    count: u8,
    forms: VecDeque<(String, u64)>,
    /// Bytes still to come of the form that has begun.
    left: u64,
    buffer: Vec<u8>,
    /// Pieces so far, the first (still unwritten) one included.
    pub(super) pieces: u64,
    /// Bytes in them, without the first.
    len: u64,
}

impl Incoming {
    pub(super) fn begin(n: EvalNumber, role: DisplayRole, mut forms: Vec<(String, u64)>, key: u64) -> Self {
        forms.truncate(FORMS);
        let count = u8::try_from(forms.len()).unwrap_or(0);
        let mut this = Self { n, key, role, count, forms: forms.into(), left: 0, buffer: Vec::new(), pieces: 1, len: 0 };
        this.next_form();
        this
    }

    /// Writes the name and size of the next form that has bytes.
    fn next_form(&mut self) {
        while self.left == 0 {
            let Some((mime, size)) = self.forms.pop_front() else { return };
            put(&mut self.buffer, &mime);
            self.buffer.push(0xc6); // bin32: its size as four bytes, big-endian
            self.buffer.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
            self.left = size;
        }
    }

    /// The kernel sent more. Gives the pieces that are full now.
    pub(super) fn data(&mut self, mut bytes: &[u8]) -> Vec<Piece> {
        let mut full = Vec::new();
        while !bytes.is_empty() && self.left > 0 {
            let take = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (now, later) = bytes.split_at(take);
            self.buffer.extend_from_slice(now);
            self.left -= take as u64;
            bytes = later;
            self.next_form();
            if self.buffer.len() >= PIECE || self.is_whole() {
                full.push(self.cut());
            }
        }
        full
    }

    fn cut(&mut self) -> Piece {
        let bytes = std::mem::take(&mut self.buffer);
        self.len += bytes.len() as u64;
        let piece = Piece { key: self.key, index: self.pieces, bytes };
        self.pieces += 1;
        piece
    }

    /// Everything that was announced has come.
    pub(super) fn is_whole(&self) -> bool {
        self.left == 0 && self.forms.is_empty()
    }

    /// The first piece, once the event has its number, and the length of the whole.
    pub(super) fn head(&self, seq: Seq, at: Stamp) -> (Piece, u64) {
        let mut bytes = vec![0x94]; // an array of four: seq, wall_ms, mono_us, what
        put(&mut bytes, &seq);
        put(&mut bytes, &at.wall_ms);
        put(&mut bytes, &at.mono_us);
        bytes.push(0x83); // a map of three
        put(&mut bytes, "n");
        put(&mut bytes, &self.n);
        put(&mut bytes, "role");
        put(&mut bytes, &self.role);
        put(&mut bytes, "data");
        bytes.push(0x80 | self.count);
        let len = self.len + bytes.len() as u64;
        (Piece { key: self.key, index: 0, bytes }, len)
    }
}

/// Appends a value as MessagePack.
fn put<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Numbers and strings written to a Vec cannot fail.
    let _ = rmp_serde::encode::write_named(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::{Event, codec, kind};

    #[test]
    fn the_pieces_together_are_the_event() {
        let png = vec![7u8; 100_000];
        let html = b"<b>x</b>".to_vec();
        let forms = vec![("image/png".to_owned(), 100_000), ("empty".to_owned(), 0), ("text/html".to_owned(), 8)];
        let mut v = Incoming::begin(12, DisplayRole::Result, forms, 99);
        let mut pieces = Vec::new();
        for chunk in png.chunks(3_333).chain([&html[..3], &html[3..]]) {
            assert!(!v.is_whole());
            pieces.extend(v.data(chunk));
        }
        assert!(v.is_whole());
        let (head, len) = v.head(77, Stamp { wall_ms: 1, mono_us: 2 });
        pieces.insert(0, head);
        assert_eq!(v.pieces, pieces.len() as u64);
        assert!(pieces.iter().enumerate().all(|(i, p)| p.index == i as u64 && p.bytes.len() < 60 * 1024));
        let body = pieces.iter().flat_map(|p| p.bytes.clone()).collect::<Vec<_>>();
        assert_eq!(body.len() as u64, len);
        let record = codec::read_record(kind::DISPLAY, &body).unwrap();
        let Event::Display(d) = record.event else { panic!("{record:?}") };
        assert_eq!((record.seq, d.n, d.role), (77, 12, DisplayRole::Result));
        assert_eq!((&d.data["image/png"].0, &d.data["text/html"].0, d.data["empty"].0.len()), (&png, &html, 0));
    }
}

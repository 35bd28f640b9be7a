//! What is on its way to one client: two lanes over one socket.
//!
//! The control lane (hellos, replies, answers to interrupts, notices) overtakes the bulk lane (events) at the next frame
//! border. Both are bounded: the bulk lane is only filled while it is short, because events can wait in the journal; a client
//! that does not read its replies is not read from either (see [`Outbox::clogged`]).

use rialto_protocol::Message;
use rialto_protocol::codec;
use rialto_protocol::frame::{HEADER, Header};

/// A bulk lane is filled up to here, where few read at once. Bytes.
const BULK: usize = 64 * 1024;
/// All bulk lanes together: a hundred clients that stall in the middle of a flood each leave a full one. Bytes.
const LANES: usize = 2 * 1024 * 1024;
/// However many there are. Bytes.
const LEAST: usize = 8 * 1024;
/// A client that lets more than this pile up in replies is not read from until it reads. Bytes.
const CONTROL: usize = 128 * 1024;

/// How far to fill each bulk lane of so many connections. Bytes. The last event goes in whole, and may be as long again.
pub(super) fn share(connections: usize) -> usize {
    (LANES / connections.max(1)).clamp(LEAST, BULK)
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    control: Vec<u8>,
    control_at: usize,
    bulk: Vec<u8>,
    bulk_at: usize,
    /// Where the bulk frame that has begun to go out ends.
    border: usize,
}

impl Outbox {
    /// Queues a message ahead of all events.
    pub(super) fn say(&mut self, channel: u16, message: &Message, max_frame: u32) {
        codec::encode(&mut self.control, channel, message, max_frame);
    }

    /// The bulk lane, to append whole frames to. What was written is not in it any more: a client that always leaves a
    /// little would otherwise make it longer for ever.
    pub(super) fn bulk(&mut self) -> &mut Vec<u8> {
        self.bulk.drain(..self.bulk_at);
        self.border -= self.bulk_at;
        self.bulk_at = 0;
        &mut self.bulk
    }

    /// Bytes that wait in the bulk lane.
    pub(super) fn bulk_waiting(&self) -> usize {
        self.bulk.len() - self.bulk_at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.bulk_waiting() == 0
    }

    /// The client does not read its replies: reading more of its requests would pile them up.
    pub(super) fn clogged(&self) -> bool {
        self.control.len() - self.control_at > CONTROL
    }

    /// The bytes to write next. Control goes first, except inside a bulk frame.
    pub(super) fn next(&self) -> &[u8] {
        let bulk = self.bulk.get(self.bulk_at..).unwrap_or_default();
        if self.control.is_empty() {
            return bulk;
        }
        if self.bulk_at < self.border {
            return self.bulk.get(self.bulk_at..self.border).unwrap_or_default();
        }
        self.control.get(self.control_at..).unwrap_or_default()
    }

    /// So many of those bytes were written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        if self.control.is_empty() || self.bulk_at < self.border {
            self.bulk_at += bytes;
            while self.border < self.bulk_at {
                let head = self.bulk.get(self.border..).and_then(<[u8]>::first_chunk::<HEADER>);
                match head {
                    Some(head) => self.border += Header::decode(*head).frame_len(),
                    // Only whole frames are appended, so this is the end.
                    None => self.border = self.bulk.len().max(self.bulk_at),
                }
            }
            if self.bulk_at == self.bulk.len() {
                self.bulk.clear();
                self.bulk_at = 0;
                self.border = 0;
                // A hundred idle clients must not each keep a full lane.
                if self.bulk.capacity() > 2 * BULK {
                    self.bulk.shrink_to(0);
                }
            }
            return;
        }
        self.control_at += bytes;
        if self.control_at == self.control.len() {
            self.control.clear();
            self.control_at = 0;
            self.control.shrink_to(4 * 1024);
        }
    }

    /// Gives back the memory of a lane that went quiet.
    pub(super) fn rest(&mut self) {
        if self.is_empty() {
            self.bulk = Vec::new();
            self.bulk_at = 0;
            self.border = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::frame;

    #[test]
    fn a_lane_that_is_never_empty_does_not_grow() {
        let mut o = Outbox::default();
        for _ in 0..1_000 {
            frame::write(o.bulk(), 0x66, 0, 1, &[7; 1_000], 2_000);
            while o.bulk_waiting() > 500 {
                o.wrote(400);
            }
        }
        assert!(o.bulk().len() < 3_000 && o.bulk.capacity() < 8_000, "{}", o.bulk.capacity());
    }

    #[test]
    fn control_overtakes_at_the_next_frame_border_and_never_inside_a_frame() {
        let mut o = Outbox::default();
        frame::write(o.bulk(), 0x66, 0, 1, b"first", 100);
        frame::write(o.bulk(), 0x66, 0, 1, b"second", 100);
        let mut wire = Vec::new();
        // Three bytes of the first frame go out, then a control message comes.
        wire.extend_from_slice(&o.next()[..3]);
        o.wrote(3);
        o.say(1, &Message::Pong(*b"12345678"), 100);
        while !o.is_empty() {
            wire.push(o.next()[0]);
            o.wrote(1);
        }
        let mut d = frame::Decoder::new(100);
        d.push(&wire);
        let mut seen = Vec::new();
        while let Some((h, body)) = d.next().unwrap() {
            seen.push((h.kind, body.to_vec()));
        }
        assert_eq!(seen, vec![(0x66, b"first".to_vec()), (0x04, b"12345678".to_vec()), (0x66, b"second".to_vec())]);
    }
}

//! What goes out, in order of urgency: control messages between the frames of a large request, never inside one.

use rialto_protocol::frame::{HEADER, Header};
use rialto_protocol::{Message, codec};

/// Answers to pings and unknown messages that may wait. A side that asks and does not read gets no more of them.
const MAX_CONTROL: usize = 64 * 1024;
/// One write. Enough to keep a fast link busy, little enough that control messages soon get their turn.
const BATCH: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Lanes {
    control: Vec<u8>,
    bulk: Vec<u8>,
    at: usize,
}

impl Lanes {
    /// A new link: what was under way on the old one is gone.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Queues a message of the control lane; dropped where too many wait.
    pub(crate) fn control(&mut self, channel: u16, message: &Message, max_frame: u32) {
        if self.control.len() < MAX_CONTROL {
            codec::encode(&mut self.control, channel, message, max_frame);
        }
    }

    /// Queues any other message. The caller asks [`Self::wants_more`] first, so that at most one large one is encoded.
    pub(crate) fn bulk(&mut self, channel: u16, message: &Message, max_frame: u32) {
        // Requests that follow one another without a pause must not keep the ones before them in memory.
        self.bulk.drain(..self.at);
        self.at = 0;
        codec::encode(&mut self.bulk, channel, message, max_frame);
    }

    /// There is room for another request behind what is queued.
    pub(crate) const fn wants_more(&self) -> bool {
        self.bulk.len() - self.at < BATCH
    }

    /// Appends what to write next: all of the control lane, then whole frames of the other.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.control);
        while out.len() < BATCH {
            let rest = self.bulk.get(self.at..).unwrap_or_default();
            let Some(head) = rest.first_chunk::<HEADER>() else { break };
            let frame = rest.get(..Header::decode(*head).frame_len()).unwrap_or(rest);
            out.extend_from_slice(frame);
            self.at += frame.len();
        }
        if self.at == self.bulk.len() {
            self.bulk.clear();
            self.at = 0;
            // One large request must not pin its memory.
            self.bulk.shrink_to(BATCH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::frame::Decoder;
    use rialto_protocol::kind;
    use rialto_protocol::message::Notice;

    #[test]
    fn a_ping_goes_between_the_frames_of_a_large_message() {
        let mut lanes = Lanes::default();
        let large = Message::Notice(Notice { what: "x".into(), text: "y".repeat(300_000), events: 0 });
        lanes.bulk(1, &large, 64 * 1024);
        assert!(!lanes.wants_more());
        let mut wire = Vec::new();
        lanes.fill(&mut wire);
        lanes.control(0, &Message::Ping(*b"12345678"), 64 * 1024);
        loop {
            let mut more = Vec::new();
            lanes.fill(&mut more);
            if more.is_empty() {
                break;
            }
            wire.extend(more);
        }
        let mut d = Decoder::default();
        d.push(&wire);
        let mut kinds = Vec::new();
        while let Some((h, _)) = d.next().unwrap() {
            kinds.push(h.kind);
        }
        assert_eq!(kinds.iter().position(|k| *k == kind::PING), Some(1));
        assert!(kinds.len() > 4);
    }

    #[test]
    fn questions_nobody_waits_for_do_not_pile_up() {
        let mut lanes = Lanes::default();
        for _ in 0..100_000 {
            lanes.control(0, &Message::Pong([0; 8]), 64 * 1024);
        }
        assert!(lanes.control.len() < MAX_CONTROL + 64);
    }
}

//! Putting chunked values together again, with a ceiling for the whole connection.

use crate::error::Code;
use crate::frame::Header;
use crate::limits::MAX_CHANNELS;
use std::collections::BTreeMap;

/// Why a chunk was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// More would be held than the ceiling allows.
    #[error("a value in chunks grew past {ceiling} bytes, the most this side puts together")]
    TooLarge {
        /// The ceiling.
        ceiling: usize,
    },
    /// A chunk of one message came inside another on the same channel.
    #[error("a frame of kind {found:#04x} came inside the chunks of a message of kind {open:#04x} on channel {channel}")]
    Interleaved {
        /// The message that was open.
        open: u8,
        /// What came.
        found: u8,
        /// Where.
        channel: u16,
    },
    /// Chunks are open on more channels than a connection may have.
    #[error("values in chunks began on more than {MAX_CHANNELS} channels and none of them ended")]
    TooMany,
}

impl AssembleError {
    /// The code it closes the connection with.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::TooLarge { .. } | Self::TooMany => Code::Oversize,
            Self::Interleaved { .. } => Code::BadFrame,
        }
    }
}

/// Holds the unfinished messages of one connection. Frames that are whole pass through without a copy.
#[derive(Debug)]
pub struct Assembler {
    /// By channel and lane: replies overtake events, also between the chunks of one.
    open: BTreeMap<(u16, bool), (u8, Vec<u8>)>,
    held: usize,
    ceiling: usize,
}

impl Assembler {
    /// An assembler that holds at most `ceiling` bytes, all channels together.
    #[must_use]
    pub const fn new(ceiling: usize) -> Self {
        Self { open: BTreeMap::new(), held: 0, ceiling }
    }

    /// Bytes held in unfinished messages.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Values that have begun and not ended.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Takes one frame; gives the whole body once it is complete.
    ///
    /// There are two lanes on a channel: replies and control (kinds below 0x40), and the rest. Frames of one lane may come between
    /// the chunks of the other; within a lane only whole control frames (kinds below 0x20) may.
    ///
    /// # Errors
    /// See [`AssembleError`]. After an error the connection must be closed.
    pub fn take<'a>(&mut self, header: Header, body: &'a [u8]) -> Result<Option<std::borrow::Cow<'a, [u8]>>, AssembleError> {
        let control = header.kind < 0x20;
        let place = (header.channel, header.kind < 0x40);
        let Some((kind, _)) = self.open.get(&place) else {
            if !header.more() {
                return Ok(Some(body.into()));
            }
            // An empty chunk holds no byte and yet a place: without this, 65,536 channels of nothing would go uncounted.
            if self.open.len() > MAX_CHANNELS {
                return Err(AssembleError::TooMany);
            }
            self.grow(body.len())?;
            self.open.insert(place, (header.kind, body.to_vec()));
            return Ok(None);
        };
        if *kind != header.kind {
            if control && !header.more() {
                return Ok(Some(body.into()));
            }
            return Err(AssembleError::Interleaved { open: *kind, found: header.kind, channel: header.channel });
        }
        self.grow(body.len())?;
        if let Some((_, whole)) = self.open.get_mut(&place) {
            whole.extend_from_slice(body);
        }
        if header.more() {
            return Ok(None);
        }
        let whole = self.open.remove(&place).map(|(_, whole)| whole).unwrap_or_default();
        self.held = self.held.saturating_sub(whole.len());
        Ok(Some(whole.into()))
    }

    /// The channel is closed: what was unfinished there is gone.
    pub fn forget(&mut self, channel: u16) {
        for lane in [false, true] {
            if let Some((_, part)) = self.open.remove(&(channel, lane)) {
                self.held = self.held.saturating_sub(part.len());
            }
        }
    }

    fn grow(&mut self, by: usize) -> Result<(), AssembleError> {
        let held = self.held.saturating_add(by);
        if held > self.ceiling {
            return Err(AssembleError::TooLarge { ceiling: self.ceiling });
        }
        self.held = held;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h(kind: u8, channel: u16, more: bool) -> Header {
        Header { len: 0, kind, flags: u8::from(more), channel }
    }

    #[test]
    fn chunks_of_two_channels_do_not_mix() {
        let mut a = Assembler::new(100);
        assert_eq!(a.take(h(0x80, 1, true), b"ab"), Ok(None));
        assert_eq!(a.take(h(0x80, 2, true), b"xy"), Ok(None));
        assert_eq!(a.take(h(0x03, 1, false), b"ping").unwrap().unwrap().as_ref(), b"ping");
        assert_eq!(a.take(h(0x80, 1, false), b"c").unwrap().unwrap().as_ref(), b"abc");
        assert_eq!(a.take(h(0x80, 2, false), b"z").unwrap().unwrap().as_ref(), b"xyz");
        assert_eq!(a.held(), 0);
    }

    #[test]
    fn the_ceiling_holds_for_all_channels_together() {
        let mut a = Assembler::new(10);
        assert_eq!(a.take(h(0x80, 1, true), &[0; 6]), Ok(None));
        assert_eq!(a.take(h(0x80, 2, true), &[0; 6]), Err(AssembleError::TooLarge { ceiling: 10 }));
    }

    #[test]
    fn empty_chunks_on_every_channel_do_not_pile_up() {
        let mut a = Assembler::new(10);
        let refused = (0..u16::MAX).map(|channel| a.take(h(0x80, channel, true), b"")).find(Result::is_err);
        assert_eq!(refused, Some(Err(AssembleError::TooMany)));
        assert_eq!(a.open(), MAX_CHANNELS + 1, "the connection's own channel and as many others as may be open");
    }

    #[test]
    fn a_reply_may_come_between_the_chunks_of_an_event() {
        let mut a = Assembler::new(100);
        assert_eq!(a.take(h(0x67, 1, true), b"ab"), Ok(None));
        assert_eq!(a.take(h(0x26, 1, true), b"re"), Ok(None));
        assert_eq!(a.take(h(0x67, 1, false), b"c").unwrap().unwrap().as_ref(), b"abc");
        assert_eq!(a.take(h(0x26, 1, false), b"ply").unwrap().unwrap().as_ref(), b"reply");
        assert_eq!(a.held(), 0);
    }

    #[test]
    fn another_message_inside_the_chunks_is_an_error() {
        let mut a = Assembler::new(10);
        assert_eq!(a.take(h(0x80, 1, true), b"a"), Ok(None));
        assert!(matches!(a.take(h(0x81, 1, false), b"b"), Err(AssembleError::Interleaved { .. })));
    }
}

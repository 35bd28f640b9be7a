//! One side's reading of bytes, from the wire to the JSON form, as a connection does it. The tests call it, and so does the fuzz
//! target (`fuzz/`): what it checks, both check.

use rialto_protocol::assemble::Assembler;
use rialto_protocol::frame::{Decoder, HEADER};
use rialto_protocol::{Code, Message, codec, limits};

/// What came of a stream of bytes.
#[derive(Debug, Default)]
pub struct Read {
    /// What could be read, in order, with the channel it came on.
    pub messages: Vec<(u16, Message)>,
    /// What the connection survives: bodies that cannot be read, by kind.
    pub bad: Vec<(u8, Code)>,
    /// What closed the connection.
    pub closed: Option<Code>,
}

/// Reads `bytes` in pieces of the given sizes (the last one goes on for ever; none: all at once).
///
/// # Panics
/// Where more is held than the ceilings allow.
pub fn consume(bytes: &[u8], pieces: &[usize], ceiling: usize) -> Read {
    let mut read = Read::default();
    let mut decoder = Decoder::default();
    let mut assembler = Assembler::new(ceiling);
    let mut pieces = pieces.iter().copied();
    let mut piece = bytes.len();
    let mut rest = bytes;
    while !rest.is_empty() {
        piece = pieces.next().unwrap_or(piece).clamp(1, rest.len());
        let (now, later) = rest.split_at(piece);
        rest = later;
        decoder.push(now);
        loop {
            match decoder.next() {
                Ok(None) => break,
                Err(_) => {
                    read.closed = Some(Code::Oversize);
                    return read;
                }
                Ok(Some((header, body))) => match assembler.take(header, body) {
                    Ok(None) => {}
                    Err(why) => {
                        read.closed = Some(why.code());
                        return read;
                    }
                    Ok(Some(whole)) => match codec::decode(header, &whole) {
                        Ok(message) => {
                            // Printing it must not fail either: it goes to people, traces and `rialto rpc`.
                            assert!(codec::to_json(&message).is_object(), "no JSON form: {message:?}");
                            read.messages.push((header.channel, message));
                        }
                        Err(bad) => {
                            assert_eq!(bad.kind, header.kind, "the error names another kind");
                            assert!(bad.to_string().len() < 4096, "an error is a sentence, not a copy of the body");
                            read.bad.push((bad.kind, Code::BadMessage));
                        }
                    },
                },
            }
        }
        assert!(assembler.held() <= ceiling, "{} bytes held, {ceiling} allowed", assembler.held());
        assert!(assembler.open() <= limits::MAX_CHANNELS + 1, "{} values open at once", assembler.open());
        assert!(
            decoder.pending() < HEADER + decoder.max_frame() as usize,
            "{} bytes wait although a whole frame is there",
            decoder.pending()
        );
        // Twice: a vector grows by doubling. 64 KiB: what was read may stay that long before the rest is moved.
        let most = 2 * (64 * 1024 + HEADER + decoder.max_frame() as usize + piece);
        assert!(decoder.buffer().capacity() <= most, "{} bytes kept, {most} allowed", decoder.buffer().capacity());
    }
    read
}

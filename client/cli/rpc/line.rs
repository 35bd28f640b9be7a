//! A line of stdin becomes a request.

use super::CHANNEL;
use super::track::Track;
use rialto_client::protocol::limits::MAX_CODE;
use rialto_client::protocol::{Code, ErrorReply, Message};

/// The longest code there may be, every byte of it escaped (`\u0000`), and what is around it. Bytes.
const MAX_LINE: usize = 6 * MAX_CODE + 64 * 1024;

/// Puts pieces together to lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Taken from the buffer already; and up to where it was searched for a newline.
    start: usize,
    searched: usize,
    /// The line that is coming is too long; the rest of it is thrown away.
    skipping: bool,
    ended: bool,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched = self.searched.saturating_sub(self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Nothing more will come; what has no newline is the last line.
    pub(super) fn end(&mut self) {
        if self.buffer.len() > self.start && self.buffer.last() != Some(&b'\n') {
            self.buffer.push(b'\n');
        }
        self.ended = true;
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn has_line(&self) -> bool {
        self.rest().contains(&b'\n')
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.searched.max(self.start)..).unwrap_or_default()
    }

    /// The next line, without its newline, or why there is none where one was.
    pub(super) fn next(&mut self) -> Option<Result<Vec<u8>, ErrorReply>> {
        let from = self.searched.max(self.start);
        let Some(at) = self.rest().iter().position(|b| *b == b'\n').map(|at| from + at) else {
            self.searched = self.buffer.len();
            if self.buffer.len() - self.start > MAX_LINE {
                self.buffer = Vec::new();
                (self.start, self.searched) = (0, 0);
                if !std::mem::replace(&mut self.skipping, true) {
                    let text = format!("a line has at most {MAX_LINE} bytes; this one is skipped");
                    return Some(Err(ErrorReply::new(0, Code::Oversize, text)));
                }
            }
            return None;
        };
        let line = self.buffer.get(self.start..at).unwrap_or_default().to_vec();
        (self.start, self.searched) = (at + 1, at + 1);
        if std::mem::take(&mut self.skipping) { self.next() } else { Some(Ok(line)) }
    }
}

/// What a line asks for, and where it is to be said.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) message: Message,
    pub(super) channel: u16,
}

/// Reads a line; what it leaves out and must be there is made. Nothing: it was empty.
pub(super) fn request(line: &[u8], track: &mut Track) -> Result<Option<Request>, ErrorReply> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let message = rialto_client::json::request(line, &mut || track.number())?;
    track.asked(&message)?;
    let channel = if matches!(message, Message::Ping(_) | Message::List(_)) { 0 } else { CHANNEL };
    Ok(Some(Request { message, channel }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Request>, ErrorReply> {
        request(line.as_bytes(), &mut Track::default())
    }

    #[test]
    fn lines_come_out_however_they_are_cut() {
        for cut in 1..12 {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            for piece in b"one\n\ntwo\nlast".chunks(cut) {
                lines.push(piece);
                while let Some(line) = lines.next() {
                    seen.push(String::from_utf8(line.unwrap()).unwrap());
                }
            }
            lines.end();
            assert!(lines.has_line());
            seen.extend(lines.next().map(|line| String::from_utf8(line.unwrap()).unwrap()));
            assert_eq!(seen, ["one", "", "two", "last"], "cut every {cut}");
            assert!(!lines.has_line() && lines.next().is_none());
        }
    }

    #[test]
    fn a_line_without_end_is_one_error_and_what_follows_is_read() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 1 << 20];
        let mut errors = 0;
        for _ in 0..=(2 * MAX_LINE) >> 20 {
            lines.push(&chunk);
            errors += usize::from(lines.next().is_some());
        }
        assert_eq!(errors, 1);
        lines.push(b"\nnext\n");
        assert_eq!(lines.next(), Some(Ok(b"next".to_vec())));
    }

    #[test]
    fn what_is_left_out_is_made() {
        let Some(Request { message: Message::Submit(submit), channel: 1 }) = read(r#"{"type":"submit","code":"1+1"}"#).unwrap()
        else {
            panic!("no submit")
        };
        assert!(submit.re != 0 && submit.eval.0 != [0; 16]);
        assert!(matches!(read(r#"{"type":"restart"}"#).unwrap(), Some(Request { message: Message::Restart(_), .. })));
        assert!(matches!(read(r#"{"type":"list"}"#).unwrap(), Some(Request { message: Message::List(_), channel: 0 })));
        assert!(read("  ").unwrap().is_none());
    }

    #[test]
    fn a_line_that_cannot_be_read_is_answered() {
        for bad in ["{", "[]", "7", r#"{"type":"nonsense"}"#, r#"{"type":"interrupt"}"#, r#"{"type":"accepted"}"#] {
            assert_eq!(read(bad).unwrap_err().known(), Some(Code::BadMessage), "{bad}");
        }
        let error = read(r#"{"type":"interrupt","re":7}"#).unwrap_err();
        assert_eq!(error.re, 7);
        assert_eq!(read(r#"{"type":"hello"}"#).unwrap_err().known(), Some(Code::WrongState));
    }
}

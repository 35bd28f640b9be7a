//! What a program wrote, made safe for the terminal of somebody who only looks on. It may come from another machine, and a
//! terminal obeys whatever it is sent: set the clipboard, type an answer into the shell, swap the screen.
//!
//! What is on the list below passes; nothing else does. The state lives on between chunks, so a sequence that is cut is the
//! same sequence; and what a program left on (a colour, a hidden cursor, an open link) is known and can be put back.

mod pen;

pub(crate) use pen::Pen;

use std::fmt::Write;
use vte::{Params, Parser, Perform};

/// Bytes of an OSC string that are looked at. A link is shorter; of anything else nothing is kept anyway.
const LONGEST_STRING: usize = 2048;

/// How much a program may do with the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Its own place on the screen: colours, links, erasing, moving about, hiding the cursor.
    Live,
    /// One line among others: colours, links, and what a progress bar does within its line.
    Line,
    /// Colours and links.
    Colours,
    /// A terminal that knows no escapes.
    Plain,
}

/// One stream's place in an escape sequence.
#[derive(Default)]
pub(crate) struct Filter {
    /// Without its `std` feature this parser keeps no more of a string than it was told to.
    parser: Box<Parser<LONGEST_STRING>>,
    /// The beginning of a character whose rest has not come; at most three bytes.
    half: Vec<u8>,
}

impl Filter {
    /// Appends what is safe of `bytes`.
    pub(crate) fn clean(&mut self, bytes: &[u8], rule: Rule, pen: &mut Pen, out: &mut String) {
        let mut pass = Pass { rule, pen, out, cut: false };
        let whole;
        let mut rest = bytes;
        if !self.half.is_empty() {
            whole = [std::mem::take(&mut self.half).as_slice(), bytes].concat();
            rest = &whole;
        }
        // The parser loses a character now and then where one is cut by the end of a chunk: it never sees such an end.
        let (now, later) = rest.split_at_checked(rest.len() - cut_short(rest)).unwrap_or((rest, &[]));
        self.half.extend_from_slice(later);
        self.advance(now, &mut pass);
    }

    /// A C1 control is two bytes, and means ESC and a letter. The parser knows only the latter.
    fn advance(&mut self, bytes: &[u8], pass: &mut Pass<'_>) {
        let mut from = 0;
        for at in memchr::memchr_iter(0xc2, bytes) {
            if let Some(c1 @ 0x80..=0x9f) = bytes.get(at + 1) {
                self.parser.advance(pass, bytes.get(from..at).unwrap_or_default());
                self.parser.advance(pass, &[0x1b, c1 - 0x40]);
                from = at + 2;
            }
        }
        self.parser.advance(pass, bytes.get(from..).unwrap_or_default());
    }

    /// Nothing more comes: half a character is shown as one that could not be read, half a sequence is dropped.
    pub(crate) fn finish(&mut self, rule: Rule, pen: &mut Pen, out: &mut String) {
        let mut pass = Pass { rule, pen, out, cut: true };
        // CAN breaks off whatever was begun.
        let rest = [std::mem::take(&mut self.half).as_slice(), b"\x18"].concat();
        self.parser.advance(&mut pass, &rest);
    }
}

/// How many bytes at the end are the beginning of a character.
fn cut_short(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(3).position(|byte| *byte >= 0xc0);
    let Some(length) = last.map(|at| at + 1) else { return 0 };
    let begun = bytes.get(bytes.len() - length..).unwrap_or_default();
    match std::str::from_utf8(begun) {
        Err(e) if e.valid_up_to() == 0 && e.error_len().is_none() => length,
        _ => 0,
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").field("half", &self.half).finish_non_exhaustive()
    }
}

/// One stream that is only read about later: a line among others.
#[derive(Debug, Default)]
pub(crate) struct Strip {
    filter: Filter,
    pen: Pen,
}

impl Strip {
    /// Appends what is safe of `text`.
    pub(crate) fn clean(&mut self, text: &str, out: &mut String) {
        self.filter.clean(text.as_bytes(), Rule::Line, &mut self.pen, out);
    }
}

/// Text of ours to be shown whole: without anything that acts.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut filter, mut pen) = (Filter::default(), Pen::default());
    filter.clean(text.as_bytes(), Rule::Plain, &mut pen, &mut out);
    filter.finish(Rule::Plain, &mut pen, &mut out);
    out
}

/// What the parser found, on its way out.
struct Pass<'a> {
    rule: Rule,
    pen: &'a mut Pen,
    out: &'a mut String,
    /// What is dispatched now was broken off.
    cut: bool,
}

impl Perform for Pass<'_> {
    fn print(&mut self, c: char) {
        // What was cut inside a character is told here, controls too.
        if c.is_control() {
            return;
        }
        self.out.push(c);
        self.pen.printed();
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.pen.line_over(),
            b'\r' => self.pen.returned(),
            b'\t' => self.pen.printed(),
            b'\x08' => {}
            // Not UTF-8: as every other byte that is none.
            0x80..=0x9f => return self.print(char::REPLACEMENT_CHARACTER),
            _ => return,
        }
        self.out.push(char::from(byte));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || self.cut || self.rule == Rule::Plain {
            return;
        }
        match (intermediates, action) {
            ([], 'm') => {
                self.csi(params, action);
                self.pen.coloured(params, self.out);
            }
            // Nothing else has parameters within parameters.
            _ if params.iter().any(|param| param.len() > 1) => {}
            ([], 'K' | 'C' | 'D' | 'G') if self.rule == Rule::Line => self.csi(params, action),
            _ if self.rule != Rule::Live => {}
            // The lines that have scrolled away are the reader's, not the program's.
            ([], 'J') if params.len() == 1 && first(params) <= 2 => {
                self.csi(params, action);
                self.pen.erased(first(params) != 1);
            }
            ([], 'K' | 'X') => {
                self.csi(params, action);
                self.pen.erased(action == 'K' && first(params) != 1);
            }
            ([], 'A'..='H' | 'f' | 'd') => {
                self.csi(params, action);
                self.pen.moved(action, params);
            }
            ([], 's' | 'u') if params.len() <= 1 && first(params) == 0 => {
                let _ = write!(self.out, "\x1b[{action}");
                self.pen.restored();
            }
            ([b'?'], 'h' | 'l') if params.len() == 1 && first(params) == 25 => {
                let _ = write!(self.out, "\x1b[?25{action}");
                self.pen.hid_cursor(action == 'l');
            }
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        if self.rule == Rule::Live && !ignore && !self.cut && intermediates.is_empty() && matches!(byte, b'7' | b'8') {
            let _ = write!(self.out, "\x1b{}", char::from(byte));
            self.pen.restored();
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        let [b"8", about, address @ ..] = params else { return };
        if self.cut || self.rule == Rule::Plain {
            return;
        }
        // An address may hold what separates parameters. The parser stops counting at 16, and keeping at its length.
        let address = address.join(&b';');
        let length: usize = params.iter().map(|p| p.len()).sum();
        let printable = |bytes: &[u8]| bytes.iter().all(|b| (0x20..0x7f).contains(b));
        let whole = params.len() < 16 && length < LONGEST_STRING && printable(about) && printable(&address);
        let harmless = [&b"https://"[..], b"http://", b"mailto:"].iter().any(|scheme| address.starts_with(scheme));
        let opens = whole && harmless;
        if opens || self.pen.linked {
            let (about, address) = if opens { (*about, address.as_slice()) } else { (&b""[..], &b""[..]) };
            let _ = write!(self.out, "\x1b]8;{};{}\x1b\\", String::from_utf8_lossy(about), String::from_utf8_lossy(address));
            self.pen.linked = opens;
        }
    }
}

impl Pass<'_> {
    fn csi(&mut self, params: &Params, action: char) {
        self.out.push_str("\x1b[");
        if params.len() > 1 || first(params) != 0 {
            for (i, param) in params.iter().enumerate() {
                let separator = if i == 0 { "" } else { ";" };
                self.out.push_str(separator);
                for (i, sub) in param.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ":" };
                    let _ = write!(self.out, "{separator}{sub}");
                }
            }
        }
        self.out.push(action);
    }
}

fn first(params: &Params) -> u16 {
    params.iter().next().and_then(|p| p.first()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;

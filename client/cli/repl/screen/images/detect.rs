//! Which way a terminal wants its pictures.

/// The ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Kitty,
    Iterm,
    Sixel,
}

/// What is known of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It has to be asked.
    Ask {
        tmux: bool,
    },
    /// tmux has to be asked what is behind it.
    Tmux,
    Known {
        protocol: Protocol,
        /// It is behind a tmux that passes things on.
        tmux: bool,
    },
    Never,
}

/// What the environment says.
pub(super) fn by_environment(var: &dyn Fn(&str) -> String) -> Found {
    let (term, program) = (var("TERM"), var("TERM_PROGRAM"));
    let inside = !var("TMUX").is_empty();
    let known = |protocol| Found::Known { protocol, tmux: inside };
    match var("RIALTO_IMAGES").as_str() {
        "kitty" => return known(Protocol::Kitty),
        "iterm" => return known(Protocol::Iterm),
        // tmux reads these itself.
        "sixel" => return Found::Known { protocol: Protocol::Sixel, tmux: false },
        "off" => return Found::Never,
        _ => {}
    }
    if inside {
        return Found::Tmux;
    }
    // These swallow questions badly, or cannot show a picture anyway. screen hides what is behind it.
    if term == "linux" || term.starts_with("screen") || program == "Apple_Terminal" || !var("STY").is_empty() {
        return Found::Never;
    }
    by_name(&term, &program).or_else(|| by_traces(var)).map_or(Found::Ask { tmux: false }, known)
}

/// What terminals of this name can.
pub(super) fn by_name(term: &str, program: &str) -> Option<Protocol> {
    let is = |name: &str| term.starts_with(name) || program.to_ascii_lowercase().starts_with(name);
    if is("xterm-kitty") || is("kitty") || is("xterm-ghostty") || is("ghostty") {
        Some(Protocol::Kitty)
    } else if is("iterm") || is("wezterm") {
        Some(Protocol::Iterm)
    } else if is("foot") || is("mlterm") || is("yaft") || is("contour") {
        Some(Protocol::Sixel)
    } else {
        None
    }
}

fn by_traces(var: &dyn Fn(&str) -> String) -> Option<Protocol> {
    let set = |name: &str| !var(name).is_empty();
    if set("KITTY_WINDOW_ID") || set("GHOSTTY_RESOURCES_DIR") || set("KONSOLE_VERSION") {
        Some(Protocol::Kitty)
    } else if set("WEZTERM_EXECUTABLE") || var("LC_TERMINAL") == "iTerm2" {
        Some(Protocol::Iterm)
    } else {
        None
    }
}

/// The questions: a picture for kitty, the terminal's name, the size of a cell and of the largest picture. The last one every terminal answers, so that
/// its answer says that no other will come.
pub(super) const QUESTIONS: &str = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[16t\x1b[?2;1;0S\x1b[c";

/// A picture's side that is believed. Pixels.
const SIDE: u32 = 16_384;
/// More than this is nobody's answer. Bytes.
const LONGEST: usize = 4 * 1024;

/// What came back, and what somebody typed meanwhile.
#[derive(Debug, Default)]
pub(super) struct Replies {
    held: Vec<u8>,
    pub(super) typed: Vec<u8>,
    pub(super) cell: Option<(u32, u32)>,
    /// The largest picture that it takes.
    pub(super) largest: Option<(u32, u32)>,
    pub(super) over: bool,
    kitty: bool,
    sixel: bool,
    name: String,
}

impl Replies {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        while !self.held.is_empty() {
            let Some(length) = length(&self.held).or((self.held.len() > LONGEST).then_some(self.held.len())) else { return };
            let rest = self.held.split_off(length.min(self.held.len()));
            let piece = std::mem::replace(&mut self.held, rest);
            if !self.reply(&piece) && self.typed.len() < LONGEST {
                self.typed.extend_from_slice(&piece);
            }
        }
    }

    /// Reads one sequence. False where it is no answer to us.
    fn reply(&mut self, piece: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(piece) else { return false };
        if let Some(kitty) = text.strip_prefix("\x1b_G") {
            self.kitty |= kitty.contains(";OK");
        } else if let Some(name) = text.strip_prefix("\x1bP>|") {
            name.trim_end_matches(['\x1b', '\\']).clone_into(&mut self.name);
        } else if let Some(cell) = text.strip_prefix("\x1b[6;").and_then(|t| t.strip_suffix('t')) {
            let size = cell.split_once(';').and_then(|(h, w)| Some((w.parse().ok()?, h.parse().ok()?)));
            self.cell = size.filter(|(w, h)| (1..1_000).contains(w) && (1..1_000).contains(h));
        } else if let Some(size) = text.strip_prefix("\x1b[?2;0;").and_then(|t| t.strip_suffix('S')) {
            let size = size.split_once(';').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            self.largest = size.filter(|(w, h)| (1..SIDE).contains(w) && (1..SIDE).contains(h));
        } else if text.starts_with("\x1b[?2;") && text.ends_with('S') {
            // It does not say.
        } else if let Some(attributes) = text.strip_prefix("\x1b[?").and_then(|t| t.strip_suffix('c')) {
            self.sixel = attributes.split(';').skip(1).any(|a| a == "4");
            self.over = true;
        } else {
            return false;
        }
        true
    }

    /// The best way that it said it can.
    pub(super) fn best(&self) -> Option<Protocol> {
        let named = by_name("", &self.name);
        match named {
            Some(Protocol::Iterm) => named,
            _ if self.kitty => Some(Protocol::Kitty),
            _ if self.sixel => Some(Protocol::Sixel),
            _ => None,
        }
    }

    /// No more is listened for: what is held was typed, unless it is half an answer.
    pub(super) fn stop(&mut self) {
        let held = std::mem::take(&mut self.held);
        if !held.starts_with(b"\x1b") {
            self.typed.extend_from_slice(&held);
        }
    }
}

/// The length of the first thing in there: a character, a key, an answer. Nothing where its end has not come.
fn length(bytes: &[u8]) -> Option<usize> {
    let strings = |from: &[u8]| {
        let bell = from.iter().position(|b| *b == 0x07).map(|at| at + 1);
        let end = from.windows(2).position(|two| two == b"\x1b\\").map(|at| at + 2);
        match (bell, end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    };
    match bytes {
        [0x1b, b'[', rest @ ..] => rest.iter().position(|b| (0x40..=0x7e).contains(b)).map(|at| at + 3),
        [0x1b, b'_' | b'P' | b']', rest @ ..] => strings(rest).map(|length| length + 2),
        [0x1b] => None,
        [0x1b, ..] => Some(2),
        _ => Some(bytes.iter().position(|b| *b == 0x1b).unwrap_or(bytes.len())),
    }
}

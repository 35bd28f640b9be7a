//! What is typed and not for the program: the escape key, and the one after it.

/// The key, as `--escape` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// A control character.
    Key(u8),
    /// Every key is the program's; only a signal or another terminal ends this.
    None,
}

impl Default for Escape {
    fn default() -> Self {
        Self::Key(0x1d)
    }
}

impl std::str::FromStr for Escape {
    type Err = String;

    /// `^]`, `^A`, `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let sign = text.strip_prefix('^').filter(|sign| sign.len() == 1).and_then(|sign| sign.bytes().next());
        match sign.map(|sign| sign.to_ascii_uppercase()) {
            // Not the one that is what the key Escape itself sends, nor Enter, in either of its forms.
            Some(sign @ b'@'..=b'_') if ![b'[', b'M', b'J'].contains(&sign) => Ok(Self::Key(sign - b'@')),
            _ => Err("a key is wanted as ^], ^A or ^\\ (not ^[, ^M or ^J), or none".to_owned()),
        }
    }
}

impl std::fmt::Display for Escape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => write!(f, "Ctrl-{}", char::from(key + b'@')),
            Self::None => f.write_str("none"),
        }
    }
}

/// What was meant by keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// They are the program's.
    Keys(Vec<u8>),
    /// To leave; what came after it is nobody's.
    Detach,
    /// To be told the keys.
    Help,
    /// To have the screen drawn anew.
    Redraw,
}

/// Sorts keys as they come.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    escape: Escape,
    /// The escape key came last.
    pending: bool,
}

impl Keyboard {
    pub(super) fn new(escape: Escape) -> Self {
        Self { escape, pending: false }
    }

    pub(super) fn typed(&mut self, bytes: &[u8]) -> Vec<Meant> {
        let Escape::Key(escape) = self.escape else { return vec![Meant::Keys(bytes.to_vec())] };
        let (mut meant, mut keys) = (Vec::new(), Vec::new());
        for &byte in bytes {
            let command = match (std::mem::take(&mut self.pending), byte) {
                (false, key) if key == escape => {
                    self.pending = true;
                    continue;
                }
                (true, b'd' | b'D' | b'.' | b'q') => Meant::Detach,
                (true, b'?' | b'h') => Meant::Help,
                (true, b'r' | b'l') => Meant::Redraw,
                (true, key) if key == escape => {
                    keys.push(key);
                    continue;
                }
                // Nothing of ours: both are the program's.
                (true, key) => {
                    keys.extend([escape, key]);
                    continue;
                }
                (false, key) => {
                    keys.push(key);
                    continue;
                }
            };
            if !keys.is_empty() {
                meant.push(Meant::Keys(std::mem::take(&mut keys)));
            }
            let leaves = command == Meant::Detach;
            meant.push(command);
            if leaves {
                return meant;
            }
        }
        if !keys.is_empty() {
            meant.push(Meant::Keys(keys));
        }
        meant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reaches_the_program_but_the_escape_and_the_one_after_it() {
        let mut keyboard = Keyboard::default();
        let all: Vec<u8> = (0..=255).filter(|byte| *byte != 0x1d).collect();
        assert_eq!(keyboard.typed(&all), [Meant::Keys(all)]);
        assert_eq!(keyboard.typed(b"a\x1d"), [Meant::Keys(b"a".to_vec())]);
        assert_eq!(keyboard.typed(b"\x1db"), [Meant::Keys(b"\x1db".to_vec())], "typed twice it is the program's");
        assert_eq!(keyboard.typed(b"\x1d\x03"), [Meant::Keys(b"\x1d\x03".to_vec())], "and with a key of no meaning");
        assert_eq!(
            keyboard.typed(b"x\x1d?y\x1ddz"),
            [Meant::Keys(b"x".to_vec()), Meant::Help, Meant::Keys(b"y".to_vec()), Meant::Detach]
        );
        assert_eq!(Keyboard::new(Escape::None).typed(b"\x1dd"), [Meant::Keys(b"\x1dd".to_vec())]);
    }

    #[test]
    fn the_key_is_said_as_people_write_it() {
        assert_eq!("^]".parse(), Ok(Escape::default()));
        assert_eq!("^a".parse(), Ok(Escape::Key(1)));
        assert_eq!("none".parse(), Ok(Escape::None));
        for bad in ["", "^", "a", "^[", "^m", "^]x", "^ä", "^~"] {
            assert!(bad.parse::<Escape>().is_err(), "{bad}");
        }
        assert_eq!(Escape::default().to_string(), "Ctrl-]");
    }
}

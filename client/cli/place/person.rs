//! The person at the terminal, asked on the terminal itself: stdin and stdout may be pipes with other things in them.

use crate::paint;
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use rialto_transports::ssh::Person;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::sync::{Mutex, PoisonError};

/// An answer is no longer than this.
const LONGEST: usize = 4096;

/// The terminal this program runs in.
#[derive(Debug)]
pub(crate) struct AtTheTerminal {
    /// One question at a time.
    tty: Mutex<File>,
}

impl AtTheTerminal {
    /// Whoever sits at the terminal. Nothing where there is none, or where nobody looks at it: a program in the background.
    pub(crate) fn find() -> Option<Self> {
        // A script whose output nobody sees is not one to be asked, even where some terminal is far behind it.
        if !io::stderr().is_terminal() && !io::stdin().is_terminal() {
            return None;
        }
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        let front = nix::unistd::tcgetpgrp(&tty).ok()? == nix::unistd::getpgrp();
        front.then(|| Self { tty: Mutex::new(tty) })
    }

    fn ask(&self, question: &str, shown: bool) -> io::Result<String> {
        let tty = self.tty.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing that was typed before the question is an answer to it.
        let raw = Raw::set(&tty)?;
        write!(&*tty, "{}", plain(question))?;
        let line = line(&mut &*tty, shown);
        drop(raw);
        writeln!(&*tty)?;
        line
    }
}

impl Person for AtTheTerminal {
    fn told(&self, text: &str) {
        for line in text.lines().take(100) {
            paint::talk(&plain(line));
        }
    }

    fn confirms(&self, question: &str) -> io::Result<bool> {
        let mut question = format!("{question} [yes/no] ");
        loop {
            match self.ask(&question, true)?.trim() {
                "yes" => return Ok(true),
                "no" | "" => return Ok(false),
                _ => "Please write yes or no: ".clone_into(&mut question),
            }
        }
    }

    fn answers(&self, question: &str, shown: bool) -> io::Result<String> {
        self.ask(question, shown)
    }
}

/// What comes from elsewhere moves no cursor here.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Keys one by one and unseen: a terminal that shows no letters must be put back however the question ends, and a Ctrl-C
/// that ended the program would leave it as it is.
struct Raw<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> Raw<'a> {
    fn set(tty: &'a File) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut raw = before.clone();
        raw.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::IEXTEN);
        for (index, value) in [(SpecialCharacterIndices::VMIN, 1), (SpecialCharacterIndices::VTIME, 0)] {
            if let Some(place) = raw.control_chars.get_mut(index as usize) {
                *place = value;
            }
        }
        tcsetattr(tty, SetArg::TCSAFLUSH, &raw)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, SetArg::TCSADRAIN, &self.before);
    }
}

/// One line, with what everybody's fingers do while typing it.
fn line(tty: &mut (impl Read + Write), shown: bool) -> io::Result<String> {
    let mut typed: Vec<u8> = Vec::new();
    let echo = |tty: &mut dyn Write, text: &str| if shown { tty.write_all(text.as_bytes()) } else { Ok(()) };
    loop {
        let mut key = [0];
        if tty.read(&mut key)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [key] = key;
        match key {
            b'\r' | b'\n' => break,
            // Ctrl-C and Ctrl-\.
            3 | 28 => return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted")),
            4 if typed.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            8 | 127 => {
                if let Some(letter) = String::from_utf8_lossy(&typed).chars().next_back() {
                    typed.truncate(typed.len().saturating_sub(letter.len_utf8()));
                    echo(tty, "\u{8} \u{8}")?;
                }
            }
            // Ctrl-U.
            21 => {
                let letters = String::from_utf8_lossy(&typed).chars().count();
                echo(tty, &"\u{8} \u{8}".repeat(letters))?;
                typed.clear();
            }
            32.. if typed.len() < LONGEST => {
                typed.push(key);
                if shown {
                    tty.write_all(&[key])?;
                }
            }
            _ => {}
        }
    }
    String::from_utf8(typed).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "what was typed is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was typed, and what was seen.
    struct Desk(io::Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Desk {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(into)
        }
    }
    impl Write for Desk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn typed(keys: &str, shown: bool) -> (io::Result<String>, String) {
        let mut desk = Desk(io::Cursor::new(keys.as_bytes().to_vec()), Vec::new());
        let line = line(&mut desk, shown);
        (line, String::from_utf8(desk.1).unwrap())
    }

    #[test]
    fn a_secret_is_not_seen_and_mistakes_can_be_taken_back() {
        let (line, seen) = typed("wrong\u{15}s\u{e9}x\u{7f}cret\r", false);
        assert_eq!((line.unwrap().as_str(), seen.as_str()), ("s\u{e9}cret", ""));
        let (line, seen) = typed("yez\u{8}s\n", true);
        assert_eq!((line.unwrap().as_str(), seen.as_str()), ("yes", "yez\u{8} \u{8}s"));
    }

    #[test]
    fn whoever_goes_away_has_not_answered() {
        for keys in ["abc\u{3}", "\u{4}", "no end"] {
            assert!(typed(keys, false).0.is_err(), "{keys:?}");
        }
    }

    #[test]
    fn a_question_from_elsewhere_moves_no_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb"), "a [2Jb");
    }
}

//! What everything is measured against: a raw pipe to the smallest Python that does the same.

use crate::relay::{PYTHON, SOCKET};
use crate::wait::look;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const CODE: &str = include_str!("floor.py");
/// Bytes read at once, as the client library does.
const READ: usize = 64 * 1024;

/// How the child runs what it is sent.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// An expression, for its value.
    Eval,
    /// Statements.
    Exec,
}

pub(crate) struct Floor {
    child: Child,
    to: Option<Box<dyn Write>>,
    from: Box<dyn Read>,
    read: Vec<u8>,
    at: usize,
    end: usize,
}

impl Floor {
    pub(crate) fn start(python: &str) -> Self {
        let mut child = child(python);
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::of(child, Box::new(to), Box::new(from))
    }

    /// The child's code.
    pub(crate) const CODE: &str = CODE;

    /// The same child behind a program whose stdin and stdout are its own.
    pub(crate) fn behind(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::of(child, Box::new(to), Box::new(from))
    }

    /// The same child behind a relay.
    pub(crate) fn relayed(python: &str, socket: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let child = command.env(SOCKET, socket).env(PYTHON, python).spawn().unwrap();
        let stream = look("the relay's socket", || UnixStream::connect(socket).ok());
        Self::of(child, Box::new(stream.try_clone().unwrap()), Box::new(stream))
    }

    fn of(child: Child, to: Box<dyn Write>, from: Box<dyn Read>) -> Self {
        let mut floor = Self { child, to: Some(to), from, read: vec![0; READ], at: 0, end: 0 };
        assert_eq!(floor.ask(Run::Eval, "1+1"), "2");
        floor
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.to.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(crate) fn ask(&mut self, run: Run, code: &str) -> String {
        self.say(&request(run, code));
        self.answer(&mut |_| ())
    }

    /// The next answer, and what is printed before it.
    pub(crate) fn answer(&mut self, printed: &mut dyn FnMut(&[u8])) -> String {
        loop {
            let [kind, length @ ..] = self.head();
            let mut left = u32::from_le_bytes(length) as usize;
            let mut answer = Vec::new();
            while left > 0 {
                let piece = self.some(left);
                left -= piece.len();
                if kind == b'o' { printed(piece) } else { answer.extend_from_slice(piece) }
            }
            if kind == b'a' {
                return String::from_utf8(answer).unwrap();
            }
        }
    }

    /// Reads until these bytes were read: for a child whose frames an interrupt may have cut.
    pub(crate) fn until(&mut self, last: &[u8]) {
        let mut tail = Vec::new();
        while !tail.ends_with(last) {
            let piece = self.some(READ);
            tail.extend_from_slice(&piece[piece.len().saturating_sub(last.len())..]);
            tail.drain(..tail.len().saturating_sub(2 * last.len()));
        }
    }

    /// Reads at least so many bytes, whatever they are.
    pub(crate) fn skip(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            left = left.saturating_sub(self.some(READ).len());
        }
    }

    fn head(&mut self) -> [u8; 5] {
        let mut head = [0; 5];
        let mut have = 0;
        while have < head.len() {
            let piece = self.some(head.len() - have);
            head[have..have + piece.len()].copy_from_slice(piece);
            have += piece.len();
        }
        head
    }

    /// At most so many of the bytes that come next.
    fn some(&mut self, most: usize) -> &[u8] {
        if self.at == self.end {
            self.at = 0;
            self.end = self.from.read(&mut self.read).unwrap();
            assert!(self.end > 0, "the floor's child has ended");
        }
        let from = self.at;
        self.at = self.end.min(from + most);
        &self.read[from..self.at]
    }
}

impl Drop for Floor {
    /// At the end of its input it ends; where it is in the middle of something, it is ended.
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child itself.
pub(crate) fn child(python: &str) -> Child {
    let mut command = Command::new(python);
    command.args(["-c", CODE]).env_remove("PYTHONUNBUFFERED").stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("the floor needs a Python")
}

pub(crate) fn request(run: Run, code: &str) -> Vec<u8> {
    let mut bytes = vec![if matches!(run, Run::Eval) { b'e' } else { b'x' }];
    bytes.extend_from_slice(&u32::try_from(code.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(code.as_bytes());
    bytes
}

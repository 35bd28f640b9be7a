//! A program that runs, and what it said.

use super::processes;
use super::wait::until_or;
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a program that has ended said. Its code is 128 + N where signal N ended it, as a shell has it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Said {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// It went well; what it printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.out()
    }

    /// It ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// All of it.
    #[track_caller]
    pub(crate) fn says(self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!((self.code, self.out().as_str(), self.err().as_str()), (code, stdout, stderr));
    }

    /// It failed with one sentence that has these words, and printed nothing else.
    #[track_caller]
    pub(crate) fn complains(self, code: i32, words: &[&str]) {
        let err = self.err();
        assert_eq!((self.code, self.stdout.len()), (code, 0), "{self}");
        assert_eq!(err.lines().count(), 1, "more than one line: {self}");
        assert!(err.starts_with("rialto: "), "{self}");
        for word in words {
            assert!(err.contains(word), "nothing of {word:?}: {self}");
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}\n--- stdout\n{:.4000}\n--- stderr\n{:.4000}", self.code, self.out(), self.err())
    }
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    what: String,
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    out: Reader,
    err: Reader,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let what = format!("{command:?}");
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|why| panic!("{what}: {why}"));
        let (stdin, out, err) = (child.stdin.take(), Reader::start(child.stdout.take()), Reader::start(child.stderr.take()));
        Self { what, child, stdin, out, err }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        processes::signal(self.pid(), signal);
    }

    pub(crate) fn write(&mut self, text: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(text.as_ref()).and_then(|()| stdin.flush()).unwrap();
    }

    /// What it has complained about so far.
    pub(crate) fn err(&self) -> String {
        self.err.text()
    }

    /// What it has printed so far.
    pub(crate) fn out(&self) -> String {
        self.out.text()
    }

    /// What it has said so far.
    pub(crate) fn err_text(&self) -> String {
        self.err.text()
    }

    #[track_caller]
    pub(crate) fn wait_for_out(&self, text: &str) {
        let instead = || format!("{}\n--- stdout\n{}\n--- stderr\n{}", self.what, self.out.text(), self.err.text());
        until_or(&format!("{text:?} on stdout"), || self.out.text().contains(text).then_some(()), instead);
    }

    #[track_caller]
    pub(crate) fn wait_for_err(&self, text: &str) {
        let instead = || format!("{}\n--- stdout\n{}\n--- stderr\n{}", self.what, self.out.text(), self.err.text());
        until_or(&format!("{text:?} on stderr"), || self.err.text().contains(text).then_some(()), instead);
    }

    /// Writes all of this to its stdin, however slowly it is read, and waits for its end.
    #[track_caller]
    pub(crate) fn end_with(mut self, text: impl AsRef<[u8]>) -> Said {
        let (mut stdin, text) = (self.stdin.take().expect("stdin is open"), text.as_ref().to_owned());
        // One that ends without having read it all breaks the pipe, which is its right.
        let _writes = std::thread::spawn(move || stdin.write_all(&text));
        self.end()
    }

    /// Closes its stdin and waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Said {
        drop(self.stdin.take());
        let mut over = None;
        until_or(
            "its end",
            || {
                over = self.child.try_wait().unwrap();
                over
            },
            || format!("{}\n--- stdout\n{}\n--- stderr\n{}", self.what, self.out.text(), self.err.text()),
        );
        let status = over.expect("it has ended");
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
        let said = Said { code, stdout: self.out.all(), stderr: self.err.all() };
        assert!(!said.err().contains("panicked at"), "{}: it panicked\n{said}", self.what);
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end, whoever looks.
#[derive(Debug)]
struct Reader {
    read: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(pipe: Option<impl Read + Send + 'static>) -> Self {
        let read = Arc::new(Mutex::new(Vec::new()));
        let (mut pipe, into) = (pipe.expect("it is a pipe"), read.clone());
        let thread = std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = pipe.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..n]);
            }
        });
        Self { read, thread: Some(thread) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read.lock().unwrap()).into_owned()
    }

    /// Everything: the pipe has ended when nobody holds its other end, which is as much a test as what it says.
    fn all(&mut self) -> Vec<u8> {
        let thread = self.thread.take().expect("read once");
        until_or("the end of its output", || thread.is_finished().then_some(()), || self.text());
        thread.join().unwrap();
        std::mem::take(&mut self.read.lock().unwrap())
    }
}

//! How `rialto stdio` is begun over there, and where what it says begins.
//!
//! A login shell may print whatever its owner likes before it runs what it was asked to run. So a word that nobody can guess is
//! printed right before the program begins, and all that comes before it is passed over. Where the other side runs something else
//! instead of what was asked for (`command="rialto stdio"` in `authorized_keys`), the bridge itself finds that word in what was asked
//! for, and prints it. One that is too old for that never does; then what comes first has to be a frame.

use crate::Duplex;
use crate::through::writes_through;
use rialto_protocol::frame::{HEADER, Header};
use rialto_protocol::limits::FLOOR_MAX_FRAME;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// `welcome`, `goaway` and `error`: a bridge says nothing else first.
const BEGINNINGS: [u8; 3] = [0x02, 0x05, 0x06];
/// What is passed over at most.
const MOST: usize = 64 * 1024;
/// How long the word may take before the bridge is spoken to all the same: what runs there may wait for that.
const PATIENCE: Duration = Duration::from_secs(3);
/// How much of what was said instead is repeated.
const REPEATED: usize = 300;

/// What the other side said last, and how it ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Last {
    /// The end of its stderr.
    pub(super) words: String,
    pub(super) code: Option<u32>,
}

/// A program over there.
pub(super) trait Remote: Duplex {
    fn last(&self) -> Last;
}

/// The command, for whatever shell is asked to run it: `sh` runs the rest, and stays out of the way of what it began.
pub(super) fn command(own: Option<&str>, word: &str) -> String {
    let run = match own {
        // As it was written by whoever keeps the place: it may be more than one word.
        Some(command) => format!(
            "set -- {}; \
             if command -v \"$1\" >/dev/null 2>&1; then printf \"%s\\n\" {word}; unset {ASKED}; exec \"$@\" stdio; fi; \
             echo {MISSING} >&2; exit 127",
            command.replace('\'', "'\\''")
        ),
        None => format!(
            "PATH=\"$PATH:$HOME/.local/bin:$HOME/.cargo/bin:/usr/local/bin\"; \
             if command -v rialto >/dev/null 2>&1; then printf \"%s\\n\" {word}; unset {ASKED}; exec rialto stdio; fi; \
             echo {MISSING} >&2; exit 127"
        ),
    };
    format!("exec sh -c '{run}'")
}

/// Where an sshd says what was asked for, when it runs something else instead.
const ASKED: &str = "SSH_ORIGINAL_COMMAND";
/// What a word begins with, and how many hexadecimal digits follow.
const WORD: (&str, usize) = ("rialto-", 24);

/// The word that the client waits for, for a bridge that an sshd runs instead of the command that would have printed it.
#[must_use]
pub fn awaited() -> Option<String> {
    word_in(&std::env::var(ASKED).ok()?)
}

fn word_in(asked: &str) -> Option<String> {
    // Nothing but what our own client asks for, or something else that is asked for would get bytes that it does not expect.
    let digits = asked.split("printf \"%s\\n\" ").nth(1)?.strip_prefix(WORD.0)?.get(..WORD.1)?;
    digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then(|| format!("{}{digits}", WORD.0))
}

/// What the script says where there is no program.
const MISSING: &str = "rialto-is-not-here";

/// A word nobody can have written before.
pub(super) fn word() -> String {
    let mut bytes = [0; 12];
    // Without dice it is still no word that a shell prints by itself.
    let _ = getrandom::fill(&mut bytes);
    format!("{}{}", WORD.0, data_encoding::HEXLOWER.encode(&bytes))
}

/// Why what was begun is no bridge.
#[derive(Debug)]
pub(super) enum NoBridge {
    /// The program is not there.
    Missing,
    /// It is there, or something else is, and does not speak.
    Other(String),
}

/// Waits until the program begins.
pub(super) async fn begun<R: Remote>(inner: R, word: &str) -> Result<Begun<R>, NoBridge> {
    let mut begun = Begun { inner, word: Some(format!("{word}\n").into_bytes()), seen: Vec::new(), read: 0 };
    let found = tokio::time::timeout(PATIENCE, async {
        while begun.word.is_some() {
            let mut chunk = [0; 4096];
            match begun.inner.read(&mut chunk).await {
                Ok(0) => return Err("it ended".to_owned()),
                Ok(n) => begun.look_at(chunk.get(..n).unwrap_or_default()).map_err(|why| why.to_string())?,
                Err(why) => return Err(format!("the connection broke: {why}")),
            }
        }
        Ok(())
    });
    match found.await {
        // It waits for us to begin, or is slow: what comes is looked at when it comes.
        Ok(Ok(())) | Err(_) => Ok(begun),
        Ok(Err(why)) => Err(begun.instead(&why)),
    }
}

/// What was begun. Reading passes over what comes before the word.
pub(super) struct Begun<R> {
    inner: R,
    /// Until it was seen.
    word: Option<Vec<u8>>,
    /// Came and was not read yet.
    seen: Vec<u8>,
    read: usize,
}

impl<R: Remote> Begun<R> {
    fn look_at(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.seen.extend_from_slice(bytes);
        let Some(word) = &self.word else { return Ok(()) };
        if let Some(at) = self.seen.windows(word.len()).position(|part| part == word.as_slice()) {
            self.read = at + word.len();
            self.word = None;
        } else if is_frame(&self.seen) {
            self.word = None;
        } else if self.seen.len() > MOST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, self.nonsense()));
        }
        Ok(())
    }

    fn nonsense(&self) -> String {
        let text: String =
            String::from_utf8_lossy(&self.seen).chars().take(REPEATED).map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("what it printed is no Rialto: {:?}", text.trim())
    }

    fn instead(&self, why: &str) -> NoBridge {
        let last = self.inner.last();
        if last.words.contains(MISSING) || (last.code == Some(127) && last.words.contains("rialto")) {
            return NoBridge::Missing;
        }
        let code = last.code.map_or_else(String::new, |code| format!(" with exit code {code}"));
        let words = last.words.trim();
        let words = if words.is_empty() { String::new() } else { format!(", and said {words:?}") };
        let printed = if self.seen.is_empty() { String::new() } else { format!("; {}", self.nonsense()) };
        NoBridge::Other(format!("`rialto stdio` did not begin there: {why}{code}{words}{printed}"))
    }
}

/// Whether this is how a bridge begins to speak.
fn is_frame(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<HEADER>().map(|bytes| Header::decode(*bytes)) else { return false };
    BEGINNINGS.contains(&header.kind) && header.channel == 0 && header.len <= FLOOR_MAX_FRAME
}

impl<R: Remote> AsyncRead for Begun<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.word.is_none() {
                let rest = self.seen.get(self.read..).unwrap_or_default();
                if rest.is_empty() {
                    self.seen = Vec::new();
                    self.read = 0;
                    return self.poll_more(cx, into);
                }
                let n = rest.len().min(into.remaining());
                into.put_slice(rest.get(..n).unwrap_or_default());
                self.read += n;
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; 4096];
            let mut room = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut room))?;
            if room.filled().is_empty() {
                let NoBridge::Other(why) = self.instead("it ended") else {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::NotFound, "rialto is not there")));
                };
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
            }
            let bytes = room.filled().to_vec();
            self.look_at(&bytes)?;
        }
    }
}

impl<R: Remote> Begun<R> {
    /// What comes after the word. Where it ends badly, what was said about that is worth more than the end alone.
    fn poll_more(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, into))?;
        if into.filled().len() == before {
            let last = self.inner.last();
            if last.code.is_some_and(|code| code != 0) && !last.words.trim().is_empty() {
                return Poll::Ready(Err(io::Error::other(last.words.trim().to_owned())));
            }
        }
        Poll::Ready(Ok(()))
    }
}

writes_through!({R: Remote} Begun<R>, inner);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;
    use tokio::io::AsyncWriteExt;

    /// What the other side is, in a test.
    struct Fake(crate::Stream, Last);

    impl AsyncRead for Fake {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, into)
        }
    }
    writes_through!({} Fake, 0);
    impl Remote for Fake {
        fn last(&self) -> Last {
            self.1.clone()
        }
    }

    fn fake(last: Last) -> (Fake, crate::Stream) {
        let (ours, theirs) = memory::stream();
        (Fake(ours, last), theirs)
    }

    #[tokio::test]
    async fn what_a_shell_prints_first_is_passed_over() {
        for before in ["", "welcome to gpu\n", "no line end "] {
            let (ours, mut theirs) = fake(Last::default());
            theirs.write_all(before.as_bytes()).await.unwrap();
            theirs.write_all(b"word-1\nfirst").await.unwrap();
            let mut begun = begun(ours, "word-1").await.unwrap_or_else(|_| panic!("it began"));
            theirs.write_all(b" and more").await.unwrap();
            drop(theirs);
            let mut read = String::new();
            begun.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, "first and more", "{before:?}");
        }
    }

    #[tokio::test]
    async fn a_bridge_that_was_not_begun_by_us_is_heard_all_the_same() {
        let (ours, mut theirs) = fake(Last::default());
        let frame = Header { len: 3, kind: BEGINNINGS[0], flags: 0, channel: 0 }.encode();
        theirs.write_all(&frame).await.unwrap();
        theirs.write_all(b"abc").await.unwrap();
        let mut begun = begun(ours, "word-1").await.unwrap_or_else(|_| panic!("it began"));
        let mut read = vec![0; 11];
        begun.read_exact(&mut read).await.unwrap();
        assert_eq!(read, [frame.as_slice(), b"abc"].concat());
    }

    #[tokio::test]
    async fn what_came_instead_is_told() {
        let (ours, theirs) = fake(Last { words: "rialto-is-not-here\n".into(), code: Some(127) });
        drop(theirs);
        assert!(matches!(begun(ours, "w").await, Err(NoBridge::Missing)));
        let (ours, mut theirs) = fake(Last { words: "no shell for you".into(), code: Some(1) });
        theirs.write_all(b"This account is currently not available.\n").await.unwrap();
        drop(theirs);
        let Err(NoBridge::Other(why)) = begun(ours, "w").await else { panic!("it did not begin") };
        assert!(why.contains("not available") && why.contains("no shell for you") && why.contains("exit code 1"), "{why}");
        let (ours, mut theirs) = fake(Last::default());
        let nonsense = vec![b'x'; MOST * 4];
        let flood = theirs.write_all(&nonsense);
        tokio::select! {
            heard = begun(ours, "w") => assert!(matches!(heard, Err(NoBridge::Other(_)))),
            written = flood => panic!("all of it was taken: {written:?}"),
        }
    }

    #[test]
    fn a_bridge_that_runs_instead_finds_the_word_that_is_waited_for() {
        let word = word();
        for own in [None, Some("/opt/rialto's/rialto")] {
            assert_eq!(word_in(&command(own, &word)).as_deref(), Some(word.as_str()));
        }
        for other in [
            "",
            "rialto stdio",
            "printf \"%s\\n\" rialto-",
            "printf \"%s\\n\" rialto-../../../../../../etc/passwd",
            "echo rialto-0123456789abcdef01234567",
        ] {
            assert_eq!(word_in(other), None, "{other}");
        }
    }

    #[test]
    fn the_command_is_one_word_for_any_shell_and_runs_what_it_should() {
        let run = |own: Option<&str>, path: &str| {
            let output = std::process::Command::new("/bin/bash")
                .arg("-c")
                .arg(command(own, "word-1"))
                .env("PATH", path)
                .env("HOME", "/nonexistent")
                .output()
                .unwrap();
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stdout).into_owned(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )
        };
        assert_eq!(
            run(Some("echo 'it'\\''s here'"), "/usr/bin:/bin"),
            (Some(0), "word-1\nit's here stdio\n".into(), String::new())
        );
        assert_eq!(run(Some("/no/such/rialto"), "/usr/bin:/bin"), (Some(127), String::new(), "rialto-is-not-here\n".into()));
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("rialto");
        std::fs::write(&program, "#!/bin/sh\necho \"$1 runs\"\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("/usr/bin:/bin:{}", folder.path().display());
        assert_eq!(run(None, &path), (Some(0), "word-1\nstdio runs\n".into(), String::new()));
    }
}

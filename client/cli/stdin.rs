//! Reading what the user or a pipe gives, on a thread of its own: a terminal cannot be read without blocking, and the
//! session must go on meanwhile. One request, one answer; nothing is read that nobody asked for.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use tokio::sync::oneshot;

/// The most that is read at once. Bytes.
const CHUNK: usize = 64 * 1024;

/// What to read.
#[derive(Debug)]
enum Want {
    Line { prompt: String },
    Secret { prompt: String },
    Chunk,
}

/// What was read. None: nothing more will ever come.
pub(crate) type Got = Option<Vec<u8>>;

/// The reader. Its thread starts with the first request.
#[derive(Debug, Default)]
pub(crate) struct Stdin {
    asks: Option<SyncSender<(Want, oneshot::Sender<Got>)>>,
}

impl Stdin {
    /// A line, without its newline. The prompt is shown on a terminal alone.
    pub(crate) fn line(&mut self, prompt: &str) -> oneshot::Receiver<Got> {
        self.ask(Want::Line { prompt: prompt.to_owned() })
    }

    /// A line that is not shown while it is typed.
    pub(crate) fn secret(&mut self, prompt: &str) -> oneshot::Receiver<Got> {
        self.ask(Want::Secret { prompt: prompt.to_owned() })
    }

    /// Whatever comes next.
    pub(crate) fn chunk(&mut self) -> oneshot::Receiver<Got> {
        self.ask(Want::Chunk)
    }

    fn ask(&mut self, want: Want) -> oneshot::Receiver<Got> {
        let (answer, got) = oneshot::channel();
        let asks = self.asks.get_or_insert_with(|| {
            let (asks, wants) = sync_channel::<(Want, oneshot::Sender<Got>)>(4);
            let _ = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
                while let Ok((want, answer)) = wants.recv() {
                    let _ = answer.send(read(&want));
                }
            });
            asks
        });
        // A full queue means four unanswered questions at one keyboard: the asker hears "no more" instead of waiting for ever.
        let _ = asks.try_send((want, answer));
        got
    }
}

fn read(want: &Want) -> Got {
    let stdin = std::io::stdin();
    let terminal = stdin.is_terminal();
    match want {
        Want::Line { prompt } | Want::Secret { prompt } => {
            if terminal {
                let mut err = std::io::stderr();
                let _ = write!(err, "{prompt}");
                let _ = err.flush();
            }
            let hidden = (terminal && matches!(want, Want::Secret { .. })).then(Hidden::begin);
            let mut line = Vec::new();
            let read = stdin.lock().read_until(b'\n', &mut line).ok()?;
            if hidden.is_some() {
                let _ = writeln!(std::io::stderr());
            }
            if read == 0 {
                return None;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            Some(line)
        }
        Want::Chunk => {
            let mut chunk = vec![0; CHUNK];
            let read = stdin.lock().read(&mut chunk).ok()?;
            chunk.truncate(read);
            (read > 0).then_some(chunk)
        }
    }
}

/// The terminal's echo is off as long as this lives.
#[derive(Debug)]
pub(crate) struct Hidden(Option<nix::sys::termios::Termios>);

impl Hidden {
    pub(crate) fn begin() -> Self {
        use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
        let stdin = std::io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Self(None) };
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        let _ = tcsetattr(&stdin, SetArg::TCSANOW, &silent);
        Self(Some(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

//! A program whose stdin and stdout are the connection: `ssh machine rialto stdio`, `docker exec -i web rialto stdio`.
//! What it writes to stderr goes to ours, because a refused key or a missing container is said there.

use crate::{Boxed, DialError, Dialer, Stream};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Starts a program anew for every connection.
#[derive(Debug, Clone)]
pub struct ExecDialer {
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Argv(Vec<OsString>),
    Shell(String),
}

impl ExecDialer {
    /// A program and its arguments, as they are: no shell reads them.
    #[must_use]
    pub fn argv(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { what: What::Argv(argv.into_iter().map(Into::into).collect()) }
    }

    /// A line for `sh`.
    #[must_use]
    pub fn shell(line: impl Into<String>) -> Self {
        Self { what: What::Shell(line.into()) }
    }

    fn command(&self) -> io::Result<Command> {
        let mut command = Command::new("/bin/sh");
        // The program is in our terminal's foreground, as it must be to ask for a passphrase there. Ctrl-C, which a user
        // means for the code that runs far away, would end it and with it the connection; "ignored" is inherited.
        match &self.what {
            What::Argv(argv) => {
                let program = argv.first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program is named"))?;
                if !exists(Path::new(program)) {
                    let why = format!("there is no program {}", program.display());
                    return Err(io::Error::new(io::ErrorKind::NotFound, why));
                }
                command.arg("-c").arg("trap '' INT; exec \"$@\"").arg("rialto").args(argv);
            }
            What::Shell(line) => {
                command.arg("-c").arg(format!("trap '' INT\n{line}"));
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        Ok(command)
    }

    fn start(&self) -> io::Result<Stream> {
        let mut child = self.command()?.spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Box::new(Pipes { stdin: Some(stdin), stdout, _child: child })),
            _ => Err(io::Error::other("it was started without pipes")),
        }
    }
}

/// Whether a program can be found the way `exec` looks for it, so that a typing error is said as one.
fn exists(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

impl Dialer for ExecDialer {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(async { self.start().map_err(|why| DialError::new(self.text(), why)) })
    }

    fn text(&self) -> String {
        match &self.what {
            What::Argv(argv) => {
                let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
                format!("exec:{}", words.join(" "))
            }
            What::Shell(line) => format!("exec:{line}"),
        }
    }
}

/// The connection. The program ends with it: at the end of its stdin if it is polite, killed if it is not.
struct Pipes {
    /// Absent once our direction is shut: only closing the pipe says so.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    _child: Child,
}

impl AsyncRead for Pipes {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin.as_mut().map_or(Poll::Ready(Ok(())), |stdin| Pin::new(stdin).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.as_mut().poll_flush(cx))?;
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn echoed(dialer: &ExecDialer) -> String {
        let mut stream = dialer.dial().await.unwrap();
        stream.write_all(b"there and back").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        read
    }

    #[tokio::test]
    async fn bytes_go_through_a_program_and_through_a_shell() {
        assert_eq!(echoed(&ExecDialer::argv(["cat"])).await, "there and back");
        assert_eq!(echoed(&ExecDialer::shell("cat | cat")).await, "there and back");
    }

    #[tokio::test]
    async fn no_shell_reads_an_argv() {
        let mut stream = ExecDialer::argv(["echo", "$HOME;", "'x y'"]).dial().await.unwrap();
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "$HOME; 'x y'\n");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let Err(error) = ExecDialer::argv(["no-such-program-here"]).dial().await else { panic!("it does not exist") };
        assert!(error.to_string().contains("no program no-such-program-here"), "{error}");
        assert!(ExecDialer::argv(Vec::<String>::new()).dial().await.is_err());
    }

    #[tokio::test]
    async fn the_program_ends_with_its_stream() {
        // It holds a pipe of ours open and never reads: only its end lets this test end.
        let (mut ours, theirs) = io::pipe().unwrap();
        let dialer = ExecDialer::argv(["sleep", "100000"]);
        let mut command = dialer.command().unwrap();
        command.stderr(theirs);
        let child = command.spawn().unwrap();
        drop(command);
        drop(child);
        let read = tokio::task::spawn_blocking(move || io::Read::read_to_end(&mut ours, &mut Vec::new()));
        assert_eq!(read.await.unwrap().unwrap(), 0);
    }
}

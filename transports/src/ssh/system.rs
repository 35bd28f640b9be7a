//! The system's own `ssh`, for what only it can do: proxies by command, hardware keys, shared connections.

use super::begin::{Last, Remote};
use super::channel::keep;
use super::client::Target;
use super::config::Settings;
use super::fail::Fail;
use super::paths::Paths;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// Starts it. `ask`: it may ask what it likes on the terminal.
pub(super) fn start(target: &Target, settings: &Settings, paths: &Paths, command: &str, ask: bool) -> Result<Pipes, Fail> {
    let mut run = Command::new("/bin/sh");
    // Ctrl-C in our terminal is for the code that runs far away and not for the connection; "ignored" is inherited.
    run.arg("-c").arg("trap '' INT; exec \"$@\"").arg("rialto").arg("ssh");
    if paths.moved {
        // It would look where the system says that we are at home.
        run.arg("-F").arg(paths.home.join(".ssh/config"));
    }
    let own = [
        "-T".to_owned(),
        "-oRemoteCommand=none".to_owned(),
        "-oClearAllForwardings=yes".to_owned(),
        format!("-oBatchMode={}", if ask { "no" } else { "yes" }),
        format!("-oConnectTimeout={}", settings.connect_timeout.as_secs()),
        format!("-oServerAliveInterval={}", settings.alive_interval.map_or(0, |every| every.as_secs())),
    ];
    run.args(own);
    if let Some(user) = &target.user {
        run.arg("-l").arg(user);
    }
    if let Some(port) = target.port {
        run.arg("-p").arg(port.to_string());
    }
    run.arg("--").arg(&target.host).arg(command);
    run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = run.spawn()?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => {
            Ok(Pipes { stdin: Some(stdin), stdout, stderr: Some(stderr), child, last: Last::default() })
        }
        _ => Err(Fail::soon("ssh was started without pipes")),
    }
}

/// It and what it carries. It ends with them.
pub(super) struct Pipes {
    /// Absent once our direction is shut: only closing the pipe says so.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    child: Child,
    last: Last,
}

impl Pipes {
    /// Takes what it complains about, so that it never waits for us to read it.
    fn complaints(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut chunk = [0; 1024];
        while let Some(stderr) = &mut self.stderr {
            let mut room = ReadBuf::new(&mut chunk);
            match ready!(Pin::new(stderr).poll_read(cx, &mut room)) {
                Ok(()) if !room.filled().is_empty() => {
                    let text = String::from_utf8_lossy(room.filled()).into_owned();
                    tracing::debug!(stderr = %text.trim_end(), "ssh says");
                    keep(&mut self.last.words, &text);
                }
                _ => self.stderr = None,
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Pipes {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let all_said = this.complaints(cx);
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stdout).poll_read(cx, into))?;
        if into.filled().len() == before && this.last.code.is_none() {
            // How it ended, and why, belongs to the end.
            ready!(all_said);
            let status = ready!(std::pin::pin!(this.child.wait()).poll(cx))?;
            this.last.code = status.code().map(i32::cast_unsigned).or(Some(255));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin.as_mut().map_or(Poll::Ready(Ok(())), |stdin| Pin::new(stdin).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

impl Remote for Pipes {
    fn last(&self) -> Last {
        self.last.clone()
    }
}

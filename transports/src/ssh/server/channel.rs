//! One channel: what it asks for, and its bytes to and from whatever serves that.
//!
//! What comes is taken at once, up to a ceiling: the library reads nothing at all of a connection while one of its channels
//! is not read.

use super::Owner;
use super::connection::{Conn, may_set};
use super::input::Input;
use crate::{Asked, Control, Exit, How, Identity, Peer, Stream, Terminal, What, Wires};
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

/// The subsystem that is our protocol.
pub(super) const SUBSYSTEM: &str = "rialto";
/// The command that is, for clients made for a stock sshd.
const COMMAND: &str = "rialto stdio";
/// The longest command. Bytes.
const LONGEST: usize = 16 * 1024;
/// How long a channel may be open and ask for nothing.
const START: Duration = Duration::from_secs(30);
const UNREAD: &str = "and no more of it is kept";
const OTHERS: &str = "and all that is kept of input for programs is taken; try again later";
/// How often it is looked whether others have made room.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Between us and whatever reads the input. Bytes.
const PIPE: usize = 64 * 1024;
/// What is given to the library at once: a third of the largest frame. Bytes.
const PIECE: usize = 22 * 1024;
/// What else the peer says and the program has not taken: a window that is being resized says it often, and the last one counts.
const CONTROLS: usize = 16;
/// For the last words of a channel.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a channel has asked for before anything runs.
pub(super) struct Ready {
    what: What,
    terminal: Option<Terminal>,
    environment: Vec<(String, String)>,
}

impl Ready {
    /// A command as text, if it is one.
    pub(super) fn line(line: &[u8]) -> Option<&str> {
        std::str::from_utf8(line).ok().filter(|line| line.len() <= LONGEST && !line.contains('\0'))
    }

    /// Waits for what the channel is to be.
    async fn of(read: &mut ChannelReadHalf) -> Option<Self> {
        let (mut terminal, mut environment) = (None, Vec::new());
        loop {
            let what = match read.wait().await? {
                ChannelMsg::RequestPty { term, col_width, row_height, .. } => {
                    let kind = if may_set("TERM", &term) { term } else { "dumb".to_owned() };
                    terminal = Some(Terminal::new(kind, small(col_width), small(row_height)));
                    continue;
                }
                ChannelMsg::SetEnv { variable_name: name, variable_value: value, .. } => {
                    if may_set(&name, &value) && environment.len() < 24 {
                        environment.push((name, value));
                    }
                    continue;
                }
                ChannelMsg::RequestShell { .. } => What::Shell,
                ChannelMsg::Exec { command, .. } => match Self::line(&command)? {
                    COMMAND => What::Protocol,
                    line => What::Line(line.to_owned()),
                },
                ChannelMsg::RequestSubsystem { name, .. } if name == SUBSYSTEM => What::Protocol,
                // Refused; another request may follow.
                ChannelMsg::RequestSubsystem { .. } | ChannelMsg::WindowChange { .. } | ChannelMsg::AgentForward { .. } => {
                    continue;
                }
                ChannelMsg::RequestX11 { .. } | ChannelMsg::WindowAdjusted { .. } | ChannelMsg::Signal { .. } => continue,
                // Input for nothing.
                _ => return None,
            };
            return Some(Self { what, terminal, environment });
        }
    }
}

fn small(size: u32) -> u16 {
    u16::try_from(size.min(10_000)).unwrap_or(u16::MAX)
}

/// Counts a channel out, however it ends.
struct Open(Arc<Conn>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves one channel to its end.
pub(super) async fn serve(conn: Arc<Conn>, channel: Channel<Msg>, handle: Handle) {
    let open = Open(Arc::clone(&conn));
    let id = channel.id();
    let (mut read, write) = channel.split();
    let ready = tokio::time::timeout(START, Ready::of(&mut read)).await;
    let exit = match (ready, conn.identity()) {
        (Ok(Some(ready)), Some(identity)) => Some(carry(&conn, identity, ready, &mut read, &write).await),
        _ => None,
    };
    // From here on what still comes is not held for anybody, so that our last words are not behind it.
    drop(read);
    let last = async {
        if let Some(exit) = exit {
            handle.eof(id).await?;
            match exit {
                Exit::Status(status) => handle.exit_status_request(id, u32::from(status)).await?,
                Exit::Signal(name) => {
                    handle.exit_signal_request(id, signal(&name), false, String::new(), "en".to_owned()).await?;
                }
            }
        }
        handle.close(id).await
    };
    let _ = tokio::time::timeout(LAST_WORDS, last).await;
    drop(open);
}

/// Carries bytes until whatever serves the channel has ended.
async fn carry(
    conn: &Arc<Conn>,
    identity: Identity,
    ready: Ready,
    read: &mut ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
) -> Exit {
    let (ours, input) = tokio::io::duplex(PIPE);
    let (to, controls) = mpsc::channel(CONTROLS);
    let shared = &conn.shared;
    let Ready { what, terminal, environment } = ready;
    let serving: Pin<Box<dyn Future<Output = Exit> + Send>> = if what == What::Protocol && !shared.programs.elsewhere(&identity) {
        let (gone, end) = oneshot::channel();
        let text = format!("ssh {} {}", conn.from, identity.principal);
        let peer = Peer { how: How::Ssh, uid: None, pid: None, identity: Some(identity), text };
        let output: Box<dyn AsyncWrite + Send + Unpin> = Box::new(Pieces(write.make_writer()));
        let stream: Stream = Box::new(Whole { input, output, _owner: shared.owner.upgrade(), _gone: gone });
        if shared.found.send((stream, peer)).await.is_err() {
            return Exit::Status(69);
        }
        Box::pin(async move {
            let _ = end.await;
            Exit::Status(0)
        })
    } else {
        let asked = Asked { identity, from: conn.from, at: conn.at, what, terminal, environment };
        let wires = Wires::new(
            Box::new(input),
            Box::new(Pieces(write.make_writer())),
            Box::new(Pieces(write.make_writer_ext(Some(1)))),
            controls,
        );
        shared.programs.run(asked, wires)
    };
    let (exit, why) = pump(conn, serving, read, ours, to).await;
    if let Some(why) = why {
        tracing::warn!(from = %conn.from, why, "ssh: closed a channel");
        let said = format!("rialto: {why}\n");
        // Where its client takes nothing either, the log has it.
        let _ = tokio::time::timeout(LAST_WORDS, write.extended_data(1, said.as_bytes())).await;
    }
    exit
}

async fn pump(
    conn: &Conn,
    mut serving: Pin<Box<dyn Future<Output = Exit> + Send>>,
    read: &mut ChannelReadHalf,
    to: DuplexStream,
    controls: mpsc::Sender<Control>,
) -> (Exit, Option<String>) {
    let mut input = Input::to(to, Arc::clone(&conn.shared.spilled));
    let mut named = false;
    let mut controls = Some(controls);
    loop {
        let stalled = input.moved + conn.shared.limits.stall;
        if input.waits_for_others() && !named {
            named = true;
            let most = conn.shared.limits.unread >> 20;
            tracing::warn!(from = %conn.from, "ssh: programs have left {most} MiB of input unread, the most there may be; not read further");
        }
        tokio::select! {
            exit = &mut serving => return (exit, None),
            () = input.step() => {}
            () = sleep_until(stalled), if input.full() => {
                // Others may have made room meanwhile.
                if !input.full() {
                    continue;
                }
                let why = if input.waits_for_others() { OTHERS } else { UNREAD };
                let stall = conn.shared.limits.stall;
                return (Exit::Signal("PIPE".to_owned()), Some(format!("the program did not read its input for {stall:?}, {why}")));
            }
            // Others may have read some of theirs.
            () = tokio::time::sleep(LOOK_AGAIN), if input.waits_for_others() => {}
            // Which channel was meant is not known where there are more: then none.
            () = conn.deaf.notified(), if controls.is_some() => if conn.open.load(Ordering::Relaxed) == 1 {
                input.end();
                controls = None;
            },
            message = read.wait(), if controls.is_some() && !input.full() => match message {
                Some(ChannelMsg::Data { data }) => input.push(&data),
                Some(ChannelMsg::Eof) => input.end(),
                Some(ChannelMsg::WindowChange { col_width, row_height, .. }) => {
                    tell(&controls, Control::Resize(small(col_width), small(row_height)));
                }
                Some(ChannelMsg::Signal { signal }) => tell(&controls, Control::Signal(name(&signal))),
                // Hung up.
                Some(ChannelMsg::Close) | None => {
                    input.end();
                    controls = None;
                }
                Some(_) => {}
            },
        }
    }
}

/// Where nobody takes them they are lost, as a signal is to who ignores it.
fn tell(to: &Option<mpsc::Sender<Control>>, control: Control) {
    if let Some(to) = to {
        let _ = to.try_send(control);
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.chars().take(16).collect(),
        other => format!("{other:?}"),
    }
}

fn signal(name: &str) -> Sig {
    match name {
        "ABRT" => Sig::ABRT,
        "ALRM" => Sig::ALRM,
        "FPE" => Sig::FPE,
        "HUP" => Sig::HUP,
        "ILL" => Sig::ILL,
        "INT" => Sig::INT,
        "KILL" => Sig::KILL,
        "PIPE" => Sig::PIPE,
        "QUIT" => Sig::QUIT,
        "SEGV" => Sig::SEGV,
        "TERM" => Sig::TERM,
        "USR1" => Sig::USR1,
        other => Sig::Custom(other.to_owned()),
    }
}

/// Output in pieces. How large they may be is otherwise the peer's to say, and the library keeps up to three of them.
struct Pieces<W>(W);

impl<W: AsyncWrite + Unpin> AsyncWrite for Pieces<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let piece = buf.get(..PIECE).unwrap_or(buf);
        Pin::new(&mut self.0).poll_write(cx, piece)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Both directions of a channel as one stream.
struct Whole {
    input: DuplexStream,
    output: Box<dyn AsyncWrite + Send + Unpin>,
    /// The connection lives while this does, even if nobody listens any more.
    _owner: Option<Arc<Owner>>,
    /// Says by its end that the daemon has let go of it.
    _gone: oneshot::Sender<()>,
}

impl AsyncRead for Whole {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_read(cx, buf)
    }
}

impl AsyncWrite for Whole {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.output).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_shutdown(cx)
    }
}

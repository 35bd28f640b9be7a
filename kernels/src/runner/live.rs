//! A running program that has made itself a kernel: it listens on a socket in a folder of this user's alone, and speaks what a runner
//! speaks. `contrib/python/rialto.py` is its other end.
//!
//! The program is nobody's to end. Killing the kernel, or dropping it, lets go of the link; what runs at that moment is interrupted
//! there, and the program goes on. Its death is the end of the link.

use super::channel::{Channel, Received};
use super::wire::{self, Frame};
use crate::Kernel;
use crate::launch::LaunchError;
use rialto_protocol::kernel::{Death, KernelCommand, KernelEvent, Launch, Step};
use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::task::{Context, Poll};

/// Of a cookie's file. Bytes.
const COOKIE: u64 = 64;

struct Live {
    channel: Channel,
    told: VecDeque<KernelEvent>,
    pid: u32,
    ready: bool,
    dead: bool,
    /// Bytes of a display still to come.
    display: u64,
}

/// Connects to the program that listens at the launch's `program`.
pub(crate) fn launch(launch: &Launch, parts: &str) -> Result<Box<dyn Kernel>, LaunchError> {
    let path = Path::new(launch.program.as_deref().unwrap_or_default());
    let gone = |why: String| LaunchError::NoProgram { socket: path.display().to_string(), why };
    let cookie = cookie(&path.with_extension("cookie")).map_err(|why| gone(why.to_string()))?;
    let stream = UnixStream::connect(path).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => gone("nothing listens there".to_owned()),
        _ => gone(why.to_string()),
    })?;
    let pid = peer(&stream).map_err(gone)?;
    let writer = stream.try_clone().map_err(|why| gone(why.to_string()))?;
    let channel = Channel::new(PipeReader::from(OwnedFd::from(stream)), PipeWriter::from(OwnedFd::from(writer)));
    let mut channel = channel.map_err(|why| gone(why.to_string()))?;
    channel.send(|tx| wire::put_greeting(tx, &cookie, parts));
    Ok(Box::new(Live { channel, told: VecDeque::new(), pid, ready: false, dead: false, display: 0 }))
}

fn cookie(path: &Path) -> io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(COOKIE + 1).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// The process at the other end, which must be of this user.
#[cfg(target_os = "linux")]
fn peer(stream: &UnixStream) -> Result<u32, String> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    let who = getsockopt(stream, PeerCredentials).map_err(|why| why.to_string())?;
    let me = nix::unistd::geteuid().as_raw();
    if who.uid() != me {
        return Err(format!("the program there is of user {}, and we are {me}", who.uid()));
    }
    Ok(u32::try_from(who.pid()).unwrap_or(0))
}

/// The folder is this user's alone, and the cookie was read from it.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)]
fn peer(_: &UnixStream) -> Result<u32, String> {
    Ok(0)
}

impl Live {
    fn hear(&mut self, frame: Frame) {
        let Frame::Event(event) = frame else { return };
        let in_display = matches!(event, KernelEvent::DisplayData(_));
        if in_display != (self.display > 0) || self.ready == matches!(event, KernelEvent::Ready(_)) {
            return self.die();
        }
        match event {
            KernelEvent::Ready(mut info) => {
                self.ready = true;
                info.pid = self.pid;
                info.note = Some(format!("the running program {}: its variables and threads, as they are", self.pid));
                self.told.push_back(KernelEvent::Ready(info));
            }
            KernelEvent::DisplayStart { n, role, forms } => {
                self.display = forms.iter().fold(0, |sum, (_, size)| sum.saturating_add(*size));
                self.told.push_back(KernelEvent::DisplayStart { n, role, forms });
            }
            KernelEvent::DisplayData(data) => match self.display.checked_sub(data.len() as u64) {
                Some(left) => {
                    self.display = left;
                    self.told.push_back(KernelEvent::DisplayData(data));
                }
                None => self.die(),
            },
            other => self.told.push_back(other),
        }
    }

    /// The link is over, whoever ended it.
    fn die(&mut self) {
        if self.dead {
            return;
        }
        self.dead = true;
        self.channel.close();
        let never =
            "the program ended the link before it had greeted: it is of another build of rialto, or its cookie another one";
        let failed_start = (!self.ready).then(|| never.to_owned());
        self.told.push_back(KernelEvent::Died(Death { failed_start, ..Death::default() }));
    }
}

impl Kernel for Live {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<KernelEvent> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Poll::Ready(event);
            }
            if self.dead {
                return Poll::Pending;
            }
            self.channel.flush(cx);
            match self.channel.next_frame() {
                Ok(Some(frame)) => self.hear(frame),
                Ok(None) if self.channel.poll_receive(cx) == Received::Some => {}
                Ok(None) if self.channel.has_ended() => self.die(),
                Ok(None) => return Poll::Pending,
                Err(_) => {
                    tracing::warn!(pid = self.pid, "the program's link carries what no runner sends; it is let go");
                    self.die();
                }
            }
        }
    }

    fn command(&mut self, command: KernelCommand) {
        if self.dead {
            return;
        }
        match command {
            KernelCommand::Exec(exec) => self.channel.send(|tx| wire::put_exec(tx, &exec, false)),
            KernelCommand::Interrupt(step @ (Step::Interrupt | Step::Again)) => {
                self.channel.send(|tx| wire::put_interrupt(tx, step))
            }
            // What does not stop is left behind in the program, and not the program ended for it.
            KernelCommand::Interrupt(_) | KernelCommand::Shutdown => self.die(),
            KernelCommand::Fence(k) => self.channel.send(|tx| wire::put_fence(tx, k)),
            KernelCommand::Input { ask, data, eof } => self.channel.send(|tx| wire::put_input(tx, ask, &data, eof)),
            KernelCommand::Terminal(_) => {}
            KernelCommand::Query(id, query) => self.channel.send(|tx| wire::put_query(tx, id, &query)),
            // It says that it has none.
            KernelCommand::Comm(..) => {}
        }
    }

    /// Nothing that may ever be ended for being left over.
    fn pid(&self) -> Option<u32> {
        None
    }

    fn kill_group(&mut self) {
        self.die();
    }
}

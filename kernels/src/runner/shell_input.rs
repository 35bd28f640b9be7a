//! What a shell's programs read as standard input: a pipe that is filled by answers, and closed for its end.

use rialto_protocol::data::Failure;
use rialto_protocol::kernel::DoneHow;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// How often is looked whether a program waits for input: at first, and at most.
const FIRST: Duration = Duration::from_millis(40);
const LAST: Duration = Duration::from_secs(1);

pub(super) struct ShellInput {
    /// The shell's end, of which we keep a copy: so the pipe lives on when its writing end is closed.
    reader: PipeReader,
    /// None after its end, until the next eval.
    writer: Option<File>,
    /// What did not fit yet.
    unsent: Vec<u8>,
    /// Its reading end is the shell's; nobody ever writes.
    life: PipeReader,
    _life: PipeWriter,
    /// The shell itself has asked for this number, or nobody.
    pub(super) asked: Option<u64>,
    pub(super) line: bool,
    /// The eval that runs has been interrupted.
    pub(super) interrupted: bool,
    next: u64,
    look: Pin<Box<Sleep>>,
    pause: Duration,
}

impl ShellInput {
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let (life, life_writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok(Self {
            reader,
            writer: Some(OwnedFd::from(writer).into()),
            unsent: Vec::new(),
            life,
            _life: life_writer,
            asked: None,
            line: false,
            interrupted: false,
            next: 0,
            look: Box::pin(sleep(FIRST)),
            pause: FIRST,
        })
    }

    pub(super) fn theirs(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    pub(super) fn life(&self) -> i32 {
        self.life.as_raw_fd()
    }

    pub(super) fn inherited(&self) -> [BorrowedFd<'_>; 2] {
        [self.reader.as_fd(), self.life.as_fd()]
    }

    /// A new number, where there is nothing left to give.
    pub(super) fn ask(&mut self, line: bool) -> Option<u64> {
        if !self.unsent.is_empty() || self.writer.is_none() {
            self.write();
            return None;
        }
        self.next += 1;
        (self.asked, self.line) = (Some(self.next), line);
        self.asked
    }

    /// Nothing waits there, and its end has not been said.
    pub(super) fn is_empty(&self) -> bool {
        self.writer.is_some() && rustix::io::ioctl_fionread(&self.reader).is_ok_and(|n| n == 0)
    }

    pub(super) fn answer(&mut self, ask: u64, data: &[u8], eof: bool) {
        if self.asked != Some(ask) {
            return;
        }
        self.asked = None;
        self.look_soon();
        self.unsent.extend_from_slice(data);
        if self.line && !(eof && data.is_empty()) {
            self.unsent.push(b'\n');
        }
        self.write();
        if eof {
            // Readers see the end once nobody can write.
            self.writer = None;
            self.unsent.clear();
        }
    }

    fn write(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        while !self.unsent.is_empty() {
            match writer.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Full: the rest is given when somebody waits for it.
                Err(_) => return,
            }
        }
    }

    /// Before the next eval: what the last one did not read is not for it.
    pub(super) fn fresh(&mut self) {
        (self.asked, self.line, self.interrupted) = (None, false, false);
        self.unsent.clear();
        let mut rest = vec![0; rustix::io::ioctl_fionread(&self.reader).map_or(0, |n| usize::try_from(n).unwrap_or(0))];
        if !rest.is_empty() {
            let _ = self.reader.read(&mut rest);
        }
        if self.writer.is_none() {
            let again = OpenOptions::new().write(true).open(format!("/dev/fd/{}", self.theirs()));
            self.writer = again.ok().filter(|writer| rustix::io::ioctl_fionbio(writer, true).is_ok());
        }
        self.look_soon();
    }

    /// An interrupt that has ended the command shows as a status; only here is known that there was one.
    pub(super) fn mend(&self, how: &mut DoneHow) {
        if self.interrupted && matches!(how, DoneHow::Exit { code: 130, .. }) {
            let value = "the eval was interrupted".to_owned();
            let traceback = "Interrupted\n".to_owned();
            *how = DoneHow::Interrupted(Failure { name: "Interrupted".to_owned(), value, traceback });
        }
    }

    fn look_soon(&mut self) {
        self.pause = FIRST;
        self.look.as_mut().reset(Instant::now() + FIRST);
    }

    /// Whether a program of this group waits for input that nobody has been asked for. Looked at now and then while an eval runs: a
    /// pipe does not tell.
    pub(super) fn poll_wanted(&mut self, cx: &mut Context<'_>, group: Option<u32>) -> bool {
        while self.look.as_mut().poll(cx).is_ready() {
            self.pause = (self.pause * 2).min(LAST);
            let next = Instant::now() + self.pause;
            self.look.as_mut().reset(next);
            if self.asked.is_none() && self.is_empty() && group.is_some_and(|group| self.somebody_reads(group)) {
                return true;
            }
        }
        false
    }

    #[cfg(target_os = "linux")]
    fn somebody_reads(&self, group: u32) -> bool {
        use std::os::unix::fs::MetadataExt;
        let Ok(about) = std::fs::metadata(format!("/dev/fd/{}", self.theirs())) else { return false };
        let ours = format!("pipe:[{}]", about.ino());
        let Ok(processes) = std::fs::read_dir("/proc") else { return false };
        processes.flatten().any(|process| {
            let path = process.path();
            let in_group = || {
                let stat = std::fs::read_to_string(path.join("stat")).ok()?;
                stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse::<u32>().ok()
            };
            process.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
                && in_group() == Some(group)
                && std::fs::read_link(path.join("fd/0")).is_ok_and(|link| link.as_os_str() == ours.as_str())
                && std::fs::read_to_string(path.join("syscall")).is_ok_and(|call| reads_standard_input(&call))
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn somebody_reads(&self, _group: u32) -> bool {
        false
    }
}

/// `read` of descriptor 0, as the system writes down a call that waits: its number and its arguments.
#[cfg(target_os = "linux")]
fn reads_standard_input(call: &str) -> bool {
    const READ: &str = if cfg!(target_arch = "x86_64") { "0" } else { "63" };
    let mut words = call.split_whitespace();
    words.next() == Some(READ) && words.next() == Some("0x0")
}

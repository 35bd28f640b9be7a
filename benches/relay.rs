//! The least that any bridge could be which keeps the promises' first half: a process of its own between the client and the
//! floor's child, which writes whatever passes to a log before it passes it on. No protocol, no order, no second client, no
//! resume. What a figure is above this is what Rialto's own work costs; what this is above the floor, no work can save.

use crate::floor::child;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// In the environment of this program where it is to be the relay: its socket, or `-` for its own stdin and stdout. The
/// interpreter is in the other one.
pub(crate) const SOCKET: &str = "RIALTO_BENCH_RELAY";
pub(crate) const PYTHON: &str = "RIALTO_BENCH_PYTHON";

/// Pages of the log and what stands before each, as SQLite writes them; where it begins again. Bytes.
const PAGE: usize = 4096;
const HEAD: usize = 24;
const LOG: u64 = 8 * 1024 * 1024;

/// Serves one client, until it goes.
pub(crate) fn run(socket: OsString) {
    if socket == "-" {
        let log = std::env::temp_dir().join(format!("bench-relay-{}.log", std::process::id()));
        let file = |fd: BorrowedFd<'_>| File::from(fd.try_clone_to_owned().unwrap());
        carry(file(std::io::stdin().as_fd()), file(std::io::stdout().as_fd()), &log);
        return std::fs::remove_file(log).unwrap();
    }
    let socket = Path::new(&socket);
    let listener = UnixListener::bind(socket).unwrap();
    let (client, _) = listener.accept().unwrap();
    carry(client.try_clone().unwrap(), client, &socket.with_extension("log"));
}

fn carry(mut client: impl Read + AsFd, mut answers: impl Write, log: &Path) {
    let mut child = child(&std::env::var(PYTHON).unwrap());
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(log).unwrap();
    let mut log = Log { file, at: 0, page: vec![7; PAGE] };
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let mut fds = [PollFd::new(client.as_fd(), PollFlags::POLLIN), PollFd::new(from.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::NONE).unwrap();
        let [asked, said] = fds.map(|fd| fd.any().unwrap_or(false));
        if asked {
            let n = client.read(&mut bytes).unwrap_or(0);
            if n == 0 {
                break;
            }
            log.keep(n);
            to.write_all(&bytes[..n]).unwrap();
        }
        if said {
            let n = from.read(&mut bytes).unwrap_or(0);
            if n == 0 {
                break;
            }
            log.keep(n);
            answers.write_all(&bytes[..n]).unwrap();
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

struct Log {
    file: File,
    at: u64,
    page: Vec<u8>,
}

impl Log {
    fn keep(&mut self, bytes: usize) {
        for _ in 0..bytes.div_ceil(PAGE) {
            self.file.write_all_at(&self.page[..HEAD], self.at).unwrap();
            self.file.write_all_at(&self.page, self.at + HEAD as u64).unwrap();
            self.at += (HEAD + PAGE) as u64;
        }
        if self.at > LOG {
            self.at = 0;
        }
    }
}

//! Where this program writes what happens to itself: never longer than a megabyte, with one older file beside it.

use crate::router::MAX_LOG;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// A log file that is put aside when it is long.
struct Bounded {
    path: PathBuf,
    file: File,
    most: u64,
    /// It is where stderr goes as well, so that what others write there is in the same file.
    stderr: bool,
}

impl Bounded {
    /// A log of its own.
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: append(path)?, most: MAX_LOG, stderr: false })
    }

    /// The log that stderr goes to already. None: it goes somewhere else, which is then somebody else's to keep short.
    fn of_stderr(path: &Path) -> Option<Self> {
        let file = append(path).ok()?;
        let (here, there) = (file.metadata().ok()?, nix::sys::stat::fstat(io::stderr()).ok()?);
        #[allow(clippy::unnecessary_cast, reason = "its type differs between systems")]
        let same = here.ino() == there.st_ino as u64;
        same.then(|| Self { path: path.to_owned(), file, most: MAX_LOG, stderr: true })
    }

    fn put_aside(&mut self) -> io::Result<()> {
        let mut old = self.path.as_os_str().to_owned();
        old.push(".old");
        std::fs::rename(&self.path, PathBuf::from(old))?;
        self.file = append(&self.path)?;
        if self.stderr {
            nix::unistd::dup2_stderr(&self.file)?;
        }
        Ok(())
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Asked of the file: others write to it, too. Lines are few, or somebody wanted many.
        if self.file.metadata().is_ok_and(|found| found.len() + bytes.len() as u64 > self.most) && self.put_aside().is_err() {
            // Better without its past than without an end.
            let _ = self.file.set_len(0);
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Something else that hears of every eval, whatever is wanted in the log.
pub type More = Box<dyn Layer<Registry> + Send + Sync>;

/// A supervisor's log, on stderr, as much as `RIALTO_LOG` wants. What people type and print is in the journal, never here.
pub(crate) fn of_supervisor(session: &Path, more: Option<More>) {
    match Bounded::of_stderr(&session.join("log")) {
        Some(log) => begin("warn", Mutex::new(log), more),
        None => begin("warn", io::stderr, more),
    }
}

/// A daemon's, on stderr or in a file; so much of it where `RIALTO_LOG` does not say.
///
/// # Errors
/// The file cannot be written.
pub fn of_daemon(level: &str, file: Option<&Path>, more: Option<More>) -> io::Result<()> {
    match file {
        Some(path) => begin(level, Mutex::new(Bounded::open(path)?), more),
        None => begin(level, io::stderr, more),
    }
    Ok(())
}

fn begin<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(level: &str, writer: W, more: Option<More>) {
    let wanted = |text: String| text.parse::<Targets>().ok();
    let filter = std::env::var("RIALTO_LOG").ok().and_then(wanted).or_else(|| wanted(level.to_owned())).unwrap_or_default();
    // One that cannot be written (its disk is full, its reader gone) is no reason to panic, which complaining about it on stderr is.
    let log = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false).with_ansi(false);
    let all = tracing_subscriber::registry().with(more).with(log.with_span_events(FmtSpan::CLOSE).with_filter(filter));
    // Somebody else's subscriber would do as well.
    let _ = all.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_stays_short_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Bounded { most: 100, ..Bounded::open(&path).unwrap() };
        for n in 0..50 {
            writeln!(log, "line {n:03}").unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("log").ends_with("line 049\n") && read("log").len() <= 100 && read("log.old").len() <= 100);
        assert!(
            format!("{}{}", read("log.old"), read("log")).contains("line 038\nline 039\n"),
            "{} {}",
            read("log.old"),
            read("log")
        );
        // Where it cannot be put aside, it loses its past and not its bound.
        std::fs::remove_file(folder.path().join("log.old")).unwrap();
        std::fs::create_dir_all(folder.path().join("log.old/x")).unwrap();
        for n in 0..50 {
            writeln!(log, "more {n:03}").unwrap();
        }
        assert!(read("log").ends_with("more 049\n") && read("log").len() <= 100);
    }
}

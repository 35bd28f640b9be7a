//! A user's machine in a folder of its own: state, sockets, a home, a project. When it goes, nothing of it may still run.

use super::processes::{self, Found};
use super::run::{Running, Said};
use super::wait::{BOUND, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct World {
    dir: tempfile::TempDir,
    path: String,
}

impl World {
    pub(crate) fn new() -> Self {
        // Short and without links: a socket's path ends at 107 bytes, and folders that are links are refused.
        let base = std::fs::canonicalize("/tmp").unwrap();
        let dir = tempfile::Builder::new().prefix("rl-").tempdir_in(base).unwrap();
        for folder in ["home", "bin", "project/.git"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rialto"), dir.path().join("bin/rialto")).unwrap();
        let path = format!("{}:{}:/usr/bin:/bin", dir.path().join("bin").display(), python_folder().display());
        Self { dir, path }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where its programs are.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir().join("s")
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.dir().join("r")
    }

    /// The folder that everything runs in unless it says otherwise.
    pub(crate) fn project(&self) -> PathBuf {
        self.dir().join("project")
    }

    /// Writes a file of the project.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.project().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A program with an environment that has nothing of the one who runs the tests.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.project());
        command.env("PATH", &self.path).env("HOME", self.dir().join("home")).env("LANG", "C.UTF-8").env("TERM", "xterm");
        command.env("RIALTO_STATE_DIR", self.state()).env("RIALTO_RUNTIME_DIR", self.runtime());
        command
    }

    /// `rialto` with these arguments, for more to be set.
    pub(crate) fn rialto(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_rialto"));
        command.args(arguments);
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.rialto(arguments))
    }

    /// `rialto` with these arguments and nothing on its stdin, to its end.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.start(arguments).end()
    }

    /// `rialto` that is given this on its stdin.
    #[track_caller]
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Said {
        self.start(arguments).end_with(stdin)
    }

    /// A line of shell.
    #[track_caller]
    pub(crate) fn sh(&self, line: &str) -> Said {
        let mut command = self.command("sh");
        command.args(["-c", line]);
        Running::start(command).end()
    }

    /// A session of this name, with this run in it.
    pub(crate) fn session(&self, name: &str, code: &str) {
        self.run(&["exec", "-s", name, "-k", "python", "-q", "-c", code]).ok();
    }

    /// The sessions, as `ls --json` has them.
    #[track_caller]
    pub(crate) fn ls(&self, all: bool) -> Vec<Value> {
        let arguments: &[&str] = if all { &["ls", "--json", "--all"] } else { &["ls", "--json"] };
        lines(&self.run(arguments).ok())
    }

    /// The events of a session.
    #[track_caller]
    pub(crate) fn events(&self, session: &str) -> Vec<Value> {
        lines(&self.run(&["logs", session, "--json"]).ok())
    }

    /// Everything of this world that runs.
    pub(crate) fn processes(&self) -> Vec<Found> {
        processes::of(&self.state())
    }

    /// Waits until no process of this world is left.
    #[track_caller]
    pub(crate) fn quiet(&self) {
        until("every process of this world to end", || self.processes().is_empty().then_some(()));
    }

    /// The same, but for one that is to stay.
    #[track_caller]
    pub(crate) fn quiet_but(&self, stays: i32) {
        until("every other process of this world to end", || {
            self.processes().iter().all(|found| found.pid == stays).then_some(())
        });
    }

    /// Waits for a file of the project to have something in it.
    #[track_caller]
    pub(crate) fn wait_for_file(&self, name: &str) -> String {
        let path = self.project().join(name);
        until(name, || std::fs::read_to_string(&path).ok().filter(|text| !text.is_empty()))
    }

    /// The supervisors, by the lock each of them holds.
    pub(crate) fn supervisors(&self) -> Vec<i32> {
        let Ok(sessions) = std::fs::read_dir(self.state().join("sessions")) else { return Vec::new() };
        let holder = |dir: PathBuf| {
            let lock: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("lock")).ok()?).ok()?;
            i32::try_from(lock["pid"].as_i64()?).ok()
        };
        let alive: Vec<i32> = self.processes().iter().map(|found| found.pid).collect();
        sessions.filter_map(|entry| holder(entry.ok()?.path())).filter(|pid| alive.contains(pid)).collect()
    }

    /// What the supervisors wrote to their logs.
    fn logs(&self) -> String {
        let Ok(sessions) = std::fs::read_dir(self.state().join("sessions")) else { return String::new() };
        sessions.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("log")).ok()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for pid in self.supervisors() {
            processes::signal(pid, Signal::SIGTERM);
        }
        // A kernel goes with its supervisor. What does not is a leak, which fails the test and is ended all the same.
        let end = Instant::now() + BOUND / 12;
        while !self.processes().is_empty() && Instant::now() < end {
            std::thread::yield_now();
        }
        let left = self.processes();
        for found in &left {
            processes::signal(found.pid, Signal::SIGKILL);
        }
        let logs = self.logs();
        if !std::thread::panicking() {
            assert!(left.is_empty(), "still running when its world has ended: {left:?}");
            assert!(!logs.contains("panicked at"), "a supervisor panicked:\n{logs}");
        } else if !logs.is_empty() {
            eprintln!("what the supervisors logged:\n{logs}");
        }
    }
}

/// The JSON values of these lines.
#[track_caller]
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

/// Where a python3 is that starts at once: some machines have a script of that name first, which looks for the real one.
fn python_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = |folder: &PathBuf| {
            let mut first = [0; 2];
            std::fs::File::open(folder.join("python3")).and_then(|mut f| f.read_exact(&mut first)).is_ok() && &first != b"#!"
        };
        std::env::split_paths(&path).find(program).expect("a python3 on the PATH")
    })
}

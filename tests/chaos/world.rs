//! Folders of its own, the real binary in them, and the end of everything that was started there.

use crate::client::Client;
use crate::long;
use crate::processes::{self, Process, left, process, signal, until};
use crate::promises::Story;
use crate::table::Row;
use nix::sys::signal::Signal;
use rialto_bridge::home::{Home, SessionHome};
use rialto_bridge::journal::{Journal, Stored};
use rialto_bridge::router::Spawn;
use rialto_client::Start;
use rialto_protocol::message::{Create, Open};
use rialto_protocol::{RequestId, codec};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const RIALTO: &str = env!("CARGO_BIN_EXE_rialto");
/// A test that hangs must end its processes itself: whoever ends it from outside does not know them.
const HANGS: Duration = Duration::from_secs(100);
const HANGS_LONG: Duration = Duration::from_secs(1_500);

/// Plays a scenario on a runtime of its own, and fails it where it hangs.
pub(crate) fn play<T>(scenario: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let patience = if long() { HANGS_LONG } else { HANGS };
    runtime.block_on(async { tokio::time::timeout(patience, scenario).await.expect("the scenario hangs") })
}

/// The same scenario with several seeds.
pub(crate) fn times<F: Future<Output = Row>>(name: &str, seeds: Range<u64>, scenario: impl Fn(u64) -> F) {
    play(async {
        let mut sum = Row::default();
        for seed in seeds {
            println!("{name}, seed {seed}");
            sum.add(&scenario(seed).await);
        }
        sum.close(name);
    });
}

/// One machine's worth of sessions.
pub(crate) struct World {
    temp: TempDir,
    pub(crate) home: Home,
    pub(crate) spawn: Spawn,
    next: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With more in the supervisors' environment.
    pub(crate) fn with(environment: &[(&str, &str)]) -> Self {
        let temp = tempfile::Builder::new().prefix("chaos-").tempdir().unwrap();
        let state = temp.path().join("state");
        Self::at(temp, &state, environment)
    }

    /// With the state folder in a place of the caller's choice.
    pub(crate) fn at(temp: TempDir, state: &Path, environment: &[(&str, &str)]) -> Self {
        let home = Home::at(state, &temp.path().join("run")).unwrap();
        let mut env = vec![
            ("RIALTO_STATE_DIR".into(), home.state().into()),
            ("RIALTO_RUNTIME_DIR".into(), home.runtime().into()),
            ("RIALTO_LOG".into(), "warn".into()),
        ];
        env.extend(environment.iter().map(|(key, value)| (key.into(), value.into())));
        let spawn = Spawn { exe: RIALTO.into(), args: vec!["supervise".into()], env, scope: false, agent: None };
        Self { temp, home, spawn, next: 0 }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Where code that really runs says so.
    pub(crate) fn truth(&self) -> PathBuf {
        self.path("truth")
    }

    /// The binary, in this world.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(RIALTO), arguments)
    }

    /// Another file than the binary, in this world.
    pub(crate) fn command_of(&self, exe: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(exe);
        command.args(arguments).envs(self.spawn.env.iter().map(|(key, value)| (key, value)));
        command.env_remove("RIALTO_AT").stdin(Stdio::null()).current_dir(self.temp.path());
        command
    }

    /// What its stdout says, once it has ended well.
    pub(crate) async fn say(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let out = command.kill_on_drop(true).output().await.unwrap();
        assert!(out.status.success(), "rialto {arguments:?}: {}: {}", out.status, String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// A request for the session of a name, made where it is not there.
    pub(crate) fn open(&mut self, name: &str) -> Open {
        self.next += 1;
        let create = Create {
            id: RequestId(u128::from(self.next).to_le_bytes()),
            kernel: "python".into(),
            session: None,
            program: Some(python()),
            cwd: self.temp.path().display().to_string(),
            env: Default::default(),
            must_be_new: false,
            ends_when_done: false,
            remove_at_end: false,
            cull_after_ms: None,
            setup: Default::default(),
        };
        Open { session: name.into(), create: Some(create), ..Open::default() }
    }

    /// A request that is never made.
    pub(crate) fn nothing(&self) -> Open {
        Open { session: "nothing".into(), ..Open::default() }
    }

    /// A client of the session, from its first event on.
    pub(crate) fn client(&mut self, name: &str) -> Client {
        let open = self.open(name);
        self.client_from(open, Start::After(None))
    }

    pub(crate) fn client_from(&self, open: Open, start: Start) -> Client {
        Client::new(self.home.clone(), self.spawn.clone(), open, start)
    }

    /// The only session there is.
    pub(crate) fn only(&self) -> SessionHome {
        let mut all = self.home.sessions().unwrap();
        assert_eq!(all.len(), 1, "one session: {all:?}");
        all.remove(0)
    }

    /// All processes that were started here.
    pub(crate) fn processes(&self) -> Vec<Process> {
        processes::with_variable(&format!("RIALTO_RUNTIME_DIR={}", self.home.runtime().display()))
    }

    /// Ends the supervisor as nothing can be survived, and waits until it is gone.
    pub(crate) async fn kill_supervisor(&self, session: &SessionHome) -> i32 {
        let pid = until("a supervisor that has said who it is", || supervisor(session)).await;
        signal(pid, Signal::SIGKILL);
        gone(pid).await;
        pid
    }

    /// Processes that are neither a daemon nor the session's supervisor nor its kernel (a child of that) nor in the kernel's group.
    pub(crate) fn strays(&self, session: &SessionHome) -> Vec<Process> {
        let supervisor = supervisor(session);
        let all = self.processes();
        let groups: Vec<i32> = all.iter().filter(|p| Some(p.ppid) == supervisor).map(|p| p.pgid).collect();
        let served = |p: &Process| p.command.contains(" serve ");
        let known = |p: &Process| Some(p.pid) == supervisor || groups.contains(&p.pgid) || served(p);
        all.into_iter().filter(|p| !known(p)).collect()
    }

    /// The journal of a session whose supervisor is dead, as it lies there; it is whole, or this fails.
    pub(crate) fn journal(&self, session: &SessionHome) -> Story {
        journal_at(&session.journal())
    }

    /// All that a client is told who comes now and reads from the beginning.
    pub(crate) async fn journal_through_a_client(&mut self, name: &str) -> Story {
        let mut client = self.client(name);
        client.catch_up().await;
        client.story
    }

    /// Ends every session as a person would, and deletes them: nothing may be left, neither a process nor a file. Call it when
    /// no daemon of this world lives.
    pub(crate) async fn ends(&self, row: Row) -> Row {
        for session in self.home.sessions().unwrap() {
            if session.lives().unwrap() {
                self.say(&["kill", session.id().as_str()]).await;
            }
        }
        left(|| self.home.sessions().unwrap().into_iter().filter(|session| session.lives().unwrap()).collect()).await;
        let orphans = left(|| self.processes()).await;
        let mut stale: Vec<PathBuf> = files(self.home.runtime());
        for session in self.home.sessions().unwrap() {
            // SQLite has everybody who reads a file leave an index of its log beside it, and the log where it is empty.
            let read = |file: &Path| {
                let empty = std::fs::metadata(file).is_ok_and(|found| found.len() == 0);
                file.ends_with("journal.db-shm") || file.ends_with("journal.db-wal") && empty
            };
            let kept = |file: &Path| KEPT.iter().any(|kept| file.ends_with(kept)) || read(file);
            stale.extend(files(session.dir()).into_iter().filter(|file| !kept(file)));
        }
        for session in self.home.sessions().unwrap() {
            self.say(&["rm", session.id().as_str()]).await;
        }
        let kept = files(self.home.state());
        let ours = |file: &Path| OURS.iter().any(|ours| file.ends_with(ours)) || file.to_string_lossy().contains(CACHED);
        stale.extend(kept.into_iter().filter(|file| !ours(file)));
        assert!(orphans.is_empty() && stale.is_empty(), "left running: {orphans:#?}, left lying: {stale:#?}");
        Row { orphans: row.orphans + orphans.len() as u64, stale: row.stale + stale.len() as u64, ..row }
    }

    /// No panic and no error in what the supervisors wrote.
    pub(crate) fn logs_are_calm(&self) {
        for session in self.home.sessions().unwrap() {
            let log = std::fs::read_to_string(session.log()).unwrap_or_default();
            assert!(!log.contains("panicked") && !log.contains("ERROR"), "{}", session.log_tail());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for session in self.home.sessions().unwrap_or_default() {
                println!("log of {}: {}", session.id(), session.log_tail());
            }
        }
        // Those that end may be starting others: until none is left, which a bound on rounds makes an end of in any case.
        for _ in 0..200 {
            let all = self.processes();
            if all.is_empty() {
                return;
            }
            for one in all {
                signal(one.pid, Signal::SIGCONT);
                signal(one.pid, Signal::SIGKILL);
            }
        }
    }
}

/// What a session that has ended keeps.
const KEPT: [&str; 11] = [
    "session.json",
    "cookie",
    "journal.db",
    "head.json",
    "log",
    "log.old",
    "lock",
    "start.lock",
    "ended",
    "terminal.cursor",
    "shares.json",
];
/// What is not any session's: the machine's own, and what shows who comes by a network.
const OURS: [&str; 10] = [
    "claim.lock",
    "history",
    "history.sqlite",
    "tokens.json",
    "tokens.lock",
    "audit.log",
    "tls/certificate.pem",
    "tls/key.pem",
    "ssh_host_ed25519",
    "ssh_host_ed25519.pub",
];
/// The runner as an interpreter has compiled it.
const CACHED: &str = "/state/cache/cpython-";

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The journal in a file that nobody serves. Checked by SQLite first, as far as that can be had.
pub(crate) fn journal_at(path: &Path) -> Story {
    // SQLite's own check is made on a copy: it would otherwise move the log into the file and lay others beside it.
    let copy = tempfile::tempdir().unwrap();
    for tail in ["", "-wal"] {
        let from = path.with_extension(format!("db{tail}"));
        if from.exists() {
            std::fs::copy(&from, copy.path().join(format!("journal.db{tail}"))).unwrap();
        }
    }
    let look = "import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check'): print(row[0])";
    let out = Command::new(python()).args(["-c", look]).arg(copy.path().join("journal.db")).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(said.trim(), "ok", "{}: {}", path.display(), String::from_utf8_lossy(&out.stderr));
    let journal = Journal::open_read_only(path).unwrap();
    let mut story = Story::default();
    let mut after = 0;
    loop {
        let rows = journal.read_after(after, 1 << 20).unwrap();
        let Some(last) = rows.last() else { return story };
        let last = last.seq;
        for row in rows {
            if row.seq != after + 1 {
                story.gaps.push((after + 1, row.seq - 1));
            }
            after = row.seq;
            let body = match row.body {
                Stored::Whole(body) => body,
                Stored::Pieces { count, .. } => {
                    (0..count).flat_map(|at| journal.read_piece(row.seq, at).unwrap().expect("a piece is missing")).collect()
                }
            };
            story.records.push(codec::read_record(row.kind, &body).unwrap());
        }
        assert_eq!(after, last);
    }
}

fn number_in(path: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(path).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    i32::try_from(value["pid"].as_i64()?).ok()
}

/// The supervisor that has said so in its lock, where it lives.
pub(crate) fn supervisor(session: &SessionHome) -> Option<i32> {
    number_in(&session.lock_file()).filter(|pid| process(*pid).is_some())
}

/// The kernel's process, which leads its group.
pub(crate) fn kernel(session: &SessionHome) -> Option<i32> {
    number_in(&session.leftover())
}

pub(crate) async fn gone(pid: i32) {
    until("the end of a process", || process(pid).is_none().then_some(())).await;
}

/// The interpreter itself: a version manager's script in front of it would cost more than the whole start.
pub(crate) fn python() -> String {
    let out = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().expect("python3 is needed");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

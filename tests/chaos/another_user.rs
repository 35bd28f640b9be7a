//! Two users of one machine, with the folders that the product itself chooses: neither sees, reaches, reads or fakes what is
//! the other's.

use crate::processes::{Process, signal, until, with_variable};
use crate::raw::Raw;
use crate::table::Row;
use crate::world::{RIALTO, files, play};
use nix::sys::signal::Signal;
use rialto_protocol::{Code, Message};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What marks the processes of one test.
const MARK: &str = "CHAOS_WORLD";

/// A place that both users can enter, with the binary in it.
struct Town {
    temp: TempDir,
    users: Vec<u32>,
}

impl Town {
    fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "only root can be two users: run as root, or in a container");
        let temp = tempfile::Builder::new().prefix("town-").tempdir().unwrap();
        std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(RIALTO, temp.path().join("rialto")).unwrap();
        std::fs::set_permissions(temp.path().join("rialto"), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { temp, users: Vec::new() }
    }

    fn mark(&self) -> String {
        format!("{MARK}={}", self.temp.path().display())
    }

    /// A user that nobody else is: a number without an entry in the list of users.
    fn user(&mut self) -> User {
        let base = 200_000 + std::process::id() % 50_000 * 8;
        let uid = base + u32::try_from(self.users.len()).unwrap();
        assert!(!runtime(uid).exists(), "{} is left from another time", runtime(uid).display());
        self.users.push(uid);
        let home = self.temp.path().join(uid.to_string());
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
        chown(&home, Some(uid), Some(uid)).unwrap();
        User { uid, home, rialto: self.temp.path().join("rialto"), mark: self.temp.path().display().to_string() }
    }

    fn processes(&self) -> Vec<Process> {
        with_variable(&self.mark())
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for _ in 0..200 {
            let all = self.processes();
            if all.is_empty() {
                break;
            }
            all.iter().for_each(|one| signal(one.pid, Signal::SIGKILL));
        }
        for uid in &self.users {
            let _ = std::fs::remove_file(runtime(*uid));
            let _ = std::fs::remove_dir_all(runtime(*uid));
        }
    }
}

/// Where sockets are, where the system gives no folder for them.
fn runtime(uid: u32) -> PathBuf {
    PathBuf::from(format!("/tmp/rialto-{uid}"))
}

struct User {
    uid: u32,
    home: PathBuf,
    rialto: PathBuf,
    mark: String,
}

impl User {
    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        // Setting a user as root clears the groups, too.
        command.args(arguments).uid(self.uid).gid(self.uid).current_dir(&self.home).stdin(Stdio::null()).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.home).env(MARK, &self.mark);
        command.env("XDG_STATE_HOME", self.home.join("state"));
        command
    }

    async fn run(&self, command: Command) -> Output {
        tokio::process::Command::from(command).kill_on_drop(true).output().await.unwrap()
    }

    async fn rialto(&self, arguments: &[&str]) -> Output {
        self.run(self.command(&self.rialto, arguments)).await
    }

    /// What it prints, where it must go well.
    async fn says(&self, arguments: &[&str]) -> String {
        let out = self.rialto(arguments).await;
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Why it does not go.
    async fn fails(&self, arguments: &[&str]) -> String {
        let out = self.rialto(arguments).await;
        assert!(!out.status.success(), "{arguments:?} went well: {}", String::from_utf8_lossy(&out.stdout));
        String::from_utf8(out.stderr).unwrap()
    }

    /// What Python says when this user tries.
    async fn tries(&self, code: &str, at: &Path) -> String {
        let out = self.run(self.command(Path::new("/usr/bin/env"), &["python3", "-c", code, at.to_str().unwrap()])).await;
        String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or_default().to_owned()
    }
}

#[test]
fn neither_sees_reaches_or_reads_what_is_the_others() {
    play(async {
        let mut town = Town::new();
        let (owner, other) = (town.user(), town.user());
        owner.says(&["exec", "-s", "private", "-k", "python", "-c", "'a secret'"]).await;
        let listed: serde_json::Value = serde_json::from_str(&owner.says(&["ls", "--json"]).await).unwrap();
        let id = listed["session"].as_str().unwrap().to_owned();
        // It is not in a list, and not there by name or id.
        assert_eq!(other.says(&["ls", "-a", "--json"]).await, "");
        for name in ["private", &id, id.get(..4).unwrap()] {
            for command in [vec!["attach", name], vec!["logs", name], vec!["kill", name], vec!["exec", "-s", name, "-c", "1"]] {
                let said = other.fails(&command).await;
                assert!(said.contains(name) && !said.contains("secret"), "{command:?}: {said}");
            }
        }
        // Its files cannot be opened: journal, log, cookie, lock, whatever else there is.
        let mut checked = 0;
        let mut all = files(&owner.home.join("state"));
        for file in &all {
            assert_eq!(std::fs::metadata(file).unwrap().mode() & 0o077, 0, "{}", file.display());
            let said = other.tries("import sys; open(sys.argv[1], 'rb').read(1)", file).await;
            assert!(said.contains("PermissionError"), "{}: {said}", file.display());
            checked += 1;
        }
        let names: Vec<String> = all.drain(..).filter_map(|file| Some(file.file_name()?.to_str()?.to_owned())).collect();
        for must in ["journal.db", "cookie", "log", "session.json", "lock"] {
            assert!(names.iter().any(|name| name == must), "{must} is not among {names:?}");
        }
        // Nor its sockets.
        let sockets = files(&runtime(owner.uid));
        assert!(!sockets.is_empty());
        for socket in &sockets {
            let said = other.tries("import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])", socket).await;
            assert!(said.contains("PermissionError"), "{}: {said}", socket.display());
        }
        // The owner's folders are not taken for one's own.
        let mut command = other.command(&other.rialto, &["ls"]);
        command.env("XDG_STATE_HOME", owner.home.join("state"));
        let out = other.run(command).await;
        assert_eq!(out.status.code(), Some(69), "{}", String::from_utf8_lossy(&out.stderr));
        // Whoever may open the socket all the same (root) is another user still, and the right cookie does not help.
        let cookie = files(&owner.home.join("state")).into_iter().find(|path| path.ends_with("cookie")).unwrap();
        let cookie = std::fs::read(cookie).unwrap();
        let mut raw = Raw::dial(&sockets[0]).await;
        raw.hello(Some(&cookie), None).await;
        let Some((0, Message::Error(why))) = raw.next().await else { panic!("no answer") };
        assert_eq!(why.known(), Some(Code::Unauthenticated));
        // The owner has lost nothing by any of it.
        assert_eq!(owner.says(&["exec", "-s", "private", "-c", "6*7"]).await, "42\n");
        let note = format!("{checked} files, {} sockets", sockets.len());
        Row { played: 1, note, ..Row::default() }.close("two users");
    });
}

#[test]
fn a_daemon_serves_its_own_user_alone() {
    play(async {
        let mut town = Town::new();
        let (owner, other) = (town.user(), town.user());
        // In a folder that everybody may enter.
        let open = town.temp.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o1777)).unwrap();
        let socket = open.join("daemon.sock");
        let daemon = owner.command(&owner.rialto, &["serve", "--socket", socket.to_str().unwrap()]);
        let mut daemon = tokio::process::Command::from(daemon).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        until("the daemon's socket", || socket.exists().then_some(())).await;
        let at = format!("unix://{}", socket.display());
        assert_eq!(owner.says(&["--at", &at, "exec", "-s", "x", "-k", "python", "-c", "6*7"]).await, "42\n");
        let said = other.fails(&["--at", &at, "ls"]).await;
        assert!(said.contains("ermission denied"), "{said}");
        // Opened to all by mistake: both sides still ask the system who is there.
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
        let said = other.fails(&["--at", &at, "ls"]).await;
        assert!(said.contains(&format!("user {} listens there, and we are user {}", owner.uid, other.uid)), "{said}");
        let mut raw = Raw::dial(&socket).await;
        raw.hello(None, None).await;
        let Some((0, Message::Error(why))) = raw.next().await else { panic!("no answer") };
        assert!(why.known() == Some(Code::Unauthenticated) && why.text.contains("you are user 0"), "{why:?}");
        daemon.start_kill().unwrap();
        daemon.wait().await.unwrap();
        Row { played: 1, ..Row::default() }.close("two users, a daemon");
    });
}

#[test]
fn a_planted_runtime_folder_is_refused_in_a_clear_sentence() {
    play(async {
        let mut town = Town::new();
        let (evil, victim) = (town.user(), town.user());
        let planted = runtime(victim.uid);
        let refused = async |expected: &[&str]| {
            for arguments in [&["ls"][..], &["exec", "-c", "1"], &["serve"]] {
                let out = victim.rialto(arguments).await;
                let said = String::from_utf8_lossy(&out.stderr).into_owned();
                assert_eq!(out.status.code(), Some(77), "{arguments:?}: {said}");
                for part in expected.iter().chain(&[planted.to_str().unwrap()]) {
                    assert!(said.contains(part), "{part:?} is not in {said}");
                }
            }
        };
        std::fs::create_dir(&planted).unwrap();
        chown(&planted, Some(evil.uid), Some(evil.uid)).unwrap();
        for mode in [0o700, 0o777] {
            std::fs::set_permissions(&planted, std::fs::Permissions::from_mode(mode)).unwrap();
            let whose = format!("belongs to user {}, and we are user {}", evil.uid, victim.uid);
            refused(&[&whose, "have it removed"]).await;
        }
        std::fs::remove_dir(&planted).unwrap();
        // A link to a folder of the victim's own is none of the victim's making either.
        symlink(&victim.home, &planted).unwrap();
        refused(&["is a symbolic link", "rm '"]).await;
        std::fs::remove_file(&planted).unwrap();
        // Its own, and open to others.
        std::fs::create_dir(&planted).unwrap();
        chown(&planted, Some(victim.uid), Some(victim.uid)).unwrap();
        std::fs::set_permissions(&planted, std::fs::Permissions::from_mode(0o770)).unwrap();
        refused(&["is open to other users", "chmod 700"]).await;
        std::fs::set_permissions(&planted, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(victim.says(&["exec", "-c", "6*7"]).await, "42\n");
        Row { played: 1, ..Row::default() }.close("a planted runtime folder");
    });
}

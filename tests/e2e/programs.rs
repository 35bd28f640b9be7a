//! Programs with prompts as kernels: the real ones, as a person and as a script meet them.

use crate::common::{Terminal, World, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[test]
fn sqlite3_is_a_kernel() {
    let world = World::new();
    let t = Terminal::open(&world, "clear; rialto -k 'pty:sqlite3 x.db' db");
    t.wait_for("SQLite version");
    t.type_line("create table t(name, n);");
    t.type_line("insert into t values ('é😀', 1),");
    t.shows(&[">>> insert into t values ('é😀', 1),", "..."]);
    t.type_line("('b', 2);");
    t.type_line("select * from t;");
    t.shows(&[">>> select * from t;", "é😀|1", "b|2", ">>>"]);
    t.type_line("select 'be' || 'gun'; with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c;");
    t.wait_for("begun");
    t.keys(&["C-c"]);
    t.wait_for("this kind of kernel cannot say whether it arrived");
    t.type_line("select sum(n) from t;");
    t.shows(&[">>> select sum(n) from t;", "3", ">>>"]);
    // Somebody else, and after this terminal is gone: the same program.
    world.run(&["exec", "-s", "db", "-c", "select count(*) from t;"]).says(0, "2\n", "");
    t.wait_for("select count(*) from t;");
    t.tmux(&["kill-server"]);
    world.run(&["exec", "-s", "db", "-c", "select max(n) from t;"]).says(0, "2\n", "");
    // What is unfinished is an error and runs nothing; what the program asks for as it leaves is told.
    let said = world.run(&["exec", "-s", "db", "-c", "delete from t"]).exits(1);
    assert!(said.err().contains("Unfinished: the program waits for the rest of this code"), "{said}");
    world.run(&["exec", "-s", "db", "-c", "select count(*) from t;"]).says(0, "2\n", "");
    let said = world.run(&["exec", "-s", "db", "-c", ".exit 5"]).exits(70);
    assert!(said.err().contains("exited with code 5"), "{said}");
    world.run(&["kill", "db"]).exits(0);
}

#[test]
fn gdb_is_a_kernel() {
    let world = World::new();
    world.file("p.c", "#include <stdio.h>\nint main(void) {\n  int n = 41;\n  char line[9];\n  n++;\n  printf(\"who? \");\n  fflush(stdout);\n  scanf(\"%8s\", line);\n  printf(\"hello %s\\n\", line);\n  return n;\n}\n");
    assert!(world.command("cc").args(["-g", "-O0", "-o", "p", "p.c"]).status().unwrap().success());
    let t = Terminal::open(&world, "clear; rialto -k 'pty:gdb -q -nx ./p' hunt");
    t.wait_for("Reading symbols");
    t.type_line("break 5");
    t.wait_for("Breakpoint 1 at");
    t.type_line("run");
    t.wait_for("Breakpoint 1, main");
    t.type_line("print n + 1");
    t.shows(&[">>> print n + 1", "$1 = 42", ">>>"]);
    // What the program under the debugger reads is asked for, too.
    t.type_line("continue");
    t.shows(&["who?"]);
    t.type_line("ada");
    t.wait_for("hello ada");
    t.wait_for("exited with code 052");
    t.shows(&[">>>"]);
    t.tmux(&["kill-server"]);
    world.run(&["exec", "-s", "hunt", "-c", "print 6 * 7"]).says(0, "$2 = 42\n", "");
    world.run(&["kill", "hunt"]).exits(0);
}

/// A PostgreSQL of its own, on a socket in a folder; it refuses to run as root.
struct Postgres {
    folder: tempfile::TempDir,
    server: Child,
}

impl Postgres {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        std::fs::write(&password, "hunter2\n").unwrap();
        if nix::unistd::geteuid().is_root() {
            let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
            nix::unistd::chown(folder.path(), Some(nobody.uid), Some(nobody.gid)).unwrap();
        }
        let made = Self::command("initdb", folder.path())
            .args(["-U", "rialto", "--auth=scram-sha-256", "--no-sync", "--no-locale", "-E", "UTF8", "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = Self::command("postgres", folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self { folder, server };
        let ready = || this.folder.path().join(".s.PGSQL.5432").exists().then_some(());
        until("PostgreSQL to listen", ready);
        this
    }

    /// One of its programs, which Debian keeps off the path.
    fn command(program: &str, folder: &Path) -> Command {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is there").flatten();
        let found: PathBuf = versions.map(|v| v.path().join("bin").join(program)).find(|path| path.exists()).unwrap();
        let mut command = if nix::unistd::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(found);
            command
        } else {
            Command::new(found)
        };
        command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.server.id()).unwrap());
        let _ = kill(pid, Signal::SIGQUIT);
        let _ = self.server.wait();
    }
}

#[test]
fn psql_is_a_kernel() {
    let world = World::new();
    let postgres = Postgres::start();
    let command = format!("psql -X -h {} -U rialto postgres", postgres.folder.path().display());
    let t = Terminal::open(&world, &format!("clear; rialto -k 'pty:{command}' db"));
    t.wait_for("its prompt has not come yet");
    // The password is asked of whoever wants something first, and is shown to nobody.
    t.type_line("select 6 * 7 as answer;");
    t.wait_for("Password for user rialto:");
    t.type_line("hunter2");
    t.wait_for("(1 row)");
    t.type_line("create table t(a int);");
    t.wait_for("CREATE TABLE");
    t.type_line("begin;");
    t.wait_for("BEGIN");
    t.type_line("insert into t select generate_series(1,");
    t.type_line("3);");
    t.wait_for("INSERT 0 3");
    t.type_line("commit;");
    t.wait_for("COMMIT");
    t.type_line("select 'be' || 'gun'; select pg_sleep(1000);");
    t.wait_for("begun");
    t.keys(&["C-c"]);
    t.wait_for("canceling statement due to user request");
    t.tmux(&["kill-server"]);
    world.run(&["exec", "-s", "db", "-c", "\\pset format unaligned\n\\t on"]).exits(0);
    world.run(&["exec", "-s", "db", "-c", "select sum(a) from t;"]).says(0, "6\n", "");
    let much = world.run(&["exec", "-s", "db", "-c", "select repeat('x', 99999) from generate_series(1, 100);"]).exits(0);
    assert_eq!(much.out().len(), 10_000_000);
    let events = world.events("db");
    assert!(!serde_json::to_string(&events).unwrap().contains("hunter2"));
    world.run(&["kill", "db"]).exits(0);
    // And the rows that every kernel is asked.
    let checked = world.rialto(&["kernels", "--check", &format!("pty:{command}")]).env("PGPASSWORD", "hunter2").output().unwrap();
    let table = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{table}");
    let rows = |seen: &str| table.lines().filter(|line| line.trim_end().ends_with(seen)).count();
    assert!(rows(" ok") >= 6 && rows(" ok") + rows(" -") == 21, "{table}");
}

/// No prompt: where an eval ends is a guess, and that is said.
#[test]
fn where_the_end_is_guessed_the_event_says_so() {
    let world = World::new();
    // What is said of the kernel comes at any time before or after.
    let said = world.run(&["exec", "-s", "calc", "-k", "pty:cat", "-c", "hello"]).exits(0);
    assert_eq!(said.out(), "hello\n");
    let guessed = |name: &str| {
        let ended: Vec<_> = world.events(name).into_iter().filter(|event| event["type"] == "ended").collect();
        assert_eq!(ended.len(), 1, "{ended:?}");
        ended[0]["idle_guess"] == true
    };
    assert!(guessed("calc"));
    world.run(&["exec", "-s", "py", "-k", "pty:python3 -i", "-c", "1"]).says(0, "1\n", "");
    assert!(!guessed("py"));
    for name in ["calc", "py"] {
        world.run(&["kill", name]).exits(0);
    }
}

//! One session and several who use it: the same events for everybody, who only watches, and users of one machine who let each
//! other in.

use crate::common::{Running, Said, Terminal, World, lines, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// The events among what a client printed: what has a number.
fn events(out: &str) -> Vec<Value> {
    lines(out).into_iter().filter(|line| line.get("seq").is_some()).collect()
}

/// As everybody must see it: who submitted an eval is not told its own code again, and only logs say the epoch.
fn common(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(map) = event.as_object_mut() {
        map.remove("epoch");
        if map["type"] == "accepted" {
            ["by", "code", "hash", "show", "group", "on_error", "argv"].iter().for_each(|field| drop(map.remove(*field)));
        }
    }
    event
}

#[test]
fn terminal_exec_and_rpc_see_the_same_events_in_the_same_order() {
    let world = World::new();
    world.session("work", "pass");
    let watch = world.start(&["logs", "-f", "--json", "work"]);
    let mut rpc = world.start(&["rpc", "work"]);
    rpc.write("{\"type\":\"attach\",\"tail\":0}\n");
    rpc.wait_for_out("attached");
    let mut second = world.start(&["rpc", "work"]);
    second.write("{\"type\":\"attach\",\"tail\":0}\n");
    second.wait_for_out("attached");
    let terminal = Terminal::open(&world, "rialto attach work");
    terminal.shows(&[">>>"]);
    // All at once, several times over.
    let mut execs = Vec::new();
    for n in 0..5 {
        rpc.write(format!("{{\"type\":\"submit\",\"code\":\"print('from rpc {n}')\"}}\n"));
        execs.push(world.start(&["exec", "--json", "-s", "work", "-c", &format!("print('from exec {n}')")]));
        terminal.type_line(&format!("print('from', 'terminal', {n})"));
        terminal.wait_for(&format!("from terminal {n}"));
    }
    let execs: Vec<String> = execs.into_iter().map(|exec| exec.end().ok()).collect();
    let last = world.run(&["exec", "-s", "work", "-c", "print('the', 'last')"]).ok();
    assert_eq!(last, "the last\n");
    let done = |running: &Running| {
        until("the last output", || {
            let all = events_so_far(running);
            let ends = all.iter().filter(|e| e["type"] == "ended").count();
            all.iter().any(|e| e["runs"][0]["data"] == "the last\n").then_some(()).filter(|()| ends >= 16)
        });
        events_so_far(running)
    };
    let (one, two, three) = (done(&rpc), done(&second), done(&watch));
    let shown = |all: &[Value]| all.iter().map(common).collect::<Vec<_>>();
    assert_eq!(shown(&one), shown(&two), "two programs on one session");
    let from = one[0]["seq"].as_u64().unwrap();
    let three: Vec<Value> = three.into_iter().filter(|e| e["seq"].as_u64() >= Some(from)).collect();
    assert_eq!(shown(&one), shown(&three), "a program and a reader");
    assert!(one.windows(2).all(|two| two[1]["seq"].as_u64() == two[0]["seq"].as_u64().map(|seq| seq + 1)), "a hole");
    // What an exec prints is what everybody saw of its eval, no event more and none in another order.
    for exec in &execs {
        let own: Vec<Value> = events(exec).iter().map(common).collect();
        assert!(!own.is_empty());
        let mut all = three.iter().map(common);
        assert!(own.iter().all(|event| all.any(|seen| seen == *event)), "{own:#?} is not within {three:#?}");
    }
    // Each is shown with who sent it.
    let by = |event: &Value| event["by"]["label"].as_str().unwrap_or_default().to_owned();
    for event in three.iter().filter(|e| e["type"] == "accepted") {
        let code = event["code"].as_str().unwrap();
        let sender = if code.contains("rpc") {
            "rpc"
        } else if code.contains("terminal") {
            "terminal"
        } else {
            "exec"
        };
        // A terminal says which one it is.
        assert_eq!(by(event).split('@').next(), Some(sender), "{event}");
    }
    // And on the screen: each once, and under the name of who sent it.
    let order: Vec<String> = three
        .iter()
        .filter(|e| e["type"] == "output")
        .map(|e| e["runs"][0]["data"].as_str().unwrap().trim().to_owned())
        .filter(|text| text.starts_with("from"))
        .collect();
    assert_eq!(order.len(), 15);
    terminal.wait_for("the last");
    let screen = terminal.history();
    for text in &order {
        assert_eq!(screen.lines().filter(|line| line.trim() == text).count(), 1, "{text:?} is not there once:\n{screen}");
    }
    for label in ["rpc", "exec"] {
        let said = |line: &str| {
            line.contains(&format!("from {label} ")) && line.replacen(&format!("from {label} "), "", 1).contains(label)
        };
        assert_eq!(screen.lines().filter(|line| said(line)).count(), 5, "not each of its evals is shown as {label}'s:\n{screen}");
    }
    terminal.keys(&["C-d"]);
    world.run(&["kill", "work"]).exits(0);
}

fn events_so_far(running: &Running) -> Vec<Value> {
    let out = running.out();
    // The last line may be half there.
    events(out.rsplit_once('\n').map_or("", |(whole, _)| whole))
}

#[test]
fn who_only_watches_changes_nothing() {
    let world = World::new();
    world.session("work", "x = 41");
    let asking = world.start(&["exec", "--detach", "-s", "work", "-c", "name = input('who? ')"]);
    asking.end().ok();
    let mut rpc = world.start(&["rpc", "--observe", "work"]);
    rpc.write("{\"type\":\"attach\"}\n");
    rpc.wait_for_out("\"type\":\"asked\"");
    let ask = events_so_far(&rpc).iter().find(|m| m["type"] == "asked").unwrap().clone();
    let eval = events_so_far(&rpc).iter().rfind(|m| m["type"] == "accepted").unwrap()["eval"].clone();
    let requests = [
        "{\"type\":\"submit\",\"re\":11,\"code\":\"x = 0\"}".to_owned(),
        format!("{{\"type\":\"interrupt\",\"re\":12,\"eval\":{eval}}}"),
        format!("{{\"type\":\"input\",\"re\":13,\"ask\":{},\"data\":\"me\"}}", ask["ask"]),
        "{\"type\":\"restart\",\"re\":14}".to_owned(),
        "{\"type\":\"complete\",\"re\":15,\"code\":\"x\",\"cursor\":1}".to_owned(),
        "{\"type\":\"kill\",\"re\":16}".to_owned(),
        "{\"type\":\"share\",\"re\":17,\"id\":\"aaaqeayeaudaocajbifqydiob4\",\"with\":\"uid:1\",\"scope\":\"eval\"}".to_owned(),
        "{\"type\":\"get_status\",\"re\":18}".to_owned(),
    ];
    rpc.write(requests.join("\n") + "\n");
    rpc.wait_for_out("\"type\":\"status\"");
    let all = lines(&rpc.out());
    for re in 11..=17 {
        let refused = all.iter().find(|m| m["type"] == "error" && m["re"] == re).unwrap_or_else(|| panic!("{re} is not refused"));
        assert_eq!(refused["name"], "forbidden", "{refused}");
    }
    assert_eq!(all.iter().find(|m| m["type"] == "status").unwrap()["scope"], "observe");
    rpc.signal(Signal::SIGTERM);
    // In the terminal it shows what happens, and nothing that is typed goes anywhere.
    let terminal = Terminal::open(&world, "rialto attach --observe work");
    terminal.wait_for("watching work");
    terminal.wait_for("who?");
    terminal.type_line("me");
    terminal.type_line("x = 0");
    world.run(&["interrupt", "work"]).exits(0);
    world.run(&["exec", "-s", "work", "-c", "print('x is', x)"]).says(0, "x is 41\n", "");
    terminal.wait_for("x is 41");
    terminal.keys(&["C-c"]);
    terminal.type_line("rialto repl --observe work");
    terminal.wait_for("watching work");
    assert_eq!(events_of(&world, "answered"), 0);
    // What only looks makes nothing either.
    world.run(&["rpc", "--observe", "nothing"]).exits(69);
}

fn events_of(world: &World, kind: &str) -> usize {
    world.events("work").iter().filter(|event| event["type"] == kind).count()
}

/// Two users of one machine; the world is the first one's.
struct Town {
    world: World,
    owner: u32,
    other: u32,
}

impl Town {
    fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "only root can be two users: run as root, or in a container");
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let nth = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let base = 700_000 + std::process::id() % 50_000 * 16 + nth * 2;
        let town = Self { world: World::new(), owner: base, other: base + 1 };
        assert!(!town.door().exists(), "{} is left from another time", town.door().display());
        let dir = town.world.dir().to_owned();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        // Built where others may not look, as a rule.
        std::fs::copy(env!("CARGO_BIN_EXE_rialto"), dir.join("rialto")).unwrap();
        std::fs::create_dir(dir.join("other")).unwrap();
        chown(dir.join("other"), Some(town.other), Some(town.other)).unwrap();
        for path in [dir.clone(), dir.join("home"), dir.join("project")] {
            chown(path, Some(town.owner), Some(town.owner)).unwrap();
        }
        town
    }

    fn door(&self) -> PathBuf {
        PathBuf::from(format!("/tmp/rialto-{}.door", self.owner))
    }

    fn at(&self) -> String {
        format!("user:{}", self.owner)
    }

    fn command(&self, uid: u32, arguments: &[&str]) -> Command {
        let mut command = self.world.command(self.world.dir().join("rialto"));
        // As root this clears the groups, too.
        command.args(arguments).uid(uid).gid(uid).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        if uid == self.other {
            let own = self.world.dir().join("other");
            command.env("RIALTO_STATE_DIR", own.join("s")).env("RIALTO_RUNTIME_DIR", own.join("r"));
            command.env("HOME", &own).current_dir(own);
        }
        command
    }

    fn owner(&self, arguments: &[&str]) -> Said {
        Running::start(self.command(self.owner, arguments)).end()
    }

    fn other(&self, arguments: &[&str]) -> Said {
        Running::start(self.command(self.other, &[&["--at", &self.at()], arguments].concat())).end()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.door());
    }
}

#[test]
fn another_user_comes_in_where_it_was_shared_as_far_as_it_was_and_as_long() {
    let town = Town::new();
    let (owner, with) = (format!("uid:{}", town.owner), format!("uid:{}", town.other));
    town.owner(&["exec", "-q", "-s", "work", "-k", "python", "-c", "x = 41"]).ok();
    town.owner(&["exec", "-q", "-s", "private", "-k", "python", "-c", "1"]).ok();
    // No door, no way in.
    town.other(&["ls"]).complains(69, &["rialto serve --users"]);
    let serve = Running::start(town.command(town.owner, &["serve", "--users"]));
    serve.wait_for_err("other users of this machine");
    let unknown = |arguments: &[&str]| town.other(arguments).complains(69, &["no session"]);
    assert_eq!(town.other(&["ls", "-a", "--json"]).ok(), "");
    unknown(&["logs", "work"]);
    unknown(&["exec", "-s", "work", "-c", "1"]);
    unknown(&["exec", "-s", "work", "-k", "python", "-c", "1"]);
    // Nor does it get a shell by making a session of its own there.
    town.other(&["exec", "-c", "1"]).complains(77, &["may not make a session here"]);

    assert!(town.owner(&["share", "work", "--with", &with]).exits(0).err().contains("watch it"));
    let listed = lines(&town.other(&["ls", "--json"]).ok());
    assert_eq!((listed.len(), &listed[0]["scope"], &listed[0]["owner"]), (1, &"observe".into(), &owner.as_str().into()));
    assert!(town.other(&["ls"]).ok().contains("work"));
    assert!(town.other(&["logs", "work"]).ok().contains("x = 41"));
    town.other(&["exec", "-s", "work", "-c", "1"]).complains(77, &["observe"]);
    unknown(&["logs", "private"]);

    town.owner(&["share", "work", "--with", &with, "--scope", "eval"]).exits(0);
    town.other(&["exec", "-s", "work", "-c", "x + 1"]).says(0, "42\n", "");
    let code = "import os; print(os.getuid())";
    town.other(&["exec", "-s", "work", "-c", code]).says(0, &format!("{}\n", town.owner), "");
    assert!(town.owner(&["logs", "work"]).ok().contains(&format!("{with}/exec")), "who ran it is on record");
    for admin in
        [&["kill", "work"][..], &["share", "work", "--with", "uid:1"], &["unshare", "work", &with], &["redact", "work", "1"]]
    {
        town.other(admin).complains(77, &["eval"]);
    }
    let shares = lines(&town.owner(&["share", "work", "--json"]).ok());
    assert_eq!(shares, [serde_json::json!({ "with": with, "scope": "eval" })]);

    // Taken back: what is open is closed at once, and what runs runs on.
    let watching = Running::start(town.command(town.other, &["--at", &town.at(), "logs", "-f", "work"]));
    watching.wait_for_out("x = 41");
    let running =
        Running::start(town.command(town.other, &["--at", &town.at(), "exec", "-s", "work", "-c", "print('begun'); input()"]));
    running.wait_for_out("begun");
    town.owner(&["unshare", "work", &with]).exits(0);
    let (watched, ran) = (watching.end(), running.end());
    assert_eq!((watched.code, ran.code), (69, 69), "{watched}\n{ran}");
    assert!(watched.err().contains("shared with you"), "{watched}");
    assert_eq!(town.other(&["ls", "-a", "--json"]).ok(), "");
    unknown(&["logs", "work"]);
    let status = &lines(&town.owner(&["ls", "--json"]).ok()).into_iter().find(|s| s["name"] == "work").unwrap()["status"];
    assert_eq!((&status["state"], status.get("shares")), (&"running".into(), None), "{status}");
    town.owner(&["interrupt", "work"]).exits(0);
    let told = town.owner(&["logs", "work"]).ok();
    assert!(
        told.contains(&format!("shared with {with} (scope observe) by {owner}")) && told.contains("no longer shared"),
        "{told}"
    );
    serve.signal(Signal::SIGTERM);
    serve.end().exits(0);
    assert!(!town.door().join("bridge.sock").exists(), "a closed door is not left standing");
}

#[test]
fn what_is_shared_outlives_its_supervisor_and_the_door_is_the_owners_alone() {
    let town = Town::new();
    let with = format!("uid:{}", town.other);
    town.owner(&["exec", "-q", "-s", "work", "-k", "python", "-c", "x = 41"]).ok();
    town.owner(&["share", "work", "--with", &with, "--scope", "eval"]).exits(0);
    let serve = Running::start(town.command(town.owner, &["serve", "--users"]));
    serve.wait_for_err("other users of this machine");
    for pid in town.world.supervisors() {
        crate::common::signal(pid, Signal::SIGKILL);
    }
    town.world.quiet_but(serve.pid());
    let listed = lines(&town.other(&["ls", "--json"]).ok());
    assert_eq!((&listed[0]["state"], &listed[0]["scope"]), (&"dead".into(), &"eval".into()));
    town.other(&["exec", "-s", "work", "-c", "6 * 7"]).exits(0);
    // The files say who is let in, and the journal decides: a forged file opens nothing.
    town.owner(&["unshare", "work", &with]).exits(0);
    let sessions = town.world.state().join("sessions");
    let folder = std::fs::read_dir(sessions).unwrap().next().unwrap().unwrap().path();
    std::fs::write(folder.join("shares.json"), format!("{{\"{with}\":\"eval\"}}")).unwrap();
    chown(folder.join("shares.json"), Some(town.owner), Some(town.owner)).unwrap();
    town.other(&["exec", "-s", "work", "-c", "1"]).complains(69, &["no session"]);
    serve.signal(Signal::SIGTERM);
    serve.end().exits(0);
    // Somebody who takes the door's place is found out by both sides.
    std::fs::remove_dir_all(town.door()).unwrap();
    std::fs::create_dir(town.door()).unwrap();
    chown(town.door(), Some(town.other), Some(town.other)).unwrap();
    town.owner(&["serve", "--users"]).complains(77, &["belongs to user"]);
    town.other(&["ls"]).complains(77, &["belongs to user"]);
}

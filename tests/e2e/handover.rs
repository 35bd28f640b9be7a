//! A connection for one session goes by the pipes or the socket that `rialto stdio` was given, and not through that process; and
//! whatever dies on the way takes that connection with it and nothing else.

use crate::common::{Sshd, World, signal, until};
use nix::sys::signal::Signal;
use rialto_protocol::event::Outcome;
use rialto_protocol::frame::Decoder;
use rialto_protocol::{ErrorReply, Event, Message, codec};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a process has open, as the system names it: `pipe:[4711]`.
fn open(pid: i32) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    entries.filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.display().to_string())).collect()
}

/// The name of what is behind a descriptor of ours.
fn behind(fd: RawFd) -> String {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap().display().to_string()
}

/// Says frames to a `rialto stdio` and hears them.
struct Raw {
    child: Child,
    to: Option<File>,
    from: File,
    decoder: Decoder,
    /// What it goes by.
    ways: Vec<String>,
}

impl Raw {
    fn by_pipes(world: &World) -> Self {
        let ((input, to), (from, output)) = (io::pipe().unwrap(), io::pipe().unwrap());
        let ways = vec![behind(to.as_raw_fd()), behind(from.as_raw_fd())];
        Self::start(world, ways, (input.into(), output.into()), (OwnedFd::from(to).into(), OwnedFd::from(from).into()))
    }

    /// One for both, as OpenSSH gives it.
    fn by_socket(world: &World) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ways = vec![behind(theirs.as_raw_fd())];
        let (to, theirs_too) = (ours.try_clone().unwrap(), theirs.try_clone().unwrap());
        Self::start(world, ways, (theirs.into(), theirs_too.into()), (OwnedFd::from(to).into(), OwnedFd::from(ours).into()))
    }

    fn start(world: &World, ways: Vec<String>, (input, output): (OwnedFd, OwnedFd), (to, from): (File, File)) -> Self {
        let mut command = world.rialto(&["stdio"]);
        let child = command.stdin(input).stdout(output).spawn().unwrap();
        Self { child, to: Some(to), from, decoder: Decoder::default(), ways }
    }

    fn say(&mut self, messages: &[(u16, Value)]) {
        let mut bytes = Vec::new();
        for (channel, message) in messages {
            codec::encode(&mut bytes, *channel, &codec::from_json(message.clone()).unwrap(), 4096);
        }
        self.to.as_mut().unwrap().write_all(&bytes).unwrap();
    }

    /// The next, of events only that an eval is over. None: the end.
    fn hear(&mut self) -> Option<(u16, Message)> {
        loop {
            while let Some((header, body)) = self.decoder.next().unwrap() {
                match codec::decode(header, body).unwrap() {
                    Message::Event(record) if !matches!(record.event, Event::Ended(_)) => {}
                    message => return Some((header.channel, message)),
                }
            }
            let mut bytes = [0; 4096];
            let n = self.from.read(&mut bytes).unwrap();
            if n == 0 {
                return None;
            }
            self.decoder.push(&bytes[..n]);
        }
    }

    /// All of a beginning in one write, and its answers.
    fn begin(&mut self, session: &str, sole: bool) {
        self.say(&[
            (0, json!({ "type": "hello", "magic": "rialto", "min": 1, "max": 1 })),
            (0, json!({ "type": "open", "re": 7, "channel": 3, "session": session, "sole": sole })),
            (3, json!({ "type": "greet", "min": 1, "max": 1, "client": "00000000-0000-4000-8000-000000000001" })),
            (3, json!({ "type": "attach", "re": 8, "tail": 0, "credit": 1_000_000 })),
            (3, submit(1, "1 + 1")),
        ]);
        assert!(matches!(self.hear(), Some((0, Message::Welcome(w))) if w.role == "daemon" && w.max_frame == 65536));
        assert!(matches!(self.hear(), Some((0, Message::Opened(o))) if o.re == 7 && o.channel == 3 && !o.created));
        assert!(matches!(self.hear(), Some((3, Message::Greeted(_)))));
        assert!(matches!(self.hear(), Some((3, Message::Attached(a))) if a.re == 8));
        self.has_run();
    }

    #[track_caller]
    fn has_run(&mut self) {
        let heard = self.hear();
        let Some((3, Message::Event(record))) = &heard else { panic!("{heard:?}") };
        assert!(matches!(&record.event, Event::Ended(ended) if ended.outcome == Outcome::Ok), "{heard:?}");
    }

    fn runs(&mut self, n: u32) {
        self.say(&[(3, submit(n, "1 + 1"))]);
        self.has_run();
    }

    /// It ends by itself, as it should, and so does what is heard.
    #[track_caller]
    fn ends(mut self) {
        while self.hear().is_some() {}
        assert!(self.child.wait().unwrap().success());
    }

    fn is_held_by(&self, pid: i32) -> bool {
        let theirs = open(pid);
        self.ways.iter().all(|way| theirs.contains(way))
    }
}

fn submit(n: u32, code: &str) -> Value {
    static IDS: AtomicU32 = AtomicU32::new(0);
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    json!({ "type": "submit", "re": n, "eval": format!("00000000-0000-4000-8000-{id:012}"), "code": code })
}

/// A session with `x` in it, and the process of its supervisor.
fn work(world: &World) -> i32 {
    world.session("work", "x = 41");
    world.supervisors()[0]
}

/// Nothing is left of a connection in a supervisor.
fn let_go(supervisor: i32, ways: &[String]) {
    until("the supervisor to let go", || ways.iter().all(|way| !open(supervisor).contains(way)).then_some(()));
}

#[test]
fn the_supervisor_has_the_clients_own_pipes_and_says_what_a_daemon_would() {
    let world = World::new();
    let supervisor = work(&world);
    for raw in [Raw::by_pipes, Raw::by_socket] {
        let mut raw = raw(&world);
        raw.begin("work", true);
        assert!(raw.is_held_by(supervisor));
        // The connection's own questions are answered, and one for another session is refused with nothing broken by it.
        raw.say(&[(0, json!({ "type": "ping", "bytes": "6569676874627974" }))]);
        assert!(matches!(raw.hear(), Some((0, Message::Pong(bytes))) if &bytes == b"eightbyt"));
        raw.say(&[(0, json!({ "type": "open", "re": 9, "channel": 4, "session": "other" }))]);
        let refused = |e: &ErrorReply| e.re == 9 && e.name == "wrong_state" && e.text.contains("another connection");
        assert!(matches!(raw.hear(), Some((0, Message::Error(e))) if refused(&e)));
        raw.runs(2);
        // What the supervisor starts from here on has none of it.
        raw.say(&[(3, json!({ "type": "restart", "re": 10, "id": format!("00000000-0000-4000-8000-{:012}", raw.child.id()) }))]);
        assert!(matches!(raw.hear(), Some((3, Message::Carried(c))) if c.re == 10));
        raw.runs(3);
        let stdio = raw.child.id().cast_signed();
        let others: Vec<_> = world.processes().into_iter().filter(|p| p.pid != supervisor && p.pid != stdio).collect();
        assert!(others.iter().any(|p| p.command.contains("python")), "{others:?}");
        assert!(!others.iter().any(|p| raw.is_held_by(p.pid)), "{others:?}");
        // Who closes its end is left alone, and nobody keeps anything.
        let ways = raw.ways.clone();
        raw.to = None;
        drop(std::mem::replace(&mut raw.from, File::open("/dev/null").unwrap()));
        assert!(raw.child.wait().unwrap().success());
        let_go(supervisor, &ways);
    }
}

#[test]
fn who_does_not_ask_or_cannot_be_taken_over_is_carried_as_ever() {
    let world = World::new();
    let supervisor = work(&world);
    let mut raw = Raw::by_pipes(&world);
    raw.begin("work", false);
    raw.runs(2);
    assert!(!raw.is_held_by(supervisor));
    raw.to = None;
    raw.ends();
    // A supervisor with room for the connection of a router and for no descriptor more: what is sent to it beside bytes is lost.
    let before = open(supervisor);
    until("the connection before to be gone", || (open(supervisor).len() <= before.len()).then_some(()));
    let limit = |most: &str| {
        let done = Command::new("prlimit").args([format!("--pid={supervisor}"), format!("--nofile={most}:")]).status();
        assert!(done.unwrap().success());
    };
    let used = used_numbers(supervisor);
    let free = (0..).find(|n| !used.contains(n)).unwrap();
    limit(&(free + 1).to_string());
    let mut raw = Raw::by_socket(&world);
    raw.begin("work", true);
    raw.runs(3);
    assert!(!raw.is_held_by(supervisor));
    limit("1024");
    raw.runs(4);
    raw.say(&[(0, json!({ "type": "ping", "bytes": "6569676874627974" }))]);
    assert!(matches!(raw.hear(), Some((0, Message::Pong(_)))));
    drop(raw.to.take());
    drop(std::mem::replace(&mut raw.from, File::open("/dev/null").unwrap()));
    assert!(raw.child.wait().unwrap().success());
}

fn used_numbers(pid: i32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

#[test]
fn whoever_dies_takes_the_connection_along_and_leaves_nothing_open() {
    let world = World::new();
    let supervisor = work(&world);
    for way in [Signal::SIGKILL, Signal::SIGTERM] {
        let mut raw = Raw::by_socket(&world);
        raw.begin("work", true);
        let ways = raw.ways.clone();
        signal(raw.child.id().cast_signed(), way);
        while raw.hear().is_some() {}
        raw.child.wait().unwrap();
        let_go(supervisor, &ways);
    }
    let mut raw = Raw::by_pipes(&world);
    raw.begin("work", true);
    signal(supervisor, Signal::SIGKILL);
    raw.ends();
    world.run(&["kill", "work"]).exits(0);
}

/// Prints lines, not too fast, until it is told to stop, and notes down how often it was begun.
const FLOOD: &str = "import os, time\nopen('begun', 'a').write('x')\ni = 0\nwhile not os.path.exists('stop'):\n for i in range(i + 1, i + 100): print('line', i)\n time.sleep(0.002)\n";

/// The supervisor has what the other one has as its stdin and stdout.
fn given(stdio: i32, supervisor: i32) -> bool {
    let way = |n| std::fs::read_link(format!("/proc/{stdio}/fd/{n}")).map(|way| way.display().to_string());
    let theirs = open(supervisor);
    [way(0), way(1)].into_iter().all(|way| way.is_ok_and(|way| theirs.contains(&way)))
}

#[test]
fn a_flood_behind_an_sshd_outlives_what_carries_it_with_no_line_lost_or_twice() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    let at = sshd.at();
    let supervisor = work(&there);
    there.session("work", &format!("import os; os.chdir({:?})", there.project()));
    let stdio = || there.processes().into_iter().find(|p| p.command.ends_with("rialto stdio ")).map(|p| p.pid);
    let flood = || here.start(&["--at", &at, "exec", "-q", "-s", "work", "-c", FLOOD]);
    let one = flood();
    for _ in 0..3 {
        let carries = until("what carries it", || stdio().filter(|pid| given(*pid, supervisor)));
        // Something has come this way.
        let before = one.out().len();
        until("more of it", || (one.out().len() > before).then_some(()));
        signal(carries, Signal::SIGKILL);
    }
    there.file("stop", "");
    let out = one.end().ok();
    let lines = out.lines().count();
    let whole: String = (1..=lines).map(|n| format!("line {n}\n")).collect();
    assert!(out == whole && lines > 300, "{lines} lines");
    assert_eq!(there.wait_for_file("begun"), "x");
    std::fs::remove_file(there.project().join("stop")).unwrap();
    // And its supervisor, in the middle of another one: what ran is lost, and said to be.
    let other = flood();
    other.wait_for_out("line 1000\n");
    signal(supervisor, Signal::SIGKILL);
    let said = other.end();
    assert!(said.code == 70 && said.err().contains("ended while it ran"), "{said}");
    until("everybody to be gone", || stdio().is_none().then_some(()));
    there.run(&["kill", "work"]).exits(0);
}

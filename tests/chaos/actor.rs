//! Somebody who wants one eval run, by whichever program, and does what a person would when it dies: says the same again.

use crate::client::{Client, me};
use crate::daemon::Daemon;
use crate::dice::Dice;
use crate::promises::Story;
use crate::world::World;
use rialto_client::{EvalOptions, Options, Policy, Session, Snapshot, Through};
use rialto_protocol::{EvalId, EvalNumber, Event, Message, Record, Stream, codec};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Child;

/// What `exec` and `rpc` end with when they could not reach the session.
const UNAVAILABLE: i32 = 69;

/// By which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// `rialto exec --eval-id`: its stdout is the eval's.
    Exec,
    /// `rialto rpc`, which does not reconnect: started again, it attaches behind the last event it printed.
    Rpc,
    /// A program that uses the library and keeps its snapshot on disk.
    Library,
}

/// A handle through the daemon that does not wait long before it tries again.
pub(crate) fn through(world: &mut World, way: Through, label: &str) -> Client {
    let mut options = Options::new(rialto_client::client_id().unwrap(), label);
    options.reconnect = Policy { first: Duration::from_millis(5), longest: Duration::from_millis(200), give_up: None };
    Client::of(Session::new(way, world.open("work"), options))
}

pub(crate) struct Actor {
    by: By,
    pub(crate) eval: EvalId,
    code: String,
    child: Option<Child>,
    out: PathBuf,
    handle: Option<Client>,
    /// The handle lives.
    lives: bool,
    kept: Option<Snapshot>,
    /// What `rpc` printed: events, and the last cursor.
    printed: Vec<Value>,
    epoch: u64,
}

impl Actor {
    pub(crate) fn new(world: &World, by: By, dice: &mut Dice, code: String) -> Self {
        let out = world.path("out");
        let eval = EvalId(dice.bytes());
        Self { by, eval, code, child: None, out, handle: None, lives: false, kept: None, printed: Vec::new(), epoch: 0 }
    }

    /// Says it, for the first time or again.
    pub(crate) fn starts(&mut self, world: &mut World, daemon: &Daemon) {
        match self.by {
            By::Library => self.opens(world, daemon),
            By::Exec => {
                let (id, code) = (self.eval.to_string(), self.code.clone());
                self.spawns(world, daemon, &["--at", &daemon.at(), "exec", "-s", "work", "--eval-id", &id, "-c", &code]);
            }
            By::Rpc => {
                let mut attach = serde_json::json!({"type": "attach"});
                if let Some(last) = self.printed.last() {
                    attach["after"] = serde_json::json!({"epoch": self.epoch, "seq": last["seq"]});
                }
                let submit = serde_json::json!({"type": "submit", "eval": self.eval.to_string(), "code": self.code});
                std::fs::write(world.path("lines"), format!("{attach}\n{submit}\n")).unwrap();
                self.spawns(world, daemon, &["--at", &daemon.at(), "rpc", "work"]);
            }
        }
    }

    fn spawns(&mut self, world: &World, daemon: &Daemon, arguments: &[&str]) {
        let mut command = world.command(arguments);
        command.envs(daemon.env());
        if self.by == By::Rpc {
            command.stdin(std::fs::File::open(world.path("lines")).unwrap());
        }
        command.stdout(std::fs::File::create(&self.out).unwrap());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(world.path("said")).unwrap();
        command.stderr(Stdio::from(log));
        self.child = Some(tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap());
    }

    fn opens(&mut self, world: &mut World, daemon: &Daemon) {
        let mut next = through(world, daemon.through(), "actor");
        if let Some(before) = self.handle.take() {
            next.story = before.story;
            next.numbers = before.numbers;
            next.ended = before.ended;
        }
        match self.kept.take() {
            Some(kept) => _ = next.session.restore(kept).unwrap(),
            None => _ = next.submit_with(self.code.as_str(), EvalOptions { id: Some(self.eval), ..EvalOptions::default() }),
        }
        self.handle = Some(next);
        self.lives = true;
    }

    /// `kill -9`.
    pub(crate) async fn dies(&mut self, world: &World) {
        if let Some(mut child) = self.child.take() {
            child.start_kill().unwrap();
            child.wait().await.unwrap();
            self.reads_what_was_printed();
        }
        if let Some(handle) = &mut self.handle {
            self.kept = Some(handle.session.snapshot());
            self.lives = false;
            // A handle that is dropped says no goodbye.
            let nowhere = |_| -> rialto_client::Linking { Box::pin(std::future::pending()) };
            let options = Options::new(rialto_client::client_id().unwrap(), me());
            handle.session = Session::new(nowhere, world.nothing(), options);
        }
    }

    /// Whether it has heard all, or must say it again. Never ends where there is no more to hear.
    pub(crate) async fn goes_on(&mut self) -> bool {
        if self.has_heard() {
            return true;
        }
        if let Some(handle) = &mut self.handle {
            handle.step().await;
            return false;
        }
        let Some(child) = &mut self.child else { return std::future::pending().await };
        let status: ExitStatus = child.wait().await.unwrap();
        self.child = None;
        self.reads_what_was_printed();
        match self.by {
            By::Exec => status.code() != Some(UNAVAILABLE),
            _ => status.success(),
        }
    }

    /// Nobody is there to hear it.
    pub(crate) fn is_gone(&self) -> bool {
        self.child.is_none() && !self.lives
    }

    /// There is something to hear that somebody must be there for.
    pub(crate) fn listens(&self) -> bool {
        self.lives && !self.has_heard()
    }

    fn has_heard(&self) -> bool {
        let heard = |handle: &Client| handle.numbers.get(&self.eval).is_some_and(|n| handle.ended.contains_key(n));
        self.handle.as_ref().is_some_and(heard)
    }

    fn reads_what_was_printed(&mut self) {
        if self.by != By::Rpc {
            return;
        }
        let text = std::fs::read(&self.out).unwrap();
        // The last line may be half: it was being written when it died.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut epoch = self.epoch;
        for line in String::from_utf8(text[..whole].to_vec()).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            match value["type"].as_str() {
                Some("attached") => epoch = value["epoch"].as_u64().unwrap(),
                Some("rewound" | "gap") => panic!("nothing was lost, and yet: {value}"),
                _ if value["wall_ms"].is_u64() => {
                    self.printed.push(value);
                    self.epoch = epoch;
                }
                _ => {}
            }
        }
        // It closes when the connection does, and may be full of what came before.
        std::fs::write(&self.out, "").unwrap();
    }

    /// What it saw is what happened, once and in order. Gives the number of events it was told.
    pub(crate) fn saw(&self, all: &Story) -> u64 {
        match self.by {
            By::Library => {
                let seen = self.handle.as_ref().map(|handle| &handle.story).expect("it looked");
                assert!(seen.records.iter().map(|r| r.seq).eq(1..=seen.records.len() as u64), "in order, once, from the first");
                crate::promises::within(seen, all);
                seen.records.len() as u64
            }
            By::Rpc => {
                for (value, record) in self.printed.iter().zip(&all.records) {
                    let mut kept = codec::to_json(&Message::Event(record.clone()));
                    if let Event::Accepted(_) = record.event {
                        // Whoever submitted it is not told its own words.
                        for field in ["code", "by", "hash"] {
                            kept[field] = value[field].clone();
                        }
                    }
                    let known = kept.as_object_mut().unwrap();
                    known.retain(|_, field| !field.is_null());
                    assert_eq!(value, &kept);
                }
                assert!(self.printed.len() <= all.records.len());
                self.printed.len() as u64
            }
            By::Exec => {
                let expected = stdout(all, self.eval);
                let seen = std::fs::read(&self.out).unwrap();
                assert!(seen == expected, "{} bytes of {}", seen.len(), expected.len());
                0
            }
        }
    }
}

/// The number and the outcome of an eval.
pub(crate) fn number(all: &Story, eval: EvalId) -> EvalNumber {
    let number = |record: &Record| if let Event::Accepted(a) = &record.event { (a.eval == eval).then_some(a.n) } else { None };
    all.records.iter().find_map(number).expect("it was accepted")
}

/// What an eval printed.
pub(crate) fn stdout(all: &Story, eval: EvalId) -> Vec<u8> {
    let n = number(all, eval);
    let mut bytes = Vec::new();
    for record in &all.records {
        if let Event::Output(output) = &record.event
            && output.n == n
            && !output.background
        {
            output.runs.iter().filter(|run| run.stream == Stream::Stdout).for_each(|run| bytes.extend_from_slice(&run.data.0));
        }
    }
    bytes
}

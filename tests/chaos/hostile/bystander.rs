//! Somebody who works all the while, one eval after the other.

use super::stream::Door;
use crate::client::Client;
use crate::promises::{job, kept, within};
use crate::table::Row;
use crate::world::World;
use rialto_client::{Options, Session, Through};
use rialto_protocol::{EvalId, Event, Outcome};
use rialto_transports::unix::UnixDialer;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;

pub(crate) struct Bystander {
    // First, so that it ends before its folders go.
    daemon: Option<Serve>,
    pub(crate) world: World,
    pub(crate) client: Client,
    pub(crate) first: EvalId,
    running: Option<EvalId>,
    worked: u64,
}

/// A daemon that ends with its test.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bystander {
    /// Through a daemon, or at the supervisor's own door.
    pub(crate) async fn new(daemon: bool) -> Self {
        let mut world = World::new();
        let socket = world.path("daemon.sock");
        let (daemon, client) = if daemon {
            let log = std::fs::File::create(world.path("daemon.log")).unwrap();
            let mut command = world.command(&["serve", "--socket", socket.to_str().unwrap()]);
            let daemon = Serve(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
            let through = Through { dialer: Arc::new(UnixDialer::new(&socket)), local: true };
            let options = Options::new(rialto_client::client_id().unwrap(), "bystander");
            (Some(daemon), Client::of(Session::new(through, world.open("work"), options)))
        } else {
            (None, world.client("work"))
        };
        Self::working(world, daemon, client).await
    }

    /// Through a daemon that was started otherwise, and writes to `daemon.log`.
    pub(crate) async fn through(world: World, daemon: Child, client: Client) -> Self {
        Self::working(world, Some(Serve(daemon)), client).await
    }

    async fn working(world: World, daemon: Option<Serve>, mut client: Client) -> Self {
        let (first, _) = client.submit(job(&world.truth(), "b0", 20, ""));
        assert_eq!(client.end_of(first).await.outcome, Outcome::Ok);
        Self { daemon, world, client, first, running: None, worked: 1 }
    }

    pub(crate) fn socket(&self, door: Door) -> PathBuf {
        match door {
            Door::Daemon => self.world.path("daemon.sock"),
            _ => self.world.only().socket().unwrap().to_owned(),
        }
    }

    pub(crate) fn cookie(&self) -> Vec<u8> {
        self.world.only().cookie().unwrap().into_bytes()
    }

    pub(crate) fn session(&self) -> String {
        self.world.only().id().to_string()
    }

    pub(crate) fn daemon(&self) -> Option<i32> {
        self.daemon.as_ref().map(|daemon| i32::try_from(daemon.0.id()).unwrap())
    }

    /// Takes in what comes next, and submits the next eval when one has ended. May be dropped at any time.
    pub(crate) async fn goes_on(&mut self) {
        if self.running.is_none() {
            self.running = Some(self.client.submit(job(&self.world.truth(), &format!("b{}", self.worked), 20, "")).0);
        }
        self.client.step().await;
        self.ended();
    }

    fn ended(&mut self) {
        let ended = |eval: &EvalId| self.client.ended.get(self.client.numbers.get(eval)?);
        if let Some(ended) = self.running.as_ref().and_then(ended) {
            assert_eq!(ended.outcome, Outcome::Ok, "{ended:?}");
            self.running = None;
            self.worked += 1;
        }
    }

    /// Ends the eval under way, and says how many there were.
    pub(crate) async fn finishes(&mut self) -> u64 {
        while self.running.is_some() {
            self.client.step().await;
            self.ended();
        }
        self.worked
    }

    /// Checks everything that happened in the session, and says how many evals were somebody else's.
    pub(crate) async fn close(&mut self) -> (Row, u64) {
        let all = self.world.journal_through_a_client("work").await;
        within(&self.client.story, &all);
        self.world.logs_are_calm();
        let log = std::fs::read_to_string(self.world.path("daemon.log")).unwrap_or_default();
        assert!(!log.contains("panicked"), "{log}");
        let daemon = self.daemon();
        let strays = self.world.strays(&self.world.only()).into_iter().filter(|p| Some(p.pid) != daemon).count();
        let accepted = all.records.iter().filter(|r| matches!(r.event, Event::Accepted(_))).count() as u64;
        (Row { orphans: strays as u64, ..kept(&all, &self.world.truth()) }, accepted - self.worked)
    }
}

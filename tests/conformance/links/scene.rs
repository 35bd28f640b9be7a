//! A session, a way to it, and links of the test's choice on that way.

use crate::client::Client;
use crate::processes::{left, most_of_its_own};
use crate::promises::{kept, within};
use crate::table::Row;
use crate::ways::proxy::{Plan, Proxy};
use crate::ways::{Door, Way};
use crate::world::World;
use rialto_bridge::daemon::Daemon;
use rialto_client::{Dialer, Keepalive, Link, Linking, Options, Policy, Session, Through};
use rialto_protocol::message::Open;
use rialto_protocol::{Code, ErrorReply};
use rialto_transports::memory::{self, MemoryDialer};
use rialto_transports::unix::UnixDialer;
use std::sync::Arc;
use std::time::Duration;

/// What a supervisor, or whoever leads to it, may ever have in memory. KiB.
pub(crate) const CEILING: u64 = 32 * 1024;

pub(crate) struct Scene {
    // First, so that it ends before its folders go.
    pub(crate) door: Door,
    pub(crate) world: World,
    memory: Option<MemoryDialer>,
}

impl Scene {
    pub(crate) fn new(way: Way) -> Self {
        let world = World::new();
        let door = Door::open(way, &world.path(""), &world.spawn.env);
        Self { door, world, memory: None }
    }

    /// The session is there, and a daemon where one has to be in this process. (Not before somebody waits for the scene.)
    pub(crate) async fn begins(&mut self) {
        if self.door.way() == Way::Memory {
            let (dialer, listener) = memory::pair();
            let daemon = Daemon::new(self.world.home.clone(), self.world.spawn.clone());
            // It ends with the runtime of its test.
            #[allow(clippy::disallowed_methods)]
            tokio::spawn(async move { daemon.serve(vec![Box::new(listener)], std::future::pending()).await });
            self.memory = Some(dialer);
        }
        let mut first = self.world.client("work");
        first.session.connected().await.unwrap();
    }

    /// The way as it is, or from the port of somebody who leads there.
    fn dialer_by(&self, port: Option<u16>) -> Arc<dyn Dialer> {
        match self.door.way() {
            Way::Direct => Arc::new(UnixDialer::new(self.world.only().socket().unwrap())),
            Way::Memory => Arc::new(self.memory.clone().expect("it has begun")),
            _ => self.door.dialer(port),
        }
    }

    pub(crate) fn dialer(&self) -> Arc<dyn Dialer> {
        self.dialer_by(None)
    }

    /// The way by links that do as planned.
    pub(crate) async fn by(&self, plan: Plan) -> (Proxy, Arc<dyn Dialer>) {
        match self.door.port() {
            Some(port) => {
                let proxy = Proxy::of_port(port, move || plan).await;
                let dialer = self.dialer_by(Some(proxy.port));
                (proxy, dialer)
            }
            None => {
                let proxy = Proxy::around(self.dialer(), move || plan);
                (proxy.clone(), Arc::new(proxy))
            }
        }
    }

    /// What opens the session at the supervisor's own door.
    pub(crate) fn cookie(&self) -> Option<Vec<u8>> {
        (self.door.way() == Way::Direct).then(|| self.world.only().cookie().unwrap().into_bytes())
    }

    /// A client by this dialer that does not wait long before it tries again.
    pub(crate) fn client(&mut self, dialer: Arc<dyn Dialer>) -> Client {
        let mut options = Options::new(rialto_client::client_id().unwrap(), "links");
        options.reconnect = Policy { first: Duration::from_millis(1), longest: Duration::from_millis(50), give_up: None };
        options.keepalive = Keepalive::Always;
        let Some(cookie) = self.cookie() else {
            return Client::of(Session::new(Through { dialer, local: false }, self.world.open("work"), options));
        };
        let connector = move |open: Open| -> Linking {
            let (dialer, cookie) = (Arc::clone(&dialer), cookie.clone());
            Box::pin(async move {
                let dialled = dialer.dial().await;
                let stream = dialled.map_err(|why| ErrorReply::new(0, Code::Unreachable, why.to_string()))?;
                Ok(Link { stream, cookie: Some(cookie), open, local: false })
            })
        };
        let open = Open { session: self.world.only().id().to_string(), ..Open::default() };
        Client::of(Session::new(connector, open, options))
    }

    /// What serves this way, by its processes: nobody, where that is the test itself.
    fn serving(&self) -> Vec<i32> {
        let all = self.world.processes().into_iter();
        all.filter(|p| p.command.contains(" serve ") || p.command.ends_with(" stdio ")).map(|p| p.pid).collect()
    }

    /// Neither the supervisor nor whoever serves has ever had much in memory.
    pub(crate) async fn little_memory(&self, client: &mut Client) {
        let supervisor = client.supervisor().await;
        for pid in self.serving().into_iter().chain([supervisor]) {
            let most = most_of_its_own(pid);
            assert!(most <= CEILING, "{}: {pid} had {most} KiB", self.door);
        }
    }

    /// What this client saw is all that happened, once and in order; and nothing is left behind.
    pub(crate) async fn judged(mut self, mut client: Client) {
        client.catch_up().await;
        let all = self.world.journal_through_a_client("work").await;
        within(&client.story, &all);
        assert_eq!(client.session.counters().faults, 0, "the bridge broke the protocol");
        let heard = client.story.records.len() as u64;
        assert!(client.story.records.iter().map(|r| r.seq).eq(1..=heard), "in order, once, from the first");
        let row = Row { played: 1, ..kept(&all, &self.world.truth()) };
        drop(client);
        self.door.dies();
        let stays = left(|| self.world.strays(&self.world.only())).await;
        assert!(stays.is_empty(), "left running: {stays:#?}");
        self.world.logs_are_calm();
        let log = std::fs::read_to_string(self.world.path("daemon.log")).unwrap_or_default();
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
        self.world.ends(row).await;
    }
}

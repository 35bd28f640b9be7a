//! A daemon that listens for ssh, WebSockets and HTTP; credentials that open it; and a bystander who works behind it all the while.

use super::peer;
use crate::client::Client;
use crate::hostile::bystander::Bystander;
use crate::hostile::stream::{Door, Known};
use crate::processes::{most_of_its_own, status, until};
use crate::world::World;
use rialto_client::{Options, Session, Through};
use rialto_transports::Dialer;
use rialto_transports::exec::ExecDialer;
use rialto_transports::http::tls::{self, Trust};
use rialto_transports::http::{Address, Token};
use rialto_transports::unix::UnixDialer;
use rialto_transports::websocket::WebSocketDialer;
use ring::signature::Ed25519KeyPair;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// By which way the bystander works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Ssh,
    Ws,
    Wss,
}

pub(crate) struct Machine {
    pub(crate) by: Bystander,
    pub(crate) pid: i32,
    pub(crate) ssh: u16,
    /// The port, and the TLS that leads in where there is one.
    pub(crate) web: super::web::Port,
    /// Opens all of it.
    pub(crate) token: String,
    pub(crate) key: Arc<Ed25519KeyPair>,
    before: Figures,
}

/// What a process has taken. KiB, and descriptors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) own: u64,
    pub(crate) descriptors: usize,
}

impl Figures {
    pub(crate) fn of(pid: i32) -> Self {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        Self { own: status(pid, "RssAnon"), descriptors }
    }
}

/// As somebody who thinks between two evals, where it takes long: it is others who are to be busy.
pub(crate) async fn works(by: &mut Bystander) {
    super::slow::is_slow(std::time::Duration::from_millis(5)).await;
    by.goes_on().await;
}

impl Machine {
    pub(crate) async fn new(way: Way) -> Self {
        Self::with(way, &[]).await
    }

    pub(crate) async fn with(way: Way, more: &[&str]) -> Self {
        let mut world = World::new();
        let (socket, keys, own) = (world.path("daemon.sock"), world.path("keys"), world.path("own"));
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "by", "-f"]).arg(&own).status();
        assert!(made.unwrap().success());
        let key = peer::key();
        let public = std::fs::read_to_string(own.with_extension("pub")).unwrap();
        std::fs::write(&keys, format!("{public}{}\n", peer::line(&key))).unwrap();
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
        let log = std::fs::File::create(world.path("daemon.log")).unwrap();
        let mut words = vec!["serve", "--socket", socket.to_str().unwrap(), "--ssh", "127.0.0.1:0", "--authorized-keys"];
        words.extend([keys.to_str().unwrap(), "--ws", "0"]);
        if way == Way::Wss {
            words.push("--tls-self-signed");
        }
        words.extend(more);
        let daemon = world.command(&words).env("RIALTO_LOG", "info").stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let pid = i32::try_from(daemon.id()).unwrap();
        let said = until("a daemon that listens", || {
            let said = std::fs::read_to_string(world.path("daemon.log")).unwrap();
            said.contains("serving this user's sessions on").then_some(said)
        });
        let said = said.await;
        let after = |words: &str| said.split(words).nth(1).unwrap_or_else(|| panic!("no {words:?} in {said}"));
        let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u16>().unwrap();
        let ssh = number(after("ssh on 127.0.0.1:"));
        let at = after("rialto --at '").split('\'').next().unwrap();
        let port = number(at.split("127.0.0.1:").nth(1).unwrap());
        let pin = at.split("sha256=").nth(1).and_then(tls::pin);
        // Whoever may end the session ends the bystander's work by right: that is no attack.
        let token = async |name: &str| world.say(&["token", "create", name, "--scope", "eval"]).await.trim().to_owned();
        let (mine, token) = (token("bystander").await, token("attacker").await);
        let dialer: Arc<dyn Dialer> = match way {
            Way::Ssh => Arc::new(ExecDialer::shell(format!(
                "exec ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
                 -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p {ssh} 127.0.0.1 -s rialto",
                own.display()
            ))),
            Way::Ws | Way::Wss => Arc::new(WebSocketDialer::new(Address {
                secure: way == Way::Wss,
                host: "127.0.0.1".into(),
                port,
                trust: pin.map_or(Trust::System, Trust::Pinned),
                token: Token::Text(mine),
                ..Address::default()
            })),
        };
        let options = Options::new(rialto_client::client_id().unwrap(), "bystander");
        let open = world.open("work");
        let client = Client::of(Session::new(Through { dialer, local: true }, open, options));
        let by = Bystander::through(world, daemon, client).await;
        let web = super::web::Port::new(port, way == Way::Wss);
        Self { by, pid, ssh, web, token, key, before: Figures::of(pid) }
    }

    /// What a peer may have found out.
    pub(crate) fn known(&self) -> Known {
        Known {
            dialer: Arc::new(UnixDialer::new(self.by.socket(Door::Daemon))),
            cookie: Vec::new(),
            session: self.by.session(),
            eval: self.by.first,
        }
    }

    /// Lets the bystander go on until this has come to its end.
    pub(crate) async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> T {
        tokio::pin!(what);
        loop {
            tokio::select! {
                done = &mut what => return done,
                () = works(&mut self.by) => {}
            }
        }
    }

    /// Plays streams by their seeds, so many at once, and gives how often each answer came.
    pub(crate) async fn attack<F>(
        &mut self,
        streams: u64,
        base: u64,
        play: impl Fn(u64) -> F,
    ) -> std::collections::BTreeMap<String, u64>
    where
        F: Future<Output = std::collections::BTreeSet<String>> + Send + 'static,
    {
        let mut running = tokio::task::JoinSet::new();
        let mut seeds = base..base + streams;
        let mut answers = std::collections::BTreeMap::new();
        loop {
            while running.len() < 12
                && let Some(seed) = seeds.next()
            {
                let one = play(seed);
                running.spawn(async move {
                    let bounded = tokio::time::timeout(std::time::Duration::from_secs(60), one);
                    bounded.await.unwrap_or_else(|_| panic!("the stream of seed {seed} never ended"))
                });
            }
            tokio::select! {
                ended = running.join_next() => match ended {
                    Some(ended) => ended.unwrap().into_iter().for_each(|answer| *answers.entry(answer).or_insert(0) += 1),
                    None => return answers,
                },
                () = self.by.goes_on() => {}
            }
        }
    }

    /// Ends the bystander's work, waits until the daemon has let go of everybody else, checks all, and says what was measured.
    pub(crate) async fn close(self, played: u64, name: &str, ceiling: u64) {
        self.close_with(played, name, ceiling, "").await;
    }

    /// The same, with more that was measured.
    pub(crate) async fn close_with(mut self, played: u64, name: &str, ceiling: u64, more: &str) {
        let worked = self.by.finishes().await;
        assert!(worked > 1, "the bystander did nothing");
        assert_eq!(self.by.client.attempts, 0, "the bystander's link broke");
        let (pid, before) = (self.pid, self.before);
        until("the descriptors to come back", || (Figures::of(pid).descriptors <= before.descriptors + 1).then_some(())).await;
        let (peak, after) = (most_of_its_own(pid), Figures::of(pid));
        let mib = |kib: u64| kib as f64 / 1024.0;
        assert!(peak <= ceiling, "{peak} KiB");
        let note = format!(
            "{more}{worked} evals of the bystander; daemon {:.1} MiB before, {:.1} peak, {:.1} after",
            mib(before.own),
            mib(peak),
            mib(after.own)
        );
        let (row, _) = self.by.close().await;
        crate::table::Row { played, note, ..row }.close(name);
    }
}

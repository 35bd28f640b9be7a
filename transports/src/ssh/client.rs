//! A place behind SSH: any sshd with `rialto` on its machine, or `rialto serve --ssh`.

use super::auth::{Asking, Login, Secrets};
use super::begin::{self, NoBridge, Remote as _};
use super::channel::{Held, Pipe, cut};
use super::check::{Check, Learned, Shown, Stop};
use super::config::{Settings, Strict};
use super::fail::{Fail, said};
use super::known_hosts::{self, Known, Verdict};
use super::paths::Paths;
use super::person::Person;
use super::system;
use crate::{Boxed, DialError, Dialer, Stream};
use russh::client::{self, Handle, Msg};
use russh::{Channel, ChannelMsg, Preferred, SshId};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Jumps through machines that need jumps themselves: so many at most.
const MOST_JUMPS: usize = 8;
/// Our own server's name for what others call a command.
const SUBSYSTEM: &str = "rialto";
/// What a program run by [`SshDialer::run`] may print.
const PRINTED: u64 = 64 * 1024;

/// Who is meant, as a URL has it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// As whom; otherwise as the configuration says.
    pub user: Option<String>,
    /// A name on the network, or one of the configuration.
    pub host: String,
    /// Otherwise as the configuration says.
    pub port: Option<u16>,
    /// What runs `rialto` there, where that is not on the path.
    pub command: Option<String>,
    /// What the place is called where somebody has to be told how to go on.
    pub place: String,
}

/// Connects by SSH, as the user's own configuration says.
pub struct SshDialer {
    target: Target,
    asking: Asking,
    /// Who wants to know how far it has come.
    steps: Option<Steps>,
    /// Whose keys, hosts and settings, where not this user's.
    home: Option<PathBuf>,
}

impl std::fmt::Debug for SshDialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SshDialer").field(&self.target).finish()
    }
}

/// What a program said that was [run](SshDialer::run).
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its exit code, where it had one.
    pub code: Option<u32>,
    /// What it printed, up to a limit.
    pub stdout: String,
    /// The end of what it complained about.
    pub stderr: String,
}

type Conn = Handle<Check>;
type Steps = Box<dyn Fn(&str) + Send + Sync>;

/// A connection that is authenticated, and what keeps it alive.
struct Reached {
    conn: Conn,
    /// The machines on the way, and what ends the tasks of all of them.
    held: Vec<(Option<Conn>, Held)>,
    server: String,
}

/// By which means.
enum Way {
    Ours(Vec<Settings>),
    /// By the system's `ssh`, because of that.
    System(String, Box<Settings>),
}

impl SshDialer {
    /// For this machine. `person` is asked what has to be asked until a connection has come to be for the first time.
    #[must_use]
    pub fn new(target: Target, person: Option<Arc<dyn Person>>) -> Self {
        Self { target, asking: Asking { person, secrets: Arc::<Mutex<Secrets>>::default() }, steps: None, home: None }
    }

    /// Tells each step that is done, for whoever has to find out which one is not.
    #[must_use]
    pub fn telling(self, steps: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { steps: Some(Box::new(steps)), ..self }
    }

    /// With the keys, hosts and settings of this home folder instead of the user's: for who acts for somebody else.
    #[must_use]
    pub fn in_home(self, home: impl Into<PathBuf>) -> Self {
        Self { home: Some(home.into()), ..self }
    }

    fn paths(&self) -> Paths {
        Paths::find(self.home.clone())
    }

    fn step(&self, text: impl FnOnce() -> String) {
        if let Some(steps) = &self.steps {
            steps(&text());
        }
    }

    /// `ssh://me@machine:22`
    fn url(&self) -> String {
        let user = self.target.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
        let host = if self.target.host.contains(':') { format!("[{}]", self.target.host) } else { self.target.host.clone() };
        let port = self.target.port.map_or_else(String::new, |port| format!(":{port}"));
        format!("ssh://{user}{host}{port}")
    }

    fn way(&self, paths: &Paths) -> Result<Way, Fail> {
        let Target { user, host, port, .. } = &self.target;
        let settings = Settings::of(host, user.as_deref(), *port, paths).map_err(|why| Fail::never(why.to_string()))?;
        let mut chain = Vec::new();
        match gather(settings.clone(), paths, &mut chain) {
            Ok(()) => Ok(Way::Ours(chain)),
            Err(Gathered::Beyond(why)) => Ok(Way::System(why, Box::new(settings))),
            Err(Gathered::Fail(fail)) => Err(fail),
        }
    }

    async fn connect(&self) -> Result<Stream, Fail> {
        let paths = self.paths();
        let word = begin::word();
        let command = begin::command(self.target.command.as_deref(), &word);
        let begun: Result<Stream, NoBridge> = match self.way(&paths)? {
            Way::System(why, settings) => {
                tracing::info!(%why, "the system's ssh is used: only it can do what the configuration asks for");
                self.step(|| format!("the system's ssh is used, because of {why}"));
                let pipes = system::start(&self.target, &settings, &paths, &command, self.asking.can_ask())?;
                let begun = begin::begun(pipes, &word).await;
                begun.map(|begun| Box::new(begun) as Stream)
            }
            Way::Ours(chain) => {
                let reached = self.reach(&chain).await?;
                let channel = open(&reached.conn).await?;
                if self.target.command.is_none() && reached.server.starts_with(super::OURS) {
                    let channel = asked(channel, What::Subsystem).await?;
                    self.over();
                    return Ok(Box::new(Pipe::new(channel, Box::new((reached.conn, reached.held)))));
                }
                let channel = asked(channel, What::Command(&command)).await?;
                let pipe = Pipe::new(channel, Box::new((reached.conn, reached.held)));
                let begun = begin::begun(pipe, &word).await;
                begun.map(|begun| Box::new(begun) as Stream)
            }
        };
        match begun {
            Ok(stream) => {
                self.over();
                Ok(stream)
            }
            Err(NoBridge::Missing) => {
                let place = &self.target.place;
                let text = match &self.target.command {
                    Some(command) => format!("there is no {command} on it, which is what {place} is to run"),
                    None => format!(
                        "rialto is not there (not on the path, nor in ~/.local/bin). `rialto places install {place}` copies this one \
                         there, where the machine is of the same kind; `command` in the place's settings names one elsewhere"
                    ),
                };
                Err(Fail::never(text))
            }
            Err(NoBridge::Other(why)) => Err(Fail::soon(why)),
        }
    }

    /// From now on it has to come back by itself.
    fn over(&self) {
        self.step(|| "rialto begins there".to_owned());
        self.asking.secrets().over = true;
    }

    async fn reach(&self, chain: &[Settings]) -> Result<Reached, Fail> {
        let mut held: Vec<(Option<Conn>, Held)> = Vec::new();
        let mut last: Option<Conn> = None;
        let mut server = String::new();
        for settings in chain {
            let before = last.take();
            let (conn, hold, learned) = self.hop(settings, before.as_ref()).await.map_err(|fail| {
                // Which of several machines it was is half of what has to be known.
                let on_the_way = chain.len() > 1 && !std::ptr::eq(settings, chain.last().unwrap_or(settings));
                if !on_the_way {
                    return fail;
                }
                let why = std::io::Error::new(fail.why.kind(), format!("on the way, at {}: {}", settings.alias, fail.why));
                Fail { why, ..fail }
            })?;
            held.push((before, hold));
            server = learned;
            last = Some(conn);
        }
        let conn = last.ok_or_else(|| Fail::never("no machine is named"))?;
        Ok(Reached { conn, held, server })
    }

    /// One machine, from here or through the one before it. An unknown key is shown to a person between two attempts.
    async fn hop(&self, settings: &Settings, through: Option<&Conn>) -> Result<(Conn, Held, String), Fail> {
        loop {
            let learned = Arc::new(Mutex::new(Learned::default()));
            let (made, hold) = match through {
                None => {
                    let socket = dial(settings).await?;
                    self.step(|| match socket.peer_addr() {
                        Ok(address) => format!("{} is reached at {address}", settings.host),
                        Err(_) => format!("{} is reached", settings.host),
                    });
                    let (stream, hold) = cut(socket);
                    (self.shake(settings, stream, &learned).await, hold)
                }
                Some(conn) => {
                    let open = conn.channel_open_direct_tcpip(settings.host.clone(), settings.port.into(), "127.0.0.1", 0);
                    let channel = timeout(settings.connect_timeout, open).await;
                    let channel = channel.map_err(|_| Fail::soon(format!("{} did not answer in time", settings.host)))?;
                    let channel = channel.map_err(|why| {
                        Fail::soon(format!("{}:{} is not reached: {}", settings.host, settings.port, said(&why)))
                    })?;
                    self.step(|| format!("{}:{} is reached through the machine before it", settings.host, settings.port));
                    let (stream, hold) = cut(channel.into_stream());
                    (self.shake(settings, stream, &learned).await, hold)
                }
            };
            match made {
                Ok(mut conn) => {
                    let server = learned.lock().unwrap_or_else(PoisonError::into_inner).server.clone();
                    self.step(|| format!("its key is the one that is known; it is {server}"));
                    let told_off = || learned.lock().unwrap_or_else(PoisonError::into_inner).goodbye;
                    let by = Login::new(settings, &self.asking).run(&mut conn, told_off).await?;
                    self.step(|| format!("{} is let in by {by}", settings.user));
                    return Ok((conn, hold, server));
                }
                Err(Stop::Key(shown, verdict)) => self.decide(settings, &shown, verdict).await?,
                Err(Stop::Ssh(why)) => return Err(Fail::soon(format!("the SSH handshake failed: {}", said(&why)))),
            }
        }
    }

    async fn shake<S>(&self, settings: &Settings, stream: S, learned: &Arc<Mutex<Learned>>) -> Result<Conn, Stop>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let known = read_known(settings).map_err(|why| Stop::Ssh(russh::Error::IO(why)))?;
        let config = Arc::new(config(settings, &known));
        let accepted = self.asking.secrets().accepted.clone();
        let person = self.asking.person.clone().filter(|_| self.asking.can_ask());
        let check = Check { known, accepted, learned: learned.clone(), person };
        let made = timeout(HANDSHAKE, client::connect_stream(config, stream, check)).await;
        made.unwrap_or(Err(Stop::Ssh(russh::Error::ConnectionTimeout)))
    }

    /// What becomes of a key that is not known. Whoever returns from here without an error may try again.
    async fn decide(&self, settings: &Settings, shown: &Shown, verdict: Verdict) -> Result<(), Fail> {
        let host = settings.key_alias.as_deref().unwrap_or(&settings.alias);
        let (name, fingerprint) = (shown.name(), &shown.fingerprint);
        let others = match verdict {
            Verdict::Known => return Ok(()),
            Verdict::Changed(line) => {
                return Err(Fail::never(format!(
                    "the key of {host} has changed: {line} has another one than the {name} key {fingerprint} it shows now. Either \
                     the machine was set up anew, or somebody is in between. Ask whoever runs it; if the new key is right, remove \
                     that line"
                )));
            }
            Verdict::Revoked(line) => {
                return Err(Fail::never(format!(
                    "the {name} key {fingerprint} of {host} is revoked by {line}; nobody goes there"
                )));
            }
            Verdict::Unclear(line) => {
                return Err(Fail::never(format!(
                    "{line} is about {host} and cannot be understood; it may revoke the key that is shown"
                )));
            }
            Verdict::Unknown { others } => others,
        };
        let files = settings.known_hosts.first();
        let also = others.map_or_else(String::new, |line| format!(" Keys of other kinds are known for it ({line})."));
        let unknown = format!("the key of {host} is not known: {name} {fingerprint}.{also}");
        match settings.strict {
            Strict::Yes => {
                return Err(Fail::never(format!(
                    "{unknown} The configuration says that unknown keys are refused (StrictHostKeyChecking)"
                )));
            }
            Strict::AcceptNew => {}
            Strict::Ask if self.asking.can_ask() && !settings.batch => {
                let question = format!("{unknown} Is that machine the one it says it is, and shall its key be remembered?");
                if !self.asking.confirms(question).await? {
                    return Err(Fail::never(format!("the key of {host} was not accepted")));
                }
            }
            Strict::Ask => {
                return Err(Fail::never(format!(
                    "{unknown} Open it once in a terminal, where you are asked, or put the key into {}",
                    files.map_or_else(|| "known_hosts".to_owned(), |file| file.display().to_string())
                )));
            }
        }
        self.asking.secrets().accepted.push(shown.blob.clone());
        let Some(file) = files.filter(|file| file.as_os_str() != "/dev/null") else { return Ok(()) };
        let mut salt = [0; 20];
        let salt = (settings.hash_known_hosts && getrandom::fill(&mut salt).is_ok()).then_some(salt);
        let name = settings.key_alias.as_deref().unwrap_or(&settings.host);
        if let Err(why) = known_hosts::remember(file, name, settings.port, &shown.key(), salt)
            && let Some(person) = &self.asking.person
        {
            person.told(&format!("the key is not remembered: {} cannot be written ({why})", file.display()));
        }
        Ok(())
    }

    /// Runs something else there, with this for its stdin: to put a program where there is none.
    ///
    /// # Errors
    /// Where it cannot be reached. What the program makes of it is in the answer.
    pub async fn run(&self, command: &str, input: &[u8]) -> Result<Ran, DialError> {
        let ran = async {
            let paths = self.paths();
            match self.way(&paths)? {
                Way::System(_, settings) => {
                    let mut pipes = system::start(&self.target, &settings, &paths, command, self.asking.can_ask())?;
                    let stdout = talked(&mut pipes, input).await;
                    Ok((stdout, pipes.last()))
                }
                Way::Ours(chain) => {
                    let reached = self.reach(&chain).await?;
                    let channel = open(&reached.conn).await?;
                    let channel = asked(channel, What::Command(command)).await?;
                    let mut pipe = Pipe::new(channel, Box::new((reached.conn, reached.held)));
                    let stdout = talked(&mut pipe, input).await;
                    Ok((stdout, pipe.last()))
                }
            }
        };
        let (stdout, last) = ran.await.map_err(|fail: Fail| self.error(fail))?;
        Ok(Ran { code: last.code, stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr: last.words })
    }

    fn error(&self, fail: Fail) -> DialError {
        DialError::new(self.url(), fail.why).again(fail.again)
    }
}

impl Dialer for SshDialer {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(async { self.connect().await.map_err(|fail| self.error(fail)) })
    }

    fn text(&self) -> String {
        self.url()
    }
}

/// Writes all and reads all, at the same time: one that prints while it is written to must not wait for us.
async fn talked(pipe: &mut (impl AsyncRead + AsyncWrite + Unpin), input: &[u8]) -> Vec<u8> {
    let (mut read, mut write) = tokio::io::split(pipe);
    let mut stdout = Vec::new();
    let writes = async {
        // One that ends early has said why.
        let _ = write.write_all(input).await;
        let _ = write.shutdown().await;
    };
    let reads = async {
        let _ = (&mut read).take(PRINTED).read_to_end(&mut stdout).await;
        let _ = tokio::io::copy(&mut read, &mut tokio::io::sink()).await;
    };
    tokio::join!(writes, reads);
    stdout
}

enum Gathered {
    Beyond(String),
    Fail(Fail),
}

/// The machines on the way, the nearest first.
fn gather(settings: Settings, paths: &Paths, chain: &mut Vec<Settings>) -> Result<(), Gathered> {
    if chain.len() > MOST_JUMPS {
        return Err(Gathered::Fail(Fail::never("the configuration jumps from machine to machine without end (ProxyJump)")));
    }
    if let Some(why) = &settings.beyond {
        return Err(Gathered::Beyond(why.clone()));
    }
    if let Some(why) = super::auth::beyond(&settings.identities) {
        return Err(Gathered::Beyond(why));
    }
    let known = read_known(&settings).map_err(|why| Gathered::Fail(Fail::never(why.to_string())))?;
    if let (Some(line), None) = (&known.authority, known.kinds().next()) {
        return Err(Gathered::Beyond(format!("@cert-authority ({line})")));
    }
    for (n, jump) in settings.jumps.iter().enumerate() {
        let (user, host, port) = machine(jump);
        let mut hop = Settings::of(host, user, port, paths).map_err(|why| Gathered::Fail(Fail::never(why.to_string())))?;
        // The first one may need a way of its own; the others are behind it.
        if n > 0 {
            hop.jumps.clear();
        }
        // One that jumps through itself would do so for ever.
        if hop.jumps.iter().any(|name| machine(name).1 == hop.alias) {
            hop.jumps.clear();
        }
        gather(hop, paths, chain)?;
    }
    chain.push(settings);
    Ok(())
}

/// `me@machine:22`, or the same as a URL.
fn machine(text: &str) -> (Option<&str>, &str, Option<u16>) {
    let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
    let (user, rest) = text.rsplit_once('@').map_or((None, text), |(user, rest)| (Some(user), rest));
    if let Some((host, port)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (user, host, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match rest.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) if !host.contains(':') => (user, host, Some(port)),
        _ => (user, rest, None),
    }
}

fn read_known(settings: &Settings) -> std::io::Result<Known> {
    let name = settings.key_alias.as_deref().unwrap_or(&settings.host);
    Known::read(settings.known_hosts.iter().chain(&settings.known_hosts_of_all), name, settings.port)
}

async fn dial(settings: &Settings) -> Result<TcpStream, Fail> {
    let Settings { host, port, .. } = settings;
    let socket = match timeout(settings.connect_timeout, TcpStream::connect((host.as_str(), *port))).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(why)) => {
            return Err(Fail { why: std::io::Error::new(why.kind(), format!("{host}:{port}: {why}")), ..Fail::soon("") });
        }
        Err(_) => {
            return Err(Fail::soon(format!("{host}:{port} did not answer within {} s", settings.connect_timeout.as_secs())));
        }
    };
    // A line that is typed must not wait for the one before it to be acknowledged.
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn config(settings: &Settings, known: &Known) -> client::Config {
    // A host is asked for a key of a kind it is known by: otherwise it would show another one, and look like a stranger.
    let mut kinds: Vec<_> = Preferred::DEFAULT.key.to_vec();
    let names: Vec<&str> = known.kinds().collect();
    kinds.sort_by_key(|algorithm| {
        let name = if algorithm.clone().is_rsa() { "ssh-rsa" } else { algorithm.as_str() };
        !names.contains(&name)
    });
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-Rialto_", env!("CARGO_PKG_VERSION")))),
        inactivity_timeout: None,
        keepalive_interval: settings.alive_interval,
        keepalive_max: settings.alive_count,
        preferred: Preferred { key: Cow::Owned(kinds), ..Preferred::DEFAULT },
        nodelay: true,
        ..client::Config::default()
    }
}

async fn open(conn: &Conn) -> Result<Channel<Msg>, Fail> {
    let channel = timeout(HANDSHAKE, conn.channel_open_session()).await;
    let channel = channel.map_err(|_| Fail::soon("the server opened no channel in time"))?;
    channel.map_err(|why| Fail::soon(format!("the server opened no channel: {}", said(&why))))
}

/// What is asked for on a channel.
enum What<'a> {
    Subsystem,
    Command(&'a str),
}

/// Asks for it, and waits for the answer.
async fn asked(mut channel: Channel<Msg>, what: What<'_>) -> Result<Channel<Msg>, Fail> {
    let refused = || Fail::counted("the server runs no commands for this user");
    let answer = async {
        let sent = match what {
            What::Subsystem => channel.request_subsystem(true, SUBSYSTEM).await,
            What::Command(command) => channel.exec(true, command).await,
        };
        sent.map_err(|why| Fail::soon(said(&why)))?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::Failure | ChannelMsg::Close) => return Err(refused()),
                // Nobody has refused anything: the network is gone, or the server.
                None => return Err(Fail::soon("the connection was closed")),
                Some(_) => {}
            }
        }
    };
    timeout(HANDSHAKE, answer).await.map_err(|_| Fail::soon("the server did not answer in time"))??;
    Ok(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_read_as_ssh_reads_them() {
        assert_eq!(machine("me@m:1"), (Some("me"), "m", Some(1)));
        assert_eq!(machine("ssh://m"), (None, "m", None));
        assert_eq!(machine("[::1]:7"), (None, "::1", Some(7)));
        assert_eq!(machine("::1"), (None, "::1", None));
    }
}

//! A place behind SSH: any sshd with `rialto` on its machine, or `rialto serve --ssh`.

mod hop;
mod jumps;

use super::auth::{Asking, Secrets};
use super::begin::{self, NoBridge, Remote as _};
use super::channel::{Held, Pipe};
use super::check::Check;
use super::config::Settings;
use super::fail::{Fail, said};
use super::paths::Paths;
use super::person::Person;
use super::system;
use crate::{Boxed, DialError, Dialer, Stream};
use jumps::{Gathered, gather};
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
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

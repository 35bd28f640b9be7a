//! One machine of the way after the other: reached, known by its key, and let in.

use super::super::auth::Login;
use super::super::channel::{Held, cut};
use super::super::check::{Check, Learned, Shown, Stop};
use super::super::config::{Settings, Strict};
use super::super::fail::{Fail, said};
use super::super::known_hosts::{self, Known, Verdict};
use super::jumps::read_known;
use super::{Conn, HANDSHAKE, Reached, SshDialer};
use russh::{Preferred, SshId, client};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

impl SshDialer {
    pub(super) async fn reach(&self, chain: &[Settings]) -> Result<Reached, Fail> {
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
                    let by = Login::new(settings, &self.asking).run(&mut conn, &server, told_off).await?;
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

//! Getting in: by the agent, by keys in files, by answers to questions.
//!
//! A key that is encrypted is offered before anybody is asked for its passphrase: nobody types one for a server that does not
//! want that key.

mod ask;
mod keys;

pub(super) use ask::{Asking, Secrets};
pub(super) use keys::beyond;

use super::check::{Check, Stop};
use super::config::{Agent, Settings};
use super::fail::{Fail, said};
use crate::Again;
use keys::{Candidate, File};
use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodSet, SendError};
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long the server may take for one step.
const STEP: Duration = Duration::from_secs(30);
/// How long an agent may take for a signature: it may ask a person to touch something.
const TOUCH: Duration = Duration::from_secs(60);
/// Rounds of questions that a server may ask before it decides.
const ROUNDS: u32 = 16;

type Conn = Handle<Check>;

/// What came of one attempt.
enum Came {
    In,
    /// That was not enough, and what is left is another set.
    Partly(MethodSet),
    No,
}

/// Somebody who gets in somewhere.
pub(super) struct Login<'a> {
    pub(super) settings: &'a Settings,
    pub(super) asking: &'a Asking,
    /// What was tried, for whoever has to find out why nothing helped.
    tried: Vec<String>,
    /// What could not be asked because there is nobody.
    unasked: Vec<String>,
    rsa: Option<Option<HashAlg>>,
}

impl<'a> Login<'a> {
    pub(super) const fn new(settings: &'a Settings, asking: &'a Asking) -> Self {
        Self { settings, asking, tried: Vec::new(), unasked: Vec::new(), rsa: None }
    }

    fn who(&self) -> String {
        format!("{}@{}", self.settings.user, self.settings.alias)
    }

    /// Tries everything there is, in the order in which `ssh` does. What it was that helped.
    pub(super) async fn run(mut self, conn: &mut Conn, server: &str, told_off: impl Fn() -> bool) -> Result<String, Fail> {
        let came = self.tries(conn).await;
        // It says so when it has counted enough, and ours (which calls itself so) does not count what is only offered: where one
        // of them just goes, it was killed, or the network is gone.
        let speaks = server.contains("OpenSSH");
        came.map_err(|fail| {
            // Nor has anybody counted who was shown one thing at most.
            let counts = !speaks && self.tried.len() > 1;
            let uncounted = fail.why.kind() == io::ErrorKind::ConnectionReset && !counts && !told_off();
            if uncounted { Fail { again: Again::Soon, ..fail } } else { fail }
        })
    }

    async fn tries(&mut self, conn: &mut Conn) -> Result<String, Fail> {
        let settings = self.settings;
        let mut left = match step(conn.authenticate_none(&settings.user)).await? {
            AuthResult::Success => return Ok("nothing at all".to_owned()),
            AuthResult::Failure { remaining_methods, .. } => remaining_methods,
        };
        let mut candidates = None;
        // A server may want two or three proofs; one that always wants another is left.
        for _ in 0..6 {
            let mut came = Came::No;
            if left.contains(&MethodKind::PublicKey) && settings.publickey {
                let candidates = match &mut candidates {
                    Some(candidates) => candidates,
                    none => none.insert(self.candidates().await),
                };
                while let (Came::No, Some(candidate)) = (&came, candidates.pop()) {
                    came = self.key(conn, candidate).await?;
                }
            }
            if matches!(came, Came::No) && left.contains(&MethodKind::KeyboardInteractive) && settings.keyboard {
                came = self.questions(conn).await?;
            }
            if matches!(came, Came::No) && left.contains(&MethodKind::Password) && settings.password {
                came = self.password(conn).await?;
            }
            match came {
                Came::In => return Ok(self.tried.pop().unwrap_or_else(|| "what was typed".to_owned())),
                Came::Partly(more) => left = more,
                Came::No => break,
            }
        }
        if conn.is_closed() {
            // The library says so by an answer that takes nothing.
            return Err(gone("the connection was closed"));
        }
        Err(self.refused(&left))
    }

    fn refused(&self, left: &MethodSet) -> Fail {
        let methods: Vec<String> = left.iter().map(String::from).collect();
        let tried = if self.tried.is_empty() { "nothing".to_owned() } else { self.tried.join(", ") };
        let who = self.who();
        if self.unasked.is_empty() {
            let text = format!("{who} is not let in: the server takes {}, and was shown {tried}", methods.join(", "));
            return Fail::counted(text);
        }
        let text = format!(
            "authentication of {who} needs a person: {}; shown without success: {tried}. Open it in a terminal, or have the key in \
             an agent (ssh-add)",
            self.unasked.join(", ")
        );
        if self.asking.is_over() { Fail::counted(text) } else { Fail::never(text) }
    }

    /// The keys there are, the first one last.
    async fn candidates(&mut self) -> Vec<Candidate> {
        let settings = self.settings;
        let mut files = Vec::new();
        for path in &settings.identities {
            match keys::read(path) {
                Ok(Some(file)) => files.push(file),
                Ok(None) if settings.identities_named => self.tried.push(format!("no key: {} is not there", path.display())),
                Ok(None) => {}
                Err(why) => self.tried.push(why),
            }
        }
        let held = match &settings.agent {
            Agent::At(path) => self.held(path).await,
            Agent::None => Vec::new(),
        };
        let mut all = Vec::new();
        // Those that were named come first, by the agent where it has them.
        let named = |key: &PublicKey| {
            files.iter().any(|file| file.public.as_ref().is_some_and(|public| public.key_data() == key.key_data()))
        };
        let (first, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|(key, _)| named(key));
        let in_agent: Vec<PublicKey> = first.iter().map(|(key, _)| key.clone()).collect();
        all.extend(first.into_iter().map(|(key, comment)| Candidate::Held(key, comment)));
        if !settings.identities_only {
            all.extend(others.into_iter().map(|(key, comment)| Candidate::Held(key, comment)));
        }
        let alone = |file: &File| {
            file.has_secret
                && !file.public.as_ref().is_some_and(|public| in_agent.iter().any(|key| key.key_data() == public.key_data()))
        };
        all.extend(files.into_iter().filter(alone).map(|file| Candidate::File(Box::new(file))));
        all.reverse();
        all
    }

    async fn agent(path: &Path) -> Option<AgentClient<UnixStream>> {
        timeout(STEP, AgentClient::connect_uds(path)).await.ok()?.ok()
    }

    async fn held(&mut self, path: &Path) -> Vec<(PublicKey, String)> {
        let Some(mut agent) = Self::agent(path).await else {
            self.tried.push(format!("no agent answers at {}", path.display()));
            return Vec::new();
        };
        let Ok(Ok(all)) = timeout(STEP, agent.request_identities()).await else {
            self.tried.push(format!("the agent at {} says nothing", path.display()));
            return Vec::new();
        };
        all.into_iter().map(|identity| (identity.public_key().into_owned(), identity.comment().to_owned())).collect()
    }

    async fn key(&mut self, conn: &mut Conn, candidate: Candidate) -> Result<Came, Fail> {
        match candidate {
            Candidate::Held(key, comment) => {
                self.tried.push(format!("the agent's key {comment}"));
                let Agent::At(path) = &self.settings.agent else { return Ok(Came::No) };
                let Some(mut agent) = Self::agent(path).await else { return Ok(Came::No) };
                let hash = self.hash(conn, &key).await?;
                let attempt = conn.authenticate_publickey_with(&self.settings.user, key, hash, &mut agent);
                match timeout(TOUCH, attempt).await {
                    Ok(Ok(result)) => Ok(came(result)),
                    // It has the key and does not use it: somebody said no, or took it out. Another key may do.
                    Ok(Err(russh::AgentAuthError::Key(why))) => {
                        self.tried.push(format!("which it did not use ({why})"));
                        Ok(Came::No)
                    }
                    Ok(Err(why)) => Err(Fail::soon(format!("the connection was closed during authentication ({why})"))),
                    Err(_) => Err(Fail::counted("the agent did not answer within a minute")),
                }
            }
            Candidate::File(file) => self.file(conn, *file).await,
        }
    }

    async fn file(&mut self, conn: &mut Conn, file: File) -> Result<Came, Fail> {
        let path = file.path.display().to_string();
        if let Some(key) = self.asking.unlocked(&file.path) {
            self.tried.push(path);
            return self.with(conn, key).await;
        }
        let Some(text) = file.encrypted else {
            self.tried.push(path);
            let Some(key) = file.secret else { return Ok(Came::No) };
            return self.with(conn, Arc::new(key)).await;
        };
        // Whether the server would take it is asked first.
        if let Some(public) = file.public {
            let hash = self.hash(conn, &public).await?;
            let mut probe = Probe { wanted: false };
            let asked = step_of(conn.authenticate_publickey_with(&self.settings.user, public, hash, &mut probe)).await?;
            if let (false, Ok(result)) = (probe.wanted, asked) {
                self.tried.push(path);
                return Ok(came(result));
            }
        }
        if !self.asking.can_ask() {
            self.unasked.push(format!("the key {path} has a passphrase"));
            return Ok(Came::No);
        }
        for attempt in 0..self.settings.prompts {
            let again = if attempt == 0 { "" } else { "that was not it. " };
            let phrase = self.asking.secret(format!("{again}Passphrase for {path} ({}): ", self.who())).await?;
            if phrase.is_empty() {
                break;
            }
            let text = text.clone();
            // Made to be slow, by whoever invented the format.
            let opened = tokio::task::spawn_blocking(move || russh::keys::decode_secret_key(&text, Some(&phrase)));
            if let Ok(Ok(key)) = opened.await {
                self.tried.push(path);
                let key = Arc::new(key);
                self.asking.keep(file.path, key.clone());
                return self.with(conn, key).await;
            }
        }
        self.tried.push(format!("{path} stayed locked"));
        Ok(Came::No)
    }

    async fn with(&mut self, conn: &mut Conn, key: Arc<PrivateKey>) -> Result<Came, Fail> {
        let hash = self.hash(conn, key.public_key()).await?;
        let key = PrivateKeyWithHashAlg::new(key, hash);
        Ok(came(step(conn.authenticate_publickey(&self.settings.user, key)).await?))
    }

    /// How an RSA key is to sign; asked of the server once, and only where there is such a key.
    async fn hash(&mut self, conn: &Conn, key: &PublicKey) -> Result<Option<HashAlg>, Fail> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        if let Some(hash) = self.rsa {
            return Ok(hash);
        }
        // Where it does not say, what every server of this decade takes.
        let hash = step(conn.best_supported_rsa_hash()).await?.unwrap_or(Some(HashAlg::Sha256));
        self.rsa = Some(hash);
        Ok(hash)
    }

    async fn questions(&mut self, conn: &mut Conn) -> Result<Came, Fail> {
        let user = &self.settings.user;
        for attempt in 0..self.settings.prompts {
            let mut response = step(conn.authenticate_keyboard_interactive_start(user, None::<String>)).await?;
            let mut answered = false;
            for _ in 0..ROUNDS {
                match response {
                    KeyboardInteractiveAuthResponse::Success => return Ok(Came::In),
                    KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success: true } => {
                        return Ok(Came::Partly(remaining_methods));
                    }
                    KeyboardInteractiveAuthResponse::Failure { .. } => break,
                    KeyboardInteractiveAuthResponse::InfoRequest { name, instructions, prompts } => {
                        let mut answers = Vec::new();
                        for text in [&name, &instructions].into_iter().filter(|text| !text.is_empty()) {
                            self.asking.told(text);
                        }
                        for prompt in prompts.iter().take(8) {
                            answered = true;
                            match self.asking.answer(&self.who(), &prompt.prompt, prompt.echo, attempt == 0).await? {
                                Some(answer) => answers.push(answer),
                                None => {
                                    self.unasked.push(format!("the server asks {:?}", prompt.prompt.trim()));
                                    return Ok(Came::No);
                                }
                            }
                        }
                        response = step(conn.authenticate_keyboard_interactive_respond(answers)).await?;
                    }
                }
            }
            self.tried.push("answers to its questions".to_owned());
            self.asking.forget();
            if !answered || !self.asking.can_ask() {
                break;
            }
        }
        Ok(Came::No)
    }

    async fn password(&mut self, conn: &mut Conn) -> Result<Came, Fail> {
        for attempt in 0..self.settings.prompts {
            let prompt = format!("{}'s password: ", self.who());
            let Some(password) = self.asking.answer(&self.who(), &prompt, false, attempt == 0).await? else {
                self.unasked.push("the server asks for a password".to_owned());
                return Ok(Came::No);
            };
            match came(step(conn.authenticate_password(&self.settings.user, password)).await?) {
                Came::No => {
                    self.tried.push("a password".to_owned());
                    self.asking.forget();
                    if !self.asking.can_ask() {
                        break;
                    }
                }
                other => return Ok(other),
            }
        }
        Ok(Came::No)
    }
}

fn came(result: AuthResult) -> Came {
    match result {
        AuthResult::Success => Came::In,
        AuthResult::Failure { remaining_methods, partial_success: true } => Came::Partly(remaining_methods),
        AuthResult::Failure { .. } => Came::No,
    }
}

async fn step_of<T>(what: impl Future<Output = T>) -> Result<T, Fail> {
    timeout(STEP, what).await.map_err(|_| Fail::soon("the server did not answer in time during authentication"))
}

async fn step<T>(what: impl Future<Output = Result<T, russh::Error>>) -> Result<T, Fail> {
    step_of(what).await?.map_err(|why| gone(&said(&why)))
}

/// A server that has counted enough attempts just goes.
fn gone(why: &str) -> Fail {
    Fail::gone(format!(
        "{why} during authentication; where many keys are offered it may be one too many, and `IdentitiesOnly yes` helps"
    ))
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Ssh(why) => Self::soon(said(&why)),
            Stop::Key(shown, _) => Self::never(format!("the host's key {} was not accepted", shown.fingerprint)),
        }
    }
}

/// Finds out whether a server would take a key that cannot sign yet.
struct Probe {
    wanted: bool,
}

#[derive(Debug)]
struct NotYet;

impl From<SendError> for NotYet {
    fn from(_: SendError) -> Self {
        Self
    }
}

impl russh::Signer for Probe {
    type Error = NotYet;

    async fn auth_sign(
        &mut self,
        _: &russh::keys::agent::AgentIdentity,
        _: Option<HashAlg>,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, NotYet> {
        self.wanted = true;
        Err(NotYet)
    }
}

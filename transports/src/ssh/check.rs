//! The host's key, judged while the handshake waits. Nobody is asked here: a person thinks longer than a handshake waits.

use super::known_hosts::{Key, Known, Verdict};
use super::person::Person;
use russh::client::{DisconnectReason, Handler, Session};
use russh::keys::{Algorithm, HashAlg, PublicKeyOrCertificate};
use std::sync::{Arc, Mutex, PoisonError};

/// A key that was not accepted.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) kind: String,
    pub(super) blob: Vec<u8>,
    /// `SHA256:...`, as `ssh` shows it.
    pub(super) fingerprint: String,
}

impl Shown {
    pub(super) fn key(&self) -> Key<'_> {
        Key { kind: &self.kind, blob: &self.blob }
    }

    /// `ED25519`, as `ssh` calls it.
    pub(super) fn name(&self) -> String {
        let name = self.kind.trim_start_matches("ssh-").trim_end_matches("@openssh.com");
        name.split("-sha2").next().unwrap_or(name).to_ascii_uppercase()
    }
}

/// Why a handshake was stopped.
#[derive(Debug)]
pub(super) enum Stop {
    Ssh(russh::Error),
    Key(Shown, Verdict),
}

impl From<russh::Error> for Stop {
    fn from(why: russh::Error) -> Self {
        Self::Ssh(why)
    }
}

/// What was learned meanwhile.
#[derive(Default)]
pub(super) struct Learned {
    /// How the server calls itself.
    pub(super) server: String,
    /// It has said goodbye: it meant to close the connection.
    pub(super) goodbye: bool,
}

/// Judges one host.
pub(super) struct Check {
    pub(super) known: Known,
    /// Keys that a person accepted a moment ago.
    pub(super) accepted: Vec<Vec<u8>>,
    pub(super) learned: Arc<Mutex<Learned>>,
    /// Who is told what the server wants to be read.
    pub(super) person: Option<Arc<dyn Person>>,
}

impl Handler for Check {
    type Error = Stop;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Stop> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            // We ask for none: who shows one all the same is not judged but refused.
            return Err(Stop::Ssh(russh::Error::UnknownKey));
        };
        let blob = key.to_bytes().map_err(|_| Stop::Ssh(russh::Error::UnknownKey))?;
        let kind = match key.algorithm() {
            // A key is written down by what it is, not by how it signed.
            Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
            other => other.as_str().to_owned(),
        };
        let shown = Shown { kind, blob, fingerprint: key.fingerprint(HashAlg::Sha256).to_string() };
        match self.known.judge(&shown.key()) {
            Verdict::Known => Ok(true),
            Verdict::Unknown { .. } if self.accepted.contains(&shown.blob) => Ok(true),
            verdict => Err(Stop::Key(shown, verdict)),
        }
    }

    async fn kex_done(&mut self, _: Option<&[u8]>, _: &russh::Names, session: &mut Session) -> Result<(), Stop> {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.server = String::from_utf8_lossy(session.remote_sshid()).into_owned();
        Ok(())
    }

    async fn disconnected(&mut self, why: DisconnectReason<Stop>) -> Result<(), Stop> {
        match why {
            DisconnectReason::ReceivedDisconnect(_) => {
                self.learned.lock().unwrap_or_else(PoisonError::into_inner).goodbye = true;
                Ok(())
            }
            DisconnectReason::Error(why) => Err(why),
        }
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), Stop> {
        if let Some(person) = &self.person {
            person.told(banner);
        }
        Ok(())
    }
}

//! What a person is asked, and what of that is kept in memory: a link that comes back by itself must not ask again, least of all
//! where a screen is in use and nobody would see the question.

use crate::ssh::fail::Fail;
use crate::ssh::person::Person;
use russh::keys::PrivateKey;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// What was opened or typed. In memory alone, and as long as the place is held.
#[derive(Default)]
pub(in crate::ssh) struct Secrets {
    keys: HashMap<PathBuf, Arc<PrivateKey>>,
    /// Whose password, by user and host.
    passwords: HashMap<String, Zeroizing<String>>,
    /// Host keys that a person accepted and that could not be written down.
    pub(in crate::ssh) accepted: Vec<Vec<u8>>,
    /// It has come to be once: whoever sat there has turned to something else.
    pub(in crate::ssh) over: bool,
}

/// Asks, where there is somebody.
pub(in crate::ssh) struct Asking {
    pub(in crate::ssh) person: Option<Arc<dyn Person>>,
    pub(in crate::ssh) secrets: Arc<Mutex<Secrets>>,
}

impl Asking {
    pub(in crate::ssh) fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time for questions is over.
    pub(in crate::ssh) fn is_over(&self) -> bool {
        self.secrets().over
    }

    pub(in crate::ssh) fn can_ask(&self) -> bool {
        self.person.is_some() && !self.is_over()
    }

    pub(super) fn told(&self, text: &str) {
        if let (Some(person), false) = (&self.person, self.is_over()) {
            person.told(text);
        }
    }

    pub(super) fn unlocked(&self, path: &Path) -> Option<Arc<PrivateKey>> {
        self.secrets().keys.get(path).cloned()
    }

    pub(super) fn keep(&self, path: PathBuf, key: Arc<PrivateKey>) {
        self.secrets().keys.insert(path, key);
    }

    /// What was typed was wrong.
    pub(super) fn forget(&self) {
        self.secrets().passwords.clear();
    }

    /// On a thread of its own: it waits as long as a person takes. It ends with the answer, or with the program.
    async fn person<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Arc<dyn Person>) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Fail> {
        let Some(person) = self.person.clone().filter(|_| self.can_ask()) else {
            return Err(Fail::never("there is nobody to ask"));
        };
        match tokio::task::spawn_blocking(move || ask(person)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => Err(Fail::never(format!("the question was not answered: {why}"))),
            Err(_) => Err(Fail::never("the question was not answered")),
        }
    }

    pub(in crate::ssh) async fn confirms(&self, question: String) -> Result<bool, Fail> {
        self.person(move |person| person.confirms(&question)).await
    }

    pub(super) async fn secret(&self, question: String) -> Result<Zeroizing<String>, Fail> {
        self.person(move |person| person.answers(&question, false)).await.map(Zeroizing::new)
    }

    /// The answer to what a server asks. Nothing where there is nobody to ask. What is a password and was right before is given
    /// again (`kept`); a number that is good for once is not.
    pub(super) async fn answer(&self, who: &str, prompt: &str, echo: bool, kept: bool) -> Result<Option<String>, Fail> {
        let password = !echo && prompt.to_lowercase().contains("password");
        if password
            && kept
            && let Some(known) = self.secrets().passwords.get(who)
        {
            return Ok(Some(known.to_string()));
        }
        if !self.can_ask() {
            return Ok(None);
        }
        let question = format!("{} ", prompt.trim_end());
        let answer = self.person(move |person| person.answers(&question, echo)).await?;
        if password {
            self.secrets().passwords.insert(who.to_owned(), Zeroizing::new(answer.clone()));
        }
        Ok(Some(answer))
    }
}

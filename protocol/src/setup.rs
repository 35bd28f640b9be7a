//! How a kernel is to be started, beyond its program, its folder and its environment. Nothing of it is a secret: it is kept beside
//! the session, and holds for each of its lives.

use crate::ids::RequestId;
use crate::message::Create;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a session's creator wants its kernel to find. Paths are of the machine where the session is; `~/` is that user's home.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Setup {
    /// The virtual environment to use: its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venv: Option<String>,
    /// The conda environment to use: its name, or its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conda: Option<String>,
    /// The environment of the user's login shell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
    /// What a program in a pseudo-terminal shows before it reads: a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What it shows where it wants more of the same: a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
    /// Whether it shows what is typed. Absent: that is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<bool>,
    /// What ends a line that is typed: `cr` (the Enter key, where nothing is said), `lf` or `crlf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eol: Option<String>,
    /// The size of its screen, rows and columns: `24x80`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// What is typed to leave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<String>,
}

impl Setup {
    /// Nothing but what is there by itself.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Every text in it: each is about to become a path, a pattern, an environment.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = [&self.venv, &self.conda, &self.prompt, &self.continuation, &self.eol, &self.size, &self.exit];
        texts.into_iter().flatten().map(String::as_str)
    }
}

impl Create {
    /// A request for a session of this kernel, and nothing more said of it.
    #[must_use]
    pub fn new(id: RequestId, kernel: impl Into<String>) -> Self {
        Self {
            id,
            kernel: kernel.into(),
            session: None,
            program: None,
            cwd: String::new(),
            env: BTreeMap::new(),
            must_be_new: false,
            ends_when_done: false,
            remove_at_end: false,
            cull_after_ms: None,
            setup: Setup::default(),
        }
    }
}

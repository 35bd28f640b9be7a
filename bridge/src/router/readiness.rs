//! One line on a new supervisor's stdout: ready, or why not. Its router waits for nothing else.

use rialto_protocol::ErrorReply;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What may come before that line. Bytes.
pub(super) const MAX_NOISE: u64 = 64 * 1024;

/// How the start went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Readiness {
    /// It listens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// Why it will not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReply>,
}

impl Readiness {
    /// It listens, and holds its lock.
    #[must_use]
    pub fn ready(socket: &Path) -> Self {
        Self { ready: true, socket: Some(socket.to_owned()), error: None }
    }

    /// It cannot start.
    #[must_use]
    pub fn failed(error: ErrorReply) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// Says it on stdout, once, and puts `/dev/null` there: nobody reads it from here on.
    ///
    /// # Errors
    /// Where `/dev/null` cannot be opened. That nobody listens any more is no error: whoever started us may be gone.
    pub fn say(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
        Ok(nix::unistd::dup2_stdout(&null)?)
    }

    pub(super) fn read(line: &str) -> Option<Self> {
        serde_json::from_str::<Self>(line).ok().filter(|word| word.ready || word.error.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::Code;

    #[test]
    fn a_line_says_how_it_went_and_others_are_noise() {
        let written = r#"{"ready":true,"socket":"/run/x.sock"}"#;
        assert_eq!(Readiness::read(written), Some(Readiness::ready(Path::new("/run/x.sock"))));
        assert_eq!(serde_json::to_string(&Readiness::ready(Path::new("/run/x.sock"))).unwrap(), written);
        let failed = Readiness::failed(ErrorReply::new(0, Code::UnknownKernel, "no kernel is named pyton"));
        assert_eq!(Readiness::read(&serde_json::to_string(&failed).unwrap()), Some(failed));
        for noise in ["", "running 1 test", "{}", "{\"ready\":false}", "[1]", "{\"ready\":true"] {
            assert_eq!(Readiness::read(noise), None, "{noise}");
        }
    }
}

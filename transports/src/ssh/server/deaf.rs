//! A client whose output nobody reads any more, as in `ssh machine logs -f work | head -1`, says so by `eow@openssh.com`; then the
//! program is to end, or that pipeline never would. The library knows no such request and only writes to its log that it came,
//! in the task of that connection. There it is heard, which holds for the one version of the library that the workspace is
//! pinned to; a test sees to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::Id;

/// What the library writes.
const SAID: &str = "unknown channel request eow@openssh.com";

/// Connections by their tasks.
static ALL: Mutex<Option<HashMap<Id, Arc<Notify>>>> = Mutex::new(None);

fn all() -> MutexGuard<'static, Option<HashMap<Id, Arc<Notify>>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Ear;

impl log::Log for Ear {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("russh") && record.args().to_string() == SAID {
            let found = tokio::task::try_id().and_then(|id| all().as_ref()?.get(&id).cloned());
            if let Some(deaf) = found {
                deaf.notify_one();
            }
        }
    }

    fn flush(&self) {}
}

/// Begins to listen, once for the process. Where somebody else has the log already, nothing is heard and all else goes on.
pub(super) fn listen() {
    if log::set_logger(&Ear).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// A connection that is listened to, until this is dropped.
#[derive(Default)]
pub(super) struct Heard(Option<Id>);

impl Heard {
    /// Listens to the connection whose task this is called in.
    pub(super) fn here(deaf: &Arc<Notify>) -> Self {
        let id = tokio::task::try_id();
        if let Some(id) = id {
            all().get_or_insert_default().insert(id, Arc::clone(deaf));
        }
        Self(id)
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        if let (Some(id), Some(all)) = (&self.0, &mut *all()) {
            all.remove(id);
        }
    }
}

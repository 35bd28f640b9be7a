//! Everything that runs: what it is called, who owns it, and how it ends.
//!
//! An owner holds a [`Tasks`]; what it starts there is told to stop when the owner ends it, and is aborted when the owner is
//! dropped. Nothing runs that is not in [`TaskKind`].

use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

/// What runs, and what ends it besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskKind {
    /// Serves the listeners of one doorkeeper. Ends with its owner.
    Daemon,
    /// Accepts connections of one listener. Ends with its owner.
    Accept,
    /// Serves one connection. Ends when the peer leaves or breaks the contract.
    Connection,
    /// Writes a connection's own replies. Ends with the connection.
    Replies,
    /// Carries one channel between a client and a supervisor. Ends when either closes it.
    Channel,
    /// Answers one `list`. Ends at its deadline at the latest.
    Listing,
    /// Asks one supervisor how it is. Ends at its deadline at the latest.
    AskStatus,
}

/// The owner of what runs.
#[derive(Debug)]
pub struct Tasks {
    set: JoinSet<()>,
    kinds: HashMap<Id, TaskKind>,
    stop: watch::Sender<bool>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { set: JoinSet::new(), kinds: HashMap::new(), stop: watch::channel(false).0 }
    }
}

impl Tasks {
    /// An owner of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts something.
    pub fn spawn(&mut self, kind: TaskKind, future: impl Future<Output = ()> + Send + 'static) {
        // An owner that lives long must not keep the remains of what ended.
        while let Some(ended) = self.set.try_join_next_with_id() {
            self.note(ended);
        }
        let id = self.set.spawn(future).id();
        self.kinds.insert(id, kind);
    }

    /// For tasks that end in good order: tells them when.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping(self.stop.subscribe())
    }

    /// How many run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether nothing runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Waits until one has ended. None: nothing runs.
    pub async fn next(&mut self) -> Option<TaskKind> {
        let ended = self.set.join_next_with_id().await?;
        self.note(ended)
    }

    /// Tells all to stop, waits for them, and aborts those that have not ended when patience has.
    pub async fn end(mut self, patience: Duration) {
        self.stop.send_replace(true);
        let all = async { while self.next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            let kinds: Vec<_> = self.kinds.values().collect();
            tracing::warn!(?kinds, "not ended in time; aborted");
        }
    }

    fn note(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<TaskKind> {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let kind = self.kinds.remove(&id);
        if let Err(error) = ended
            && error.is_panic()
        {
            tracing::error!(?kind, %error, "a task panicked");
        }
        kind
    }
}

/// Tells a task that its owner wants it to end.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Returns once the owner ends, or is gone.
    pub async fn wait(&mut self) {
        // An error is an owner that is gone, which is as good a reason.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Does something that blocks (files, locks) where it does not hold up everything else. Bounded by what it does.
///
/// # Errors
/// Where it panicked, or the runtime is ending.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    tokio::task::spawn_blocking(work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_owner_ends_what_it_started() {
        let mut tasks = Tasks::new();
        let mut stopping = tasks.stopping();
        let (said, heard) = tokio::sync::oneshot::channel();
        tasks.spawn(TaskKind::Accept, async move {
            stopping.wait().await;
            let _ = said.send("in good order");
        });
        assert_eq!(tasks.len(), 1);
        tasks.end(Duration::from_secs(60)).await;
        assert_eq!(heard.await, Ok("in good order"));
    }

    #[tokio::test]
    async fn what_does_not_stop_is_aborted() {
        let mut tasks = Tasks::new();
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn(TaskKind::Channel, async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        tasks.end(Duration::from_millis(1)).await;
        assert!(dropped.await.is_err());
    }

    #[tokio::test]
    async fn an_end_has_a_name_even_if_it_was_a_panic() {
        let mut tasks = Tasks::new();
        tasks.spawn(TaskKind::Listing, async { panic!("as intended") });
        assert_eq!(tasks.next().await, Some(TaskKind::Listing));
        assert!(tasks.next().await.is_none() && tasks.is_empty());
    }
}

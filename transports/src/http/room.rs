//! Memory for what comes from clients to be put together here: bodies of requests, and text messages of WebSockets. All of them
//! share it, so that however many come at once, what they take is bounded.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// All together: what each has beyond [`FREE`]. KiB.
const ALL: usize = 24 * 1024;
/// What each may have in any case. KiB.
const FREE: usize = 64;

static ROOM: Semaphore = Semaphore::const_new(ALL);

/// What one of them takes; given back with it.
#[derive(Debug, Default)]
pub struct Room(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    permit: Option<SemaphorePermit<'static>>,
    since: Option<Instant>,
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes more have come.
    ///
    /// # Errors
    /// `QuotaExceeded`, where there is no room for them.
    pub fn came(&self, bytes: usize) -> io::Result<()> {
        let mut held = self.lock();
        held.bytes += bytes;
        let has = held.permit.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = (held.bytes / 1024).saturating_sub(FREE + has);
        if more == 0 {
            return Ok(());
        }
        let full = |_| {
            let why = format!("{} MiB are being sent to this bridge at once, which is all it takes; try again later", ALL / 1024);
            io::Error::new(io::ErrorKind::QuotaExceeded, why)
        };
        let more = ROOM.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)).map_err(full)?;
        held.since.get_or_insert_with(Instant::now);
        match &mut held.permit {
            Some(permit) => permit.merge(more),
            None => held.permit = Some(more),
        }
        Ok(())
    }

    /// Nothing of it is held any more.
    pub fn empty(&self) {
        *self.lock() = Held::default();
    }

    /// Whether it has held more than its own for longer than this.
    #[must_use]
    pub fn longer_than(&self, most: Duration) -> bool {
        self.lock().since.is_some_and(|since| since.elapsed() > most)
    }
}

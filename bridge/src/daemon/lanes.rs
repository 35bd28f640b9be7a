//! The way to a client: frames leave whole, one at a time, and what controls does not queue behind what is carried.
//!
//! Output waits for its turn and then for the pen; control waits for the pen alone. Both waits are first come, first served,
//! so a control frame waits for one frame of output at most (and the client's own reading), however many channels are busy.

use rialto_protocol::frame::HEADER;
use rialto_protocol::limits;
use rialto_transports::Stream;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// Kinds below this are the control lane.
pub(super) const CONTROL: u8 = 0x20;
/// Bytes of frames that may be in memory, one way: the largest frame, and small ones beside it.
const ROOM: usize = limits::DEFAULT_MAX_FRAME as usize + 8 * 1024;
/// What a frame costs beside its bytes.
const OVERHEAD: usize = 64;

/// The writing half of a client's connection.
pub(super) struct Lanes {
    turn: Mutex<()>,
    pen: Mutex<WriteHalf<Stream>>,
    /// Frames of all channels that wait to be written share this much memory.
    pub(super) room: Room,
    /// One listing at a time.
    pub(super) listing: Arc<Semaphore>,
}

impl Lanes {
    pub(super) fn new(to: WriteHalf<Stream>) -> Self {
        Self { turn: Mutex::new(()), pen: Mutex::new(to), room: Room::new(), listing: Arc::new(Semaphore::new(1)) }
    }

    /// Writes one or more whole frames in the lane of their kind.
    ///
    /// Not to be dropped half way unless the connection ends with it: a frame cut short makes nonsense of all that follows.
    pub(super) async fn write(&self, kind: u8, frames: &[u8]) -> io::Result<()> {
        let _turn = if kind < CONTROL { None } else { Some(self.turn.lock().await) };
        let mut pen = self.pen.lock().await;
        pen.write_all(frames).await?;
        pen.flush().await
    }

    /// Nothing more will be written.
    pub(super) async fn shutdown(&self) -> io::Result<()> {
        self.pen.lock().await.shutdown().await
    }
}

/// A share of memory for frames on their way.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }

    /// Room for a frame with a body of `len` bytes, where there is some now.
    pub(super) fn try_take(&self, len: u32) -> Option<OwnedSemaphorePermit> {
        let bytes = (HEADER + OVERHEAD + len as usize).min(ROOM) as u32;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).ok()
    }

    /// Waits until a frame with a body of `len` bytes fits. The length was checked against the ceiling, so it ever does.
    pub(super) async fn take(&self, len: u32) -> io::Result<OwnedSemaphorePermit> {
        let bytes = (HEADER + OVERHEAD + len as usize).min(ROOM) as u32;
        Arc::clone(&self.0).acquire_many_owned(bytes).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{TaskKind, Tasks};
    use rialto_protocol::frame::{Decoder, write};
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn control_overtakes_output_that_waits_for_a_slow_client() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let (_, to) = tokio::io::split(Box::new(ours) as Stream);
        let lanes = Arc::new(Lanes::new(to));
        let mut tasks = Tasks::new();
        let mut say = async |kind: u8| {
            let mut frame = Vec::new();
            write(&mut frame, kind, 0, 1, &[0; 100], 1000);
            let lanes = Arc::clone(&lanes);
            tasks.spawn(TaskKind::Channel, async move { lanes.write(kind, &frame).await.unwrap() });
            // Until it stands where it has to wait.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        };
        for kind in [0x66, 0x67, 0x68, 0x04] {
            say(kind).await;
        }
        let (mut decoder, mut order) = (Decoder::new(1000), Vec::new());
        while order.len() < 4 {
            theirs.read_buf(decoder.buffer()).await.unwrap();
            while let Some((header, _)) = decoder.next().unwrap() {
                order.push(header.kind);
            }
        }
        assert_eq!(order, [0x66, 0x04, 0x67, 0x68]);
    }
}

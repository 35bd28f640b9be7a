//! A connection that carries one session only is given to that session's supervisor, descriptors and all: what passes through us
//! costs each eval two wake-ups and what we do in them.
//!
//! We stay, because whoever started us watches for our end: the connection over which we gave it away is held, in silence, and
//! when it ends so do we. Where the supervisor cannot take it, it is carried as every other one.

use super::channel::{Channel, Frame};
use super::connection::{Connection, End, encoded};
use crate::router::frames;
use crate::tasks::{Stopping, TaskKind};
use rialto_protocol::data::Bytes;
use rialto_protocol::message::{Handover, Open};
use rialto_protocol::{ErrorReply, Message, limits};
use rialto_transports::ends::Ends;
use rialto_transports::quiet::QuietStream;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// A supervisor answers from its loop, between two commits.
const LIMIT: Duration = Duration::from_secs(10);

impl Connection<'_> {
    /// Opens the channel with nothing else going on: while its supervisor is found and started, nothing more is read. `read` is what
    /// was read before and not looked at.
    pub(super) async fn hand_over(
        &mut self,
        channel: Channel,
        open: Open,
        waiting: mpsc::Receiver<Frame>,
        (ends, read): (Ends, &[u8]),
    ) -> Result<(), End> {
        let re = open.re;
        let (mut stream, opened, takes) = match channel.reach(open, true).await {
            Ok(reached) => reached,
            Err(error) => {
                drop(waiting);
                return self.say(0, &Message::Error(ErrorReply { re, ..error })).await;
            }
        };
        self.say(0, &Message::Opened(opened)).await?;
        if takes {
            // It is the last word that goes through us, and must be out before the supervisor has the pen.
            self.all_said().await?;
            let handover = Message::Handover(Handover { read: Bytes(read.to_vec()) });
            let bytes = encoded(0, &handover, self.max_frame);
            match tokio::time::timeout(LIMIT, give(&mut stream, &ends, &bytes)).await {
                Ok(Ok(true)) => return Err(End::HandedOver(stream)),
                Ok(Ok(false)) => {}
                // It may have them or not: only a new connection is honest.
                Ok(Err(_)) | Err(_) => return Err(End::Left),
            }
        }
        self.tasks.spawn(TaskKind::Channel, channel.carry(stream, waiting));
        Ok(())
    }
}

/// False where the supervisor does not have them, and said so or was never asked.
async fn give(to: &mut QuietStream, ends: &Ends, handover: &[u8]) -> io::Result<bool> {
    let rest = match to.try_give(ends, handover) {
        Ok(given) => handover.get(given..).unwrap_or_default(),
        Err(why) => {
            tracing::debug!(%why, "the connection could not be given away");
            return Ok(false);
        }
    };
    to.write_all(rest).await?;
    loop {
        match frames::message(to, limits::DEFAULT_MAX_FRAME).await? {
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some((_, Message::Handover(_))) => return Ok(true),
            Some((_, Message::Error(why))) => {
                tracing::debug!(%why, "the supervisor did not take the connection");
                return Ok(false);
            }
            Some(_) => {}
        }
    }
}

/// Returns when the supervisor lets go of what it was given, or we are to end: it lets go of that then.
pub(super) async fn until_gone(mut line: QuietStream, mut stopping: Stopping) {
    let mut anything = [0];
    tokio::select! {
        _ = line.read(&mut anything) => {}
        () = stopping.wait() => {}
    }
}

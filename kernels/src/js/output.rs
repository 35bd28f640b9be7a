//! What code says, on its way to the session: whatever gathers until the session looks is one event, and no more gathers than the
//! session takes.

use rialto_protocol::data::{Run, Stream};
use rialto_protocol::ids::EvalNumber;
use rialto_protocol::kernel::{KernelEvent, OUTPUT_CHUNK};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes that wait for the session. When there are so many, code that writes waits as well.
const MOST: usize = 128 * 1024;
/// What a run of output costs besides its bytes.
const RUN: usize = 16;
/// Written in pieces of so many bytes at most.
const PIECE: usize = OUTPUT_CHUNK / 2;

#[derive(Debug, Default)]
pub(super) struct Output {
    waiting: Mutex<Waiting>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<KernelEvent>,
    /// Of output, runs counted.
    bytes: usize,
    /// Bytes of the last event, where that is output.
    last: usize,
    n: EvalNumber,
    background: bool,
    waker: Option<Waker>,
    gone: bool,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is written from here on belongs to this eval, or came after its end.
    pub(super) fn belongs(&self, n: EvalNumber, background: bool) {
        let mut waiting = self.lock();
        (waiting.n, waiting.background) = (n, background);
    }

    pub(super) fn n(&self) -> EvalNumber {
        self.lock().n
    }

    /// Says what is no output. Never waits: the session hears one such thing for each that it says, or for an eval's end.
    pub(super) fn tell(&self, event: KernelEvent) {
        let mut waiting = self.lock();
        waiting.last = OUTPUT_CHUNK;
        waiting.push(event);
    }

    /// Writes, and waits for room.
    pub(super) fn write(&self, stream: Stream, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let end = (0..=rest.len().min(PIECE)).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
            let (piece, more) = rest.split_at(end);
            let mut waiting = self.lock();
            while waiting.bytes >= MOST && !waiting.gone {
                waiting = self.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            waiting.write(stream, piece);
            rest = more;
        }
    }

    /// The next event, for the session.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<KernelEvent> {
        let mut waiting = self.lock();
        match waiting.events.pop_front() {
            Some(event) => {
                if let KernelEvent::Output { runs, .. } = &event {
                    let taken: usize = runs.iter().map(|run| run.data.0.len() + RUN).sum();
                    waiting.bytes = waiting.bytes.saturating_sub(taken);
                }
                if waiting.events.is_empty() {
                    waiting.last = OUTPUT_CHUNK;
                }
                self.room.notify_one();
                Poll::Ready(event)
            }
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Nobody takes anything any more.
    pub(super) fn close(&self) {
        self.lock().gone = true;
        self.room.notify_one();
    }
}

impl Waiting {
    fn push(&mut self, event: KernelEvent) {
        if !self.gone {
            self.events.push_back(event);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn write(&mut self, stream: Stream, piece: &str) {
        let size = piece.len() + RUN;
        let same = (self.n, self.background);
        let room = self.last + size <= OUTPUT_CHUNK;
        match self.events.back_mut() {
            Some(KernelEvent::Output { n, background, runs }) if room && (*n, *background) == same => {
                match runs.last_mut() {
                    Some(run) if run.stream == stream => {
                        run.data.0.extend_from_slice(piece.as_bytes());
                        self.bytes += piece.len();
                        self.last += piece.len();
                        return;
                    }
                    _ => runs.push(Run { stream, data: piece.into() }),
                }
                self.bytes += size;
                self.last += size;
            }
            _ => {
                self.bytes += size;
                self.last = size;
                let runs = vec![Run { stream, data: piece.into() }];
                self.push(KernelEvent::Output { n: same.0, background: same.1, runs });
            }
        }
    }
}

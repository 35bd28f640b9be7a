//! Several ways to one bridge, in order: the first that leads there is gone, and one that keeps breaking is left for the next.

use crate::through::writes_through;
use crate::{Again, Boxed, DialError, Dialer, Stream};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection that lived this long was none that the network breaks.
const GOOD: Duration = Duration::from_secs(30);
/// So many in a row that did not, and another way is gone first,
const SHORT: u32 = 2;
/// for so long: networks are left, too.
const PREFERRED: Duration = Duration::from_secs(300);

/// Something that was opened and asked, and through which nothing comes for so long, is broken: a bridge greets at once.
const MUTE: Duration = Duration::from_secs(5);

/// Is told, in a sentence, when another way is taken than the first.
pub type Told = Arc<dyn Fn(&str) + Send + Sync>;

/// Dials the ways in order.
pub struct FallbackDialer {
    ways: Vec<Arc<dyn Dialer>>,
    told: Told,
    known: Arc<Mutex<Known>>,
}

/// What became of the ways so far.
#[derive(Default)]
struct Known {
    /// Short lives in a row, of the way that is gone first.
    short: u32,
    /// Which way is gone first instead of the first, and until when.
    first: Option<(usize, Instant)>,
    /// What became of those that are passed over.
    why: String,
    /// What was said last: once is enough.
    said: String,
}

impl std::fmt::Debug for FallbackDialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FallbackDialer").field(&self.text()).finish()
    }
}

impl FallbackDialer {
    /// Dials these, the best one first.
    #[must_use]
    pub fn new(ways: Vec<Arc<dyn Dialer>>, told: Told) -> Self {
        Self { ways, told, known: Arc::default() }
    }

    /// Says it, unless it was said last.
    fn say(&self, sentence: String) {
        let mut known = lock(&self.known);
        if known.said != sentence {
            known.said.clone_from(&sentence);
            drop(known);
            (self.told)(&sentence);
        }
    }

    async fn connect(&self) -> Result<Stream, DialError> {
        let first = {
            let mut known = lock(&self.known);
            known.first = known.first.filter(|(_, until)| Instant::now() < *until);
            known.first.map_or(0, |(first, _)| first)
        };
        let (mut failed, mut again): (Vec<String>, Option<Again>) = (Vec::new(), None);
        for at in (first..self.ways.len()).chain(0..first) {
            let Some(way) = self.ways.get(at) else { continue };
            match way.dial().await {
                Ok(stream) => {
                    if at != 0 {
                        if !failed.is_empty() && at > first {
                            // What led nowhere is not asked again each time: that may take a while.
                            let mut known = lock(&self.known);
                            known.first = Some((at, Instant::now() + PREFERRED));
                            known.why = failed.join("; ");
                        }
                        let why = if failed.is_empty() { lock(&self.known).why.clone() } else { failed.join("; ") };
                        self.say(format!("{why}; going by {}", way.text()));
                    }
                    let known = Arc::clone(&self.known);
                    let next = (at + 1) % self.ways.len().max(1);
                    let (began, text) = (Instant::now(), way.text());
                    return Ok(Box::new(Watched { stream, known, began, at, next, text, read: false, mute: None }));
                }
                Err(why) => {
                    // One way that may lead there later is enough to try again for.
                    again = Some(match (again, why.again) {
                        (None | Some(Again::Never), new) => new,
                        (Some(old), _) => old,
                    });
                    failed.push(format!("{}: {}", why.to, why.why));
                }
            }
        }
        let why = io::Error::new(io::ErrorKind::NotConnected, failed.join("; "));
        Err(DialError::new(self.text(), why).again(again.unwrap_or(Again::Never)))
    }
}

impl Dialer for FallbackDialer {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(self.connect())
    }

    fn text(&self) -> String {
        self.ways.first().map_or_else(|| "nowhere".to_owned(), |way| way.text())
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection, watched for how long it lives.
struct Watched {
    stream: Stream,
    known: Arc<Mutex<Known>>,
    began: Instant,
    at: usize,
    next: usize,
    text: String,
    read: bool,
    /// Rings when it was asked long ago and has never said anything.
    mute: Option<Pin<Box<Sleep>>>,
}

impl Drop for Watched {
    /// One that never carried anything is broken; of those that did, several short lives in a row are.
    fn drop(&mut self) {
        let mut known = lock(&self.known);
        if known.first.map_or(0, |(first, _)| first) != self.at {
            return;
        }
        known.short = match (self.read, self.began.elapsed() < GOOD) {
            (false, _) => SHORT,
            (true, true) => known.short + 1,
            (true, false) => 0,
        };
        if known.short >= SHORT && self.next != self.at {
            known.short = 0;
            let how = if self.read { "keeps breaking" } else { "was opened, and nothing came through it" };
            known.why = format!("{} {how}", self.text);
            known.first = Some((self.next, Instant::now() + PREFERRED));
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        self.read |= into.filled().len() > before;
        if self.read {
            self.mute = None;
        }
        if read.is_pending() && self.mute.as_mut().is_some_and(|mute| mute.as_mut().poll(cx).is_ready()) {
            let why = format!("it was opened, and nothing came through it within {} s", MUTE.as_secs());
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        read
    }
}

impl Watched {
    /// From when it is asked on it has so long to say anything.
    fn asked(&mut self, cx: &Context<'_>) {
        if !self.read && self.mute.is_none() {
            self.mute = Some(Box::pin(sleep(MUTE)));
            // Whoever reads has asked before this was set.
            cx.waker().wake_by_ref();
        }
    }
}

writes_through!({} Watched, stream, asked);

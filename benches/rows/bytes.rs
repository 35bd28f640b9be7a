//! Bytes on the wire for a warm `1+1`, counted by the stream itself.

use super::Amount;
use crate::place::{Boxed, Place, Way, options, run};
use crate::table::Row;
use rialto_client::protocol::message::Open;
use rialto_client::{Connect, Link, Linking, Session, Start, Stream};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) async fn measure(place: &mut Place, amount: Amount) -> Vec<Row> {
    let evals = amount.of(500, 500, 20) as u64;
    let mut rows = Vec::new();
    for way in Way::BOTH {
        let counts = Arc::new(Counts::default());
        let (name, key) = if way == Way::Direct { ("bytes", "bytes") } else { ("bytes-daemon", "bytes_daemon") };
        let connector = Counting { inner: Boxed(place.connector(way)), counts: counts.clone() };
        let mut session = Session::new(connector, place.open(name), options(Start::Tail(0)));
        for _ in 0..10 {
            run(&mut session, "1+1", &mut |_| ()).await;
        }
        let before = counts.now();
        for _ in 0..evals {
            run(&mut session, "1+1", &mut |_| ()).await;
        }
        let after = counts.now();
        session.leave().await;
        let [up, down] = [after.0 - before.0, after.1 - before.1].map(|all| all as f64 / evals as f64);
        let row = Row::new(key, format!("bytes for a warm `1+1`, both ways, {}", way.text()), up + down, "bytes");
        let row = if way == Way::Direct { row.at_most(200.0) } else { row };
        rows.push(row.own(format!("{up:.0} up, {down:.0} down")).note("the aim is 120"));
    }
    rows
}

#[derive(Default)]
struct Counts {
    up: AtomicU64,
    down: AtomicU64,
}

impl Counts {
    fn now(&self) -> (u64, u64) {
        (self.up.load(Relaxed), self.down.load(Relaxed))
    }
}

struct Counting {
    inner: Boxed,
    counts: Arc<Counts>,
}

impl Connect for Counting {
    fn connect(&self, open: Open) -> Linking {
        let (linking, counts) = (self.inner.connect(open), self.counts.clone());
        Box::pin(async move {
            let link = linking.await?;
            Ok(Link { stream: Box::new(Counted { stream: link.stream, counts }), ..link })
        })
    }
}

struct Counted {
    stream: Stream,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, room);
        self.counts.down.fetch_add((room.filled().len() - before) as u64, Relaxed);
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = written {
            self.counts.up.fetch_add(n as u64, Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

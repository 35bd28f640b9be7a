//! A client's request, and what comes back where it is refused.

use super::Body;
use crate::{Stream, io_error};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};

/// A refusal is a sentence. Of a longer one so many bytes are read.
const SENTENCE: usize = 4096;

pub(crate) fn empty() -> Body {
    Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync()
}

/// Sends one request on a connection of its own, and takes that over where it becomes something else.
pub(crate) async fn upgrading(
    stream: Stream,
    request: Request<Body>,
    check: impl FnOnce(&Response<Incoming>) -> io::Result<()>,
) -> io::Result<Upgraded> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(16 * 1024);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(io_error)?;
    let mut connection = Some(Box::pin(connection.with_upgrades()));
    let response = with(&mut connection, sender.send_request(request)).await.map_err(io_error)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(with(&mut connection, refusal(response)).await);
    }
    check(&response)?;
    with(&mut connection, hyper::upgrade::on(response)).await.map_err(io_error)
}

/// Drives a connection while something is waited for that comes by it: nobody else would.
pub(crate) async fn with<T>(
    connection: &mut Option<Pin<Box<impl Future<Output = hyper::Result<()>> + ?Sized>>>,
    wanted: impl Future<Output = T>,
) -> T {
    let mut wanted = pin!(wanted);
    poll_fn(|cx| {
        // How it ended is told by what was waited for, and only once it is gone: one that was closed while nothing was asked
        // on it has ended well, and whoever wants to send on it would wait for ever.
        if connection.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready()) {
            *connection = None;
        }
        wanted.as_mut().poll(cx)
    })
    .await
}

/// What a response that is none of the wanted says, as an error.
pub(crate) async fn refusal(response: Response<Incoming>) -> io::Error {
    let status = response.status();
    let read = Limited::new(response.into_body(), SENTENCE).collect().await;
    let said = read.map(|whole| String::from_utf8_lossy(&whole.to_bytes()).trim().to_owned()).unwrap_or_default();
    // A page of some proxy's is no sentence.
    let said = if said.starts_with('<') || said.lines().count() > 3 { String::new() } else { said };
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::ConnectionRefused,
    };
    let text = if said.is_empty() { format!("it answers {status}") } else { format!("it answers {}: {said}", status.as_u16()) };
    io::Error::new(kind, text)
}

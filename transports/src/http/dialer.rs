//! A connection as requests of HTTP: the client's end of what [`super::stream`] describes.

use super::client::{empty, refusal, with};
use super::stream::{PATH, PIECE, PREFACE};
use super::{Address, Body};
use crate::{Again, Boxed, DialError, Dialer, Stream, io_error};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// For all of it: the name, the connections, TLS, the first line.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes that wait in each direction.
const BUFFER: usize = 64 * 1024;
/// A request that gets no answer, because its connection had been closed while it was idle, is sent once more on another.
const TRIES: u32 = 3;

/// Dials a bridge by plain HTTP.
#[derive(Debug, Clone)]
pub struct HttpDialer {
    address: Address,
}

impl HttpDialer {
    /// Dials it there.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address }
    }

    async fn connect(&self) -> io::Result<Stream> {
        let mut up = Requests::new(self.address.clone());
        let response = up.send("POST", PATH, Bytes::new()).await?;
        if response.status() != StatusCode::CREATED {
            return Err(up.refused(response).await);
        }
        let id = up.body(response).await?;
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it answers, and is no bridge"));
        }
        let path = format!("{PATH}/{id}");
        let mut down = Requests::new(self.address.clone());
        let response = down.send("GET", &path, Bytes::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(down.refused(response).await);
        }
        let mut body = response.into_body();
        // What comes at once comes at once from here on.
        let mut first = Vec::new();
        while first.len() < PREFACE.len() {
            let data = down.data(&mut body).await?;
            first.extend_from_slice(&data.ok_or(io::ErrorKind::UnexpectedEof)?);
        }
        let Some(rest) = first.strip_prefix(PREFACE) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it answers, and is no bridge"));
        };
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let (read, mut write) = tokio::io::split(ours);
        write.write_all(rest).await?;
        let broke = Arc::new(Mutex::new(None));
        let (told, sent) = oneshot::channel();
        let mut tasks = JoinSet::new();
        let (down_broke, up_broke) = (Arc::clone(&broke), Arc::clone(&broke));
        tasks.spawn(async move {
            let carried = carry_down(down, body, &mut write).await;
            note(&down_broke, carried);
            let _ = write.shutdown().await;
        });
        tasks.spawn(async move {
            let carried = carry_up(up, &path, read).await;
            note(&up_broke, carried);
            let _ = told.send(());
        });
        Ok(Box::new(HttpStream { bytes: theirs, broke, sent: Some(sent), tasks }))
    }
}

type Broke = Mutex<Option<io::Error>>;

fn note(broke: &Broke, carried: io::Result<()>) {
    if let Err(why) = carried {
        broke.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }
}

async fn carry_down(mut requests: Requests, mut body: Incoming, to: &mut WriteHalf<DuplexStream>) -> io::Result<()> {
    while let Some(data) = requests.data(&mut body).await? {
        to.write_all(&data).await?;
    }
    Ok(())
}

async fn carry_up(mut requests: Requests, path: &str, mut from: ReadHalf<DuplexStream>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    for number in 0_u64.. {
        let n = from.read(&mut buffer).await?;
        let (method, path) = if n == 0 { ("DELETE", path.to_owned()) } else { ("POST", format!("{path}/{number}")) };
        let piece = Bytes::copy_from_slice(buffer.get(..n).unwrap_or_default());
        let response = requests.send(method, &path, piece).await?;
        if !response.status().is_success() {
            return Err(requests.refused(response).await);
        }
        requests.body(response).await?;
        if n == 0 {
            break;
        }
    }
    Ok(())
}

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Requests one after the other, on one connection while that lasts.
struct Requests {
    address: Address,
    open: Option<(SendRequest<Body>, Option<Connection>)>,
}

impl Requests {
    const fn new(address: Address) -> Self {
        Self { address, open: None }
    }

    /// Sends one until it is answered. Whatever is sent here may be sent twice.
    async fn send(&mut self, method: &str, path: &str, body: Bytes) -> io::Result<Response<Incoming>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let request = self.address.request(method, path).await?;
            let body =
                if body.is_empty() { empty() } else { Full::new(body.clone()).map_err(|never| match never {}).boxed_unsync() };
            let request = request.body(body).map_err(io_error)?;
            match self.try_send(request).await {
                Ok(response) => return Ok(response),
                Err(why) => {
                    self.open = None;
                    if tries >= TRIES {
                        return Err(why);
                    }
                }
            }
        }
    }

    async fn try_send(&mut self, request: Request<Body>) -> io::Result<Response<Incoming>> {
        let (sender, connection) = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => {
                let (sender, connection) =
                    http1::handshake(TokioIo::new(self.address.connect().await?)).await.map_err(io_error)?;
                self.open.insert((sender, Some(Box::pin(connection))))
            }
        };
        with(connection, sender.ready()).await.map_err(io_error)?;
        with(connection, sender.send_request(request)).await.map_err(io_error)
    }

    async fn data(&mut self, body: &mut Incoming) -> io::Result<Option<Bytes>> {
        loop {
            let frame = match &mut self.open {
                Some((_, connection)) => with(connection, body.frame()).await,
                None => body.frame().await,
            };
            match frame {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.map_err(io_error)?.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// A short answer, whole.
    async fn body(&mut self, response: Response<Incoming>) -> io::Result<Vec<u8>> {
        let (mut body, mut whole) = (response.into_body(), Vec::new());
        while let Some(data) = self.data(&mut body).await? {
            whole.extend_from_slice(&data);
            if whole.len() > 4096 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it answers more than a bridge would"));
            }
        }
        Ok(whole)
    }

    async fn refused(&mut self, response: Response<Incoming>) -> io::Error {
        match &mut self.open {
            Some((_, connection)) => with(connection, refusal(response)).await,
            None => refusal(response).await,
        }
    }
}

impl Dialer for HttpDialer {
    fn dial(&self) -> Boxed<'_, Result<Stream, DialError>> {
        Box::pin(async {
            let connected = tokio::time::timeout(PATIENCE, self.connect()).await;
            let slow = || {
                let text =
                    format!("no answer within {PATIENCE:?}; something on the way may hold answers back until they are whole");
                io::Error::new(io::ErrorKind::TimedOut, text)
            };
            connected.unwrap_or_else(|_| Err(slow())).map_err(|why| {
                let again = Again::of(&why);
                DialError::new(self.text(), why).again(again)
            })
        })
    }

    fn text(&self) -> String {
        self.address.url("http", "https")
    }
}

/// One connection. What carries it ends with it.
struct HttpStream {
    bytes: DuplexStream,
    broke: Arc<Broke>,
    /// Everything was sent, or will not be.
    sent: Option<oneshot::Receiver<()>>,
    tasks: JoinSet<()>,
}

impl AsyncRead for HttpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Somebody has to notice that they have ended; how they did is in `broke`.
        while let Poll::Ready(Some(_)) = self.tasks.poll_join_next(cx) {}
        let before = into.filled().len();
        let read = Pin::new(&mut self.bytes).poll_read(cx, into);
        let why = || self.broke.lock().unwrap_or_else(PoisonError::into_inner).take();
        match read {
            Poll::Ready(Ok(())) if into.filled().len() == before => Poll::Ready(why().map_or(Ok(()), Err)),
            Poll::Pending => why().map_or(Poll::Pending, |why| Poll::Ready(Err(why))),
            read => read,
        }
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.bytes).poll_shutdown(cx))?;
        if let Some(sent) = &mut self.sent {
            let _ = ready!(Pin::new(sent).poll(cx));
            self.sent = None;
        }
        Poll::Ready(Ok(()))
    }
}

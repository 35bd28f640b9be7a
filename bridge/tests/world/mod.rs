//! A daemon, its clients, and a supervisor that does what a test wants; all of it in one process and one thread.

use rialto_bridge::auth::{Authenticator, Identity, Refused};
use rialto_bridge::daemon::{Daemon, Limits};
use rialto_bridge::home::{Home, Lock, SessionHome};
use rialto_bridge::router::Spawn;
use rialto_protocol::frame::{Decoder, Header, write};
use rialto_protocol::message::{Close, Create, Hello, OnBehalf, Open, Opened, Status, Welcome};
use rialto_protocol::{Code, Message, RequestId, Scope, codec, limits};
use rialto_transports::memory::{self, MemoryDialer};
use rialto_transports::unix::UnixListener;
use rialto_transports::{Dialer, Listener, Peer, Stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub(crate) const MAX: u32 = limits::DEFAULT_MAX_FRAME;
/// To the fake supervisor: send without end; hang up; read nothing more. (The daemon knows none of this: any kind passes.)
pub(crate) const FLOOD: u8 = 0x90;
pub(crate) const HANG_UP: u8 = 0x91;
pub(crate) const STOP_READING: u8 = 0x92;
/// A flood's frames, and how many there are.
const PIECE: usize = 60_000;
pub(crate) const PIECES: u64 = 2_000;

pub(crate) type Heard = (Header, Vec<u8>);

/// A daemon with one session, `work`, whose supervisor is this test.
pub(crate) struct World {
    _temp: tempfile::TempDir,
    _lock: Lock,
    _running: JoinSet<()>,
    pub(crate) dialer: MemoryDialer,
    pub(crate) heard: mpsc::Receiver<Heard>,
    /// For whom the daemon spoke at the supervisor's door, the last time.
    pub(crate) who: watch::Receiver<Option<OnBehalf>>,
    flooded: Arc<AtomicU64>,
    pub(crate) shutdown: Option<oneshot::Sender<()>>,
}

pub(crate) struct Fixed(pub(crate) Identity);

impl Authenticator for Fixed {
    fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
        Ok(self.0.clone())
    }
}

pub(crate) fn world(scope: Scope) -> World {
    world_with(Arc::new(Fixed(Identity::new("uid:1", scope))), Limits::default())
}

pub(crate) fn world_with(authenticator: Arc<dyn Authenticator>, limits: Limits) -> World {
    let temp = tempfile::tempdir().unwrap();
    let home = Home::at(&temp.path().join("s"), &temp.path().join("r")).unwrap();
    let session = home.session(&home.claim(Some("work".parse().unwrap()), &create(1), "uid:1").unwrap().id);
    let lock = session.lock().unwrap().unwrap();
    let listener = UnixListener::bind(session.socket().unwrap()).unwrap();
    let (say, heard) = mpsc::channel(10_000);
    let flooded = Arc::new(AtomicU64::new(0));
    let mut running = JoinSet::new();
    let (said, who) = watch::channel(None);
    let fake = Fake { session, say, who: said, flooded: Arc::clone(&flooded) };
    running.spawn(supervise(listener, Arc::new(fake)));
    let (dialer, clients) = memory::pair();
    let (shutdown, ended) = oneshot::channel();
    let spawn = Spawn { exe: "/nonexistent".into(), args: Vec::new(), env: Vec::new(), scope: false, agent: None };
    let daemon = Daemon::with(home, spawn, authenticator, limits);
    running.spawn(async move {
        let ended = async { ended.await.unwrap_or(()) };
        daemon.serve(vec![Box::new(clients) as Box<dyn Listener>], ended).await;
    });
    World { _temp: temp, _lock: lock, _running: running, dialer, heard, who, flooded, shutdown: Some(shutdown) }
}

/// What every connection of the fake supervisor shares.
struct Fake {
    session: SessionHome,
    say: mpsc::Sender<Heard>,
    who: watch::Sender<Option<OnBehalf>>,
    flooded: Arc<AtomicU64>,
}

async fn supervise(mut listener: UnixListener, fake: Arc<Fake>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await;
        connections.spawn(Arc::clone(&fake).connection(stream));
    }
}

impl Fake {
    async fn connection(self: Arc<Self>, stream: Stream) {
        let (from, to) = tokio::io::split(stream);
        let (out, waiting) = mpsc::channel(100);
        let mut writer = JoinSet::new();
        writer.spawn(write_out(to, waiting, Arc::clone(&self.flooded)));
        let mut end = Wire { stream: from, decoder: Decoder::new(MAX) };
        while let Some((header, body)) = end.next().await {
            let answer = self.answer(header, &body);
            match header.kind {
                HANG_UP => return,
                STOP_READING => std::future::pending().await,
                _ => {}
            }
            if header.channel != 0 {
                let _ = self.say.try_send((header, body));
            }
            if out.send((header, answer)).await.is_err() {
                return;
            }
        }
    }

    /// Plays along at the door and at the end; what is in between goes back as it came.
    fn answer(&self, header: Header, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let message = match (header.channel, codec::decode(header, body)) {
            (0, Ok(Message::Hello(hello))) => {
                assert_eq!(hello.cookie.unwrap().0, self.session.cookie().unwrap().as_bytes());
                self.who.send_replace(hello.on_behalf);
                Message::Welcome(Welcome { contract: 1, max_frame: hello.max_frame, ..Welcome::default() })
            }
            (0, Ok(Message::Open(open))) => {
                let session = open.session.parse().unwrap();
                Message::Opened(Opened { re: 0, channel: open.channel, session, name: None, created: false })
            }
            (_, Ok(Message::GetStatus(plain))) => Message::Status(self.status(plain.re)),
            (_, Ok(Message::Close(_))) => Message::Closed(Close::default()),
            _ => {
                write(&mut bytes, header.kind, header.flags, header.channel, body, MAX);
                return bytes;
            }
        };
        codec::encode(&mut bytes, header.channel, &message, MAX);
        bytes
    }

    fn status(&self, re: u32) -> Status {
        Status {
            re,
            session: self.session.id().clone(),
            name: None,
            state: "idle".into(),
            kernel: "python".into(),
            info: None,
            epoch: 1,
            head: 7,
            life: 1,
            running: None,
            running_eval: None,
            running_ms: None,
            queued: 0,
            evals: 3,
            clients: Vec::new(),
            owner: "uid:1".into(),
            created_ms: 0,
            cwd: String::new(),
            stalled: None,
            printed: 0,
            pid: 0,
            shares: Vec::new(),
            scope: None,
            cull_after_ms: None,
            tally: None,
        }
    }
}

async fn write_out(mut to: impl AsyncWriteExt + Unpin, mut waiting: mpsc::Receiver<(Header, Vec<u8>)>, flooded: Arc<AtomicU64>) {
    while let Some((header, bytes)) = waiting.recv().await {
        if header.kind != FLOOD {
            to.write_all(&bytes).await.unwrap();
            continue;
        }
        for n in 0..PIECES {
            let mut frame = Vec::new();
            let mut body = vec![0; PIECE];
            body[..8].copy_from_slice(&n.to_le_bytes());
            write(&mut frame, 0x66, 0, header.channel, &body, MAX);
            to.write_all(&frame).await.unwrap();
            flooded.fetch_add(frame.len() as u64, Ordering::Relaxed);
        }
    }
}

/// One end of a connection, frame by frame.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    pub(crate) decoder: Decoder,
}

impl<S: AsyncReadExt + Unpin> Wire<S> {
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some((header, body)) = self.decoder.next().unwrap() {
                return Some((header, body.to_vec()));
            }
            if self.stream.read_buf(self.decoder.buffer()).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn message(&mut self) -> (u16, Message) {
        let (header, body) = self.next().await.expect("the connection ended");
        (header.channel, codec::decode(header, &body).unwrap())
    }

    pub(crate) async fn error(&mut self) -> (u16, Code, String) {
        match self.message().await {
            (channel, Message::Error(error)) => (channel, error.known().unwrap(), error.text),
            other => panic!("{other:?}"),
        }
    }
}

impl Wire<Stream> {
    pub(crate) async fn say(&mut self, messages: &[(u16, Message)]) {
        let mut bytes = Vec::new();
        for (channel, message) in messages {
            codec::encode(&mut bytes, *channel, message, MAX);
        }
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub(crate) async fn raw(&mut self, kind: u8, flags: u8, channel: u16, body: &[u8]) {
        let mut bytes = Vec::new();
        write(&mut bytes, kind, flags, channel, body, MAX);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// It answers, which also means that everything said before was read.
    pub(crate) async fn answers_a_ping(&mut self) {
        self.say(&[(0, Message::Ping(*b"are you?"))]).await;
        assert_eq!(self.message().await, (0, Message::Pong(*b"are you?")));
    }
}

pub(crate) fn hello() -> Message {
    Message::Hello(Hello { magic: "rialto".into(), min: 1, max: 1, ..Hello::default() })
}

pub(crate) fn open(channel: u16) -> Message {
    Message::Open(Open { re: u32::from(channel), channel, session: "work".into(), ..Open::default() })
}

impl World {
    pub(crate) async fn dial(&self) -> Wire<Stream> {
        Wire { stream: self.dialer.dial().await.unwrap(), decoder: Decoder::new(MAX) }
    }

    /// A client that was let in.
    pub(crate) async fn client(&self) -> Wire<Stream> {
        let mut client = self.dial().await;
        client.say(&[(0, hello())]).await;
        assert!(matches!(client.message().await, (0, Message::Welcome(_))));
        client
    }

    /// A client with an open channel.
    pub(crate) async fn opened(&self, channel: u16) -> Wire<Stream> {
        let mut client = self.client().await;
        client.say(&[(0, open(channel))]).await;
        assert!(matches!(client.message().await, (0, Message::Opened(_))));
        client
    }

    /// Waits until the flood no longer gets any further, however often everything that could move has moved.
    pub(crate) async fn flood_stands(&self) -> u64 {
        let (mut seen, mut still) = (0, 0);
        while still < 2_000 {
            tokio::task::yield_now().await;
            let now = self.flooded.load(Ordering::Relaxed);
            still = if now == seen && now > 0 { still + 1 } else { 0 };
            seen = now;
        }
        seen
    }
}

/// A request for a session.
pub(crate) fn create(id: u8) -> Create {
    Create {
        id: RequestId([id; 16]),
        kernel: "python".into(),
        session: None,
        program: None,
        cwd: String::new(),
        env: Default::default(),
        must_be_new: false,
        ends_when_done: false,
        remove_at_end: false,
        cull_after_ms: None,
        setup: Default::default(),
    }
}

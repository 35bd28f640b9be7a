//! A stand-in for a supervisor, in a process of its own: the test binary, started again. It keeps a real one's manners with
//! folders, locks and signals, and echoes every frame of its channel.

use rialto_bridge::home::Home;
use rialto_bridge::router::{Readiness, Spawn, detach};
use rialto_protocol::frame::{Decoder, Header, write};
use rialto_protocol::message::{Opened, Welcome};
use rialto_protocol::{Code, ErrorReply, Message, Scope, codec, limits};
use rialto_transports::unix::UnixListener;
use rialto_transports::{Listener, Stream};
use std::fs::File;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

const VARIABLE: &str = "RIALTO_TEST_FAKE";

/// How a router starts the fake. `how`: `serve`, `refuse`, `die`.
pub(crate) fn spawn(home: &Home, how: &str) -> Spawn {
    Spawn {
        exe: std::env::current_exe().unwrap(),
        args: ["fake_supervisor", "--exact", "--nocapture"].map(Into::into).to_vec(),
        env: vec![(VARIABLE.into(), how.into()), ("RIALTO_RUNTIME_DIR".into(), home.runtime().into())],
        scope: false,
        agent: None,
    }
}

/// Held locked by a test, beside the state folder: fakes end when it lets go, however it ends.
pub(crate) const ALIVE: &str = "alive";

/// To be called by a test named `fake_supervisor`: does nothing unless a router started it.
pub(crate) fn run() {
    let Ok(how) = std::env::var(VARIABLE) else { return };
    let dir = std::env::args_os().next_back().unwrap();
    let dir = Path::new(&dir);
    detach(dir).unwrap();
    // The test harness has begun a line.
    println!();
    match how.as_str() {
        "refuse" => Readiness::failed(ErrorReply::new(0, Code::UnknownKernel, "no kernel is named pyton")).say().unwrap(),
        "die" => {
            std::fs::write(dir.join("tried"), "").unwrap();
            eprintln!("the disk is on fire");
        }
        _ => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(dir));
        }
    }
}

async fn serve(dir: &Path) {
    let (_, session) = Home::of_session(dir).unwrap();
    let mut again = signal(SignalKind::user_defined1()).unwrap();
    let mut lock = session.lock().unwrap().expect("another supervisor lives");
    // How often it was started, for tests that count.
    let starts = std::fs::read_to_string(dir.join("starts")).unwrap_or_default();
    std::fs::write(dir.join("starts"), starts + "x").unwrap();
    let mut listener = UnixListener::bind(session.socket().unwrap()).unwrap();
    lock.announce().unwrap();
    Readiness::ready(listener.path()).say().unwrap();
    let alive = dir.ancestors().nth(3).unwrap().join(ALIVE);
    let mut over = tokio::task::spawn_blocking(move || File::open(alive).and_then(|alive| alive.lock()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, _) = listener.accept() => {
                let cookie = session.cookie().unwrap();
                connections.spawn(async move { let _ = connection(stream, cookie).await; });
            }
            _ = again.recv() => {
                listener = UnixListener::bind(Home::of_session(dir).unwrap().1.socket().unwrap()).unwrap();
            }
            _ = &mut over => return,
        }
    }
}

async fn connection(mut stream: Stream, cookie: String) -> std::io::Result<()> {
    let mut decoder = Decoder::new(limits::DEFAULT_MAX_FRAME);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let mut out = Vec::new();
        while let Some((header, body)) = decoder.next().unwrap() {
            answer(header, body, &cookie, &mut out);
        }
        stream.write_all(&out).await?;
        let n = stream.read(&mut bytes).await?;
        if n == 0 {
            return Ok(());
        }
        decoder.push(&bytes[..n]);
    }
}

fn answer(header: Header, body: &[u8], cookie: &str, out: &mut Vec<u8>) {
    if header.channel != 0 {
        match header.kind {
            0x09 => codec::encode(out, header.channel, &Message::Closed(Default::default()), limits::DEFAULT_MAX_FRAME),
            _ => write(out, header.kind, header.flags, header.channel, body, limits::DEFAULT_MAX_FRAME),
        }
        return;
    }
    match codec::decode(header, body).unwrap() {
        Message::Hello(hello) => {
            let known = hello.cookie.is_some_and(|theirs| theirs.0 == cookie.as_bytes());
            let welcome = Welcome {
                contract: 1,
                max_frame: hello.max_frame,
                role: "supervisor".into(),
                principal: hello.on_behalf.map_or_else(|| "direct".into(), |who| who.principal),
                scope: Scope::Admin,
                ..Welcome::default()
            };
            let refused = ErrorReply::new(0, Code::Unauthenticated, "wrong cookie");
            let answer = if known { Message::Welcome(welcome) } else { Message::Error(refused) };
            codec::encode(out, 0, &answer, limits::DEFAULT_MAX_FRAME);
        }
        Message::Open(open) => {
            let opened =
                Opened { re: open.re, channel: open.channel, session: open.session.parse().unwrap(), name: None, created: false };
            codec::encode(out, 0, &Message::Opened(opened), limits::DEFAULT_MAX_FRAME);
        }
        other => panic!("{other:?}"),
    }
}

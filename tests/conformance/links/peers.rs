//! Peers that are of another time, ask for too much, or send anything at all, inside what the way wraps and outside.

use super::scene::Scene;
use crate::client::Client;
use crate::promises::job;
use crate::raw::Raw;
use crate::ways::Way;
use rialto_protocol::frame::Header;
use rialto_protocol::message::{Greet, Hello, Open, Plain};
use rialto_protocol::{Bytes, ClientId, Code, Event, Message, Outcome, limits};
use std::time::Duration;
use stream::{Door, Known};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[path = "../../../protocol/tests/common/arbitrary.rs"]
#[allow(dead_code, unreachable_pub, reason = "the protocol's own tests use the rest, as a module of another kind")]
mod messages;
#[path = "../../chaos/hostile/stream.rs"]
#[allow(dead_code, reason = "the doors of the chaos tests are more")]
mod stream;

/// For what has to be hung up on.
const PATIENCE: Duration = Duration::from_secs(30);

async fn raw(scene: &Scene) -> Raw {
    Raw::over(scene.dialer().dial().await.unwrap())
}

fn hello(scene: &Scene, min: u16, max: u16) -> Message {
    let cookie = scene.cookie().map(Bytes);
    let features = vec!["telepathy".to_owned()];
    Message::Hello(Hello { magic: "rialto".into(), min, max, cookie, features, ..Hello::default() })
}

fn open(scene: &Scene, channel: u16) -> Message {
    Message::Open(Open { channel, session: scene.world.only().id().to_string(), ..Open::default() })
}

async fn works(scene: &Scene, bystander: &mut Client, tag: &str) {
    let (eval, _) = bystander.submit(job(&scene.world.truth(), tag, 20, ""));
    assert_eq!(bystander.end_of(eval).await.outcome, Outcome::Ok);
}

/// A client of a later contract is served by what both know; one that has forgotten ours, or comes from before it, is told which
/// there is. With the daemon, and with the supervisor.
pub(crate) async fn versions(mut scene: Scene) {
    scene.begins().await;
    let mut bystander = scene.client(scene.dialer());
    works(&scene, &mut bystander, "before").await;
    for (min, max, said) in [(2, 9, "2 to 9"), (0, 0, "0")] {
        let mut stranger = raw(&scene).await;
        stranger.say(0, &hello(&scene, min, max)).await;
        let Some((_, Message::Error(why))) = stranger.next().await else { panic!("it is told why") };
        assert_eq!(why.known(), Some(Code::NoCommonContract));
        assert!(why.text.contains('1') && why.text.contains(said), "{}", why.text);
        assert!(stranger.next().await.is_none(), "and hung up on");
    }
    let mut later = raw(&scene).await;
    later.say(0, &hello(&scene, 1, 9)).await;
    let welcome = later.find(|m| if let Message::Welcome(welcome) = m { Some(welcome.clone()) } else { None }).await;
    assert_eq!((welcome.contract, welcome.features), (1, Vec::new()));
    later.say(0, &open(&scene, 1)).await;
    let greet =
        |min, max| Message::Greet(Greet { min, max, features: Vec::new(), client: ClientId([7; 16]), label: "later".into() });
    later.say(1, &greet(2, 9)).await;
    let why = later.find(|m| if let Message::Error(why) = m { Some(why.clone()) } else { None }).await;
    assert_eq!(why.known(), Some(Code::NoCommonContract), "{why:?}");
    // That was about one session. The connection lives, and the next channel is greeted in words that both know.
    later.say(0, &open(&scene, 2)).await;
    later.say(2, &greet(1, 9)).await;
    let greeted = later.find(|m| if let Message::Greeted(greeted) = m { Some(greeted.contract) } else { None }).await;
    assert_eq!(greeted, 1);
    later.say(2, &Message::GetStatus(Plain { re: 5 })).await;
    later.find(|m| matches!(m, Message::Status(status) if status.re == 5).then_some(())).await;
    drop(later);
    works(&scene, &mut bystander, "after").await;
    scene.judged(bystander).await;
}

/// A frame that promises more than anybody takes closes the connection it came by, which is told why.
pub(crate) async fn oversize(mut scene: Scene) {
    scene.begins().await;
    let mut bystander = scene.client(scene.dialer());
    works(&scene, &mut bystander, "before").await;
    for greeted in [false, true] {
        let mut peer = raw(&scene).await;
        peer.say(0, &hello(&scene, 1, 1)).await;
        if greeted {
            peer.say(0, &open(&scene, 1)).await;
            peer.greet(1).await;
            peer.attach(1 << 20).await;
            peer.find(|m| matches!(m, Message::Attached(_)).then_some(())).await;
        }
        let header = Header { len: limits::DEFAULT_MAX_FRAME + 1, kind: 0x40, flags: 0, channel: 1 };
        peer.bytes(&header.encode()).await;
        let why = peer.find(|m| if let Message::Error(why) = m { Some(why.clone()) } else { None }).await;
        assert_eq!(why.known(), Some(Code::Oversize), "{why:?}");
        assert!(why.text.contains(&limits::DEFAULT_MAX_FRAME.to_string()), "{}", why.text);
        while let Some((_, message)) = peer.next().await {
            assert!(!matches!(message, Message::Status(_)), "it is hung up on");
        }
        works(&scene, &mut bystander, &format!("after{greeted}")).await;
    }
    assert_eq!(bystander.attempts, 0, "nobody else noticed");
    scene.judged(bystander).await;
}

/// What is no frame, no message, or a message at the wrong time; and what is not even of the way.
pub(crate) async fn garbage(mut scene: Scene) {
    scene.begins().await;
    let mut bystander = scene.client(scene.dialer());
    let (first, _) = bystander.submit(job(&scene.world.truth(), "b0", 20, ""));
    assert_eq!(bystander.end_of(first).await.outcome, Outcome::Ok);
    let known = Known {
        dialer: scene.dialer(),
        cookie: scene.cookie().unwrap_or_default(),
        session: scene.world.only().id().to_string(),
        eval: first,
    };
    let door = if scene.door.way() == Way::Direct { Door::Member } else { Door::Daemon };
    // Each is a handshake, which for some is a process or two.
    let streams = match scene.door.way() {
        Way::Sshd => 12,
        Way::Ssh | Way::Exec => 24,
        _ => 80,
    };
    let mut answers = std::collections::BTreeSet::new();
    for seed in 0..streams {
        answers.extend(stream::play(5_000_000 + seed, door, known.clone()).await);
        if seed % 8 == 0 {
            works(&scene, &mut bystander, &format!("while{seed}")).await;
        }
    }
    assert!(!answers.is_empty(), "nobody was told anything");
    if let Some(port) = scene.door.port() {
        outside(port).await;
    }
    works(&scene, &mut bystander, "after").await;
    assert_eq!(bystander.attempts, 0, "nobody else noticed");
    // What the attackers had run by right stands in the journal, too.
    assert!(bystander.story.records.iter().any(|r| matches!(r.event, Event::Accepted(_))));
    scene.little_memory(&mut bystander).await;
    scene.judged(bystander).await;
}

/// What is none of TLS, SSH, HTTP or WebSockets, or only its beginning. It is hung up on, which must not take for ever.
async fn outside(port: u16) {
    let garbage: [&[u8]; 7] = [
        &[0xff; 100_000],
        b"\x16\x03\x01\xff\xff and no handshake is that long",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
        b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\xff\xff\r\n\r\n",
        b"POST /v1/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"SSH-2.0-x\r\n\xff\xff\xff\xff\x00\x00\x00\x00 and no packet is that long",
        b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ];
    for bytes in garbage {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let over = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        assert!(over.is_ok(), "{:?} is kept", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
    }
}

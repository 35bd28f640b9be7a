//! The daemon between clients in memory and a supervisor on a real socket: what passes, what does not, and who pays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod world;

use rialto_bridge::auth::{Authenticator, Identity, Refused, SameUser};
use rialto_bridge::daemon::{Each, Limits};
use rialto_protocol::frame::{Decoder, Header, IGNORABLE, MORE, write};
use rialto_protocol::message::{Close, Hello, OnBehalf, Open, Plain};
use rialto_protocol::{Code, Message, Scope, codec, limits};
use rialto_transports::Peer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use world::{FLOOD, Fixed, HANG_UP, MAX, PIECES, STOP_READING, Wire, create, hello, open, world, world_with};

#[tokio::test]
async fn everything_may_be_said_in_one_write_and_passes_as_it_is() {
    let mut world = world(Scope::Admin);
    let mut client = world.dial().await;
    let mut bytes = Vec::new();
    codec::encode(&mut bytes, 0, &hello(), MAX);
    codec::encode(&mut bytes, 0, &open(7), MAX);
    write(&mut bytes, 0x0b, 0, 7, b"no body of ours", MAX);
    write(&mut bytes, 0x80, MORE, 7, &[1; 1000], MAX);
    write(&mut bytes, 0x80, 0, 7, b"", MAX);
    write(&mut bytes, 0xbf, IGNORABLE | 0x40, 7, b"of a newer contract", MAX);
    client.stream.write_all(&bytes).await.unwrap();

    let (_, Message::Welcome(welcome)) = client.message().await else { panic!() };
    assert_eq!((welcome.role.as_str(), welcome.principal.as_str(), welcome.scope), ("daemon", "uid:1", Scope::Admin));
    let (_, Message::Opened(opened)) = client.message().await else { panic!() };
    assert_eq!((opened.re, opened.channel, opened.name.unwrap().as_str()), (7, 7, "work"));
    assert_eq!(*world.who.borrow(), Some(OnBehalf { principal: "uid:1".into(), scope: Scope::Admin }));
    let expected = [(0x0b, 0, 15), (0x80, MORE, 1000), (0x80, 0, 0), (0xbf, IGNORABLE | 0x40, 19)];
    for (kind, flags, len) in expected {
        let (header, body) = world.heard.recv().await.unwrap();
        assert_eq!((header.kind, header.flags, header.channel, body.len()), (kind, flags, 7, len));
        assert_eq!(client.next().await.unwrap(), (header, body), "and back");
    }
}

#[tokio::test]
async fn what_a_scope_reaches_is_the_sessions_to_say_and_it_is_told_the_scope() {
    let mut world = world(Scope::Observe);
    let mut client = world.opened(1).await;
    assert_eq!(world.who.borrow().as_ref().unwrap().scope, Scope::Observe);
    client.raw(0xc0, 0, 1, b"a kill").await;
    assert_eq!(world.heard.recv().await.unwrap().1, b"a kill", "refused there, with the number of the request");
    assert_eq!(client.next().await.unwrap().1, b"a kill");
    // What is not there is not made, and what is there is opened all the same.
    let wanted = |session: &str| Open { channel: 2, session: session.into(), create: Some(create(2)), ..Open::default() };
    client.say(&[(0, Message::Open(wanted("new")))]).await;
    assert_eq!(client.error().await.1, Code::UnknownSession);
    client.say(&[(0, Message::Open(wanted("")))]).await;
    assert_eq!(client.error().await.1, Code::Forbidden);
    client.say(&[(0, Message::Open(wanted("work")))]).await;
    assert!(matches!(client.message().await.1, Message::Opened(opened) if opened.channel == 2));
}

#[tokio::test]
async fn who_opens_a_channel_to_look_is_let_in_to_look() {
    let world = world(Scope::Admin);
    let mut client = world.opened(1).await;
    assert_eq!(world.who.borrow().as_ref().unwrap().scope, Scope::Admin);
    let wanted = Open { channel: 2, session: "work".into(), scope: Some(Scope::Observe), ..Open::default() };
    client.say(&[(0, Message::Open(wanted))]).await;
    assert!(matches!(client.message().await.1, Message::Opened(_)));
    assert_eq!(world.who.borrow().as_ref().unwrap().scope, Scope::Observe);
}

#[tokio::test]
async fn nobody_tells_a_supervisor_who_speaks_but_the_daemon() {
    let mut world = world(Scope::Observe);
    let mut client = world.opened(1).await;
    let forged = Hello { on_behalf: Some(OnBehalf { principal: "root".into(), scope: Scope::Admin }), ..Hello::default() };
    client.say(&[(1, Message::Hello(forged)), (1, open(2))]).await;
    assert_eq!(client.error().await.1, Code::WrongState);
    assert_eq!(client.error().await.1, Code::WrongState);
    client.raw(0x40, 0, 1, b"after").await;
    assert_eq!(world.heard.recv().await.unwrap().1, b"after");
}

#[tokio::test]
async fn a_malformed_frame_costs_its_own_connection_and_no_other() {
    let world = world(Scope::Admin);
    let mut bystander = world.opened(1).await;
    let mut client = world.opened(1).await;
    let absurd = Header { len: MAX + 1, kind: 0x80, flags: 0, channel: 1 }.encode();
    client.stream.write_all(&absurd).await.unwrap();
    let (channel, code, text) = client.error().await;
    assert_eq!((channel, code), (0, Code::Oversize), "{text}");
    assert!(client.next().await.is_none());

    let mut browser = world.dial().await;
    browser.stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let (_, code, text) = browser.error().await;
    assert_eq!(code, Code::BadFrame);
    assert!(text.contains("Rialto"), "{text}");
    assert!(browser.next().await.is_none());

    bystander.raw(0x40, 0, 1, b"still here").await;
    assert_eq!(bystander.next().await.unwrap().1, b"still here");
}

#[tokio::test]
async fn what_is_not_understood_is_named_and_the_connection_lives() {
    let world = world(Scope::Admin);
    let mut client = world.client().await;
    client.raw(0x1f, IGNORABLE, 0, b"skip me").await;
    client.raw(0x1f, 0, 0, b"?").await;
    let (_, code, text) = client.error().await;
    assert_eq!(code, Code::UnknownMessage);
    assert!(text.contains("0x1f"), "{text}");
    client.raw(0x07, 0, 0, b"\xc1 no MessagePack").await;
    assert_eq!(client.error().await.1, Code::BadMessage);
    client.raw(0x80, 0, 0, b"").await;
    assert!(matches!(client.error().await.1, Code::BadMessage | Code::WrongState));
    client.raw(0x80, 0, 9, b"").await;
    let (channel, code, text) = client.error().await;
    assert_eq!((channel, code), (9, Code::WrongState));
    assert!(text.contains("channel 9"), "{text}");
    client.say(&[(0, open(0)), (0, hello())]).await;
    assert_eq!(client.error().await.1, Code::WrongState);
    assert_eq!(client.error().await.1, Code::WrongState);
    client.say(&[(0, Message::Open(Open { re: 4, channel: 1, session: "wrok".into(), ..Open::default() }))]).await;
    let (_, Message::Error(error)) = client.message().await else { panic!() };
    assert_eq!((error.re, error.known()), (4, Some(Code::UnknownSession)));
    assert!(error.text.contains("rialto ls"), "{error}");
    client.answers_a_ping().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_supervisor_and_nothing_else() {
    let mut world = world(Scope::Admin);
    let mut client = world.opened(1).await;
    client.raw(FLOOD, 0, 1, b"").await;
    let stands = world.flood_stands().await;
    // The system's socket buffers and our pipe hold some hundred kilobytes; of the 120 MB the daemon holds two frames.
    assert!(stands < 2_000_000, "{stands} bytes left the supervisor with nobody reading");

    // The way in is open: an interrupt arrives while output stands still.
    assert_eq!(world.heard.recv().await.unwrap().0.kind, FLOOD);
    client.raw(0x81, 0, 1, b"interrupt").await;
    assert_eq!(world.heard.recv().await.unwrap().1, b"interrupt");
    // So is everybody else's.
    let mut bystander = world.opened(1).await;
    bystander.raw(0x40, 0, 1, b"as ever").await;
    assert_eq!(bystander.next().await.unwrap().1, b"as ever");

    // And once it reads, it has all of it, in order; what the daemon itself says overtakes.
    client.say(&[(0, Message::Ping(*b"overtake"))]).await;
    let (mut next, mut before_pong) = (0u64, None);
    while next < PIECES {
        let (header, body) = client.next().await.unwrap();
        if header.kind == 0x66 {
            assert_eq!(body[..8], next.to_le_bytes());
            next += 1;
        } else {
            assert_eq!((header.kind, header.channel), (0x04, 0));
            before_pong = Some(next);
        }
    }
    assert!(before_pong.unwrap() < 10, "{before_pong:?} frames of output came before the answer to a ping");
    assert_eq!(client.next().await.unwrap().1, b"interrupt");
}

#[tokio::test]
async fn two_channels_share_a_connection_and_neither_waits_for_the_other_to_end() {
    let world = world(Scope::Admin);
    let mut client = world.opened(1).await;
    client.say(&[(0, open(2))]).await;
    assert!(matches!(client.message().await, (0, Message::Opened(_))));
    client.raw(FLOOD, 0, 1, b"").await;
    client.raw(0x40, 0, 2, b"between").await;
    let mut before = 0;
    while let Some((header, _)) = client.next().await {
        if header.channel == 2 {
            break;
        }
        before += 1;
    }
    assert!(before < PIECES, "the other channel came after all {before} frames");
}

#[tokio::test]
async fn a_supervisor_that_goes_closes_its_channel_and_the_number_is_free() {
    let world = world(Scope::Admin);
    let mut client = world.opened(3).await;
    client.raw(HANG_UP, 0, 3, b"").await;
    let (3, Message::Closed(close)) = client.message().await else { panic!() };
    assert!(close.reason.contains("open it again"), "{}", close.reason);
    // What was on its way is no news.
    client.raw(0x40, 0, 3, b"too late").await;
    client.answers_a_ping().await;
    client.say(&[(0, open(3))]).await;
    assert!(matches!(client.message().await, (0, Message::Opened(_))));
    client.raw(0x40, 0, 3, b"again").await;
    assert_eq!(client.next().await.unwrap().1, b"again");
    client.say(&[(3, Message::Close(Close::default()))]).await;
    assert_eq!(client.message().await, (3, Message::Closed(Close::default())));
    client.answers_a_ping().await;
}

#[tokio::test]
async fn a_supervisor_that_takes_nothing_loses_its_channel() {
    let limits = Limits { stall: Duration::from_millis(1), ..Limits::default() };
    let world = world_with(Arc::new(Fixed(Identity::new("uid:1", Scope::Admin))), limits);
    let mut client = world.opened(1).await;
    client.raw(STOP_READING, 0, 1, b"").await;
    let (mut from, mut to) = tokio::io::split(client.stream);
    let mut frame = Vec::new();
    write(&mut frame, 0x80, 0, 1, &vec![0; 60_000], MAX);
    let push = async {
        loop {
            to.write_all(&frame).await.unwrap();
        }
    };
    let mut wire = Wire { stream: &mut from, decoder: Decoder::new(MAX) };
    let (channel, message) = tokio::select! {
        () = push => unreachable!(),
        message = wire.message() => message,
    };
    let Message::Closed(close) = message else { panic!("{message:?}") };
    assert_eq!(channel, 1);
    assert!(close.reason.contains("took nothing"), "{}", close.reason);
}

#[tokio::test]
async fn channels_are_counted() {
    let world = world(Scope::Admin);
    let mut client = world.client().await;
    for channel in 1..=limits::MAX_CHANNELS as u16 {
        client.say(&[(0, open(channel))]).await;
        assert!(matches!(client.message().await, (0, Message::Opened(_))));
    }
    client.say(&[(0, open(1)), (0, open(1000))]).await;
    assert_eq!(client.error().await.1, Code::WrongState);
    assert_eq!(client.error().await.1, Code::TooBusy);
    client.raw(HANG_UP, 0, 5, b"").await;
    assert!(matches!(client.message().await, (5, Message::Closed(_))));
    client.say(&[(0, open(1000))]).await;
    assert!(matches!(client.message().await, (0, Message::Opened(_))));
}

#[tokio::test]
async fn strangers_the_slow_and_the_many_are_told_so() {
    struct Nobody;
    impl Authenticator for Nobody {
        fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
            Err(Refused("not you".into()))
        }
    }
    let refusing = world_with(Arc::new(Nobody), Limits::default());
    let mut client = refusing.dial().await;
    client.say(&[(0, hello())]).await;
    assert_eq!(client.error().await, (0, Code::Unauthenticated, "not you".into()));
    assert!(client.next().await.is_none());

    let hasty = world_with(Arc::new(SameUser::new()), Limits { handshake: Duration::from_millis(1), ..Limits::default() });
    let mut client = hasty.dial().await;
    let (_, Message::Error(late)) = client.message().await else { panic!("it is told why") };
    assert_eq!(late.known(), Some(Code::Unauthenticated));
    assert!(late.text.contains("no hello") && late.retryable, "a slow link may try again: {late:?}");

    let small = world_with(Arc::new(SameUser::new()), Limits { connections: 1, ..Limits::default() });
    let first = small.client().await;
    let mut second = small.dial().await;
    assert_eq!(second.error().await.1, Code::TooBusy);
    assert!(second.next().await.is_none());
    drop(first);
    // The seat is given back when the connection has ended, a moment after the client has gone.
    loop {
        let mut third = small.dial().await;
        let _ = third
            .stream
            .write_all(&{
                let mut b = Vec::new();
                codec::encode(&mut b, 0, &hello(), MAX);
                b
            })
            .await;
        if matches!(third.message().await, (0, Message::Welcome(_))) {
            break;
        }
    }

    let future = world(Scope::Admin);
    let mut client = future.dial().await;
    client.say(&[(0, Message::Hello(Hello { magic: "rialto".into(), min: 9, max: 12, ..Hello::default() }))]).await;
    assert_eq!(client.error().await.1, Code::NoCommonContract);
}

#[tokio::test]
async fn a_planned_end_is_announced() {
    let mut world = world(Scope::Admin);
    let mut clients = [world.opened(1).await, world.client().await];
    world.shutdown.take().unwrap().send(()).unwrap();
    for client in &mut clients {
        let (0, Message::Goaway(goaway)) = client.message().await else { panic!() };
        assert_eq!((goaway.reason.as_str(), goaway.retry_after_ms), ("shutdown", Some(1000)));
        assert!(client.next().await.is_none());
    }
}

#[tokio::test]
async fn a_listing_says_what_is_there() {
    let world = world(Scope::Observe);
    let mut client = world.client().await;
    client.say(&[(0, Message::List(Plain { re: 8 }))]).await;
    let (0, Message::Listing(listing)) = client.message().await else { panic!() };
    assert_eq!((listing.re, listing.sessions.len()), (8, 1));
    let listed = &listing.sessions[0];
    assert_eq!((listed.name.as_ref().unwrap().as_str(), listed.state.as_str()), ("work", "idle"));
    assert_eq!(listed.status.as_ref().unwrap().evals, 3);
}

#[tokio::test]
async fn what_was_said_before_a_client_hung_up_still_arrives() {
    let mut world = world(Scope::Admin);
    for _ in 0..20 {
        let mut client = world.dial().await;
        let mut bytes = Vec::new();
        for (channel, message) in [(0, hello()), (0, open(1))] {
            codec::encode(&mut bytes, channel, &message, MAX);
        }
        write(&mut bytes, 0x80, 0, 1, b"run this", MAX);
        write(&mut bytes, 0x80, 0, 1, b"and this", MAX);
        client.stream.write_all(&bytes).await.unwrap();
        drop(client);
        assert_eq!(world.heard.recv().await.unwrap().1, b"run this");
        assert_eq!(world.heard.recv().await.unwrap().1, b"and this");
    }
}

/// Somebody gets in as soon as everything that could move has moved, and not after some time.
async fn a_seat_is_free(world: &world::World) {
    let began = std::time::Instant::now();
    loop {
        let mut next = world.dial().await;
        next.say(&[(0, hello())]).await;
        if let Some((0, Message::Welcome(_))) =
            next.next().await.map(|(header, body)| (header.channel, codec::decode(header, &body).unwrap()))
        {
            return;
        }
        assert!(began.elapsed() < Duration::from_millis(2500), "the seat of a client that left is not given back");
    }
}

async fn everything_moves() {
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_seat_is_given_back_when_its_client_has_left() {
    let world = world_with(Arc::new(Fixed(Identity::new("uid:1", Scope::Admin))), Limits { connections: 1, ..Limits::default() });
    for _ in 0..10 {
        a_seat_is_free(&world).await;
        everything_moves().await;
        // It says goodbye, and does not wait for the answer.
        let mut client = world.opened(1).await;
        client.say(&[(1, Message::Close(Close::default()))]).await;
        drop(client);
        a_seat_is_free(&world).await;
        everything_moves().await;
    }
    // Its supervisor hung up while it did not read.
    let mut client = world.opened(1).await;
    client.raw(FLOOD, 0, 1, b"").await;
    world.flood_stands().await;
    client.raw(HANG_UP, 0, 1, b"").await;
    everything_moves().await;
    client.raw(0x80, 0, 1, b"to nobody").await;
    everything_moves().await;
    drop(client);
    a_seat_is_free(&world).await;
}

/// Somebody who came by a credential that can be taken back.
struct Revocable(AtomicBool);

impl Authenticator for Revocable {
    fn identify(&self, _: &Peer) -> Result<Identity, Refused> {
        let mut who = Identity::new("uid:1/laptop", Scope::Eval);
        who.credential = Some("token:12345678".into());
        who.session = Some("work".into());
        self.still(&who).map(|()| who)
    }

    fn still(&self, _: &Identity) -> Result<(), Refused> {
        if self.0.load(Ordering::Relaxed) { Err(Refused("it was revoked".into())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_is_revoked_closes_what_came_by_it_and_lets_nobody_in_again() {
    let revocable = Arc::new(Revocable(AtomicBool::new(false)));
    let mut world = world_with(Arc::clone(&revocable) as Arc<dyn Authenticator>, Limits::default());
    let mut client = world.dial().await;
    // It names no session, and its credential means one.
    let unnamed = Open {
        session: String::new(),
        ..match open(1) {
            Message::Open(open) => open,
            _ => panic!(),
        }
    };
    client.say(&[(0, hello()), (0, Message::Open(unnamed))]).await;
    let (_, Message::Welcome(welcome)) = client.message().await else { panic!() };
    assert_eq!((welcome.principal.as_str(), welcome.scope), ("uid:1/laptop", Scope::Eval));
    assert!(matches!(client.message().await.1, Message::Opened(opened) if opened.name.as_ref().unwrap().as_str() == "work"));
    assert_eq!(world.who.borrow().as_ref().unwrap().principal, "uid:1/laptop", "the supervisor records the credential");
    client.raw(0x80, 0, 1, b"before").await;
    assert_eq!(world.heard.recv().await.unwrap().1, b"before");
    assert_eq!(client.next().await.unwrap().1, b"before");
    revocable.0.store(true, Ordering::Relaxed);
    let (_, code, text) = client.error().await;
    assert_eq!((code, text.as_str()), (Code::Unauthenticated, "it was revoked"));
    assert!(client.next().await.is_none(), "and it is closed");
    let mut again = world.dial().await;
    again.say(&[(0, hello())]).await;
    assert_eq!(again.error().await.1, Code::Unauthenticated);
}

#[tokio::test]
async fn a_principal_has_so_many_connections_and_so_many_bytes_and_is_told_when_to_come_back() {
    let mut laptop = Identity::new("uid:1/laptop", Scope::Admin);
    laptop.credential = Some("token:12345678".into());
    let each = Each { connections: 1, bytes: 2_000, ..Each::default() };
    let mut world = world_with(Arc::new(Fixed(laptop)), Limits { each, ..Limits::default() });
    let mut client = world.opened(1).await;
    let mut second = world.dial().await;
    second.say(&[(0, hello())]).await;
    let (_, Message::Error(error)) = second.message().await else { panic!() };
    assert!(error.known() == Some(Code::TooBusy) && error.after_ms.is_some() && error.text.contains("1 connections"), "{error}");
    let (_, Message::Goaway(goaway)) = second.message().await else { panic!() };
    assert_eq!((goaway.reason.as_str(), goaway.retry_after_ms), ("limit", error.after_ms));
    assert!(second.next().await.is_none());
    client.raw(0x80, 0, 1, &[1; 3_000]).await;
    assert_eq!(world.heard.recv().await.unwrap().1.len(), 3_000, "what was within its bytes when it came is carried");
    assert_eq!(client.next().await.unwrap().1.len(), 3_000);
    client.raw(0x80, 0, 1, b"more").await;
    let (_, code, text) = client.error().await;
    assert!(code == Code::TooBusy && text.contains("2000 bytes within a minute"), "{text}");
    assert!(matches!(client.message().await.1, Message::Goaway(goaway) if goaway.retry_after_ms.is_some()));
    assert!(client.next().await.is_none());
}

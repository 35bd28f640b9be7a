//! The real handle over memory, on a clock that jumps.

use crate::bridge::{Bridge, Conn};
use crate::world::{eval_id, open, options};
use rialto_client::protocol::event::Event;
use rialto_client::protocol::message::{Listing, Open, Plain};
use rialto_client::protocol::{Code, ErrorReply, Message, Outcome};
use rialto_client::{EvalOptions, Incoming, Keepalive, Link, Linking, Options, Policy, RunItem, Session, Start, ask};
use std::cell::RefCell;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Links, as the other side gets them.
struct Doors {
    links: mpsc::Receiver<DuplexStream>,
    ring: mpsc::Sender<DuplexStream>,
    /// How long a connection takes.
    takes: Duration,
}

impl Doors {
    fn new() -> Self {
        let (ring, links) = mpsc::channel(8);
        Self { links, ring, takes: Duration::ZERO }
    }

    fn session(&self, options: Options) -> Session {
        let (ring, takes) = (self.ring.clone(), self.takes);
        let connect = move |open: Open| -> Linking {
            let ring = ring.clone();
            Box::pin(async move {
                sleep(takes).await;
                let (near, far) = duplex(16 * 1024);
                ring.try_send(far).map_err(|_| ErrorReply::new(0, Code::Unreachable, "nobody is in"))?;
                Ok(Link { stream: Box::new(near), cookie: None, open, local: false })
            })
        };
        Session::new(connect, open(), options)
    }

    /// Serves links one after another, each for as many reads as `reads` says.
    async fn serve(&mut self, bridge: &RefCell<Bridge>, mut reads: impl FnMut() -> usize) {
        while let Some(mut stream) = self.links.recv().await {
            let (mut conn, mut left, mut bytes) = (Conn::default(), reads(), [0; 4096]);
            while left > 0 {
                left -= 1;
                let Ok(n @ 1..) = stream.read(&mut bytes).await else { break };
                bridge.borrow_mut().feed(&mut conn, &bytes[..n]);
                let out = std::mem::take(&mut conn.out);
                if stream.write_all(&out).await.is_err() {
                    break;
                }
            }
        }
    }
}

/// Runs a story against a bridge that ends when the story does.
async fn against<T>(
    doors: &mut Doors,
    bridge: &RefCell<Bridge>,
    reads: impl FnMut() -> usize,
    story: impl Future<Output = T>,
) -> T {
    tokio::select! {
        told = timeout(Duration::from_secs(86_400), story) => told.expect("the story ends"),
        () = doors.serve(bridge, reads) => panic!("nobody dials any more"),
    }
}

fn forever() -> usize {
    usize::MAX
}

#[tokio::test(start_paused = true)]
async fn an_eval_is_seen_from_its_submit_to_its_end() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge::default()));
    let mut session = doors.session(options(Start::After(None)));
    let story = async {
        let mut run = session.eval("1+1", EvalOptions::default()).unwrap();
        let mut kinds = Vec::new();
        while let Some(item) = run.next().await {
            if let RunItem::Event(record) = item {
                kinds.push(record.event);
            }
        }
        assert!(matches!(kinds[..], [Event::Accepted(_), Event::Output(_), Event::Ended(_)]), "{kinds:?}");
        assert_eq!(run.over().unwrap().as_ref().unwrap().outcome, Outcome::Ok);
        let id = run.id();
        // The same id again: it does not run, and its end is known although no event says it.
        let again = session.eval("1+1", EvalOptions { id: Some(id), ..EvalOptions::default() }).unwrap();
        let finished = again.finish(|_| panic!("nothing new happened")).await.unwrap();
        assert_eq!((finished.outcome, finished.ended), (Outcome::Ok, None));
        let other = session.eval("2+2", EvalOptions { id: Some(id), ..EvalOptions::default() }).unwrap();
        assert_eq!(other.finish(|_| ()).await.unwrap_err().known(), Some(Code::IdReused));
    };
    against(&mut doors, &bridge, forever, story).await;
    assert_eq!(bridge.borrow().ran.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn questions_are_answered_while_events_wait_unread() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge::default()));
    for n in 0..5_000 {
        bridge.borrow_mut().output(&format!("line {n} of a flood that fills every window on its way"));
    }
    let mut session = doors.session(options(Start::After(None)));
    let story = async {
        session.connected().await.unwrap();
        for _ in 0..3 {
            session.is_complete("x").await.unwrap();
        }
        let why = session.get_eval(Default::default()).await.unwrap_err();
        assert_eq!(why.known(), Some(Code::UnknownEval));
        let mut seqs = Vec::new();
        while seqs.len() < 5_000 {
            if let Incoming::Event(record) = session.next().await {
                seqs.push(record.seq);
            }
        }
        assert!(seqs.iter().copied().eq(1..=5_000));
    };
    against(&mut doors, &bridge, forever, story).await;
}

#[tokio::test(start_paused = true)]
async fn links_that_break_all_the_time_are_not_noticed() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge { display: 30_000, ..Bridge::default() }));
    let mut session = doors.session(options(Start::After(None)));
    let story = async {
        for n in 1..=5 {
            let code = format!("{n}").repeat(5_000);
            let run = session.eval(code, EvalOptions { id: Some(eval_id(n)), ..EvalOptions::default() }).unwrap();
            let mut events = 0;
            run.finish(|_| events += 1).await.unwrap();
            assert_eq!(events, 4);
        }
        session.counters().links
    };
    let mut reads = 0;
    let some = || {
        reads = reads % 9 + 1;
        reads
    };
    assert!(against(&mut doors, &bridge, some, story).await > 5);
    assert_eq!(bridge.borrow().ran, (1..=5).map(eval_id).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_looks_away_all_the_time_gets_there() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge::default()));
    bridge.borrow_mut().output("one");
    doors.takes = Duration::from_secs(1);
    let mut session = doors.session(options(Start::After(None)));
    let story = async {
        let mut looks = 0;
        loop {
            looks += 1;
            if let Ok(Incoming::Event(_)) = timeout(Duration::from_millis(100), session.next()).await {
                return looks;
            }
            assert!(looks < 100, "it begins anew each time");
        }
    };
    assert!(against(&mut doors, &bridge, forever, story).await > 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_nobody_waits_for_any_more_is_still_said() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge::default()));
    doors.takes = Duration::from_secs(1);
    let mut session = doors.session(options(Start::After(None)));
    let story = async {
        timeout(Duration::from_millis(10), session.restart()).await.unwrap_err();
        loop {
            if let Incoming::Answer(_, answer) = session.next().await {
                return answer;
            }
        }
    };
    assert!(matches!(against(&mut doors, &bridge, forever, story).await, Ok(Message::Carried(_))));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_before_anybody_waited_is_found() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge::default()));
    let mut session = doors.session(options(Start::After(None)));
    let story = async {
        let ticket = session.send(crate::world::submit(1, "one")).unwrap();
        session.is_complete("x").await.unwrap();
        session.wait(ticket).await
    };
    assert!(matches!(against(&mut doors, &bridge, forever, story).await, Ok(Message::EvalInfo(_))));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_falls_silent_is_replaced() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge::default()));
    let mut session = doors.session(Options { keepalive: Keepalive::Remote, ..options(Start::After(None)) });
    let told = {
        let first = async {
            session.connected().await.unwrap();
            assert!(matches!(session.next().await, Incoming::Connected(_)));
            // The network swallows everything from here on; nobody closes anything.
            session.next().await
        };
        let silence = async {
            let mut stream = doors.links.recv().await.unwrap();
            let (mut conn, mut bytes) = (Conn::default(), [0; 4096]);
            let n = stream.read(&mut bytes).await.unwrap();
            bridge.borrow_mut().feed(&mut conn, &bytes[..n]);
            stream.write_all(&conn.out).await.unwrap();
            std::future::pending::<()>().await;
            drop(stream);
        };
        tokio::select! { told = first => told, () = silence => unreachable!() }
    };
    assert!(matches!(&told, Incoming::Reconnecting { why, .. } if why.text.contains("silent")), "{told:?}");
    bridge.borrow_mut().output("meanwhile");
    let story = async {
        loop {
            if let Incoming::Event(record) = session.next().await {
                return record.seq;
            }
        }
    };
    assert_eq!(against(&mut doors, &bridge, forever, story).await, 1);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_the_handle_closes_and_says_why() {
    let doors = Doors::new();
    let reconnect = Policy { give_up: Some(Duration::from_secs(3)), ..Policy::default() };
    let mut session = doors.session(Options { reconnect, ..options(Start::After(None)) });
    drop(doors);
    let why = session.status().await.unwrap_err();
    assert!(why.text.contains("nobody is in"), "{why}");
    assert!(session.connected().await.is_err());
    assert!(session.kill().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn leaving_says_goodbye_and_sends_what_waited() {
    let (mut doors, bridge) = (Doors::new(), RefCell::new(Bridge::default()));
    let mut session = doors.session(options(Start::After(None)));
    let story = async {
        session.connected().await.unwrap();
        session.send(crate::world::submit(1, "last words")).unwrap();
        session.leave().await;
        // The bridge gets its turn.
        tokio::task::yield_now().await;
    };
    let closed = RefCell::new(false);
    let other = async {
        let mut stream = doors.links.recv().await.unwrap();
        let (mut conn, mut bytes) = (Conn::default(), [0; 4096]);
        while let Ok(n @ 1..) = stream.read(&mut bytes).await {
            bridge.borrow_mut().feed(&mut conn, &bytes[..n]);
            *closed.borrow_mut() = conn.closed;
            if stream.write_all(&std::mem::take(&mut conn.out)).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(story, other);
    assert!(*closed.borrow());
    assert_eq!(bridge.borrow().ran, [eval_id(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_place_answers_one_question() {
    let (near, mut far) = duplex(64 * 1024);
    let link = Link { stream: Box::new(near), cookie: Some(vec![7]), open: Open::default(), local: true };
    let place = async {
        let mut bytes = [0; 4096];
        let n = far.read(&mut bytes).await.unwrap();
        let mut conn = Conn::default();
        // The bridge's script knows no list: only the hello is for it.
        let hello = rialto_client::protocol::frame::Header::decode(*bytes.first_chunk().unwrap()).frame_len();
        assert!(n > hello, "the question came with the hello");
        Bridge::default().feed(&mut conn, &bytes[..hello]);
        assert_eq!(conn.hello.as_ref().unwrap().cookie, Some(vec![7].into()));
        conn.say(0, &Message::Listing(Listing { re: 1, sessions: vec![] }));
        far.write_all(&conn.out).await.unwrap();
    };
    let (answer, ()) = tokio::join!(ask(link, "test", Message::List(Plain { re: 1 })), place);
    assert!(matches!(answer, Ok(Message::Listing(_))));
}

//! One client does not read. What that costs the supervisor in memory, and everybody else in time: nothing.

use crate::actor::through;
use crate::daemon::Daemon;
use crate::long;
use crate::processes::most_of_its_own;
use crate::promises::{Story, job, kept};
use crate::raw::Raw;
use crate::table::Row;
use crate::ways::Way;
use crate::world::{World, play};
use rialto_client::EvalOptions;
use rialto_protocol::message::{Interrupt, Open, Submit, Verdict};
use rialto_protocol::{Code, EvalId, Event, GroupId, Message, OnError, Outcome, RequestId, Show};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The kind of `ended`.
const ENDED: u8 = 0x6c;
/// What a supervisor may ever have in memory. KiB.
const CEILING: u64 = 32 * 1024;

/// The socket, cookie and id of the only session.
fn way(world: &World) -> (std::path::PathBuf, Vec<u8>, String) {
    let session = world.only();
    (session.socket().unwrap().to_owned(), session.cookie().unwrap().into_bytes(), session.id().to_string())
}

/// Reads everything up to the end of eval 1, and gives the number of bytes.
async fn reader(mut raw: Raw) -> u64 {
    raw.attach(u64::MAX / 4).await;
    raw.bytes_until(ENDED).await
}

/// Everything up to the end of eval 1.
async fn all(raw: &mut Raw) -> Story {
    let mut story = Story::default();
    while let Some((_, message)) = raw.next().await {
        match message {
            Message::Event(record) => {
                let last = matches!(record.event, Event::Ended(_));
                story.records.push(record);
                if last {
                    return story;
                }
            }
            Message::Gap(gap) => story.gaps.push((gap.from, gap.to)),
            _ => {}
        }
    }
    panic!("the connection ended")
}

#[test]
fn memory_stays_below_its_ceiling_with_a_flood_and_a_client_that_does_not_read() {
    let (lines, readers) = if long() { (1_000_000, 100) } else { (200_000, 20) };
    play(async move {
        let mut world = World::new();
        let mut client = world.client("work");
        client.session.connected().await.unwrap();
        let (socket, cookie, id) = way(&world);
        let mut stalled = Raw::client(&socket, &cookie, &id, None).await;
        stalled.attach(u64::MAX / 4).await;
        let began = Instant::now();
        let mut others = JoinSet::new();
        for _ in 0..readers {
            others.spawn(reader(Raw::client(&socket, &cookie, &id, None).await));
        }
        // About 1,000 bytes a line.
        let (eval, _) = client.submit(job(&world.truth(), &"m".repeat(990), lines, ""));
        client.until(|c| c.numbers.get(&eval).copied()).await;
        let mut sizes = Vec::new();
        while let Some(size) = others.join_next().await {
            sizes.push(size.unwrap());
        }
        let least = lines * 990;
        assert!(sizes.iter().all(|size| *size > least && *size == sizes[0]), "{sizes:?}");
        // It has not read for as long as that took; on a fast machine, for a minute all the same.
        if long() {
            tokio::time::sleep_until(began + Duration::from_secs(60)).await;
        }
        let silent = began.elapsed().as_secs();
        let story = all(&mut stalled).await;
        assert!(long() || story.gaps.is_empty(), "{:?}", story.gaps);
        let row = kept(&story, &world.truth());
        let pid = client.supervisor().await;
        let most = most_of_its_own(pid);
        assert!(most <= CEILING, "{most} KiB");
        world.logs_are_calm();
        let note = format!("{} MB, {readers} readers, 1 stalled for {silent} s: {:.1} MiB", lines / 1000, most as f64 / 1024.0);
        Row { played: 1, note, ..row }.close("memory in a flood");
    });
}

/// What a daemon may take for a link that is not read and one that is, whatever is printed. KiB. (Twice 256, and what the
/// system's allocator keeps of what was given back.)
const BOTH: u64 = 4 * 1024;

/// By a network, where what is not read waits in front of the daemon's client: another one that reads does not notice, and the
/// daemon holds next to nothing of it.
fn over(way: Way, name: &'static str) {
    let lines = if long() { 200_000 } else { 20_000 };
    play(async move {
        let mut world = World::new();
        let daemon = Daemon::by(&world, way).await;
        let mut client = through(&mut world, daemon.through(), "reads");
        assert_eq!(client.run(job(&world.truth(), "first", 10, "")).await, Outcome::Ok);
        let mut stalled = Raw::over(daemon.through().dialer.dial().await.unwrap());
        stalled.hello(None, None).await;
        let session = world.only().id().to_string();
        stalled.say(0, &Message::Open(Open { channel: 1, session, ..Open::default() })).await;
        stalled.greet(1).await;
        stalled.attach(u64::MAX / 4).await;
        stalled.find(|m| matches!(m, Message::Attached(_)).then_some(())).await;
        let before = most_of_its_own(daemon.pid());
        // About 1,000 bytes a line: more than all that the system keeps for a connection.
        let (eval, _) = client.submit(job(&world.truth(), &"m".repeat(990), lines, ""));
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        let grown = most_of_its_own(daemon.pid()) - before;
        assert!(grown <= BOTH, "{grown} KiB");
        let most = most_of_its_own(client.supervisor().await);
        assert!(most <= CEILING, "{most} KiB");
        // It begins to read, and finds all of it.
        let mut story = Story::default();
        while story.records.iter().filter(|record| matches!(record.event, Event::Ended(_))).count() < 2 {
            let next = all(&mut stalled).await;
            story.records.extend(next.records);
            story.gaps.extend(next.gaps);
        }
        assert!(long() || story.gaps.is_empty(), "{:?}", story.gaps);
        let row = kept(&story, &world.truth());
        world.logs_are_calm();
        let note = format!("{} MB, a daemon that grew by {grown} KiB", lines / 1000);
        Row { played: 1, note, ..row }.close(name);
    });
}

#[test]
fn over_our_ssh_server_the_daemon_holds_nothing_of_what_is_not_read() {
    over(Way::Ssh, "a stalled client, our ssh server");
}

#[test]
fn over_a_websocket_with_tls_the_daemon_holds_nothing_of_what_is_not_read() {
    over(Way::Wss, "a stalled client, wss");
}

/// Evals that may wait.
const QUEUE: u64 = 10_000;
/// One in so many is of no group.
const FREE: u64 = 50;

fn submit(re: u32, eval: u64, code: String, group: Option<GroupId>) -> Message {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&eval.to_le_bytes());
    let (on_error, show) = (OnError::Stop, Show::Nothing);
    Message::Submit(Submit { re, eval: EvalId(id), code: code.into(), group, on_error, show, argv: None, trace: None })
}

#[test]
fn an_interrupt_works_with_a_flood_a_full_queue_and_a_client_that_does_not_read() {
    play(async {
        let mut world = World::new();
        let mut client = world.client("work");
        client.session.connected().await.unwrap();
        let (socket, cookie, id) = way(&world);
        let mut stalled = Raw::client(&socket, &cookie, &id, None).await;
        stalled.attach(u64::MAX / 4).await;
        let group = GroupId([7; 16]);
        let options = EvalOptions { group: Some(group), on_error: OnError::Stop, ..EvalOptions::default() };
        let (flood, _) = client.submit_with(job(&world.truth(), "flood", 100_000_000, ""), options);
        client.until(|c| (c.printed > 100_000).then_some(())).await;
        let mut raw = Raw::client(&socket, &cookie, &id, None).await;
        for i in 1..=QUEUE {
            let code = job(&world.truth(), &format!("w{i}"), 1, "");
            raw.say(1, &submit(0, i, code, (i % FREE != 0).then_some(group))).await;
        }
        raw.say(1, &submit(5, QUEUE + 1, "1".into(), None)).await;
        let refused = raw.find(|m| matches!(m, Message::Error(_)).then(|| m.clone())).await;
        assert!(matches!(refused, Message::Error(e) if e.known() == Some(Code::QueueFull) && e.re == 5));
        // By a client that is not attached: nothing but the answer can come.
        let interrupt = Interrupt { re: 6, id: RequestId([9; 16]), eval: flood, escalate: None };
        raw.say(1, &Message::Interrupt(interrupt)).await;
        let answer = raw.find(|m| if let Message::InterruptAnswer(a) = m { Some(a.clone()) } else { None }).await;
        assert_eq!((answer.re, answer.verdict, answer.outcome), (6, Verdict::Interrupted, Some(Outcome::Interrupted)));
        let last = QUEUE + 1;
        client.until(|c| c.ended.get(&last).cloned()).await;
        for (n, ended) in &client.ended {
            let expected = match n {
                1 => Outcome::Interrupted,
                n if (n - 1) % FREE == 0 => Outcome::Ok,
                _ => Outcome::NotRun,
            };
            assert_eq!(ended.outcome, expected, "#{n}");
        }
        assert_eq!(client.ended.len() as u64, last);
        // Another's code is told in full to whoever did not submit it.
        let all = world.journal_through_a_client("work").await;
        let row = kept(&all, &world.truth());
        let most = most_of_its_own(client.supervisor().await);
        assert!(most <= CEILING, "{most} KiB");
        world.logs_are_calm();
        drop(stalled);
        let note = format!("{QUEUE} waiting: {:.1} MiB", most as f64 / 1024.0);
        Row { played: 1, note, ..row }.close("an interrupt with all of that");
    });
}

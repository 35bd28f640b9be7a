//! Much at once, and slowly.

use super::scene::Scene;
use crate::promises::job;
use crate::raw::Raw;
use crate::ways::proxy::{End, Plan};
use rialto_protocol::message::{Input, Open, Verdict};
use rialto_protocol::{Event, Message, Outcome};
use std::time::Duration;

/// It hits what it names, while that floods the link, and also where the link is cut before the answer has come.
pub(crate) async fn an_interrupt_in_a_flood(mut scene: Scene) {
    scene.begins().await;
    let (proxy, dialer) = scene.by(Plan::default()).await;
    let mut client = scene.client(dialer);
    for cut in [false, true] {
        let before = client.printed;
        let (flood, _) = client.submit(job(&scene.world.truth(), &format!("flood{cut}"), 100_000_000, ""));
        let (next, _) = client.submit(job(&scene.world.truth(), &format!("next{cut}"), 3, ""));
        client.until(|c| (c.printed > before + 1_000_000).then_some(())).await;
        let ticket = client.interrupt(flood);
        if cut {
            proxy.ends(End::Cut);
        }
        let answer = client.verdict(ticket).await;
        assert_eq!((answer.verdict, answer.outcome), (Verdict::Interrupted, Some(Outcome::Interrupted)));
        assert_eq!(client.end_of(flood).await.outcome, Outcome::Interrupted);
        assert_eq!(client.end_of(next).await.outcome, Outcome::Ok);
    }
    scene.judged(client).await;
}

/// What is answered reaches the code, once, also where the link is cut while it is on its way.
pub(crate) async fn input(mut scene: Scene) {
    scene.begins().await;
    let (proxy, dialer) = scene.by(Plan::default()).await;
    let mut client = scene.client(dialer);
    let mut last = 0;
    for cut in [false, true] {
        let body = "_got = [input('first? '), input('second? ')]";
        let (eval, _) = client.submit(job(&scene.world.truth(), &format!("asks{cut}"), 2, body));
        for answer in ["one", "two"] {
            let asked = |e: &Event| if let Event::Asked(asked) = e { (asked.ask > last).then_some(asked.ask) } else { None };
            let ask = client.until(|c| c.story.records.iter().find_map(|r| asked(&r.event))).await;
            last = ask;
            if cut {
                proxy.ends(End::Cut);
            }
            let id = rialto_client::request_id().unwrap();
            let input = Input { re: 0, id, life: None, ask, data: answer.as_bytes().to_vec().into(), eof: false };
            let ticket = client.session.send(Message::Input(input)).unwrap();
            let reply = client.answer(ticket).await;
            assert!(reply.is_ok(), "{reply:?}");
        }
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        let (shown, _) = client.submit("_got");
        let ended = client.end_of(shown).await;
        assert!(format!("{ended:?}").contains("['one', 'two']"), "{ended:?}");
    }
    scene.judged(client).await;
}

/// Thin, and far away: all of it comes, in order, and no link is given up.
pub(crate) async fn slow(mut scene: Scene) {
    scene.begins().await;
    let thin = Plan { piece: 2_048, pause: Duration::from_millis(1), ..Plan::default() };
    let far = Plan { pause: Duration::from_millis(20), ..Plan::default() };
    for (name, plan, lines, evals) in [("thin", thin, 15_000, 3), ("far", far, 3, 10)] {
        let (proxy, dialer) = scene.by(plan).await;
        let mut client = scene.client(dialer);
        let truth = scene.world.truth();
        let evals: Vec<_> = (0..evals).map(|n| client.submit(job(&truth, &format!("{name}{n}"), lines, "")).0).collect();
        for eval in evals {
            assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        }
        client.catch_up().await;
        assert_eq!((client.attempts, proxy.cuts(), client.story.gaps.len()), (0, 0, 0));
        let heard = client.story.records.len() as u64;
        assert!(client.story.records.iter().map(|r| r.seq).eq(1..=heard));
    }
    let client = scene.client(scene.dialer());
    scene.judged(client).await;
}

/// Somebody has promised to read and does not. Nobody else waits for that, and nobody keeps for it in memory what it does not
/// read.
pub(crate) async fn one_stalls(mut scene: Scene) {
    scene.begins().await;
    let mut client = scene.client(scene.dialer());
    client.session.connected().await.unwrap();
    let mut stalled = Raw::over(scene.dialer().dial().await.unwrap());
    stalled.hello(scene.cookie().as_deref(), None).await;
    let session = scene.world.only().id().to_string();
    stalled.say(0, &Message::Open(Open { channel: 1, session, ..Open::default() })).await;
    stalled.greet(1).await;
    stalled.attach(u64::MAX / 4).await;
    stalled.find(|m| matches!(m, Message::Attached(_)).then_some(())).await;
    // About 1,000 bytes a line.
    let (eval, _) = client.submit(job(&scene.world.truth(), &"m".repeat(990), 15_000, ""));
    assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
    assert!(client.printed > 14_850_000);
    let (next, _) = client.submit(job(&scene.world.truth(), "others-go-on", 3, ""));
    assert_eq!(client.end_of(next).await.outcome, Outcome::Ok);
    scene.little_memory(&mut client).await;
    // It reads after all, and finds all of it.
    let mut last = 0;
    while last < client.cursor().unwrap().seq {
        if let Message::Event(record) = stalled.next().await.expect("it is served").1 {
            assert_eq!(record.seq, last + 1);
            last = record.seq;
        }
    }
    drop(stalled);
    scene.judged(client).await;
}

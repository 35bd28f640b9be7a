//! Links that are cut at places of the dice's choice.

use super::scene::Scene;
use crate::client::Client;
use crate::dice::Dice;
use crate::long;
use crate::promises::job;
use crate::ways::proxy::{Plan, Proxy};
use rialto_client::EvalOptions;
use rialto_protocol::message::EvalState;
use rialto_protocol::{Code, EvalId, Message, Outcome};

/// Letters of a tag, so that a line has a hundred.
const WIDE: usize = 93;

/// Cuts of one test.
fn cuts() -> u64 {
    if long() { 30 } else { 5 }
}

/// Goes on until the last of these has ended. While links are to be cut, each new one is, after so many bytes as the dice say.
async fn until_cut(client: &mut Client, proxy: &Proxy, evals: &[EvalId], dice: &mut Dice, most: u64) {
    let (mut times, mut links) = (1, client.met.len());
    proxy.cut_after(dice.below(most));
    let last = evals.last().unwrap();
    while !client.numbers.get(last).is_some_and(|n| client.ended.contains_key(n)) {
        client.step().await;
        if client.met.len() > links && times < cuts() {
            (times, links) = (times + 1, client.met.len());
            proxy.cut_after(dice.below(most));
        }
    }
}

/// An id that was sent runs once: by the client that sends it again by itself, and by another that says the same later.
pub(crate) async fn once(mut scene: Scene) {
    scene.begins().await;
    let mut dice = Dice(1_000);
    let (proxy, dialer) = scene.by(Plan { piece: 512, ..Plan::default() }).await;
    let mut client = scene.client(dialer);
    let mut sent = Vec::new();
    for number in 0..cuts() {
        let code = job(&scene.world.truth(), &format!("once{number}"), 3, "");
        let (eval, _) = client.submit(code.as_str());
        // Somewhere between the submit on its way and the end on its way back.
        proxy.cut_after(dice.below(1_200));
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        sent.push((eval, code));
    }
    proxy.cut_after(u64::MAX / 2);
    assert!(proxy.cuts() > 0);
    let mut other = scene.client(scene.dialer());
    for (eval, code) in &sent {
        let options = EvalOptions { id: Some(*eval), ..EvalOptions::default() };
        let (_, ticket) = other.submit_with(code.as_str(), options.clone());
        let Ok(Message::EvalInfo(info)) = other.answer(ticket).await else { panic!("it is known") };
        assert!(info.known && info.state == EvalState::Ended, "{info:?}");
        let (_, ticket) = other.submit_with("'other code'", options);
        assert_eq!(other.answer(ticket).await.unwrap_err().known(), Some(Code::IdReused));
    }
    drop(other);
    scene.judged(client).await;
}

pub(crate) async fn a_large_output(mut scene: Scene) {
    scene.begins().await;
    let (proxy, dialer) = scene.by(Plan::default()).await;
    let mut client = scene.client(dialer);
    client.session.connected().await.unwrap();
    let (eval, _) = client.submit(job(&scene.world.truth(), &"w".repeat(WIDE), 20_000, ""));
    until_cut(&mut client, &proxy, &[eval], &mut Dice(2_000), 500_000).await;
    assert!(proxy.cuts() > 0 && client.printed > 1_900_000);
    scene.judged(client).await;
}

pub(crate) async fn a_thousand_small_evals(mut scene: Scene) {
    scene.begins().await;
    let (proxy, dialer) = scene.by(Plan { piece: 4_096, ..Plan::default() }).await;
    let mut client = scene.client(dialer);
    let mut dice = Dice(3_000);
    client.session.connected().await.unwrap();
    for part in 0..4 {
        let truth = scene.world.truth();
        let evals: Vec<EvalId> = (0..250).map(|n| client.submit(job(&truth, &format!("s{part}x{n}"), 1, "")).0).collect();
        until_cut(&mut client, &proxy, &evals, &mut dice, 60_000).await;
    }
    assert!(proxy.cuts() > 0);
    assert_eq!(client.ended.len(), 1_000);
    scene.judged(client).await;
}

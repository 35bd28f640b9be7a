//! The network swallows everything and says nothing: found out by asking, after a quarter of a minute without a word and another
//! one without an answer. All ways at once, because that is real time.

use super::scene::Scene;
use crate::promises::job;
use crate::ways::Way;
use crate::ways::proxy::{End, Plan};
use crate::world::play;
use rialto_protocol::Outcome;

async fn falls_silent(way: Way) {
    let mut scene = Scene::new(way);
    scene.begins().await;
    let (proxy, dialer) = scene.by(Plan::default()).await;
    let mut client = scene.client(dialer);
    let gate = scene.world.path("gate");
    let body = format!("import time\nwhile not os.path.exists({gate:?}): time.sleep(0.01)\n");
    let (eval, _) = client.submit(job(&scene.world.truth(), "silent", 500, &body));
    client.until(|c| c.numbers.get(&eval).copied()).await;
    proxy.ends(End::Silence);
    std::fs::write(gate, "").unwrap();
    assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
    assert!(client.attempts > 0, "{way:?}: it was noticed");
    proxy.lets_go();
    scene.judged(client).await;
}

#[test]
fn a_link_that_falls_silent_is_given_up_by_each_way() {
    play(async {
        tokio::join!(
            falls_silent(Way::Direct),
            falls_silent(Way::Memory),
            falls_silent(Way::Unix),
            falls_silent(Way::Exec),
            falls_silent(Way::Ws),
            falls_silent(Way::Wss),
            falls_silent(Way::Http),
            falls_silent(Way::Ssh),
            falls_silent(Way::Sshd)
        )
    });
}

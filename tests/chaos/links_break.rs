//! Links that are cut at 200 places of the dice's choice (or at every byte of a dialogue), that fall silent, that are slow,
//! that say everything twice: whoever talks over them sees every event once, and everything asked for runs once.

use crate::client::Client;
use crate::daemon::Daemon;
use crate::dice::Dice;
use crate::long;
use crate::processes::left;
use crate::promises::{job, kept, within};
use crate::table::Row;
use crate::ways::Way;
use crate::ways::proxy::{End, Plan, Proxy};
use crate::world::{World, play};
use rialto_client::{Keepalive, Link, Linking, Options, Policy, Session, Start, Through};
use rialto_protocol::Outcome;
use rialto_protocol::message::Open;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Cuts of each test. A third of the links stay half open, and a daemon has 256 seats: on a local socket nothing but its peer's
/// end empties one.
const CUTS: u64 = 200;

/// A client that does not wait long before it tries again.
fn client(world: &mut World, way: Through, keepalive: Keepalive) -> Client {
    let mut options = Options::new(rialto_client::client_id().unwrap(), "over a bad link");
    options.reconnect = Policy { first: Duration::from_millis(1), longest: Duration::from_millis(20), give_up: None };
    options.keepalive = keepalive;
    Client::of(Session::new(way, world.open("work"), options))
}

/// The bad link leads to the supervisor itself.
fn direct(world: &World, proxy: &Proxy) -> Client {
    let session = world.only();
    let (socket, cookie) = (proxy.socket.clone(), session.cookie().unwrap().into_bytes());
    let connector = move |open: Open| -> Linking {
        let (socket, cookie) = (socket.clone(), cookie.clone());
        Box::pin(async move {
            let unreachable =
                |why: std::io::Error| rialto_protocol::ErrorReply::new(0, rialto_protocol::Code::Unreachable, why.to_string());
            let stream = tokio::net::UnixStream::connect(&socket).await.map_err(unreachable)?;
            Ok(Link { stream: Box::new(stream), cookie: Some(cookie), open, local: true })
        })
    };
    let mut options = Options::new(rialto_client::client_id().unwrap(), "over a bad link");
    options.reconnect = Policy { first: Duration::from_millis(1), longest: Duration::from_millis(20), give_up: None };
    options.start = Start::After(None);
    let open = Open { session: session.id().to_string(), ..Open::default() };
    Client::of(Session::new(connector, open, options))
}

/// Somebody submits and reads until links have broken so often. Now and then the code, or what is shown, is large.
async fn works(world: &World, client: &mut Client, proxy: &Proxy, cuts: u64, dice: &mut Dice) {
    let mut number = 0;
    while proxy.cuts() < cuts {
        let mut evals = Vec::new();
        for _ in 0..1 + dice.below(3) {
            number += 1;
            let lines = [20, 100, 500][usize::try_from(dice.below(3)).unwrap()];
            let padding = format!("#{}\n", "x".repeat(usize::try_from(dice.below(2) * dice.below(15_000)).unwrap()));
            evals.push(client.submit(job(&world.truth(), &format!("t{number}"), lines, &padding)).0);
        }
        for eval in evals {
            assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        }
    }
}

async fn close(mut world: World, client: Client, proxy: &Proxy, name: &str) {
    let all = world.journal_through_a_client("work").await;
    within(&client.story, &all);
    assert_eq!(client.session.counters().faults, 0, "the bridge broke the protocol");
    let heard = client.story.records.len() as u64;
    assert!(client.story.records.iter().map(|r| r.seq).eq(1..=heard), "in order, once, from the first");
    let row = kept(&all, &world.truth());
    let note = format!(
        "{} links, {} broken, {} KB, {} events twice on the way",
        proxy.links(),
        proxy.cuts(),
        (proxy.bytes().0 + proxy.bytes().1) / 1_000,
        client.session.counters().duplicates
    );
    drop(client);
    world.logs_are_calm();
    let log = std::fs::read_to_string(world.path("daemon.log")).unwrap_or_default();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    let orphans = left(|| world.strays(&world.only())).await.len() as u64;
    let row = Row { played: proxy.links(), events: row.events + heard, orphans, note, ..row };
    world.ends(row).await.close(name);
}

/// Anything that may happen to a link that ends with a noise.
fn any(dice: &mut Dice) -> Plan {
    let mut plan = Plan::default();
    // Many end within the greeting, others somewhere in the work, some only after the largest message there is.
    let most = [700, 6_000, 60_000][usize::try_from(dice.below(3)).unwrap()];
    if dice.below(2) == 0 {
        plan.up = dice.below(most);
    } else {
        plan.down = dice.below(most);
    }
    plan.end = [End::Cut, End::Cut, End::HalfOpen][usize::try_from(dice.below(3)).unwrap()];
    plan.piece =
        usize::try_from([20 + dice.below(100), 1 + dice.below(2_000), 65_536][usize::try_from(dice.below(3)).unwrap()]).unwrap();
    plan.delay = [0, 0, 0, 1 + dice.below(5)][usize::try_from(dice.below(4)).unwrap()];
    plan
}

fn cut_at_many_places(base: u64, twice: bool, name: &'static str) {
    play(async move {
        let mut world = World::new();
        let mut daemon = Daemon::new(&world).await;
        let mut dice = Dice(base);
        let mut of_links = Dice(base + 1);
        let plan = move || Plan { twice: twice && of_links.below(2) == 0, ..any(&mut of_links) };
        let proxy = Proxy::new(world.path("bad.sock"), daemon.socket.clone(), plan);
        let mut client = client(&mut world, proxy.through(), Keepalive::Remote);
        works(&world, &mut client, &proxy, if long() { 3 * CUTS } else { CUTS }, &mut dice).await;
        daemon.dies();
        close(world, client, &proxy, name).await;
    });
}

#[test]
fn between_a_client_and_the_daemon() {
    cut_at_many_places(10_000, false, "links cut, to the daemon");
}

/// The same over a network, where a link that is cut is a handshake to be made again.
fn over(way: Way, base: u64, name: &'static str) {
    play(async move {
        let mut world = World::new();
        let mut daemon = Daemon::by(&world, way).await;
        let mut of_links = Dice(base + 1);
        // What the way itself says at its beginning is some thousand bytes more.
        let plan = move || {
            let plan = any(&mut of_links);
            Plan {
                up: plan.up.saturating_add(of_links.below(4_000)),
                down: plan.down.saturating_add(of_links.below(4_000)),
                ..plan
            }
        };
        let proxy = Proxy::of_port(daemon.port().unwrap(), plan).await;
        let mut client = client(&mut world, daemon.through_port(Some(proxy.port)), Keepalive::Remote);
        works(&world, &mut client, &proxy, if long() { CUTS } else { CUTS / 5 }, &mut Dice(base)).await;
        proxy.lets_go();
        daemon.dies();
        close(world, client, &proxy, name).await;
    });
}

#[test]
fn over_our_ssh_server() {
    over(Way::Ssh, 70_000, "links cut, our ssh server");
}

#[test]
fn over_the_stock_sshd() {
    over(Way::Sshd, 80_000, "links cut, the stock sshd");
}

#[test]
fn over_a_websocket_with_tls() {
    over(Way::Wss, 90_000, "links cut, wss");
}

#[test]
fn where_everything_is_said_twice() {
    cut_at_many_places(20_000, true, "links cut and doubled, to the daemon");
}

#[test]
fn between_a_client_and_the_supervisor() {
    play(async {
        let mut world = World::new();
        let mut first = world.client("work");
        first.session.connected().await.unwrap();
        let mut of_links = Dice(30_001);
        let target = world.only().socket().unwrap().to_owned();
        let proxy = Proxy::new(world.path("bad.sock"), target, move || any(&mut of_links));
        let mut client = direct(&world, &proxy);
        works(&world, &mut client, &proxy, if long() { 3 * CUTS } else { CUTS }, &mut Dice(30_000)).await;
        drop(first);
        close(world, client, &proxy, "links cut, to the supervisor").await;
    });
}

#[test]
fn between_the_daemon_and_the_supervisor() {
    play(async {
        let mut world = World::new();
        let mut daemon = Daemon::new(&world).await;
        let mut client = client(&mut world, daemon.through(), Keepalive::Remote);
        client.session.connected().await.unwrap();
        // Whoever wants to reach the supervisor finds the bad link in its place.
        let session = world.only();
        let (door, aside) = (session.socket().unwrap().to_owned(), world.path("aside.sock"));
        std::fs::rename(&door, &aside).unwrap();
        let mut of_links = Dice(40_001);
        let proxy = Proxy::new(door.clone(), aside.clone(), move || any(&mut of_links));
        daemon.dies();
        daemon.starts(&world);
        works(&world, &mut client, &proxy, if long() { 3 * CUTS } else { CUTS }, &mut Dice(40_000)).await;
        daemon.dies();
        std::fs::rename(&aside, &door).unwrap();
        close(world, client, &proxy, "links cut, daemon to supervisor").await;
    });
}

/// Slow and torn apart, but whole.
#[test]
fn slow_links_lose_nothing() {
    play(async {
        let mut world = World::new();
        let mut daemon = Daemon::new(&world).await;
        let mut sizes = [1, 7, 64, 1_500].into_iter().cycle();
        let plan = move || Plan { piece: sizes.next().unwrap(), delay: 2, ..Plan::default() };
        let proxy = Proxy::new(world.path("bad.sock"), daemon.socket.clone(), plan);
        let mut clients: Vec<Client> = (0..4).map(|_| client(&mut world, proxy.through(), Keepalive::Remote)).collect();
        for (i, client) in clients.iter_mut().enumerate() {
            let (eval, _) = client.submit(job(&world.truth(), &format!("slow{i}"), 500, ""));
            assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        }
        let mut last = clients.pop().unwrap();
        last.catch_up().await;
        assert_eq!((last.attempts, last.story.gaps.len()), (0, 0));
        drop(clients);
        daemon.dies();
        close(world, last, &proxy, "slow links, byte by byte").await;
    });
}

/// The network swallows everything and says nothing. Found out by asking: a quarter of a minute without a word, and another one
/// without an answer, of real time.
async fn silent() {
    let mut world = World::new();
    let mut daemon = Daemon::new(&world).await;
    let mut left = if long() { 6 } else { 1 };
    let plan = move || {
        let silent = Plan { down: 3_000, end: End::Silence, ..Plan::default() };
        left -= 1;
        if left >= 0 { silent } else { Plan::default() }
    };
    let proxy = Proxy::new(world.path("bad.sock"), daemon.socket.clone(), plan);
    let mut client = client(&mut world, proxy.through(), Keepalive::Always);
    let (eval, _) = client.submit(job(&world.truth(), "silent", 20_000, ""));
    assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
    assert_eq!(client.attempts, proxy.cuts());
    assert!(client.attempts > 0);
    daemon.dies();
    close(world, client, &proxy, "links fall silent").await;
}

/// Two that wait, at once.
#[test]
fn a_link_that_falls_silent_is_given_up_and_a_cut_at_any_byte_of_a_dialogue_is_not_noticed() {
    play(async { tokio::join!(silent(), at_every_byte()) });
}

/// A cut at every byte of one dialogue: greeting, attaching, submitting, output, end. Every byte with `--long`, else some.
async fn at_every_byte() {
    let mut world = World::new();
    let mut daemon = Daemon::new(&world).await;
    let next = Arc::new(Mutex::new(None));
    let plans = Arc::clone(&next);
    let plan = move || plans.lock().unwrap().take().unwrap_or_default();
    let proxy = Proxy::new(world.path("bad.sock"), daemon.socket.clone(), plan);
    let mut whole = client(&mut world, daemon.through(), Keepalive::Remote);
    assert_eq!(whole.run(job(&world.truth(), "first", 5, "")).await, Outcome::Ok);
    // The first has no cut and says how long they are.
    let before = proxy.bytes();
    dialogue(&mut world, &proxy, &mut whole, 0).await;
    let (up, down) = (proxy.bytes().0 - before.0, proxy.bytes().1 - before.1);
    let ways = (0..up).map(|at| Plan { up: at, ..Plan::default() });
    let ways = ways.chain((0..down).map(|at| Plan { down: at, ..Plan::default() }));
    let mut dice = Dice(60_000);
    let step = if long() { 1 } else { 40 };
    let mut cuts = 0;
    for plan in ways.filter(|_| dice.below(step) == 0) {
        *next.lock().unwrap() = Some(plan);
        cuts += 1;
        dialogue(&mut world, &proxy, &mut whole, cuts).await;
    }
    // How output is bundled differs from time to time, and with it the length.
    assert!(proxy.cuts() * 10 > cuts * 9, "{} of {cuts} were cut", proxy.cuts());
    daemon.dies();
    close(world, whole, &proxy, "a cut at every byte of a dialogue").await;
}

/// A new client attaches where another is, has one eval run, and sees all of it.
async fn dialogue(world: &mut World, proxy: &Proxy, whole: &mut Client, number: u64) {
    let cursor = whole.cursor();
    let mut one = client(world, proxy.through(), Keepalive::Remote);
    one.session.set_cursor(cursor);
    let (eval, _) = one.submit(job(&world.truth(), &format!("b{number:05}"), 5, ""));
    assert_eq!(one.end_of(eval).await.outcome, Outcome::Ok);
    let head = one.cursor().unwrap().seq;
    whole.until(|c| c.cursor().is_some_and(|at| at.seq >= head).then_some(())).await;
    let from = cursor.unwrap().seq + 1;
    assert!(one.story.records.iter().map(|r| r.seq).eq(from..=head), "cut {number}: {:?}", one.story);
}

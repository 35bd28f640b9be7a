//! `kill -9` of the daemon, of a client, of a terminal: sockets are gone, and nothing else.

use crate::client::Client;
use crate::processes::{Process, signal, until};
use crate::promises::{job, kept, within};
use crate::table::Row;
use crate::world::{World, play, supervisor};
use nix::sys::signal::Signal;
use rialto_client::{Options, Session, Through};
use rialto_protocol::Outcome;
use rialto_transports::unix::UnixDialer;
use std::process::Stdio;
use std::sync::Arc;

const LINES: u64 = 4_000;

/// A job that prints half of its lines, waits for the file `gate`, prints the rest, and makes the file `done`.
fn gated(world: &World, tag: &str) -> String {
    let (gate, done) = (world.path("gate"), world.path("done"));
    let body = format!(
        "import time, builtins\nclass G:\n  def __call__(self, text):\n    builtins.print(text)\n    if text == '{tag}:{half}':\n\
         \x20     while not os.path.exists({gate:?}): time.sleep(0.003)\n    if text == '{tag}:{last}': open({done:?}, 'w').close()\nprint = G()\n",
        half = LINES / 2,
        last = LINES - 1
    );
    job(&world.truth(), tag, LINES, &body)
}

/// Whoever watched is dead. The eval runs on to its end with nobody there, and the next client finds all of it.
async fn runs_on(world: &mut World, pid: i32) -> Row {
    std::fs::write(world.path("gate"), "").unwrap();
    let done = world.path("done");
    until("the end of an eval that nobody watches", || done.exists().then_some(())).await;
    let mut next = world.client("work");
    next.until(|c| c.ended.get(&1).cloned()).await;
    assert_eq!(next.ended[&1].outcome, Outcome::Ok);
    assert_eq!(next.supervisor().await, pid, "the supervisor is still the same");
    let row = kept(&next.story, &world.truth());
    assert_eq!(next.printed, (0..LINES).map(|i| format!("job:{i}\n").len() as u64).sum::<u64>());
    world.logs_are_calm();
    Row { played: 1, orphans: strays(world).len() as u64, ..row }
}

/// What is neither the supervisor nor its kernel.
fn strays(world: &World) -> Vec<Process> {
    world.strays(&world.only())
}

#[test]
fn the_daemon_is_killed_and_another_takes_its_place() {
    play(async {
        let mut world = World::new();
        let socket = world.path("daemon.sock");
        let serve = |world: &World| {
            world.command(&["serve", "--socket", socket.to_str().unwrap()]).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut daemon = serve(&world);
        let through = Through { dialer: Arc::new(UnixDialer::new(&socket)), local: true };
        let options = Options::new(rialto_client::client_id().unwrap(), "chaos");
        let mut client = Client::of(Session::new(through, world.open("work"), options));
        let (eval, _) = client.submit(gated(&world, "job"));
        client.until(|c| (c.printed > 10_000).then_some(())).await;
        let pid = supervisor(&world.only()).unwrap();
        signal(i32::try_from(daemon.id()).unwrap(), Signal::SIGKILL);
        daemon.wait().unwrap();
        let row = runs_on(&mut world, pid).await;
        // The same handle goes on where it was, through the daemon that comes next.
        let mut daemon = serve(&world);
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        assert_eq!(client.story.records.len(), all.records.iter().take_while(|r| r.seq <= client.cursor().unwrap().seq).count());
        signal(i32::try_from(daemon.id()).unwrap(), Signal::SIGKILL);
        daemon.wait().unwrap();
        world.ends(row).await.close("the daemon is killed");
    });
}

#[test]
fn a_client_is_killed() {
    play(async {
        let mut world = World::new();
        let code = gated(&world, "job");
        let mut client = world.command(&["exec", "-s", "work", "-k", "python", "-c", &code]);
        let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let truth = world.truth();
        until("an eval that runs", || truth.exists().then_some(())).await;
        let pid = supervisor(&world.only()).unwrap();
        signal(i32::try_from(client.id()).unwrap(), Signal::SIGKILL);
        client.wait().unwrap();
        let row = runs_on(&mut world, pid).await;
        world.ends(row).await.close("a client is killed");
    });
}

//! Processes that stop for a while and go on: the kernel, the supervisor, a client. And the folder of sockets, wiped away under
//! a session that runs.

use crate::actor::through;
use crate::client::Client;
use crate::daemon::Daemon;
use crate::processes::{process, signal, until};
use crate::promises::{job, kept, within};
use crate::table::Row;
use crate::world::{World, gone, kernel, play, supervisor};
use nix::sys::signal::Signal;
use rialto_protocol::{EvalId, Outcome};
use std::process::Stdio;
use tokio::io::AsyncReadExt;

const LINES: u64 = 30_000;

/// A session in which output flows.
async fn flowing() -> (World, Client, EvalId) {
    flowing_after("").await
}

/// The last line waits for a file, or all might be over before anything is stopped.
const GATED: &str = "def range(n):\n    import builtins, time\n    for i in builtins.range(n):\n        \
                     while i == n - 1 and not os.path.exists('gate'): time.sleep(0.003)\n        yield i\n";

/// The same, where this runs first.
async fn flowing_after(body: &str) -> (World, Client, EvalId) {
    let mut world = World::new();
    let mut client = world.client("work");
    let (eval, _) = client.submit(job(&world.truth(), "job", LINES, body));
    client.until(|c| (c.printed > 1_000).then_some(())).await;
    (world, client, eval)
}

async fn stop(pid: i32) {
    signal(pid, Signal::SIGSTOP);
    until("a stopped process", || process(pid).filter(|p| p.state == 'T').map(drop)).await;
}

async fn close(mut world: World, clients: Vec<Client>, name: &str) {
    let all = world.journal_through_a_client("work").await;
    clients.iter().for_each(|client| within(&client.story, &all));
    drop(clients);
    world.logs_are_calm();
    let orphans = world.strays(&world.only()).len() as u64;
    let row = Row { played: 1, orphans, ..kept(&all, &world.truth()) };
    world.ends(row).await.close(name);
}

#[test]
fn a_stopped_kernel_goes_on_and_meanwhile_all_else_does() {
    play(async {
        let (mut world, mut client, eval) = flowing_after(GATED).await;
        let pid = kernel(&world.only()).unwrap();
        stop(pid).await;
        // Others come, ask, and wait in the queue.
        let mut other = world.client("work");
        let status = other.status().await;
        assert_eq!((status.state.as_str(), status.running), ("running", Some(1)));
        let (waiting, _) = other.submit(job(&world.truth(), "waiting", 5, ""));
        other.until(|c| c.numbers.get(&waiting).copied()).await;
        signal(pid, Signal::SIGCONT);
        std::fs::write(world.path("gate"), "").unwrap();
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        assert_eq!(other.end_of(waiting).await.outcome, Outcome::Ok);
        close(world, vec![client, other], "the kernel stops and goes on").await;
    });
}

#[test]
fn an_interrupt_waits_for_a_stopped_kernel() {
    play(async {
        let (world, mut client, eval) = flowing_after(GATED).await;
        let pid = kernel(&world.only()).unwrap();
        stop(pid).await;
        let ticket = client.interrupt(eval);
        client.status().await;
        assert!(!client.answers.contains_key(&ticket) && client.ended.is_empty(), "it is not true yet");
        signal(pid, Signal::SIGCONT);
        let answer = client.verdict(ticket).await;
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Interrupted);
        assert_eq!(answer.outcome, Some(Outcome::Interrupted));
        std::fs::write(world.path("gate"), "").unwrap();
        let next = job(&world.truth(), "next", 5, "");
        assert_eq!(client.run(next).await, Outcome::Ok);
        close(world, vec![client], "an interrupt of a stopped kernel").await;
    });
}

#[test]
fn a_stopped_supervisor_goes_on() {
    play(async {
        let (world, mut client, eval) = flowing().await;
        let pid = supervisor(&world.only()).unwrap();
        stop(pid).await;
        let (later, ticket) = client.submit(job(&world.truth(), "later", 5, ""));
        // It is in the list all the same: it lives.
        let listed = world.say(&["ls", "--json"]).await;
        assert_eq!(listed.lines().count(), 1, "{listed}");
        signal(pid, Signal::SIGCONT);
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        assert_eq!(client.end_of(later).await.outcome, Outcome::Ok);
        assert!(client.answer(ticket).await.is_ok());
        assert_eq!(client.supervisor().await, pid);
        close(world, vec![client], "the supervisor stops and goes on").await;
    });
}

#[test]
fn a_stopped_client_goes_on_and_holds_up_nobody() {
    play(async {
        let mut world = World::new();
        let gate = world.path("gate");
        let body = format!("import time\nwhile not os.path.exists({gate:?}): time.sleep(0.003)\n");
        let code = job(&world.truth(), "job", LINES, &body);
        let command = world.command(&["exec", "-s", "work", "-k", "python", "-c", &code]);
        let mut stopped = tokio::process::Command::from(command);
        let stopped = stopped.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let truth = world.truth();
        until("an eval that runs", || truth.exists().then_some(())).await;
        let pid = i32::try_from(stopped.id().unwrap()).unwrap();
        stop(pid).await;
        std::fs::write(gate, "").unwrap();
        let mut client = world.client("work");
        client.until(|c| c.ended.get(&1).cloned()).await;
        assert_eq!(client.run(job(&world.truth(), "other", 5, "")).await, Outcome::Ok);
        signal(pid, Signal::SIGCONT);
        let out = stopped.wait_with_output().await.unwrap();
        assert!(out.status.success());
        assert_eq!(String::from_utf8(out.stdout).unwrap(), (0..LINES).map(|i| format!("job:{i}\n")).collect::<String>());
        close(world, vec![client], "a client stops and goes on").await;
    });
}

#[test]
fn a_stopped_daemon_goes_on_and_who_needs_none_does_meanwhile() {
    play(async {
        let mut world = World::new();
        let mut daemon = Daemon::new(&world).await;
        let mut through = through(&mut world, daemon.through(), "through");
        let (eval, _) = through.submit(job(&world.truth(), "job", LINES, ""));
        through.until(|c| (c.printed > 1_000).then_some(())).await;
        stop(daemon.pid()).await;
        let mut direct = world.client("work");
        direct.until(|c| c.ended.get(&1).cloned()).await;
        assert_eq!(direct.run(job(&world.truth(), "other", 5, "")).await, Outcome::Ok);
        let (later, _) = through.submit(job(&world.truth(), "later", 5, ""));
        signal(daemon.pid(), Signal::SIGCONT);
        assert_eq!(through.end_of(eval).await.outcome, Outcome::Ok);
        assert_eq!(through.end_of(later).await.outcome, Outcome::Ok);
        assert_eq!(through.attempts, 0, "it noticed nothing");
        daemon.dies();
        close(world, vec![through, direct], "the daemon stops and goes on").await;
    });
}

#[test]
fn a_stopped_client_keeps_no_session_that_has_ended() {
    play(async {
        let (mut world, client, _) = flowing().await;
        let mut stopped = tokio::process::Command::from(world.command(&["logs", "-f", "work"]));
        let mut stopped = stopped.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut printed = stopped.stdout.take().unwrap();
        printed.read_u8().await.unwrap();
        let pid = i32::try_from(stopped.id().unwrap()).unwrap();
        stop(pid).await;
        let supervisor = supervisor(&world.only()).unwrap();
        let all = world.journal_through_a_client("work").await;
        // This one does not read either, although nobody has stopped it.
        world.say(&["kill", "work"]).await;
        gone(supervisor).await;
        signal(pid, Signal::SIGCONT);
        tokio::io::copy(&mut printed, &mut tokio::io::sink()).await.unwrap();
        assert!(stopped.wait().await.unwrap().success(), "it reads the rest, and that it has ended");
        within(&client.story, &all);
        drop(client);
        let row = Row { played: 1, ..kept(&all, &world.truth()) };
        world.ends(row).await.close("a stopped client, the session ends");
    });
}

#[test]
fn the_folder_of_sockets_is_wiped() {
    play(async {
        let (mut world, mut client, eval) = flowing().await;
        let pid = client.supervisor().await;
        std::fs::remove_dir_all(world.home.runtime()).unwrap();
        let mut next = world.client("work");
        assert_eq!(next.supervisor().await, pid, "the same supervisor let it in");
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        assert_eq!(next.run(job(&world.truth(), "next", 5, "")).await, Outcome::Ok);
        // Once more, and by way of the program.
        std::fs::remove_dir_all(world.home.runtime()).unwrap();
        assert_eq!(world.say(&["exec", "-s", "work", "-c", "6*7"]).await, "42\n");
        close(world, vec![client, next], "the runtime folder is wiped").await;
    });
}

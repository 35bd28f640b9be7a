//! Twenty programs want the session of one name, which is not there yet.

use crate::daemon::Daemon;
use crate::processes::left;
use crate::promises::{job, kept};
use crate::table::Row;
use crate::ways::Way;
use crate::world::{World, play};
use rialto_protocol::Event;
use std::process::Stdio;

const MANY: u64 = 20;
const LINES: u64 = 200;

fn twenty(way: Way, name: &'static str) {
    play(async move {
        let mut world = World::new();
        let daemon = if way == Way::Direct { None } else { Some(Daemon::by(&world, way).await) };
        let place: Vec<String> = daemon.iter().flat_map(|daemon| ["--at".to_owned(), daemon.at()]).collect();
        let mut all = Vec::new();
        for i in 0..MANY {
            let code = job(&world.truth(), &format!("from{i}"), LINES, "");
            let mut command = world.command(&[]);
            command.args(&place).args(["exec", "-s", "shared", "-k", "python", "-c", &code]);
            command.envs(daemon.as_ref().map(Daemon::env).unwrap_or_default());
            let mut command = tokio::process::Command::from(command);
            all.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap());
        }
        for (i, one) in all.into_iter().enumerate() {
            let out = one.wait_with_output().await.unwrap();
            assert!(out.status.success(), "{i}: {}: {}", out.status, String::from_utf8_lossy(&out.stderr));
            let expected: String = (0..LINES).map(|line| format!("from{i}:{line}\n")).collect();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), expected);
        }
        let session = world.only();
        let supervisors = world.processes().into_iter().filter(|p| p.command.contains("supervise")).count();
        assert_eq!(supervisors, 1);
        let story = world.journal_through_a_client("shared").await;
        let numbers = story.records.iter().filter_map(|r| if let Event::Accepted(a) = &r.event { Some(a.n) } else { None });
        assert!(numbers.eq(1..=MANY));
        assert_eq!(std::fs::read_to_string(world.truth()).unwrap().lines().count() as u64, MANY);
        drop(daemon);
        let orphans = left(|| world.strays(&session)).await.len() as u64;
        let row = Row { played: 1, orphans, ..kept(&story, &world.truth()) };
        world.ends(row).await.close(name);
    });
}

#[test]
fn twenty_meet_in_one_session() {
    twenty(Way::Direct, "twenty create one name");
}

#[test]
fn over_our_ssh_server() {
    twenty(Way::Ssh, "twenty create one name, our ssh server");
}

#[test]
fn over_the_stock_sshd() {
    twenty(Way::Sshd, "twenty create one name, the stock sshd");
}

#[test]
fn over_a_websocket_with_tls() {
    twenty(Way::Wss, "twenty create one name, wss");
}

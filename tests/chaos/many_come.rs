//! Twenty programs want the session of one name, which is not there yet.

use crate::promises::{job, kept};
use crate::table::Row;
use crate::world::{World, play};
use rialto_protocol::Event;
use std::process::Stdio;

const MANY: u64 = 20;
const LINES: u64 = 200;

#[test]
fn twenty_meet_in_one_session() {
    play(async {
        let mut world = World::new();
        let mut all = Vec::new();
        for i in 0..MANY {
            let code = job(&world.truth(), &format!("from{i}"), LINES, "");
            let mut command =
                tokio::process::Command::from(world.command(&["exec", "-s", "shared", "-k", "python", "-c", &code]));
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
        let orphans = world.strays(&session).len() as u64;
        let row = Row { played: 1, orphans, ..kept(&story, &world.truth()) };
        world.ends(row).await.close("twenty create one name");
    });
}

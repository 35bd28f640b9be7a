//! What proves a session, and who did what in it: `rialto verify`, `rialto logs --audit`.

use crate::common::{World, lines, signal, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::PathBuf;

/// The folder of the only session.
fn folder(world: &World) -> PathBuf {
    let mut found = std::fs::read_dir(world.state().join("sessions")).unwrap();
    found.next().unwrap().unwrap().path()
}

fn verify(world: &World, arguments: &[&str]) -> Value {
    let mut all = vec!["verify", "--json"];
    all.extend(arguments);
    lines(&world.run(&all).out()).remove(0)
}

#[test]
fn a_living_session_and_a_dead_one_are_whole_and_a_head_kept_elsewhere_holds() {
    let world = World::new();
    world.session("work", "print('x' * 200_000)");
    let said = world.run(&["verify", "work"]).exits(0);
    assert!(said.out().starts_with("work: whole: "), "{said}");
    let head = world.run(&["verify", "--head", "work"]).ok();
    world.run(&["exec", "-s", "work", "-c", "2"]).ok();
    let found = verify(&world, &["work", "--expect", head.trim()]);
    assert_eq!((&found["state"], &found["faults"]), (&"whole".into(), &Value::Array(vec![])));
    assert_ne!(found["head"].as_str(), Some(head.trim()));
    world.run(&["redact", "work", "1"]).exits(0);
    world.run(&["kill", "work"]).exits(0);
    let found = verify(&world, &["work", "--expect", head.trim()]);
    assert_eq!(found["state"], "whole", "{found}");
    assert!(found["removed"].as_u64() > Some(0) && found["without_text"].as_u64() > Some(0), "{found}");
    assert_eq!(found["anchor"], found["head"], "its supervisor noted down how far it went");
    let other = head.replace(':', ":00").chars().take(head.trim().len()).collect::<String>();
    let said = world.run(&["verify", "work", "--expect", &other]).exits(65);
    assert!(said.out().contains("is not what the head that was expected stands for"), "{said}");
    let said = world.run(&["verify", "work", "--expect", "900:00"]).exits(64);
    assert!(said.err().contains("64 hex digits"), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder(&world)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".verify")), "{left:?}");
}

#[test]
fn a_changed_outcome_is_found() {
    let world = World::new();
    world.session("work", "1/1");
    world.run(&["exec", "-s", "work", "-c", "1/0"]).exits(1);
    world.run(&["kill", "work"]).exits(0);
    let journal = folder(&world).join("journal.db");
    let db = rusqlite::Connection::open(&journal).unwrap();
    let sql = "UPDATE events SET body = (SELECT body FROM events WHERE n = 1 AND kind = 0x6c) WHERE n = 2 AND kind = 0x6c";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    db.close().unwrap();
    let said = world.run(&["verify", "--all"]).exits(65);
    assert!(said.out().contains("work: broken") && said.out().contains("was changed"), "{said}");
    let found = verify(&world, &[journal.to_str().unwrap()]);
    assert_eq!(found["state"], "broken", "{found}");
}

#[test]
fn a_journal_put_back_is_rewound_and_its_next_supervisor_says_so() {
    let world = World::new();
    world.session("work", "1");
    let folder = folder(&world);
    let noted = |world: &World| verify(world, &["work"])["anchor"].as_str().map(str::to_owned);
    until("the head to be noted down", || noted(&world));
    for pid in world.supervisors() {
        signal(pid, Signal::SIGKILL);
    }
    world.quiet();
    let keep = world.dir().join("keep");
    std::fs::create_dir(&keep).unwrap();
    for file in ["journal.db", "journal.db-wal"] {
        std::fs::copy(folder.join(file), keep.join(file)).unwrap();
    }
    let before = noted(&world);
    world.run(&["exec", "-s", "work", "-c", "2"]).ok();
    until("the head to be noted down", || (noted(&world) != before).then_some(()));
    for pid in world.supervisors() {
        signal(pid, Signal::SIGKILL);
    }
    world.quiet();
    for file in ["journal.db", "journal.db-wal"] {
        std::fs::copy(keep.join(file), folder.join(file)).unwrap();
    }
    let said = world.run(&["verify", "work"]).exits(66);
    assert!(said.out().contains("work: rewound") && said.out().contains("an older copy was put back"), "{said}");
    // It goes on from what there is, and that is on record.
    world.run(&["exec", "-s", "work", "-c", "3"]).ok();
    let found = verify(&world, &["work"]);
    assert_eq!((&found["state"], found["rewound"].as_array().map(Vec::len)), (&"whole".into(), Some(1)), "{found}");
    assert!(world.run(&["verify", "work"]).exits(0).out().contains("a supervisor found it ending with event"));
    assert!(world.run(&["doctor"]).out().contains("rialto verify"), "doctor mentions it");
}

#[test]
fn the_audit_says_who_did_what_and_shows_neither_code_nor_output() {
    let world = World::new();
    world.session("work", "print('the-' + 'output'); secret = 'the-code'");
    world.run(&["exec", "-s", "work", "-c", "import sys; sys.exit(3)"]).exits(3);
    world.run(&["redact", "work", "1"]).exits(0);
    world.run(&["restart", "work"]).exits(0);
    world.run(&["share", "work", "--with", "uid:4242"]).exits(0);
    world.run(&["unshare", "work", "uid:4242"]).exits(0);
    let running = world.start(&["exec", "-s", "work", "-c", "import time; print('now', flush=True); time.sleep(1000)"]);
    running.wait_for_out("now");
    world.run(&["interrupt", "work"]).exits(0);
    running.end().exits(130);
    world.session("other", "1");
    world.run(&["kill", "work"]).exits(0);
    let audit = lines(&world.run(&["logs", "--audit", "--json", "work"]).ok());
    let what: Vec<&str> = audit.iter().map(|line| line["what"].as_str().unwrap()).collect();
    for wanted in ["create", "eval", "redact", "restart", "share", "unshare", "interrupt", "kill"] {
        assert!(what.contains(&wanted), "{wanted} in {what:?}");
    }
    let evals: Vec<&Value> = audit.iter().filter(|line| line["what"] == "eval").collect();
    let outcomes: Vec<&str> = evals.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok", "exit", "interrupted"]);
    let me = format!("uid:{}", nix::unistd::geteuid());
    for line in &evals {
        assert_eq!((line["principal"].as_str(), line["hash"].as_str().map(str::len)), (Some(me.as_str()), Some(64)), "{line}");
        assert!(line["at_ms"].as_u64() > Some(1_500_000_000_000) && line["client"].is_string(), "{line}");
    }
    assert_eq!(evals[1]["code"], 3);
    let text = world.run(&["logs", "--audit", "work"]).ok();
    assert_eq!(text.lines().count(), audit.len(), "{text}");
    assert!(!text.contains("the-") && !text.contains("sleep"), "{text}");
    let all = lines(&world.run(&["logs", "--audit", "--all", "--json", "--since", "1h"]).ok());
    let names: Vec<&str> = all.iter().map(|line| line["session"].as_str().unwrap()).collect();
    assert!(names.contains(&"work") && names.contains(&"other"), "{names:?}");
    assert_eq!(world.run(&["logs", "--audit", "--all", "--since", "2099-01-01"]).ok(), "");
    world.run(&["logs", "--all"]).exits(64);
}

//! `rialto logs`: what happened in a session, whole, from anywhere, and going on.

use crate::common::World;
use serde_json::Value;

fn cursor(event: &Value) -> String {
    format!("{}:{}", event["epoch"], event["seq"])
}

#[test]
fn a_transcript_reads_as_the_terminal_did() {
    let world = World::new();
    world.session("work", "print('out'); import sys; print('err', file=sys.stderr)");
    world.run(&["exec", "-s", "work", "-c", "6*7"]).ok();
    world.run(&["exec", "-s", "work", "-c", "1/0"]).exits(1);
    let logs = world.run(&["logs", "work"]).ok();
    for part in ["session work", "out\nerr\n", ">>> 6*7\n42\n", ">>> 1/0\n", "ZeroDivisionError: division by zero"] {
        assert!(logs.contains(part), "{part:?} in\n{logs}");
    }
    world.run(&["kill", "work"]).exits(0);
    assert!(world.run(&["logs", "work"]).ok().starts_with(&logs), "the same, and its end");
}

#[test]
fn events_have_no_hole_and_any_cursor_gives_the_rest() {
    let world = World::new();
    world.session("work", "print('one')");
    world.run(&["exec", "-s", "work", "-c", "print('two')"]).ok();
    let all = world.events("work");
    let seqs: Vec<u64> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=all.len() as u64).collect::<Vec<_>>());
    for (at, event) in all.iter().enumerate() {
        let rest = crate::common::lines(&world.run(&["logs", "work", "--json", "--after", &cursor(event)]).ok());
        assert_eq!(rest, all[at + 1..], "after {}", cursor(event));
    }
    // A cursor from a future that never was.
    let after = format!("{}:900", all[0]["epoch"]);
    let said = world.run(&["logs", "work", "--json", "--after", &after]).exits(0);
    assert!(said.out().contains("rewound"), "{said}");
}

#[test]
fn follow_shows_what_comes() {
    let world = World::new();
    world.session("work", "print('before')");
    let following = world.start(&["logs", "-f", "work"]);
    following.wait_for_out("before\n");
    world.run(&["exec", "-s", "work", "-c", "print('after')"]).ok();
    following.wait_for_out("\nafter\n");
    // Other clients, the end of the supervisor, another one: it goes on.
    world.run(&["restart", "work"]).exits(0);
    world.run(&["exec", "-s", "work", "-c", "print('in the next life')"]).ok();
    following.wait_for_out("\nin the next life\n");
    world.run(&["kill", "work"]).exits(0);
    let said = following.end().exits(0);
    assert!(said.out().contains("ended"), "{said}");
}

#[test]
fn logs_into_a_pipe_that_closes_are_no_failure() {
    let world = World::new();
    world.session("work", "for n in range(100_000): print('line', n)");
    let said = world.sh("rialto logs work | head -n 3 | wc -l; rialto logs work | tail -n 1").exits(0);
    assert_eq!((said.out().as_str(), said.err().as_str()), ("3\nline 99999\n", ""));
}

#[test]
fn the_last_lines_alone_and_what_comes_after_them() {
    let world = World::new();
    world.session("work", "for i in range(50): print('line', i)");
    assert_eq!(world.run(&["logs", "--tail", "2", "work"]).ok(), "line 48\nline 49\n");
    assert_eq!(world.run(&["logs", "--tail", "0", "work"]).ok(), "");
    assert_eq!(world.run(&["logs", "--tail", "1000", "work"]).ok(), world.run(&["logs", "work"]).ok());
    let last = crate::common::lines(&world.run(&["logs", "--tail", "1", "--json", "work"]).ok());
    assert_eq!(last, world.events("work").split_off(world.events("work").len() - 1));
    for arguments in [["logs", "--follow", "--tail", "1", "work"], ["attach", "--observe", "--tail", "1", "work"]] {
        let following = world.start(&arguments);
        following.wait_for_out("line 49\n");
        world.run(&["exec", "-s", "work", "-q", "-c", "print('after'); print('line 49')"]).ok();
        following.wait_for_out("\nafter\nline 49\n");
        assert!(following.out().starts_with("line 49\n"), "{}", following.out());
        following.signal(nix::sys::signal::Signal::SIGINT);
        following.end().exits(130);
    }
    world.run(&["kill", "work"]).exits(0);
    let followed = world.run(&["logs", "--follow", "--tail", "1", "work"]).ok();
    assert!(followed.starts_with("the session ended") && followed.lines().count() == 1, "{followed}");
}

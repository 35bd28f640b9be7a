//! `rialto rpc`: the protocol as JSON lines, for programs without a library.

use crate::common::{World, lines};
use serde_json::Value;

fn of<'a>(all: &'a [Value], name: &str) -> Vec<&'a Value> {
    all.iter().filter(|message| message["type"] == name).collect()
}

#[test]
fn a_dialogue_as_the_document_has_it() {
    let world = World::new();
    world.session("work", "x = 20");
    let requests = "{\"type\":\"attach\",\"tail\":0}\n{\"type\":\"submit\",\"eval\":\"aaaqeayeaudaocajbifqydiob4\",\"code\":\"print('hi'); x + 1\"}\n";
    let all = lines(&world.run_with(&["rpc", "work"], requests).ok());
    assert_eq!(of(&all, "greeted")[0]["name"], "work");
    assert_eq!(of(&all, "accepted")[0]["eval"], "aaaqeayeaudaocajbifqydiob4");
    assert_eq!(of(&all, "output")[0]["runs"][0]["data"], "hi\n");
    assert_eq!(of(&all, "ended")[0]["result"]["text/plain"], "21");
    // The same once more: known, and not run.
    let again = lines(&world.run_with(&["rpc", "work"], requests).ok());
    assert_eq!(of(&again, "eval_info")[0]["known"], true);
    assert_eq!(of(&again, "ended").len(), 0, "{again:?}");
}

#[test]
fn an_eval_can_be_interrupted_by_the_same_pipe() {
    let world = World::new();
    let mut rpc = world.start(&["rpc", "work", "-k", "python"]);
    rpc.write("{\"type\":\"attach\",\"tail\":0}\n");
    rpc.write("{\"type\":\"submit\",\"eval\":\"aaaqeayeaudaocajbifqydiob4\",\"code\":\"while True: print('flood')\"}\n");
    rpc.wait_for_out("flood");
    rpc.write("{\"type\":\"interrupt\",\"eval\":\"aaaqeayeaudaocajbifqydiob4\"}\n");
    rpc.wait_for_out("\"verdict\":\"interrupted\"");
    let all = lines(&rpc.end().ok());
    assert_eq!(of(&all, "ended")[0]["outcome"], "interrupted");
}

#[test]
fn what_cannot_be_read_is_answered_and_the_rest_goes_on() {
    let world = World::new();
    let requests = "junk\n{}\n{\"type\":\"no_such_thing\"}\n{\"type\":\"attach\",\"tail\":\"many\"}\n\
                    {\"type\":\"attach\",\"tail\":0}\n{\"type\":\"submit\",\"code\":\"6*7\"}\n";
    let all = lines(&world.run_with(&["rpc", "work", "-k", "python"], requests).ok());
    assert_eq!(of(&all, "error").len(), 4, "{all:?}");
    assert_eq!(of(&all, "ended")[0]["result"]["text/plain"], "42");
}

#[test]
fn a_program_reads_what_is_sent() {
    let world = World::new();
    let mut rpc = world.start(&["rpc", "work", "-k", "python"]);
    rpc.write("{\"type\":\"attach\",\"tail\":0}\n{\"type\":\"submit\",\"code\":\"input('who? ')\"}\n");
    rpc.wait_for_out("\"prompt\":\"who? \"");
    let ask = lines(&rpc.out()).iter().find(|m| m["type"] == "asked").unwrap()["ask"].clone();
    rpc.write(format!("{{\"type\":\"input\",\"ask\":{ask},\"data\":\"Ann\"}}\n"));
    rpc.wait_for_out("'Ann'");
    let all = lines(&rpc.end().ok());
    assert_eq!(of(&all, "answered")[0]["len"], 3);
}

#[test]
fn an_end_is_told_while_the_next_eval_says_nothing() {
    let world = World::new();
    let mut rpc = world.start(&["rpc", "work", "-k", "python"]);
    // The second is queued when the first ends, so both are told of in one write; but not for as long as it takes.
    let submit = |code: &str| format!("{{\"type\":\"submit\",\"code\":\"{code}\"}}\n");
    let first = submit("import os; os.mkfifo('go'); 'made'");
    rpc.write(format!("{{\"type\":\"attach\",\"tail\":0}}\n{first}{}", submit("open('go'); 'went'")));
    rpc.wait_for_out("'made'");
    rpc.wait_for_out("\"type\":\"started\"");
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
    rpc.wait_for_out("'went'");
    let all = lines(&rpc.end().ok());
    assert_eq!(of(&all, "ended").len(), 2);
}

//! What holds of the protocol holds of its facades: JSON on WebSockets, and requests of HTTP with Server-Sent Events. By a
//! program that has nothing of ours.

use crate::common::{Running, World};
use crate::ws::Web;
use std::path::Path;

#[track_caller]
fn asks(rows: &[&str]) {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let mut command = world.command("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/common/facades.py")).arg(&web.at).args(rows);
    command.env("RIALTO_TOKEN", &web.token);
    let said = Running::start(command).end();
    let wanted: String = rows.iter().map(|row| format!("{row}\n")).collect();
    said.says(0, &wanted, "");
    assert!(!web.daemon.err_text().contains("panicked"));
}

#[test]
fn json_keeps_order_and_runs_nothing_twice() {
    asks(&["json_order", "json_once"]);
}

#[test]
fn json_is_resumed_wherever_it_was_cut() {
    asks(&["json_resume"]);
}

#[test]
fn json_interrupts_a_flood_and_answers_questions() {
    asks(&["json_interrupt", "json_input"]);
}

#[test]
fn json_that_is_none_is_told_so_and_hurts_nobody() {
    asks(&["json_oversize", "json_garbage"]);
}

#[test]
fn what_is_being_sent_at_once_is_bounded() {
    asks(&["json_room"]);
}

#[test]
fn events_of_http_are_resumed_wherever_they_were_cut() {
    asks(&["http_order_and_resume"]);
}

#[test]
fn requests_of_http_run_once_and_interrupt_and_answer() {
    asks(&["http_once_interrupt_and_input"]);
}

#[test]
fn requests_of_http_that_are_none_are_told_so_and_hurt_nobody() {
    asks(&["http_oversize_and_garbage"]);
}

//! The page `contrib/browser/rialto.html`: its own script, in Node, with the WebSocket of a browser.

use crate::common::{Running, World};
use crate::ws::Web;
use std::path::Path;
use std::process::Command;

const ORIGIN: &str = "https://page.example";

/// The page's script, as it stands there.
fn script(world: &World) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/browser/rialto.html");
    let text = std::fs::read_to_string(page).unwrap();
    let code = text.split("<script type=\"module\">\n").nth(1).and_then(|rest| rest.split("</script>").next()).expect("a script");
    world.file("page.mjs", code).display().to_string()
}

/// Node, with the page's script and a WebSocket: of its own (by this word of its command line), or one that says an origin.
fn node(world: &World, web: &Web, socket: Option<&[&str]>, story: &str) -> Command {
    let common = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/common");
    let mut command = world.command("node");
    match socket {
        Some(words) => command.args(words).arg("--no-warnings"),
        None => command.arg("--import").arg(common.join("websocket.mjs")),
    };
    command.arg(common.join("page.mjs")).args([&script(world), &web.at, story]);
    command.env("RIALTO_TOKEN", &web.token).env("ORIGIN", ORIGIN);
    command
}

/// Where a session's kernel would find the files of the test.
fn begin(world: &World, web: &Web) {
    world.run(&["exec", "-q", "-s", "work", "-k", "python", "-c", ""]).ok();
    assert!(web.at.starts_with("ws://"));
}

#[test]
fn the_page_runs_code_shows_output_as_it_comes_asks_and_interrupts() {
    let world = World::new();
    let web = Web::new(&world, &["--allow-origin", ORIGIN]);
    Running::start(node(&world, &web, None, "works")).end().says(0, "well\n", "");
}

#[test]
fn the_page_goes_on_from_its_cursor_after_a_lost_connection() {
    let world = World::new();
    let web = Web::new(&world, &["--allow-origin", ORIGIN]);
    begin(&world, &web);
    Running::start(node(&world, &web, None, "is_cut")).end().says(0, "well\n", "");
    assert_eq!(std::fs::read_to_string(world.project().join("ran")).unwrap(), "x");
}

#[test]
fn nodes_own_websocket_takes_the_page_as_it_stands_there() {
    let Some(words) = crate::http::own_websocket(&World::new()) else { return };
    let world = World::new();
    let web = Web::new(&world, &[]);
    begin(&world, &web);
    Running::start(node(&world, &web, Some(words), "is_cut")).end().says(0, "well\n", "");
}

#[test]
fn the_page_gets_nowhere_from_where_no_page_may_come() {
    let world = World::new();
    let web = Web::new(&world, &["--allow-origin", "https://another.example"]);
    let said = Running::start(node(&world, &web, None, "is_refused")).end();
    assert_eq!((said.code, said.out().as_str()), (0, "well\n"), "{said}");
    web.daemon.wait_for_err(&format!("rialto serve --allow-origin {ORIGIN}"));
    assert!(world.ls(true).is_empty(), "nothing was made");
}

#[test]
fn the_page_says_that_its_token_was_revoked_and_does_not_come_back() {
    let world = World::new();
    let web = Web::new(&world, &["--allow-origin", ORIGIN]);
    let page = Running::start(node(&world, &web, None, "is_revoked"));
    page.wait_for_out("in\n");
    world.run(&["token", "revoke", &web.name]).exits(0);
    page.end().says(0, "in\nwell\n", "");
}

//! What a key opens at `rialto serve --ssh`, and that it opens no more.

use crate::common::{Running, World};
use crate::ssh_server::{Server, public, write_keys};

#[test]
fn who_looks_on_gets_no_shell_by_any_way() {
    let world = World::new();
    let server = Server::new(&world, &[("scope=observe", "watcher"), ("scope=eval", "coder")]);
    world.session("work", "x = 41; print('seen')");
    for command in
        ["python", "python -c 1", "exec -c 1", "exec -s work -c 1", "repl work", "restart work", "kill work", "interrupt work"]
    {
        server.ssh("watcher", command).complains(77, &["needs the scope", "observe"]);
    }
    server.ssh("watcher", "attach work --on-done id").exits(64);
    server.ssh("watcher", "export work -o /tmp/never").complains(77, &["server's machine"]);
    server.ssh("watcher", "ls --at exec:id").complains(77, &["--at"]);
    server.ssh("watcher", "exec --at exec:id -c 1").exits(77);
    assert!(server.ssh("watcher", "logs work").ok().contains("seen"));
    assert!(server.ssh("watcher", "export work --format md").ok().contains("x = 41"));
    // Code is one thing, this program's own doings on the machine are another.
    server.ssh("coder", "exec -s work -c x").says(0, "41\n", "");
    server.ssh("coder", "exec /etc/passwd").complains(77, &["server's machine", "eval"]);
    server.ssh("coder", "exec --on-done id -c 1").complains(77, &["--on-done"]);
    server.ssh("coder", "kill work").complains(77, &["needs the scope admin"]);
}

#[test]
fn a_key_for_one_session_sees_that_one() {
    let world = World::new();
    let server = Server::new(&world, &[("session=\"work\",scope=eval", "guest"), ("session=\"work-*\"", "team")]);
    for name in ["work", "work-2", "secret"] {
        world.session(name, "x = 1");
    }
    let ls = server.ssh("guest", "ls --json").ok();
    assert!(ls.contains("\"work\"") && !ls.contains("work-2") && !ls.contains("secret"), "{ls}");
    server.ssh_with("guest", "", "x + 1").says(0, "2\n", "");
    server.ssh("guest", "exec -s secret -c x").complains(69, &["secret"]);
    server.ssh("guest", "logs secret").complains(69, &["secret"]);
    assert!(!server.ssh("guest", "history").ok().contains("secret"));
    server.ssh("team", "exec -s work-2 -c x").says(0, "1\n", "");
    server.ssh("team", "exec -s work -c x").complains(69, &["work"]);
    assert_ne!(server.ssh("team", "exec -s other -k python -c 1").code, 0);
}

#[test]
fn a_key_that_is_not_in_order_opens_nothing() {
    let world = World::new();
    let keys = [
        ("scpoe=observe", "misspelt"),
        ("expires=2001-01-01", "old"),
        ("from=\"10.0.0.0/8\"", "elsewhere"),
        ("from=\"127.0.0.0/8,!127.0.0.2\",expires=2999-01-01", "good"),
        ("command=\"id\"", "forced"),
    ];
    let server = Server::new(&world, &keys);
    public(&world, "unknown");
    for name in ["misspelt", "old", "elsewhere", "forced", "unknown"] {
        let said = server.ssh(name, "ls");
        assert!(said.code == 255 && said.err().contains("Permission denied"), "{name}: {said}");
    }
    server.ssh("good", "ls").exits(0);
    server.daemon.wait_for_err("scpoe\\\" is no option here");
}

#[test]
fn a_key_that_is_taken_away_closes_what_it_had_opened() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop"), ("", "phone")]);
    world.session("work", "x = 1");
    let open = Running::start(server.command("laptop", "logs -f work"));
    open.wait_for_out("x = 1");
    let kept = Running::start(server.command("phone", "logs -f work"));
    kept.wait_for_out("x = 1");
    write_keys(&world, &public(&world, "phone"));
    let said = open.end();
    assert!(said.code == 255, "{said}");
    world.run(&["exec", "-s", "work", "-c", "print('after it')"]).ok();
    kept.wait_for_out("after it");
    assert_eq!(server.ssh("laptop", "ls").code, 255);
}

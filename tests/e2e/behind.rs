//! What stands between a client and the port: things that break WebSockets after they have let them begin, and proxies that say
//! for whom they come.

use crate::common::{Running, World, lines};
use crate::ws::Web;
use nix::sys::signal::Signal;
use serde_json::Value;

/// Carries bytes from a port that it prints to another. What was upgraded to a WebSocket it breaks: `eats` all that comes after,
/// and says nothing; or only what goes `up`; or `cuts` it after so many bytes.
const BREAKS: &str = r#"
import socket, sys, threading
target, how = int(sys.argv[1]), sys.argv[2]
def pump(a, b, state, up):
    try:
        while data := a.recv(65536):
            if state["upgraded"]:
                if how == "eats" or how == "up" and up: continue
                if how == "cuts":
                    state["left"] -= len(data)
                    if state["left"] < 0: break
            if data.startswith(b"HTTP/1.1 101"):
                state["upgraded"] = True
                head, end, rest = data.partition(b"\r\n\r\n")
                data = head + end + (b"" if how == "eats" else rest)
            b.sendall(data)
    except OSError: pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen(16)
print(server.getsockname()[1], flush=True)
while True:
    a, _ = server.accept()
    b = socket.create_connection(("127.0.0.1", target))
    state = {"upgraded": False, "left": int(sys.argv[3])}
    threading.Thread(target=pump, args=(a, b, state, True), daemon=True).start()
    threading.Thread(target=pump, args=(b, a, state, False), daemon=True).start()
"#;

/// Runs something large through a link that breaks like this, and gives what was said about it.
#[track_caller]
fn falls_back(how: &str, after: u32) -> String {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let relay = world.file("breaks.py", BREAKS);
    let mut command = world.command("python3");
    command.arg(relay).args([web.port().to_string(), how.to_owned(), after.to_string()]);
    let relay = Running::start(command);
    relay.wait_for_out("\n");
    let at = format!("ws://127.0.0.1:{}", relay.out().trim());
    let code = "print('ran'); import sys; _ = sys.stdout.buffer.write(bytes(range(256)) * 8192)";
    let mut command = world.rialto(&["--at", &at, "exec", "-q", "-s", "lab", "-k", "python", "-c", code]);
    command.env("RIALTO_TOKEN", &web.token);
    let said = Running::start(command).end();
    let wanted = [b"ran\n".to_vec(), (0..=255).collect::<Vec<u8>>().repeat(8192)].concat();
    assert!(said.code == 0 && said.stdout == wanted, "{} bytes, {}", said.stdout.len(), said.err());
    relay.signal(Signal::SIGKILL);
    relay.end();
    let events = lines(&world.run(&["logs", "lab", "--json"]).ok());
    assert_eq!(events.iter().filter(|event: &&Value| event["type"] == "accepted").count(), 1, "nothing ran twice");
    said.err()
}

#[test]
fn a_websocket_that_carries_nothing_is_left_for_plain_requests() {
    // Five seconds of real time: so long a bridge's first message may take.
    let said = falls_back("eats", 0);
    assert!(said.contains("nothing came through it") && said.contains("going by http://"), "{said}");
}

#[test]
fn a_websocket_that_carries_nothing_upwards_is_left_for_plain_requests() {
    // It greets, and hears nothing: five seconds of real time.
    let said = falls_back("up", 0);
    assert!(said.contains("nothing came through it") && said.contains("going by http://"), "{said}");
}

#[test]
fn a_websocket_that_keeps_breaking_is_left_for_plain_requests() {
    for after in [0, 5_000] {
        let said = falls_back("cuts", after);
        assert!(said.contains("ws://") && said.contains("going by http://"), "{said}");
    }
}

#[test]
fn who_comes_by_a_trusted_proxy_is_who_failed() {
    let world = World::new();
    let web = Web::new(&world, &["--trusted-proxy", "127.0.0.1"]);
    let wrong = |from: &str| {
        let mut command = world.command("curl");
        let url = format!("http://127.0.0.1:{}/v1/sessions", web.port());
        let forwarded = format!("X-Forwarded-For: 6.6.6.6, {from}");
        command.args(["-sS", "-H", "Authorization: Bearer rlt_wrong", "-H", &forwarded, "-w", " %{http_code}", &url]);
        Running::start(command).end().ok()
    };
    assert!(wrong("192.0.2.7").ends_with(" 401"));
    // Thirty are borne, and one is forgotten every other second.
    for _ in 0..45 {
        wrong("192.0.2.7");
    }
    let refused = wrong("192.0.2.7");
    assert!(refused.contains("too much") && refused.ends_with(" 429"), "{refused}");
    // Nobody else pays for that, behind the same proxy or with it.
    let other = wrong("192.0.2.8");
    assert!(other.ends_with(" 401") && !other.contains("too much"), "{other}");
    web.run(&world, &["exec", "-c", "'in'"]).says(0, "'in'\n", "");
    let audit = world.run(&["audit"]).ok();
    assert!(audit.contains("192.0.2.7") && !audit.contains("6.6.6.6"), "{audit}");
}

#[test]
fn whom_nobody_trusts_is_not_believed() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let forwarded = ["-H", "X-Forwarded-For: 192.0.2.7", "-H", "Authorization: Bearer rlt_wrong", "@/v1/sessions"];
    web.get(&world, &forwarded);
    assert!(!world.run(&["audit"]).ok().contains("192.0.2.7"));
}

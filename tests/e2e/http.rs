//! What is served beside WebSockets on the same port: requests, streams of events, JSON for whoever has no library of ours, and
//! the bytes themselves where WebSockets do not get through. A real nginx stands in between where that is the story.

use crate::common::{Running, World, lines, until};
use crate::ws::{Web, token};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};

const EVAL: &str = "aaaqeayeaudaocajbifqydiob4";

#[test]
fn whoever_looks_after_machines_asks_without_a_token_and_counts_with_one() {
    let world = World::new();
    let web = Web::new(&world, &["--tls-self-signed"]);
    web.run(&world, &["exec", "-s", "lab", "-k", "python", "-c", "1"]).ok();
    web.run(&world, &["exec", "-s", "lab", "-c", "1/0"]).exits(1);
    let bare = |path: &str| {
        let mut command = world.command("curl");
        command.args(["-sk", "-w", " %{http_code}", &format!("https://127.0.0.1:{}{path}", web.port())]);
        Running::start(command).end().ok()
    };
    assert_eq!((bare("/healthz"), bare("/readyz")), ("ok\n 200".to_owned(), "ready\n 200".to_owned()));
    assert!(bare("/metrics").ends_with(" 401"));
    let metrics = web.get(&world, &["@/metrics"]);
    let line = |name: &str| {
        let found = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in\n{metrics}"));
        found.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(line("rialto_sessions{state=\"idle\"}"), "1");
    let evals = metrics.lines().filter(|line| line.starts_with("rialto_evals_total{")).collect::<Vec<_>>().join("\n");
    assert!(evals.contains("name=\"lab\",outcome=\"ok\"} 1") && evals.contains("outcome=\"error\"} 1"), "{evals}");
    assert_eq!(line("rialto_eval_run_seconds_count"), "2");
    assert_eq!(line("rialto_eval_wait_seconds_count"), "2");
    assert_eq!(line("rialto_http_refused_total"), "1");
    assert_ne!(line("rialto_carried_bytes_total{direction=\"down\"}"), "0");
}

#[test]
fn curl_submits_follows_and_comes_back_to_what_it_has_not_seen() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let post = |code: &str| {
        let body = serde_json::json!({ "code": code, "eval": EVAL }).to_string();
        web.get(&world, &["-d", &body, "-w", " %{http_code}", "@/v1/sessions/lab/evals?kernel=python"])
    };
    assert!(post("print('once')").ends_with(" 202"));
    until("its end", || web.get(&world, &[&format!("@/v1/sessions/lab/evals/{EVAL}")]).contains("\"ok\"").then_some(()));
    // Sent again it is known; with other code it is refused; and it ran once.
    assert!(post("print('once')").ends_with(" 200"));
    assert!(post("print('twice')").ends_with(" 409"));
    let follow = |last: Option<&str>| {
        let header = format!("Last-Event-ID: {}", last.unwrap_or_default());
        let mut arguments = vec!["-N", "@/v1/sessions/lab/events"];
        if last.is_some() {
            arguments.extend(["-H", header.as_str()]);
        }
        Running::start(web.curl(&world, &arguments))
    };
    let first = follow(None);
    first.wait_for_out("\"type\":\"ended\"");
    let out = first.out();
    assert_eq!(out.matches("\"once\\n\"").count(), 1, "{out}");
    let ids: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    // The client dies; what happens meanwhile is there when it comes back, and nothing else.
    first.signal(Signal::SIGKILL);
    first.end();
    let (seen, middle) = (*ids.last().unwrap(), ids[1]);
    web.run(&world, &["exec", "-s", "lab", "-c", "'meanwhile'"]).ok();
    let second = follow(Some(seen));
    second.wait_for_out("\"type\":\"ended\"");
    let ids_then: Vec<u64> =
        second.out().lines().filter_map(|l| l.strip_prefix("id: ")?.split(':').nth(1)?.parse().ok()).collect();
    let last: u64 = seen.split(':').nth(1).unwrap().parse().unwrap();
    assert_eq!(ids_then.first(), Some(&(last + 1)), "{}", second.out());
    assert!(second.out().contains("meanwhile") && !second.out().contains("once"), "{}", second.out());
    let third = follow(Some(middle));
    third.wait_for_out("once");
    for running in [second, third] {
        running.signal(Signal::SIGKILL);
        running.end();
    }
    // Whoever may only look may not run.
    let observer = Web {
        token: token(&world, "observer", "observe"),
        at: web.at.clone(),
        daemon: world.start(&["ls"]),
        name: String::new(),
    };
    let said = observer.get(&world, &["-d", "{\"code\":\"1\"}", "-w", " %{http_code}", "@/v1/sessions/lab/evals"]);
    assert!(said.contains("forbidden") && said.ends_with(" 403"), "{said}");
    observer.daemon.end();
    assert!(web.get(&world, &["-w", " %{http_code}", "@/v1/sessions/nope"]).ends_with(" 404"));
    assert!(web.get(&world, &["-w", " %{http_code}", "@/v1/nope"]).ends_with(" 404"));
}

#[test]
fn curl_interrupts_what_runs_and_nothing_else() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let body =
        serde_json::json!({ "code": "print('begun', flush=True)\nimport time\ntime.sleep(600)", "eval": EVAL }).to_string();
    web.get(&world, &["-d", &body, "@/v1/sessions/lab/evals?kernel=python"]);
    let follow = Running::start(web.curl(&world, &["-N", "@/v1/sessions/lab/events"]));
    // What it prints, and not its code, which is told before it runs.
    follow.wait_for_out("\"begun\\n\"");
    let said = web.get(&world, &["-X", "POST", &format!("@/v1/sessions/lab/evals/{EVAL}/interrupt")]);
    assert!(said.contains("\"verdict\":\"interrupted\""), "{said}");
    follow.wait_for_out("\"outcome\":\"interrupted\"");
    follow.signal(Signal::SIGKILL);
    follow.end();
}

/// The examples of the documents, taken from there.
fn example(world: &World, document: &str, language: &str, name: &str) -> PathBuf {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(document)).unwrap();
    let begin = format!("```{language}\n");
    let code = text.split(begin.as_str()).nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    world.file(name, code)
}

#[test]
fn the_python_of_the_documents_works_as_it_stands_there() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let script = example(&world, "websocket.md", "python", "client.py");
    let mut command = world.command("python3");
    command.arg(script).env("RIALTO_URL", &web.at).env("RIALTO_TOKEN", &web.token);
    let said = Running::start(command).end();
    assert_eq!((said.code, said.out().as_str()), (0, "hello from afar\n42\nok\n"), "{said}");
}

#[test]
fn the_javascript_of_the_documents_works_as_it_stands_there() {
    let world = World::new();
    let web = Web::new(&world, &["--allow-origin", "https://page.example"]);
    let script = example(&world, "websocket.md", "js", "client.mjs");
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/common/websocket.mjs");
    let mut command = world.command("node");
    command.arg("--import").arg(shim).arg(script).env("RIALTO_URL", &web.at).env("RIALTO_TOKEN", &web.token);
    command.env("ORIGIN", "https://page.example");
    let said = Running::start(command).end();
    assert_eq!((said.code, said.out().as_str()), (0, "hello from afar\n42\nok\n"), "{said}");
    // A page that nobody allowed gets nowhere with the same token.
    let mut command = world.command("node");
    command.arg("--import").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/common/websocket.mjs"));
    command.arg(world.project().join("client.mjs")).env("RIALTO_URL", &web.at).env("RIALTO_TOKEN", &web.token);
    command.env("ORIGIN", "https://evil.example");
    let said = Running::start(command).end();
    assert!(said.code != 0 && said.out().is_empty(), "{said}");
}

/// How Node is started to have a WebSocket: it has one since 22, and behind a word since 20.
pub(crate) fn own_websocket(world: &World) -> Option<&'static [&'static str]> {
    let has_one = |words: &[&str]| {
        let mut command = world.command("node");
        command.args(words).args(["-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]);
        Running::start(command).end().code == 0
    };
    [&[] as &[&str], &["--experimental-websocket"]].into_iter().find(|words| has_one(words))
}

#[test]
fn nodes_own_websocket_takes_the_example_as_it_stands_there() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let script = example(&world, "websocket.md", "js", "client.mjs");
    // An older one is asked in the test above, with a WebSocket of ours.
    let Some(word) = own_websocket(&world) else { return };
    let mut command = world.command("node");
    command.args(word).arg("--no-warnings").arg(script).env("RIALTO_URL", &web.at).env("RIALTO_TOKEN", &web.token);
    let said = Running::start(command).end();
    assert_eq!((said.code, said.out().as_str()), (0, "hello from afar\n42\nok\n"), "{said}");
}

/// An nginx that leads to a bridge, with or without letting WebSockets through.
struct Nginx {
    running: Option<Running>,
    port: u16,
}

impl Nginx {
    fn new(world: &World, bridge: u16, upgrades: bool) -> Self {
        let folder = world.dir().join(if upgrades { "nginx-ws" } else { "nginx" });
        std::fs::create_dir_all(&folder).unwrap();
        #[expect(clippy::disallowed_methods, reason = "nobody is let in: it only finds a port that is free")]
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let upgrade = if upgrades {
            "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";"
        } else {
            ""
        };
        let f = folder.display();
        // Its workers are another user where we are root, and that one may not enter this folder.
        let user = if nix::unistd::Uid::effective().is_root() { "user root;" } else { "" };
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {f}/{kind};\n")).concat();
        let config = format!(
            "{user} daemon off; pid {f}/pid; error_log {f}/error.log; worker_processes 1;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log {f}/access.log; {temporary}\n\
             server {{ listen 127.0.0.1:{port};\n\
             location / {{ proxy_pass http://127.0.0.1:{bridge}; proxy_set_header Host $host; {upgrade} }} }} }}\n"
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let mut command = world.command("nginx");
        command.env("PATH", "/usr/sbin:/usr/bin:/bin").arg("-p").arg(&folder).arg("-c").arg(&path);
        let running = Running::start(command);
        until("nginx", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { running: Some(running), port }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(Signal::SIGTERM);
            let _ = running.end();
        }
    }
}

#[test]
fn through_nginx_a_websocket_is_one() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let nginx = Nginx::new(&world, web.port(), true);
    let through = Web {
        at: format!("ws://127.0.0.1:{}", nginx.port),
        token: web.token.clone(),
        daemon: world.start(&["ls"]),
        name: String::new(),
    };
    through.run(&world, &["exec", "-s", "lab", "-k", "python", "-c", "6*7"]).says(0, "42\n", "");
    let code = "import sys; _ = sys.stdout.buffer.write(bytes(range(256)) * 32768)";
    let flood = through.run(&world, &["exec", "-q", "-s", "lab", "-c", code]);
    assert!(flood.code == 0 && flood.stdout == (0..=255).collect::<Vec<u8>>().repeat(32768));
    let follow = Running::start(through.curl(&world, &["-N", "@/v1/sessions/lab/events"]));
    follow.wait_for_out("\"outcome\":\"ok\"");
    follow.signal(Signal::SIGKILL);
    follow.end();
    through.daemon.end();
}

#[test]
fn where_websockets_do_not_get_through_plain_requests_do() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let nginx = Nginx::new(&world, web.port(), false);
    let through = Web {
        at: format!("ws://127.0.0.1:{}", nginx.port),
        token: web.token.clone(),
        daemon: world.start(&["ls"]),
        name: String::new(),
    };
    let said = through.run(&world, &["exec", "-s", "lab", "-k", "python", "-c", "6*7"]).exits(0);
    assert_eq!(said.out(), "42\n");
    assert!(said.err().contains("it answers 426") && said.err().contains("going by http://"), "{said}");
    // A megabyte up, eight down; each whole.
    let file = world
        .file("big.py", &format!("{}\nimport sys; _ = sys.stdout.buffer.write(bytes(range(256)) * 32768)", "#".repeat(1 << 20)));
    let flood = through.run(&world, &["exec", "-q", "-s", "lab", file.to_str().unwrap()]);
    assert!(flood.code == 0 && flood.stdout == (0..=255).collect::<Vec<u8>>().repeat(32768));
    // A link that dies there costs nothing either.
    let go = world.project().join("go");
    let code = format!("import os; os.mkfifo({go:?}); print('begun', flush=True); open({go:?}); print('went on'); 'value'");
    let running = Running::start(through.rialto(&world, &["exec", "-s", "lab", "-c", &code]));
    running.wait_for_out("begun\n");
    let port = nginx.port;
    drop(nginx);
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
    let direct = web.port();
    // Another thing on the way, at the same address.
    let relay = world.file("relay.py", RELAY);
    let mut command = world.command("python3");
    command.arg(relay).args([port.to_string(), direct.to_string()]);
    let relay = Running::start(command);
    assert_eq!(running.end().exits(0).out(), "begun\nwent on\n'value'\n");
    relay.signal(Signal::SIGKILL);
    relay.end();
    through.daemon.end();
    let events = lines(&world.run(&["logs", "lab", "--json"]).ok());
    assert_eq!(events.iter().filter(|event: &&Value| event["type"] == "accepted").count(), 3, "nothing ran twice");
}

/// Carries bytes between two ports.
const RELAY: &str = "\
import socket, sys, threading
def pump(a, b):
    try:
        while data := a.recv(65536): b.sendall(data)
    except OSError: pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('127.0.0.1', int(sys.argv[1]))); server.listen(16)
while True:
    a, _ = server.accept()
    b = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
    threading.Thread(target=pump, args=(a, b), daemon=True).start()
    threading.Thread(target=pump, args=(b, a), daemon=True).start()
";

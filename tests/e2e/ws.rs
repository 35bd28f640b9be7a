//! `rialto serve --ws`: who is let in over a network, and that what is done there is what is done anywhere.

use crate::common::{Running, Said, World, until};
use nix::sys::signal::Signal;
use std::process::Command;

/// A daemon that listens for WebSockets, and a token that opens it.
pub(crate) struct Web {
    pub(crate) daemon: Running,
    /// `wss://127.0.0.1:41234#sha256=...`
    pub(crate) at: String,
    pub(crate) token: String,
    pub(crate) name: String,
}

impl Web {
    pub(crate) fn new(world: &World, options: &[&str]) -> Self {
        Self::on(world, "0", options)
    }

    /// On this port.
    pub(crate) fn on(world: &World, port: &str, options: &[&str]) -> Self {
        let socket = world.dir().join("d.sock");
        let daemon = world.start(&[&["serve", "--socket", socket.to_str().unwrap(), "--ws", port], options].concat());
        daemon.wait_for_err("serving this user's sessions on");
        let said = daemon.err_text();
        let at = said.lines().find_map(|line| line.split("rialto --at '").nth(1)?.split('\'').next()).expect("it says where");
        // By its port: a world may have several.
        let name = format!("test-{}", at.split(':').nth(2).unwrap_or_default().split('#').next().unwrap_or_default());
        Self { at: at.to_owned(), daemon, token: token(world, &name, "admin"), name }
    }

    /// `rialto --at` there, with the token.
    pub(crate) fn rialto(&self, world: &World, arguments: &[&str]) -> Command {
        let mut command = world.rialto(&[&["--at", self.at.as_str()], arguments].concat());
        command.env("RIALTO_TOKEN", &self.token);
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, world: &World, arguments: &[&str]) -> Said {
        Running::start(self.rialto(world, arguments)).end()
    }

    pub(crate) fn port(&self) -> u16 {
        let rest = self.at.split("127.0.0.1:").nth(1).expect("a port");
        rest.split('#').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// `curl` with the token, and these arguments; `@` is the address.
    pub(crate) fn curl(&self, world: &World, arguments: &[&str]) -> Command {
        let scheme = if self.at.starts_with("wss") { "https" } else { "http" };
        let base = format!("{scheme}://127.0.0.1:{}", self.port());
        let mut command = world.command("curl");
        command.args(["-sSk", "--max-time", "60", "-H", &format!("Authorization: Bearer {}", self.token)]);
        command.args(arguments.iter().map(|argument| argument.replace('@', &base)));
        command
    }

    #[track_caller]
    pub(crate) fn get(&self, world: &World, arguments: &[&str]) -> String {
        Running::start(self.curl(world, arguments)).end().ok()
    }
}

/// A new token.
pub(crate) fn token(world: &World, name: &str, scope: &str) -> String {
    world.run(&["token", "create", name, "--scope", scope]).ok().trim().to_owned()
}

#[test]
fn a_session_is_the_same_over_a_websocket_with_tls() {
    let world = World::new();
    let web = Web::new(&world, &["--tls-self-signed"]);
    assert!(web.at.contains("#sha256="), "{}", web.at);
    web.run(&world, &["exec", "-s", "work", "-k", "python", "-c", "x = 41"]).ok();
    world.run(&["exec", "-s", "work", "-c", "x + 1"]).says(0, "42\n", "");
    let said = web.run(&world, &["exec", "-s", "work", "-c", "import sys; print('b', file=sys.stderr); sys.exit(4)"]);
    said.says(4, "", "b\n");
    assert!(web.run(&world, &["ls"]).ok().contains("work"));
    let code = "import sys; _ = sys.stdout.buffer.write(bytes(range(256)) * 32768)";
    let flood = web.run(&world, &["exec", "-q", "-s", "work", "-c", code]);
    assert!(flood.code == 0 && flood.stdout == (0..=255).collect::<Vec<u8>>().repeat(32768));
    // The certificate stays, and so does what was pinned.
    web.daemon.signal(Signal::SIGTERM);
    web.daemon.end().exits(0);
    let again = Web::new(&world, &["--tls-self-signed"]);
    assert_eq!(again.at.split('#').nth(1), web.at.split('#').nth(1));
}

#[test]
fn who_shows_nothing_or_something_wrong_is_told_so_and_stays_out() {
    let world = World::new();
    let web = Web::new(&world, &["--tls-self-signed"]);
    let with = |at: &str, token: Option<&str>| {
        let mut command = world.rialto(&["--at", at, "ls"]);
        token.map(|token| command.env("RIALTO_TOKEN", token));
        Running::start(command).end()
    };
    let none = with(&web.at, None).exits(69).err();
    assert!(none.contains("401") && none.contains("rialto token create"), "{none}");
    let wrong = with(&web.at, Some("rlt_wrong")).exits(69).err();
    assert!(wrong.contains("401") && !wrong.contains("rlt_wrong"), "{wrong}");
    let pinned = format!("{}#sha256={}", web.at.split('#').next().unwrap(), "ab".repeat(32));
    let other = with(&pinned, Some(&web.token)).exits(69).err();
    assert!(other.contains("another certificate than the pinned one"), "{other}");
    let unsigned = with(web.at.split('#').next().unwrap(), Some(&web.token)).exits(69).err();
    assert!(unsigned.contains("--tls-ca"), "{unsigned}");
    assert!(!web.daemon.err_text().contains(&web.token) && !web.daemon.err_text().contains("rlt_wrong"), "a token in the log");
    // A token in an address has been read by everybody on the way.
    let url = format!("@/v1/sessions?token={}", web.token);
    assert!(web.get(&world, &["-w", "%{http_code}", &url]).contains("everybody on the way"));
}

#[test]
fn a_token_that_is_revoked_ends_what_it_has_open() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    web.run(&world, &["exec", "-s", "work", "-k", "python", "-c", "1"]).ok();
    let follow = Running::start(web.rialto(&world, &["logs", "-f", "work"]));
    follow.wait_for_out("1");
    world.run(&["token", "revoke", &web.name]).exits(0);
    let said = follow.end();
    assert!(said.code != 0 && said.err().contains("revoked"), "{said}");
    assert!(web.run(&world, &["ls"]).exits(69).err().contains("401"));
}

#[test]
fn a_token_that_is_revoked_ends_requests_that_are_open() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    web.run(&world, &["exec", "-s", "lab", "-k", "python", "-c", "1"]).ok();
    let events = Running::start(web.curl(&world, &["-N", "@/v1/sessions/lab/events"]));
    events.wait_for_out("\"ended\"");
    let plain = format!("http://127.0.0.1:{}", web.port());
    let mut follow = world.rialto(&["--at", &plain, "logs", "-f", "lab"]);
    follow.env("RIALTO_TOKEN", &web.token);
    let follow = Running::start(follow);
    follow.wait_for_out("1");
    world.run(&["token", "revoke", &web.name]).exits(0);
    let said = follow.end();
    assert!(said.code != 0 && said.err().contains("revoked"), "{said}");
    events.end();
}

#[test]
fn a_limit_is_each_tokens_own() {
    let world = World::new();
    let web = Web::new(&world, &["--limit", "connections=1"]);
    web.run(&world, &["exec", "-s", "work", "-k", "python", "-c", "1"]).ok();
    let follow = Running::start(web.rialto(&world, &["logs", "-f", "work"]));
    follow.wait_for_out("1");
    let said = web.run(&world, &["ls"]);
    assert!(said.code != 0 && said.err().contains("connection"), "{said}");
    // Somebody else has a share of their own.
    let other = token(&world, "other", "admin");
    let mut command = world.rialto(&["--at", &web.at, "ls"]);
    command.env("RIALTO_TOKEN", other);
    assert!(Running::start(command).end().ok().contains("work"));
    follow.signal(Signal::SIGKILL);
    follow.end();
}

#[test]
fn who_would_have_to_wait_long_is_told_at_once() {
    let world = World::new();
    let web = Web::new(&world, &["--limit", "sessions=1"]);
    web.run(&world, &["exec", "-s", "work", "-k", "python", "-c", "1"]).ok();
    // It may come back in a minute, and is not kept for that long.
    web.run(&world, &["exec", "-s", "more", "-k", "python", "-c", "1"]).complains(69, &["the most that one principal may have"]);
}

#[test]
fn a_certificate_of_the_right_authority_is_a_key() {
    let world = World::new();
    // Without an extension it would be a certificate of the first version, which nobody takes any more.
    world.file("v3", "basicConstraints=CA:FALSE\n");
    let authority = |name: &str| {
        world.sh(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem 2>&1 && \
             openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=ada -keyout {name}-ada.key -out {name}-ada.csr 2>&1 && \
             openssl x509 -req -in {name}-ada.csr -CA {name}.pem -CAkey {name}.key -CAcreateserial -days 2 -extfile v3 -out {name}-ada.pem 2>&1"
        ))
        .ok();
    };
    authority("ours");
    authority("theirs");
    let file = |name: &str| world.project().join(name).display().to_string();
    let web = Web::new(&world, &["--tls-self-signed", "--tls-client-ca", &file("ours.pem")]);
    let with = |whose: &str, arguments: &[&str]| {
        let mut command = world.rialto(&[&["--at", web.at.as_str()], arguments].concat());
        command
            .env("RIALTO_TLS_CERT", file(&format!("{whose}-ada.pem")))
            .env("RIALTO_TLS_KEY", file(&format!("{whose}-ada.key")));
        Running::start(command).end()
    };
    with("ours", &["exec", "-s", "work", "-k", "python", "-c", "6*7"]).says(0, "42\n", "");
    let first = world.events("work").into_iter().find(|event| event["type"] == "accepted").expect("an eval");
    assert!(first["by"]["principal"].as_str().unwrap().contains("/certificate-"), "{first}");
    // It has the scope to run code, and no more.
    with("ours", &["kill", "work"]).exits(77);
    let stranger = with("theirs", &["ls"]);
    assert!(stranger.code == 69, "{stranger}");
    // A token still opens it, and nothing does not.
    assert!(web.run(&world, &["ls"]).ok().contains("work"));
    Running::start(world.rialto(&["--at", &web.at, "ls"])).end().exits(69);
}

#[test]
fn without_tls_it_listens_for_this_machine_alone() {
    let world = World::new();
    world.run(&["serve", "--ws", "0.0.0.0:0"]).complains(64, &["without TLS", "--tls-self-signed", "--plain"]);
    world.run(&["serve", "--ws", "0", "--tls-client-ca", "x"]).complains(64, &["--tls-client-ca needs TLS"]);
    world.run(&["--at", "ws://me@127.0.0.1:1", "ls"]).complains(64, &["RIALTO_TOKEN"]);
    world.run(&["--at", "ws://127.0.0.1:1/?token=x", "ls"]).complains(64, &["token"]);
    world.run(&["--at", "wss://127.0.0.1:1#sha256=abc", "ls"]).complains(64, &["64 hexadecimal digits"]);
}

#[test]
fn a_killed_daemon_costs_a_websocket_nothing_but_itself() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let go = world.project().join("go");
    let code = format!("import os; os.mkfifo({go:?}); print('begun', flush=True); open({go:?}); print('went on'); 'value'");
    let running = Running::start(web.rialto(&world, &["exec", "-c", &code]));
    running.wait_for_out("begun\n");
    let port = web.port().to_string();
    web.daemon.signal(Signal::SIGKILL);
    web.daemon.end().exits(128 + 9);
    std::fs::OpenOptions::new().write(true).open(world.project().join("go")).unwrap();
    let socket = world.dir().join("d.sock");
    let again = world.start(&["serve", "--socket", socket.to_str().unwrap(), "--ws", &port]);
    again.wait_for_err("listening on ws://");
    assert_eq!(running.end().exits(0).out(), "begun\nwent on\n'value'\n");
}

#[test]
fn a_crowd_that_shows_nothing_keeps_nobody_out() {
    let world = World::new();
    let web = Web::new(&world, &[]);
    let crowd: Vec<_> = (0..300).filter_map(|_| std::net::TcpStream::connect(("127.0.0.1", web.port())).ok()).collect();
    web.run(&world, &["exec", "-c", "'in'"]).says(0, "'in'\n", "");
    drop(crowd);
    until("them to be counted", || web.get(&world, &["@/metrics"]).contains("rialto_http_dropped_total").then_some(()));
}

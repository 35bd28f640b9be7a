//! A thousand at each port who show nothing and stay; and what those cost who have shown who they are: a hundred that are idle, and
//! some that read nothing of a flood.

use super::machine::{Figures, Machine, Way};
use super::peer::Peer;
use super::{ssh, web};
use crate::dice::Dice;
use crate::promises::job;
use crate::raw::Raw;
use crate::world::play;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rialto_protocol::{Message, Outcome};
use std::net::Ipv4Addr;
use tokio::net::TcpStream;

const CROWD: usize = 1_000;
/// Attached, and idle.
const HUNDRED: u16 = 100;
/// What one of them may cost a daemon. KiB.
const EACH: u64 = 256;

/// As many descriptors as this test may have. What was started before has no more than before.
fn room() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

/// A crowd at both ports; whoever has something to show comes in all the same.
async fn crowd(way: Way, name: &str) {
    let mut machine = Machine::new(way).await;
    room();
    let (ports, key, token) = ([machine.ssh, machine.web.number], machine.key.clone(), machine.token.clone());
    let web = machine.web.clone();
    let played = async {
        let mut crowd = Vec::new();
        for port in ports {
            for _ in 0..CROWD {
                crowd.push(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap());
            }
        }
        // It may be one of those who make room, if it is slow while others come: nobody comes any more.
        Peer::dial(ports[0], Dice(1)).await.enter(&key).await.expect("a key that opens comes in beside a crowd");
        web.upgraded(&token, "rialto.v1", "").await.expect("a token that opens comes in beside a crowd");
        crowd.len() as u64
    };
    let played = machine.meanwhile(played).await;
    machine.close(played, name, super::CEILING).await;
}

#[test]
fn a_thousand_at_each_port_keep_nobody_out() {
    play(crowd(Way::Ws, "a thousand at ssh, at ws"));
}

#[test]
fn a_thousand_at_the_port_with_tls_keep_nobody_out() {
    play(crowd(Way::Wss, "a thousand at ssh, at wss"));
}

/// A client of the session with so much credit, idle from then on.
async fn attached(stream: rialto_transports::Stream, session: &str, credit: u64) -> Raw {
    let mut raw = Raw::over(stream);
    raw.hello(None, None).await;
    let open = rialto_protocol::message::Open { channel: 1, session: session.into(), ..Default::default() };
    raw.say(0, &Message::Open(open)).await;
    raw.greet(1).await;
    raw.attach(credit).await;
    raw.find(|m| matches!(m, Message::Attached(_)).then_some(())).await;
    raw
}

async fn a_hundred(way: Way, name: &str) {
    let mut machine = Machine::with(way, &["--limit", "connections=300"]).await;
    room();
    let session = machine.by.session();
    let mut all = Vec::new();
    let mut before = None;
    for n in 0..=HUNDRED {
        let stream = if way == Way::Ssh {
            // No more than 64 may come from one address.
            let from = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + n / 40).unwrap());
            ssh::subsystem(Peer::dial_from(from, machine.ssh, Dice(u64::from(n))).await, &machine.key).await
        } else {
            machine.web.upgraded(&machine.token, "rialto.v1", "").await.map(web::Inner::of)
        };
        all.push(attached(stream.expect("it is let in"), &session, 1 << 20).await);
        // What the first one costs is the program's own.
        before.get_or_insert_with(|| Figures::of(machine.pid));
    }
    let after = Figures::of(machine.pid);
    let each = (after.own - before.unwrap().own) / u64::from(HUNDRED);
    assert!(each <= EACH, "{each} KiB for each connection");
    machine.by.goes_on().await;
    drop(all);
    machine.close_with(u64::from(HUNDRED), name, super::CEILING, &format!("{each} KiB each; ")).await;
}

#[test]
fn a_hundred_by_ssh_cost_little_each() {
    play(a_hundred(Way::Ssh, "100 idle by ssh"));
}

#[test]
fn a_hundred_by_websockets_cost_little_each() {
    play(a_hundred(Way::Ws, "100 idle by ws"));
}

#[test]
fn a_hundred_by_websockets_with_tls_cost_little_each() {
    play(a_hundred(Way::Wss, "100 idle by wss"));
}

/// Attached, with all the credit there is, and they read nothing.
const UNREAD: u16 = 8;
/// Lines of a flood, of about 1,000 bytes: more than all that the system keeps for a connection.
const LINES: u64 = 20_000;

/// By which way a connection that is not read is held up.
#[derive(Debug, Clone, Copy)]
enum Held {
    /// Its window is used up.
    Window,
    /// Its socket takes nothing more, though it said that it would take anything, in packets of any size.
    Socket,
}

async fn unread(way: Way, held: Held, name: &str) {
    let mut machine = Machine::with(way, &["--limit", "connections=300"]).await;
    let session = machine.by.session();
    let mut all = Vec::new();
    let mut before = None;
    for n in 0..=UNREAD {
        let stream = if way == Way::Ssh {
            let peer = Peer::dial(machine.ssh, Dice(u64::from(n))).await;
            let (window, packet) = match held {
                Held::Window => (1 << 20, 32 * 1024),
                Held::Socket => (u32::MAX, u32::MAX),
            };
            ssh::subsystem_of(peer, &machine.key, window, packet).await
        } else {
            machine.web.upgraded(&machine.token, "rialto.v1", "").await.map(web::Inner::of)
        };
        all.push(attached(stream.expect("it is let in"), &session, u64::MAX / 4).await);
        if n == 0 {
            // What the first flood costs is the program's own.
            flood(&mut machine, "first").await;
            before = Some(Figures::of(machine.pid));
        }
    }
    flood(&mut machine, "second").await;
    let after = Figures::of(machine.pid);
    let each = (after.own - before.unwrap().own) / u64::from(UNREAD);
    assert!(each <= EACH, "{each} KiB for each connection that is not read");
    machine.by.goes_on().await;
    drop(all);
    machine.close_with(u64::from(UNREAD), name, super::CEILING, &format!("{each} KiB each; ")).await;
}

/// Prints that much, and waits until the bystander, who reads, has all of it.
async fn flood(machine: &mut Machine, name: &str) {
    let by = &mut machine.by;
    let (eval, _) = by.client.submit(job(&by.world.truth(), &format!("{name}{}", "m".repeat(990)), LINES, ""));
    assert_eq!(by.client.end_of(eval).await.outcome, Outcome::Ok);
}

#[test]
fn who_does_not_read_a_flood_by_ssh_costs_little() {
    play(unread(Way::Ssh, Held::Window, "8 unread by ssh"));
}

#[test]
fn who_does_not_read_the_socket_of_ssh_costs_little() {
    play(unread(Way::Ssh, Held::Socket, "8 unread by ssh, any window"));
}

#[test]
fn who_does_not_read_a_flood_by_websockets_costs_little() {
    play(unread(Way::Ws, Held::Socket, "8 unread by ws"));
}

#[test]
fn who_does_not_read_a_flood_by_websockets_with_tls_costs_little() {
    play(unread(Way::Wss, Held::Socket, "8 unread by wss"));
}

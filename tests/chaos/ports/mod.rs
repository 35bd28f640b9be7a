//! Peers that send anything at all to the ports of a real daemon: to the one of SSH, to that of WebSockets and HTTP with and
//! without TLS, before they have shown who they are and behind a credential that opens. And peers that send it slowly, and
//! peers that come in crowds. Beside them works a bystander, by the same port, who must not notice.

mod crowd;
mod keys;
mod machine;
mod peer;
mod slow;
mod ssh;
mod web;
mod words;

use crate::long;
use crate::world::play;
use machine::{Machine, Way};

/// Streams of one port.
fn streams() -> u64 {
    if long() { 10_000 } else { 500 }
}

/// What a daemon may take of its own while twelve such peers are at it. KiB.
const CEILING: u64 = 32 * 1024;

#[test]
fn the_port_of_ssh() {
    play(async {
        let mut machine = Machine::new(Way::Ssh).await;
        let (port, key, known) = (machine.ssh, machine.key.clone(), machine.known());
        let answers = machine.attack(streams(), 5_000_000, |seed| ssh::play(seed, port, key.clone(), known.clone())).await;
        println!("{answers:?}");
        // 51: refused; 92, 100: a channel, a request is; 1: told off and cut.
        for came in [
            "unproved: 51",
            "unproved: 1",
            "was let in",
            "was answered to the last",
            "inside: 99",
            "inside: 100",
            "was inside the subsystem",
            "wrong_state",
        ] {
            assert!(answers.contains_key(came), "nobody was answered {came}, only {answers:?}");
        }
        machine.close(streams(), "hostile, by ssh", CEILING).await;
    });
}

#[test]
fn the_port_of_websockets_and_http() {
    play(async {
        let machine = Machine::new(Way::Ws).await;
        web_port(machine, 6_000_000, "hostile, by ws and http").await;
    });
}

#[test]
fn the_same_with_tls() {
    play(async {
        let machine = Machine::new(Way::Wss).await;
        web_port(machine, 7_000_000, "hostile, by wss and https").await;
    });
}

async fn web_port(mut machine: Machine, base: u64, name: &str) {
    let (port, token, known) = (machine.web.clone(), machine.token.clone(), machine.known());
    let answers = machine.attack(streams(), base, |seed| web::play(seed, port.clone(), token.clone(), known.clone())).await;
    println!("{answers:?}");
    for came in ["200", "400", "401", "403", "404", "close 1002", "bad_message", "wrong_state"] {
        assert!(answers.contains_key(came), "nobody was answered {came}, only {answers:?}");
    }
    machine.close(streams(), name, CEILING).await;
}

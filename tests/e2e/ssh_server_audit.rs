//! What `ssh-audit` has to say of `rialto serve --ssh`: its verdicts change as attacks become known, and this test with them.

use crate::common::{Running, World};
use crate::ssh_server::Server;
use serde_json::Value;
use std::path::PathBuf;

fn program() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/ssh-audit");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = std::iter::once(own).chain(std::env::split_paths(&path).map(|folder| folder.join("ssh-audit")));
    all.find(|program| program.is_file()).expect("ssh-audit is not there: scripts/setup installs it")
}

/// Everything it finds wrong: how bad, of which algorithm, why.
fn found(server: &Server<'_>) -> Vec<(String, String, String)> {
    let mut command = server.world.command(program());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["-j", "--skip-rate-test", "-p", &server.port.to_string(), "127.0.0.1"]);
    let said = Running::start(command).end();
    let report: Value = serde_json::from_str(&said.out()).unwrap_or_else(|why| panic!("{why}: {said}"));
    let mut all = Vec::new();
    for kind in ["kex", "key", "enc", "mac"] {
        let algorithms = report[kind].as_array().unwrap();
        assert!(!algorithms.is_empty(), "{report}");
        for algorithm in algorithms {
            for how in ["fail", "warn"] {
                for why in algorithm["notes"][how].as_array().into_iter().flatten() {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    all.push((how.to_owned(), text(&algorithm["algorithm"]), text(why)));
                }
            }
        }
    }
    assert_eq!(report["cves"].as_array().map_or(0, Vec::len), 0, "{report}");
    all
}

#[test]
fn of_what_is_spoken_nothing_is_weak() {
    let world = World::new();
    let server = Server::with(&world, &[("", "laptop")], &["--ssh-post-quantum"]);
    assert_eq!(found(&server), []);
}

#[test]
fn for_older_clients_there_is_one_exchange_that_a_quantum_computer_would_break() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    for (how, algorithm, why) in found(&server) {
        assert_eq!(how, "warn", "{algorithm}: {why}");
        assert!(algorithm.starts_with("curve25519-sha256") && why.contains("post-quantum"), "{algorithm}: {why}");
    }
}

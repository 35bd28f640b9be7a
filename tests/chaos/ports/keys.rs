//! The file of keys cannot be read for a moment. That takes nothing back from anybody.

use super::machine::{Machine, Way, works};
use crate::processes::until;
use crate::world::play;
use std::process::Command;

/// As many descriptors as the daemon may have from now on.
fn may_have(pid: i32, descriptors: usize) {
    let limit = format!("--nofile={descriptors}:");
    assert!(Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().unwrap().success());
}

#[test]
fn keys_that_cannot_be_read_for_a_moment_close_nobody() {
    play(async {
        let mut machine = Machine::new(Way::Ssh).await;
        let (pid, keys) = (machine.pid, machine.by.world.path("keys"));
        let log = machine.by.world.path("daemon.log");
        // Less than it has: nothing more can be opened, and what is open stays.
        may_have(pid, 3);
        // Written anew, so that it has to be read again.
        std::fs::write(&keys, std::fs::read_to_string(&keys).unwrap() + "\n").unwrap();
        let said = || std::fs::read_to_string(&log).unwrap().matches("as they were before").count();
        let looked = until("the daemon to have looked more than once", || (said() > 4).then_some(()));
        machine.meanwhile(looked).await;
        may_have(pid, 1024);
        works(&mut machine.by).await;
        machine.close(1, "keys that cannot be read for a moment", super::CEILING).await;
    });
}

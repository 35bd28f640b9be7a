//! Ways to a machine: through another one, by the system's `ssh`, and to one that has no `rialto` yet.

use crate::common::{Sshd, World, configure, lines};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_machine_behind_another_one_is_reached_through_it() {
    let (here, gate, there) = (World::new(), World::new(), World::new());
    let (first, second) = (Sshd::known(&here, &gate), Sshd::known(&here, &there));
    configure(
        &here,
        &format!(
            "Host gate\n HostName 127.0.0.1\n Port {}\nHost inner\n HostName 127.0.0.1\n Port {}\n ProxyJump gate\n",
            first.port(),
            second.port()
        ),
    );
    here.run(&["--at", "ssh://inner", "exec", "-s", "work", "-k", "python", "-c", "6*7"]).says(0, "42\n", "");
    assert_eq!(there.ls(false).len(), 1);
    let tested = lines(&here.run(&["places", "test", "ssh://inner", "--json"]).ok());
    let steps = tested[0]["steps"].to_string();
    assert!(steps.contains("through the machine before it") && !steps.contains("system's ssh"), "{steps}");
    // Which of the two it was that is not there is said.
    drop(first);
    here.run(&["--at", "ssh://inner", "ls"]).complains(69, &["on the way, at gate", "refused"]);
    there.run(&["kill", "work"]).exits(0);
}

/// A proxy as people have them in their configuration.
const PROXY: &str = "#!/usr/bin/env python3
import os, socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536): s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536): os.write(1, data)
";

#[test]
fn what_only_the_systems_ssh_can_do_is_left_to_it() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    let proxy = here.file("proxy", PROXY);
    std::fs::set_permissions(&proxy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let home = here.dir().join("home/.ssh");
    let files = format!("UserKnownHostsFile {0}/known_hosts\nIdentityFile {0}/id_ed25519\n", home.display());
    let host = format!("Host gpu\n HostName 127.0.0.1\n Port {}\n ProxyCommand {} %h %p\n", sshd.port(), proxy.display());
    configure(&here, &format!("{files}{host}"));
    here.run(&["--at", "ssh://gpu", "exec", "-c", "6*7"]).says(0, "42\n", "");
    let tested = lines(&here.run(&["places", "test", "ssh://gpu", "--json"]).ok());
    assert!(tested[0]["steps"].to_string().contains("system's ssh is used, because of ProxyCommand"), "{}", tested[0]);
    // What it complains about is the reason.
    std::fs::write(home.join("known_hosts"), "").unwrap();
    here.run(&["places", "test", "ssh://gpu"]).exits(69);
    let said = here.run(&["places", "test", "ssh://gpu", "--json"]);
    assert!(said.out().contains("Host key verification failed"), "{said}");
}

#[test]
fn a_machine_without_rialto_says_so_and_gets_one() {
    let (here, there) = (World::new(), World::new());
    std::fs::remove_file(there.dir().join("bin/rialto")).unwrap();
    let sshd = Sshd::known(&here, &there);
    let at = sshd.at();
    here.run(&["--at", &at, "ls"]).complains(69, &["rialto is not there", "rialto places install"]);
    let installed = here.run(&["places", "install", &at]);
    assert!(installed.err().contains("is in ~/.local/bin"), "{installed}");
    installed.exits(0);
    let program = there.dir().join("home/.local/bin/rialto");
    assert_eq!(std::fs::read(&program).unwrap(), std::fs::read(env!("CARGO_BIN_EXE_rialto")).unwrap());
    // Nothing half done is left beside it, and it is found where no path leads to it.
    assert_eq!(std::fs::read_dir(program.parent().unwrap()).unwrap().count(), 1);
    here.run(&["--at", &at, "exec", "-c", "6*7"]).says(0, "42\n", "");
    // Under another name it is found where the place says so.
    std::fs::rename(&program, there.dir().join("home/elsewhere")).unwrap();
    here.run(&["places", "add", "gpu", &at, "--command", "\"$HOME/elsewhere\""]).exits(0);
    here.run(&["--at", "gpu", "exec", "-c", "6*7"]).says(0, "42\n", "");
    here.run(&["places", "add", "gpu", &at, "--command", "/no/such/rialto", "--replace"]).exits(0);
    here.run(&["--at", "gpu", "ls"]).complains(69, &["there is no /no/such/rialto"]);
}

#[test]
fn another_kind_of_machine_is_left_as_it_is() {
    let (here, there) = (World::new(), World::new());
    let uname = there.dir().join("bin/uname");
    std::fs::write(&uname, "#!/bin/sh\necho PlanNine\n").unwrap();
    std::fs::set_permissions(&uname, std::fs::Permissions::from_mode(0o755)).unwrap();
    let sshd = Sshd::known(&here, &there);
    here.run(&["places", "install", &sshd.at()]).complains(1, &["another kind of machine", "PlanNine"]);
    assert!(!there.dir().join("home/.local").exists());
}

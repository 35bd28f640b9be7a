//! Is this the machine it says it is?

use crate::common::{Sshd, Terminal, World, configure, known_hosts};

#[test]
fn an_unknown_key_is_shown_to_a_person_and_refused_to_a_script() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::start(&here, &there, "");
    let at = sshd.at();
    // Some machines' own settings say otherwise.
    configure(&here, "HashKnownHosts no\n");
    let fingerprint = there.sh("ssh-keygen -l -f ../host_key.pub").ok();
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    here.run(&["--at", &at, "ls"]).complains(69, &["is not known", fingerprint, "in a terminal", "known_hosts"]);
    assert!(!known_hosts(&here).exists());
    let t = Terminal::open(&here, &format!("clear; rialto --at {at} ls"));
    t.wait_for("[yes/no]");
    assert!(t.screen().replace('\n', "").contains(fingerprint), "{}", t.screen());
    t.type_line("no");
    t.wait_for("was not accepted");
    assert!(!known_hosts(&here).exists());
    t.fresh();
    t.type_line(&format!("rialto --at {at} ls"));
    t.wait_for("[yes/no]");
    t.type_line("maybe");
    t.wait_for("write yes or no");
    t.type_line("yes");
    t.wait_for("no sessions here");
    assert_eq!(std::fs::read_to_string(known_hosts(&here)).unwrap(), sshd.host_line());
    here.run(&["--at", &at, "exec", "-c", "6*7"]).says(0, "42\n", "");
}

#[test]
fn a_key_that_changed_is_refused_by_file_and_line() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::start(&here, &there, "");
    there.sh("ssh-keygen -q -t ed25519 -N '' -f ../other").ok();
    let other = std::fs::read_to_string(there.dir().join("other.pub")).unwrap();
    let other = other.split_whitespace().nth(1).unwrap();
    let line = format!("# mine\n[127.0.0.1]:{} ssh-ed25519 {other}\n", sshd.port());
    std::fs::write(known_hosts(&here), &line).unwrap();
    let named = format!("{}:2", known_hosts(&here).display());
    here.run(&["--at", &sshd.at(), "ls"]).complains(69, &["has changed", &named, "remove that line"]);
    // Nobody is asked, and nothing that says not to be strict lets it in.
    configure(&here, "StrictHostKeyChecking no\n");
    let t = Terminal::open(&here, &format!("clear; rialto --at {} ls", sshd.at()));
    t.wait_for("has changed");
    t.wait_for("$");
    assert_eq!(std::fs::read_to_string(known_hosts(&here)).unwrap(), line);
}

#[test]
fn a_revoked_key_is_refused_though_it_is_known() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    let known = std::fs::read_to_string(known_hosts(&here)).unwrap();
    std::fs::write(known_hosts(&here), format!("{known}@revoked * {}", known.split_once(' ').unwrap().1)).unwrap();
    here.run(&["--at", &sshd.at(), "ls"]).complains(69, &["revoked", "known_hosts:2"]);
}

#[test]
fn names_that_ssh_hashed_are_known_and_ours_are_known_to_ssh() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    here.sh("ssh-keygen -q -H -f ~/.ssh/known_hosts && rm ~/.ssh/known_hosts.old").ok();
    assert!(!std::fs::read_to_string(known_hosts(&here)).unwrap().contains("127.0.0.1"));
    here.run(&["--at", &sshd.at(), "exec", "-c", "6*7"]).says(0, "42\n", "");
    // And the other way: what is remembered here is found by the one who invented the format.
    std::fs::remove_file(known_hosts(&here)).unwrap();
    configure(&here, "HashKnownHosts yes\nStrictHostKeyChecking accept-new\n");
    here.run(&["--at", &sshd.at(), "exec", "-c", "6*7"]).says(0, "42\n", "");
    let written = std::fs::read_to_string(known_hosts(&here)).unwrap();
    assert!(written.starts_with("|1|") && written.lines().count() == 1, "{written}");
    let found = here.sh(&format!("ssh-keygen -F '[127.0.0.1]:{}' -f ~/.ssh/known_hosts", sshd.port())).ok();
    assert!(found.contains("found: line 1"), "{found}");
}

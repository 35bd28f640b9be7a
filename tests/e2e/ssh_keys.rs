//! Getting in: agents, keys with passphrases, and what is said where nothing helps.

use crate::common::{Running, Sshd, Terminal, World, configure, until};
use nix::sys::signal::Signal;

/// The same program with an agent.
fn with_agent(here: &World, arguments: &[&str]) -> crate::common::Said {
    let mut command = here.rialto(arguments);
    command.env("SSH_AUTH_SOCK", here.dir().join("agent"));
    Running::start(command).end()
}

#[test]
fn an_agent_opens_what_no_file_does() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    let mut agent = here.command("ssh-agent");
    agent.args(["-D", "-a"]).arg(here.dir().join("agent"));
    let agent = Running::start(agent);
    until("the agent to listen", || here.dir().join("agent").exists().then_some(()));
    here.sh(
        "ssh-keygen -q -t rsa -b 2048 -N '' -f ../other && SSH_AUTH_SOCK=$PWD/../agent ssh-add -q ../other ~/.ssh/id_ed25519",
    )
    .ok();
    // The file is gone: only the agent has the key, beside one that opens nothing.
    std::fs::remove_file(here.dir().join("home/.ssh/id_ed25519")).unwrap();
    let at = sshd.at();
    with_agent(&here, &["--at", &at, "exec", "-c", "6*7"]).says(0, "42\n", "");
    here.run(&["--at", &at, "ls"]).complains(69, &["is not let in", "publickey"]);
    // Only the one that is named, by its public half.
    configure(&here, "IdentitiesOnly yes\nIdentityFile ~/other\n");
    here.sh("cp ../other.pub ~/other.pub").ok();
    with_agent(&here, &["--at", &at, "ls"]).complains(69, &["is not let in"]);
    configure(&here, "IdentitiesOnly yes\nIdentityFile ~/.ssh/id_ed25519\n");
    with_agent(&here, &["--at", &at, "exec", "-c", "6*7"]).says(0, "42\n", "");
    agent.signal(Signal::SIGTERM);
    agent.end();
}

#[test]
fn a_key_with_a_passphrase_is_opened_once_and_serves_when_the_link_comes_back() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    here.sh("ssh-keygen -q -p -N 'open sesame' -f ~/.ssh/id_ed25519").ok();
    let at = sshd.at();
    here.run(&["--at", &at, "ls"]).complains(69, &["needs a person", "has a passphrase", "ssh-add"]);
    let t = Terminal::open(&here, &format!("clear; rialto --at {at}/work"));
    t.wait_for("Passphrase for");
    t.type_line("wrong");
    t.wait_for("that was not it");
    t.type_line("open sesame");
    t.wait_for("session work");
    assert!(!t.history().contains("sesame"), "{}", t.history());
    t.type_line("x = 40");
    t.shows(&[">>> x = 40", ">>>"]);
    sshd.cut();
    // It is back without a question.
    t.type_line("x + 2");
    t.wait_for("42");
    assert_eq!(t.history().matches("Passphrase").count(), 2);
    t.keys(&["C-d"]);
    t.wait_for("Come back with: rialto --at");
    t.shows(&["$"]);
    // Ctrl-C at the question leaves the terminal as it was.
    t.fresh();
    t.type_line(&format!("rialto --at {at} ls"));
    t.wait_for("Passphrase for");
    t.keys(&["C-c"]);
    t.wait_for("was not answered");
    t.type_line("echo seen again");
    t.shows(&["seen again", "$"]);
    there.run(&["kill", "work"]).exits(0);
}

#[test]
fn a_key_that_others_can_read_is_not_used_and_that_is_said() {
    let (here, there) = (World::new(), World::new());
    let sshd = Sshd::known(&here, &there);
    here.sh("chmod 644 ~/.ssh/id_ed25519").ok();
    here.run(&["--at", &sshd.at(), "ls"]).complains(69, &["id_ed25519 is not used", "chmod 600"]);
}

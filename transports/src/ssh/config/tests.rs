use super::*;
use std::path::Path;

fn paths(home: &Path) -> Paths {
    Paths { home: home.to_owned(), machine: home.join("etc"), user: "me".to_owned(), moved: false }
}

/// What a configuration says of a host.
fn settings(text: &str, alias: &str) -> Settings {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/config"), text).unwrap();
    Settings::of(alias, None, None, &paths(home.path())).unwrap()
}

#[test]
fn the_first_value_counts_and_only_where_the_host_matches() {
    let text =
        "Host gpu\n HostName %h.example.org\n User ann\n Port 2222\nHost *.org !no.org\n User bob\nHost *\n User eve\n Port 99\n";
    let s = settings(text, "gpu");
    assert_eq!((s.host.as_str(), s.user.as_str(), s.port), ("gpu.example.org", "ann", 2222));
    assert_eq!(settings(text, "x.org").user, "bob");
    assert_eq!((settings(text, "no.org").user, settings(text, "no.org").port), ("eve".to_owned(), 99));
    assert_eq!(settings("", "x").user, "me");
    let home = tempfile::tempdir().unwrap();
    let said = Settings::of("gpu", Some("url"), Some(7), &paths(home.path())).unwrap();
    assert_eq!((said.user.as_str(), said.port), ("url", 7));
}

#[test]
fn identities_gather_and_the_usual_ones_are_tried_where_none_is_named() {
    let s = settings("IdentityFile ~/a\nIdentityFile /k/%r@%h\nIdentitiesOnly yes\n", "m");
    assert!(s.identities[0].ends_with("a") && s.identities[1] == Path::new("/k/me@m") && s.identities_only);
    let usual = settings("", "m");
    assert!(usual.identities.iter().any(|path| path.ends_with(".ssh/id_ed25519")) && !usual.identities_named);
}

#[test]
fn what_we_cannot_do_is_named_with_its_line() {
    assert_eq!(settings("Host *\n SendEnv LANG\n GSSAPIAuthentication yes\n HashKnownHosts yes\n", "m").beyond, None);
    for line in [
        "ProxyCommand nc %h %p",
        "PKCS11Provider /x.so",
        "ControlMaster auto",
        "Ciphers aes128-ctr",
        "Match exec \"true\"",
        "Frobnicate 7",
    ] {
        let beyond = settings(&format!("Port 22\n{line}\n"), "m").beyond.unwrap();
        assert!(beyond.contains(line.split(' ').next().unwrap()) && beyond.contains("config:2"), "{beyond}");
    }
    assert_eq!(settings("Host a\n ProxyCommand nc\n", "b").beyond, None);
    assert_eq!(settings("ProxyCommand none\nProxyCommand nc\n", "b").beyond, None);
}

#[test]
fn matches_that_need_nothing_run_are_understood() {
    let text = "Match host m user me\n Port 1\nMatch originalhost m !localuser me\n Port 2\nMatch final all\n Port 3\n";
    assert_eq!((settings(text, "m").port, settings(text, "n").port, settings(text, "n").beyond), (1, 3, None));
}

#[test]
fn files_are_included_in_order_and_only_where_they_apply() {
    let home = tempfile::tempdir().unwrap();
    let ssh = home.path().join(".ssh");
    std::fs::create_dir_all(ssh.join("d")).unwrap();
    std::fs::write(ssh.join("config"), "Host m\n Include d/*.conf\nHost *\n User last\n").unwrap();
    std::fs::write(ssh.join("d/2.conf"), "User two\n").unwrap();
    std::fs::write(ssh.join("d/1.conf"), "Host other\n User never\nHost m\n Port 7\n").unwrap();
    let of = |alias| Settings::of(alias, None, None, &paths(home.path())).unwrap();
    assert_eq!((of("m").user.as_str(), of("m").port), ("two", 7));
    assert_eq!((of("other").user.as_str(), of("other").port), ("last", 22));
    std::fs::write(ssh.join("config"), "Include config\n").unwrap();
    assert!(Settings::of("m", None, None, &paths(home.path())).is_err());
}

#[test]
fn jumps_files_and_times() {
    let s = settings(
        "ProxyJump a@b:1,c\nUserKnownHostsFile /x /y\nServerAliveInterval 5\nConnectTimeout 3\nStrictHostKeyChecking no\n",
        "m",
    );
    assert_eq!(s.jumps, ["a@b:1", "c"]);
    assert_eq!(s.known_hosts, [Path::new("/x"), Path::new("/y")]);
    assert_eq!(
        (s.alive_interval, s.connect_timeout, s.strict),
        (Some(Duration::from_secs(5)), Duration::from_secs(3), Strict::AcceptNew)
    );
    assert_eq!(settings("ServerAliveInterval 0\nProxyJump none\n", "m").alive_interval, None);
}

//! Tokens: made, listed, revoked, and who came by them.

use crate::common::{World, lines};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_token_is_shown_once_and_listed_without_its_secret() {
    let world = World::new();
    world.run(&["token", "ls"]).says(0, "", "no tokens here; `rialto token create NAME --scope eval` makes one\n");
    let made = world.run(&["token", "create", "laptop", "--scope", "eval", "--session", "ml-*", "--ttl", "7d"]).exits(0);
    let (secret, talk) = (made.out(), made.err());
    assert!(secret.starts_with("rlt_") && secret.trim_end().len() == 56 && secret.lines().count() == 1, "{secret}");
    assert!(talk.contains("eval in sessions ml-*") && talk.contains("6d23h"), "{talk}");
    assert!(!talk.contains(secret.trim_end()));
    world.run(&["token", "create", "laptop"]).complains(69, &["laptop is there already", "rialto token revoke"]);
    world.run(&["token", "create", "a/b"]).complains(64, &["no name for a token"]);
    let other = lines(&world.run(&["token", "create", "--json", "--ttl", "never"]).ok());
    assert!(other[0]["secret"].as_str().unwrap().starts_with("rlt_") && other[0]["expires_ms"].is_null());
    assert_eq!((&other[0]["scope"], &other[0]["name"]), (&"observe".into(), &other[0]["id"]));
    let listed = lines(&world.run(&["token", "ls", "--json"]).ok());
    assert_eq!((listed.len(), &listed[0]["sessions"], &listed[1]["name"]), (2, &"ml-*".into(), &other[0]["name"]));
    assert!(listed.iter().all(|token| token.get("secret").is_none() && token.get("hash").is_none()));
    assert_eq!(listed[0]["principal"], format!("uid:{}/laptop", nix::unistd::geteuid()));
    assert!(world.run(&["token", "ls"]).ok().contains("laptop"));
    let file = std::fs::read_dir(world.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .chain([world.state()])
        .map(|dir| dir.join("tokens.json"))
        .find(|file| file.is_file())
        .unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&secret.trim_end()[4..]));

    let revoked = world.run(&["token", "revoke", "laptop", "nobody"]).exits(69).err();
    assert!(revoked.contains("laptop opens nothing") && revoked.contains("\"nobody\""), "{revoked}");
    assert_eq!(lines(&world.run(&["token", "ls", "--json"]).ok()).len(), 1);
    let audit = world.run(&["audit", "--json"]).ok();
    let what: Vec<_> = lines(&audit).iter().map(|line| line["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(what, ["made", "made", "revoked"]);
    assert!(!audit.contains(secret.trim_end()) && world.run(&["audit"]).ok().contains("token laptop"));
    world.run(&["--at", "exec:true", "token", "ls"]).complains(64, &["run this there"]);
}

#[test]
fn who_asks_for_more_than_they_may_is_on_record() {
    let world = World::new();
    world.session("work", "x = 1");
    let said = world.run_with(&["rpc", "--observe", "work"], "{\"type\":\"submit\",\"re\":1,\"code\":\"x = 2\"}\n");
    assert!(said.out().contains("forbidden"), "{said}");
    let noted = lines(&world.run(&["audit", "--json"]).ok());
    let denied = noted.iter().find(|line| line["what"] == "denied").unwrap_or_else(|| panic!("{noted:?}"));
    assert_eq!((&denied["session"], &denied["principal"]), (&"work".into(), &format!("uid:{}", nix::unistd::geteuid()).into()));
    assert!(denied["text"].as_str().unwrap().contains("submit needs more"), "{denied}");
}

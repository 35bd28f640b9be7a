//! What a client of `rialto serve --ssh` asks for that the stock one does not ask for by itself, and what it does meanwhile:
//! signals to a program, new keys while much is carried.

use crate::common::{Running, World};
use crate::ssh_server::Server;
use russh::client::{Config, Handler, connect};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, Sig};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

struct Client;

impl Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

#[test]
fn a_signal_reaches_the_program_that_runs() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (code, out, err) = runtime.block_on(async {
        let mut client = connect(Arc::new(Config::default()), ("127.0.0.1", server.port), Client).await.unwrap();
        let key = PrivateKeyWithHashAlg::new(Arc::new(load_secret_key(world.dir().join("laptop"), None).unwrap()), None);
        assert!(client.authenticate_publickey("me", key).await.unwrap().success());
        let mut channel = client.channel_open_session().await.unwrap();
        let code = "\"import time; print('begun', flush=True); time.sleep(600); print('never')\"";
        channel.exec(true, format!("python -c {code}")).await.unwrap();
        let (mut code, mut out, mut err) = (None, String::new(), String::new());
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    out.push_str(&String::from_utf8_lossy(&data));
                    if out == "begun\n" {
                        channel.signal(Sig::INT).await.unwrap();
                    }
                }
                ChannelMsg::ExtendedData { data, .. } => err.push_str(&String::from_utf8_lossy(&data)),
                ChannelMsg::ExitStatus { exit_status } => code = Some(exit_status),
                _ => {}
            }
        }
        (code, out, err)
    });
    assert_eq!((code, out.as_str()), (Some(130), "begun\n"), "{err}");
}

/// How often the client says that it took new keys, in that direction.
fn new_keys(said: &str, direction: &str) -> usize {
    said.matches(&format!("set_newkeys: rekeying {direction}")).count()
}

#[test]
fn new_keys_while_much_is_carried_in_both_directions() {
    let world = World::new();
    let server = Server::new(&world, &[("", "laptop")]);
    let often = |rest: &str| server.line("laptop", rest).replace("LogLevel=ERROR", "LogLevel=DEBUG1 -o RekeyLimit=128K");
    // What is printed and what is read pass each other.
    let code = r#""exec -c 'import sys; print(\"y\" * 2000000, flush=True); print(len(sys.stdin.read()))'""#;
    let mut command = world.command("sh");
    command.args(["-c", &format!("exec {}", often(code))]);
    let said = Running::start(command).end_with("line\n".repeat(400_000));
    assert!(said.code == 0 && said.out().ends_with("2000000\n") && said.stdout.len() == 2_000_001 + 8, "{said}");
    let (inward, outward) = (new_keys(&said.err(), "in"), new_keys(&said.err(), "out"));
    assert!(inward > 4 && outward > 4, "{inward} and {outward} times: {said}");
    // And our own protocol, by the subsystem: every byte of a flood.
    let at = format!("exec:exec {} 2>{}", often("-s rialto"), world.dir().join("said").display());
    let flood = world.run(&[
        "--at",
        &at,
        "exec",
        "-q",
        "-s",
        "work",
        "-k",
        "python",
        "-c",
        "import sys; _ = sys.stdout.buffer.write(bytes(range(256)) * 16384)",
    ]);
    assert!(flood.code == 0 && flood.stdout == (0..=255).collect::<Vec<u8>>().repeat(16384), "{}", flood.err());
    let said = std::fs::read_to_string(world.dir().join("said")).unwrap();
    assert!(new_keys(&said, "in") > 4, "{said}");
}

#[test]
fn as_root_a_key_may_be_another_users() {
    if !nix::unistd::Uid::effective().is_root() {
        // Nobody else can become somebody else, and such a key opens nothing: the unit tests say so.
        return;
    }
    let world = World::new();
    // Whoever is not us must reach the program that is run, and tests may be built where only their owner looks.
    let public = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir_in("/tmp").unwrap();
    let exe = public.path().join("rialto");
    std::fs::copy(env!("CARGO_BIN_EXE_rialto"), &exe).unwrap();
    let server =
        Server::of(&world, &exe, &[("user=nobody", "guest"), ("user=nobody,scope=observe", "watcher"), ("", "laptop")], &[]);
    // The program says so only where it is that user that it runs as, or it would not say anything.
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid;
    assert!(server.ssh("guest", "help").ok().contains(&format!("You are uid:{nobody}/guest, with the scope admin")));
    assert!(server.ssh("watcher", "help").ok().contains(&format!("You are uid:{nobody}/watcher, with the scope observe")));
    assert!(server.ssh("laptop", "help").ok().contains(&format!("You are {}/laptop", crate::ssh_server::us())));
    // Nothing of ours is theirs, by the command or by the subsystem.
    world.session("work", "x = 1");
    let said = server.ssh("guest", "ls --json");
    assert!(!said.out().contains("work"), "{said}");
    let said = server.rialto("guest", "-s rialto", &["ls", "--json"]);
    assert!(!said.out().contains("work"), "{said}");
}

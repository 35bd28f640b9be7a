//! The binary is replaced while evals run: a newer daemon serves older supervisors, an older one newer ones, clients of both
//! builds meet in one session; a client whose bytes were recorded when contract 1 was young is served for ever; and one of a
//! contract that nobody has written yet is served by what both know.

use crate::actor::through;
use crate::client::Client;
use crate::daemon::Daemon;
use crate::promises::{job, kept, within};
use crate::raw::Raw;
use crate::supervisor_dies::incarnations;
use crate::table::Row;
use crate::world::{RIALTO, World, play};
use rialto_protocol::frame::{self, Decoder};
use rialto_protocol::message::{Greet, Hello};
use rialto_protocol::{ClientId, Code, EvalId, Event, Message, Outcome, codec, kind, limits};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What this build calls itself, and what another one does. As long as each other.
const THIS: &str = concat!("rialto ", env!("CARGO_PKG_VERSION"));
const OTHER: &str = "rialto 0.0.9";

/// A build with another version. The versions in the file are changed, and nothing else: building everything once more would
/// take minutes, and what is to be shown is that neither side looks at them, and that files can be exchanged.
fn other_build() -> Vec<u8> {
    assert_eq!(THIS.len(), OTHER.len());
    let mut bytes = std::fs::read(RIALTO).unwrap();
    let found: Vec<usize> =
        bytes.windows(THIS.len()).enumerate().filter(|(_, w)| *w == THIS.as_bytes()).map(|(at, _)| at).collect();
    assert!(!found.is_empty(), "the binary does not say what it is");
    for at in found {
        bytes[at..at + OTHER.len()].copy_from_slice(OTHER.as_bytes());
    }
    bytes
}

/// Puts a program in its place as package managers do: beside it, and then moved over what is there.
fn install(at: &Path, bytes: &[u8]) {
    let beside = at.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&beside, at).unwrap();
}

/// What stdout says of a program of this world.
async fn says(world: &World, exe: &Path, arguments: &[&str]) -> String {
    let out = tokio::process::Command::from(world.command_of(exe, arguments)).kill_on_drop(true).output().await.unwrap();
    assert!(out.status.success(), "{arguments:?}: {}: {}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The daemon and the supervisor that the client talked to last.
fn met(client: &Client) -> (&str, &str) {
    let (daemon, supervisor) = client.met.last().unwrap();
    (daemon, supervisor)
}

/// Code that prints half its lines, waits for a file, and prints the rest.
fn gated(world: &World, tag: &str) -> String {
    let gate = world.path(tag);
    let body = format!(
        "import time\nfor _i in range(100): print(f'{tag}:{{_i}}')\nwhile not os.path.exists({gate:?}): time.sleep(0.003)\n"
    );
    let code = job(&world.truth(), tag, 200, &body);
    code.replace("for _i in range(200)", "for _i in range(100, 200)")
}

async fn half(client: &mut Client, world: &World, tag: &str) -> EvalId {
    let before = client.printed;
    let (eval, _) = client.submit(gated(world, tag));
    let lines: u64 = (0..100).map(|i| format!("{tag}:{i}\n").len() as u64).sum();
    client.until(|c| (c.printed == before + lines).then_some(())).await;
    eval
}

#[test]
fn the_binary_is_replaced_while_evals_run_and_back() {
    play(async {
        let mut world = World::new();
        let (bin, old): (PathBuf, PathBuf) = (world.path("rialto"), world.path("rialto-old"));
        let (new_bytes, old_bytes) = (std::fs::read(RIALTO).unwrap(), other_build());
        install(&bin, &old_bytes);
        install(&old, &old_bytes);
        let mut daemon = Daemon::of(&world, bin.clone());
        daemon.listens().await;
        let at = daemon.at();
        let mut client = through(&mut world, daemon.through(), "through an upgrade");
        let eval = half(&mut client, &world, "up").await;
        assert_eq!(met(&client), (OTHER, OTHER));
        // The file is another one now. The daemon that runs still starts sessions, of its own build.
        install(&bin, &new_bytes);
        let exec = |name: &'static str| ["exec", "-s", name, "-k", "python", "-c", "6*7"];
        assert_eq!(says(&world, &bin, &[&["--at", &at][..], &exec("made-by-old")].concat()).await, "42\n");
        let greeted = says(&world, &bin, &["--at", &at, "rpc", "made-by-old"]).await;
        assert_eq!(greeted.matches(OTHER).count(), 2, "{greeted}");
        // The newer daemon, the older supervisors.
        daemon.dies();
        daemon.starts(&world);
        std::fs::write(world.path("up"), "").unwrap();
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        assert_eq!(met(&client), (THIS, OTHER));
        assert_eq!(says(&world, &old, &[&["--at", &at][..], &exec("made-by-old")].concat()).await, "42\n");
        assert_eq!(says(&world, &bin, &[&["--at", &at][..], &exec("made-by-new")].concat()).await, "42\n");
        let greeted = says(&world, &old, &["--at", &at, "rpc", "made-by-new"]).await;
        assert_eq!(greeted.matches(THIS).count(), 2, "{greeted}");
        for exe in [&bin, &old] {
            let listed = says(&world, exe, &["--at", &at, "ls", "--json"]).await;
            assert_eq!(listed.lines().count(), 3, "{listed}");
        }
        // An older supervisor dies: a newer one takes its journal over.
        let eval = half(&mut client, &world, "dies").await;
        let session = world.home.sessions().unwrap().into_iter().find(|s| s.id() == client.session.id().unwrap()).unwrap();
        world.kill_supervisor(&session).await;
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Lost);
        assert_eq!(met(&client), (THIS, THIS));
        // And back: the older daemon, the newer supervisors.
        let eval = half(&mut client, &world, "down").await;
        install(&bin, &old_bytes);
        daemon.dies();
        daemon.starts(&world);
        std::fs::write(world.path("down"), "").unwrap();
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Ok);
        assert_eq!(met(&client), (OTHER, THIS));
        assert_eq!(says(&world, &old, &[&["--at", &at][..], &exec("made-by-new")].concat()).await, "42\n");
        client.catch_up().await;
        daemon.dies();
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        incarnations(&all);
        assert!(
            client.story.gaps.is_empty() && client.story.records.iter().map(|r| r.seq).eq(1..=client.story.records.len() as u64)
        );
        drop(client);
        world.logs_are_calm();
        let row = Row { played: 1, ..kept(&all, &world.truth()) };
        world.ends(row).await.close("the binary is replaced, and back");
    });
}

/// What a client of contract 1 says, from its hello to a submit. Written once by `RECORD=1`, and never changed.
fn recorded() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos/recorded/client-of-contract-1.hex");
    if std::env::var_os("RECORD").is_some() && !path.exists() {
        let text = dialogue().chunks(48).map(|line| data_encoding::HEXLOWER.encode(line) + "\n").collect::<String>();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    data_encoding::HEXLOWER.decode(text.replace('\n', "").as_bytes()).unwrap()
}

fn dialogue() -> Vec<u8> {
    // As JSON, so that fields that are added later need nothing here.
    let id = |byte: u8| EvalId([byte; 16]).to_string();
    let create = serde_json::json!({"id": id(1), "kernel": "python", "cwd": "/"});
    let messages = [
        (0, serde_json::json!({"type": "hello", "magic": "rialto", "min": 1, "max": 1, "app": "recorded"})),
        (0, serde_json::json!({"type": "open", "re": 1, "channel": 1, "session": "recorded", "create": create})),
        (1, serde_json::json!({"type": "greet", "min": 1, "max": 1, "client": id(2), "label": "recorded"})),
        (1, serde_json::json!({"type": "attach", "re": 2})),
        (1, serde_json::json!({"type": "submit", "re": 3, "eval": id(3), "code": "print('said')\n6*7"})),
    ];
    let mut bytes = Vec::new();
    for (channel, json) in messages {
        codec::encode(&mut bytes, channel, &codec::from_json(json).unwrap(), limits::DEFAULT_MAX_FRAME);
    }
    bytes
}

#[test]
fn a_client_recorded_long_ago_is_served() {
    play(async {
        let world = World::new();
        let mut daemon = Daemon::new(&world).await;
        let bytes = recorded();
        // Twice: what it asks for is done once.
        for time in 0..2 {
            let mut raw = Raw::dial(&daemon.socket).await;
            assert!(raw.bytes(&bytes).await);
            let mut events = Vec::new();
            loop {
                let (_, message) = raw.next().await.expect("it is served");
                assert!(!matches!(message, Message::Error(_) | Message::Closed(_)), "{message:?}");
                if let Message::Event(record) = message {
                    let last = matches!(record.event, Event::Ended(_));
                    events.push(record);
                    if last {
                        break;
                    }
                }
            }
            assert!(events.iter().map(|r| r.seq).eq(1..=events.len() as u64), "time {time}: {events:?}");
            let Some(Event::Ended(ended)) = events.pop().map(|r| r.event) else { unreachable!() };
            assert_eq!((ended.n, ended.outcome), (1, Outcome::Ok));
        }
        let told = world.say(&["logs", "--json", "recorded"]).await;
        assert_eq!(told.matches("\"type\":\"accepted\"").count(), 1, "{told}");
        daemon.dies();
        world.logs_are_calm();
        world.ends(Row { played: 2, ..Row::default() }).await.close("a client recorded long ago");
    });
}

/// A message as a later contract may have it: with a field that this one does not know.
fn widened(channel: u16, message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(&mut bytes, channel, message, limits::DEFAULT_MAX_FRAME);
    let mut decoder = Decoder::new(limits::DEFAULT_MAX_FRAME);
    decoder.push(&bytes);
    let (header, body) = decoder.next().unwrap().unwrap();
    let mut body = body.to_vec();
    assert!((0x80..0x8f).contains(&body[0]), "a small map");
    body[0] += 1;
    body.extend_from_slice(b"\xa6colour\xa4blue");
    let mut out = Vec::new();
    frame::write(&mut out, header.kind, header.flags, channel, &body, limits::DEFAULT_MAX_FRAME);
    out
}

#[test]
fn a_client_of_a_later_contract_is_served_by_what_both_know() {
    play(async {
        let world = World::new();
        let mut daemon = Daemon::new(&world).await;
        let features = || vec!["telepathy".to_owned()];
        let json = |json| codec::from_json(json).unwrap();
        let create = serde_json::json!({"id": EvalId([1; 16]).to_string(), "kernel": "python", "cwd": "/"});
        let client = ClientId([2; 16]);
        let hello = Hello { magic: "rialto".into(), min: 1, max: 9, features: features(), ..Hello::default() };
        let greet = Greet { min: 1, max: 9, features: features(), client, label: "later".into() };
        let mut raw = Raw::dial(&daemon.socket).await;
        raw.bytes(&widened(0, &Message::Hello(hello.clone()))).await;
        let open = serde_json::json!({"type": "open", "re": 1, "channel": 1, "session": "later", "create": create});
        raw.bytes(&widened(0, &json(open))).await;
        raw.bytes(&widened(1, &Message::Greet(greet))).await;
        raw.bytes(&widened(1, &json(serde_json::json!({"type": "attach", "re": 2})))).await;
        // A question that this contract has no word for: it is refused by its name, and the connection lives.
        let unknown = (0x40..=0x7f).find(|kind| kind::name(*kind).is_none()).unwrap();
        let mut question = Vec::new();
        frame::write(&mut question, unknown, 0, 1, b"\x80", limits::DEFAULT_MAX_FRAME);
        raw.bytes(&question).await;
        let submit = serde_json::json!({"type": "submit", "re": 3, "eval": EvalId([3; 16]).to_string(), "code": "6*7"});
        raw.bytes(&widened(1, &json(submit))).await;
        let (mut agreed, mut refused, mut outcome) = (Vec::new(), Vec::new(), None);
        while outcome.is_none() {
            match raw.next().await.expect("it is served").1 {
                Message::Welcome(welcome) => agreed.push((welcome.contract, welcome.features)),
                Message::Greeted(greeted) => agreed.push((greeted.contract, greeted.features)),
                Message::Error(why) => refused.push(why.code),
                Message::Event(record) => {
                    if let Event::Ended(ended) = record.event {
                        outcome = Some(ended.outcome);
                    }
                }
                _ => {}
            }
        }
        assert_eq!(agreed, [(1, Vec::new()), (1, Vec::new())]);
        assert_eq!((refused, outcome), (vec![Code::UnknownMessage.number()], Some(Outcome::Ok)));
        // One that has forgotten this contract is told which there is, and nobody else hears of it.
        let mut stranger = Raw::dial(&daemon.socket).await;
        stranger.bytes(&widened(0, &Message::Hello(Hello { min: 2, ..hello }))).await;
        let Some((_, Message::Error(why))) = stranger.next().await else { panic!("it is told why") };
        assert_eq!(why.known(), Some(Code::NoCommonContract));
        assert!(why.text.contains('1') && why.text.contains("2 to 9"), "{}", why.text);
        assert!(stranger.next().await.is_none());
        assert_eq!(world.say(&["exec", "-s", "later", "-c", "6*7"]).await, "42\n");
        drop(raw);
        daemon.dies();
        world.logs_are_calm();
        world.ends(Row { played: 2, ..Row::default() }).await.close("a client of a later contract");
    });
}

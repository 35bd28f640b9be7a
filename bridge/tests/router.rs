//! The router against supervisors that are real processes: races, deaths, wiped folders, hostile names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod fake;

use rialto_bridge::auth::Identity;
use rialto_bridge::home::Home;
use rialto_bridge::router::{self, Entry, Reached};
use rialto_protocol::message::{Create, Open};
use rialto_protocol::{Code, ErrorReply, RequestId, Scope};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

#[test]
fn fake_supervisor() {
    fake::run();
}

/// Its folder goes with it, and so does every fake supervisor.
struct Temp {
    folder: tempfile::TempDir,
    _alive: std::fs::File,
}

fn home() -> (Temp, Home) {
    let temp = tempfile::tempdir().unwrap();
    let alive = std::fs::File::create(temp.path().join(fake::ALIVE)).unwrap();
    alive.lock().unwrap();
    let home = Home::at(&temp.path().join("s"), &temp.path().join("r")).unwrap();
    (Temp { folder: temp, _alive: alive }, home)
}

fn open(session: &str, id: u8) -> Open {
    let create = Create {
        id: RequestId([id; 16]),
        kernel: "python".into(),
        session: None,
        program: None,
        cwd: String::new(),
        env: Default::default(),
        must_be_new: false,
        ends_when_done: false,
        remove_at_end: false,
        cull_after_ms: None,
        setup: Default::default(),
    };
    Open { re: 5, channel: 1, session: session.into(), create: Some(create), ..Open::default() }
}

fn meet(session: &str) -> Open {
    Open { re: 6, channel: 1, session: session.into(), ..Open::default() }
}

fn who(principal: &str) -> Identity {
    Identity::new(principal, Scope::Admin)
}

async fn ensure(home: &Home, open: &Open) -> Result<Reached, ErrorReply> {
    router::ensure(home, open, &who("uid:1"), &fake::spawn(home, "serve")).await
}

fn starts(home: &Home, reached: &Reached) -> usize {
    std::fs::read(home.session(&reached.session).dir().join("starts")).unwrap().len()
}

#[tokio::test]
async fn twenty_at_once_meet_in_one_session_with_one_supervisor() {
    let (_temp, home) = home();
    // Each in a thread with a runtime of its own, as twenty processes would be; they share nothing but the folders.
    let race = |home: Home| {
        let threads: Vec<_> = (0..20u8)
            .map(|n| {
                let home = home.clone();
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    let reached = runtime.block_on(ensure(&home, &open("work", n))).unwrap();
                    (reached.session, reached.created)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    };
    let all = home.clone();
    let met = tokio::task::spawn_blocking(move || race(all)).await.unwrap();
    assert_eq!(met.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(met.iter().filter(|(_, created)| *created).count(), 1);
    let again = ensure(&home, &meet("work")).await.unwrap();
    assert_eq!((starts(&home, &again), again.created, again.name.unwrap().as_str()), (1, false, "work"));
}

#[tokio::test]
async fn a_reached_supervisor_lets_in_who_has_the_cookie() {
    let (_temp, home) = home();
    let entry = Entry { channel: 3, max_frame: 65536, on_behalf: None, handover: false };
    let mut reached = ensure(&home, &open("", 1)).await.unwrap();
    router::enter(&mut reached, &entry).await.unwrap();
    let mut reached = ensure(&home, &meet(&reached.session.as_str()[..5])).await.unwrap();
    reached.cookie = "0".repeat(64);
    let error = router::enter(&mut reached, &entry).await.unwrap_err();
    assert_eq!(error.known(), Some(Code::Unauthenticated));
}

#[tokio::test]
async fn a_dead_supervisor_is_replaced_and_its_stale_socket_with_it() {
    let (_temp, home) = home();
    let reached = ensure(&home, &open("work", 1)).await.unwrap();
    let session = home.session(&reached.session);
    let lock: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(session.lock_file()).unwrap()).unwrap();
    let pid = nix::unistd::Pid::from_raw(lock["pid"].as_i64().unwrap() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    // It is our child, and the end of its stream says that it is gone.
    let mut stream = reached.stream;
    let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0]).await;
    assert!(session.socket().unwrap().exists());
    let again = ensure(&home, &meet("work")).await.unwrap();
    assert_eq!((starts(&home, &again), again.session), (2, session.id().clone()));
}

#[tokio::test]
async fn a_wiped_runtime_folder_costs_nothing() {
    let (_temp, home) = home();
    let first = ensure(&home, &open("work", 1)).await.unwrap();
    std::fs::remove_dir_all(home.runtime()).unwrap();
    let again = ensure(&home, &meet("work")).await.unwrap();
    assert_eq!((starts(&home, &again), again.session), (1, first.session));
}

#[tokio::test]
async fn a_folder_of_others_is_not_used() {
    let (_temp, home) = home();
    let first = ensure(&home, &open("work", 1)).await.unwrap();
    // Somebody put another folder in the place of the wiped one, for a supervisor to bind in.
    std::fs::remove_dir_all(home.runtime()).unwrap();
    std::fs::create_dir(home.runtime()).unwrap();
    std::fs::set_permissions(home.runtime(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = ensure(&home, &meet("work")).await.unwrap_err();
    assert_eq!((error.re, error.known()), (6, Some(Code::NotOurs)));
    assert!(error.text.contains("chmod 700"), "{error}");
    drop(first);
}

#[tokio::test]
async fn names_that_are_none_make_nothing() {
    let (temp, home) = home();
    for name in ["../escape", "..", ".", "/etc", "a/b", "-rf", "a b", "nul\0", "new\nline", ".hidden", &"x".repeat(1 << 20)] {
        let error = ensure(&home, &open(name, 1)).await.unwrap_err();
        assert_eq!(error.known(), Some(Code::BadName), "{error}");
        assert!(error.text.len() < 500);
    }
    assert!(home.sessions().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(temp.folder.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_to_do() {
    let (_temp, home) = home();
    let error = ensure(&home, &meet("wrok")).await.unwrap_err();
    assert_eq!((error.re, error.known()), (6, Some(Code::UnknownSession)));
    assert!(error.text.contains("wrok") && error.text.contains("rialto ls"), "{error}");
}

#[tokio::test]
async fn a_session_of_another_principal_is_not_there() {
    let (_temp, home) = home();
    ensure(&home, &open("work", 1)).await.unwrap();
    let theirs = router::ensure(&home, &meet("work"), &who("uid:2"), &fake::spawn(&home, "serve")).await.unwrap_err();
    let nothing = router::ensure(&home, &meet("krow"), &who("uid:2"), &fake::spawn(&home, "serve")).await.unwrap_err();
    assert_eq!(theirs.text.replace("work", "krow"), nothing.text);
    assert!(router::list(&home, &who("uid:2"), std::time::Duration::ZERO, 0).await.unwrap().sessions.is_empty());
    let listing = router::list(&home, &who("uid:1"), std::time::Duration::ZERO, 0).await.unwrap();
    assert_eq!(listing.sessions[0].name.as_ref().unwrap().as_str(), "work");
}

#[tokio::test]
async fn a_supervisor_that_refuses_is_quoted_and_its_name_is_free_again() {
    let (_temp, home) = home();
    let error = router::ensure(&home, &open("work", 1), &who("uid:1"), &fake::spawn(&home, "refuse")).await.unwrap_err();
    assert_eq!((error.re, error.known(), error.text.as_str()), (5, Some(Code::UnknownKernel), "no kernel is named pyton"));
    assert!(home.sessions().unwrap().is_empty());
    assert!(ensure(&home, &open("work", 2)).await.unwrap().created);
}

#[tokio::test]
async fn a_supervisor_that_dies_at_once_is_reported_with_its_log() {
    let (_temp, home) = home();
    let error = router::ensure(&home, &open("work", 1), &who("uid:1"), &fake::spawn(&home, "die")).await.unwrap_err();
    assert_eq!(error.known(), Some(Code::Unreachable));
    assert!(error.text.contains("the disk is on fire"), "{error}");
    assert_eq!(home.sessions().unwrap().len(), 1, "its log is there to be read");
}

#[tokio::test]
async fn what_a_client_writes_is_checked_before_it_becomes_a_process() {
    let (_temp, home) = home();
    let with = |change: fn(&mut Create)| {
        let mut open = open("work", 1);
        open.create.as_mut().map(change).unwrap();
        open
    };
    let bad = [
        with(|create| create.kernel = String::new()),
        with(|create| create.cwd = "not/whole".into()),
        with(|create| create.program = Some("x\0y".into())),
        with(|create| create.env = [("A=B".to_owned(), String::new())].into()),
        with(|create| create.env = [("A".to_owned(), "\0".to_owned())].into()),
    ];
    for open in bad {
        assert_eq!(ensure(&home, &open).await.unwrap_err().known(), Some(Code::BadMessage));
    }
    // Where sessions are is not a client's to say, even for its own.
    let good = with(|create| create.env = [("RIALTO_RUNTIME_DIR".to_owned(), "/nowhere".to_owned())].into());
    ensure(&home, &good).await.unwrap();
}

#[tokio::test]
async fn a_credential_sees_and_makes_what_it_reaches_and_what_it_makes_is_its_users() {
    let (_temp, home) = home();
    let mut laptop = who("uid:1/laptop");
    laptop.sessions = Some("ml-*".into());
    let as_laptop = async |open: &Open| router::ensure(&home, open, &laptop, &fake::spawn(&home, "serve")).await;
    ensure(&home, &open("web", 1)).await.unwrap();
    let made = as_laptop(&open("ml-1", 2)).await.unwrap();
    assert!(made.created && ensure(&home, &meet("ml-1")).await.unwrap().session == made.session, "it is uid:1's");
    assert_eq!(home.session(&made.session).spec().unwrap().owner, "uid:1");
    // What it does not reach is not there, and whether it is cannot be found out by making it.
    let web = as_laptop(&meet("web")).await.unwrap_err();
    let (there, not_there) = (as_laptop(&open("web", 3)).await.unwrap_err(), as_laptop(&open("wob", 4)).await.unwrap_err());
    assert_eq!((web.known(), web.text), (Some(Code::UnknownSession), as_laptop(&meet("web")).await.unwrap_err().text));
    assert_eq!((there.known(), there.text), (Some(Code::Forbidden), not_there.text));
    assert_eq!(as_laptop(&open("", 5)).await.unwrap_err().known(), Some(Code::Forbidden));
    let id = ensure(&home, &meet("web")).await.unwrap().session;
    for guess in [id.as_str(), &id.as_str()[..5]] {
        assert_eq!(as_laptop(&meet(guess)).await.unwrap_err().known(), Some(Code::UnknownSession));
    }
    // Nor by the back door of an id of its choice, or of a request that somebody else made.
    let mut sly = open("ml-2", 6);
    sly.create.as_mut().unwrap().session = Some(id);
    assert_eq!(as_laptop(&sly).await.unwrap_err().known(), Some(Code::UnknownSession));
    assert_eq!(as_laptop(&open("ml-3", 1)).await.unwrap_err().known(), Some(Code::UnknownSession));
    let listing = router::list(&home, &laptop, std::time::Duration::ZERO, 0).await.unwrap();
    let names: Vec<_> = listing.sessions.iter().filter_map(|s| s.name.as_ref()).map(ToString::to_string).collect();
    assert_eq!(names, ["ml-1"]);
}

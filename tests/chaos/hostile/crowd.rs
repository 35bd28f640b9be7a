//! A thousand at the door.

use super::bystander::Bystander;
use super::stream::Door;
use crate::processes::most_of_its_own;
use crate::raw::Raw;
use crate::table::Row;
use crate::world::play;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rialto_protocol::{Message, Outcome};

const CROWD: usize = 1_000;
/// More than a process of [`USUAL`] descriptors can have open.
const MORE_THAN_FIT: usize = 1_100;
/// What the system gives a program that asks for nothing.
const USUAL: u64 = 1_024;
const CEILING: u64 = 32 * 1024;

/// Starts with the usual number of descriptors, so that what is started has no more; then takes for this test what it needs.
async fn with_usual_descriptors(daemon: bool) -> Bystander {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, USUAL.min(hard), hard).unwrap();
    let by = Bystander::new(daemon).await;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    by
}

async fn close(mut by: Bystander, pid: i32, name: &str) {
    by.goes_on().await;
    by.finishes().await;
    let most = most_of_its_own(pid);
    assert!(most <= CEILING, "{most} KiB");
    let note = format!("{CROWD} connections, {:.1} MiB", most as f64 / 1024.0);
    Row { played: 1, note, ..by.close().await.0 }.close(name);
}

#[test]
fn a_thousand_members_are_all_served() {
    play(async {
        let mut by = with_usual_descriptors(false).await;
        let pid = by.client.supervisor().await;
        let (socket, cookie, session) = (by.socket(Door::Member), by.cookie(), by.session());
        let mut crowd = Vec::new();
        // The bystander and whoever looks at it in the end are members, too.
        for _ in 0..CROWD - 4 {
            let mut raw = Raw::client(&socket, &cookie, &session, None).await;
            raw.attach(1 << 20).await;
            crowd.push(raw);
        }
        for raw in &mut crowd {
            raw.find(|m| matches!(m, Message::Attached(_)).then_some(())).await;
        }
        by.goes_on().await;
        let worked = by.finishes().await;
        // Each of them hears of it.
        for raw in &mut crowd {
            let last = |m: &Message| {
                matches!(m, Message::Event(r) if matches!(&r.event, rialto_protocol::Event::Ended(e) if e.n == worked))
                    .then_some(())
            };
            raw.find(last).await;
        }
        drop(crowd);
        close(by, pid, "a thousand members").await;
    });
}

#[test]
fn a_thousand_who_say_nothing_keep_nobody_out_for_long() {
    play(async {
        let mut by = with_usual_descriptors(false).await;
        let pid = by.client.supervisor().await;
        let mut crowd = Vec::new();
        for _ in 0..MORE_THAN_FIT {
            crowd.push(Raw::dial(&by.socket(Door::Stranger)).await);
        }
        by.goes_on().await;
        by.finishes().await;
        let mut late = by.world.client("work");
        assert_eq!(late.run("1").await, Outcome::Ok);
        drop(crowd);
        let log = std::fs::metadata(by.world.only().log()).unwrap().len();
        assert!(log < 64 * 1024, "whoever is kept waiting fills the log: {log} bytes");
        close(by, pid, "a thousand silent strangers").await;
    });
}

#[test]
fn a_thousand_at_the_daemon() {
    play(async {
        let mut by = with_usual_descriptors(true).await;
        let pid = by.daemon().unwrap();
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(Raw::dial(&by.socket(Door::Daemon)).await);
        }
        by.goes_on().await;
        by.finishes().await;
        drop(crowd);
        let at = format!("unix://{}", by.socket(Door::Daemon).display());
        assert_eq!(by.world.say(&["--at", &at, "exec", "-s", "work", "-c", "6*7"]).await, "42\n");
        close(by, pid, "a thousand at the daemon").await;
    });
}

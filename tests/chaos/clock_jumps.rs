//! The clock on the wall jumps by years, forwards and back, under a daemon, a supervisor, a kernel and a terminal, while evals
//! run, wait and are interrupted. No rule looks at it: nothing is lost, late, early or culled; only what people are told of
//! the time is as wrong as the clock.

use crate::actor::through;
use crate::client::Client;
use crate::daemon::Daemon;
use crate::processes::{process, signal, until};
use crate::promises::{job, kept, within};
use crate::table::Row;
use crate::world::{World, play};
use nix::sys::signal::Signal;
use rialto_protocol::message::Verdict;
use rialto_protocol::{EvalId, Outcome};
use std::path::{Path, PathBuf};

/// Puts another clock in front of programs. `scripts/setup` installs it.
fn library() -> PathBuf {
    let name = "faketime/libfaketime.so.1";
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    found.expect("libfaketime is needed: scripts/setup installs it (on Debian: apt-get install faketime)")
}

const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;

/// A clock that shows this far from the true time.
struct Clock(PathBuf);

impl Clock {
    fn jumps(&self, offset: &str) {
        let beside = self.0.with_extension("new");
        std::fs::write(&beside, format!("{offset}\n")).unwrap();
        std::fs::rename(&beside, &self.0).unwrap();
    }
}

/// An eval that has begun, waits for a file, and prints then.
async fn half(client: &mut Client, world: &World, tag: &str) -> EvalId {
    let gate = world.path(&format!("gate-{tag}"));
    // The library that moves the clock breaks the interpreter's own sleep.
    let body = format!("import select\nwhile not os.path.exists({gate:?}): select.select([], [], [], 0.003)\n");
    let (eval, _) = client.submit(job(&world.truth(), tag, 100, &body));
    client.until(|c| c.numbers.get(&eval).copied()).await;
    let truth = world.truth();
    until("an eval that runs", || std::fs::read_to_string(&truth).ok()?.contains(tag).then_some(())).await;
    eval
}

#[test]
fn the_clock_jumps_by_years_and_nobody_minds() {
    play(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock(folder.path().join("clock"));
        clock.jumps("+0");
        let (library, file) = (library(), clock.0.display().to_string());
        // The clock that only counts is left as it is: that one does not jump.
        let mut world = World::with(&[
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DISABLE_SHM", "1"),
        ]);
        let mut daemon = Daemon::new(&world).await;
        // It would be culled after an hour without use.
        world.say(&["exec", "-s", "work", "-k", "python", "--cull-after", "1h", "-c", "pass"]).await;
        let mut client = through(&mut world, daemon.through(), "through jumps");
        let pid = client.supervisor().await;
        for (round, offset) in ["+10y", "-10y", "+0", "-30y", "+20y"].into_iter().enumerate() {
            let tag = format!("t{round}");
            let eval = half(&mut client, &world, &tag).await;
            clock.jumps(offset);
            // What is asked for now, waits, is stopped and is answered by the same clock as before.
            let (waits, _) = client.submit(job(&world.truth(), &format!("w{round}"), 5, ""));
            client.until(|c| c.numbers.get(&waits).copied()).await;
            if round % 2 == 0 {
                std::fs::write(world.path(&format!("gate-{tag}")), "").unwrap();
                let ended = client.end_of(eval).await;
                assert_eq!(ended.outcome, Outcome::Ok, "{ended:?}");
            } else {
                let ticket = client.interrupt(eval);
                assert_eq!(client.verdict(ticket).await.verdict, Verdict::Interrupted);
            }
            assert_eq!(client.end_of(waits).await.outcome, Outcome::Ok);
            // Programs that come now find it, and what they say of its age is no reason to fail.
            world.say(&["ls"]).await;
            assert_eq!(world.say(&["exec", "-s", "work", "-c", "6*7"]).await, "42\n");
        }
        assert_eq!(client.supervisor().await, pid, "nothing ended, and nothing was culled");
        assert_eq!((client.attempts, client.session.counters().faults), (0, 0), "no link was thought dead");
        // One that takes over after a jump back goes on with a later epoch all the same.
        let eval = half(&mut client, &world, "dies").await;
        clock.jumps("-30y");
        world.kill_supervisor(&world.only()).await;
        assert_eq!(client.end_of(eval).await.outcome, Outcome::Lost);
        assert_eq!(client.run(job(&world.truth(), "after", 5, "")).await, Outcome::Ok);
        client.catch_up().await;
        // By a signal it hears: killed, the library would leave its own files on the machine.
        let daemons = daemon.pid();
        signal(daemons, Signal::SIGTERM);
        until("the end of a daemon", || process(daemons).is_none_or(|p| p.state == 'Z').then_some(())).await;
        daemon.dies();
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        crate::supervisor_dies::incarnations(&all);
        let walls: Vec<u64> = all.records.iter().map(|record| record.at.wall_ms).collect();
        let (first, last) = (walls.iter().min().unwrap(), walls.iter().max().unwrap());
        assert!(last - first > 40 * YEAR_MS, "the clock did jump: {first} to {last}");
        drop(client);
        world.logs_are_calm();
        let orphans = world.strays(&world.only()).len() as u64;
        let row = Row { played: 1, orphans, note: "-30 to +20 years".into(), ..kept(&all, &world.truth()) };
        world.ends(row).await.close("the clock jumps");
    });
}

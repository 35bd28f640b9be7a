//! Too few descriptors: whoever cannot go on says so in a sentence, and nobody else is hurt.

use crate::client::Client;
use crate::daemon::Daemon;
use crate::long;
use crate::promises::{job, kept, within};
use crate::raw::Raw;
use crate::table::Row;
use crate::world::{World, play};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rialto_protocol::Outcome;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

/// A limit is the whole process's, and one process may run both tests.
static ALONE: Mutex<()> = Mutex::new(());

/// Does something with so many descriptors, which whatever is started meanwhile has as well.
fn with_limit<T>(limit: u64, act: impl FnOnce() -> T) -> T {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, limit, hard).unwrap();
    let done = act();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    done
}

/// Does something with so many descriptors and none of whoever runs the tests: what they left open would take the place of
/// what is to be had here, and with too few the loader ends before we begin.
const LIMITED: &str = r#"
for descriptor in /proc/self/fd/*; do
  number=${descriptor##*/}
  if [ "$number" -gt 2 ]; then eval "exec $number>&-"; fi
done
ulimit -n "$0"
exec "$@"
"#;

/// How many descriptors of whoever runs the tests go on to what is started here.
fn handed_on() -> u64 {
    let stays = |name: &str| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{name}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).and_then(|f| u32::from_str_radix(f.trim(), 8).ok());
        flags.is_some_and(|flags| flags & 0o2_000_000 == 0)
    };
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    open.filter(|name| name.parse::<u32>().is_ok_and(|fd| fd > 2) && stays(name)).count() as u64
}

#[test]
fn a_command_goes_well_or_says_why_not() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    play(async {
        let (mut well, mut said) = (0, 0);
        // From too few to begin with up to where it goes well, three times over.
        for limit in 4..if long() { 128 } else { 64 } {
            let mut world = World::new();
            let mut other = world.client("other");
            assert_eq!(other.run(job(&world.truth(), "before", 5, "")).await, Outcome::Ok);
            let mut command = world.command(&["exec", "-s", "work", "-k", "python", "-c", "6*7"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut shell = std::process::Command::new("bash");
            shell.args(["-c", LIMITED, &limit.to_string()]).arg(command.get_program()).args(command.get_args());
            shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?)))).current_dir(world.path(""));
            let out = tokio::process::Command::from(shell).stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
            let why = String::from_utf8_lossy(&out.stderr);
            assert!(!why.contains("panicked"), "with {limit}: {why}");
            if out.status.success() {
                assert_eq!(String::from_utf8_lossy(&out.stdout), "42\n", "with {limit}: {why}");
                well += 1;
            } else {
                assert!(out.status.code().is_some() && why.contains("open files"), "with {limit}, {}: {why}", out.status);
                said += 1;
            }
            assert_eq!(other.run(job(&world.truth(), "after", 5, "")).await, Outcome::Ok);
            drop(other);
            world.ends(Row::default()).await;
            if well == 3 && !long() {
                break;
            }
        }
        assert!(well >= 3 && said > 0, "{well} went well, {said} said why not");
        let note = format!("{well} went well, {said} said why not");
        Row { played: well + said, note, ..Row::default() }.close("few descriptors, a command");
    });
}

/// More come than a daemon has descriptors for. Those inside are served, and the others when there is room again.
#[test]
fn a_daemon_without_descriptors_serves_whom_it_has() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    play(async {
        let mut world = World::new();
        let mut daemon = with_limit(24 + handed_on(), || Daemon::begin(&world));
        daemon.listens().await;
        let mut client: Client = crate::actor::through(&mut world, daemon.through(), "inside");
        assert_eq!(client.run(job(&world.truth(), "first", 5, "")).await, Outcome::Ok);
        let mut crowd = Vec::new();
        for _ in 0..60 {
            crowd.push(Raw::dial(&daemon.socket).await);
        }
        assert_eq!(client.run(job(&world.truth(), "inside", 500, "")).await, Outcome::Ok);
        assert_eq!(client.attempts, 0);
        drop(crowd);
        let mut late = crate::actor::through(&mut world, daemon.through(), "late");
        assert_eq!(late.run(job(&world.truth(), "late", 5, "")).await, Outcome::Ok);
        client.catch_up().await;
        daemon.dies();
        let log = std::fs::read_to_string(world.path("daemon.log")).unwrap();
        assert!(!log.contains("panicked") && log.contains("open files"), "{log}");
        assert!(log.len() < 64 * 1024, "it fills its log: {} bytes", log.len());
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        drop((client, late));
        let row = Row { played: 1, ..kept(&all, &world.truth()) };
        world.ends(row).await.close("few descriptors, a daemon");
    });
}

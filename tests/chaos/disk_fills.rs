//! The space below the journal runs out: the kernel waits, everybody is told, interrupts still work and are recorded, and
//! when there is space again all goes on with nothing missing.

use crate::client::Client;
use crate::processes::signal;
use crate::promises::{Story, job, kept, noise, within};
use crate::table::Row;
use crate::world::{World, journal_at, play, supervisor};
use nix::sys::signal::Signal;
use rialto_client::{EvalOptions, Start};
use rialto_protocol::message::{Open, Verdict};
use rialto_protocol::{Code, EvalId, OnError, Outcome};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Lines of a flood: together more than the disk has.
const LINES: u64 = 400;
/// Letters of its tag, which each line repeats: too many for the second to be found in what is packed with the first.
const TAG: usize = 60_000;

/// A disk of a few MiB, of which nothing is left when this is dropped.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("disk-").tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", "size=16m,mode=700", "chaos"], folder.path());
        Self { folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Not a byte is left.
    fn fills(&self) {
        let mut filler = std::fs::File::create(self.folder.path().join("filler")).unwrap();
        while filler.write(&[1; 4096]).is_ok() {}
    }

    /// There is space again.
    fn grows(&self) {
        mount(&["-o", "remount,size=512m"], self.folder.path());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn mount(how: &[&str], at: &Path) {
    let out = Command::new("mount").args(how).arg(at).output().expect("the program `mount` is needed");
    let why = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success(),
        "a disk that fills is a small tmpfs, and only root may mount one: run as root, or in a container ({why})"
    );
}

/// A session on a disk that a flood has filled.
struct Full {
    world: World,
    client: Client,
    flood: EvalId,
    disk: Disk,
}

impl Full {
    async fn new() -> Self {
        let disk = Disk::new();
        let temp = tempfile::Builder::new().prefix("chaos-").tempdir().unwrap();
        let mut world = World::at(temp, &disk.state(), &[("RIALTO_JOURNAL_BYTES", "1000000000")]);
        let mut client = world.client("work");
        assert_eq!(client.run(job(&world.truth(), "before", 3, "")).await, Outcome::Ok);
        let (flood, _) = client.submit(job(&world.truth(), &noise(TAG), LINES, ""));
        client.until(|c| c.notices.iter().any(|n| n.what == "stalled" && n.text.contains("disk full")).then_some(())).await;
        Self { world, client, flood, disk }
    }

    /// Everybody who looks is told.
    async fn is_said(&mut self) {
        let status = self.client.status().await;
        assert_eq!(status.state, "stalled");
        assert!(status.stalled.is_some_and(|why| why.contains("disk full")));
        let table = self.world.say(&["ls"]).await;
        assert!(table.contains("stalled: disk full"), "{table}");
    }

    /// What is on the disk is a whole journal that can be read.
    async fn is_whole(&self) -> Story {
        let session = self.world.only();
        let pid = supervisor(&session).unwrap();
        // Held still, so that the copy is of one moment.
        signal(pid, Signal::SIGSTOP);
        let copy = self.world.path("copy.db");
        for (from, to) in [("journal.db", copy.clone()), ("journal.db-wal", self.world.path("copy.db-wal"))] {
            std::fs::copy(session.dir().join(from), to).unwrap();
        }
        signal(pid, Signal::SIGCONT);
        journal_at(&copy)
    }

    async fn close(mut self, name: &str) {
        let all = self.world.journal_through_a_client("work").await;
        within(&self.client.story, &all);
        self.world.logs_are_calm();
        let strays = self.world.strays(&self.world.only());
        let row = Row { played: 1, orphans: strays.len() as u64, ..kept(&all, &self.world.truth()) };
        drop(self.client);
        self.world.ends(row).await.close(name);
    }
}

#[test]
fn a_flood_waits_for_space_and_goes_on() {
    play(async {
        let mut full = Full::new().await;
        full.is_said().await;
        let lying = full.is_whole().await;
        within(&full.client.story, &lying);
        assert!(full.client.ended.len() < 2, "it waits");
        full.disk.grows();
        assert_eq!(full.client.end_of(full.flood).await.outcome, Outcome::Ok);
        assert!(full.client.notices.iter().any(|n| n.what == "resumed"), "{:?}", full.client.notices);
        assert_ne!(full.client.status().await.state, "stalled");
        full.close("the disk fills, a flood").await;
    });
}

#[test]
fn an_interrupt_works_and_is_recorded_on_a_full_disk() {
    play(async {
        let mut full = Full::new().await;
        let ticket = full.client.interrupt(full.flood);
        let answer = full.client.verdict(ticket).await;
        assert_eq!((answer.verdict, answer.outcome), (Verdict::Interrupted, Some(Outcome::Interrupted)));
        assert_eq!(full.client.end_of(full.flood).await.outcome, Outcome::Interrupted);
        full.is_said().await;
        // On disk, not only in memory.
        let lying = full.is_whole().await;
        within(&full.client.story, &lying);
        // Nothing new starts, and what was refused is asked again by itself.
        let options = EvalOptions { on_error: OnError::Continue, ..EvalOptions::default() };
        let (later, _) = full.client.submit_with(job(&full.world.truth(), "later", 10, ""), options);
        full.client.until(|c| c.delayed.iter().any(|e| e.known() == Some(Code::DiskFull)).then_some(())).await;
        assert!(!std::fs::read_to_string(full.world.truth()).unwrap().contains("later"));
        full.disk.grows();
        assert_eq!(full.client.end_of(later).await.outcome, Outcome::Ok);
        full.close("the disk fills, an interrupt").await;
    });
}

#[test]
fn the_supervisor_is_killed_on_a_full_disk() {
    play(async {
        let mut full = Full::new().await;
        let session = full.world.only();
        full.world.kill_supervisor(&session).await;
        let (seen, cursor) = (full.client.story.clone(), full.client.cursor());
        within(&seen, &full.world.journal(&session));
        // Whoever comes while there is not a byte left is told so, and waits.
        full.disk.fills();
        let exec = full.world.command(&["exec", "-s", "work", "-c", "6*7"]);
        let mut exec = tokio::process::Command::from(exec);
        let mut exec = exec.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut said = BufReader::new(exec.stderr.take().unwrap()).lines();
        loop {
            let line = said.next_line().await.unwrap().expect("it says nothing of the disk");
            if ["no space", "disk is full", "disk full"].iter().any(|words| line.contains(words)) {
                break;
            }
        }
        let open = Open { session: session.id().to_string(), ..Open::default() };
        full.disk.grows();
        let out = exec.wait_with_output().await.unwrap();
        assert_eq!((out.status.success(), String::from_utf8_lossy(&out.stdout).as_ref()), (true, "42\n"));
        full.client = full.world.client_from(open, Start::After(cursor));
        assert_eq!(full.client.until(|c| c.ended.get(&2).cloned()).await.outcome, Outcome::Lost);
        let code = job(&full.world.truth(), "afterwards", 10, "");
        assert_eq!(full.client.run(code).await, Outcome::Ok);
        full.close("the disk fills, kill -9").await;
    });
}

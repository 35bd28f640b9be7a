//! `kill -9` of the supervisor at every point of its work: what ran is `lost`, what waited is `not_run`, nothing is run again,
//! everything that anybody had seen is kept, and nothing is left running.

use crate::client::{Client, mutate};
use crate::dice::Dice;
use crate::processes::{signal, until};
use crate::promises::{Story, job, kept, within};
use crate::table::Row;
use crate::world::{self, World, gone, supervisor};
use nix::sys::signal::Signal;
use rialto_bridge::home::SessionHome;
use rialto_client::{EvalOptions, Start};
use rialto_protocol::message::{EvalState, Open};
use rialto_protocol::{Code, EvalId, Event, Message, Outcome};
use std::collections::BTreeMap;

/// Seeds of each test.
const TIMES: u64 = 6;

/// What is sent again afterwards: every eval with its code.
type Sent = Vec<(EvalId, String)>;

/// A job with a child of its own that would outlive it.
const CHILD: &str = "import subprocess\n_c = subprocess.Popen(['sleep', '100000'])\n";
const FOREVER: &str =
    "import time\nwhile True:\n  try: time.sleep(100)\n  except KeyboardInterrupt:\n    if STUBBORN: continue\n    raise\n";

/// A session in which one eval has ended, and what to do in it.
struct Scene {
    world: World,
    client: Client,
    sent: Sent,
    dice: Dice,
    /// What the supervisor dies of.
    of: Signal,
}

impl Scene {
    async fn new(seed: u64) -> Self {
        let mut world = World::new();
        let client = world.client("work");
        let mut scene = Self { world, client, sent: Vec::new(), dice: Dice(seed), of: Signal::SIGKILL };
        let first = scene.submit("first", 10, "");
        assert_eq!(scene.client.end_of(first).await.outcome, Outcome::Ok);
        scene
    }

    fn submit(&mut self, tag: &str, lines: u64, body: &str) -> EvalId {
        let code = job(&self.world.truth(), tag, lines, body);
        self.submit_code(code)
    }

    fn submit_code(&mut self, code: String) -> EvalId {
        let (eval, _) = self.client.submit(code.clone());
        self.sent.push((eval, code));
        eval
    }

    /// One that runs until somebody stops it, and some that wait for it.
    async fn running_and_waiting(&mut self, body: &str) -> EvalId {
        let stubborn = ["True", "False"][usize::from(self.dice.below(2) == 0)];
        let eval = self.submit("running", 1, &format!("{CHILD}STUBBORN = {stubborn}\n{body}"));
        for i in 0..self.dice.below(4) {
            self.submit(&format!("waiting{i}"), 3, "");
        }
        self.client.status().await;
        let truth = self.world.truth();
        until("an eval that runs", || std::fs::read_to_string(&truth).unwrap().contains("running").then_some(())).await;
        eval
    }

    /// Writes what is queued, and lets a moment of the dice's choice go by.
    async fn a_moment(&mut self) {
        for _ in 0..1 + self.dice.below(400) {
            tokio::select! {
                biased;
                () = self.client.step() => {}
                () = tokio::task::yield_now() => {}
            }
        }
    }

    /// The supervisor dies now.
    async fn dies(self) -> Row {
        let Self { mut world, client, sent, of, .. } = self;
        let session = world.only();
        let pid = until("a supervisor that has said who it is", || supervisor(&session)).await;
        signal(pid, of);
        gone(pid).await;
        let (seen, cursor) = (client.story.clone(), client.cursor());
        drop(client);
        let lying = world.journal(&session);
        within(&seen, &lying);
        let noted = handed_over(&session);
        let open = Open { session: session.id().to_string(), ..Open::default() };
        let mut next = world.client_from(open, Start::After(cursor));
        next.catch_up().await;
        let strays = world.strays(&session);
        assert!(strays.is_empty(), "left running: {strays:#?}");
        said(&lying, &next, &noted);
        again(&mut next, &sent, &lying).await;
        if !ended(&lying) {
            let (eval, _) = next.submit(job(&world.truth(), "afterwards", 5, ""));
            assert_eq!(next.end_of(eval).await.outcome, Outcome::Ok);
        }
        let all = world.journal_through_a_client("work").await;
        within(&next.story, &all);
        within(&lying, &all);
        incarnations(&all);
        world.logs_are_calm();
        drop(next);
        world.ends(Row { played: 1, orphans: strays.len() as u64, ..kept(&all, &world.truth()) }).await
    }
}

fn ended(story: &Story) -> bool {
    story.records.iter().any(|r| matches!(r.event, Event::SessionEnded(_)))
}

/// The evals that the supervisor noted last as handed to its kernel, in whatever incarnation.
fn handed_over(session: &SessionHome) -> Vec<u64> {
    let note = std::fs::read(session.dir().join("handed")).unwrap_or_default();
    note.chunks_exact(8).skip(1).map(|n| u64::from_le_bytes(n.try_into().unwrap())).collect()
}

/// What had no end when the supervisor died got the right one. What has no `started` and was noted had been handed over.
fn said(lying: &Story, next: &Client, noted: &[u64]) {
    let mut open: BTreeMap<u64, bool> = BTreeMap::new();
    for record in &lying.records {
        match &record.event {
            Event::Accepted(a) => _ = open.insert(a.n, a.started),
            Event::Started(s) => _ = open.insert(s.n, true),
            Event::Ended(e) => _ = open.remove(&e.n),
            _ => {}
        }
    }
    for (n, started) in open {
        let outcome = next.ended.get(&n).unwrap_or_else(|| panic!("#{n} has no end")).outcome;
        assert_eq!(outcome, if started || noted.contains(&n) { Outcome::Lost } else { Outcome::NotRun }, "#{n}");
        if !started && outcome == Outcome::Lost {
            println!("  it died between handing #{n} over and recording that");
        }
    }
}

/// Every eval is submitted again. What the journal knew is answered with how it ended, and nothing runs.
async fn again(next: &mut Client, sent: &Sent, lying: &Story) {
    let known = |eval: EvalId| lying.records.iter().any(|r| matches!(&r.event, Event::Accepted(a) if a.eval == eval));
    for (eval, code) in sent {
        let (_, ticket) = next.submit_with(code.as_str(), EvalOptions { id: Some(*eval), ..EvalOptions::default() });
        match next.answer(ticket).await {
            Ok(Message::EvalInfo(info)) if known(*eval) => {
                assert!(info.known && info.state == EvalState::Ended, "{info:?}");
            }
            // It had not arrived: now it is new.
            Ok(Message::EvalInfo(info)) => {
                assert!(!info.known, "{info:?}");
                let ticket = next.interrupt(*eval);
                next.verdict(ticket).await;
                next.end_of(*eval).await;
            }
            Err(why) => assert!(why.known() == Some(Code::SessionEnded) && ended(lying), "{why:?}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Epochs and lives grow, and the first end of each life but the first says that what was made before is gone.
pub(crate) fn incarnations(all: &Story) {
    let (mut epoch, mut life, mut lives) = (0, 0, 0);
    let (mut fresh, mut started) = (false, Vec::new());
    for record in &all.records {
        match &record.event {
            Event::EpochStarted(e) => {
                assert!(e.epoch > epoch, "epoch {} after {epoch}", e.epoch);
                epoch = e.epoch;
            }
            Event::LifeStarted(l) => {
                assert!(l.life > life, "life {} after {life}", l.life);
                (life, lives, fresh) = (l.life, lives + 1, lives > 0);
            }
            Event::Accepted(a) if a.started => started.push(a.n),
            Event::Started(s) => started.push(s.n),
            Event::Ended(e) if started.contains(&e.n) => {
                assert_eq!(e.fresh_state, fresh, "#{} in life {life}", e.n);
                fresh = false;
            }
            _ => {}
        }
    }
    assert!(epoch > 0 && lives > 0);
}

/// The same for all of a test's seeds.
fn times<F: Future<Output = Row>>(name: &str, base: u64, scenario: impl Fn(u64) -> F) {
    world::times(&format!("supervisor killed {name}"), base..base + TIMES, scenario);
}

/// What a supervisor that starts has made, in this order.
const MADE: [&str; 6] = ["log", "lock", "journal.db", "kernel.json", "journal.db-wal", "socket"];

#[test]
fn while_it_starts() {
    times("while it starts", 100, |seed| async move {
        let mut world = World::new();
        let mut client = world.client("work");
        let code = job(&world.truth(), "first", 100, CHILD);
        let (eval, _) = client.submit(code);
        let made = MADE[usize::try_from(seed).unwrap() % MADE.len()];
        let home = world.home.clone();
        let there = |session: &SessionHome| match made {
            "socket" => session.socket().unwrap().exists(),
            file => session.dir().join(file).exists(),
        };
        let pid = loop {
            tokio::select! {
                biased;
                () = client.step() => {}
                () = tokio::task::yield_now() => {}
            }
            let sessions = home.sessions().unwrap();
            if sessions.first().is_some_and(&there)
                && let Some(one) = world.processes().into_iter().find(|p| p.command.contains("supervise"))
            {
                break one.pid;
            }
        };
        signal(pid, Signal::SIGKILL);
        gone(pid).await;
        // The same handle: it finds the session again, and its submit is run once or said to be lost.
        let outcome = client.end_of(eval).await.outcome;
        assert!(matches!(outcome, Outcome::Ok | Outcome::Lost | Outcome::NotRun), "{outcome:?}");
        let code = job(&world.truth(), "second", 100, "");
        assert_eq!(client.run(code).await, Outcome::Ok);
        let session = world.only();
        let strays = world.strays(&session);
        assert!(strays.is_empty() && supervisor(&session).is_some_and(|now| now != pid), "{strays:#?}");
        let all = world.journal_through_a_client("work").await;
        within(&client.story, &all);
        incarnations(&all);
        drop(client);
        world.ends(Row { played: 1, orphans: strays.len() as u64, ..kept(&all, &world.truth()) }).await
    });
}

#[test]
fn while_idle_or_just_asked() {
    times("idle or just asked", 200, |seed| async move {
        let mut scene = Scene::new(seed).await;
        if seed % 3 > 0 {
            for i in 0..seed % 3 * 2 {
                scene.submit(&format!("asked{i}"), 3, CHILD);
            }
            scene.a_moment().await;
        }
        scene.dies().await
    });
}

#[test]
fn while_evals_wait() {
    times("while evals wait", 300, |seed| async move {
        let mut scene = Scene::new(seed).await;
        scene.running_and_waiting(FOREVER).await;
        scene.a_moment().await;
        scene.dies().await
    });
}

/// Each is handed over before the end of the one before is recorded: most deaths come between the two.
#[test]
fn while_one_short_eval_follows_another() {
    times("while short evals follow one another", 900, |seed| async move {
        let mut scene = Scene::new(seed).await;
        for i in 0..150 {
            scene.submit(&format!("short{i}"), 0, "");
        }
        let enough = 2 + scene.dice.below(100) as usize;
        scene.client.until(|c| (c.ended.len() > enough).then_some(())).await;
        scene.dies().await
    });
}

#[test]
fn while_output_flows() {
    times("while output flows", 400, |seed| async move {
        let mut scene = Scene::new(seed).await;
        scene.submit("flood", 10_000_000, CHILD);
        scene.submit("waiting", 3, "");
        let enough = 1 + scene.dice.below(3_000_000);
        scene.client.until(|c| (c.printed > enough).then_some(())).await;
        scene.dies().await
    });
}

#[test]
fn while_a_large_display_comes_in_pieces() {
    times("in a large display", 500, |seed| async move {
        let mut scene = Scene::new(seed).await;
        let shown = "class P:\n  def _repr_png_(self): return b'p' * 40_000_000\nP()";
        let code = job(&scene.world.truth(), "shown", 0, CHILD).replace("\nfor _i in range(0): print(f'shown:{_i}')", "");
        let eval = scene.submit_code(format!("{code}{shown}"));
        scene.client.until(|c| c.numbers.get(&eval).copied()).await;
        let (session, enough) = (scene.world.only(), 1_000_000 + scene.dice.below(20_000_000));
        until("pieces in the journal", || (session.bytes() > enough).then_some(())).await;
        scene.dies().await
    });
}

#[test]
fn during_an_interrupt() {
    times("during an interrupt", 600, |seed| async move {
        let mut scene = Scene::new(seed).await;
        let eval = scene.running_and_waiting(FOREVER).await;
        scene.client.interrupt(eval);
        if seed % 2 == 0 {
            scene.client.event(|e| matches!(e, Event::Interrupting(_))).await;
        }
        scene.a_moment().await;
        scene.dies().await
    });
}

#[test]
fn during_a_restart_or_a_kill() {
    times("during a restart or a kill", 700, |seed| async move {
        let mut scene = Scene::new(seed).await;
        let busy = seed % 2 == 0;
        if busy {
            scene.running_and_waiting(FOREVER).await;
        }
        let request = if seed % 3 == 0 { Message::Kill(mutate()) } else { Message::Restart(mutate()) };
        scene.client.session.send(request).unwrap();
        if busy && seed % 4 == 0 {
            scene.client.event(|e| matches!(e, Event::LifeEnded(_))).await;
        } else {
            scene.a_moment().await;
        }
        scene.dies().await
    });
}

#[test]
fn when_the_system_shuts_down() {
    times("by SIGTERM", 800, |seed| async move {
        let mut scene = Scene::new(seed).await;
        scene.of = Signal::SIGTERM;
        match seed % 3 {
            0 => {}
            1 => _ = scene.running_and_waiting(FOREVER).await,
            _ => {
                scene.submit("flood", 10_000_000, CHILD);
                scene.client.until(|c| (c.printed > 100_000).then_some(())).await;
            }
        }
        scene.dies().await
    });
}

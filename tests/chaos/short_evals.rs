//! Many short evals follow one another, and most lie in the kernel before their turn comes: whatever is done to one of them then
//! hits that one, and what had not begun never does.

use crate::client::{Client, mutate};
use crate::dice::Dice;
use crate::processes::signal;
use crate::promises::{job, kept};
use crate::supervisor_dies::incarnations;
use crate::table::Row;
use crate::world::{self, World, kernel};
use nix::sys::signal::Signal;
use rialto_protocol::message::Verdict;
use rialto_protocol::{EvalId, Event, Message, Outcome};
use std::collections::{BTreeMap, BTreeSet};

const EVALS: usize = 300;
/// Seeds of each test.
const TIMES: u64 = 6;
/// Stops when it is interrupted, and never before.
const FOREVER: &str = "while True: pass\n";

struct Burst {
    world: World,
    client: Client,
    dice: Dice,
    evals: Vec<EvalId>,
}

impl Burst {
    /// All are submitted before the first begins; what some of them do besides being counted.
    async fn new(seed: u64, does: BTreeMap<usize, &str>) -> Self {
        let mut world = World::new();
        let mut client = world.client("work");
        let gate = world.path("gate");
        let first = client.submit(format!("import os, time\nwhile not os.path.exists({gate:?}): time.sleep(0.001)")).0;
        let truth = world.truth();
        let one = |i| client.submit(job(&truth, &format!("short{i}"), 1, does.get(&i).copied().unwrap_or_default())).0;
        let evals: Vec<EvalId> = (0..EVALS).map(one).collect();
        // What came after a death would run in the next kernel.
        client.until(|c| evals.iter().all(|eval| c.numbers.contains_key(eval)).then_some(())).await;
        std::fs::write(gate, "").unwrap();
        assert_eq!(client.end_of(first).await.outcome, Outcome::Ok);
        Self { world, client, dice: Dice(seed), evals }
    }

    /// Goes on until so many of them have ended.
    async fn until_ended(&mut self, many: usize) {
        self.client.until(|c| (c.ended.len() > many).then_some(())).await;
    }

    async fn outcome(&mut self, i: usize) -> Outcome {
        self.client.end_of(self.evals[i]).await.outcome
    }

    /// Every promise, from the journal and from what really ran.
    async fn keeps_all(self) -> Row {
        let Self { mut world, client, .. } = self;
        let all = world.journal_through_a_client("work").await;
        incarnations(&all);
        drop(client);
        let row = Row { played: 1, ..kept(&all, &world.truth()) };
        world.ends(row).await
    }
}

fn times<F: Future<Output = Row>>(name: &str, base: u64, scenario: impl Fn(u64) -> F) {
    world::times(name, base..base + TIMES, scenario);
}

#[test]
fn an_interrupt_hits_the_one_it_names_and_no_other() {
    times("interrupts among short evals", 1_700, |seed| async move {
        let mut dice = Dice(seed);
        let stuck: BTreeSet<usize> = (0..5).map(|_| dice.below(EVALS as u64) as usize).collect();
        let mut burst = Burst::new(seed, stuck.iter().map(|i| (*i, FOREVER)).collect()).await;
        let mut asked = BTreeMap::new();
        for next in &stuck {
            // Those before it run as fast as they can, and some of them are interrupted meanwhile: one that has ended, one that
            // runs, one that is next, one that waits.
            while burst.client.ended.len() < next + 1 && burst.dice.below(12) > 0 {
                let i = (burst.client.ended.len() + burst.dice.below(12) as usize).min(EVALS - 1);
                if !stuck.contains(&i) {
                    asked.insert(i, burst.client.interrupt(burst.evals[i]));
                }
                let many = burst.client.ended.len() + burst.dice.below(8) as usize;
                burst.until_ended(many.min(*next)).await;
            }
            asked.insert(*next, burst.client.interrupt(burst.evals[*next]));
        }
        for i in 0..EVALS {
            let outcome = burst.outcome(i).await;
            let verdict = match asked.get(&i) {
                Some(ticket) => Some(burst.client.verdict(*ticket).await.verdict),
                None => None,
            };
            let right = match outcome {
                Outcome::Ok => matches!(verdict, None | Some(Verdict::Finished)) && !stuck.contains(&i),
                Outcome::Interrupted => verdict == Some(Verdict::Interrupted),
                Outcome::Cancelled => verdict == Some(Verdict::Cancelled),
                _ => false,
            };
            assert!(right, "eval {i}: {outcome:?}, and whoever interrupted it heard {verdict:?}");
        }
        burst.keeps_all().await
    });
}

#[test]
fn their_kernel_ends_itself() {
    times("a kernel that ends itself among short evals", 1_800, |seed| async move {
        let last = Dice(seed).below(EVALS as u64) as usize;
        let mut burst = Burst::new(seed, BTreeMap::from([(last, "os._exit(3)\n")])).await;
        for i in 0..EVALS {
            let expected = match i.cmp(&last) {
                std::cmp::Ordering::Less => Outcome::Ok,
                std::cmp::Ordering::Equal => Outcome::Died,
                std::cmp::Ordering::Greater => Outcome::NotRun,
            };
            assert_eq!(burst.outcome(i).await, expected, "eval {i}, where {last} ends the kernel");
        }
        assert_eq!(burst.client.run("1").await, Outcome::Ok);
        burst.keeps_all().await
    });
}

#[test]
fn their_kernel_is_killed_or_restarted() {
    times("a kernel that is killed among short evals", 1_900, |seed| async move {
        let mut burst = Burst::new(seed, BTreeMap::new()).await;
        let many = 1 + burst.dice.below(EVALS as u64 / 2) as usize;
        burst.until_ended(many).await;
        if seed % 2 == 0 {
            signal(kernel(&burst.world.only()).unwrap(), Signal::SIGKILL);
        } else {
            burst.client.session.send(Message::Restart(mutate())).unwrap();
        }
        let mut outcomes = Vec::new();
        for i in 0..EVALS {
            outcomes.push(burst.outcome(i).await);
        }
        // All that ran, the one that ran as it ended unless it came between two, and those that never began.
        let ok = outcomes.iter().take_while(|o| **o == Outcome::Ok).count();
        let died = outcomes[ok..].iter().take_while(|o| **o == Outcome::Died).count();
        let rest: BTreeMap<usize, Outcome> = outcomes.iter().copied().enumerate().skip(ok + died).collect();
        let right = ok >= many && died <= 1 && rest.values().all(|o| *o == Outcome::NotRun);
        assert!(right, "{many} had ended: {ok} ended well, {died} died, then {rest:?}");
        // All may have ended before it did, and what is submitted before its death is noticed dies with it.
        let over = |c: &Client| c.story.records.iter().any(|r| matches!(r.event, Event::LifeEnded(_)));
        burst.client.until(|c| over(c).then_some(())).await;
        assert_eq!(burst.client.run("1").await, Outcome::Ok);
        burst.keeps_all().await
    });
}

#[test]
fn questions_are_answered_in_between() {
    times("questions among short evals", 2_000, |seed| async move {
        let mut burst = Burst::new(seed, BTreeMap::new()).await;
        while burst.client.ended.len() < EVALS / 2 {
            let many = burst.client.ended.len() + burst.dice.below(20) as usize;
            burst.until_ended(many).await;
            burst.client.status().await;
            let is_complete = rialto_protocol::message::At { re: 0, code: "f(".into(), cursor: 2, detail: 0 };
            let _ = burst.client.ask(Message::IsComplete(is_complete)).await;
        }
        for i in 0..EVALS {
            assert_eq!(burst.outcome(i).await, Outcome::Ok, "eval {i}");
        }
        burst.keeps_all().await
    });
}

//! `kill -9` of the daemon, the client, the supervisor, the kernel, alone and in pairs, at every stage of an eval: on its way,
//! waiting, running, printing, at its end. The daemon comes back at once, or late. Whoever asked asks again. By a socket; and
//! over networks, where what is killed is whoever carries the connections.

use crate::actor::{Actor, By, number, through};
use crate::client::Client;
use crate::daemon::Daemon;
use crate::dice::Dice;
use crate::long;
use crate::processes::{left, process, signal, until};
use crate::promises::{Story, job, kept, within};
use crate::supervisor_dies::incarnations;
use crate::table::Row;
use crate::ways::Way;
use crate::world::{World, gone, kernel, play, supervisor};
use nix::sys::signal::Signal;
use rialto_protocol::{Event, Outcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Daemon,
    Client,
    Supervisor,
    Kernel,
}

use Victim::{Client as TheClient, Daemon as TheDaemon, Kernel as TheKernel, Supervisor as TheSupervisor};

/// Alone and in pairs.
const VICTIMS: [&[Victim]; 10] = [
    &[TheDaemon],
    &[TheClient],
    &[TheSupervisor],
    &[TheKernel],
    &[TheDaemon, TheClient],
    &[TheDaemon, TheSupervisor],
    &[TheDaemon, TheKernel],
    &[TheClient, TheSupervisor],
    &[TheClient, TheKernel],
    &[TheSupervisor, TheKernel],
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Submitted,
    Accepted,
    Running,
    Output,
    Done,
}

const LINES: u64 = 20_000;

/// One session, somebody who watches it, and somebody who acts.
struct Scene {
    // First, so that it ends before its folders go.
    daemon: Daemon,
    world: World,
    watcher: Client,
    actor: Actor,
    dice: Dice,
    stage: Stage,
}

impl Scene {
    async fn new(stage: Stage, by: By, way: Way, mut dice: Dice) -> Self {
        let mut world = World::new();
        let daemon = Daemon::by(&world, way).await;
        let mut watcher = through(&mut world, daemon.through(), "watcher");
        let first = job(&world.truth(), "first", 10, "");
        assert_eq!(watcher.run(first).await, Outcome::Ok);
        let (gate, done) = (world.path("gate"), world.path("done"));
        let (lines, body) = match stage {
            Stage::Output => (LINES, String::new()),
            Stage::Running => (50, format!("import time\nwhile not os.path.exists({gate:?}): time.sleep(0.003)\n")),
            _ => (50, String::new()),
        };
        let code = format!("{}open({done:?}, 'w').close()\n", job(&world.truth(), "acted", lines, &body));
        let actor = Actor::new(&world, by, &mut dice, code);
        Self { daemon, world, watcher, actor, dice, stage }
    }

    /// Waits for what other processes do. The watcher watches meanwhile.
    async fn watching<T>(&mut self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        let watcher = &mut self.watcher;
        let actor = &mut self.actor;
        let watch = async {
            loop {
                tokio::select! {
                    () = watcher.step() => {}
                    _ = actor.goes_on(), if actor.listens() => {}
                }
            }
        };
        tokio::select! { found = until(what, look) => found, () = watch => unreachable!() }
    }

    /// Goes on until the watcher has seen it.
    async fn seen(&mut self, found: impl Fn(&Client, &Actor) -> bool) {
        while !found(&self.watcher, &self.actor) {
            let Self { watcher, actor, .. } = self;
            tokio::select! {
                () = watcher.step() => {}
                _ = actor.goes_on(), if actor.listens() => {}
            }
        }
    }

    /// A moment of the dice's choice.
    async fn a_moment(&mut self, most: u64) {
        for _ in 0..self.dice.below(most) {
            let Self { watcher, actor, .. } = self;
            tokio::select! {
                biased;
                () = watcher.step() => {}
                _ = actor.goes_on(), if actor.listens() => {}
                () = tokio::task::yield_now() => {}
            }
        }
    }

    /// Brings the eval to its stage.
    async fn gets_there(&mut self, frozen: Option<i32>) {
        let (truth, done) = (self.world.truth(), self.world.path("done"));
        if self.stage == Stage::Accepted {
            let gate = self.world.path("gate");
            let body = format!("import time\nwhile not os.path.exists({gate:?}): time.sleep(0.003)\n");
            let (eval, _) = self.watcher.submit(job(&truth, "before", 5, &body));
            self.watcher.until(|c| c.numbers.get(&eval).copied()).await;
        }
        if let Some(pid) = frozen {
            signal(pid, Signal::SIGSTOP);
            until("a stopped process", || process(pid).filter(|p| p.state == 'T').map(drop)).await;
        }
        self.actor.starts(&mut self.world, &self.daemon);
        match self.stage {
            // Somewhere between the start of the program and the first that is heard of it.
            Stage::Submitted => self.a_moment(if frozen.is_some() { 40 } else { 3_000 }).await,
            Stage::Accepted => self.seen(|c, a| c.numbers.contains_key(&a.eval)).await,
            Stage::Running => {
                let runs = || std::fs::read_to_string(&truth).unwrap_or_default().contains("acted").then_some(());
                self.watching("an eval that runs", runs).await;
            }
            Stage::Output => {
                let enough = self.watcher.printed + 1 + self.dice.below(150_000);
                self.seen(|c, _| c.printed > enough).await;
            }
            Stage::Done => {
                self.watching("an eval's last line", || done.exists().then_some(())).await;
                self.a_moment(30).await;
            }
        }
    }

    async fn kills(&mut self, victims: &[Victim]) {
        let session = self.world.only();
        let (supervisor, kernel) = (supervisor(&session).unwrap(), kernel(&session).unwrap());
        for victim in victims {
            match victim {
                Victim::Daemon => self.daemon.dies(),
                Victim::Client => self.actor.dies(&self.world).await,
                Victim::Supervisor => {
                    signal(supervisor, Signal::SIGKILL);
                    gone(supervisor).await;
                }
                Victim::Kernel => signal(kernel, Signal::SIGKILL),
            }
        }
    }

    /// The daemon comes back, when everybody has noticed, and what could end without it has ended.
    async fn late(&mut self, hurt: bool) {
        let attempts = self.watcher.attempts + 2;
        self.seen(|c, _| c.attempts >= attempts).await;
        let done = self.world.path("done");
        if !hurt && self.stage != Stage::Submitted {
            self.watching("the end of an eval without a daemon", || done.exists().then_some(())).await;
        }
    }

    /// Whoever asked asks until there is an answer.
    async fn is_answered(&mut self) {
        for _ in 0..60 {
            self.daemon.listens().await;
            if self.actor.is_gone() {
                self.actor.starts(&mut self.world, &self.daemon);
            }
            loop {
                let Self { watcher, actor, .. } = self;
                let answered = tokio::select! { () = watcher.step() => None, done = actor.goes_on() => Some(done) };
                match answered {
                    Some(true) => return,
                    Some(false) if self.actor.is_gone() => break,
                    _ => {}
                }
            }
        }
        panic!("it asks for ever; it said: {}", std::fs::read_to_string(self.world.path("said")).unwrap_or_default());
    }

    async fn plays(mut self, victims: &[Victim], late: bool) -> Row {
        let hurt = victims.iter().any(|v| matches!(v, Victim::Supervisor | Victim::Kernel));
        // Half of those who are on their way meet a supervisor that has not read a byte of it yet.
        let freeze = self.stage == Stage::Submitted && self.dice.below(2) == 0;
        let frozen = freeze.then(|| supervisor(&self.world.only()).unwrap());
        self.gets_there(frozen).await;
        self.kills(victims).await;
        frozen.iter().filter(|pid| process(**pid).is_some()).for_each(|pid| signal(*pid, Signal::SIGCONT));
        std::fs::write(self.world.path("gate"), "").unwrap();
        if victims.contains(&Victim::Daemon) {
            if late {
                self.late(hurt).await;
            }
            self.daemon.starts(&self.world);
        }
        self.is_answered().await;
        println!("{}", std::fs::read_to_string(self.world.path("said")).unwrap_or_default());
        let last = job(&self.world.truth(), "afterwards", 5, "");
        let mut outcome = self.watcher.run(last).await;
        if outcome == Outcome::Died && victims.contains(&Victim::Kernel) {
            // It was sent to a kernel whose death nobody had noticed yet.
            outcome = self.watcher.run(job(&self.world.truth(), "after-that", 5, "")).await;
        }
        assert_eq!(outcome, Outcome::Ok);
        self.judged(hurt).await
    }

    async fn judged(self, hurt: bool) -> Row {
        let Self { mut daemon, mut world, mut watcher, actor, .. } = self;
        watcher.catch_up().await;
        let all = world.journal_through_a_client("work").await;
        let outcome = outcome(&all, &actor);
        let fine = if hurt {
            matches!(outcome, Outcome::Ok | Outcome::Lost | Outcome::NotRun | Outcome::Died)
        } else {
            outcome == Outcome::Ok
        };
        assert!(fine, "{outcome:?}");
        // The watcher saw all of it, through everything.
        within(&watcher.story, &all);
        assert_eq!(watcher.story.records.len(), all.records.len());
        assert_eq!((watcher.story.gaps.len(), watcher.session.counters().faults), (0, 0));
        let told = actor.saw(&all);
        incarnations(&all);
        world.logs_are_calm();
        daemon.dies();
        let log = std::fs::read_to_string(world.path("daemon.log")).unwrap_or_default();
        assert!(!log.contains("panicked"), "{log}");
        let row = kept(&all, &world.truth());
        let events = row.events + watcher.story.records.len() as u64 + told;
        drop((watcher, actor));
        // Who served a connection may be about to notice that it is over.
        let orphans = left(|| world.strays(&world.only())).await.len() as u64;
        world.ends(Row { played: 1, events, orphans, ..row }).await
    }
}

fn outcome(all: &Story, actor: &Actor) -> Outcome {
    let n = number(all, actor.eval);
    let end = |event: &Event| if let Event::Ended(e) = event { (e.n == n).then_some(e.outcome) } else { None };
    all.records.iter().find_map(|record| end(&record.event)).expect("it ended")
}

/// Every set of victims at one stage, each with programs and moments of its dice's choice.
fn stage(stage: Stage, base: u64, name: &str) {
    // `play` bounds each.
    let mut sum = Row::default();
    for round in 0..if long() { 6 } else { 1 } {
        for (i, victims) in VICTIMS.iter().enumerate() {
            let mut dice = Dice(base + 100 * round + i as u64);
            sum.add(&one(stage, Way::Unix, victims, &mut dice));
        }
    }
    sum.close(&format!("kill -9 of 1 and 2, eval {name}"));
}

fn one(stage: Stage, way: Way, victims: &[Victim], dice: &mut Dice) -> Row {
    let by = [By::Exec, By::Rpc, By::Library][usize::try_from(dice.below(3)).unwrap()];
    let late = dice.below(2) == 0;
    println!("{stage:?} by {way:?}: {victims:?} die, asked by {by:?}, late {late}");
    play(async { Box::pin(Scene::new(stage, by, way, dice.clone()).await.plays(victims, late)).await })
}

/// Over a network every stage has one that leads there die, and one of the others' sets.
fn over(way: Way, base: u64, name: &str) {
    let stages = [Stage::Submitted, Stage::Accepted, Stage::Running, Stage::Output, Stage::Done];
    let mut sum = Row::default();
    for round in 0..if long() { 6 } else { 1 } {
        for (i, stage) in stages.into_iter().enumerate() {
            let mut dice = Dice(base + 100 * round + i as u64);
            sum.add(&one(stage, way, VICTIMS[0], &mut dice));
            let others = 1 + usize::try_from(dice.below(VICTIMS.len() as u64 - 1)).unwrap();
            sum.add(&one(stage, way, VICTIMS[others], &mut dice));
        }
    }
    sum.close(&format!("kill -9 of 1 and 2, {name}"));
}

#[test]
fn over_our_ssh_server() {
    over(Way::Ssh, 6_000, "over our ssh server");
}

#[test]
fn over_the_stock_sshd() {
    over(Way::Sshd, 7_000, "over the stock sshd");
}

#[test]
fn over_a_websocket_with_tls() {
    over(Way::Wss, 8_000, "over wss");
}

#[test]
fn on_its_way() {
    stage(Stage::Submitted, 1_000, "on its way");
}

#[test]
fn waiting() {
    stage(Stage::Accepted, 2_000, "waiting");
}

#[test]
fn running() {
    stage(Stage::Running, 3_000, "running");
}

#[test]
fn printing() {
    stage(Stage::Output, 4_000, "printing");
}

#[test]
fn at_its_end() {
    stage(Stage::Done, 5_000, "at its end");
}

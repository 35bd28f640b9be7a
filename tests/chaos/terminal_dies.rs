//! `kill -9` of a person's terminal, alone and with the daemon, the supervisor, the kernel, at every stage of an eval: typed
//! without a link, on its way, waiting, running, printing, at its end. The next terminal goes on where the first one was: the
//! eval ran once if it was ever noted and not at all if it was not, and both screens together have all that it printed.

use crate::actor::{number, stdout, through};
use crate::client::Client;
use crate::daemon::Daemon;
use crate::dice::Dice;
use crate::long;
use crate::processes::{process, signal, until};
use crate::promises::{Story, job, kept};
use crate::table::Row;
use crate::world::{RIALTO, World, files, gone, kernel, play, python, supervisor};
use nix::sys::signal::Signal;
use rialto_protocol::{Event, Outcome};
use std::process::{Child, Stdio};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offline,
    Submitted,
    Accepted,
    Running,
    Output,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    Nobody,
    Daemon,
    Supervisor,
    Kernel,
}

const STAGES: [Stage; 6] = [Stage::Offline, Stage::Submitted, Stage::Accepted, Stage::Running, Stage::Output, Stage::Done];
const SECONDS: [Second; 4] = [Second::Nobody, Second::Daemon, Second::Supervisor, Second::Kernel];

/// Of the eval that prints much: more than a terminal takes at once.
const LINES: u64 = 20_000;

/// A terminal that knows no escape sequences, and somebody in front of it who answers each prompt with the next line, once the
/// file named before it is there. A prompt below which something was said meanwhile is one as well, once nothing more is said.
const TERMINAL: &str = "
import os, pty, select, sys, time
out, lines, command = sys.argv[1], sys.argv[2].split('\\n'), sys.argv[3:]
out = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
pid, fd = pty.fork()
if pid == 0: os.execv(command[0], command)
seen = b''
while True:
  quiet = not select.select([fd], [], [], 2)[0]
  if not quiet:
    try: data = os.read(fd, 65536)
    except OSError: break
    if not data: break
    os.write(out, data)
    seen = (seen + data)[-4096:]
  if lines and (seen.endswith(b'>>> ') or quiet and b'\\n>>> ' in seen):
    wait, text = lines.pop(0).split('|', 1)
    while wait and not os.path.exists(wait): time.sleep(0.002)
    seen = b''
    os.write(fd, text.encode())
";

/// One such terminal.
struct Terminal {
    child: Child,
    out: std::path::PathBuf,
}

impl Terminal {
    /// Types these lines, each when a file is there.
    fn new(world: &World, daemon: &Daemon, name: &str, lines: &[(&str, String)]) -> Self {
        let out = world.path(name);
        let lines: Vec<String> = lines.iter().map(|(wait, text)| format!("{wait}|{text}")).collect();
        let environment = world.command(&[]);
        let mut command = std::process::Command::new(python());
        command.args(["-c", TERMINAL]).arg(&out).arg(lines.join("\n")).args([RIALTO, "--at", &daemon.at(), "repl", "work"]);
        command.envs(environment.get_envs().filter_map(|(key, value)| Some((key, value?)))).env("TERM", "dumb");
        command.current_dir(world.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap(), out }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.out).unwrap_or_default()).replace("\r\n", "\n")
    }

    /// Waits until it shows this.
    async fn shows(&self, text: &str) {
        let shown = || self.text().contains(text).then_some(());
        tokio::select! {
            () = until("what a terminal shows", shown) => {}
        }
    }

    /// Ends its program as nothing can notice. What that had shown is read to its end.
    async fn dies(mut self, world: &World) -> String {
        let repl = |p: &crate::processes::Process| p.command.contains(" repl ") && p.command.starts_with(RIALTO);
        let pid = world.processes().into_iter().find(repl).expect("a terminal's program").pid;
        signal(pid, Signal::SIGKILL);
        gone(pid).await;
        self.ends().await
    }

    async fn ends(&mut self) -> String {
        until("the end of a terminal", || self.child.try_wait().unwrap()).await;
        self.text()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether some terminal has noted the eval.
fn is_noted(world: &World) -> bool {
    let notes = files(&world.home.state().join("terminals"));
    notes.iter().any(|file| std::fs::read_to_string(file).unwrap_or_default().contains("acted"))
}

struct Scene {
    daemon: Daemon,
    world: World,
    watcher: Client,
    dice: Dice,
    stage: Stage,
}

impl Scene {
    async fn new(stage: Stage, dice: Dice) -> Self {
        let mut world = World::new();
        let daemon = Daemon::new(&world).await;
        let mut watcher = through(&mut world, daemon.through(), "watcher");
        let first = job(&world.truth(), "first", 10, "");
        assert_eq!(watcher.run(first).await, Outcome::Ok);
        Self { daemon, world, watcher, dice, stage }
    }

    const fn lines(&self) -> u64 {
        if matches!(self.stage, Stage::Output) { LINES } else { 50 }
    }

    /// The line that is typed.
    fn line(&self) -> String {
        let (gate, done) = (self.world.path("gate"), self.world.path("done"));
        let wait = format!("import time\nwhile not os.path.exists({gate:?}): time.sleep(0.003)\n");
        let body = if self.stage == Stage::Running { wait } else { String::new() };
        let code = format!("{}open({done:?}, 'w').close()\n", job(&self.world.truth(), "acted", self.lines(), &body));
        std::fs::write(self.world.path("code.py"), code).unwrap();
        format!("exec(open({:?}).read()) #job acted {}\r", self.world.path("code.py"), self.lines())
    }

    /// Does not stop watching meanwhile.
    async fn watching<T>(&mut self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        let watcher = &mut self.watcher;
        let watch = async {
            loop {
                watcher.step().await;
            }
        };
        tokio::select! { found = until(what, look) => found, () = watch => unreachable!() }
    }

    async fn a_moment(&mut self, most: u64) {
        for _ in 0..self.dice.below(most) {
            tokio::select! {
                biased;
                () = self.watcher.step() => {}
                () = tokio::task::yield_now() => {}
            }
        }
    }

    /// Types the line, and brings the eval to its stage.
    async fn gets_there(&mut self, terminal: &Terminal, supervisor: i32) {
        let (truth, done) = (self.world.truth(), self.world.path("done"));
        terminal.shows(">>> ").await;
        match self.stage {
            Stage::Offline => {
                self.daemon.dies();
                let attempts = self.watcher.attempts + 2;
                self.watcher.until(|c| (c.attempts >= attempts).then_some(())).await;
            }
            Stage::Submitted => {
                signal(supervisor, Signal::SIGSTOP);
                until("a stopped process", || process(supervisor).filter(|p| p.state == 'T').map(drop)).await;
            }
            Stage::Accepted => {
                let gate = self.world.path("gate");
                let body = format!("import time\nwhile not os.path.exists({gate:?}): time.sleep(0.003)\n");
                let (eval, _) = self.watcher.submit(job(&truth, "before", 5, &body));
                self.watcher.until(|c| c.numbers.get(&eval).copied()).await;
            }
            _ => {}
        }
        std::fs::write(self.world.path("type"), "").unwrap();
        match self.stage {
            Stage::Offline => terminal.shows("queued; sent when the link is back").await,
            // Somewhere between the first key and the end of what could be done without the session.
            Stage::Submitted => {
                if self.dice.below(3) > 0 {
                    until("a note", || is_noted(&self.world).then_some(())).await;
                } else {
                    for _ in 0..self.dice.below(2_000) {
                        tokio::task::yield_now().await;
                    }
                }
            }
            Stage::Accepted => {
                let seen = self.watcher.numbers.len() + 1;
                self.watcher.until(|c| (c.numbers.len() >= seen).then_some(())).await;
            }
            Stage::Running => {
                let runs = || std::fs::read_to_string(&truth).unwrap_or_default().contains("acted").then_some(());
                self.watching("an eval that runs", runs).await;
            }
            Stage::Output => {
                let lines = self.dice.below(LINES);
                self.watching("what a terminal shows", || terminal.text().contains(&format!("acted:{lines}\n")).then_some(()))
                    .await;
            }
            Stage::Done => {
                self.watching("an eval's last line", || done.exists().then_some(())).await;
                self.a_moment(3_000).await;
            }
        }
    }

    async fn plays(mut self, second: Second) -> Row {
        let session = self.world.only();
        let (supervisor, kernel) = (supervisor(&session).unwrap(), kernel(&session).unwrap());
        let at = self.world.path("type").display().to_string();
        let terminal = Terminal::new(&self.world, &self.daemon, "first", &[(&at, self.line())]);
        self.gets_there(&terminal, supervisor).await;
        let first = terminal.dies(&self.world).await;
        let noted = is_noted(&self.world);
        match second {
            Second::Nobody => {}
            Second::Daemon => self.daemon.dies(),
            Second::Supervisor => {
                signal(supervisor, Signal::SIGKILL);
                gone(supervisor).await;
            }
            Second::Kernel => signal(kernel, Signal::SIGKILL),
        }
        if process(supervisor).is_some() {
            signal(supervisor, Signal::SIGCONT);
        }
        std::fs::write(self.world.path("gate"), "").unwrap();
        self.daemon.dies();
        self.daemon.starts(&self.world);
        self.daemon.listens().await;
        // Twice: the first one may be sent to a kernel whose death nobody has noticed yet.
        let end = || ("", "print('the' + 'end')\r".to_owned());
        let lines = [end(), end(), ("", "\x04".to_owned())];
        let mut terminal = Terminal::new(&self.world, &self.daemon, "second", &lines);
        let shown = || terminal.text().contains("\ntheend\n").then_some(());
        let watcher = &mut self.watcher;
        let watch = async {
            loop {
                watcher.step().await;
            }
        };
        tokio::select! { () = until("a terminal that goes on", shown) => {}, () = watch => unreachable!() }
        let then = terminal.ends().await;
        self.judged(second, noted, &first, &then).await
    }

    async fn judged(self, second: Second, noted: bool, first: &str, then: &str) -> Row {
        let Self { mut daemon, mut world, mut watcher, stage, .. } = self;
        watcher.catch_up().await;
        let all = world.journal_through_a_client("work").await;
        let told = then.contains("was waiting when the terminal ended");
        let ours = eval(&all);
        let twice = match ours {
            Some(eval) => {
                let printed = String::from_utf8(stdout(&all, eval)).unwrap();
                let twice = overlap(&printed, &shown_by_the_first(first), &shown_by_the_second(then));
                let end = all.records.iter().find_map(|r| match &r.event {
                    Event::Ended(e) if e.n == number(&all, eval) => Some(e.outcome),
                    _ => None,
                });
                let hurt = matches!(second, Second::Supervisor | Second::Kernel);
                let fine = matches!(end, Some(Outcome::Ok)) || hurt && end.is_some();
                assert!(fine, "{stage:?} {second:?} {end:?}");
                twice
            }
            None => {
                assert!(!noted, "it was noted, and never ran:\n{first}\n---\n{then}");
                0
            }
        };
        assert!(noted || !told, "nothing was noted, and yet something is gone on with:\n{first}\n---\n{then}");
        // What was being written when it died comes again: where it was printing, one event at most.
        let most = if matches!(stage, Stage::Output | Stage::Done) { 64 * 1024 } else { 0 };
        assert!(twice <= most, "{twice} bytes came twice:\n{first}\n---\n{then}");
        let row = kept(&all, &world.truth());
        world.logs_are_calm();
        daemon.dies();
        let orphans = world.strays(&world.only()).len() as u64;
        drop(watcher);
        let events = row.events + first.lines().count() as u64 + then.lines().count() as u64;
        let note = if twice > 0 { format!("{twice} bytes were being written, and came again; ") } else { String::new() };
        world.ends(Row { played: 1, events, orphans, note, ..row }).await
    }
}

/// The eval that was typed.
fn eval(all: &Story) -> Option<rialto_protocol::EvalId> {
    all.records.iter().find_map(|record| match &record.event {
        Event::Accepted(a) if a.code.as_deref().is_some_and(|code| code.contains("#job acted")) => Some(a.eval),
        _ => None,
    })
}

/// What stands behind the line that was typed.
fn shown_by_the_first(text: &str) -> String {
    let after = text.split_once("#job acted").and_then(|(_, rest)| rest.split_once('\n')).map_or("", |(_, rest)| rest);
    only_its_own(after)
}

/// What stands behind the word about it.
fn shown_by_the_second(text: &str) -> String {
    let after = text.split_once("was waiting when the terminal ended").and_then(|(_, rest)| rest.split_once("#job acted"));
    let after = after.and_then(|(_, rest)| rest.split_once('\n')).map_or("", |(_, rest)| rest);
    only_its_own(after)
}

/// What the eval printed, and no word of the terminal's own.
fn only_its_own(text: &str) -> String {
    let mut own = String::new();
    for line in text.split_inclusive('\n') {
        let digits = line.trim_start_matches("acted").trim_start_matches(':').trim_end_matches('\n');
        let half = "acted:".starts_with(line) || digits.bytes().all(|b| b.is_ascii_digit());
        if half {
            own.push_str(line);
        }
    }
    own
}

/// All of it was shown, the first part by the first and the rest by the second; how much by both.
fn overlap(printed: &str, first: &str, second: &str) -> usize {
    let lost = || format!("{} bytes of {}, then {}", first.len(), printed.len(), second.len());
    assert!(printed.starts_with(first), "the first one: {}: ...{}", lost(), &first[first.len().saturating_sub(300)..]);
    assert!(printed.ends_with(second), "the second one: {}: {}...", lost(), &second[..second.len().min(300)]);
    let twice = (first.len() + second.len()).checked_sub(printed.len());
    twice.unwrap_or_else(|| panic!("lost: {}", lost()))
}

#[test]
fn a_terminal_is_killed_at_every_stage_and_the_next_one_goes_on() {
    let mut sum = Row::default();
    for round in 0..if long() { 6 } else { 1 } {
        for (i, stage) in STAGES.into_iter().enumerate() {
            for (k, second) in SECONDS.into_iter().enumerate() {
                // The short run has one companion for each stage.
                if !long() && k > 0 && (i + k) % 3 > 0 {
                    continue;
                }
                let dice = Dice(7_000 + 100 * round + 10 * i as u64 + k as u64);
                println!("{stage:?}: the terminal dies, and {second:?}");
                let row = play(async { Box::pin(Scene::new(stage, dice).await.plays(second)).await });
                println!("{}", row.note);
                sum.add(&row);
            }
        }
    }
    sum.note.clear();
    sum.close("kill -9 of a terminal, and the next goes on");
}

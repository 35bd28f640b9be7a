//! What follows a long eval: a command of the user's (`--on-done`), and word to somebody who looks elsewhere (`notify.rs`).
//!
//! A command has nothing on its stdin, a minute at most, and three others beside it; what it prints is dropped, what goes wrong with
//! it is said. It runs in a process group of its own, so that a Ctrl-C meant for an eval does not reach it, and the end of its
//! time reaches all of it.

mod notify;

pub(crate) use notify::Way;

use crate::args::DoneArgs;
use crate::replay::word;
use crate::sanitise;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rialto_client::protocol::{EvalNumber, Outcome};
use std::future::{Future, poll_fn};
use std::io::Read;
use std::pin::Pin;
use std::process::Stdio;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// Commands that run at once. One more is not run, and that is said.
const AT_ONCE: usize = 4;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long somebody who leaves waits for those that still run.
const LEAVING: Duration = Duration::from_secs(3);
/// Kept of what one says on stderr: its end. Bytes.
const SAID: usize = 4 * 1024;

/// An eval that has ended.
pub(crate) struct Finished<'a> {
    pub(crate) session: &'a str,
    /// Where the session is, as `--at` has it.
    pub(crate) at: Option<String>,
    pub(crate) n: EvalNumber,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

impl Finished<'_> {
    /// For somebody who looks elsewhere.
    fn in_words(&self) -> String {
        let how = match self.outcome {
            Outcome::Ok => "is done",
            Outcome::Error => "ended with an error",
            Outcome::Exit => "has exited",
            Outcome::Interrupted => "was interrupted",
            _ => "did not end well",
        };
        let name: String = crate::ls::plain(self.session).chars().take(80).collect();
        format!("{name}#{} {how} after {}", self.n, crate::ls::duration(self.took.as_millis() as u64))
    }
}

/// See the module.
pub(crate) struct Done {
    command: Option<String>,
    after: Duration,
    way: Way,
    running: Vec<Hook>,
}

/// A command that runs: a sentence at its end, where there is something to say.
type Hook = Pin<Box<dyn Future<Output = Option<String>>>>;

impl Done {
    pub(crate) const fn new(command: Option<String>, after: Duration, way: Way) -> Self {
        Self { command, after, way, running: Vec::new() }
    }

    /// For a program that runs one eval and goes: nobody looks at a prompt.
    pub(crate) fn for_a_script(args: &DoneArgs) -> Self {
        Self::new(args.on_done.clone(), args.on_done_after, Way::Off)
    }

    /// For a terminal.
    pub(crate) fn for_a_terminal(args: &DoneArgs) -> Self {
        Self::new(args.on_done.clone(), args.on_done_after, Way::of_this_terminal())
    }

    /// An eval has ended. Gives what is to be written to the terminal, and what there is to say.
    pub(crate) fn ended(&mut self, finished: &Finished<'_>) -> (Option<String>, Option<String>) {
        if finished.took < self.after {
            return (None, None);
        }
        let sequence = self.way.sequence(&finished.in_words());
        let mut said = None;
        if let Some(command) = &self.command {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]);
            shell.env("RIALTO_SESSION", finished.session).env("RIALTO_EVAL", finished.n.to_string());
            shell.env("RIALTO_OUTCOME", word(finished.outcome));
            shell.env("RIALTO_SECONDS", format!("{:.3}", finished.took.as_secs_f64()));
            if let Some(at) = &finished.at {
                shell.env("RIALTO_AT", at);
            }
            said = self.start("the command of --on-done", finished.n, shell, false);
        }
        if self.way == Way::NotifySend {
            let mut program = Command::new("notify-send");
            program.args(["--app-name=rialto", "--", "rialto", &finished.in_words()]);
            said = said.or(self.start("notify-send", finished.n, program, true));
        }
        (sequence, said)
    }

    fn start(&mut self, what: &'static str, n: EvalNumber, mut command: Command, quiet: bool) -> Option<String> {
        if self.running.len() >= AT_ONCE {
            return Some(format!("{what} was not run for #{n}: {AT_ONCE} still run"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        match command.spawn() {
            Ok(child) => {
                let group = Group::of(&child);
                self.running.push(Box::pin(async move {
                    let went_wrong = wait(child, group, PATIENCE).await.err()?;
                    (!quiet).then(|| format!("{what} for #{n} {went_wrong}"))
                }));
                None
            }
            Err(why) => Some(format!("{what} could not be run for #{n}: {why}")),
        }
    }

    /// The next thing to say about a command. Waits for ever where none runs.
    pub(crate) async fn next(&mut self) -> String {
        poll_fn(|cx| {
            let mut said = None;
            self.running.retain_mut(|hook| {
                // The others have their turn again when this one was said.
                if said.is_some() {
                    return true;
                }
                match hook.as_mut().poll(cx) {
                    Poll::Ready(text) => {
                        said = text;
                        false
                    }
                    Poll::Pending => true,
                }
            });
            said.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Waits for those that run, to their end or for `most`, and says what there is to say.
    async fn rest(&mut self, most: Duration, say: &mut dyn FnMut(&str)) {
        let until = Instant::now() + most;
        while !self.running.is_empty() {
            let any = poll_fn(|cx| {
                let before = self.running.len();
                let mut said = Vec::new();
                self.running.retain_mut(|hook| match hook.as_mut().poll(cx) {
                    Poll::Ready(text) => {
                        said.extend(text);
                        false
                    }
                    Poll::Pending => true,
                });
                if self.running.len() < before { Poll::Ready(said) } else { Poll::Pending }
            });
            match timeout_at(until, any).await {
                Ok(said) => said.iter().for_each(|text| say(text)),
                Err(_) => {
                    let commands =
                        if self.running.len() == 1 { "a command".to_owned() } else { format!("{} commands", self.running.len()) };
                    say(&format!(
                        "{commands} of --on-done still ran and was ended: a longer one can detach itself (setsid, nohup)"
                    ));
                    self.running.clear();
                }
            }
        }
    }

    /// Somebody who sits at a terminal leaves: not for long.
    pub(crate) async fn leave(mut self, mut say: impl FnMut(&str)) {
        self.rest(LEAVING, &mut say).await;
    }

    /// A script waits: the end of its commands belongs to it.
    pub(crate) async fn finish(mut self, mut say: impl FnMut(&str)) {
        self.rest(PATIENCE + LEAVING, &mut say).await;
    }
}

/// Ends the group of a command that is not waited for to its end.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0.take() {
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}

/// Waits for a command, with an ear on its stderr, so that it is never held up by that.
async fn wait(mut child: Child, mut group: Group, patience: Duration) -> Result<(), String> {
    let mut stderr = child.stderr.take();
    let mut said = Vec::new();
    let over = timeout(patience, async {
        let mut chunk = [0; 1024];
        loop {
            tokio::select! {
                over = child.wait() => return over,
                read = async { match &mut stderr { Some(pipe) => pipe.read(&mut chunk).await, None => std::future::pending().await } } => {
                    match read {
                        Ok(n @ 1..) => keep(&mut said, chunk.get(..n).unwrap_or_default()),
                        _ => stderr = None,
                    }
                }
            }
        }
    })
    .await;
    let status = match over {
        Err(_) => return Err(format!("was ended: it took more than {} s", patience.as_secs())),
        Ok(Err(why)) => return Err(format!("cannot be waited for: {why}")),
        Ok(Ok(status)) => status,
    };
    // It is over, and what it has left running is its own affair.
    group.0 = None;
    if status.success() {
        return Ok(());
    }
    rest_of(stderr, &mut said);
    let text = String::from_utf8_lossy(&said);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let last: String = sanitise::text(last).chars().take(200).collect();
    let how =
        status.code().map_or_else(|| format!("was ended by a signal ({status})"), |code| format!("failed (exit code {code})"));
    Err(if last.is_empty() { how } else { format!("{how}: {last}") })
}

/// What is in the pipe already. Whoever else holds its other end is not waited for.
fn rest_of(stderr: Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(Ok(pipe)) = stderr.map(ChildStderr::into_owned_fd) else { return };
    let mut pipe = std::fs::File::from(pipe);
    let mut chunk = [0; SAID];
    // Not blocking, as tokio has made it; a command that fills the pipe for ever is read no further than this.
    for _ in 0..32 {
        match pipe.read(&mut chunk) {
            Ok(n @ 1..) => keep(said, chunk.get(..n).unwrap_or_default()),
            _ => return,
        }
    }
}

fn keep(said: &mut Vec<u8>, more: &[u8]) {
    said.extend_from_slice(more);
    if said.len() > SAID {
        said.drain(..said.len() - SAID);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(n: EvalNumber, seconds: u64) -> Finished<'static> {
        Finished { session: "work", at: None, n, outcome: Outcome::Ok, took: Duration::from_secs(seconds) }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// What is said of a command, to its end.
    fn said(command: &str) -> Vec<String> {
        block_on(async {
            let mut done = Done::new(Some(command.to_owned()), Duration::from_secs(5), Way::Off);
            assert_eq!(done.ended(&finished(7, 6)), (None, None));
            let mut said = Vec::new();
            done.finish(|text| said.push(text.to_owned())).await;
            said
        })
    }

    #[test]
    fn it_knows_which_eval_and_only_failures_are_said() {
        assert_eq!(said("test $RIALTO_SESSION#$RIALTO_EVAL/$RIALTO_OUTCOME/$RIALTO_SECONDS = work#7/ok/6.000"), [""; 0]);
        assert_eq!(
            said("echo out; echo first >&2; echo 'the \x1b[31mend' >&2; exit 3"),
            ["the command of --on-done for #7 failed (exit code 3): the end"]
        );
        assert_eq!(said("read x || exit 4"), ["the command of --on-done for #7 failed (exit code 4)"]);
        // Whoever inherits its stderr does not keep us.
        assert_eq!(said("sleep 1000 & echo no >&2; kill $!; exit 5").len(), 1);
    }

    #[test]
    fn a_short_eval_runs_nothing_and_there_are_never_many() {
        block_on(async {
            let mut done = Done::new(Some("true".to_owned()), Duration::from_secs(5), Way::Off);
            assert_eq!(done.ended(&finished(1, 4)), (None, None));
            assert!(done.running.is_empty());
            for n in 0..AT_ONCE as u64 {
                assert_eq!(done.ended(&finished(n, 5)).1, None);
            }
            let text = done.ended(&finished(9, 5)).1.unwrap();
            assert_eq!(text, "the command of --on-done was not run for #9: 4 still run");
        });
    }

    #[test]
    fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        block_on(async {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("sleep 1000 & echo $! > {}; wait", pid.display())]);
            command.stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0);
            let child = command.spawn().unwrap();
            // Not before it has started what is to be ended with it.
            while std::fs::read_to_string(&pid).unwrap_or_default().trim().is_empty() {
                tokio::task::yield_now().await;
            }
            let group = Group::of(&child);
            let why = wait(child, group, Duration::ZERO).await.unwrap_err();
            assert_eq!(why, "was ended: it took more than 0 s");
        });
        let pid: i32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        // Gone, or a zombie that nobody has collected yet.
        let gone = || std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "));
        while !gone() {
            std::thread::yield_now();
        }
    }
}

//! What runs: stopping it, and the numbers of the session.

use crate::exit::Failure;
use crate::interrupt;
use crate::ls;
use crate::render::size;
use crate::repl::Repl;
use crate::repl::interrupt::{FORCE, PLAN, WAIT};
use crate::repl::replay::stoppable;
use rialto_client::protocol::Message;
use rialto_client::protocol::message::Verdict;
use std::time::Instant;

impl Repl {
    /// Sends it; the answer is told when it comes, and typing goes on.
    pub(super) async fn interrupt(&mut self, which: &str, force: bool) -> Result<(), Failure> {
        let (eval, n) = if which.is_empty() {
            let status = stoppable(async { Ok(self.session.status().await?) }).await?;
            let Some(running) = status.running_eval.zip(status.running) else {
                return self.say(&format!("nothing runs in {}", self.name));
            };
            running
        } else {
            let info = stoppable(self.which(which)).await?;
            (info.eval, info.n)
        };
        self.ask_to_stop(eval, n, if force { FORCE } else { PLAN })
    }

    /// What became of such an interrupt.
    pub(in crate::repl) fn verdict(&self, n: u64, answer: &rialto_client::Answer) -> String {
        match answer {
            Ok(Message::InterruptAnswer(answer)) => match answer.verdict {
                Verdict::Pending => format!(
                    "#{n} goes on {} s after the interrupt, which was delivered: its code catches it, or does not look up from what it does; \
                     :interrupt! {n} ends the kernel with it",
                    WAIT.as_secs()
                ),
                _ => interrupt::sentence(answer, &self.name, &format!("#{n}"), WAIT),
            },
            Ok(_) => format!("#{n}: the session answered in a way this version does not know"),
            Err(why) => format!("#{n} was not interrupted: {}", why.text),
        }
    }

    pub(super) async fn stats(&mut self) -> Result<(), Failure> {
        let asked = Instant::now();
        let status = stoppable(async { Ok(self.session.status().await?) }).await?;
        let round_trip = asked.elapsed();
        let listing = stoppable(async { Ok(self.place.list().await?) }).await;
        let bytes = listing.ok().and_then(|l| l.sessions.into_iter().find(|s| s.session == status.session)).map(|s| s.bytes);
        let mut lines = Vec::new();
        let name = status.name.as_ref().map_or_else(String::new, |name| format!("{name}, "));
        let age = ls::duration(ls::now_ms().saturating_sub(status.created_ms));
        lines.push(("session", format!("{name}{}, made {age} ago by {} in {}", status.session, status.owner, status.cwd)));
        let queued = if status.queued > 0 { format!(", {} waiting", status.queued) } else { String::new() };
        lines.push(("evals", format!("{}{queued}", status.evals)));
        let journal = bytes.map_or_else(String::new, |bytes| format!(" in {}", size(bytes)));
        lines.push(("events", format!("{}{journal}, epoch {}", status.head, status.epoch)));
        if let Some(info) = &status.info {
            // Known of this machine's processes only.
            let memory =
                self.place.home().and_then(|_| resident(info.pid)).map_or_else(String::new, |b| format!(", {}", size(b)));
            let life = format!("life {}", status.life);
            lines.push(("kernel", format!("{} {}, process {}{memory}, {life}", info.language, info.version, info.pid)));
            lines.push(("", info.executable.clone()));
        } else {
            lines.push(("kernel", format!("{}, none lives; {} so far", status.kernel, status.life)));
        }
        let memory = self.place.home().and_then(|_| resident(status.pid)).map_or_else(String::new, |b| format!(", {}", size(b)));
        lines.push(("supervisor", format!("process {}{memory}", status.pid)));
        let again = match self.session.counters().links.saturating_sub(1) {
            0 => String::new(),
            n => format!(", connected again {n} times"),
        };
        let up = ls::duration(u64::try_from(self.link.up.elapsed().as_millis()).unwrap_or(u64::MAX));
        let ms = round_trip.as_secs_f64() * 1000.0;
        lines.push(("link", format!("up for {up}{again}, an answer takes {ms:.1} ms")));
        for (title, text) in lines {
            self.say(&format!("{title:11} {}", ls::plain(&text)))?;
        }
        Ok(())
    }
}

/// Memory a process of this machine takes. Bytes.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

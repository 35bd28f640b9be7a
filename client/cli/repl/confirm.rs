//! Asking before something is lost for good: what is at stake, and whether the person means it.

use super::commands::redacted;
use super::editor::{Kind, Read, Typed};
use super::link::seconds;
use super::missed::count;
use super::replay::stoppable;
use super::{Doing, Next, Repl};
use crate::exit::Failure;
use rialto_client::protocol::{EvalId, EvalNumber};
use std::io::IsTerminal;
use std::time::Duration;

/// What is done once the person says yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirm {
    /// The text of this eval is removed.
    Redact(EvalId, EvalNumber),
    Restart,
    /// The session ends.
    End,
}

impl Repl {
    /// Asks; anything but a yes leaves everything as it is.
    pub(super) fn confirm(&mut self, question: &str, what: Confirm) {
        let kind = Kind::Key { question: format!("{question} [y/N] "), choices: "yN".to_owned() };
        self.keyboard.read(Read { prompt: String::new(), initial: String::new(), kind });
        self.doing = Doing::Confirming(what);
    }

    /// What the person said.
    pub(super) async fn confirmed(&mut self, typed: &Typed, what: Confirm) -> Result<Next, Failure> {
        self.doing = Doing::Waiting;
        let yes = matches!(typed, Typed::Key('y'));
        let done = match what {
            Confirm::Redact(eval, _) if yes => redacted(self, eval),
            Confirm::Redact(_, n) => self.say(&format!("#{n} stays as it is")),
            Confirm::Restart if yes => self.restart_now().await,
            Confirm::End if yes => match self.end_now().await {
                Ok(()) => return Ok(Next::Over),
                Err(why) => Err(why),
            },
            Confirm::Restart | Confirm::End => self.say("nothing was ended"),
        };
        self.screen.flush()?;
        if let Err(why) = done {
            self.talk(why.text());
        }
        Ok(Next::On)
    }

    /// What runs and what waits, in words; nothing where nothing does.
    async fn at_stake(&mut self) -> Result<Option<String>, Failure> {
        let status = stoppable(async { Ok(self.session.status().await?) }).await?;
        self.who_runs(&status).await?;
        let runs = status.running.map(|n| {
            let line = self.evals.headline(n).unwrap_or_else(|| format!("#{n}"));
            format!("{line}: has run for {}", seconds(Duration::from_millis(status.running_ms.unwrap_or(0))))
        });
        let waits = (status.queued > 0).then(|| count(status.queued, "eval waits", "evals wait"));
        let all: Vec<String> = runs.into_iter().chain(waits).collect();
        Ok((!all.is_empty()).then(|| all.join("; ")))
    }

    /// Does it where nothing is lost by it, else asks. Where nobody can be asked, it says how to do it unasked.
    pub(super) async fn unless_at_stake(&mut self, what: Confirm, unasked: &str) -> Result<Next, Failure> {
        let Some(lost) = self.at_stake().await? else {
            return match what {
                Confirm::End => self.end_now().await.map(|()| Next::Over),
                _ => self.restart_now().await.map(|()| Next::On),
            };
        };
        self.say(&lost)?;
        if std::io::stdin().is_terminal() {
            let and = if what == Confirm::End { "end the session" } else { "restart the kernel" };
            self.screen.before_read()?;
            self.confirm(&format!("{and}, and lose that?"), what);
        } else {
            self.say(&format!("nothing was ended; {unasked} does it all the same"))?;
        }
        Ok(Next::On)
    }
}

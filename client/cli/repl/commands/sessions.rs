//! What sessions there are, who is in this one, a fresh kernel for it.

use crate::exit::Failure;
use crate::repl::Repl;
use crate::repl::greet::handle;
use crate::repl::replay::{LABEL, stoppable};
use crate::{kernels, ls, target};

impl Repl {
    pub(super) async fn sessions(&mut self) -> Result<(), Failure> {
        let listing = stoppable(async { Ok(self.place.list().await?) }).await?;
        ls::show(listing.sessions, false, "")?;
        Ok(())
    }

    pub(super) fn kernels(&self) -> Result<(), Failure> {
        kernels::list(false).map(|_| ())
    }

    pub(super) async fn who(&mut self) -> Result<(), Failure> {
        let status = stoppable(async { Ok(self.session.status().await?) }).await?;
        let running = match (status.running, status.running_ms) {
            (Some(n), Some(ms)) => format!("running #{n} for {}", ls::duration(ms)),
            (Some(n), None) => format!("running #{n}"),
            (None, _) => status.state.clone(),
        };
        self.say(&format!("{}: {running}, {} waiting", self.name, status.queued))?;
        for who in status.clients.iter().filter(|who| who.label != LABEL) {
            let this = if who.client == Some(self.me) { " (this terminal)" } else { "" };
            self.say(&format!("  {}{this}", self.named(who)))?;
        }
        Ok(())
    }

    /// Leaves this session for another one. Where that cannot be reached, this one stays.
    pub(in crate::repl) async fn attach(&mut self, which: &str) -> Result<(), Failure> {
        if which.is_empty() {
            return self.say("which one? :sessions lists them, as in :attach work");
        }
        let me = rialto_client::client_id()?;
        let handle = handle(&self.place, target::existing(which), &self.label, me);
        self.note_seen();
        let before = std::mem::replace(&mut self.session, handle.session);
        let was = (std::mem::replace(&mut self.away, handle.away), self.name.clone(), std::mem::take(&mut self.evals));
        let kept = std::mem::replace(&mut self.kept, handle.kept);
        let who = std::mem::replace(&mut self.me, handle.me);
        self.unfinished = handle.unfinished;
        match stoppable(Box::pin(self.greet())).await {
            Ok(()) => {
                self.asked.clear();
                self.awaited.clear();
                self.returning = None;
                self.left = None;
                before.leave().await;
                if let Some(kept) = kept {
                    kept.get().leave();
                }
            }
            Err(why) => {
                self.session = before;
                if let Some(kept) = std::mem::replace(&mut self.kept, kept) {
                    kept.get().leave();
                }
                (self.me, self.unfinished) = (who, Default::default());
                (self.away, self.name, self.evals) = was;
                let text = format!("still in {}: {}", self.name, why.text());
                self.talk(&text);
            }
        }
        Ok(())
    }

    pub(in crate::repl) async fn restart_now(&mut self) -> Result<(), Failure> {
        // The events say the rest.
        stoppable(async { Ok(self.session.restart().await?) }).await.map(|_| ())
    }

    pub(in crate::repl) async fn end_now(&mut self) -> Result<(), Failure> {
        stoppable(async { Ok(self.session.kill().await?) }).await?;
        self.say(&format!("ended {}", self.name))
    }
}

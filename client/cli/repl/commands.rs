//! What begins with a colon: said to the terminal, not to the kernel.

use super::{Next, Repl};
use crate::exit::Failure;

const HELP: &str = "\
  :help         this
  :who          who is attached, what runs
  :restart      a fresh kernel; what earlier evals made is gone
  :detach       leave, everything lives on (Ctrl-D)
  :quit!        end the session and its kernel
Ctrl-C clears the line, or interrupts what runs. Everything else goes to the kernel.";

impl Repl {
    pub(super) async fn command(&mut self, command: &str) -> Result<Next, Failure> {
        match command {
            "help" | "h" | "?" => self.screen.line(HELP)?,
            "who" => {
                let status = self.session.status().await?;
                let running = status.running.map_or_else(|| status.state.clone(), |n| format!("running #{n}"));
                self.screen.line(&format!("{}: {running}, {} waiting", self.name, status.queued))?;
                for who in &status.clients {
                    let you = if who.client == Some(self.me) { " (you)" } else { "" };
                    self.screen.line(&format!("  {} {}{you}", who.principal, who.label))?;
                }
            }
            "restart" => {
                self.session.restart().await?;
                // The events say the rest.
            }
            "detach" | "d" => return Ok(Next::Over),
            "quit!" => {
                self.session.kill().await?;
                self.screen.line(&format!("ended {}", self.name))?;
                return Ok(Next::Over);
            }
            other => self.screen.line(&format!(":{other} is no command; :help lists them"))?,
        }
        self.screen.flush()?;
        Ok(Next::On)
    }
}

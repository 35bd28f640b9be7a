//! What begins with a colon: said to the terminal, not to the kernel. One file per group of commands; `table.rs` lists them.

mod export;
mod help;
mod keep;
pub(super) mod pager;
mod past;
mod running;
mod sessions;
mod table;
pub(super) mod text;

pub(super) use past::redacted;

use super::confirm::Confirm;
use super::{Next, Repl};
use crate::exit::Failure;
use rialto_client::protocol::kernel::{Completion, Completions};
use table::Verb;

/// The commands that what stands before the cursor may become.
pub(super) fn completions(line: &str, cursor: usize) -> Completions {
    let typed = line.get(1..cursor).unwrap_or_default();
    let named = table::names().into_iter().filter(|name| name.starts_with(typed));
    let items =
        named.map(|name| Completion { text: name.to_owned(), kind: "command".to_owned(), ..Completion::default() }).collect();
    Completions { start: 1, end: cursor.max(1), items, more: false }
}

impl Repl {
    /// Carries out a command. What goes wrong with one is said, and the session goes on.
    pub(super) async fn command(&mut self, line: &str) -> Result<Next, Failure> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let Some(command) = table::find(name) else {
            self.say(&help::unknown(name))?;
            return Ok(Next::On);
        };
        // In a box: the loop that waits for keys need not carry the largest of them along.
        let done = Box::pin(self.carry_out(command.verb, rest.trim())).await;
        self.screen.flush()?;
        done.or_else(|why| {
            self.talk(why.text());
            Ok(Next::On)
        })
    }

    async fn carry_out(&mut self, verb: Verb, rest: &str) -> Result<Next, Failure> {
        match verb {
            Verb::Help => self.help(rest)?,
            Verb::Sessions => self.sessions().await?,
            Verb::Kernels => self.kernels()?,
            Verb::Attach => return Ok(Next::Attach(rest.to_owned())),
            Verb::Restart => return self.unless_at_stake(Confirm::Restart, ":restart!").await,
            Verb::RestartNow => self.restart_now().await?,
            Verb::Interrupt => self.interrupt(rest, false).await?,
            Verb::Force => self.interrupt(rest, true).await?,
            Verb::Who => self.who().await?,
            Verb::Stats => self.stats().await?,
            Verb::History => self.history(rest).await?,
            Verb::Tail => self.tail(rest).await?,
            Verb::More => self.more(rest).await?,
            Verb::Replay => self.replay(rest).await?,
            Verb::Redact => self.redact(rest).await?,
            Verb::Save => self.save(rest, false).await?,
            Verb::SaveOver => self.save(rest, true).await?,
            Verb::Load => {
                let code = self.load(rest)?;
                self.run_code(&code)?;
            }
            Verb::Copy => self.copy(rest).await?,
            Verb::Export => self.export(rest, false).await?,
            Verb::ExportOver => self.export(rest, true).await?,
            Verb::Quit => {
                self.say("Ctrl-D (or :detach) leaves and everything lives on; :quit! ends the session and its kernel")?
            }
            Verb::Detach => return Ok(Next::Over),
            Verb::End => return self.unless_at_stake(Confirm::End, ":quit!!").await,
            Verb::EndNow => {
                self.end_now().await?;
                return Ok(Next::Over);
            }
        }
        Ok(Next::On)
    }

    fn help(&mut self, rest: &str) -> Result<(), Failure> {
        if rest.is_empty() {
            let text = help::all(self.screen.columns());
            return self.say(&self.screen.wrapped(&text));
        }
        let name = rest.trim_start_matches(':');
        let text = table::find(name).map_or_else(|| help::unknown(name), help::one);
        self.say(&self.screen.wrapped(&text))
    }

    /// Says something that was asked for.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.screen.line(text)?)
    }
}

//! What comes from the session, and where it goes: our own eval's output straight to the screen, everybody else's above the
//! prompt, with who did it.

use super::{Doing, Next, Repl};
use crate::exit::{self, Failure};
use crate::paint::{self, paint};
use rialto_client::protocol::event::{Accepted, EndOfLife, Ended, Event, Output};
use rialto_client::protocol::{Code, EvalId, EvalNumber, Message, Outcome, Record};
use rialto_client::{Answer, Incoming, Ticket};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Evals remembered by number, for whose output it is.
const REMEMBERED: usize = 1_000;

/// Whose evals are whose.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// The eval this terminal waits for.
    pub(super) ours: Option<EvalId>,
    numbers: BTreeMap<EvalNumber, EvalId>,
    open: BTreeMap<EvalNumber, String>,
    /// The unfinished line of what is shown above the prompt.
    partial: String,
    /// Why the last eval ended that way.
    told: Option<String>,
}

impl Others {
    pub(super) fn number_of(&self, eval: EvalId) -> Option<EvalNumber> {
        self.numbers.iter().find(|(_, id)| **id == eval).map(|(n, _)| *n)
    }

    pub(super) fn anything_runs(&self) -> bool {
        !self.open.is_empty()
    }

    fn is_ours(&self, n: EvalNumber) -> bool {
        self.ours.is_some() && self.numbers.get(&n) == self.ours.as_ref()
    }
}

impl Repl {
    pub(super) async fn incoming(&mut self, incoming: Incoming) -> Result<Next, Failure> {
        match incoming {
            Incoming::Event(record) => {
                let over = matches!(record.event, Event::SessionEnded(_));
                self.event(record).await?;
                if over && self.caught_up() {
                    paint::talk("the session has ended; rialto logs shows what happened in it");
                    return Ok(Next::Over);
                }
            }
            Incoming::Answer(ticket, answer) => self.answered(ticket, answer).await?,
            Incoming::Gap(gap) => self.aside(&format!("events {} to {} are no longer kept", gap.from, gap.to)).await,
            Incoming::Rewound(_) => self.aside("the journal has lost events that were shown here").await,
            // Shown as fast as the terminal takes it; nothing can be done about it here.
            Incoming::Notice(n) if n.what == "behind" => {}
            Incoming::Notice(n) => self.aside(&format!("{}: {}", n.what, n.text)).await,
            Incoming::Error(e) => self.aside(&e.text).await,
            Incoming::Delayed { error, in_ms, .. } => self.aside(&format!("{}; trying again in {in_ms} ms", error.text)).await,
            Incoming::Goaway(g) => self.aside(&format!("the bridge goes away: {}", g.reason)).await,
            Incoming::Reconnecting { in_ms, why, .. } => self.aside(&format!("{}; reconnecting in {in_ms} ms", why.text)).await,
            Incoming::Connected(c) => {
                if c.again {
                    self.aside("connected again; nothing is lost").await;
                }
            }
            Incoming::Closed(e) => {
                self.outcome = exit::UNAVAILABLE;
                return Err(e.into());
            }
        }
        if self.session.idle() {
            self.screen.flush()?;
        }
        Ok(Next::On)
    }

    async fn event(&mut self, record: Record) -> Result<(), Failure> {
        match record.event {
            Event::Accepted(a) => self.accepted(a).await,
            Event::Output(o) => return self.output(&o).await,
            Event::Display(d) => return self.value(&d.data, d.n).await,
            Event::Asked(asked) => {
                if asked.of == Some(self.me) {
                    self.asked.push(asked);
                    self.screen.flush()?;
                    if matches!(self.doing, Doing::Running(..)) {
                        self.ask();
                    }
                } else {
                    self.aside(&format!("eval #{} asks its own client: {}", asked.n, asked.prompt)).await;
                }
            }
            Event::Answered(a) => self.asked.retain(|q| q.ask != a.ask),
            Event::Ended(ended) => return self.ended(ended).await,
            Event::LifeEnded(e) => {
                self.asked.clear();
                let why = match e.why {
                    EndOfLife::Restarted => "the kernel was restarted",
                    EndOfLife::SessionEnded => return Ok(()),
                    EndOfLife::FailedStart => {
                        let said = e.death.failed_start.unwrap_or_default();
                        // The end of the eval that wanted it has said so, where there was one.
                        if self.others.told.take().as_ref() != Some(&said) {
                            self.aside(&format!("the kernel did not start: {said}")).await;
                        }
                        return Ok(());
                    }
                    EndOfLife::SupervisorDied => "the session's supervisor died, and its kernel with it",
                    EndOfLife::Died | EndOfLife::Interrupted | EndOfLife::Unknown => "the kernel died",
                };
                self.aside(&format!("{why}: what earlier evals made is gone")).await;
            }
            Event::Redacted(r) => self.aside(&format!("the text of eval #{} was removed", r.n)).await,
            _ => {}
        }
        Ok(())
    }

    async fn accepted(&mut self, a: Accepted) {
        self.others.numbers.insert(a.n, a.eval);
        while self.others.numbers.len() > REMEMBERED {
            self.others.numbers.pop_first();
        }
        if self.others.is_ours(a.n) {
            return;
        }
        let who = a.by.as_ref().map_or_else(String::new, |w| {
            if w.client == Some(self.me) { "you".to_owned() } else { format!("{} {}", w.principal, w.label) }
        });
        self.others.open.insert(a.n, who.clone());
        let code = a.code.as_deref().unwrap_or("(its text is no longer kept)");
        let mut lines = code.lines();
        let first = lines.next().unwrap_or_default();
        let more = if lines.next().is_some() { " ..." } else { "" };
        self.above(&paint(paint::DIM, format!("#{} {who} >>> {first}{more}", a.n))).await;
    }

    async fn output(&mut self, o: &Output) -> Result<(), Failure> {
        let at_prompt = matches!(self.doing, Doing::Reading(_) | Doing::Judging(_));
        if !at_prompt {
            self.screen.output(o)?;
            return Ok(());
        }
        for run in &o.runs {
            self.others.partial.push_str(&run.data.lossy());
        }
        // Above the prompt only whole lines can stand; the rest waits for its end.
        if let Some(at) = self.others.partial.rfind('\n') {
            let rest = self.others.partial.split_off(at + 1);
            let lines = std::mem::replace(&mut self.others.partial, rest);
            self.above(&lines).await;
        } else if self.others.partial.len() > 8 * 1024 {
            let line = std::mem::take(&mut self.others.partial);
            self.above(&line).await;
        }
        Ok(())
    }

    async fn value(&mut self, data: &rialto_client::protocol::Bundle, n: EvalNumber) -> Result<(), Failure> {
        if matches!(self.doing, Doing::Reading(_) | Doing::Judging(_)) && !self.others.is_ours(n) {
            let text = data.get("text/plain").map_or_else(|| "[a rich value]".to_owned(), |t| t.lossy().into_owned());
            self.above(&text).await;
        } else {
            self.screen.value(data)?;
        }
        Ok(())
    }

    async fn ended(&mut self, ended: Ended) -> Result<(), Failure> {
        self.others.open.remove(&ended.n);
        let partial = std::mem::take(&mut self.others.partial);
        if !partial.is_empty() {
            self.above(&partial).await;
        }
        if let Some(result) = &ended.result {
            self.value(result, ended.n).await?;
        }
        let ours = self.others.is_ours(ended.n);
        let at_prompt = matches!(self.doing, Doing::Reading(_) | Doing::Judging(_)) && !ours;
        if let Some(failure) = &ended.failure {
            if at_prompt {
                let last = format!("{}: {}", failure.name, failure.value);
                self.above(&paint(paint::STDERR, last)).await;
            } else {
                self.screen.failure(failure)?;
            }
        }
        match (&ended.why, ended.outcome) {
            (why, Outcome::Exit) => {
                let code = ended.code.unwrap_or(0);
                let said = why.as_ref().map_or_else(String::new, |w| format!(" ({w})"));
                let text =
                    format!("the code asked to exit with {code}{said}; the session lives on. Ctrl-D detaches, :quit! ends it");
                self.aside(&text).await;
            }
            (Some(why), _) => {
                self.aside(why).await;
                self.others.told = Some(why.clone());
            }
            (None, _) => {}
        }
        if ended.fresh_state {
            self.aside("this ran in a fresh kernel: what earlier evals made is gone").await;
        }
        if ours {
            self.asked.clear();
            self.others.ours = None;
            // A question that is still on the screen is answered by whatever is typed; then the prompt comes.
            if matches!(self.doing, Doing::Running(..)) {
                self.doing = Doing::Waiting;
            }
        }
        Ok(())
    }

    async fn answered(&mut self, ticket: Ticket, answer: Answer) -> Result<(), Failure> {
        if let Some(waiting) = self.completing.remove(&ticket) {
            let found = match answer {
                Ok(Message::Completions(c)) => {
                    let start = c.completions.start.saturating_sub(self.entry.len());
                    Some((start, c.completions.items.into_iter().map(|i| i.text).collect()))
                }
                _ => None,
            };
            let _ = waiting.try_send(found);
            return Ok(());
        }
        if let Some(n) = self.interrupting.remove(&ticket) {
            let text = self.verdict(n, &answer);
            self.aside(&text).await;
            return Ok(());
        }
        if self.judging == Some(ticket) {
            self.judging = None;
            if matches!(self.doing, Doing::Judging(_)) {
                return match answer {
                    Ok(Message::Completeness(c)) => self.judged(&c.completeness),
                    Err(e) if e.known() == Some(Code::KernelBusy) && !self.others.anything_runs() => {
                        self.ask_again = Some(Instant::now() + super::AGAIN);
                        Ok(())
                    }
                    _ => self.guess(),
                };
            }
            return Ok(());
        }
        if let Err(e) = answer {
            self.aside(&e.text).await;
            if matches!(self.doing, Doing::Running(..)) && self.others.ours.is_some_and(|o| self.others.number_of(o).is_none()) {
                self.others.ours = None;
                self.doing = Doing::Waiting;
            }
        }
        Ok(())
    }

    /// Something to say that is not the program's.
    pub(super) async fn aside(&mut self, text: &str) {
        self.above(&paint(paint::DIM, text)).await;
    }

    /// Shows text: above the prompt while a line is typed, else where the cursor is.
    async fn above(&mut self, text: &str) {
        if matches!(self.doing, Doing::Reading(_)) {
            let mut text = text.to_owned();
            if !text.ends_with('\n') {
                text.push('\n');
            }
            let _ = self.keyboard.above.send(text).await;
        } else {
            let _ = self.screen.fresh_line();
            let _ = self.screen.line(text.trim_end_matches('\n'));
        }
    }
}

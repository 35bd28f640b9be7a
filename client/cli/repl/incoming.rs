//! What comes from the session, and where it goes: our own eval's output straight to the screen, everybody else's above the
//! prompt, with who did it.

use super::{Asking, Busy, Doing, LinkState, Next, Repl};
use crate::exit::{self, Failure};
use crate::paint::{self, paint};
use crate::sanitise;
use rialto_client::protocol::event::{Accepted, Display, EndOfLife, Ended, Event, Output};
use rialto_client::protocol::{Bundle, Code, EvalId, EvalNumber, Message, Outcome, Record, Seq};
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
                    self.keyboard.close();
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
            Incoming::Reconnecting { in_ms, why, .. } => {
                let since = *self.gone.get_or_insert_with(std::time::Instant::now);
                self.screen.busy(Busy::Offline { since, why: "reconnecting".to_owned() });
                self.keyboard.link(LinkState::Reconnecting(since));
                self.aside(&format!("{}; reconnecting in {in_ms} ms", why.text)).await;
            }
            Incoming::Connected(c) => {
                self.gone = None;
                self.screen.online();
                self.keyboard.link(LinkState::Connected);
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
        let seq = record.seq;
        match record.event {
            Event::Accepted(a) => self.accepted(a).await,
            Event::Started(s) => self.started(s.n),
            Event::Output(o) => return self.output(&o, seq).await,
            Event::Display(d) => return self.display(&d, seq).await,
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
            Event::Ended(ended) => return self.ended(ended, seq).await,
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
            self.screen.busy(Busy::Queued { n: Some(a.n), before: self.others.open.len() as u64 });
            if a.started {
                self.started(a.n);
            }
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
        let first = sanitise::text(first);
        self.above(&paint(paint::DIM, format!("#{} {who} >>> {first}{more}", a.n))).await;
    }

    async fn output(&mut self, o: &Output, seq: Seq) -> Result<(), Failure> {
        if !self.at_prompt() {
            self.screen.output(o, seq, Instant::now().into_std())?;
            return Ok(());
        }
        if let Some(lines) = self.above.push(&o.runs, Instant::now().into_std()) {
            self.above(&lines).await;
        }
        Ok(())
    }

    fn started(&mut self, n: EvalNumber) {
        if self.others.is_ours(n) {
            self.screen.busy(Busy::Running { n: Some(n), since: Instant::now().into_std() });
        }
    }

    async fn display(&mut self, display: &Display, seq: Seq) -> Result<(), Failure> {
        if self.at_prompt() && !self.others.is_ours(display.n) {
            let text = self.screen.as_text(&display.data, display.n);
            self.above(&text).await;
            return Ok(());
        }
        Ok(self.screen.display(display, seq, Instant::now().into_std())?)
    }

    async fn value(&mut self, data: &Bundle, n: EvalNumber, seq: Seq) -> Result<(), Failure> {
        if self.at_prompt() && !self.others.is_ours(n) {
            let text = self.screen.as_text(data, n);
            self.above(&text).await;
            return Ok(());
        }
        Ok(self.screen.value(data, n, seq, Instant::now().into_std())?)
    }

    fn at_prompt(&self) -> bool {
        matches!(self.doing, Doing::Reading(_))
    }

    async fn ended(&mut self, ended: Ended, seq: Seq) -> Result<(), Failure> {
        self.others.open.remove(&ended.n);
        if let Some(half) = self.above.end() {
            self.above(&half).await;
        }
        if let Some(result) = &ended.result {
            self.value(result, ended.n, seq).await?;
        }
        let ours = self.others.is_ours(ended.n);
        let at_prompt = self.at_prompt() && !ours;
        if let Some(failure) = &ended.failure {
            if at_prompt {
                let last = sanitise::text(&format!("{}: {}", failure.name, failure.value));
                self.above(&paint(paint::STDERR, last)).await;
            } else {
                self.screen.failure(failure, Instant::now().into_std())?;
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
            self.screen.end(Instant::now().into_std())?;
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
        if let Some(n) = self.interrupting.remove(&ticket) {
            let text = self.verdict(n, &answer);
            self.aside(&text).await;
            return Ok(());
        }
        match (self.questions.remove(&ticket), answer) {
            (Some(Asking::Complete(reply)), Ok(Message::Completions(c))) => reply.give(c.completions),
            (Some(Asking::Inspect(reply)), Ok(Message::Inspected(i))) => {
                if let Some(data) = i.data {
                    reply.give(data);
                }
            }
            (Some(Asking::Judge { answer, .. }), Ok(Message::Completeness(c))) => answer.give(c.completeness),
            (Some(asking @ Asking::Judge { until, .. }), Err(e))
                if e.known() == Some(Code::KernelBusy) && !self.others.anything_runs() && Instant::now() < until =>
            {
                self.ask_again = Some((Instant::now() + super::AGAIN, asking));
            }
            // Whoever asked hears that nobody knows.
            (Some(_), _) => {}
            (None, answer) => self.refused(answer).await,
        }
        Ok(())
    }

    async fn refused(&mut self, answer: Answer) {
        if let Err(e) = answer {
            self.aside(&e.text).await;
            if matches!(self.doing, Doing::Running(..)) && self.others.ours.is_some_and(|o| self.others.number_of(o).is_none()) {
                self.others.ours = None;
                self.doing = Doing::Waiting;
            }
        }
    }

    /// Something to say that is not the program's.
    pub(super) async fn aside(&mut self, text: &str) {
        self.above(&paint(paint::DIM, sanitise::text(text))).await;
    }

    /// Shows text: above the prompt while a line is typed, else where the cursor is.
    pub(super) async fn above(&mut self, text: &str) {
        if matches!(self.doing, Doing::Reading(_)) {
            let text = self.screen.suited(text);
            self.keyboard.above(&text);
        } else {
            let _ = self.screen.line(text.trim_end_matches('\n'));
        }
    }
}

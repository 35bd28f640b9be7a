//! What comes from the session: events, answers, and what happens to the link.

use super::link::{Reached, welcome_back};
use super::missed::Missed;
use super::screen::Busy;
use super::{Awaited, Doing, Next, Repl};
use crate::done::Finished;
use crate::exit::{self, Failure};
use rialto_client::protocol::event::{EndOfLife, Ended, Event, LifeEnded, Output};
use rialto_client::protocol::{EvalId, Message, Outcome, Record, Seq};
use rialto_client::{Answer, Connected, Incoming, Ticket};
use std::io::IsTerminal;
use std::io::Write;
use std::time::{Duration, Instant};

/// Output of our eval that waits while the person is asked something. Bytes.
const HELD: usize = 256 * 1024;

impl Repl {
    pub(super) fn incoming(&mut self, incoming: Incoming) -> Result<Next, Failure> {
        match incoming {
            Incoming::Event(record) => {
                self.heard();
                let over = matches!(record.event, Event::SessionEnded(_));
                self.event(record)?;
                if over {
                    self.ended = true;
                    self.drop_read();
                    return Ok(if self.is_reading() { Next::On } else { self.over() });
                }
            }
            Incoming::Answer(ticket, answer) => {
                self.heard();
                self.answer(ticket, answer)?;
            }
            Incoming::Gap(gap) => self.talk(&format!("events {} to {} are no longer kept", gap.from, gap.to)),
            Incoming::Rewound(_) => self.talk("the journal has lost events that were shown here"),
            Incoming::Notice(notice) if notice.what == "behind" => {
                self.link.behind(self.session.cursor().map_or(0, |cursor| cursor.seq), notice.events);
                self.say_reached();
            }
            Incoming::Notice(notice) => self.talk(&format!("{}: {}", notice.what, notice.text)),
            Incoming::Error(why) => self.talk(&why.text),
            Incoming::Delayed { error, in_ms, .. } => self.talk(&format!("{}; trying again in {in_ms} ms", error.text)),
            // The loss that follows is told, if it lasts.
            Incoming::Goaway(_) => {}
            // Nobody asked to see a terminal here.
            Incoming::Terminal(_) => {}
            Incoming::Reconnecting { why, .. } => self.lost(&why.text),
            Incoming::Connected(connected) => self.back(&connected),
            Incoming::Closed(why) => {
                self.outcome = exit::UNAVAILABLE;
                return Err(why.into());
            }
        }
        // One by one where it is noted how far was shown: whoever is killed shows again what it had not noted.
        if self.session.idle() || self.kept.is_some() {
            self.screen.flush()?;
            self.note_shown();
        }
        Ok(Next::On)
    }

    /// The session has ended, and nothing is read any more.
    pub(super) fn over(&mut self) -> Next {
        self.talk("the session has ended; rialto logs shows what happened in it");
        Next::Over
    }

    fn heard(&mut self) {
        if self.link.heard() {
            self.screen.online();
        }
    }

    fn lost(&mut self, why: &str) {
        self.link.lost(Instant::now(), why);
        if matches!(self.doing, Doing::Running(_)) {
            self.say_offline();
        }
        self.say_reached();
    }

    /// The link is back: what came meanwhile is read, and told once it was.
    fn back(&mut self, connected: &Connected) {
        if !connected.again {
            return;
        }
        let gone = self.link.back(Instant::now());
        self.say_reached();
        self.screen.online();
        let Some(attached) = &connected.attached else { return };
        if let Some(gone) = gone {
            if attached.head > attached.after {
                self.returning = Some((Missed::new(&self.principal, 0), attached.head, gone));
            } else {
                self.talk(&welcome_back(gone, 0));
            }
        }
    }

    /// The moments that the link asked for.
    pub(super) fn tick_link(&mut self, now: Instant) {
        if let Some(text) = self.link.due(now) {
            self.talk(&text);
        }
        // Asked in any case: what is due and not taken would be due for ever.
        if let Some(since) = self.link.silent(now)
            && let (Reached::Yes, Doing::Running(_)) = (self.link.reached(), self.doing)
        {
            self.screen.busy(Busy::Offline { since, why: "the session does not answer".to_owned() });
        }
    }

    fn event(&mut self, record: Record) -> Result<(), Failure> {
        let seq = record.seq;
        if self.link.shown(seq) {
            self.say_reached();
        }
        if let Some((missed, until, gone)) = &mut self.returning {
            missed.event(&record);
            if seq >= *until {
                let text = welcome_back(*gone, missed.lines());
                self.returning = None;
                self.talk(&text);
            }
        }
        let at = record.at;
        let took = if let Event::Ended(ended) = &record.event { self.evals.took(ended.n, at) } else { None };
        let was_waiting = if let Event::Ended(ended) = &record.event { self.evals.is_waiting(ended.n) } else { false };
        self.evals.follow(&record);
        if let (Event::Ended(ended), Some(took)) = (&record.event, took) {
            self.is_done(ended, took);
        }
        match record.event {
            Event::Accepted(a) => {
                let author = a.by.as_ref().filter(|by| by.client != Some(self.me)).map(|by| self.named(by));
                self.evals.accepted(&a, at, author);
                if a.started { self.started(a.n) } else { self.say_queue() }
            }
            Event::Started(e) => self.started(e.n),
            Event::Output(output) => self.output(output, seq)?,
            Event::Display(display) if crate::render::is_for_programs(&display.data) => {}
            Event::Display(display) if self.evals.is_ours(display.n) => {
                self.show_held()?;
                self.screen.display(&display, seq, Instant::now())?;
            }
            Event::Display(display) => self.their_value(display.n, &display.data),
            Event::Asked(asked) => {
                if asked.of == Some(self.me) {
                    self.note_shown_before(seq)?;
                }
                self.asks(asked);
            }
            Event::Answered(answered) => self.was_answered(&answered),
            Event::Interrupting(e) if self.evals.is_ours(e.n) && e.by.client != Some(self.me) => {
                self.talk(&format!("#{} is interrupted by {}", e.n, self.named(&e.by)));
            }
            Event::Ended(ended) if self.evals.is_ours(ended.n) => self.our_end(&ended, seq)?,
            Event::Ended(ended) => {
                self.their_end(&ended, took, was_waiting);
                self.say_queue();
            }
            Event::LifeEnded(e) => self.life_ended(&e),
            Event::LifeStarted(e) => self.say_note(e.kernel.note.as_deref()),
            Event::Redacted(e) => self.talk(&format!("the text of eval #{} was removed", e.n)),
            _ => {}
        }
        Ok(())
    }

    /// What follows a long eval, whoever ran it.
    fn is_done(&mut self, ended: &Ended, took: Duration) {
        let (session, at) = (self.name.clone(), self.place.at());
        let finished = Finished { session: &session, at, n: ended.n, outcome: ended.outcome, took };
        let (sequence, said) = self.done.ended(&finished);
        if let Some(sequence) = sequence {
            // After what the program wrote, which may end within a sequence of its own.
            let _ = self.screen.flush();
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(sequence.as_bytes()).and_then(|()| out.flush());
        }
        if let Some(said) = said {
            self.talk(&said);
        }
    }

    fn started(&mut self, n: u64) {
        if self.evals.is_ours(n) {
            self.screen.busy(Busy::Running { n: Some(n), since: Instant::now() });
        } else {
            self.their_start(n);
        }
    }

    /// How many come before ours.
    fn say_queue(&mut self) {
        if let Some(n) = self.evals.our_number()
            && self.evals.is_waiting(n)
            && self.stopping.is_none()
        {
            self.screen.busy(Busy::Queued { n: Some(n), before: self.evals.before(n) });
        }
    }

    fn output(&mut self, output: Output, seq: Seq) -> Result<(), Failure> {
        if !self.evals.is_ours(output.n) || output.background {
            self.their_output(&output);
            return Ok(());
        }
        if self.is_reading() {
            let bytes: usize = output.runs.iter().map(|run| run.data.0.len()).sum();
            self.held.bytes += bytes;
            self.held.output.push_back((output, seq));
            while self.held.bytes > HELD
                && let Some((oldest, _)) = self.held.output.pop_front()
            {
                let bytes: usize = oldest.runs.iter().map(|run| run.data.0.len()).sum();
                self.held.bytes -= bytes;
                self.held.dropped += bytes;
            }
            return Ok(());
        }
        Ok(self.screen.output(&output, seq, Instant::now())?)
    }

    /// What our eval printed while the person was asked something.
    pub(super) fn show_held(&mut self) -> Result<(), Failure> {
        if self.is_reading() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        if held.dropped > 0 {
            let dropped = crate::render::size(held.dropped as u64);
            self.talk(&format!("{dropped} of output were not shown; :more has all of it"));
        }
        for (output, seq) in held.output {
            self.screen.output(&output, seq, Instant::now())?;
        }
        Ok(())
    }

    fn our_end(&mut self, ended: &Ended, seq: Seq) -> Result<(), Failure> {
        self.outcome_of(exit::of(ended));
        let now = Instant::now();
        self.no_questions();
        let deciding = self.is_reading();
        // A question that is still on the screen is taken away first; what is to be shown waits for that no longer than a
        // key takes, because it is put above.
        if deciding {
            self.drop_read();
        }
        let before = std::mem::replace(&mut self.ending, self.evals.ours.take());
        if let (Some(kept), Some(eval)) = (&self.kept, before) {
            kept.get().finished(eval);
        }
        if deciding {
            self.their_rest(ended);
        } else {
            if let Some(result) = &ended.result {
                self.screen.value(result, ended.n, seq, now)?;
            }
            if let Some(failure) = &ended.failure {
                self.screen.failure(failure, now)?;
            }
        }
        self.left = self.screen.end(now)?.or(self.left.take());
        self.say_why(ended);
        self.stopping = None;
        if let Doing::Running(_) = self.doing {
            self.doing = Doing::Waiting;
        }
        Ok(())
    }

    /// Why an eval ended so, where there is something to say.
    pub(super) fn say_why(&mut self, ended: &Ended) {
        match (&ended.why, ended.outcome) {
            (why, Outcome::Exit) => {
                let code = ended.code.unwrap_or(0);
                let said = why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
                self.talk(&format!(
                    "the code asked to exit with {code}{said}; the session lives on. Ctrl-D detaches, :quit! ends it"
                ));
            }
            (Some(why), _) => {
                self.talk(why);
                self.told = Some(why.clone());
            }
            (None, _) => {}
        }
        if ended.fresh_state {
            self.talk(if self.live {
                crate::exec::AGAIN_IN
            } else {
                "this ran in a fresh kernel: what earlier evals made is gone"
            });
        }
    }

    fn life_ended(&mut self, e: &LifeEnded) {
        self.no_questions();
        let why = match e.why {
            EndOfLife::Restarted => "the kernel was restarted",
            EndOfLife::SessionEnded => return,
            EndOfLife::FailedStart => {
                let said = e.death.failed_start.clone().unwrap_or_default();
                // The end of the eval that wanted it has said so, where there was one.
                if self.told.take().as_ref() != Some(&said) {
                    self.talk(&format!("the kernel did not start: {said}"));
                }
                return;
            }
            EndOfLife::SupervisorDied => "the session's supervisor died, and its kernel with it",
            EndOfLife::Interrupted => "the kernel was ended by force",
            EndOfLife::Died | EndOfLife::Unknown => "the kernel died",
        };
        self.talk(&format!("{why}: what earlier evals made is gone"));
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) -> Result<(), Failure> {
        match (self.awaited.remove(&ticket), answer) {
            (Some(Awaited::Complete(reply)), Ok(Message::Completions(c))) => reply.give(c.completions),
            (Some(Awaited::Judge(judging)), answer) => self.judged(judging, &answer),
            (Some(Awaited::Inspect(reply)), Ok(Message::Inspected(i))) => {
                if let Some(data) = i.data {
                    reply.give(data);
                }
            }
            // A reply that is dropped says that nobody knows.
            (Some(Awaited::Complete(_) | Awaited::Inspect(_)), _) => {}
            (Some(Awaited::Interrupt(n)), answer) => {
                let text = self.verdict(n, &answer);
                self.talk(&text);
            }
            (Some(Awaited::Stop), answer) => self.stopped(&answer),
            (Some(Awaited::Submit(eval)), Err(why)) => self.refused(eval, &why.text)?,
            (_, Err(why)) => self.talk(&why.text),
            (_, Ok(_)) => {}
        }
        Ok(())
    }

    /// A script is told how its last entry ended, as `rialto exec` tells it; a person, who has seen it, leaves without a code.
    fn outcome_of(&mut self, code: u8) {
        if !std::io::stdin().is_terminal() {
            self.outcome = code;
        }
    }

    /// An entry was refused and never runs.
    fn refused(&mut self, eval: EvalId, why: &str) -> Result<(), Failure> {
        self.outcome_of(exit::ERROR);
        if self.evals.ours == Some(eval) {
            self.evals.ours = None;
            self.screen.end(Instant::now())?;
            self.drop_read();
            if let Doing::Running(_) = self.doing {
                self.doing = Doing::Waiting;
            }
        }
        self.talk(why);
        Ok(())
    }
}

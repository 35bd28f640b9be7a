//! Ctrl-C while our eval runs. The first one interrupts it and nothing else; the second asks what the person wants; the third
//! leaves. None ends a kernel that nobody asked to end, and one that comes after the end does nothing: it names an eval that
//! is over, or finds none to name.

use super::editor::{Kind, Read, Typed};
use super::link::seconds;
use super::names::is_you;
use super::screen::Busy;
use super::{Awaited, Doing, Next, Repl};
use crate::exit::Failure;
use rialto_client::protocol::message::{Escalate, Interrupt, Verdict};
use rialto_client::protocol::{EvalId, EvalNumber, Message};
use std::time::{Duration, Instant};

/// A second Ctrl-C at the prompt within this is meant.
const ONCE_MORE: Duration = Duration::from_secs(2);
/// Once more after this long, and an answer after that long, true or not. Milliseconds.
pub(super) const PLAN: Escalate =
    Escalate { again_ms: Some(1_500), terminate_ms: None, kill_ms: None, answer_ms: Some(WAIT.as_millis() as u64) };
pub(super) const WAIT: Duration = Duration::from_secs(3);
/// By force: its process is asked to end at once, and ended soon after.
pub(super) const FORCE: Escalate = Escalate { again_ms: None, terminate_ms: Some(0), kill_ms: Some(1_500), answer_ms: None };

impl Repl {
    /// Ctrl-C as a signal: where nothing is read, or where lines are read plainly and no key is seen.
    pub(super) fn ctrl_c(&mut self) -> Result<Next, Failure> {
        match self.doing {
            Doing::Running(eval) => {
                self.screen.echoed(super::echo("^C"))?;
                if let Some(since) = self.stopping {
                    self.decide_what(eval, since);
                } else if !self.take_back(eval)? {
                    self.stop(eval)?;
                }
            }
            // As the key would: what is typed is given up, and whoever wanted it hears of it.
            Doing::Reading | Doing::Answering(_) | Doing::Confirming(_) | Doing::Recalling => self.keyboard.cancel(),
            Doing::Deciding(eval) => return self.decided(&Typed::Interrupted, eval),
            Doing::Waiting | Doing::Dropping => {}
        }
        Ok(Next::On)
    }

    /// An entry that has not left this program need not be stopped anywhere: it is forgotten. False where it may have arrived.
    fn take_back(&mut self, eval: EvalId) -> Result<bool, Failure> {
        let submit = self.awaited.iter().find(|(_, what)| matches!(what, Awaited::Submit(of) if *of == eval));
        let Some(ticket) = submit.map(|(ticket, _)| *ticket) else { return Ok(false) };
        if !self.session.take_back(ticket) {
            return Ok(false);
        }
        self.awaited.remove(&ticket);
        self.evals.taken_back();
        self.link.nothing_asked();
        self.screen.end(Instant::now())?;
        self.talk("never sent, taken back; Up brings it to the prompt");
        self.doing = Doing::Waiting;
        Ok(true)
    }

    /// Ctrl-C where nothing is typed: what runs in the session may be this user's own, sent before this terminal came or by
    /// another one. It is named, and stopped where the person asks once more.
    pub(super) fn ctrl_c_at_the_prompt(&mut self) -> Result<(), Failure> {
        let offered = self.offered.take();
        let Some(n) = self.evals.running().filter(|n| is_you(self.evals.author(*n))) else { return Ok(()) };
        if offered.is_some_and(|(of, at)| of == n && at.elapsed() < ONCE_MORE) {
            let Some(eval) = self.evals.id_of(n) else { return Ok(()) };
            return self.ask_to_stop(eval, n, PLAN);
        }
        self.offered = Some((n, Instant::now()));
        self.talk(&format!("#{n} of yours runs; Ctrl-C once more stops it"));
        Ok(())
    }

    /// Interrupts an eval that this terminal does not wait for; what becomes of it is told.
    pub(super) fn ask_to_stop(&mut self, eval: EvalId, n: EvalNumber, plan: Escalate) -> Result<(), Failure> {
        let request = Interrupt { re: 0, id: rialto_client::request_id()?, eval, escalate: Some(plan) };
        let ticket = self.session.send(Message::Interrupt(request))?;
        self.awaited.insert(ticket, Awaited::Interrupt(n));
        Ok(())
    }

    /// Interrupts our eval, once.
    pub(super) fn stop(&mut self, eval: EvalId) -> Result<(), Failure> {
        let now = Instant::now();
        self.stopping = Some(now);
        self.screen.busy(Busy::Interrupting { n: self.evals.number_of(eval), since: now });
        self.send_interrupt(eval, None)?;
        self.say_offline();
        Ok(())
    }

    fn send_interrupt(&mut self, eval: EvalId, escalate: Option<Escalate>) -> Result<(), Failure> {
        let request = Interrupt { re: 0, id: rialto_client::request_id()?, eval, escalate };
        let ticket = self.session.send(Message::Interrupt(request))?;
        self.awaited.insert(ticket, Awaited::Stop);
        self.link.submitted(Instant::now());
        Ok(())
    }

    /// It has not stopped, and the person asks again.
    fn decide_what(&mut self, eval: EvalId, since: Instant) {
        let _ = self.screen.before_read();
        let after = seconds(since.elapsed());
        let (question, choices) = if self.link.is_lost() {
            (format!("no link, and asked to stop {after} ago: [w]ait  [d]etach "), "Wd")
        } else {
            let keys = "[w]ait  [i]nterrupt again  [f]orce (variables are lost)  [d]etach";
            (format!("still running after {after}: {keys} "), "Wifd")
        };
        let kind = Kind::Key { question, choices: choices.to_owned() };
        self.keyboard.read(Read { prompt: String::new(), initial: String::new(), kind });
        self.doing = Doing::Deciding(eval);
    }

    /// What the person wants.
    pub(super) fn decided(&mut self, typed: &Typed, eval: EvalId) -> Result<Next, Failure> {
        self.screen.after_question(Instant::now());
        self.doing = Doing::Running(eval);
        self.show_held()?;
        match typed {
            Typed::Key('f') => {
                self.talk("ending the kernel; the session lives on");
                self.send_interrupt(eval, Some(FORCE))?;
            }
            Typed::Key('i') => self.stop(eval)?,
            // Ctrl-C once more, or Ctrl-D: out of here, and nothing is ended.
            Typed::Key('d') | Typed::Interrupted | Typed::Eof => {
                self.detached();
                return Ok(Next::Over);
            }
            _ => {}
        }
        Ok(Next::On)
    }

    /// What became of an interrupt of ours. Its eval's end says all that is good news.
    pub(super) fn stopped(&mut self, answer: &rialto_client::Answer) {
        match answer {
            Ok(Message::InterruptAnswer(answer)) if answer.verdict == Verdict::BestEffort => {
                self.talk("the interrupt was sent; this kind of kernel cannot say whether it arrived");
            }
            Ok(_) => {}
            Err(why) => {
                let text = format!("the interrupt was refused: {}", why.text);
                self.talk(&text);
            }
        }
    }
}

//! What becomes of an entry: a command, a question about a name, or code for the kernel.

use super::commands::pager::Pager;
use super::editor::{Question, asks_about, fitting};
use super::replay::stoppable;
use super::screen::Busy;
use super::{Awaited, Doing, Judging, Next, Repl, commands};
use crate::exit::Failure;
use rialto_client::protocol::message::{At, Submit};
use rialto_client::protocol::{Bundle, Code, EvalId, Message};
use rialto_client::{Answer, Snapshot};
use std::time::{Duration, Instant};

/// How long the kernel may think about whether an entry is complete.
const PATIENCE: Duration = Duration::from_secs(1);
/// A kernel that starts is asked again after this long.
const AGAIN: Duration = Duration::from_millis(50);

impl Repl {
    pub(super) async fn entry(&mut self, entry: &str) -> Result<Next, Failure> {
        let text = entry.trim();
        if let Some(command) = text.strip_prefix(':') {
            self.no_draft();
            return self.command(command.trim()).await;
        }
        match text {
            "" => self.no_draft(),
            "?" => {
                self.no_draft();
                return self.command("help").await;
            }
            _ => match asks_about(text) {
                Some((name, detail)) => {
                    self.no_draft();
                    self.describe(name, detail).await?;
                }
                None => {
                    self.run_code(entry.trim_end())?;
                    // Noted as what was asked by now.
                    self.no_draft();
                }
            },
        }
        Ok(Next::On)
    }

    /// Sends code to be run, and waits for it.
    pub(super) fn run_code(&mut self, code: &str) -> Result<(), Failure> {
        let submit = Submit {
            re: 0,
            eval: rialto_client::eval_id()?,
            code: code.into(),
            group: None,
            on_error: Default::default(),
            show: Default::default(),
            argv: None,
            trace: None,
        };
        self.submit(submit, false);
        Ok(())
    }

    /// The same for what has its id already; `again` where a terminal that died may have sent it.
    pub(super) fn submit(&mut self, submit: Submit, again: bool) {
        let (now, eval, code) = (Instant::now(), submit.eval, submit.code.clone());
        // Told to the session as what it is: whether a terminal that died had sent it is not known, and it is not taken back.
        let sent = if again {
            let requests = vec![Message::Submit(submit)];
            self.session.restore(Snapshot { requests, ..Snapshot::default() }).map(|tickets| tickets.into_iter().next())
        } else {
            self.session.send(Message::Submit(submit)).map(Some)
        };
        match sent {
            Ok(ticket) => ticket.and_then(|ticket| self.awaited.insert(ticket, Awaited::Submit(eval))),
            // Too much waits already, or it is too large: said, and the prompt comes back.
            Err(why) => {
                self.talk(&why.text);
                return;
            }
        };
        self.waits_for(eval, &code, now);
        self.link.submitted(now);
        self.say_trouble();
        if self.link.is_lost() {
            self.talk("queued; sent when the link is back");
            self.say_offline();
        }
    }

    /// From here on it is the eval that the terminal waits for.
    pub(super) fn waits_for(&mut self, eval: EvalId, code: &str, now: Instant) {
        self.screen.begin(now);
        self.stopping = None;
        self.left = None;
        self.evals.submitted(eval, code);
        self.doing = Doing::Running(eval);
    }

    /// While our eval runs, the live line says why nothing comes.
    pub(super) fn say_offline(&mut self) {
        if let super::link::Reached::No(since, _) = self.link.reached() {
            let why = match (self.evals.our_number(), self.stopping) {
                (None, None) => "no link; it is sent when that is back".to_owned(),
                (Some(n), None) => format!("no link; #{n} runs on, and all it prints comes when that is back"),
                // It overtakes a submit that has not been sent either, which then never runs.
                (None, Some(_)) => "no link; when that is back, it is cancelled before it runs".to_owned(),
                (Some(n), Some(_)) => format!("no link; #{n} runs on, and is interrupted when that is back"),
            };
            self.screen.busy(Busy::Offline { since, why });
        }
    }

    /// `obj?`: what is known of a name.
    async fn describe(&mut self, name: &str, detail: u8) -> Result<(), Failure> {
        let asked = stoppable(async { Ok(self.session.inspect(name, name.len(), detail).await) }).await;
        let text = match asked {
            // Source stays as it was written.
            Ok(Ok(Some(data))) if detail > 0 => description(&data),
            Ok(Ok(Some(data))) => description(&data).map(|text| fitting(&text)),
            Ok(Ok(None)) => None,
            Ok(Err(why)) if why.known() == Some(Code::KernelBusy) => {
                self.talk("the kernel is busy; it can be asked when nothing runs");
                return Ok(());
            }
            Ok(Err(why)) => {
                self.talk(&why.text);
                return Ok(());
            }
            Err(why) => {
                self.talk(why.text());
                return Ok(());
            }
        };
        let Some(text) = text else {
            self.talk(&format!("{name} is not known here"));
            return Ok(());
        };
        self.screen.before_read()?;
        let mut pager = Pager::new();
        let text = commands::text::safe(&text);
        pager.write(&self.screen.suited(&text)).await?;
        Ok(pager.end().await?)
    }

    /// What the editor wants to know while somebody types.
    pub(super) fn question(&mut self, question: Question) -> Result<(), Failure> {
        let at = |code: String, cursor: usize, detail| At { re: 0, code, cursor: cursor as u64, detail };
        let (message, awaited) = match question {
            // Ours, and known here.
            Question::Complete { code, cursor, answer } if code.starts_with(':') => {
                answer.give(commands::completions(&code, cursor));
                return Ok(());
            }
            Question::Complete { code, cursor, answer } => (Message::Complete(at(code, cursor, 0)), Awaited::Complete(answer)),
            Question::Judge { code, answer } => {
                self.judge(Judging { code, answer, until: Instant::now() + PATIENCE });
                return Ok(());
            }
            Question::Inspect { code, cursor, detail, answer } => {
                (Message::Inspect(at(code, cursor, detail)), Awaited::Inspect(answer))
            }
        };
        // Refused where too many are under way: dropping the reply says that nobody knows.
        if let Ok(ticket) = self.session.send(message) {
            self.awaited.insert(ticket, awaited);
        }
        Ok(())
    }
}

impl Repl {
    fn judge(&mut self, judging: Judging) {
        let at = At { re: 0, code: judging.code.clone(), cursor: judging.code.len() as u64, detail: 0 };
        if let Ok(ticket) = self.session.send(Message::IsComplete(at)) {
            self.awaited.insert(ticket, Awaited::Judge(judging));
        }
    }

    /// The kernel's word on an entry. One that starts is asked until it can say; for one that is busy or gone the editor guesses.
    pub(super) fn judged(&mut self, judging: Judging, answer: &Answer) {
        match answer {
            Ok(Message::Completeness(c)) => judging.answer.give(c.completeness.clone()),
            Err(why) if why.known() == Some(Code::KernelBusy) && !self.evals.anything_runs() => {
                let at = Instant::now() + AGAIN;
                if at < judging.until {
                    self.ask_again = Some((at, judging));
                }
            }
            _ => {}
        }
    }

    pub(super) fn ask_once_more(&mut self, now: Instant) {
        if let Some((_, judging)) = self.ask_again.take_if(|(at, _)| *at <= now) {
            self.judge(judging);
        }
    }
}

fn description(data: &Bundle) -> Option<String> {
    let text = data.get("text/plain").or_else(|| data.get("text/markdown"))?;
    let mut text = text.lossy().into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Some(text)
}

//! What the terminal before this one left undone when it was killed. What ran on is shown from where it was; what was never
//! sent is sent now, if it was asked just now. If that was long ago, the person is asked: whoever comes back the next morning
//! may not want what stands there any more.

use super::editor::{Kind, Read, Typed};
use super::headline::beginning;
use super::kept::{self, Noted};
use super::link::seconds;
use super::missed::count;
use super::screen::Busy;
use super::{Doing, Repl};
use crate::exit::Failure;
use crate::reach;
use rialto_client::Connected;
use rialto_client::protocol::message::{EvalInfo, EvalState, GetEval, Status, Submit};
use rialto_client::protocol::{Code, Message, Seq};
use std::time::{Duration, Instant};

/// What was asked longer ago than this is not done unasked.
const FRESH: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    left: Vec<Noted>,
    /// What stood there half-typed.
    pub(super) half_typed: String,
    /// Other terminals that died with something to do.
    others: usize,
    /// Why nothing is noted.
    trouble: Option<String>,
    /// What the person is asked about.
    old: Vec<Noted>,
}

impl Unfinished {
    pub(super) fn of(left: Vec<Noted>, half_typed: String, others: usize) -> Self {
        Self { left, half_typed, others, ..Self::default() }
    }

    pub(super) fn trouble(why: &std::io::Error) -> Self {
        Self { trouble: Some(why.to_string()), ..Self::default() }
    }
}

const WAITED: &str = "1 eval was waiting when the terminal ended";

impl Repl {
    /// What was meant for a session of this name that is gone. It does not run in this one.
    pub(super) fn say_of_a_namesake(&mut self) {
        if let Some(why) = self.unfinished.trouble.take() {
            self.talk(&format!(
                "what is typed here is not noted on disk ({why}): if this terminal is killed, it is not gone on with"
            ));
        }
        let Some((whose, state)) =
            self.kept.as_ref().map(|kept| kept.get().whose.clone()).zip(super::greet::folder_of_history(&self.place))
        else {
            return;
        };
        for noted in kept::drop_those_of_a_namesake(&state, &whose) {
            if let Message::Submit(submit) = noted.request {
                let code = beginning(Some(&submit.code));
                self.talk(&format!("{WAITED}; the session was created anew since, and it is not run: {code}"));
            }
        }
    }

    /// An eval of the one before is known to the session: all that this terminal has not shown of it comes now, as if nothing
    /// had happened. True where there is one.
    pub(super) async fn goes_on(&mut self, connected: &Connected, status: &Status) -> Result<bool, Failure> {
        if self.unfinished.others > 0 {
            let others = count(self.unfinished.others as u64, "terminal", "terminals");
            self.talk(&format!(
                "{others} of this session ended with something to do as well; the next one opened here goes on with it"
            ));
        }
        let seen = self.away.map_or(0, |cursor| cursor.seq);
        let mut goes_on = None;
        for noted in std::mem::take(&mut self.unfinished.left) {
            let Message::Submit(submit) = &noted.request else {
                self.unfinished.left.push(noted);
                continue;
            };
            let which = GetEval { eval: Some(submit.eval), ..GetEval::default() };
            match reach::eval_info(&mut self.session, which).await {
                Ok(info) if info.last.is_some_and(|last| last <= seen) => self.forget(&noted.request),
                Ok(info) => goes_on = Some((submit.clone(), info)),
                Err(why) if why.known() == Some(Code::UnknownEval) => self.unfinished.left.push(noted),
                Err(why) => return Err(why.into()),
            }
        }
        let Some((submit, info)) = goes_on else { return Ok(false) };
        self.until = connected.attached.as_ref().map_or(0, |attached| attached.head);
        self.shows_the_rest(&submit, &info, seen, status);
        self.sends_what_was_not_sent(status);
        Ok(true)
    }

    fn shows_the_rest(&mut self, submit: &Submit, info: &EvalInfo, seen: Seq, status: &Status) {
        let how = match info.state {
            EvalState::Ended => "it ran meanwhile",
            EvalState::Queued => "it waits for its turn",
            EvalState::Running | EvalState::Unknown => "it runs on",
        };
        self.talk(&format!("{WAITED}; {how}: {}", beginning(Some(&submit.code))));
        let now = Instant::now();
        self.waits_for(submit.eval, &submit.code, now);
        if info.first <= seen {
            self.evals.resumed(info.n, submit.eval, &submit.code, info.state != EvalState::Queued);
        }
        if info.state == EvalState::Running {
            let ago = Duration::from_millis(status.running_ms.unwrap_or(0));
            self.screen.busy(Busy::Running { n: Some(info.n), since: now.checked_sub(ago).unwrap_or(now) });
        }
    }

    /// What no session has had.
    pub(super) fn sends_what_was_not_sent(&mut self, status: &Status) {
        let left = std::mem::take(&mut self.unfinished.left);
        let stopped =
            |submit: &Submit| left.iter().any(|noted| matches!(&noted.request, Message::Interrupt(i) if i.eval == submit.eval));
        for noted in &left {
            let fresh = kept::age(noted).is_some_and(|age| age < FRESH);
            match &noted.request {
                Message::Submit(submit) if stopped(submit) => {
                    self.not_run(noted, "it was interrupted before it was sent, and is not run");
                }
                Message::Submit(_) if status.state == "ended" => self.not_run(noted, "the session has ended, and it is not run"),
                Message::Submit(_) if !fresh => self.unfinished.old.push(noted.clone()),
                Message::Submit(submit) => {
                    self.talk(&format!("{WAITED}; sent now: {}", beginning(Some(&submit.code))));
                    self.submit(submit.clone(), true);
                }
                // Whom it was to stop is running still, or it finds nobody.
                request if fresh => {
                    if let Err(why) = self.session.send(request.clone()) {
                        self.talk(&why.text);
                    }
                }
                request => self.forget(&request.clone()),
            }
        }
    }

    fn not_run(&mut self, noted: &Noted, why: &str) {
        if let Message::Submit(submit) = &noted.request {
            self.talk(&format!("{WAITED}; {why}: {}", beginning(Some(&submit.code))));
        }
        self.forget(&noted.request);
    }

    /// Nobody goes on with it.
    fn forget(&self, request: &Message) {
        if let Some(kept) = &self.kept {
            kept.get().given_up(request);
        }
    }

    /// Asks about what was typed long ago; false where there is nothing.
    pub(super) fn recall(&mut self) -> bool {
        let Some(noted) = self.unfinished.old.first() else { return false };
        let Message::Submit(submit) = &noted.request else { return false };
        let ago = kept::age(noted).map_or_else(|| "some time ago".to_owned(), |age| format!("{} ago", seconds(age)));
        let text = format!("1 eval was typed {ago}, and never sent: {}", beginning(Some(&submit.code)));
        self.talk(&text);
        if self.screen.before_read().is_err() {
            return false;
        }
        let kind = Kind::Key { question: "[r]un it now  [d]rop it  [l]ater ".to_owned(), choices: "rdl".to_owned() };
        self.keyboard.read(Read { prompt: String::new(), initial: String::new(), kind });
        self.doing = Doing::Recalling;
        true
    }

    /// What the person wants done about it. Anything but a clear word leaves it for another time.
    pub(super) fn recalled(&mut self, typed: &Typed) -> Result<(), Failure> {
        self.doing = Doing::Waiting;
        if self.unfinished.old.is_empty() {
            return Ok(());
        }
        let noted = self.unfinished.old.remove(0);
        match (typed, &noted.request) {
            (Typed::Key('r'), Message::Submit(submit)) => self.submit(submit.clone(), true),
            (Typed::Key('d'), request) => self.forget(request),
            _ => self.talk("it is asked about again when a terminal comes back here"),
        }
        Ok(())
    }

    /// How far was shown. Said to the disk after it was, so that nothing is left out; and not beyond a question to this
    /// person, which is asked again.
    pub(super) fn note_shown(&mut self) {
        let Some(kept) = &self.kept else { return };
        let mut kept = kept.get();
        if self.asked.is_empty()
            && self.held.output.is_empty()
            && let Some(cursor) = self.session.cursor()
        {
            kept.show(cursor);
            if let Some(eval) = self.ending.take() {
                kept.finished(eval);
            }
        }
    }

    /// A question to this person is next: what comes before it was shown.
    pub(super) fn note_shown_before(&mut self, seq: Seq) -> Result<(), Failure> {
        self.screen.flush()?;
        if let (Some(kept), true, Some(mut cursor)) = (&self.kept, self.asked.is_empty(), self.session.cursor()) {
            cursor.seq = seq.saturating_sub(1);
            kept.get().show(cursor);
        }
        Ok(())
    }

    /// What could not be noted, if that was not said yet.
    pub(super) fn say_trouble(&mut self) {
        let trouble = self.kept.as_ref().and_then(|kept| kept.get().trouble());
        if let Some(why) = trouble {
            self.talk(&format!(
                "this could not be noted on disk ({why}): if the terminal is killed before it is sent, it is lost"
            ));
        }
    }

    /// What is left for the one who comes back, in words.
    pub(super) fn not_sent(&self) -> String {
        let Some(kept) = &self.kept else { return String::new() };
        let kept = kept.get();
        let evals = kept.unanswered().filter(|noted| matches!(noted.request, Message::Submit(_))).count();
        if evals == 0 {
            String::new()
        } else {
            format!("; {} sent when you come back", count(evals as u64, "eval is", "evals are"))
        }
    }
}

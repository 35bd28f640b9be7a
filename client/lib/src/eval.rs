//! One eval, from its submit to its end.

use crate::ids;
use crate::incoming::{Incoming, Ticket};
use crate::session::Session;
use rialto_protocol::event::{Ended, Event};
use rialto_protocol::message::{EvalInfo, EvalState, GetEval, Submit};
use rialto_protocol::{Code, ErrorReply, EvalId, EvalNumber, GroupId, Message, OnError, Outcome, Record, Show};
use std::sync::Arc;

/// What a submitter may say beside the code.
#[derive(Debug, Clone, Default)]
pub struct EvalOptions {
    /// Its id, where the caller keeps one; otherwise one is made.
    pub id: Option<EvalId>,
    /// Its group.
    pub group: Option<GroupId>,
    /// What its failure means for its group.
    pub on_error: OnError,
    /// Whether its value is shown.
    pub show: Show,
    /// Its name and arguments, where it runs as a program.
    pub argv: Option<Vec<String>>,
    /// The trace it belongs to.
    pub trace: Option<String>,
}

/// How an eval came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub outcome: Outcome,
    /// The exit code it asked for.
    pub code: Option<i32>,
    /// Its last event; absent where that came before this client's cursor, or is not kept any more.
    pub ended: Option<Ended>,
}

/// What [`EvalRun::next`] gives.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "what is large is a status; they are few, and none is kept in numbers")]
pub enum RunItem {
    /// An event of this eval.
    Event(Record),
    /// Everything else that came, in order: it passes through, so that nothing has to be kept or dropped.
    Other(Incoming),
}

/// The events of one eval. The session stays usable in between, through [`EvalRun::session`].
#[derive(Debug)]
pub struct EvalRun<'a> {
    session: &'a mut Session,
    id: EvalId,
    /// The submit, or a question about the eval.
    asked: Option<Ticket>,
    n: Option<EvalNumber>,
    /// Part of what happened cannot be seen any more, so its end may have been in it.
    look: bool,
    over: Option<Result<Finished, ErrorReply>>,
}

impl Session {
    /// Submits code. Nothing is sent before something is awaited.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn eval(&mut self, code: impl Into<Arc<str>>, options: EvalOptions) -> Result<EvalRun<'_>, ErrorReply> {
        let EvalOptions { id, group, on_error, show, argv, trace } = options;
        let id = id.map_or_else(ids::eval_id, Ok)?;
        let submit = Submit { re: 0, eval: id, code: code.into(), group, on_error, show, argv, trace };
        let asked = Some(self.send(Message::Submit(submit))?);
        Ok(EvalRun { session: self, id, asked, n: None, look: false, over: None })
    }
}

impl EvalRun<'_> {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> EvalId {
        self.id
    }

    /// Its number, once it was accepted.
    #[must_use]
    pub const fn number(&self) -> Option<EvalNumber> {
        self.n
    }

    /// How it came out; an error where it was refused and never ran by this submit.
    #[must_use]
    pub const fn over(&self) -> Option<&Result<Finished, ErrorReply>> {
        self.over.as_ref()
    }

    /// The session: to interrupt, to answer what is asked, to complete.
    pub const fn session(&mut self) -> &mut Session {
        self.session
    }

    /// The next thing that came; nothing once the eval is over and [`Self::over`] says how. May be cancelled.
    pub async fn next(&mut self) -> Option<RunItem> {
        if self.over.is_some() {
            return None;
        }
        if self.look && self.asked.is_none() {
            self.look = false;
            match self.session.send(Message::GetEval(GetEval { eval: Some(self.id), ..GetEval::default() })) {
                Ok(ticket) => self.asked = Some(ticket),
                Err(why) => {
                    self.over = Some(Err(why));
                    return None;
                }
            }
        }
        Some(match self.session.next().await {
            Incoming::Event(record) if self.is_mine(&record.event) => {
                if let Event::Ended(ended) = &record.event {
                    let ended = ended.clone();
                    self.over = Some(Ok(Finished { outcome: ended.outcome, code: ended.code, ended: Some(ended) }));
                }
                RunItem::Event(record)
            }
            other => {
                self.watch(&other);
                RunItem::Other(other)
            }
        })
    }

    /// Runs to the end, gives each event of the eval to `see`, and lets everything else go by.
    ///
    /// # Errors
    /// Where it was refused, or the handle closed.
    pub async fn finish(mut self, mut see: impl FnMut(&Record)) -> Result<Finished, ErrorReply> {
        while let Some(item) = self.next().await {
            if let RunItem::Event(record) = item {
                see(&record);
            }
        }
        self.over.unwrap_or_else(|| Err(ErrorReply::new(0, Code::Internal, "an eval ended without an end")))
    }

    fn is_mine(&mut self, event: &Event) -> bool {
        let n = match event {
            Event::Accepted(a) if a.eval == self.id => {
                self.n = Some(a.n);
                return true;
            }
            Event::Started(e) => e.n,
            Event::Output(e) => e.n,
            Event::Display(e) => e.n,
            Event::Asked(e) => e.n,
            Event::Answered(e) => e.n,
            Event::Interrupting(e) => e.n,
            Event::Ended(e) => e.n,
            _ => return false,
        };
        self.n == Some(n)
    }

    fn watch(&mut self, other: &Incoming) {
        match other {
            Incoming::Answer(ticket, answer) if self.asked == Some(*ticket) => {
                self.asked = None;
                match answer {
                    Ok(Message::EvalInfo(info)) => self.learn(info),
                    // The link went down with the question: it is asked again.
                    Err(why) if why.known() == Some(Code::Disconnected) && self.n.is_some() => self.look = true,
                    Err(why) => self.over = Some(Err(why.clone())),
                    Ok(_) => {}
                }
            }
            Incoming::Gap(_) | Incoming::Rewound(_) => self.look = true,
            Incoming::Closed(why) => self.over = Some(Err(why.clone())),
            _ => {}
        }
    }

    fn learn(&mut self, info: &EvalInfo) {
        self.n = Some(info.n);
        let seen = self.session.cursor().map_or(0, |c| c.seq);
        // Its end is behind the cursor: no event will say it again.
        if info.state == EvalState::Ended && info.last.is_none_or(|last| last <= seen) {
            let outcome = info.outcome.unwrap_or(Outcome::Unknown);
            self.over = Some(Ok(Finished { outcome, code: info.code, ended: None }));
        }
    }
}

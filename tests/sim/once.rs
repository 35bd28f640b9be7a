//! Promise 2: an id runs at most once, whatever comes again and whatever dies; another code under its name is refused.

use crate::model::{At, Model};
use crate::story::{Check, hold};
use rialto_protocol::data::CommMessage;
use rialto_protocol::event::{Event, Record};
use rialto_protocol::kernel::Step;
use rialto_protocol::message::{EvalInfo, Submit};
use rialto_protocol::{Code, EvalId, EvalNumber, Life, Message, Outcome, RequestId, Seq};
use std::collections::{HashMap, HashSet};

/// The truth: what the kernels of this world executed, however many supervisors there were.
#[derive(Default)]
pub(crate) struct Once {
    executed: HashMap<EvalId, String>,
    /// Those whose start the disk forgot: they are called `not_run`, and nobody can know better.
    unsure: HashSet<EvalId>,
    /// Requests that were carried out, and the event each made.
    carried: HashMap<RequestId, Seq>,
    /// What kernels were told by comms.
    heard: HashSet<String>,
}

impl Once {
    /// A kernel begins to run this.
    pub(crate) fn executes(&mut self, m: &Model, n: EvalNumber, code: &str) -> Check {
        let Some(eval) = m.eval(n) else {
            hold!("once", false, "the kernel runs #{n}, which no record names");
            return Ok(());
        };
        hold!("once", *eval.code == *code, "#{n} was accepted as {:?} and runs as {code:?}", eval.code);
        let never_again = matches!(eval.at, At::Ended(Outcome::NotRun | Outcome::Cancelled));
        hold!("once", !never_again, "#{n} runs and is {:?}", eval.at);
        let before = self.executed.insert(eval.eval, code.to_owned());
        hold!("once", before.is_none(), "eval {} runs a second time, as #{n}: {code:?}", eval.eval);
        Ok(())
    }

    /// A kernel of this life is told something.
    pub(crate) fn hears(&mut self, life: Life, message: &CommMessage) -> Check {
        let meant = message.data.ends_with(&format!("\"life\":{life}}}"));
        hold!("once", meant, "life {life} hears {}", message.data);
        hold!("once", self.heard.insert(message.data.clone()), "{} is heard twice", message.data);
        Ok(())
    }

    /// The disk lost that this id was ever accepted: nobody can know any more.
    pub(crate) fn forget(&mut self, m: &Model, r: &Record) {
        match &r.event {
            Event::Accepted(e) => {
                self.executed.remove(&e.eval);
            }
            Event::Started(e) => self.unsure.extend(m.eval(e.n).map(|eval| eval.eval)),
            // It may have begun without a record of it.
            Event::Ended(e) if e.outcome == Outcome::Lost => self.unsure.extend(m.eval(e.n).map(|eval| eval.eval)),
            _ => {}
        }
    }

    /// A record was lost before anything came of it: its request may come again.
    pub(crate) fn forget_request(&mut self, r: &Record) {
        if let Some(id) = crate::journal::request_of(&r.event) {
            self.carried.remove(&id);
        }
        if let Event::CommSent(e) = &r.event {
            self.heard.remove(&e.message.data);
        }
    }

    pub(crate) fn record(&mut self, m: &Model, r: &Record) -> Check {
        match &r.event {
            Event::Accepted(e) => {
                hold!("once", !m.ids.contains_key(&e.eval), "eval {} is accepted a second time, as #{}", e.eval, e.n);
                hold!("once", e.hash.as_ref().is_some_and(|h| h.0.len() == 32), "#{} is accepted without its hash", e.n);
            }
            Event::Ended(e) if matches!(e.outcome, Outcome::Cancelled | Outcome::NotRun) => {
                let ran = |id| self.executed.contains_key(id) && !self.unsure.contains(id);
                let ran = m.eval(e.n).is_some_and(|eval| ran(&eval.eval));
                hold!("once", !ran, "#{} is called {:?} and was executed", e.n, e.outcome);
            }
            _ => {}
        }
        if let Some(id) = crate::journal::request_of(&r.event) {
            let before = self.carried.insert(id, r.seq);
            // An interrupt makes one event for each of its steps; everything else happens once, and so does its first step.
            let later = matches!(&r.event, Event::Interrupting(e) if e.step != Step::Interrupt);
            let again = before.is_some_and(|seq| seq < r.seq) && !later;
            hold!("once", !again, "request {id} is carried out twice, by {:?} and {}", before, r.seq);
        }
        Ok(())
    }
}

/// What was carried out before is not refused when it comes again. `made`: the event that this request made.
pub(crate) fn known_request(made: Option<Seq>, request: &Message, reply: &Message) -> Check {
    if let (Some(seq), Message::Error(e)) = (made, reply) {
        // The failed start itself carries the id of the restart that asked for it.
        // And what may be asked may have been taken back since.
        let itself =
            matches!(e.known(), Some(Code::KernelFailedStart | Code::Forbidden)) || matches!(request, Message::Interrupt(_));
        hold!("once", itself, "{request:?} made event {seq}, and hears {e}");
    }
    Ok(())
}

/// What a submit is answered with.
pub(crate) fn submit_answered(m: &Model, submit: &Submit, reply: &Message) -> Check {
    let eval = m.by_id(&submit.eval);
    let reused = matches!(reply, Message::Error(e) if e.known() == Some(Code::IdReused));
    if let Some(eval) = eval {
        // Everything that decides what it does, as the clients of this world vary it.
        let same = eval.code == submit.code && eval.argv == submit.argv && eval.show == submit.show;
        hold!("once", reused != same, "{:?} after {:?} under one id is answered {reply:?}", submit.code, eval.code);
    } else {
        hold!("once", !reused, "id_reused for an id that is new");
    }
    if let Message::EvalInfo(info) = reply {
        info_is_true(m, info)?;
    }
    Ok(())
}

/// What is said of an eval is what its records say.
pub(crate) fn info_is_true(m: &Model, info: &EvalInfo) -> Check {
    use rialto_protocol::message::EvalState;
    let Some(eval) = m.by_id(&info.eval) else {
        hold!("once", false, "{info:?} tells of an eval that is not there");
        return Ok(());
    };
    let right = match eval.at {
        At::Waiting => info.state == EvalState::Queued && info.last.is_none(),
        At::Running => info.state == EvalState::Running && info.last.is_none(),
        At::Ended(outcome) => info.state == EvalState::Ended && info.outcome == Some(outcome) && info.last.is_some(),
    };
    hold!("once", right && info.n == eval.n, "{info:?} is said of an eval that is {:?}", eval.at);
    Ok(())
}

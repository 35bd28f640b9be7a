//! What this client has asked for and not got yet: what the end of stdin waits for.

use rialto_client::protocol::event::Event;
use rialto_client::protocol::message::{EvalState, GetEval};
use rialto_client::protocol::{Code, ErrorReply, EvalId, EvalNumber, Message, Seq};
use std::collections::{BTreeMap, BTreeSet};

/// Requests without an answer, and evals without an end. As many as a session's queue takes, with room.
const MOST: usize = 20_000;
/// Our own numbers begin here, out of the way of a client's. The first is that of our own questions, which nobody is shown.
const OURS: u32 = 0x8000_0000;

#[derive(Debug)]
pub(super) struct Track {
    next: u32,
    /// Requests that will be answered.
    answers: BTreeSet<u32>,
    /// Evals submitted here that have not ended, with their numbers once those are known.
    evals: BTreeMap<EvalId, Option<EvalNumber>>,
    /// By the request that submitted them.
    submits: BTreeMap<u32, EvalId>,
    /// Requests to end the session.
    kills: BTreeSet<u32>,
    attached: bool,
    /// The last event that came, and the last one that is known to come.
    seen: Seq,
    until: Seq,
    /// An end may be among what is not kept any more.
    doubt: bool,
    greeted: bool,
    ended: bool,
    no_more: bool,
    /// Our own question is under way.
    asking: bool,
}

impl Default for Track {
    fn default() -> Self {
        Self {
            next: OURS + 1,
            answers: BTreeSet::new(),
            evals: BTreeMap::new(),
            submits: BTreeMap::new(),
            kills: BTreeSet::new(),
            attached: false,
            seen: 0,
            until: 0,
            doubt: false,
            greeted: false,
            ended: false,
            no_more: false,
            asking: false,
        }
    }
}

impl Track {
    /// A number for a request whose client gave none.
    pub(super) fn number(&mut self) -> u32 {
        let number = self.next;
        self.next = self.next.checked_add(1).unwrap_or(OURS + 1);
        number
    }

    /// The session has answered the greeting.
    pub(super) const fn greeted(&self) -> bool {
        self.greeted
    }

    /// The session has ended: a connection that closes then is no fault.
    pub(super) fn ended(&self) -> bool {
        self.ended || !self.kills.is_empty()
    }

    /// Nothing more will be asked.
    pub(super) const fn no_more(&mut self) {
        self.no_more = true;
    }

    /// All that was asked is answered, all that was submitted has ended, and what was to be seen of it was (unless the client
    /// itself decides how much it is sent).
    pub(super) fn done(&self, own_credit: bool) -> bool {
        let shown = !self.attached || own_credit || self.seen >= self.until;
        self.no_more && self.greeted && self.answers.is_empty() && shown && (self.evals.is_empty() || self.ended)
    }

    /// A request goes out.
    pub(super) fn asked(&mut self, message: &Message) -> Result<(), ErrorReply> {
        let Some(re) = message.re() else { return Ok(()) };
        if self.answers.len() >= MOST || self.evals.len() >= MOST {
            let text = format!("{MOST} requests of this client wait already; read their answers first");
            return Err(ErrorReply::new(re, Code::OutboxFull, text));
        }
        // The answer to a size is the screen in that size, where somebody watches.
        if re != 0 && !matches!(message, Message::Resize(_)) {
            self.answers.insert(re);
        }
        if let Message::Submit(submit) = message {
            self.evals.insert(submit.eval, None);
            self.submits.insert(re, submit.eval);
        }
        if let Message::Kill(_) = message {
            self.kills.insert(re);
        }
        Ok(())
    }

    /// Something came. False: it answers our own question, and is for nobody else.
    pub(super) fn heard(&mut self, message: &Message) -> bool {
        match message {
            Message::Greeted(_) => self.greeted = true,
            Message::Attached(attached) => {
                self.attached = true;
                (self.seen, self.until) = (attached.after, attached.head);
            }
            Message::Detached(_) => self.attached = false,
            Message::EvalInfo(info) => {
                self.learn(info.eval, info.n, info.state == EvalState::Ended);
                self.until = self.until.max(info.last.unwrap_or(0));
            }
            Message::Carried(carried) if self.kills.contains(&carried.re) => self.over(),
            Message::Error(error) => {
                self.kills.remove(&error.re);
                if let Some(eval) = self.submits.get(&error.re) {
                    self.evals.remove(eval);
                }
            }
            Message::Gap(gap) => {
                self.seen = self.seen.max(gap.to);
                self.doubt = true;
            }
            Message::Rewound(rewound) => {
                self.seen = rewound.seq;
                self.doubt = true;
            }
            Message::Event(record) => {
                self.seen = self.seen.max(record.seq);
                match &record.event {
                    Event::Accepted(accepted) => {
                        self.learn(accepted.eval, accepted.n, false);
                        // Whoever is attached is answered by the event alone.
                        let submit = self.submits.iter().find(|(_, eval)| **eval == accepted.eval).map(|(re, _)| *re);
                        if let Some(re) = submit {
                            self.answered(re);
                        }
                    }
                    Event::Ended(ended) => self.evals.retain(|_, n| *n != Some(ended.n)),
                    Event::SessionEnded(_) => self.over(),
                    _ => {}
                }
            }
            _ => {}
        }
        let Some(re) = message.re() else { return true };
        self.answered(re);
        if re == OURS {
            self.asking = false;
        }
        re != OURS
    }

    /// The session has ended. Whoever would have answered more has gone.
    fn over(&mut self) {
        self.ended = true;
        self.answers.clear();
    }

    fn learn(&mut self, eval: EvalId, n: EvalNumber, over: bool) {
        if over {
            self.evals.remove(&eval);
        } else if let Some(known) = self.evals.get_mut(&eval) {
            *known = Some(n);
        }
    }

    fn answered(&mut self, re: u32) {
        self.answers.remove(&re);
        self.submits.remove(&re);
    }

    /// Ends are waited for that no event may tell: this client is not attached, or has not been sent all there was.
    pub(super) fn looks(&self) -> bool {
        let blind = !self.attached || self.doubt;
        self.no_more && blind && !self.ended && !self.asking && self.answers.is_empty() && !self.evals.is_empty()
    }

    /// The question that finds out.
    pub(super) fn question(&mut self) -> Option<Message> {
        let (eval, _) = self.evals.first_key_value()?;
        self.asking = true;
        Some(Message::GetEval(GetEval { re: OURS, eval: Some(*eval), n: None }))
    }
}

#[cfg(test)]
mod tests;

//! What was asked and not yet answered: what is sent, in which order, and what is sent again.
//!
//! Mutating requests carry their own id, so they are sent again on every new link until they are answered: the bridge
//! runs each once. Questions are not: their answer would be about another moment.

use crate::incoming::Ticket;
use rialto_protocol::message::Submit;
use rialto_protocol::{Code, ErrorReply, EvalId, Message, RequestId};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

/// Requests that may wait for their answers.
pub const MAX_REQUESTS: usize = 1024;
/// Bytes they may take.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Questions that may wait for their answers.
pub const MAX_QUERIES: usize = 64;

/// Numbers below this are the handshake's own.
const FIRST: u32 = 16;
/// What an entry takes beyond its text.
const OVERHEAD: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unsent,
    Sent,
    /// Refused for now.
    Delayed(Duration),
}

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    message: Message,
    bytes: usize,
    state: State,
    tries: u32,
    /// It is sent again on a new link.
    kept: bool,
    /// It was given to a link once, or may have been: nobody can say that it never arrived.
    went: bool,
}

/// A thousand submits at once must not look at a thousand entries each: what is asked of all of them is counted as they change.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    entries: VecDeque<Entry>,
    /// The ids of the kept ones.
    ids: HashSet<Id>,
    /// The first so many are sent.
    sent: usize,
    /// Interrupts that are not.
    interrupts: usize,
    /// Refused for now.
    delayed: usize,
    bytes: usize,
    queries: usize,
    last: u32,
    /// Numbers have been given out twice.
    wrapped: bool,
}

impl Outbox {
    /// Takes a request. The same id with the same content is the same request and gives the same ticket.
    pub(crate) fn push(&mut self, mut message: Message) -> Result<Ticket, ErrorReply> {
        let Some(kept) = is_kept(&message) else {
            let name = rialto_protocol::kind::name(message.kind()).unwrap_or("this");
            return Err(ErrorReply::new(0, Code::WrongState, format!("{name} is no request that a session's handle sends")));
        };
        if kept && let Some(ticket) = self.known(&mut message)? {
            return Ok(ticket);
        }
        let bytes = size(&message);
        self.room(kept, bytes)?;
        let ticket = self.ticket();
        set_re(&mut message, ticket.0);
        self.ids.extend(id(&message).filter(|_| kept));
        self.interrupts += usize::from(matches!(message, Message::Interrupt(_)));
        if kept {
            self.bytes += bytes;
        } else {
            self.queries += 1;
        }
        self.entries.push_back(Entry { ticket, message, bytes, state: State::Unsent, tries: 0, kept, went: false });
        Ok(ticket)
    }

    fn known(&self, message: &mut Message) -> Result<Option<Ticket>, ErrorReply> {
        if id(message).is_none_or(|id| !self.ids.contains(&id)) {
            return Ok(None);
        }
        let Some(entry) = self.entries.iter().find(|e| e.kept && id(&e.message) == id(message)) else { return Ok(None) };
        set_re(message, entry.ticket.0);
        if entry.message == *message {
            return Ok(Some(entry.ticket));
        }
        Err(ErrorReply::new(0, Code::IdReused, "this id waits for its answer with other content; make a new id"))
    }

    fn room(&self, kept: bool, bytes: usize) -> Result<(), ErrorReply> {
        let full = |text: String| Err(ErrorReply::new(0, Code::OutboxFull, text));
        if !kept {
            return if self.queries < MAX_QUERIES {
                Ok(())
            } else {
                full(format!("{MAX_QUERIES} questions wait for their answers already; wait for one"))
            };
        }
        if bytes > rialto_protocol::limits::MAX_REQUEST {
            let most = rialto_protocol::limits::MAX_CODE;
            return Err(ErrorReply::new(0, Code::CodeTooLarge, format!("{bytes} bytes in one request; {most} are taken")));
        }
        if self.entries.len() - self.queries >= MAX_REQUESTS {
            return full(format!("{MAX_REQUESTS} requests wait for their answers already; wait for one"));
        }
        if self.bytes + bytes > MAX_BYTES {
            return full(format!("{} bytes of requests wait for their answers, at most {MAX_BYTES} may; wait", self.bytes));
        }
        Ok(())
    }

    fn ticket(&mut self) -> Ticket {
        loop {
            self.last = self.last.wrapping_add(1);
            self.wrapped |= self.last == 0;
            self.last = self.last.max(FIRST);
            let ticket = Ticket(self.last);
            // Four thousand million requests later an old one may still wait.
            if !self.wrapped || !self.entries.iter().any(|e| e.ticket == ticket) {
                return ticket;
            }
        }
    }

    /// The next message to send; it counts as sent.
    ///
    /// In the order they were made, except: an interrupt passes what has not been sent (but for its own submit), since
    /// whoever stops something cannot wait for an upload; and what has an order does not pass a submit that was refused
    /// for now, or the two would run the wrong way round.
    pub(crate) fn next_to_send(&mut self, now: Duration) -> Option<&Message> {
        let urgent = (self.interrupts > 0).then(|| {
            self.entries.iter().skip(self.sent).position(|e| match &e.message {
                Message::Interrupt(i) => e.state == State::Unsent && !self.submit_unsent(i.eval),
                _ => false,
            })
        });
        let at = urgent.flatten().or_else(|| {
            let mut held_up = false;
            self.entries.iter().skip(self.sent).position(|e| {
                let due = match e.state {
                    State::Unsent => true,
                    State::Sent => false,
                    State::Delayed(until) => until <= now,
                };
                let goes = due && !(held_up && has_order(&e.message));
                held_up |= matches!(e.state, State::Delayed(_)) && !due && has_order(&e.message);
                goes
            })
        })?;
        let at = at + self.sent;
        let entry = self.entries.get_mut(at)?;
        self.delayed -= usize::from(matches!(entry.state, State::Delayed(_)));
        self.interrupts -= usize::from(entry.state == State::Unsent && matches!(entry.message, Message::Interrupt(_)));
        entry.state = State::Sent;
        entry.went = true;
        self.sent += self.entries.iter().skip(self.sent).take_while(|e| e.state == State::Sent).count();
        self.entries.get(at).map(|entry| &entry.message)
    }

    fn submit_unsent(&self, eval: EvalId) -> bool {
        self.entries.iter().any(|e| e.state == State::Unsent && matches!(&e.message, Message::Submit(s) if s.eval == eval))
    }

    /// When something that was refused for now is to be sent again.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.delayed == 0 {
            return None;
        }
        let delayed = |e: &Entry| if let State::Delayed(until) = e.state { Some(until) } else { None };
        self.entries.iter().filter_map(delayed).min()
    }

    /// The link is gone: everything kept is unsent again. Gives the questions that went down with it.
    pub(crate) fn lost(&mut self) -> Vec<Ticket> {
        let mut gone = Vec::new();
        self.entries.retain_mut(|e| {
            let stays = e.kept || e.state == State::Unsent;
            if !stays {
                gone.push(e.ticket);
            } else if e.state == State::Sent {
                e.state = State::Unsent;
            }
            stays
        });
        self.queries -= gone.len();
        self.sent = 0;
        let interrupts = |e: &&Entry| e.state == State::Unsent && matches!(e.message, Message::Interrupt(_));
        self.interrupts = self.entries.iter().filter(interrupts).count();
        gone
    }

    /// The request of this number, if it still waits.
    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Message> {
        self.entries.iter().find(|e| e.ticket == ticket).map(|e| &e.message)
    }

    /// The same, where it is sent again until it is answered.
    pub(crate) fn kept(&self, ticket: Ticket) -> Option<&Message> {
        self.entries.iter().find(|e| e.ticket == ticket && e.kept).map(|e| &e.message)
    }

    /// An answer came: forgets the request. False where it was not (any more) waiting.
    pub(crate) fn answered(&mut self, ticket: Ticket) -> bool {
        let Some(at) = self.entries.iter().position(|e| e.ticket == ticket) else { return false };
        let Some(entry) = self.entries.remove(at) else { return false };
        match entry.state {
            State::Sent => self.sent -= usize::from(at < self.sent),
            State::Delayed(_) => self.delayed -= 1,
            State::Unsent => self.interrupts -= usize::from(matches!(entry.message, Message::Interrupt(_))),
        }
        if entry.kept {
            self.bytes -= entry.bytes;
            if let Some(id) = id(&entry.message) {
                self.ids.remove(&id);
            }
        } else {
            self.queries -= 1;
        }
        true
    }

    /// Forgets a request that was given to no link, ever. False where it was, or may have been: then it stays.
    pub(crate) fn take_back(&mut self, ticket: Ticket) -> bool {
        self.entries.iter().any(|e| e.ticket == ticket && !e.went) && self.answered(ticket)
    }

    /// A program that died may have sent it.
    pub(crate) fn may_have_gone(&mut self, ticket: Ticket) {
        if let Some(entry) = self.entries.iter_mut().find(|e| e.ticket == ticket) {
            entry.went = true;
        }
    }

    /// How often a kept request was refused, this time included; nothing where it is no kept one.
    pub(crate) fn refused(&mut self, ticket: Ticket) -> Option<u32> {
        let entry = self.entries.iter_mut().find(|e| e.ticket == ticket && e.kept)?;
        entry.tries = entry.tries.saturating_add(1);
        Some(entry.tries)
    }

    pub(crate) fn delay(&mut self, ticket: Ticket, until: Duration) {
        if let Some(at) = self.entries.iter().position(|e| e.ticket == ticket)
            && let Some(entry) = self.entries.get_mut(at)
        {
            self.delayed += usize::from(!matches!(entry.state, State::Delayed(_)));
            self.interrupts -= usize::from(entry.state == State::Unsent && matches!(entry.message, Message::Interrupt(_)));
            entry.state = State::Delayed(until);
            self.sent = self.sent.min(at);
        }
    }

    /// The submit that an `accepted` event answers: same id, and, where the event says the code, the same code.
    pub(crate) fn accepted(&self, event: &rialto_protocol::event::Accepted) -> Option<Ticket> {
        let answers = |s: &Submit| s.eval == event.eval && event.code.as_ref().is_none_or(|code| *code == s.code);
        self.entries.iter().find(|e| matches!(&e.message, Message::Submit(s) if answers(s))).map(|e| e.ticket)
    }

    /// The kill of this id.
    pub(crate) fn kill(&self, id: RequestId) -> Option<Ticket> {
        self.entries.iter().find(|e| matches!(&e.message, Message::Kill(k) if k.id == id)).map(|e| e.ticket)
    }

    /// Everything that waits, in order.
    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.entries.iter().map(|e| e.ticket).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What a program would keep on disk.
    pub(crate) fn snapshot(&self) -> Vec<Message> {
        let plain = |e: &Entry| {
            let mut message = e.message.clone();
            set_re(&mut message, 0);
            message
        };
        self.entries.iter().filter(|e| e.kept).map(plain).collect()
    }
}

/// Whether a request is sent again on a new link; nothing where it is no request.
const fn is_kept(message: &Message) -> Option<bool> {
    use Message as M;
    match message {
        M::Submit(_)
        | M::Interrupt(_)
        | M::Input(_)
        | M::Restart(_)
        | M::Kill(_)
        | M::Redact(_)
        | M::Share(_)
        | M::Unshare(_)
        | M::Comm(_) => Some(true),
        M::Complete(_) | M::Inspect(_) | M::IsComplete(_) | M::GetStatus(_) | M::GetEval(_) => Some(false),
        _ => None,
    }
}

/// What makes a request the same one again: whether it is a submit, and its id.
type Id = (bool, [u8; 16]);

/// Whether it matters what came before it.
const fn has_order(message: &Message) -> bool {
    use Message as M;
    matches!(message, M::Submit(_) | M::Restart(_) | M::Redact(_) | M::Share(_) | M::Unshare(_) | M::Comm(_))
}

fn id(message: &Message) -> Option<Id> {
    match message {
        Message::Submit(m) => Some((true, m.eval.0)),
        Message::Interrupt(m) => Some((false, m.id.0)),
        Message::Input(m) => Some((false, m.id.0)),
        Message::Restart(m) | Message::Kill(m) => Some((false, m.id.0)),
        Message::Redact(m) => Some((false, m.id.0)),
        Message::Share(m) => Some((false, m.id.0)),
        Message::Unshare(m) => Some((false, m.id.0)),
        Message::Comm(m) => Some((false, m.id.0)),
        _ => None,
    }
}

const fn set_re(message: &mut Message, number: u32) {
    match message {
        Message::Submit(m) => m.re = number,
        Message::Interrupt(m) => m.re = number,
        Message::Input(m) => m.re = number,
        Message::Restart(m) | Message::Kill(m) => m.re = number,
        Message::Redact(m) => m.re = number,
        Message::Share(m) => m.re = number,
        Message::Unshare(m) => m.re = number,
        Message::Comm(m) => m.re = number,
        Message::Complete(m) | Message::Inspect(m) | Message::IsComplete(m) => m.re = number,
        Message::GetStatus(m) => m.re = number,
        Message::GetEval(m) => m.re = number,
        _ => {}
    }
}

fn size(message: &Message) -> usize {
    OVERHEAD
        + match message {
            Message::Submit(m) => m.code.len() + m.argv.iter().flatten().map(|a| a.len() + 24).sum::<usize>(),
            Message::Input(m) => m.data.0.len(),
            Message::Comm(m) => {
                m.message.data.len() + m.message.metadata.len() + m.message.buffers.iter().map(|b| b.0.len() + 24).sum::<usize>()
            }
            _ => 0,
        }
}

/// The request a reply answers.
pub(crate) fn re(message: &Message) -> Option<Ticket> {
    use Message as M;
    let reply = matches!(
        message,
        M::EvalInfo(_)
            | M::InterruptAnswer(_)
            | M::Carried(_)
            | M::Completions(_)
            | M::Inspected(_)
            | M::Completeness(_)
            | M::Status(_)
    );
    message.re().filter(|_| reply).map(Ticket)
}

/// Whether a reply of this kind can answer that request.
pub(crate) const fn fits(request: &Message, reply: &Message) -> bool {
    use Message as M;
    matches!(
        (request, reply),
        (M::Submit(_) | M::GetEval(_), M::EvalInfo(_))
            | (M::Interrupt(_), M::InterruptAnswer(_))
            | (M::Input(_) | M::Restart(_) | M::Kill(_) | M::Redact(_) | M::Share(_) | M::Unshare(_) | M::Comm(_), M::Carried(_))
            | (M::Complete(_), M::Completions(_))
            | (M::Inspect(_), M::Inspected(_))
            | (M::IsComplete(_), M::Completeness(_))
            | (M::GetStatus(_), M::Status(_))
    )
}

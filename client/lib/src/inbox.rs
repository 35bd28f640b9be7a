//! What waits for the caller, in order.
//!
//! Events are bounded by credit, answers by the outbox. Everything else (notices, what happens to links) says how things
//! are now: where too much of it waits, the oldest goes.

use crate::incoming::{Answer, Incoming, Ticket};
use rialto_protocol::{Cursor, Message};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Items that are neither events nor answers. More than these are old news.
const MAX_NEWS: usize = 256;
/// Bytes of a terminal that may wait: whoever shows it keeps to a window, and to one screen beyond it.
const MAX_SHOWN: usize = 16 * 1024 * 1024;

/// One thing that waits.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) incoming: Incoming,
    /// The caller's cursor once it has this.
    pub(crate) cursor: Option<Cursor>,
    /// The credit that comes free then.
    pub(crate) bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    items: VecDeque<Item>,
    news: usize,
    /// Bytes of a terminal that wait.
    shown: usize,
    /// Tickets somebody waits for: their answers do not go through the queue, so that they need not wait behind events.
    claimed: BTreeSet<Ticket>,
    answers: BTreeMap<Ticket, Answer>,
}

impl Inbox {
    /// Queues something with a number.
    pub(crate) fn numbered(&mut self, incoming: Incoming, cursor: Cursor, bytes: u64) {
        self.items.push_back(Item { incoming, cursor: Some(cursor), bytes });
    }

    /// Queues something that is true now.
    pub(crate) fn news(&mut self, incoming: Incoming) {
        self.news += 1;
        self.items.push_back(Item { incoming, cursor: None, bytes: 0 });
        if self.news > MAX_NEWS
            && let Some(oldest) = self.items.iter().position(|i| is_news(&i.incoming))
        {
            self.items.remove(oldest);
            self.news -= 1;
        }
    }

    /// Queues something of a terminal. False: there is no room for it.
    pub(crate) fn terminal(&mut self, message: Message) -> bool {
        self.shown += shown(&message);
        self.items.push_back(Item { incoming: Incoming::Terminal(message), cursor: None, bytes: 0 });
        self.shown <= MAX_SHOWN
    }

    pub(crate) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if self.claimed.contains(&ticket) {
            self.answers.insert(ticket, answer);
        } else {
            self.items.push_back(Item { incoming: Incoming::Answer(ticket, answer), cursor: None, bytes: 0 });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn next(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.news -= usize::from(is_news(&item.incoming));
        if let Incoming::Terminal(message) = &item.incoming {
            self.shown = self.shown.saturating_sub(shown(message));
        }
        Some(item)
    }

    /// Somebody waits for this answer, which may be in the queue already.
    pub(crate) fn claim(&mut self, ticket: Ticket) {
        self.claimed.insert(ticket);
        let there = self.items.iter().position(|i| matches!(&i.incoming, Incoming::Answer(t, _) if *t == ticket));
        if let Some(Item { incoming: Incoming::Answer(_, answer), .. }) = there.and_then(|at| self.items.remove(at)) {
            self.answers.insert(ticket, answer);
        }
    }

    /// Nobody waits for it any more; it is still said, if it comes, like any other.
    pub(crate) fn unclaim(&mut self, ticket: Ticket) {
        self.claimed.remove(&ticket);
        if let Some(answer) = self.answers.remove(&ticket) {
            self.answer(ticket, answer);
        }
    }

    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Answer> {
        self.answers.remove(&ticket)
    }
}

const fn is_news(incoming: &Incoming) -> bool {
    use Incoming as I;
    !matches!(incoming, I::Event(_) | I::Gap(_) | I::Rewound(_) | I::Answer(..) | I::Terminal(_))
}

/// What a message of a terminal takes.
const fn shown(message: &Message) -> usize {
    256 + match message {
        Message::Screen(m) => m.data.0.len(),
        Message::Drawn(m) => m.data.0.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_protocol::message::{Gap, Notice};

    fn notice(n: u64) -> Incoming {
        Incoming::Notice(Notice { what: "stalled".into(), text: String::new(), events: n })
    }

    #[test]
    fn old_news_goes_and_events_stay() {
        let mut inbox = Inbox::default();
        inbox.numbered(Incoming::Gap(Gap { from: 1, to: 2 }), Cursor { epoch: 1, seq: 2 }, 9);
        for n in 0..1000 {
            inbox.news(notice(n));
        }
        assert!(matches!(inbox.next().unwrap().incoming, Incoming::Gap(_)));
        assert_eq!(inbox.next().unwrap().incoming, notice(1000 - MAX_NEWS as u64));
        assert_eq!(std::iter::from_fn(|| inbox.next()).count(), MAX_NEWS - 1);
        assert_eq!(inbox.news, 0);
    }

    #[test]
    fn a_claimed_answer_overtakes_and_an_abandoned_one_is_still_said() {
        let mut inbox = Inbox::default();
        inbox.claim(Ticket(7));
        inbox.news(notice(1));
        inbox.answer(Ticket(7), Ok(Message::Ping([0; 8])));
        inbox.unclaim(Ticket(7));
        assert_eq!(inbox.next().unwrap().incoming, notice(1));
        assert!(matches!(inbox.next().unwrap().incoming, Incoming::Answer(Ticket(7), Ok(_))));
    }
}

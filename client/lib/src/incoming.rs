//! What a caller hears.

use rialto_protocol::message::{Attached, Gap, Goaway, Greeted, Notice, Opened, Rewound, Welcome};
use rialto_protocol::{ErrorReply, Message, Record};

/// One request of this handle, from [`crate::Session::send`] to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u32);

/// What a request came to: its reply, or why there is none.
///
/// A submit is answered by [`Message::EvalInfo`] in any case: where the bridge answered with the `accepted` event alone,
/// the library writes the reply itself.
pub type Answer = Result<Message, ErrorReply>;

/// What both sides said when a link came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// The other side of the connection.
    pub welcome: Welcome,
    /// The session.
    pub opened: Opened,
    /// Its supervisor.
    pub greeted: Greeted,
    /// Where the events begin; nothing where none were asked for.
    pub attached: Option<Attached>,
    /// It is not the first link of this handle.
    pub again: bool,
}

/// What [`crate::Session::next`] gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "what is large is a status; they are few, and none is kept in numbers")]
pub enum Incoming {
    /// A link is up, and the session answered on it.
    Connected(Box<Connected>),
    /// The next event: its number is one more than the last one's, or what a [`Gap`] or [`Rewound`] said.
    Event(Record),
    /// These events are not kept any more; the next one comes after them.
    Gap(Gap),
    /// The journal lost what this client had seen (power loss, restored backup): the next event comes after this number.
    Rewound(Rewound),
    /// What a request came to. Once for each ticket nobody waits for otherwise.
    Answer(Ticket, Answer),
    /// A request was refused for now and will be sent again by itself.
    Delayed {
        /// Which.
        ticket: Ticket,
        /// Why.
        error: ErrorReply,
        /// When.
        in_ms: u64,
    },
    /// Something that is true now and is no event.
    Notice(Notice),
    /// Of the terminal that is seen: `screen`, `drawn`, `typed`, `unwatched`. After a new link comes nothing more before it is asked for
    /// again.
    Terminal(Message),
    /// An error that answers nothing this side still asks.
    Error(ErrorReply),
    /// The other side will close soon; the session reconnects by itself.
    Goaway(Goaway),
    /// There is no link. The next attempt comes by itself.
    Reconnecting {
        /// The how-manieth attempt it will be, from 1.
        attempt: u32,
        /// When.
        in_ms: u64,
        /// Why there is none.
        why: ErrorReply,
    },
    /// It is over: nothing but this comes from here on.
    Closed(ErrorReply),
}

//! What outlives a program: requests without an answer, noted by whoever wants to send them again after its own death.

use crate::incoming::{Answer, Ticket};
use crate::outbox::Outbox;
use rialto_protocol::Message;

/// A place for the requests of a handle. It is told of each before that is sent for the first time, so that whoever dies in
/// between has only noted one too many; sent again under its own id, that does no harm.
///
/// Called in the middle of everything: it must be quick, and it cannot fail. What it cannot keep it says to somebody itself.
pub trait Keep: Send {
    /// This is about to be sent; or is sent anew, which is no second request. Its `re` means nothing.
    fn asked(&mut self, request: &Message);
    /// It was answered, and is not sent any more.
    fn answered(&mut self, request: &Message, answer: &Answer);
    /// It was never sent, and never will be.
    fn taken_back(&mut self, request: &Message);
}

/// What a handle has of it.
#[derive(Default)]
pub(crate) struct Keeper(pub(crate) Option<Box<dyn Keep>>);

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keeper").field(&self.0.is_some()).finish()
    }
}

impl Keeper {
    /// Looking a request up costs a look at all of them: only where somebody wants to know.
    pub(crate) fn asked(&mut self, outbox: &Outbox, ticket: Ticket) {
        if let Some(keep) = &mut self.0
            && let Some(request) = outbox.kept(ticket)
        {
            keep.asked(request);
        }
    }

    pub(crate) fn answered(&mut self, outbox: &Outbox, ticket: Ticket, answer: &Answer) {
        if let Some(keep) = &mut self.0
            && let Some(request) = outbox.kept(ticket)
        {
            keep.answered(request, answer);
        }
    }
}

//! Which request is this the answer to? The number that joins the two, wherever a message carries one.

use crate::kind::Message;

impl Message {
    /// The number the client chose, in a request and in its reply. None: messages of this kind carry none.
    #[must_use]
    pub const fn re(&self) -> Option<u32> {
        Some(match self {
            Self::Open(m) => m.re,
            Self::Attach(m) => m.re,
            Self::Detach(m) | Self::GetStatus(m) | Self::List(m) | Self::Detached(m) => m.re,
            Self::GetEval(m) => m.re,
            Self::Watch(m) => m.re,
            Self::Unwatch(m) => m.re,
            Self::Keys(m) => m.re,
            Self::Resize(m) => m.re,
            Self::Screen(m) => m.re,
            Self::Unwatched(m) => m.re,
            Self::Typed(m) => m.re,
            Self::Submit(m) => m.re,
            Self::Interrupt(m) => m.re,
            Self::Input(m) => m.re,
            Self::Comm(m) => m.re,
            Self::Complete(m) | Self::Inspect(m) | Self::IsComplete(m) => m.re,
            Self::Restart(m) | Self::Kill(m) => m.re,
            Self::Redact(m) => m.re,
            Self::Share(m) => m.re,
            Self::Unshare(m) => m.re,
            Self::Opened(m) => m.re,
            Self::Attached(m) => m.re,
            Self::EvalInfo(m) => m.re,
            Self::InterruptAnswer(m) => m.re,
            Self::Carried(m) => m.re,
            Self::Completions(m) => m.re,
            Self::Inspected(m) => m.re,
            Self::Completeness(m) => m.re,
            Self::Status(m) => m.re,
            Self::Listing(m) => m.re,
            Self::Error(m) => m.re,
            _ => return None,
        })
    }
}

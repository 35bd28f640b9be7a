//! Protocol errors: a number and a name for machines, a sentence for someone who can still act.
//!
//! A user's exception is never one of these; it is a result ([`crate::data::Failure`]).

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $number:literal $name:ident $text:literal $retry:literal;)*) => {
        /// Stable error codes. Numbers and names are never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 { match self { $(Self::$name => $number,)* } }

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// Whether the same request may succeed later without anything else changing.
            #[must_use]
            pub const fn retryable(self) -> bool { match self { $(Self::$name => $retry,)* } }

            /// The code of a number, where this build knows it.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// Bytes that are no frame; the connection closes.
    1 BadFrame "bad_frame" false;
    /// A frame or value over its ceiling; the connection closes.
    2 Oversize "oversize" false;
    /// A body that cannot be read as its kind says.
    3 BadMessage "bad_message" false;
    /// A kind this side does not know.
    4 UnknownMessage "unknown_message" false;
    /// No contract in common.
    5 NoCommonContract "no_common_contract" false;
    /// A known message at a time or place where it means nothing.
    6 WrongState "wrong_state" false;
    /// Who the peer is has not been shown.
    7 Unauthenticated "unauthenticated" false;
    /// The peer's scope does not reach.
    8 Forbidden "forbidden" false;
    /// A ceiling of this side is reached; it names itself.
    9 TooBusy "too_busy" true;
    /// The rest of a request did not come in time.
    10 TooSlow "too_slow" true;
    /// No session of that name or id.
    20 UnknownSession "unknown_session" false;
    /// The session this was meant for was deleted; one of the same name may exist.
    21 SessionGone "session_gone" false;
    /// The session has ended; it can be read, not run.
    22 SessionEnded "session_ended" false;
    /// The name is another session's.
    23 NameTaken "name_taken" false;
    /// No kernel of that name.
    24 UnknownKernel "unknown_kernel" false;
    /// The kernel could not be started.
    25 KernelFailedStart "kernel_failed_start" false;
    /// Not a name or id.
    26 BadName "bad_name" false;
    /// The journal was written by a newer build.
    27 NewerJournal "newer_journal" false;
    /// A folder or socket that belongs to somebody else.
    28 NotOurs "not_ours" false;
    /// More than one session fits a prefix.
    29 Ambiguous "ambiguous" false;
    /// The session cannot be reached, although it is there.
    30 Unreachable "unreachable" true;
    /// An eval id came with other code than the first time.
    40 IdReused "id_reused" false;
    /// No eval of that id or number.
    41 UnknownEval "unknown_eval" false;
    /// The session's queue is full.
    42 QueueFull "queue_full" true;
    /// Code over the ceiling.
    43 CodeTooLarge "code_too_large" false;
    /// An eval is running; queries wait for none.
    44 KernelBusy "kernel_busy" true;
    /// Nothing is being read under that number.
    45 NoSuchAsk "no_such_ask" false;
    /// A secret is asked of somebody else.
    46 NotYourAsk "not_your_ask" false;
    /// The kernel could not answer a query.
    47 QueryFailed "query_failed" true;
    /// No kernel lives; a restart or a new eval starts one.
    48 NoKernel "no_kernel" false;
    /// The disk is full; what ends evals is still recorded, what starts them is not.
    49 DiskFull "disk_full" true;
    /// A fault of this side.
    60 Internal "internal" true;
    /// There is no link, and whether the request arrived is not known. Said by a client's own library, never sent.
    80 Disconnected "disconnected" true;
    /// Too many requests of this client wait for their answers. Said by a client's own library, never sent.
    81 OutboxFull "outbox_full" true;
}

/// An error as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// The request it answers, where it answers one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub re: u32,
    /// [`Code::number`].
    pub code: u16,
    /// [`Code::name`].
    pub name: String,
    /// What happened, to what, and what to do next.
    pub text: String,
    /// The same request may succeed later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// When to try again, where that is known. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if hands out references")]
pub(crate) const fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl ErrorReply {
    /// An error that answers request `re` (0: none in particular).
    #[must_use]
    pub fn new(re: u32, code: Code, text: impl Into<String>) -> Self {
        Self {
            re,
            code: code.number(),
            name: code.name().to_owned(),
            text: text.into(),
            retryable: code.retryable(),
            after_ms: None,
        }
    }

    /// The code, where this build knows it.
    #[must_use]
    pub const fn known(&self) -> Option<Code> {
        Code::from_number(self.code)
    }
}

impl std::fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.text, self.name)
    }
}

impl std::error::Error for ErrorReply {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_number_and_no_name_is_used_twice() {
        let numbers: BTreeSet<u16> = Code::ALL.iter().map(|c| c.number()).collect();
        let names: BTreeSet<&str> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!((numbers.len(), names.len()), (Code::ALL.len(), Code::ALL.len()));
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
    }
}

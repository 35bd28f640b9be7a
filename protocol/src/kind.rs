//! The numbers of the messages. A number is for ever: it is never reused, and the two top bits say what scope it needs.
//!
//! | range | what |
//! |---|---|
//! | `0x01`-`0x1f` | control lane: hellos, credit, errors, notices. Never waits behind output |
//! | `0x20`-`0x3f` | replies, and what stands between events (`gap`, `rewound`) |
//! | `0x40`-`0x4f` | requests that need `observe` |
//! | `0x50`-`0x5f` | what a terminal shows, in the lane of events |
//! | `0x60`-`0x7f` | events |
//! | `0x80`-`0xbf` | requests that need `eval` |
//! | `0xc0`-`0xff` | requests that need `admin` |

use crate::error::ErrorReply;
use crate::event as e;
use crate::message as m;

macro_rules! messages {
    ($($number:literal $name:ident $text:literal $body:ty;)*) => {
        /// A message that is not an event.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant carries the struct that documents it")]
        #[allow(clippy::large_enum_variant, reason = "what is large is a status; they are few, and none is kept in numbers")]
        pub enum Message {
            $($name($body),)*
            /// Eight opaque bytes, to be sent back.
            Ping([u8; 8]),
            /// Those eight bytes.
            Pong([u8; 8]),
            /// An event of a session.
            Event(e::Record),
            /// Of a kind that this build does not know.
            Unknown { kind: u8, ignorable: bool },
        }

        impl Message {
            /// The number on the wire.
            #[must_use]
            pub const fn kind(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $number,)*
                    Self::Ping(_) => PING,
                    Self::Pong(_) => PONG,
                    Self::Event(record) => event_kind(&record.event),
                    Self::Unknown { kind, .. } => *kind,
                }
            }
        }

        /// The name of a kind, as the JSON form writes it.
        #[must_use]
        pub const fn name(kind: u8) -> Option<&'static str> {
            match kind {
                $($number => Some($text),)*
                PING => Some("ping"),
                PONG => Some("pong"),
                _ => event_name(kind),
            }
        }

        impl Message {
            /// Reads a body of a known kind that is no event, ping or pong.
            pub(crate) fn decode_body<'de, D: serde::Deserializer<'de>>(kind: u8, d: D) -> Option<Result<Self, D::Error>> {
                use serde::Deserialize;
                match kind { $($number => Some(<$body>::deserialize(d).map(Self::$name)),)* _ => None }
            }

            /// Writes the body of such a message.
            pub(crate) fn encode_body<S: serde::Serializer>(&self, s: S) -> Option<Result<S::Ok, S::Error>> {
                use serde::Serialize;
                match self { $(Self::$name(body) => Some(body.serialize(s)),)* _ => None }
            }

            /// The kind of a name.
            pub(crate) fn kind_of_name(text: &str) -> Option<u8> {
                match text { $($text => Some($number),)* "ping" => Some(PING), "pong" => Some(PONG), _ => None }
            }

            /// Every kind with a name, for tables and tests.
            pub const KINDS: &'static [(u8, &'static str)] = &[$(($number, $text),)* (PING, "ping"), (PONG, "pong")];
        }
    };
}

/// The number of `ping`.
pub const PING: u8 = 0x03;
/// The number of `pong`.
pub const PONG: u8 = 0x04;

messages! {
    0x01 Hello "hello" m::Hello;
    0x02 Welcome "welcome" m::Welcome;
    0x05 Goaway "goaway" m::Goaway;
    0x06 Error "error" ErrorReply;
    0x07 Open "open" m::Open;
    0x08 Opened "opened" m::Opened;
    0x09 Close "close" m::Close;
    0x0a Closed "closed" m::Close;
    0x0b Greet "greet" m::Greet;
    0x0c Greeted "greeted" m::Greeted;
    0x0d Credit "credit" m::Credit;
    0x0e Notice "notice" m::Notice;
    0x0f Handover "handover" m::Handover;

    0x20 Attached "attached" m::Attached;
    0x21 Detached "detached" m::Plain;
    0x22 EvalInfo "eval_info" m::EvalInfo;
    0x23 InterruptAnswer "interrupt_answer" m::InterruptAnswer;
    0x24 Carried "carried" m::Carried;
    0x25 Completions "completions" m::CompletionsReply;
    0x26 Inspected "inspected" m::Inspected;
    0x27 Completeness "completeness" m::CompletenessReply;
    0x28 Status "status" m::Status;
    0x29 Listing "listing" m::Listing;
    0x2a Gap "gap" m::Gap;
    0x2b Rewound "rewound" m::Rewound;
    0x2c Typed "typed" m::Typed;
    0x2d Unwatched "unwatched" m::Unwatched;

    0x40 Attach "attach" m::Attach;
    0x41 Detach "detach" m::Plain;
    0x42 GetStatus "get_status" m::Plain;
    0x43 GetEval "get_eval" m::GetEval;
    0x44 List "list" m::Plain;
    0x45 Watch "watch" m::Watch;
    0x46 Unwatch "unwatch" m::Plain;
    0x47 Seen "seen" m::Seen;

    0x50 Screen "screen" m::Screen;
    0x51 Drawn "drawn" m::Drawn;

    0x80 Submit "submit" m::Submit;
    0x81 Interrupt "interrupt" m::Interrupt;
    0x82 Input "input" m::Input;
    0x83 Complete "complete" m::At;
    0x84 Inspect "inspect" m::At;
    0x85 IsComplete "is_complete" m::At;
    0x86 Restart "restart" m::Mutate;
    0x87 Comm "comm" m::Comm;
    0x88 Keys "keys" m::Keys;
    0x89 Resize "resize" m::Resize;

    0xc0 Kill "kill" m::Mutate;
    0xc1 Redact "redact" m::Redact;
    0xc2 Share "share" m::Share;
    0xc3 Unshare "unshare" m::Unshare;
}

macro_rules! events {
    ($($number:literal $name:ident $text:literal;)*) => {
        /// The number of an event.
        #[must_use]
        pub const fn event_kind(event: &e::Event) -> u8 {
            match event {
                $(e::Event::$name(_) => $number,)*
                e::Event::Output(_) => OUTPUT,
                e::Event::Unknown(kind) => *kind,
            }
        }

        /// The name of an event's number.
        #[must_use]
        pub const fn event_name(kind: u8) -> Option<&'static str> {
            match kind { $($number => Some($text),)* OUTPUT => Some("output"), _ => None }
        }

        /// Reads the map of an event that is no output.
        pub(crate) fn decode_event<'de, D: serde::Deserializer<'de>>(kind: u8, d: D) -> Option<Result<e::Event, D::Error>> {
            use serde::Deserialize;
            match kind { $($number => Some(e::$name::deserialize(d).map(e::Event::$name)),)* _ => None }
        }

        /// Writes the map of such an event.
        pub(crate) fn encode_event<S: serde::Serializer>(event: &e::Event, s: S) -> Option<Result<S::Ok, S::Error>> {
            use serde::Serialize;
            match event { $(e::Event::$name(body) => Some(body.serialize(s)),)* _ => None }
        }

        /// Every event's number and name, for tables and tests.
        pub const EVENTS: &[(u8, &str)] = &[$(($number, $text),)* (OUTPUT, "output")];
    };
}

/// The number of `output`, the hot one.
pub const OUTPUT: u8 = 0x66;
/// The number of `display`, which may be written in pieces.
pub const DISPLAY: u8 = 0x67;

/// Whether a kind is an event.
#[must_use]
pub const fn is_event(kind: u8) -> bool {
    kind >> 5 == 3
}

events! {
    0x60 Created "created";
    0x61 EpochStarted "epoch_started";
    0x62 LifeStarted "life_started";
    0x63 LifeEnded "life_ended";
    0x64 Accepted "accepted";
    0x65 Started "started";
    0x67 Display "display";
    0x68 Asked "asked";
    0x69 Answered "answered";
    0x6a Interrupting "interrupting";
    0x6b InterruptNoted "interrupt_noted";
    0x6c Ended "ended";
    0x6d Redacted "redacted";
    0x6e SessionEnded "session_ended";
    0x6f Shared "shared";
    0x70 Unshared "unshared";
    0x71 CommSent "comm_sent";
}

//! Arbitrary messages, made from arbitrary bytes: fewer bytes and smaller ones make smaller messages, so that a failing case shrinks.
//!
//! Structs are named field by field, so that the compiler says where a new field is missing here.

use proptest::prelude::*;
use rialto_protocol::data::{CommMessage, CommStep, Failure, OnError, Run, Show, Stream};
use rialto_protocol::error::ErrorReply;
use rialto_protocol::event::*;
use rialto_protocol::ids::*;
use rialto_protocol::kernel::{Completeness, Completion, Completions, Death, DisplayRole, KernelInfo, Step};
use rialto_protocol::message::*;
use rialto_protocol::{Bytes, Message, Scope, Setup};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Any message but [`Message::Unknown`], which is what other builds send.
pub fn message() -> impl Strategy<Value = Message> {
    (any::<u8>(), prop::collection::vec(any::<u8>(), 0..400)).prop_map(|(pick, bytes)| any_message(pick, &mut Dice(&bytes)))
}

/// Bytes to draw from; zeros once they are used up.
pub struct Dice<'a>(pub &'a [u8]);

impl Dice<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }
    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }
}

trait Arb: Sized {
    fn arb(d: &mut Dice<'_>) -> Self;
}

macro_rules! numbers {
    ($($t:ty)*) => {$(
        impl Arb for $t {
            // Both ends and the places where MessagePack changes its form, as often as anything else.
            fn arb(d: &mut Dice<'_>) -> Self {
                match d.byte() % 4 {
                    0 => d.byte() as $t,
                    1 => <$t>::MAX.wrapping_sub(d.byte() as $t),
                    2 => (1 as $t).checked_shl(u32::from(d.byte())).unwrap_or(127).wrapping_sub((d.byte() % 3) as $t),
                    _ => (0..8).fold(0u64, |n, _| n << 8 | u64::from(d.byte())) as $t,
                }
            }
        }
    )*};
}
numbers!(u8 u16 u32 u64 usize i32);

macro_rules! choices {
    ($($t:ident: $($v:ident)*;)*) => {$(
        impl Arb for $t { fn arb(d: &mut Dice<'_>) -> Self { d.one_of(&[$($t::$v),*]) } }
    )*};
}
choices! {
    Outcome: Ok Error Exit Interrupted Cancelled Died Lost NotRun Unknown;
    EndOfLife: Died FailedStart Restarted Interrupted SupervisorDied SessionEnded Unknown;
    EvalState: Queued Running Ended Unknown;
    Verdict: Interrupted Cancelled Finished NotRunning Pending BestEffort Unknown;
    Scope: Observe Eval Admin;
    OnError: Stop Continue;
    Show: Value Nothing;
    Stream: Stdout Stderr;
    DisplayRole: Display Result;
    CommStep: Open Msg Close;
    Step: Interrupt Again Terminate Kill;
}

impl Arb for bool {
    fn arb(d: &mut Dice<'_>) -> Self {
        d.byte() & 1 == 1
    }
}
impl Arb for String {
    fn arb(d: &mut Dice<'_>) -> Self {
        let length = d.byte();
        // Now and then one that needs several frames, or a longer form of its length.
        let times = if length == 255 { 5_000 } else { 1 };
        let text: Self =
            (0..length % 40).map(|_| d.one_of(&['a', ' ', '\n', '\0', '"', '\\', 'ö', '€', '𝄞', '\u{301}'])).collect();
        text.repeat(times)
    }
}
impl Arb for Arc<str> {
    fn arb(d: &mut Dice<'_>) -> Self {
        String::arb(d).into()
    }
}
impl Arb for Bytes {
    fn arb(d: &mut Dice<'_>) -> Self {
        if bool::arb(d) { Self((0..d.byte() % 40).map(|_| d.byte()).collect()) } else { Self(String::arb(d).into_bytes()) }
    }
}
impl<T: Arb> Arb for Box<T> {
    fn arb(d: &mut Dice<'_>) -> Self {
        Self::new(T::arb(d))
    }
}

impl<T: Arb> Arb for Option<T> {
    fn arb(d: &mut Dice<'_>) -> Self {
        bool::arb(d).then(|| T::arb(d))
    }
}
impl<T: Arb> Arb for Vec<T> {
    fn arb(d: &mut Dice<'_>) -> Self {
        (0..d.byte() % 4).map(|_| T::arb(d)).collect()
    }
}
impl<T: Arb> Arb for BTreeMap<String, T> {
    fn arb(d: &mut Dice<'_>) -> Self {
        (0..d.byte() % 4).map(|_| (String::arb(d), T::arb(d))).collect()
    }
}
macro_rules! ids {
    ($($t:ident)*) => {$( impl Arb for $t { fn arb(d: &mut Dice<'_>) -> Self { Self(std::array::from_fn(|_| d.byte())) } } )*};
}
ids!(EvalId RequestId ClientId GroupId);

impl Arb for SessionId {
    fn arb(d: &mut Dice<'_>) -> Self {
        Self::from_bytes(std::array::from_fn(|_| d.byte()))
    }
}
impl Arb for SessionName {
    fn arb(d: &mut Dice<'_>) -> Self {
        let rest: String = (0..d.byte() % 64).map(|_| d.one_of(&['a', 'Z', '9', '.', '_', '-', '+', '@'])).collect();
        format!("n{rest}").parse().unwrap()
    }
}
impl Arb for Completeness {
    fn arb(d: &mut Dice<'_>) -> Self {
        match d.byte() % 4 {
            0 => Self::Complete,
            1 => Self::Incomplete { indent: Arb::arb(d) },
            2 => Self::Invalid,
            _ => Self::Unknown,
        }
    }
}

macro_rules! structs {
    ($($t:ident { $($f:ident)* })*) => {$(
        impl Arb for $t { fn arb(d: &mut Dice<'_>) -> Self { Self { $($f: Arb::arb(d)),* } } }
    )*};
}
structs! {
    Cursor { epoch seq }
    Stamp { wall_ms mono_us }
    Who { principal client label }
    KernelInfo { language version executable pid note best_effort comms }
    Death { code signal failed_start }
    Failure { name value traceback }
    Run { stream data }

    Hello { magic min max features max_frame app cookie on_behalf }
    OnBehalf { principal scope }
    Welcome { contract features max_frame app role principal scope }
    Goaway { reason retry_after_ms }
    ErrorReply { re code name text retryable after_ms }
    Open { re channel session create scope sole }
    Handover { read }
    Create { id kernel session program cwd env must_be_new ends_when_done remove_at_end cull_after_ms setup }
    Setup { venv conda login prompt continuation echo eol size exit }
    Opened { re channel session name created }
    Close { reason }
    Greet { min max features client label }
    Greeted { contract features session name kernel epoch head app }
    Credit { bytes }
    Notice { what text events }
    Attached { re epoch after head }
    Plain { re }
    EvalInfo { re eval n state known first last outcome code }
    InterruptAnswer { re eval verdict outcome }
    Carried { re seq }
    CompletionsReply { re completions }
    Completions { start end items more }
    Completion { text kind signature }
    Inspected { re data }
    CompletenessReply { re completeness }
    Status { printed re session name state kernel info epoch head life running running_eval running_ms queued evals clients owner created_ms
        cwd stalled pid shares scope cull_after_ms tally }
    Tally { ended waited ran again }
    Spread { counts sum_us }
    Sharing { with scope }
    Listing { re sessions }
    Listed { session name kernel state created_ms cwd status bytes owner scope memory }
    Memory { supervisor kernel proportional }
    Gap { from to }
    Rewound { epoch seq }
    Attach { re after tail eval credit }
    GetEval { re eval n }
    Submit { re eval code group on_error show argv trace }
    Interrupt { re id eval escalate }
    Escalate { again_ms terminate_ms kill_ms answer_ms }
    Input { re id life ask data eof }
    At { re code cursor detail }
    Comm { re id life message }
    CommMessage { what comm target data metadata buffers }
    Mutate { re id }
    Redact { re id eval }
    Share { re id with scope }
    Unshare { re id with }
    Watch { re }
    Screen { re rows columns data typed }
    Drawn { data }
    Unwatched { re reason }
    Typed { re typed }
    Seen { bytes }
    Keys { re from data }
    Resize { re rows columns }

    Created { session name kernel cwd by id ends_when_done contract cull_after_ms }
    EpochStarted { epoch }
    LifeStarted { life kernel by id }
    LifeEnded { life why death by id }
    Accepted { n eval started by code hash group on_error show argv trace }
    Started { n }
    Output { n background runs }
    Display { n role data }
    Asked { n ask prompt secret line of life }
    Answered { n ask by id len data eof }
    Interrupting { n step by id }
    InterruptNoted { eval by id }
    Ended { n outcome result failure code why fresh_state idle_guess by }
    Redacted { n by id }
    SessionEnded { by id why }
    Shared { with scope by id }
    Unshared { with by id }
    CommSent { life message by id }
}

/// The message of the n-th kind; every kind has its turn.
pub fn any_message(pick: u8, d: &mut Dice<'_>) -> Message {
    macro_rules! turn {
        (messages: $($m:ident)*; events: $($e:ident)*) => {{
            let messages: &[fn(&mut Dice<'_>) -> Message] = &[$(|d| Message::$m(Arb::arb(d))),*];
            let events: &[fn(&mut Dice<'_>) -> Event] = &[$(|d| Event::$e(Arb::arb(d))),*];
            let pick = usize::from(pick) % (messages.len() + events.len() + 3);
            match pick.checked_sub(messages.len()) {
                None => messages[pick](d),
                Some(0) => Message::Ping(std::array::from_fn(|_| d.byte())),
                Some(1) => Message::Pong(std::array::from_fn(|_| d.byte())),
                Some(n) => {
                    let (seq, at) = (Arb::arb(d), Arb::arb(d));
                    // After the events that are known, one that is not: it is counted and passed on.
                    let event = match events.get(n - 2) {
                        Some(make) => make(d),
                        None => Event::Unknown(0x78 + d.byte() % 8),
                    };
                    Message::Event(Record { seq, at, event })
                }
            }
        }};
    }
    turn! {
        messages: Hello Welcome Goaway Error Open Opened Close Closed Greet Greeted Credit Notice Handover Attached Detached EvalInfo
            InterruptAnswer Carried Completions Inspected Completeness Status Listing Gap Rewound Attach Detach GetStatus GetEval List
            Submit Interrupt Input Complete Inspect IsComplete Restart Kill Redact Share Unshare Comm
            Screen Drawn Unwatched Typed Watch Unwatch Seen Keys Resize;
        events: Created EpochStarted LifeStarted LifeEnded Accepted Started Output Display Asked Answered Interrupting InterruptNoted
            Ended Redacted SessionEnded Shared Unshared CommSent
    }
}

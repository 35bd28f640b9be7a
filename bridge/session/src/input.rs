//! Everything that can happen to a session, and everything a session can ask to be done about it. Both are closed.

use rialto_protocol::event::{Record, Stamp, Who};
use rialto_protocol::kernel::{Exec, KernelCommand, KernelEvent, Step};
use rialto_protocol::message::Unwatched;
use rialto_protocol::{ErrorReply, EvalNumber, Life, Message, Scope, Seq};

/// One live channel to a client. The driver numbers them and never uses a number twice.
pub type ConnId = u64;

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a request is the frequent case; boxing it would cost each eval an allocation")]
pub enum Input {
    /// The supervisor is up and the journal applied. First, and once. `kernel`: the driver has started one already (the
    /// fast way to begin a new session); it is this life.
    Up {
        /// The life that is starting.
        kernel: Option<Life>,
    },
    /// A client greeted on a channel.
    Joined {
        /// Its channel.
        conn: ConnId,
        /// Who it is.
        who: Who,
        /// The most it may do on this channel; what the session allows this principal is decided here.
        scope: Scope,
    },
    /// A client's channel is gone, in whatever way.
    Left(ConnId),
    /// A client asks for something.
    Request(ConnId, Message),
    /// The kernel of this life says something. What an earlier life says late is ignored.
    Kernel(Life, KernelEvent),
    /// A display too large for memory has been stored in pieces.
    Stored {
        /// The life that showed it.
        life: Life,
        /// The eval that showed it.
        n: EvalNumber,
        /// Where the driver put it.
        value: StoredValue,
    },
    /// A timer that was set has come.
    Timer(Timer),
    /// The journal cannot grow: nothing new starts until `Resumed`. What ends evals is still recorded.
    Stalled(String),
    /// It can again.
    Resumed,
    /// The supervisor is asked to end in an orderly way; running evals end with it.
    EndSession,
}

/// Where a large value lies: the driver's own number for it, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredValue {
    /// The driver's number.
    pub key: u64,
    /// Bytes.
    pub len: u64,
    /// Pieces.
    pub pieces: u32,
}

/// What a session asks to be done, to be carried out in this order. A record must survive `kill -9` before anything after it
/// happens; what may overtake it says so.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Keep this. `conn`: the channel whose request made it, which need not be told what it said itself.
    Record(Record, Option<ConnId>),
    /// Keep a display that lies in pieces, as the event of this number.
    RecordStored {
        /// The event's number.
        seq: Seq,
        /// When.
        at: Stamp,
        /// The eval that showed it.
        n: EvalNumber,
        /// Where it lies.
        value: StoredValue,
    },
    /// Tell the kernel.
    Kernel(KernelCommand),
    /// Hand the kernel the next eval that waited, as [`Output::Kernel`] would. This alone may overtake records: where its
    /// `accepted` survives already and its number has been noted where *that* survives, so that whoever recovers is told by
    /// [`crate::Session::begin_epoch`] that it may have begun. The end of the eval before is then recorded while this one runs,
    /// or later: with it wait all records after it, and everything else that is asked for.
    Next {
        /// What to run.
        exec: Exec,
        /// The event that accepted it.
        accepted: Seq,
    },
    /// Start the kernel of this life; [`KernelEvent::Ready`] or [`KernelEvent::Died`] follows.
    StartKernel(Life),
    /// Say this to one client, ahead of all events.
    Reply(ConnId, Message),
    /// What this client is shown of the kernel's terminal.
    Watcher(ConnId, Watcher),
    /// Say this to every client, ahead of all events.
    Everyone(Message),
    /// Who may come in has changed: whoever opens channels and lists sessions goes by this from here on.
    Access(crate::Access),
    /// This channel is closed, for this reason; nothing more is heard of it.
    TurnAway(ConnId, ErrorReply),
    /// Call back at this time (microseconds of the monotonic clock). Setting it again moves it.
    SetTimer(Timer, u64),
    /// Never mind.
    ClearTimer(Timer),
    /// Remove the text of an eval from the journal.
    Redact {
        /// The eval.
        n: EvalNumber,
        /// Its `accepted`.
        first: Seq,
        /// Its `ended`.
        last: Seq,
    },
    /// Nothing is left to do: the supervisor may go.
    Exit {
        /// The session itself has ended (and is not merely left alone).
        ended: bool,
    },
    /// Something is not as it should be, and harmed nobody; worth a line in the log.
    Odd(String),
}

/// What becomes of a client that is shown the kernel's terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watcher {
    /// It is sent the screen, and what is written from then on.
    Begins {
        /// Its request.
        re: u32,
        /// How many bytes of its keys were taken.
        typed: u64,
    },
    /// It has dealt with so many bytes of that.
    Saw(u64),
    /// It is sent no more; this is said behind what was.
    Ends(Unwatched),
}

/// What a session waits for. One of each kind exists at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// Interrupt the running eval harder.
    Escalate(EvalNumber, Step),
    /// Answer the interrupt of this number `pending`.
    AnswerBy(u64),
    /// A query takes too long: interrupt it.
    Query(u64),
    /// The kernel of this life was asked to end and has not: end it.
    KernelEnd(Life),
    /// Nobody is here and nothing runs: go.
    Linger,
    /// Nobody has used the session for as long as it is kept.
    Cull,
}

//! The contract between a Rialto client and a bridge: ids, frames, messages, events, errors, versions, and the kernel
//! vocabulary. Pure data and codecs: bytes are pushed in and pulled out.
//!
//! This crate will never know a clock, a socket, a file, a thread, a process or dice; nor what a session decides.
//! `docs/protocol.md` is the normative text; where the two differ, one of them is a bug.

mod answers;
pub mod assemble;
pub mod codec;
pub mod data;
pub mod error;
pub mod event;
pub mod frame;
pub mod ids;
pub mod kernel;
pub mod kind;
pub mod limits;
pub mod message;
pub mod scope;
pub mod setup;
pub mod trace;
pub mod version;

pub use data::{Bundle, Bytes, Failure, OnError, Run, Show, Stream};
pub use error::{Code, ErrorReply};
pub use event::{Event, Outcome, Record, Stamp, Who};
pub use ids::{ClientId, Cursor, Epoch, EvalId, EvalNumber, GroupId, Life, RequestId, Seq, SessionId, SessionName};
pub use kind::Message;
pub use scope::Scope;
pub use setup::Setup;
